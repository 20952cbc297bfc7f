import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { delay, eventually } from '../lib/process.mjs';
import { median, p95 } from '../lib/stats.mjs';
import { World } from '../lib/world.mjs';

const SESSIONS = Number(process.env.SESSIONS ?? 100);
let world;

before(async () => {
  world = await World.start([
    { camera: 1, fps: 15, gop: 150, kbps: 300 },
    { camera: 2, fps: 15, gop: 30, kbps: 300, phase: 11 },
  ]);
  await delay(10_500);
});
after(() => world?.stop());

test(`each of ${SESSIONS} sessions in a row gets all its pictures`, async () => {
  const firsts = [];
  for (let i = 0; i < SESSIONS; i += 1) {
    const viewer = await world.viewer(['cam1', 'cam2']);
    const { start } = await viewer.read('times');
    const [one, two] = await Promise.all([viewer.picture(0, 1), viewer.picture(1, 2)]);
    assert.ok(one, `session ${i} shows camera 1`);
    assert.ok(two, `session ${i} shows camera 2`);
    firsts.push(Math.max(one.t, two.t) - start);
    await viewer.close();
  }
  console.log(`connect to all pictures: median ${median(firsts)} ms, p95 ${p95(firsts)} ms`);
  await eventually('every session is released', 5000, async () => {
    const streams = await world.server.streams();
    return Object.values(streams).every(({ consumers }) => !consumers?.length);
  });
});
