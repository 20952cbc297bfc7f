import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { delay, eventually } from '../lib/process.mjs';
import { World } from '../lib/world.mjs';

let world;

afterEach(() => world?.stop());

const small = (camera, more = {}) => ({ camera, fps: 15, gop: 30, kbps: 300, ...more });
// Nothing listens on this port of the loopback interface (discard).
const DEAD = 'rtsp://127.0.0.1:9/nothing';

test('a dead camera costs its own slot alone, and the answer does not wait for it', async () => {
  world = await World.start([small(1)], { streams: { dead: DEAD } });
  const viewer = await world.viewer(['dead', 'cam1']);
  const { offer, answer } = await viewer.read('times');
  assert.ok(answer - offer < 250, `answer after ${answer - offer} ms`);
  assert.ok(await viewer.picture(1, 1), 'camera 1 shows');
  const status = await eventually('slot 0 has its truth', 8000, async () =>
    (await viewer.statuses(0)).find((s) => ['error', 'offline'].includes(s.status)),
  );
  assert.equal(status.stream, 'dead');
  const asked = await viewer.switch(0, 'cam1');
  assert.ok(await viewer.picture(0, 1, { since: asked }), 'its slot can show another camera');
  await viewer.close();
});

test('a switch to a dead camera leaves the old picture running', async () => {
  world = await World.start([small(1)], { streams: { dead: DEAD } });
  const viewer = await world.viewer(['cam1']);
  assert.ok(await viewer.picture(0, 1));
  const asked = await viewer.switch(0, 'dead');
  await delay(6000);
  const shown = await viewer.frames(0, asked);
  assert.ok(shown.length > 60, `${shown.length} pictures in 6 s`);
  assert.ok(shown.every(({ camera }) => camera === 1));
  assert.ok((await viewer.statuses(0, asked)).length > 0, 'the viewer was told');
  await viewer.close();
});

test('a camera that lost its power shows again when it is back', async () => {
  world = await World.start([small(1)]);
  const viewer = await world.viewer(['cam1']);
  assert.ok(await viewer.picture(0, 1));
  await world.cameras.kill();
  const gone = await viewer.now();
  const told = ['offline', 'error', 'buffering'];
  await eventually('the viewer is told', 15_000, async () =>
    (await viewer.statuses(0, gone)).some(({ status }) => told.includes(status)),
  );
  await world.cameras.run();
  const back = await viewer.now();
  const picture = await viewer.picture(0, 1, { since: back, timeoutMs: 35_000 });
  assert.ok(picture, 'camera 1 shows again');
  await delay(1500);
  const last = (await viewer.frames(0)).at(-1);
  assert.ok(last.age < 500, `the picture is ${last.age} ms old`);
  assert.equal((await viewer.statuses(0)).at(-1).status, 'active');
  await viewer.close();
});

test('a hung camera delays no other', async () => {
  world = await World.start([small(1), small(2)]);
  const viewer = await world.viewer(['cam1', 'cam2']);
  assert.ok(await viewer.picture(0, 1));
  assert.ok(await viewer.picture(1, 2));
  await world.cameras.freeze(1);
  const frozen = await viewer.now();
  await delay(4000);
  const frames = await viewer.frames(1, frozen);
  assert.ok(frames.length >= 55, `${frames.length} pictures of camera 2 in 4 s`);
  const asked = await viewer.switch(0, 'cam2');
  assert.ok(await viewer.picture(0, 2, { since: asked }), 'the stalled slot can be switched');
  await world.cameras.thaw(1);
  await viewer.switch(0, 'cam1');
  assert.ok(await viewer.picture(0, 1, { since: asked, timeoutMs: 35_000 }), 'camera 1 is back');
  await viewer.close();
});

test('a camera that changes its resolution shows on, without a broken picture', async () => {
  world = await World.start([small(1)]);
  const viewer = await world.viewer(['cam1']);
  assert.ok(await viewer.picture(0, 1));
  const asked = await viewer.now();
  await world.cameras.change(1, { width: 1280, height: 720, profile: 'main' });
  const picture = await viewer.picture(0, 1, { since: asked, timeoutMs: 10_000, width: 1280 });
  assert.ok(picture, 'the larger picture shows');
  await delay(1000);
  const frames = await viewer.frames(0, asked);
  assert.deepEqual(frames.filter(({ camera }) => camera !== 1), []);
  assert.equal(frames.at(-1).width, 1280);
  await viewer.close();
});

test('a camera with its parameter sets only in the SDP shows, also after a switch', async () => {
  const large = { parameter_sets: 'sdp', width: 1280, height: 720 };
  world = await World.start([small(1), small(2, large)]);
  const viewer = await world.viewer(['cam2']);
  assert.ok(await viewer.picture(0, 2), 'camera 2 shows');
  await viewer.switch(0, 'cam1');
  assert.ok(await viewer.picture(0, 1), 'camera 1 shows');
  const asked = await viewer.switch(0, 'cam2');
  assert.ok(await viewer.picture(0, 2, { since: asked }), 'camera 2 shows again');
  await viewer.close();
});

test('until a camera is connected that was switched to, the old one shows', async () => {
  world = await World.start([small(1), small(2)], { warm: false });
  const viewer = await world.viewer(['cam1']);
  assert.ok(await viewer.picture(0, 1, { timeoutMs: 10_000 }));
  const asked = await viewer.switch(0, 'cam2');
  const first = await viewer.picture(0, 2, { since: asked, timeoutMs: 10_000 });
  assert.ok(first, 'camera 2 shows');
  const meanwhile = (await viewer.frames(0, asked)).filter(({ t }) => t < first.t);
  assert.ok(meanwhile.every(({ camera }) => camera === 1));
  assert.ok(meanwhile.length >= ((first.t - asked) / 1000) * 15 * 0.8 - 2, 'camera 1 ran on');
  await viewer.close();
});
