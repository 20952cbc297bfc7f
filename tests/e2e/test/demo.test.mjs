import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from '../lib/browser.mjs';
import { delay } from '../lib/process.mjs';
import { Server } from '../lib/server.mjs';

const CAMERAS = { harbour: 1, street: 2, workshop: 3, garden: 4, dock: 5, sky: 6 };
const VARIANTS = { 'harbour-360p': 11, 'workshop-360p': 13, 'garden-360p': 14 };
const CLOCK = { fps: 25, frames: 250 };
// The server has just started: a camera with a GOP of 10 s may have to be waited for that long.
const FIRST_IDR_MS = 15_000;
let server;
let browser;

before(async () => {
  server = await Server.demo();
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await server?.stop();
});

async function view(names) {
  const numbers = Object.values({ ...CAMERAS, ...VARIANTS });
  const viewer = await browser.viewer({
    url: server.webSocketUrl,
    slots: names.map((stream, slot) => ({ slot, stream })),
    clocks: Object.fromEntries(numbers.map((number) => [number, CLOCK])),
  });
  await viewer.connect();
  return viewer;
}

test('the demo shows its six cameras, live', async () => {
  const viewer = await view(Object.keys(CAMERAS));
  for (const [slot, [name, number]] of Object.entries(CAMERAS).entries()) {
    const picture = await viewer.picture(slot, number, { timeoutMs: FIRST_IDR_MS });
    assert.ok(picture, `${name} shows`);
  }
  await delay(2000);
  for (const slot of Object.keys(CAMERAS).keys()) {
    const { age } = (await viewer.frames(slot)).at(-1);
    assert.ok(age > -50 && age < 500, `the picture in slot ${slot} is ${age} ms old`);
  }
  await viewer.close();
});

test('a quality of a stream is its variant', async () => {
  const viewer = await view(['garden']);
  assert.ok(await viewer.picture(0, 4));
  const asked = await viewer.switch(0, 'garden', '360p');
  assert.ok(await viewer.picture(0, VARIANTS['garden-360p'], { since: asked }));
  const back = await viewer.switch(0, 'garden', 'native');
  assert.ok(await viewer.picture(0, 4, { since: back, width: 1920 }));
  await viewer.close();
});
