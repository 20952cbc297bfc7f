/**
 * A phone that turns: a browser's camera says how it is held (urn:3gpp:video-orientation), and
 * the files of its recording are turned so.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Browser } from '../lib/browser.mjs';
import { delay, eventually } from '../lib/process.mjs';
import { Server } from '../lib/server.mjs';

const run = promisify(execFile);
const FOLDER = fileURLToPath(new URL('../out/rotation/', import.meta.url));
const TOKEN = 'a-token-of-the-test';
let server;
let browser;

before(async () => {
  rmSync(FOLDER, { recursive: true, force: true });
  const record = { phone: { path: `${FOLDER}{part}.mp4`, min_free: '0' } };
  const config = { api: { origin: ['*'] }, record };
  server = await Server.run({ phone: { token: TOKEN } }, { config });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await server?.stop();
});

/** Publishes pictures whose camera is held as `globalThis.rotation` says; a page's function. */
async function publish([url, token]) {
  const [width, height] = [320, 180];
  const generator = new MediaStreamTrackGenerator({ kind: 'video' });
  const writer = generator.writable.getWriter();
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  globalThis.rotation = 0;
  let count = 0;
  setInterval(() => {
    count += 1;
    context.fillStyle = `hsl(${(count * 7) % 360} 70% 50%)`;
    context.fillRect(0, 0, width, height);
    const timestamp = Math.round(performance.now() * 1000);
    const upright = new VideoFrame(canvas, { timestamp });
    writer.write(new VideoFrame(upright, { timestamp, rotation: globalThis.rotation }));
    upright.close();
  }, 66);
  const peer = new RTCPeerConnection();
  peer.addTransceiver(generator, { direction: 'sendonly' });
  await peer.setLocalDescription();
  const headers = { 'Content-Type': 'application/sdp', Authorization: `Bearer ${token}` };
  const body = peer.localDescription.sdp;
  const response = await fetch(url, { method: 'POST', headers, body });
  const answer = await response.text();
  await peer.setRemoteDescription({ type: 'answer', sdp: answer });
  globalThis.peer = peer;
  return answer;
}

const index = () => {
  const text = readFileSync(`${FOLDER}index.jsonl`, 'utf8');
  return text.trim().split('\n').map((line) => JSON.parse(line));
};
const opened = () => index().filter((line) => line.event === 'opened');

/** What ffprobe says of a file: its pictures' size, how they are turned, how many there are. */
async function probe(file) {
  const entries = 'stream=width,height,nb_read_packets:stream_side_data=rotation';
  const args = ['-v', 'error', '-count_packets', '-show_entries', entries, '-of', 'json'];
  const { stdout } = await run('ffprobe', [...args, `${FOLDER}${file}`]);
  const [stream] = JSON.parse(stdout).streams;
  const rotation = stream.side_data_list?.[0].rotation ?? 0;
  return [stream.width, stream.height, rotation, Number(stream.nb_read_packets)];
}

test('each way that a phone is held is a part of its own, which players turn', async (t) => {
  const page = await browser.openPage();
  const url = `${server.url}/api/webrtc?dst=phone`;
  const answer = await page.evaluate(publish, [url, TOKEN]);
  assert.match(answer, /urn:3gpp:video-orientation/);
  const held = [0, 90, 180, 270, 0];
  for (const [part, degrees] of held.entries()) {
    await page.evaluate((rotation) => { globalThis.rotation = rotation; }, degrees);
    const begun = () => opened().length > part && opened()[part].video.rotation === degrees;
    await eventually(`a part turned by ${degrees}`, 10_000, begun);
    await delay(1500);
  }
  // What the encoder makes is the same all the time: it is the players who turn it.
  const sent = await page.evaluate(async () => {
    const stats = [...(await peer.getSenders()[0].getStats()).values()];
    const { frameWidth, frameHeight } = stats.find(({ type }) => type === 'outbound-rtp');
    return [frameWidth, frameHeight];
  });
  assert.deepEqual(sent, [320, 180]);
  await page.evaluate(() => peer.close());
  await eventually('all are closed', 15_000, () =>
    index().filter((line) => line.event === 'closed').length === held.length,
  );
  const lines = opened();
  assert.deepEqual(lines.map(({ reason }) => reason), ['start', ...Array(4).fill('rotation')]);
  const rotations = [];
  for (const { file } of lines) {
    const [width, height, rotation, pictures] = await probe(file);
    assert.deepEqual([width, height], [320, 180], file);
    assert.ok(pictures >= 10, `${file}: ${pictures}`);
    rotations.push(rotation);
  }
  // ffprobe counts the other way round.
  assert.deepEqual(rotations, [0, -90, -180, 90, 0]);
  t.diagnostic(`${lines.length} files, which ffprobe says are turned by ${rotations.join(', ')}`);
});
