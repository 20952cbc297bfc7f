/** What browsers publish in a room, against what is in files: all of it, in step, whatever ends. */

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Browser } from '../e2e/lib/browser.mjs';
import { Child, delay, eventually } from '../e2e/lib/process.mjs';
import { BINARY, Server } from '../e2e/lib/server.mjs';
import { PATIENCE_MS, here, index, mediaFiles, play, probe, run, servePages } from './site.mjs';

const FILES = here('out/recording');
const KILLS = Number(process.env.KILLS ?? 20);
/** What may be missing at the beginning: the time from the answer to the first key picture. */
const START_MAX_S = 0.7;
/** An Opus packet of a browser. */
const SOUND_S = 0.02;
const CODECS = { VP8: 'vp8', VP9: 'vp9', AV1: 'av1', H264: 'h264' };
const FPS = 25;
/** A beep at each frame whose number is a multiple of this. */
const PERIOD = 25;

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

let site;
let signalling;
let url;
let browser;

before(async () => {
  rmSync(FILES, { recursive: true, force: true });
  site = await servePages();
  signalling = new Child('/usr/bin/python3', [here('signalling.py'), 'assigned']);
  url = await signalling.line(5000);
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await signalling?.stop();
  site?.close();
});

async function publish(room, stream, more = '&width=160&height=120&fps=10') {
  const page = await browser.client.newPage();
  const query = `server=${url}&kind=assigned&room=${room}&stream=${stream}`;
  await page.goto(`http://127.0.0.1:${site.address().port}/publisher?${query}${more}`);
  return page;
}

describe('a room in files', () => {
  let server;
  const options = () => ({ server: url, room: 'whole', password: false, flavour: 'assigned' });

  before(async () => {
    const record = `${FILES}/{stream}/{part}`;
    server = await Server.run({}, { config: { rooms: { studio: { ...options(), record } } } });
  });
  after(() => server?.stop());

  const live = (name) =>
    eventually(`${name} is live`, PATIENCE_MS, async () =>
      (await server.streams())[`studio/${name}`]?.state === 'live');
  const over = (name) =>
    eventually(`the file of ${name} is whole`, PATIENCE_MS, () =>
      index(FILES, 'closed').some(({ file }) => file.startsWith(`studio_${name}/`)));

  test('in each codec that a browser sends: every picture, as long as it was published', async () => {
    const names = Object.keys(CODECS);
    const pages = await Promise.all(names.map((name) =>
      publish('whole', name, `&width=160&height=120&fps=10&codec=${name}`)));
    await Promise.all(names.map(live));
    await delay(6000);
    const sent = await Promise.all(pages.map((page) => page.evaluate(() => room.finish())));
    for (const [n, name] of names.entries()) {
      await over(name);
      const [file] = mediaFiles(`${FILES}/studio_${name}`);
      const path = `${FILES}/studio_${name}/${file}`;
      const [{ said, pictures }, found] = [await play(path), await probe(path)];
      const { frames, sounds, seconds } = sent[n];
      console.log(`${name}: ${frames} pictures sent, ${found.pictures} in ${file}; ` +
        `${sounds} packets of sound, ${found.sounds}; ${seconds.toFixed(2)} s published, ` +
        `${found.seconds.toFixed(2)} s long`);
      assert.equal(said, '', name);
      assert.deepEqual(found.codecs, [CODECS[name], 'opus'].sort());
      assert.equal(pictures, found.pictures, 'each of them can be decoded');
      // Chromium counts one that it has not sent when its encoder is made anew.
      assert.ok(frames - found.pictures <= 1 && found.pictures <= frames, name);
      const late = seconds - found.seconds;
      assert.ok(late > -0.3 && late < START_MAX_S, `${name}: ${late} s`);
      // Sound that was there before the first key picture is not in the file.
      const missing = (sounds - found.sounds) * SOUND_S;
      assert.ok(missing > -SOUND_S && missing < START_MAX_S + 0.3, `${name}: ${missing} s of sound`);
    }
    await Promise.all(pages.map((page) => page.close()));
  });

  test('a flash and its beep are less than 40 ms apart', async () => {
    const picture = `&width=320&height=180&fps=${FPS}&clap=${PERIOD}`;
    const page = await publish('whole', 'clapper', picture);
    await live('clapper');
    await delay(14_000);
    await page.evaluate(() => room.finish());
    await over('clapper');
    const [file] = mediaFiles(`${FILES}/studio_clapper`);
    const tool = here('../record/in_step.py');
    const args = [tool, `${FILES}/studio_clapper/${file}`, String(PERIOD)];
    const offsets = JSON.parse((await run('/usr/bin/python3', args)).stdout);
    const most = Math.max(...offsets.map(Math.abs));
    console.log(`beeps behind their pictures, ms: median ${median(offsets)}, most ${most}` +
      ` (${offsets.join(' ')})`);
    assert.ok(offsets.length >= 8, `${offsets.length} beeps with their pictures`);
    assert.ok(Math.abs(median(offsets)) <= 40);
    await page.close();
  });
});

