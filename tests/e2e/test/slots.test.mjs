import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { delay } from '../lib/process.mjs';
import { World } from '../lib/world.mjs';

const NINE = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const ANSWER_MAX_MS = 250;
let world;

before(async () => {
  const cameras = NINE.map((camera) => ({
    camera,
    fps: 15,
    gop: 30,
    kbps: 300,
    phase: camera * 3,
  }));
  world = await World.start(cameras);
  await delay(2500);
});
after(() => world?.stop());

test('nine slots connect, each to its own camera', async () => {
  const viewer = await world.viewer(NINE.map((n) => `cam${n}`));
  const { start, offer, answer } = await viewer.read('times');
  const pictures = await Promise.all(NINE.map((n, slot) => viewer.picture(slot, n)));
  pictures.forEach((picture, slot) => assert.ok(picture, `slot ${slot} shows camera ${slot + 1}`));
  const last = Math.max(...pictures.map(({ t }) => t - start));
  console.log(`answer ${Math.round(answer - offer)} ms, all pictures ${Math.round(last)} ms`);
  assert.ok(answer - offer < ANSWER_MAX_MS, `answer after ${answer - offer} ms`);
  for (const slot of NINE.keys()) {
    const frames = await viewer.frames(slot);
    assert.ok(frames.every(({ camera }) => camera === slot + 1), `slot ${slot} shows nothing else`);
  }
  await viewer.close();
});

test('an unknown stream keeps its slot, and no other slot shifts', async () => {
  const viewer = await world.viewer(['cam1', 'nothing', 'cam3']);
  const { slots } = await viewer.read('answer');
  assert.deepEqual(slots.map(({ slot }) => slot), [0, 1, 2]);
  assert.equal(slots[1].status, 'error');
  assert.equal(slots[1].error, 'stream not found');
  assert.ok(await viewer.picture(0, 1), 'slot 0 shows camera 1');
  assert.ok(await viewer.picture(2, 3), 'slot 2 shows camera 3');
  assert.equal((await viewer.frames(1)).length, 0);
  const asked = await viewer.switch(1, 'cam2');
  assert.ok(await viewer.picture(1, 2, { since: asked }), 'the slot can be switched to camera 2');
  await viewer.close();
});

test('two slots of one camera both show it', async () => {
  const viewer = await world.viewer(['cam4', 'cam4']);
  assert.ok(await viewer.picture(0, 4));
  assert.ok(await viewer.picture(1, 4));
  await viewer.close();
});

test('a paused slot shows nothing new, and comes back with a live picture', async () => {
  const viewer = await world.viewer(['cam1', 'cam2']);
  assert.ok(await viewer.picture(0, 1));
  assert.ok(await viewer.picture(1, 2));
  const paused = await viewer.pause(0);
  await delay(1500);
  assert.equal((await viewer.statuses(0, paused)).at(-1)?.status, 'paused');
  assert.equal((await viewer.frames(0, paused + 500)).length, 0, 'slot 0 stands still');
  assert.ok((await viewer.frames(1, paused + 500)).length > 8, 'slot 1 goes on');
  const resumed = await viewer.resume(0);
  assert.ok(await viewer.picture(0, 1, { since: resumed }), 'slot 0 shows camera 1 again');
  await delay(1000);
  const { age, camera } = (await viewer.frames(0)).at(-1);
  assert.equal(camera, 1);
  assert.ok(age < 500, `the picture is ${age} ms old`);
  const again = await viewer.pause(0);
  await delay(200);
  await viewer.resume(0, 'cam3');
  assert.ok(await viewer.picture(0, 3, { since: again }), 'resumed with another stream');
  await viewer.close();
});
