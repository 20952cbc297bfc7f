import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { delay, eventually } from '../lib/process.mjs';
import { World } from '../lib/world.mjs';

let world;

afterEach(() => world?.stop());

const small = { camera: 1, fps: 15, gop: 30, kbps: 300 };
// A camera that sends H.265, which this browser does not offer.
const H265 = [
  'exec:ffmpeg -nostdin -v error -re -f lavfi -i testsrc2=size=640x360:rate=15',
  '-pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params',
  'bframes=0:keyint=30:log-level=error -f rtsp -rtsp_transport tcp {output}',
].join(' ');
const WHY = 'the camera sends H265, this viewer can decode H264 and VP8 and VP9 and AV1';

const told = (viewer, slot, ...wanted) => eventually(`slot ${slot} is ${wanted}`, 30_000,
  async () => (await viewer.statuses(slot)).find(({ status }) => wanted.includes(status)));

test('a browser without H.265 is told why it sees nothing, and the others go on', async () => {
  world = await World.start([small], { streams: { door: H265 } });
  const viewer = await world.viewer(['door', 'cam1']);
  const refused = await told(viewer, 0, 'error');
  assert.deepEqual([refused.stream, refused.error], ['door', WHY]);
  assert.ok(await viewer.picture(1, 1), 'camera 1 shows');

  const asked = await viewer.switch(1, 'door');
  await delay(3000);
  const statuses = await viewer.statuses(1, asked);
  assert.deepEqual(statuses.map(({ stream, status }) => [stream, status]),
    [['door', 'error'], ['cam1', 'active']]);
  const frames = await viewer.frames(1, asked);
  assert.ok(frames.length > 30, `${frames.length} pictures in 3 s`);
  assert.ok(frames.every(({ camera }) => camera === 1), 'the old camera runs on');
  assert.deepEqual(await viewer.frames(0), [], 'no picture of what it can not decode');
  await viewer.close();
});

test('a browser without H.265 is shown the quality in H.264, without asking for it', async () => {
  world = await World.start([small, { ...small, camera: 2 }], {
    streams: (cameras) => ({ door: H265, 'door-360p': { url: cameras.url(1), warm: true } }),
  });
  const viewer = await world.viewer(['door']);
  assert.ok(await viewer.picture(0, 1, { timeoutMs: 30_000 }), 'its H.264 quality shows');
  const shown = await told(viewer, 0, 'active');
  assert.deepEqual([shown.stream, shown.quality, shown.instead_of],
    ['door-360p', '360p', 'door']);

  await viewer.switch(0, 'cam2');
  assert.ok(await viewer.picture(0, 2), 'camera 2 shows');
  // What the stream sends is known by now: the switch is as quick as to any other.
  const asked = await viewer.switch(0, 'door');
  const first = await viewer.picture(0, 1, { since: asked });
  assert.ok(first, 'its H.264 quality shows again');
  assert.ok(first.t - asked < 1000, `after ${first.t - asked} ms`);
  await viewer.close();
});