test(`killed ${KILLS} times at any moment, a recorder of three publishers leaves files that play`, {
  skip: KILLS === 0,
}, async () => {
  const names = ['a', 'b', 'c'];
  const codecs = ['H264', 'VP8', 'AV1'];
  const pages = await Promise.all(names.map((name, n) =>
    publish('killed', name, `&width=160&height=120&fps=10&codec=${codecs[n]}`)));
  const args = ['record', '--room', 'killed', '--server', url, '--password', 'false'];
  const killed = [];
  for (let number = 0; number < KILLS; number += 1) {
    const folder = `${FILES}/killed/${number}`;
    const recorder = new Child(BINARY, [...args, '--record', `${folder}/`]);
    await eventually('each has a file', PATIENCE_MS, () => mediaFiles(folder).length === 3)
      .catch((error) => {
        throw new Error(`${error.message}\n${recorder.log.join('\n')}`);
      });
    await delay(200 + Math.random() * 2300);
    const at = Date.now();
    await recorder.kill();
    killed.push({ folder, at });
  }
  await Promise.all(pages.map((page) => page.close()));
  const lost = [];
  for (const { folder, at } of killed) {
    const begun = index(folder, 'opened');
    assert.equal(begun.length, 3);
    for (const { file, began } of begun) {
      const path = await whole(`${folder}/${file}`);
      const { said, pictures } = path ? await play(path) : { said: '', pictures: 0 };
      assert.equal(said, '', path);
      const { seconds } = pictures ? await probe(path) : { seconds: 0 };
      lost.push((at - Date.parse(began)) / 1000 - seconds);
    }
  }
  console.log(`${lost.length} files; ${Math.min(...lost).toFixed(2)} to ` +
    `${Math.max(...lost).toFixed(2)} s before the kill were lost, ` +
    `${median(lost).toFixed(2)} s in the median`);
  // A write holds a second, pictures wait half a one for their sound, and the machine is busy.
  assert.ok(Math.max(...lost) < 2, String(lost));
});

/**
 * The file without what was being written, which players pass over and ffmpeg has a word for; none
 * where nothing was written yet.
 */
async function whole(path) {
  if (!path.endsWith('.mp4')) return (await probe(path)).pictures ? path : null;
  const data = readFileSync(path);
  let end = 0;
  for (let at = 0; at + 8 <= data.length; at += data.readUInt32BE(at)) {
    const stop = at + data.readUInt32BE(at);
    if (data.toString('latin1', at + 4, at + 8) === 'mdat' && stop <= data.length) end = stop;
  }
  if (!end) return null;
  writeFileSync(`${path}.whole.mp4`, data.subarray(0, end));
  return `${path}.whole.mp4`;
}
