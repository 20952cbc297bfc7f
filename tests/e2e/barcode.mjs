/**
 * The bar code in the top of every test and demo picture.
 *
 * A row of 32 equal cells, black (luma 16) or white (235), as wide as the picture and 32/360 of
 * its height, so that lossy coding and scaling leave it readable from 360 to 1080 rows. The cells
 * are, from the left and most significant bit first:
 *
 * - 8 bits camera number,
 * - 16 bits frame number,
 * - 8 bits CRC-8 of these three bytes (polynomial 0x07, initial value 0xff, no reflection).
 *
 * A picture made of two cameras' blocks (a ghost) fails the CRC or has grey cells, and is told
 * from both; an all black or all white strip is no valid code either.
 *
 * The frame number follows the wall clock: n = floor(unix_ms * fps / 1000) mod M, where M is the
 * number of frames in the clip that the camera plays (250 for the demo cameras). Whoever shares
 * the camera's clock knows the age of a shown frame from its number alone.
 *
 * Runs in Node and in the page; tests/cameras/barcode.py draws what this reads.
 */

export const CELLS = 32;
const STRIP_SHARE = 32 / 360;
/** Luma between these is neither black nor white. */
const BLACK_MAX = 75;
const WHITE_MIN = 175;

/** CRC-8 with polynomial 0x07 and initial value 0xff. */
export function crc8(bytes) {
  let crc = 0xff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : crc << 1;
    }
  }
  return crc;
}

/** The rows (even numbers, for 4:2:0) that are read: the middle half of the strip. */
export function stripRows(height) {
  const even = (value) => Math.max(2, Math.floor(value / 2) * 2);
  const strip = height * STRIP_SHARE;
  return { y: even(strip / 4), height: even(strip / 2) };
}

/** Mean luma of the middle of one cell, over the given rows. */
function cellLuma(luma, stride, width, rows, cell) {
  const cellWidth = width / CELLS;
  let sum = 0;
  let count = 0;
  for (const row of [0, rows >> 1, rows - 1]) {
    for (const at of [0.35, 0.5, 0.65]) {
      sum += luma[row * stride + Math.floor((cell + at) * cellWidth)];
      count += 1;
    }
  }
  return sum / count;
}

/**
 * Reads the code from luma rows out of the strip's middle.
 *
 * @param {Uint8Array} luma rows of luma, `stride` bytes apart
 * @param {number} stride bytes from one row to the next
 * @param {number} width pixels of the picture
 * @param {number} rows how many rows there are
 * @returns {{camera: number, n: number} | null} null where there is no valid code
 */
export function decode(luma, stride, width, rows) {
  const bytes = [0, 0, 0, 0];
  for (let cell = 0; cell < CELLS; cell += 1) {
    const value = cellLuma(luma, stride, width, rows, cell);
    if (value > BLACK_MAX && value < WHITE_MIN) return null;
    if (value >= WHITE_MIN) bytes[cell >> 3] |= 0x80 >> (cell & 7);
  }
  const [camera, high, low, crc] = bytes;
  return crc8([camera, high, low]) === crc ? { camera, n: (high << 8) | low } : null;
}

/** Milliseconds since the instant of frame `n`, at the unix time `nowMs`. */
export function ageMs(nowMs, n, fps, modulus) {
  const loop = (modulus * 1000) / fps;
  const age = (nowMs - (n * 1000) / fps) % loop;
  // A clock read a moment before the frame's instant is rounding, not a frame a loop old.
  return age > loop - 100 ? age - loop : age;
}
