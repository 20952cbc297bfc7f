/**
 * Browsers publish in every codec that they have; one slot shows them and a camera in turn, on one
 * track, by one offer.
 *
 * SWITCHES: how many are measured.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Browser } from '../lib/browser.mjs';
import { Cameras } from '../lib/cameras.mjs';
import { delay, eventually, freePort } from '../lib/process.mjs';
import { Server } from '../lib/server.mjs';
import { load, median, p95 } from '../lib/stats.mjs';
import { switchAndMeasure } from '../lib/switching.mjs';

const run = promisify(execFile);
const SWITCHES = Number(process.env.SWITCHES ?? 10);
const SIZE = { width: 320, height: 180 };
const CAMERA = { camera: 1, fps: 15, gop: 60, kbps: 300, ...SIZE };
// Two of VP8: between those only their numbers change.
const PUBLISHED = ['VP8', 'VP9', 'AV1', 'VP8'].map((codec, i) => ({
  codec,
  name: i < 3 ? codec.toLowerCase() : 'other',
  picture: { camera: 11 + i, fps: 15, frames: 3000, ...SIZE },
}));
const ALL = [{ name: 'cam1', codec: 'H264', camera: 1 }].concat(
  PUBLISHED.map(({ name, codec, picture }) => ({ name, codec, camera: picture.camera })),
);

let cameras;
let server;
let browser;
let clocks;
let rtspPort;
const publishers = [];

before(async () => {
  cameras = await Cameras.start([CAMERA]);
  rtspPort = await freePort();
  const streams = Object.fromEntries(PUBLISHED.map(({ name }) => [name, null]));
  const config = { api: { origin: ['*'] }, rtsp: { listen: `127.0.0.1:${rtspPort}` } };
  const camera = { url: cameras.url(1), warm: true };
  server = await Server.run({ cam1: camera, ...streams }, { config });
  browser = await Browser.start();
  const drawn = PUBLISHED.map(({ picture }) => [picture.camera, picture]);
  clocks = { ...cameras.clocks, ...Object.fromEntries(drawn) };
  for (const { name, codec, picture } of PUBLISHED) {
    const publisher = await browser.publisher();
    const url = `${server.url}/api/webrtc?dst=${name}`;
    const answer = await publisher.start({ url, kbps: 500, picture, codec });
    assert.equal(answer.status, 201, answer.text);
    publishers.push(publisher);
  }
  for (const { name, codec } of ALL) {
    await eventually(`${name} is live`, 15_000, async () => {
      const stream = (await server.streams())[name];
      if (stream.state !== 'live') throw new Error(JSON.stringify(stream));
      assert.equal(stream.codec, codec);
      return true;
    });
  }
});
after(async () => {
  await browser?.stop();
  await server?.stop();
  await cameras?.stop();
});

const view = (...streams) => viewWith(undefined, ...streams);

/** A viewer that offers this codec alone, or all. */
async function viewWith(codec, ...streams) {
  const slots = streams.map((stream, slot) => ({ slot, stream }));
  const viewer = await browser.viewer({ url: server.webSocketUrl, slots, clocks, codec });
  await viewer.connect();
  return viewer;
}

test('every codec is shown beside the others', async () => {
  const viewer = await view(...ALL.map(({ name }) => name));
  for (const [slot, { camera, name }] of ALL.entries()) {
    assert.ok(await viewer.picture(slot, camera), name);
  }
  const since = await viewer.now();
  await delay(3000);
  const stats = await viewer.stats();
  for (const [slot, { camera, name }] of ALL.entries()) {
    const frames = await viewer.frames(slot, since);
    // Most of 45, on a machine that encodes and decodes them all.
    assert.ok(frames.length > 20, `${name}: ${frames.length} pictures`);
    assert.ok(frames.every((frame) => frame.camera === camera), name);
    assert.equal(stats[slot].pli, 0, name);
  }
  await viewer.close();
});

test('one slot goes from codec to codec at once, without another offer', async (t) => {
  const viewer = await view('cam1');
  assert.ok(await viewer.picture(0, 1));
  const order = [1, 4, 1, 2, 3, 0, 3, 2, 4, 0, 2, 0];
  const measures = [];
  for (let i = 0; i < SWITCHES; i += 1) {
    await delay(Math.random() * 500);
    const { name, camera } = ALL[order[i % order.length]];
    const measured = await switchAndMeasure(viewer, 0, name, { camera, ...SIZE }, { waitMs: 5000 });
    measures.push({ name, ...measured });
  }
  const text = JSON.stringify(measures, null, 1);
  const of = (key, part = measures) =>
    [median, p95].map((rank) => Math.round(rank(part.map((each) => each[key]))));
  t.diagnostic(`first ${of('first')}, live ${of('live')}, gap ${of('gap')} ms, load ${load()}`);
  for (const { name, codec } of ALL) {
    const part = measures.filter((each) => each.name === name);
    if (part.length) t.diagnostic(`to ${codec} of ${name}: first ${of('first', part)} ms`);
  }
  for (const { first, ghosts } of measures) {
    // Generous: this runs beside other work.
    assert.ok(first !== null && first < 1000, text);
    assert.equal(ghosts, 0, text);
  }
  const { 0: stats } = await viewer.stats();
  assert.equal(stats.pli, 0, 'the browser never asked for a keyframe');
  await viewer.close();
});

test('a player of one stream (WHEP) is sent it', async () => {
  const decoded = await browser.page.evaluate(async (url) => {
    const peer = new RTCPeerConnection();
    const { receiver } = peer.addTransceiver('video', { direction: 'recvonly' });
    await peer.setLocalDescription();
    const headers = { 'Content-Type': 'application/sdp' };
    const body = peer.localDescription.sdp;
    const response = await fetch(url, { method: 'POST', headers, body });
    await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    for (let n = 0; n < 50; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const report = [...(await receiver.getStats()).values()];
      const { framesDecoded = 0, codecId } = report.find((it) => it.type === 'inbound-rtp') ?? {};
      const { mimeType } = report.find(({ id }) => id === codecId) ?? {};
      if (framesDecoded > 10) {
        peer.close();
        return mimeType;
      }
    }
    return null;
  }, `${server.url}/api/webrtc?src=av1`);
  assert.equal(decoded, 'video/AV1');
});

for (const { name, codec } of PUBLISHED.slice(0, 3)) {
  test(`a reader of RTSP is handed ${codec}, or told that it is not`, async () => {
    const url = `rtsp://127.0.0.1:${rtspPort}/${name}`;
    const input = ['-v', 'error', '-rtsp_transport', 'tcp', '-i', url];
    const entries = 'stream=codec_name,width,height,nb_read_frames';
    const more = ['-count_frames', '-read_intervals', '%+2', '-of', 'json'];
    const args = [...input, ...more, '-show_entries', entries];
    const probe = await run('ffprobe', args, { timeout: 30_000 }).catch((error) => error);
    if (codec === 'AV1') return assert.match(probe.stderr, /415/);
    const [stream] = JSON.parse(probe.stdout).streams;
    assert.deepEqual([stream.codec_name, stream.width, stream.height], [name, 320, 180]);
    assert.ok(Number(stream.nb_read_frames) > 5, probe.stdout);
    assert.equal(probe.stderr, '');
  });
}

test('a browser that can not decode it is told so', async () => {
  const viewer = await viewWith('H264', 'vp9', 'cam1');
  const { error } = await viewer.told(0, 'error');
  assert.equal(error, 'the camera sends VP9, this viewer can decode H264');
  assert.ok(await viewer.picture(1, 1));
  await viewer.close();
});
