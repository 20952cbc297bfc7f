/** A publisher that freezes with its connection up: it is offline, and then sent away. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from '../lib/browser.mjs';
import { delay, eventually } from '../lib/process.mjs';
import { Server } from '../lib/server.mjs';

const TOKEN = 'a-token-of-the-test';
const PICTURE = { camera: 9, width: 320, height: 180, fps: 15, frames: 3000 };
let server;
let browser;

before(async () => {
  server = await Server.run({ mast: { token: TOKEN } }, { config: { api: { origin: ['*'] } } });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await server?.stop();
});

const stream = async () => (await server.streams()).mast;
const becomes = (state, ms) =>
  eventually(`it is ${state}`, ms, async () => (await stream()).state === state);

test('a publisher by WHIP that freezes is disconnected, and can come back', async (t) => {
  const url = `${server.url}/api/webrtc?dst=mast`;
  const options = { url, token: TOKEN, kbps: 300, picture: PICTURE };
  const publisher = await browser.publisher();
  assert.equal((await publisher.start(options)).status, 201);
  await becomes('live', 10_000);
  await delay(7000);
  const { health } = await stream();
  assert.ok(health.bitrate_bps > 10_000 && health.bitrate_bps < 1_000_000, JSON.stringify(health));
  assert.ok(health.packet_age_ms < 2000 && health.frame_age_ms < 2000, JSON.stringify(health));
  // A busy machine drops a datagram now and then.
  assert.ok(health.keyframe_age_ms < 8000 && health.gaps <= 2, JSON.stringify(health));

  const began = Date.now();
  await publisher.call('freeze');
  await becomes('offline', 10_000);
  assert.match((await stream()).error, /sends no video/);
  assert.equal(await publisher.call('state'), 'connected');
  const isUp = async () => (await publisher.call('state')) === 'connected';
  await eventually('it is sent away', 30_000, async () => !(await isUp()));
  const seconds = (Date.now() - began) / 1000;
  assert.ok(seconds > 13, `${seconds} s`);
  assert.match((await stream()).error, /nobody pushes/);

  const again = await browser.publisher();
  assert.equal((await again.start(options)).status, 201);
  await becomes('live', 10_000);
  await again.end();
  t.diagnostic(`${Math.round(health.bitrate_bps / 1000)} kbit/s; sent away after ${seconds} s`);
});
