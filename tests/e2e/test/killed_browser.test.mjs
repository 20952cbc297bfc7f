import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually } from '../lib/process.mjs';
import { World } from '../lib/world.mjs';

let world;

before(async () => {
  world = await World.start([{ camera: 1, fps: 15, gop: 30, kbps: 300 }], { warm: false });
});
after(() => world?.stop());

test('a killed browser releases its camera', async () => {
  const viewer = await world.viewer(['cam1']);
  assert.ok(await viewer.picture(0, 1, { timeoutMs: 10_000 }));
  const consumers = async () => (await world.server.streams()).cam1.consumers ?? [];
  assert.equal((await consumers()).length, 1);
  assert.equal(await world.cameras.clients(), 1);
  await world.browser.kill();
  await eventually('no consumer is left', 5000, async () => !(await consumers()).length);
  await eventually('the camera is let go', 5000, async () => !(await world.cameras.clients()));
});
