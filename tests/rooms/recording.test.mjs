/** What browsers publish in a room, against what is in files: all of it, as long, in step. */

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { delay, eventually } from '../e2e/lib/process.mjs';
import { Server } from '../e2e/lib/server.mjs';
import { PATIENCE_MS, Scene, here, index, median, mediaFiles, play, probe, run } from './site.mjs';

const FILES = here('out/recording');
/**
 * By what a file may be shorter or longer than its publisher sent: pages look when they come to it,
 * and pictures of before the first sender report are timed by when they came.
 */
const WITHIN_S = 0.7;
/** An Opus packet of a browser. */
const SOUND_S = 0.02;
const CODECS = { VP8: 'vp8', VP9: 'vp9', AV1: 'av1', H264: 'h264' };
const SMALL = { width: 160, height: 120, fps: 10 };
/** Of the clapper: a beep at each frame whose number is a multiple of this. */
const PERIOD = 25;

describe('a room in files', () => {
  let scene;
  let server;

  before(async () => {
    rmSync(FILES, { recursive: true, force: true });
    scene = await Scene.start('assigned');
    const room = { server: scene.url, room: 'whole', password: false, flavour: 'assigned' };
    const record = `${FILES}/{stream}/{part}`;
    server = await Server.run({}, { config: { rooms: { studio: { ...room, record } } } });
  });
  after(async () => {
    await scene?.stop();
    await server?.stop();
  });

  const live = (name) =>
    eventually(`${name} is live`, PATIENCE_MS, async () =>
      (await server.streams())[`studio/${name}`]?.state === 'live');
  const over = (name) =>
    eventually(`the file of ${name} is whole`, PATIENCE_MS, () =>
      index(FILES, 'closed').some(({ file }) => file.startsWith(`studio_${name}/`)));

  test('in each codec of a browser: every picture, as long as it was published', async () => {
    const names = Object.keys(CODECS);
    const pages = await Promise.all(names.map((name) =>
      scene.publish('whole', name, { ...SMALL, codec: name })));
    await Promise.all(names.map(live));
    await delay(5000);
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
      const missing = seconds - found.seconds;
      assert.ok(Math.abs(missing) < WITHIN_S, `${name}: ${missing} s`);
      // Sound that was there before the first key picture is not in the file.
      const silent = (sounds - found.sounds) * SOUND_S;
      assert.ok(Math.abs(silent) < WITHIN_S, `${name}: ${silent} s of sound`);
    }
    await Promise.all(pages.map((page) => page.close()));
  });

  test('a flash and its beep are less than 40 ms apart', async () => {
    const picture = { width: 320, height: 180, fps: 25, clap: PERIOD };
    const page = await scene.publish('whole', 'clapper', picture);
    await live('clapper');
    await delay(12_000);
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
