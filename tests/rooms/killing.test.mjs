/** A recorder of a room that is killed at any moment, while three browsers publish. */

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Child, delay, eventually } from '../e2e/lib/process.mjs';
import { BINARY } from '../e2e/lib/server.mjs';
import { PATIENCE_MS, Scene, here, index, median, mediaFiles, play, probe } from './site.mjs';

const FILES = here('out/killing');
const KILLS = Number(process.env.KILLS ?? 20);
const PUBLISHERS = { a: 'H264', b: 'VP8', c: 'AV1' };
/** A write holds a second, pictures wait half a one for their sound, and the machine is busy. */
const LOST_MAX_S = 2.5;

let scene;

before(async () => {
  rmSync(FILES, { recursive: true, force: true });
  scene = await Scene.start('assigned');
});
after(() => scene?.stop());

/**
 * The file without what was being written, which players pass over and ffmpeg has a word for; none
 * where nothing was written yet.
 */
async function whole(path) {
  if (!path.endsWith('.mp4')) {
    const { pictures } = await probe(path).catch(() => ({ pictures: 0 }));
    return pictures ? path : null;
  }
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

/** Seconds before the kill that are in none of a folder's files. */
async function lostIn(folder, killedAt) {
  const begun = index(folder, 'opened');
  assert.equal(begun.length, Object.keys(PUBLISHERS).length);
  return Promise.all(begun.map(async ({ file, began }) => {
    const path = await whole(`${folder}/${file}`);
    const { said, pictures } = path ? await play(path) : { said: '', pictures: 0 };
    assert.equal(said, '', path);
    const { seconds } = pictures ? await probe(path) : { seconds: 0 };
    return (killedAt - Date.parse(began)) / 1000 - seconds;
  }));
}

test(`killed ${KILLS} times, it leaves files that play up to the last seconds`, async () => {
  for (const [name, codec] of Object.entries(PUBLISHERS)) {
    await scene.publish('killed', name, { width: 160, height: 120, fps: 10, codec });
  }
  const room = ['--room', 'killed', '--server', scene.url, '--password', 'false'];
  const killed = [];
  for (let number = 0; number < KILLS; number += 1) {
    const folder = `${FILES}/${number}`;
    const recorder = new Child(BINARY, ['record', ...room, '--record', `${folder}/`]);
    const has = () => mediaFiles(folder).length === Object.keys(PUBLISHERS).length;
    await eventually('each has a file', PATIENCE_MS, has).catch((error) => {
      throw new Error(`${error.message}\n${recorder.log.join('\n')}`);
    });
    await delay(Math.random() * 2000);
    const at = Date.now();
    await recorder.kill();
    killed.push({ folder, at });
  }
  const lost = [];
  for (const { folder, at } of killed) lost.push(...(await lostIn(folder, at)));
  console.log(`${lost.length} files; ${Math.min(...lost).toFixed(2)} to ` +
    `${Math.max(...lost).toFixed(2)} s before the kill were lost, ` +
    `${median(lost).toFixed(2)} s in the median`);
  assert.ok(Math.max(...lost) < LOST_MAX_S, String(lost));
});
