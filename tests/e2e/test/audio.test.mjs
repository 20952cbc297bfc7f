/** Audio of cameras, from gst-rtsp-server to what Chromium hands to its output. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser } from '../lib/browser.mjs';
import { Cameras } from '../lib/cameras.mjs';
import { eventually } from '../lib/process.mjs';
import { Server } from '../lib/server.mjs';

const FPS = 25;
/** A beep at each frame whose number is a multiple of this. */
const PERIOD = 25;
const CAMERAS = [
  { camera: 1, audio: 'pcmu', tone_hz: 500 },
  { camera: 2, audio: 'pcma', tone_hz: 750, packet_ms: 100 },
  { camera: 3, audio: 'opus', tone_hz: 1000 },
  { camera: 4, audio: 'g722', tone_hz: 1250 },
  { camera: 5, audio: 'pcmu', beep: [PERIOD, 5] },
  { camera: 6, audio: 'opus', beep: [PERIOD, 5] },
  { camera: 7, audio: 'aac' },
  // Its pictures come 320 ms after their sound.
  { camera: 8, audio: 'pcma', beep: [PERIOD, 5], lag: 8 },
].map((camera) => ({ fps: FPS, gop: 50, kbps: 200, width: 320, height: 180, ...camera }));
const NAMES = { pcmu: 'PCMU', pcma: 'PCMA', opus: 'opus', g722: 'G722' };
/**
 * What the cameras' tone measures: an amplitude of a quarter (-12 dB), in an analyser that gives
 * half of it to the negative frequency (-6) and weighs with a window (-7.5).
 */
const LEVEL_DB = -26;

let cameras;
let server;
let browser;

before(async () => {
  cameras = await Cameras.start(CAMERAS);
  const streams = CAMERAS.map(({ camera }) => [
    `cam${camera}`,
    { url: cameras.url(camera), transport: camera === 4 ? 'udp' : 'tcp', warm: true },
  ]);
  server = await Server.run(Object.fromEntries(streams));
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await server?.stop();
  await cameras?.stop();
});

async function view(...streams) {
  const viewer = await browser.viewer({
    url: server.webSocketUrl,
    slots: streams.map((stream, slot) => ({ slot, stream, audio: true })),
    clocks: cameras.clocks,
  });
  await viewer.connect();
  return viewer;
}

const hears = (viewer, slot, hz) =>
  eventually(`slot ${slot} sounds ${hz} Hz`, 8000, async () => {
    const tone = await viewer.tone(slot);
    if (Math.abs(tone.hz - hz) < 15 && Math.abs(tone.level - LEVEL_DB) < 2) return tone;
    throw new Error(JSON.stringify(tone));
  });

for (const { camera, audio, tone_hz } of CAMERAS.slice(0, 4)) {
  test(`the tone of a camera with ${audio} is heard`, async () => {
    const viewer = await view(`cam${camera}`);
    assert.ok(await viewer.picture(0, camera));
    const { level } = await hears(viewer, 0, tone_hz);
    console.log(`${audio}: ${tone_hz} Hz at ${level.toFixed(1)} dB`);
    const { consumers } = (await server.streams())[`cam${camera}`];
    assert.deepEqual(consumers[0].audio, { codec: NAMES[audio] });
    await viewer.close();
  });
}

test('a slot sounds like the camera that it shows, whatever its codec', async () => {
  const viewer = await view('cam1', 'cam3');
  await hears(viewer, 0, 500);
  await hears(viewer, 1, 1000);
  for (const [camera, hz] of [[3, 1000], [2, 750], [4, 1250], [1, 500]]) {
    await viewer.switch(0, `cam${camera}`);
    await hears(viewer, 0, hz);
    await hears(viewer, 1, 1000);
  }
  await viewer.close();
});

test('a camera with AAC shows, and says why it is silent', async () => {
  const viewer = await view('cam7');
  assert.ok(await viewer.picture(0, 7));
  const { audio } = (await server.streams()).cam7;
  assert.equal(audio.codec, 'AAC');
  assert.match(audio.error, /G\.711 or Opus/);
  await viewer.close();
});

/** Of each beep, the time from its frame's picture to its sound, in ms. */
async function offsets(viewer, camera, since) {
  const beeps = (await viewer.beeps(0)).filter((t) => t >= since);
  const frames = (await viewer.frames(0)).filter((f) => f.camera === camera && f.n % PERIOD === 0);
  return beeps.flatMap((beep) => {
    const near = frames.map(({ t }) => beep - t).filter((ms) => Math.abs(ms) < 400);
    return near.length === 1 ? near : [];
  });
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

for (const camera of [5, 6, 8]) {
  test(`beeps are heard with the frames that they belong to (camera ${camera})`, async () => {
    const viewer = await view(`cam${camera}`);
    // Both tracks need two reports of the camera and two of ours, and Chromium moves slowly.
    await sleep(25_000);
    const since = await viewer.now();
    await sleep(15_000);
    const all = await offsets(viewer, camera, since);
    const stats = await viewer.aheadByStats(0);
    const offset = median(all);
    const list = all.map((ms) => ms.toFixed(0)).join(' ');
    console.log(`camera ${camera}: beep ${offset.toFixed(1)} ms behind its picture (${list});`,
      `by Chromium's account ${stats.toFixed(0)} ms ahead`);
    assert.ok(all.length >= 10, `${all.length} beeps with their frames`);
    assert.ok(Math.abs(offset) < 40, `${offset} ms`);
    await viewer.close();
  });
}
