/** A recording's playlist, while it grows, behind any web server, in hls.js. */

import assert from 'node:assert/strict';
import { createReadStream, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Browser } from '../lib/browser.mjs';
import { eventually } from '../lib/process.mjs';
import { Server } from '../lib/server.mjs';

const FOLDER = fileURLToPath(new URL('../out/hls/', import.meta.url));
const LIBRARY = createRequire(import.meta.url).resolve('hls.js/dist/hls.min.js');
const PAGE = '<!doctype html><video muted></video><script src=hls.js></script>';
const FPS = 15;
// A grey that is brighter in each second, up to the sixteenth.
const LUMA = 16;
const FILM =
  `exec:ffmpeg -v error -re -f lavfi -i color=black:s=320x180:r=${FPS} ` +
  `-vf geq=lum='${LUMA}*(1+mod(floor(N/${FPS}),13))':cb=128:cr=128 ` +
  `-c:v libx264 -preset ultrafast -tune zerolatency -g ${2 * FPS} -pix_fmt yuv420p ` +
  '-f rtsp -rtsp_transport tcp {output}';
let server;
let site;
let browser;

/** A static server: files, and ranges of them. */
async function serve() {
  const types = { m3u8: 'application/vnd.apple.mpegurl', mp4: 'video/mp4', js: 'text/javascript' };
  const listener = createServer((request, response) => {
    const name = decodeURIComponent(request.url.slice(1));
    if (!name) return response.end(PAGE);
    const file = name === 'hls.js' ? LIBRARY : FOLDER + name;
    const { size } = statSync(file, { throwIfNoEntry: false }) ?? {};
    if (size === undefined) return response.writeHead(404).end();
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const [start, end] = range ? [Number(range[1]), Number(range[2] || size - 1)] : [0, size - 1];
    response.writeHead(range ? 206 : 200, {
      'Content-Type': types[name.split('.').pop()],
      'Content-Length': end - start + 1,
      ...(range && { 'Content-Range': `bytes ${start}-${end}/${size}` }),
    });
    return createReadStream(file, { start, end }).pipe(response);
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return listener;
}

const playlist = () => {
  const name = readdirSync(FOLDER).find((entry) => entry.endsWith('.m3u8'));
  return [name, readFileSync(FOLDER + name, 'utf8')];
};
const segments = () => playlist()[1].match(/#EXTINF/g)?.length ?? 0;

before(async () => {
  rmSync(FOLDER, { recursive: true, force: true });
  const record = { film: { path: `${FOLDER}a film {part}`, hls: true, min_free: '0' } };
  server = await Server.run({ film: FILM }, { config: { record } });
  site = await serve();
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await server?.stop();
  site?.close();
});

/** The time that is shown, and how bright the picture is; a page's function. */
async function look(time) {
  const video = document.querySelector('video');
  if (time !== null) {
    const sought = new Promise((resolve) => {
      video.addEventListener('seeked', resolve, { once: true });
    });
    video.currentTime = time;
    await sought;
    await new Promise((resolve) => {
      video.requestVideoFrameCallback(resolve);
      setTimeout(resolve, 1000);
    });
  }
  const context = new OffscreenCanvas(8, 8).getContext('2d');
  context.drawImage(video, 0, 0, 8, 8);
  const [red] = context.getImageData(4, 4, 1, 1).data;
  return { time: video.currentTime, red, width: video.videoWidth, height: video.videoHeight };
}

test('hls.js plays a part while it is recorded, seeks in it, and comes to its end', async (t) => {
  await eventually('three segments', 60_000, () => segments() >= 3);
  const page = await browser.client.newPage();
  await page.goto(`http://127.0.0.1:${site.address().port}/`);
  await page.evaluate((name) => {
    globalThis.errors = [];
    const video = document.querySelector('video');
    globalThis.player = new Hls({ startPosition: 0 });
    player.on(Hls.Events.ERROR, (_, { details }) => {
      const { currentTime, buffered, readyState } = video;
      const until = buffered.length && buffered.end(buffered.length - 1);
      errors.push({ details, currentTime, until, readyState });
    });
    player.loadSource(encodeURIComponent(name));
    player.attachMedia(video);
    return video.play();
  }, playlist()[0]);
  const seen = await eventually('a picture', 20_000, async () => {
    const found = await page.evaluate(look, null);
    return found.time > 0.5 && found;
  });
  assert.deepEqual([seen.width, seen.height], [320, 180]);
  const duration = () => page.evaluate(() => document.querySelector('video').duration);
  assert.equal(await page.evaluate(() => player.levels[0].details.live), true);
  // It has grown since.
  await eventually('it grows', 30_000, () => segments() >= 6);
  await eventually('the player knows', 30_000, async () =>
    page.evaluate(() => player.levels[0].details.fragments.length >= 6),
  );
  // Each second has its own grey, wherever one goes.
  const greys = [];
  for (const time of [7.5, 0.5, 5.5, 2.5]) {
    const { red } = await page.evaluate(look, time);
    greys.push([time, red]);
  }
  const step = (a, b) => greys.find(([t]) => t === a)[1] - greys.find(([t]) => t === b)[1];
  for (const [a, b] of [[2.5, 0.5], [5.5, 2.5], [7.5, 5.5]]) {
    const perSecond = step(a, b) / (a - b);
    // Limited range is stretched to 255/219.
    assert.ok(Math.abs(perSecond - (LUMA * 255) / 219) < 3, JSON.stringify(greys));
  }
  await server.stop();
  assert.match(playlist()[1], /#EXT-X-ENDLIST\n$/);
  await eventually('the player knows that it is over', 30_000, () =>
    page.evaluate(() => !player.levels[0].details.live),
  );
  const total = await duration();
  const lengths = [...playlist()[1].matchAll(/#EXTINF:([\d.]+)/g)].map(([, length]) => +length);
  const sum = lengths.reduce((all, length) => all + length, 0);
  assert.ok(Math.abs(total - sum) < 0.2, `${total} ${sum}`);
  assert.deepEqual(await page.evaluate(() => errors), []);
  t.diagnostic(`${segments()} segments, ${total.toFixed(2)} s`);
});
