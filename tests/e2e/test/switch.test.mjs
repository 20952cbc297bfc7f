import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { delay } from '../lib/process.mjs';
import { switchAndMeasure } from '../lib/switching.mjs';
import { World } from '../lib/world.mjs';

const CAMERAS = [
  { camera: 1, gop: 300, profile: 'baseline' },
  { camera: 2, gop: 300, profile: 'high', phase: 150 },
  { camera: 3, gop: 60, profile: 'main', width: 1920, height: 1080, kbps: 4000 },
];
let world;

before(async () => {
  world = await World.start(CAMERAS);
});
after(() => world?.stop());

test('one slot shows camera 1, then camera 2', async () => {
  const viewer = await world.viewer(['cam1']);
  const first = await viewer.picture(0, 1, { timeoutMs: 15_000 });
  assert.ok(first, 'camera 1 shows');
  await viewer.told(0, 'active');
  const asked = await viewer.switch(0, 'cam2');
  const second = await viewer.picture(0, 2, { since: asked, timeoutMs: 15_000 });
  assert.ok(second, 'camera 2 shows');
  const active = await viewer.told(0, 'active', asked);
  assert.equal(active.stream, 'cam2');
  await viewer.close();
});

test('a switch waits for no IDR of a camera with a GOP of 10 s, and shows no ghost', async () => {
  await delay(10_000);
  const viewer = await world.viewer(['cam1']);
  await viewer.picture(0, 1);
  const measures = [];
  for (let i = 0; i < 6; i += 1) {
    await delay(500 + Math.random() * 500);
    const to = i % 2 ? { camera: 1, width: 640 } : { camera: 2, width: 640 };
    const options = { waitMs: 5000 };
    measures.push(await switchAndMeasure(viewer, 0, `cam${to.camera}`, to, options));
  }
  const text = JSON.stringify(measures, null, 1);
  for (const { first, live, ghosts } of measures) {
    // A generous limit: this runs beside other work. The report has the real figures.
    assert.ok(first !== null && first < 500, text);
    assert.ok(live !== null && live < 1500, text);
    assert.equal(ghosts, 0, text);
  }
  const { 0: stats } = await viewer.stats();
  assert.equal(stats.pli, 0, 'the browser never asked for a keyframe');
  await viewer.close();
});

test('another size and profile shows on the same track', async () => {
  const viewer = await world.viewer(['cam1']);
  await viewer.picture(0, 1);
  const to = { camera: 3, width: 1920 };
  const there = await switchAndMeasure(viewer, 0, 'cam3', to, { waitMs: 5000 });
  assert.ok(there.first !== null && there.first < 1000, JSON.stringify(there));
  assert.equal(there.ghosts, 0);
  const from = { camera: 1, width: 640 };
  const back = await switchAndMeasure(viewer, 0, 'cam1', from, { waitMs: 5000 });
  assert.ok(back.first !== null && back.first < 1000, JSON.stringify(back));
  assert.equal(back.ghosts, 0);
  await viewer.close();
});

test('of two switches in a row the last wins', async () => {
  const viewer = await world.viewer(['cam1']);
  await viewer.picture(0, 1);
  await viewer.switch(0, 'cam3');
  const asked = await viewer.switch(0, 'cam2');
  assert.ok(await viewer.picture(0, 2, { since: asked }), 'camera 2 shows');
  await delay(1000);
  const late = (await viewer.frames(0)).slice(-10);
  assert.deepEqual([...new Set(late.map(({ camera }) => camera))], [2]);
  assert.equal((await viewer.statuses(0)).at(-1).stream, 'cam2');
  await viewer.close();
});

test('twenty switches within two seconds leave the last camera, live', async () => {
  const viewer = await world.viewer(['cam1']);
  await viewer.picture(0, 1);
  let asked;
  for (let i = 0; i < 20; i += 1) {
    asked = await viewer.switch(0, i % 2 ? 'cam2' : 'cam1');
    await delay(100);
  }
  assert.ok(await viewer.picture(0, 2, { since: asked }), 'camera 2 shows');
  await delay(1500);
  const late = (await viewer.frames(0)).slice(-20);
  assert.deepEqual([...new Set(late.map(({ camera }) => camera))], [2]);
  assert.ok(late.at(-1).age < 500, `age ${late.at(-1).age} ms`);
  await viewer.close();
});

test('a switch during connecting is what the first pictures show', async () => {
  const viewer = await world.viewer(['cam1'], { connect: false });
  const connected = viewer.connect();
  await viewer.page.waitForFunction(
    (id) => harness.read(id, 'answer') !== undefined,
    viewer.id,
    { polling: 1 },
  );
  await viewer.switch(0, 'cam2');
  await connected;
  assert.ok(await viewer.picture(0, 2, { timeoutMs: 15_000 }), 'camera 2 shows');
  await delay(1000);
  assert.equal((await viewer.frames(0)).at(-1).camera, 2);
  await viewer.close();
});

test('a switch to an unknown stream leaves the old picture running', async () => {
  const viewer = await world.viewer(['cam1']);
  await viewer.picture(0, 1);
  await viewer.told(0, 'active');
  const asked = await viewer.switch(0, 'nothing');
  await delay(1000);
  const statuses = await viewer.statuses(0, asked);
  assert.equal(statuses[0]?.status, 'error');
  assert.equal(statuses[0]?.error, 'stream not found');
  assert.equal(statuses.at(-1).stream, 'cam1');
  const shown = await viewer.frames(0, asked);
  assert.ok(shown.length > 20 && shown.every(({ camera }) => camera === 1));
  await viewer.close();
});
