import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ageMs, crc8, decode, stripRows } from '../barcode.mjs';

const CLIPS = fileURLToPath(new URL('../../../src/demo/clips/', import.meta.url));
const FRAMES = 250;

/** The strip's middle rows of every picture, as ffmpeg decodes them. */
function strips(file, width, height) {
  const rows = stripRows(height);
  const filter = `crop=${width}:${rows.height}:0:${rows.y},format=gray`;
  const args = ['-loglevel', 'error', '-i', file, '-vf', filter, '-f', 'rawvideo', '-'];
  // Limited range is kept: gray is the luma plane as it is.
  const { stdout } = spawnSync('ffmpeg', args, { maxBuffer: 2 ** 31 });
  const size = width * rows.height;
  return Array.from({ length: stdout.length / size }, (_, i) =>
    decode(stdout.subarray(i * size, (i + 1) * size), width, width, rows.height),
  );
}

function size(file) {
  const args = ['-loglevel', 'error', '-show_entries', 'stream=width,height', '-of', 'csv=p=0'];
  return spawnSync('ffprobe', [...args, file]).stdout.toString().trim().split(',').map(Number);
}

for (const name of readdirSync(CLIPS).filter((file) => file.endsWith('.h264'))) {
  test(`every picture of ${name} tells its camera and its place`, () => {
    const [width, height] = size(CLIPS + name);
    const codes = strips(CLIPS + name, width, height);
    assert.equal(codes.length, FRAMES);
    assert.ok(codes[0], 'the first picture has a code');
    const { camera } = codes[0];
    assert.deepEqual(
      codes,
      codes.map((_, n) => ({ camera, n })),
    );
  });
}

test('a strip made of two cameras is no code', () => {
  const strip = (camera, n) => {
    const code = [camera, n >> 8, n & 255];
    code.push(crc8(code));
    const bits = code.flatMap((byte) => [...byte.toString(2).padStart(8, '0')]);
    return bits.map((bit) => (bit === '1' ? 235 : 16));
  };
  const wide = (cells) => Uint8Array.from(cells.flatMap((value) => Array(20).fill(value)));
  const ours = strip(1, 300);
  assert.deepEqual(decode(wide(ours), 640, 640, 1), { camera: 1, n: 300 });
  assert.equal(decode(wide([...ours.slice(0, 8), ...strip(2, 77).slice(8)]), 640, 640, 1), null);
  assert.equal(decode(wide(ours.map((v, i) => (i === 5 ? 120 : v))), 640, 640, 1), null);
  assert.equal(decode(wide(Array(32).fill(16)), 640, 640, 1), null);
  assert.equal(decode(wide(Array(32).fill(235)), 640, 640, 1), null);
});

test('the age of a frame is counted from its instant, across the end of the clip', () => {
  assert.equal(ageMs(20_000 + 40, 0, 25, 500), 40);
  assert.equal(ageMs(40_000 + 30, 499, 25, 500), 70);
  assert.equal(ageMs(19_999, 0, 25, 500), -1);
});
