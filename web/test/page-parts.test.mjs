// The page's parts that need no browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './lib/load.mjs';

const { camerasFrom, cameraNamed, qualityFor } = await load('src/page/catalog.ts');
const { viewFrom, hashOf, neighbour, shapeOf } = await load('src/page/view.ts');
const { commandFor } = await load('src/page/keys.ts');
const { Slots } = await load('src/page/slots.ts');
const { faceOf } = await load('src/page/cell-state.ts');
const { linkText } = await load('src/page/header.ts');

test('a quality variant belongs to its camera, lowest first', () => {
  const [camera, ...others] = camerasFrom({
    'dock-720p': {}, dock: { width: 1920, height: 1080, codec: 'h264', consumers: [1] },
    'dock-360p': { consumers: [1, 2] },
  });
  assert.equal(others.length, 0);
  assert.deepEqual(camera.variants.map(({ quality }) => quality), ['360p', '720p', '']);
  assert.equal(camera.detail, '1920×1080 · H264');
  assert.equal(camera.viewers, 3);
  assert.equal(qualityFor(camera, false), '360p');
  assert.equal(qualityFor(camera, true), '');
});

test('a name that only looks like a variant is a camera of its own', () => {
  const names = camerasFrom({ 'gate-360p': {}, 'gate-2': {}, gate2: {} }).map(({ name }) => name);
  assert.deepEqual(names, ['gate-360p', 'gate-2', 'gate2']);
});

test('a camera without variants has one quality everywhere', () => {
  const [camera] = camerasFrom({ dock: {} });
  assert.equal(qualityFor(camera, false), '');
  assert.equal(qualityFor(undefined, true), '');
});

test('each camera has a letter of its own that is no key of the page', () => {
  const cameras = camerasFrom({ fic: {}, street: {}, sky: {}, s: {}, '1': {} });
  const letters = Object.fromEntries(cameras.map(({ name, letter }) => [name, letter]));
  assert.equal(letters.street, 's');
  assert.equal(letters.sky, 'k');
  assert.equal(new Set(Object.values(letters)).size, 5);
  assert.ok(!Object.values(letters).some((letter) => 'cfi'.includes(letter)));
});

test('a resolved name finds its camera', () => {
  const cameras = camerasFrom({ dock: {}, 'dock-360p': {}, sky: {} });
  assert.equal(cameraNamed(cameras, 'dock-360p')?.name, 'dock');
  assert.equal(cameraNamed(cameras, 'dock-720p'), undefined);
});

test('a link reproduces layout, cells and the enlarged one, whatever the names', () => {
  const cells = ['a,b', null, '50% & more', 'ü+ü', null, null, null, null, 'last'];
  const view = { layout: 9, cells, large: 3 };
  assert.deepEqual(viewFrom(hashOf(view), [], 9), view);
});

test('without a link the first cameras fill the smallest layout that holds them', () => {
  assert.equal(viewFrom('', ['a'], 9).layout, 1);
  assert.equal(viewFrom('', ['a', 'b', 'c'], 9).layout, 4);
  assert.equal(viewFrom('', Array(30).fill('a'), 9).layout, 6);
  assert.deepEqual(viewFrom('', ['a', 'b'], 9).cells.slice(0, 3), ['a', 'b', null]);
});

test('a link is no more trusted than any other input', () => {
  for (const hash of ['#layout=5', '#layout=NaN&large=7', '#%', '#cells=%25zz,,%2500&layout=-1',
    '#layout=4&large=5', '#layout=4&large=0', '#layout=4&large=1.5']) {
    const view = viewFrom(hash, ['a', 'b', 'c', 'd'], 9);
    assert.equal(view.layout, 4, hash);
    assert.equal(view.large, null, hash);
    assert.equal(view.cells.length, 9, hash);
  }
});

test('a layout needs as many slots as it has cells', () => {
  assert.equal(viewFrom('#layout=9', Array(9).fill('a'), 4).layout, 4);
  assert.equal(viewFrom('#layout=4', [], 0).layout, 1);
});

test('arrows move within the grid and stop at its edges', () => {
  assert.equal(neighbour(0, 1, 0, 3, 6), 1);
  assert.equal(neighbour(2, 1, 0, 3, 6), 2);
  assert.equal(neighbour(1, 0, 1, 3, 6), 4);
  assert.equal(neighbour(4, 0, 1, 3, 6), 4);
  assert.equal(neighbour(0, 0, -1, 3, 6), 0);
});

test('a tall window stacks what a wide one sets side by side', () => {
  assert.deepEqual(shapeOf(6, false), { columns: 3, rows: 2 });
  assert.deepEqual(shapeOf(6, true), { columns: 2, rows: 3 });
});

const press = (key, more = {}) => ({ key, ctrlKey: false, metaKey: false, altKey: false, ...more });

