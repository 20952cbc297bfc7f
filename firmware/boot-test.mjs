/** The viewing test of firmware/boot-test. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser } from '../tests/e2e/lib/browser.mjs';
import { Cameras } from '../tests/e2e/lib/cameras.mjs';
import { Child, delay, eventually, freePort } from '../tests/e2e/lib/process.mjs';

const RAM_MB = Number(process.env.RAM_MB ?? 64);
const RSS_MAX_KB = 10 * 1024;
const BOOT_TIMEOUT_MS = 180_000;
const PICTURE_TIMEOUT_MS = 60_000;
const WATCH_MS = 20_000;
/** Of 15 a second; the emulation may fall behind, but not stand still. */
const FRAMES_MIN = 100;
/** The host, as the board sees it. */
const HOST = '10.0.2.2';
const CAMERAS = [1, 2, 3];

const image = fileURLToPath(new URL('image', import.meta.url));

/** The board's configuration. JSON is YAML. */
function configuration(cameras, mediaPort) {
  const address = (camera) => cameras.url(camera).replace('127.0.0.1', HOST);
  return JSON.stringify({
    streams: Object.fromEntries(CAMERAS.map((n) => [`cam${n}`, address(n)])),
    api: { listen: ':1984', origin: ['*'] },
    webrtc: { listen: `:${mediaPort}`, candidates: [`127.0.0.1:${mediaPort}`] },
  });
}

function startBoard(folder, httpPort, mediaPort) {
  const forward = [
    `hostfwd=tcp:127.0.0.1:${httpPort}-:1984`,
    `hostfwd=udp:127.0.0.1:${mediaPort}-:${mediaPort}`,
  ];
  // Debian's kernel sets 64 MB aside for devices that this board does not have: cma=0.
  return new Child('qemu-system-aarch64', [
    ...['-M', 'virt', '-cpu', 'cortex-a53', '-m', `${RAM_MB}M`, '-nographic', '-no-reboot'],
    ...['-kernel', join(folder, 'kernel'), '-initrd', join(folder, 'initramfs')],
    ...['-append', 'console=ttyAMA0 cma=0 quiet panic=-1'],
    ...['-netdev', `user,id=net,${forward.join(',')}`],
    ...['-device', 'virtio-net-device,netdev=net'],
  ]);
}

/** Two viewers, three slots each: every slot shows its camera, goes on, and can be switched. */
async function watch(browser, cameras, httpPort) {
  const viewers = [];
  for (const order of [[1, 2, 3], [3, 2, 1]]) {
    const viewer = await browser.viewer({
      url: `ws://127.0.0.1:${httpPort}/api/ws`,
      slots: order.map((camera, slot) => ({ slot, stream: `cam${camera}` })),
      clocks: cameras.clocks,
    });
    await viewer.connect();
    viewers.push({ viewer, order });
  }
  for (const [index, { viewer, order }] of viewers.entries()) {
    for (const [slot, camera] of order.entries()) {
      const picture = await viewer.picture(slot, camera, { timeoutMs: PICTURE_TIMEOUT_MS });
      assert.ok(picture, `viewer ${index + 1} sees camera ${camera} in slot ${slot}`);
    }
  }
  const since = await Promise.all(viewers.map(({ viewer }) => viewer.now()));
  await delay(WATCH_MS);
  for (const [index, { viewer, order }] of viewers.entries()) {
    for (const [slot, camera] of order.entries()) {
      const frames = await viewer.frames(slot, since[index]);
      const { age } = frames.at(-1) ?? {};
      console.log(`viewer ${index + 1} slot ${slot}: ${frames.length} pictures in ` +
        `${WATCH_MS / 1000} s, the last ${Math.round(age)} ms old`);
      assert.ok(frames.length >= FRAMES_MIN, 'the pictures go on');
      assert.ok(frames.every((frame) => frame.camera === camera), 'no other camera shows');
    }
  }
  const [{ viewer }] = viewers;
  const asked = await viewer.switch(0, 'cam2');
  const picture = await viewer.picture(0, 2, { since: asked, timeoutMs: PICTURE_TIMEOUT_MS });
  assert.ok(picture, 'slot 0 switches to camera 2');
  console.log(`switched in ${Math.round(picture.t - asked)} ms`);
}

const parts = [];
const folder = mkdtempSync(join(tmpdir(), 'crosspoint-'));
try {
  const cameras = await Cameras.start(
    CAMERAS.map((camera) => ({ camera, width: 640, height: 360, fps: 15, gop: 30, kbps: 300 })),
  );
  parts.push(cameras);
  const [httpPort, mediaPort] = [await freePort(), await freePort()];
  writeFileSync(join(folder, 'crosspoint.yaml'), configuration(cameras, mediaPort));
  const files = execFileSync(image, [join(folder, 'crosspoint.yaml')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();

  const start = Date.now();
  const board = startBoard(files, httpPort, mediaPort);
  parts.push({ stop: () => board.kill() });
  try {
    await eventually('the page is served', BOOT_TIMEOUT_MS, async () => {
      if (!board.running) throw new Error('the board ended');
      return (await fetch(`http://127.0.0.1:${httpPort}/`)).ok;
    });
    console.log(`page served ${Date.now() - start} ms after power-on, ${RAM_MB} MB of RAM`);
    const browser = await Browser.start();
    parts.push(browser);
    await watch(browser, cameras, httpPort);
    const memory = await eventually('the board tells its memory', PICTURE_TIMEOUT_MS, () =>
      board.log.findLast((line) => line.startsWith('memory:')));
    console.log(memory.replace(/\s+/g, ' '));
    const [, peakKb] = /VmHWM:\s+(\d+) kB/.exec(memory);
    assert.ok(Number(peakKb) <= RSS_MAX_KB, `at most ${RSS_MAX_KB} kB`);
  } catch (error) {
    console.error(board.log.join('\n'));
    throw error;
  }
  console.log('boot test passed');
} finally {
  for (const part of parts.reverse()) await part.stop();
  rmSync(folder, { recursive: true });
}
