import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { delay, eventually } from '../lib/process.mjs';
import { World } from '../lib/world.mjs';

let world;

before(async () => {
  world = await World.start([{ camera: 1, fps: 15, gop: 30, kbps: 300 }], { relay: {} });
});
after(() => world?.stop());

const consumers = async () => (await world.server.streams()).cam1.consumers ?? [];

test('after 9 s without network the session goes on as if nothing had happened', async () => {
  const viewer = await world.viewer(['cam1']);
  assert.ok(await viewer.picture(0, 1, { timeoutMs: 10_000 }));
  world.relay.cut(true);
  await delay(9000);
  const back = await viewer.now();
  world.relay.cut(false);
  const picture = await viewer.picture(0, 1, { since: back + 100, timeoutMs: 10_000 });
  assert.ok(picture, 'camera 1 shows again');
  await delay(1500);
  const last = (await viewer.frames(0)).at(-1);
  assert.ok(last.age < 500, `the picture is ${last.age} ms old`);
  const gone = (await viewer.read('others')).filter(({ type }) => /disconnected/.test(type));
  assert.deepEqual(gone, []);
  await viewer.close();
});

test('after 25 s without network the viewer is told and its cameras are released', async () => {
  const viewer = await world.viewer(['cam1']);
  assert.ok(await viewer.picture(0, 1, { timeoutMs: 10_000 }));
  world.relay.cut(true);
  await delay(25_000);
  const gone = (await viewer.read('others')).find(({ type }) => /disconnected/.test(type));
  world.relay.cut(false);
  assert.equal(gone?.value.reason, 'connection_lost');
  await eventually('camera 1 has no consumer', 3000, async () => !(await consumers()).length);
  await viewer.close();
});