test('keys mean what the help says', () => {
  assert.deepEqual(commandFor(press('3'), false), { do: 'choose', cell: 2 });
  assert.deepEqual(commandFor(press('ArrowUp'), false), { do: 'move', dx: 0, dy: -1 });
  assert.deepEqual(commandFor(press('G'), false), { do: 'pick', letter: 'g' });
  assert.deepEqual(commandFor(press(' '), false), { do: 'pause' });
  assert.deepEqual(commandFor(press('Enter'), false), { do: 'enlarge' });
  assert.deepEqual(commandFor(press('f'), false), { do: 'full' });
  assert.equal(commandFor(press('0'), false), null);
  assert.equal(commandFor(press('F5'), false), null);
  assert.equal(commandFor(press('Tab'), false), null);
});

test('the keys of a button and of the browser stay theirs', () => {
  assert.equal(commandFor(press('Enter'), true), null);
  assert.equal(commandFor(press(' '), true), null);
  assert.equal(commandFor(press('f', { ctrlKey: true }), false), null);
  assert.equal(commandFor(press('ArrowLeft', { altKey: true }), false), null);
  assert.deepEqual(commandFor(press('4'), true), { do: 'choose', cell: 3 });
});

const status = (stream, state, error) => ({ slot: 0, stream, status: state, error });

test('news of a stream that the slot no longer wants changes nothing', () => {
  const slots = new Slots();
  slots.want(0, { stream: 'dock', quality: '360p' });
  slots.want(0, { stream: 'sky', quality: '' });
  assert.equal(slots.hear(0, status('dock-360p', 'active')).kind, 'nothing');
  assert.equal(slots.status(0), null);
  assert.equal(slots.hear(0, status('sky', 'active')).kind, 'changed');
  assert.equal(slots.status(0).stream, 'sky');
});

test('a quality that is shown in place of the wanted stream is no other stream', () => {
  const slots = new Slots();
  slots.want(0, { stream: 'sky', quality: '' });
  const shown = { ...status('sky-360p', 'active'), instead_of: 'sky' };
  assert.equal(slots.hear(0, shown).kind, 'changed');
  assert.equal(slots.status(0).stream, 'sky-360p');
});

test('after a refusal the slot is what the server goes on showing', () => {
  const slots = new Slots();
  slots.want(0, { stream: 'sky', quality: '' });
  assert.deepEqual(slots.hear(0, status('sky', 'error', 'stream not found')),
    { kind: 'refused', stream: 'sky', error: 'stream not found' });
  assert.deepEqual(slots.hear(0, status('dock', 'active')),
    { kind: 'kept', stream: 'dock', reason: '' });
  slots.want(0, { stream: 'dock', quality: '' });
  assert.equal(slots.status(0).status, 'active', 'the same wish keeps the status');
});

test('a slot whose new camera is offline tells when it shows the old one again', () => {
  const slots = new Slots();
  slots.want(0, { stream: 'sky', quality: '' });
  assert.equal(slots.hear(0, status('sky', 'offline', 'no route')).kind, 'changed');
  assert.deepEqual(slots.hear(0, status('dock', 'active')),
    { kind: 'kept', stream: 'dock', reason: 'sky: no route' });
});

test('an error about another stream is told, but is none of the wanted one', () => {
  const slots = new Slots();
  slots.want(0, { stream: 'sky', quality: '' });
  assert.equal(slots.hear(0, status('attic', 'error', 'stream not found')).stream, 'attic');
  assert.equal(slots.status(0), null);
  assert.equal(slots.hear(0, status('', 'error')).stream, 'sky');
  assert.equal(slots.status(0).status, 'error');
});

test('what was said before a reconnection is forgotten', () => {
  const slots = new Slots();
  slots.want(0, { stream: 'sky', quality: '' });
  slots.hear(0, status('sky', 'active'));
  slots.forget();
  assert.equal(slots.status(0), null);
});

const facts = (more) => ({
  camera: 'dock', known: true, paused: false, status: status('dock', 'active'),
  link: { state: 'live' }, stalled: false, since: '12:04:33', ...more,
});

test('a cell is live only with a stream that is active, fresh and connected', () => {
  assert.equal(faceOf(facts({})).state, 'live');
  assert.equal(faceOf(facts({ stalled: true })).state, 'stalled');
  assert.equal(faceOf(facts({ link: { state: 'unsteady' } })).state, 'stalled');
  assert.equal(faceOf(facts({ status: null })).state, 'waiting');
  assert.equal(faceOf(facts({ paused: true })).state, 'paused');
  assert.equal(faceOf(facts({ known: false })).state, 'error');
  assert.equal(faceOf(facts({ camera: null })).state, 'empty');
  assert.equal(faceOf(facts({ link: { state: 'waiting', untilMs: 0, reason: '' } })).state, 'lost');
});

test('a camera that is offline says why, or since when', () => {
  assert.deepEqual(faceOf(facts({ status: status('dock', 'offline') })),
    { state: 'offline', title: 'Offline', detail: 'since 12:04:33' });
  assert.equal(
    faceOf(facts({ status: status('dock', 'offline', 'no route to host') })).detail,
    'no route to host');
});

test('the pill counts down to the next attempt', () => {
  const link = { state: 'waiting', untilMs: 10_000, reason: '' };
  assert.equal(linkText(link, false, 7_400), 'Reconnecting in 3 s');
  assert.equal(linkText(link, false, 10_500), 'Reconnecting');
  assert.equal(linkText({ state: 'live' }, true, 0), 'Paused');
});
