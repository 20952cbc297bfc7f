/** A browser publishes by WHIP; others watch it in a slot and over RTSP. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Browser } from '../lib/browser.mjs';
import { delay, eventually, freePort } from '../lib/process.mjs';
import { Relay } from '../lib/relay.mjs';
import { Server } from '../lib/server.mjs';

const run = promisify(execFile);
const TOKEN = 'a-token-of-the-test';
const PICTURE = { camera: 9, width: 640, height: 360, fps: 30, frames: 3000 };
const clocks = { 9: PICTURE };
let server;
let browser;
let relay;
let rtspPort;

before(async () => {
  rtspPort = await freePort();
  server = await Server.run(
    { open: null, locked: { token: TOKEN } },
    { config: { api: { origin: ['*'] }, rtsp: { listen: `127.0.0.1:${rtspPort}` } } },
  );
  relay = await Relay.start(server.mediaPort, { loss: 0.05, delayMs: 20 });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await relay?.stop();
  await server?.stop();
});

const address = (stream) => `${server.url}/api/webrtc?dst=${stream}`;
const lossy = () => ({ from: server.mediaPort, to: relay.port });
const state = async (stream) => (await server.streams())[stream];

async function view(stream) {
  const slots = [{ slot: 0, stream }];
  const viewer = await browser.viewer({ url: server.webSocketUrl, slots, clocks });
  await viewer.connect();
  return viewer;
}

const count = async (viewer, publisher) => [
  (await viewer.stats())[0].decoded,
  (await publisher.stats()).frames,
];

/** What the viewer saw, and decoded of what was sent, in so many seconds. */
async function watch(viewer, publisher, seconds) {
  assert.ok(await viewer.picture(0, 9, { timeoutMs: 8000 }), 'a picture');
  const since = await viewer.now();
  const before = await count(viewer, publisher);
  await delay(seconds * 1000);
  const after = await count(viewer, publisher);
  const frames = await viewer.frames(0, since);
  const ages = frames.map(({ age }) => age).sort((a, b) => a - b);
  const gaps = frames.slice(1).map((frame, i) => frame.t - frames[i].t);
  return {
    sent: after[1] - before[1],
    decoded: after[0] - before[0],
    damaged: frames.filter(({ camera }) => camera !== 9).length,
    medianAgeMs: Math.round(ages[ages.length >> 1]),
    longestGapMs: Math.round(Math.max(...gaps)),
  };
}

test('who does not show the token may not publish', async () => {
  const publisher = await browser.publisher();
  for (const token of [undefined, 'wrong']) {
    const options = { url: address('locked'), token, kbps: 500, picture: PICTURE };
    assert.equal((await publisher.start(options)).status, 401);
  }
  assert.equal((await state('locked')).state, 'offline');
});

test('what a browser publishes is seen in a slot and over RTSP, until it ends', async (t) => {
  const publisher = await browser.publisher();
  const options = { url: address('locked'), token: TOKEN, kbps: 1500, picture: PICTURE };
  const answer = await publisher.start(options);
  assert.equal(answer.status, 201, answer.text);
  const viewer = await view('locked');
  const seen = await watch(viewer, publisher, 8);
  t.diagnostic(`seen ${JSON.stringify(seen)}`);
  assert.ok(seen.decoded >= seen.sent - 5, 'every frame');
  assert.equal(seen.damaged, 0);

  const sent = await publisher.stats();
  t.diagnostic(`sent ${JSON.stringify(sent)}`);
  assert.equal(sent.codec, 'video/H264');
  assert.ok(sent.keyFrames >= 2, 'a key frame every few seconds');
  const { codec, width, height, state: now } = await state('locked');
  assert.deepEqual([codec, now, width, height], ['H264', 'live', 640, 360]);

  const probe = ['-v', 'error', '-rtsp_transport', 'tcp', '-show_streams', '-of', 'json'];
  const { stdout } = await run('ffprobe', [...probe, `rtsp://127.0.0.1:${rtspPort}/locked`]);
  const [stream] = JSON.parse(stdout).streams;
  assert.deepEqual([stream.codec_name, stream.width, stream.height], ['h264', 640, 360]);

  const second = await browser.publisher();
  assert.equal((await second.start(options)).status, 409, 'there is one already');
  assert.equal(await publisher.end(), 200);
  await eventually('the stream is offline', 2000, async () => {
    return (await state('locked')).state === 'offline';
  });
  assert.equal((await second.start(options)).status, 201, 'there is none any more');
  await viewer.told(0, 'active', await viewer.now());
  assert.ok(await viewer.picture(0, 9, { since: await viewer.now() }), 'of the second one');
  assert.equal(await second.end(), 200);
  await viewer.close();
});

test('a browser finds its bitrate', async (t) => {
  const publisher = await browser.publisher();
  const picture = { ...PICTURE, width: 1280, height: 720 };
  const answer = await publisher.start({ url: address('open'), kbps: 2500, picture });
  assert.equal(answer.status, 201, answer.text);
  const targets = [];
  for (let second = 0; second < 12; second += 1) {
    await delay(1000);
    targets.push(Math.round((await publisher.stats()).targetKbps));
  }
  t.diagnostic(`target in kbit/s, each second: ${targets.join(' ')}`);
  assert.ok(Math.max(...targets) >= 2000, 'most of what it may send');
  await publisher.end();
});

test('of a publisher behind 5 % loss nothing is missing', async (t) => {
  const publisher = await browser.publisher();
  const options = { url: address('open'), kbps: 800, picture: PICTURE, relay: lossy() };
  assert.equal((await publisher.start(options)).status, 201);
  const viewer = await view('open');
  const seen = await watch(viewer, publisher, 10);
  const sent = await publisher.stats();
  t.diagnostic(`seen ${JSON.stringify(seen)}, sent ${JSON.stringify(sent)}`);
  assert.equal(seen.damaged, 0);
  assert.ok(sent.resent > 0, 'packets are asked for again');
  assert.ok(seen.decoded >= seen.sent - 5, 'every frame');
  await viewer.close();
  await publisher.end();
});
