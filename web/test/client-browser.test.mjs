// The client against a real RTCPeerConnection on both sides, in one page.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { hasChromium, launch, serve } from './lib/page.mjs';

const skip = hasChromium ? false : 'no Chromium: set CHROMIUM to its path';

let server;
let browser;
let page;

before(async () => {
  if (skip) return;
  server = await serve();
  browser = await launch();
  page = await browser.newPage();
  await page.goto(`${server.url}multistream-client.js`);
  await page.evaluate(readFileSync(new URL('./lib/loopback.js', import.meta.url), 'utf8'));
  await page.evaluate(async () => {
    const { MultiStreamClient } = await import('/multistream-client.js');
    window.videos = new Map();
    window.client = new MultiStreamClient(location.origin);
    client.on('track', (slot, track) => {
      const video = document.createElement('video');
      video.muted = true;
      video.srcObject = new MediaStream([track]);
      video.play();
      videos.set(slot, video);
    });
    // The colour that a slot shows, by its strongest channel.
    window.colourOf = (slot) => {
      const context = document.createElement('canvas').getContext('2d');
      context.drawImage(videos.get(slot), 0, 0, 8, 8);
      const [red, green, blue] = context.getImageData(4, 4, 1, 1).data;
      if (Math.max(red, green, blue) < 64) return 'none';
      return red > green && red > blue ? 'red' : green > blue ? 'green' : 'blue';
    };
  });
});

after(async () => {
  await browser?.close();
  server?.stop();
});

const shows = (slot, colour) =>
  page.waitForFunction(([at, wanted]) => colourOf(at) === wanted, [slot, colour]);

test('connect brings each slot the track of its own transceiver', { skip }, async () => {
  const slots = await page.evaluate(async () => [...await client.connect([
    { slot: 0, stream: 'red' }, { slot: 5, stream: 'green' }, { slot: 2, stream: 'blue' },
  ])].map(([slot]) => slot));
  assert.deepEqual(slots, [0, 5, 2]);
  await shows(0, 'red');
  await shows(5, 'green');
  await shows(2, 'blue');
  assert.equal(await page.evaluate(() => client.isConnected && client.pcState), 'connected');
});

test('a switch changes the picture on the same track and connection', { skip }, async () => {
  const before = await page.evaluate(() => videos.get(5).srcObject.getTracks()[0].id);
  await page.evaluate(() => client.switchStream(5, 'blue'));
  await shows(5, 'blue');
  await shows(0, 'red');
  const state = await page.evaluate(() => ({
    track: videos.get(5).srcObject.getTracks()[0].id,
    offers: heard.filter((type) => type === 'multistream/offer').length,
  }));
  assert.deepEqual(state, { track: before, offers: 1 });
});

test('getStats reads what a browser reports', { skip }, async () => {
  await page.evaluate(() => client.getStats(0));
  await page.waitForTimeout(1_000);
  const stats = await page.evaluate(() => client.getStats(0));
  assert.deepEqual([stats.width, stats.height], [64, 64]);
  assert.ok(stats.fps > 5 && stats.fps < 40, `${stats.fps} fps`);
  assert.equal(stats.lossPercent, 0);
  assert.ok(stats.latencyMs > 0 && stats.latencyMs < 1_000, `${stats.latencyMs} ms`);
  assert.ok(stats.kbps > 0);
});

test('disconnect ends both', { skip }, async () => {
  await page.evaluate(() => client.disconnect());
  assert.equal(await page.evaluate(() => client.isConnected), false);
  assert.equal(await page.evaluate(() => client.wsState), 3);
  assert.ok(await page.evaluate(() => heard.includes('multistream/close')));
});
