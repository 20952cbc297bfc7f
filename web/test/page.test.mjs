// The page in a real browser, with a server that exists only inside it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { hasChromium, launch, open, serve } from './lib/page.mjs';

const skip = hasChromium ? false : 'no Chromium: set CHROMIUM to its path';
const FOUR = '#layout=4&cells=harbour,street,workshop';

let server;
let browser;

before(async () => {
  if (skip) return;
  server = await serve();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.stop();
});

/** Opens the page, waits for its first picture, and fails on anything the console says. */
async function visit(hash, body, options) {
  const { page, errors, close } = await open(browser, server.url + hash, options);
  try {
    await page.waitForSelector('.cell[data-state=live]');
    await body(page);
    assert.deepEqual(errors, []);
  } finally {
    await close();
  }
}

const cell = (number) => `.cell:nth-child(${number})`;
const state = (page, number, wanted) =>
  page.waitForSelector(`${cell(number)}[data-state=${wanted}]`);
const label = (page, number) => page.textContent(`${cell(number)} .name`);

/** What was sent since the call before, as `type slot stream-quality`. */
const sent = (page) => page.evaluate(() => window.fake.sent.splice(0)
  .map(({ type, slot, stream, quality }) => {
    const name = quality ? `${stream}-${quality}` : stream;
    return [type.split('/')[1], slot, name].filter((part) => part !== undefined).join(' ');
  }));

test('all slots are allocated at once, and those without a cell are silent', { skip }, () =>
  visit(FOUR, async (page) => {
    const [init] = await page.evaluate(() => window.fake.sent);
    assert.equal(init.slots.length, 9);
    assert.deepEqual(init.slots.slice(0, 3).map(({ stream, quality }) => [stream, quality]),
      [['harbour', '360p'], ['street', undefined], ['workshop', '360p']]);
    const names = new Set(init.slots.map(({ stream }) => stream));
    assert.equal(names.size, 3, 'a slot without a cell must not start another camera');
    const paused = (await sent(page)).filter((one) => one.startsWith('pause'));
    assert.deepEqual(paused, [3, 4, 5, 6, 7, 8].map((slot) => `pause ${slot}`));
  }));

test('a camera that is clicked goes to the cell that is clicked next', { skip }, () =>
  visit(FOUR, async (page) => {
    await sent(page);
    await page.click('.camera:has-text("sky")');
    assert.match(await page.textContent('#hint'), /Choose a cell for sky/);
    await page.click(cell(2));
    await state(page, 2, 'live');
    assert.equal(await label(page, 2), 'sky');
    assert.deepEqual(await sent(page), ['switch 1 sky']);
    assert.match(page.url(), /cells=harbour,sky,workshop$/);
  }));

test('the keyboard alone chooses, fills, moves, pauses and clears cells', { skip }, () =>
  visit(FOUR, async (page) => {
    await sent(page);
    await page.keyboard.press('4');
    await page.keyboard.press('g');
    await state(page, 4, 'live');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press(' ');
    await state(page, 2, 'paused');
    await page.keyboard.press(' ');
    await state(page, 2, 'live');
    await page.keyboard.press('Delete');
    await state(page, 2, 'empty');
    assert.deepEqual(await sent(page),
      ['resume 3 garden', 'pause 1', 'resume 1 street', 'pause 1']);
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')),
      'Cell 2: empty');
  }));

test('Tab passes the grid in one stop, and each stop can be seen', { skip }, () =>
  visit(FOUR, async (page) => {
    await page.focus('#tool-help');
    const stops = [];
    for (let stop = 0; stop < 3; stop += 1) {
      await page.keyboard.press('Tab');
      stops.push(await page.evaluate(() => {
        const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
        const seen = outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2;
        return [document.activeElement.getAttribute('aria-label').split(/[:,]/)[0], seen];
      }));
    }
    // The focus chooses the cell, and so its buttons follow.
    assert.deepEqual(stops, [['Cell 1', true], ['Pause (space)', true], ['Enlarge (Enter)', true]]);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    assert.match(await page.evaluate(() => document.activeElement.className), /camera/);
  }));

test('a large cell has its best quality, and the others cost nothing meanwhile', { skip }, () =>
  visit(FOUR, async (page) => {
    await sent(page);
    await page.dblclick(cell(1));
    await page.waitForSelector(`${cell(1)}.large[data-state=live]`);
    assert.equal(await page.isVisible(cell(2)), false);
    assert.deepEqual(await sent(page), ['switch 0 harbour', 'pause 1', 'pause 2']);
    await page.keyboard.press('Escape');
    await state(page, 2, 'live');
    assert.deepEqual(await sent(page),
      ['switch 0 harbour-360p', 'resume 1 street', 'resume 2 workshop-360p']);
  }));

test('a change of layout needs no new connection', { skip }, () =>
  visit(FOUR, async (page) => {
    await sent(page);
    await page.click('[role=radio][aria-label="2 cells"]');
    await page.click('[role=radio][aria-label="9 cells"]');
    await state(page, 3, 'live');
    assert.deepEqual(await sent(page), ['pause 2', 'resume 2 workshop-360p']);
    assert.equal(await page.evaluate(() => window.fake.sockets.length), 1);
  }));

test('a switch that fails leaves the old camera, and its name, where they were', { skip }, () =>
  visit(FOUR, async (page) => {
    await page.evaluate(() => { window.fake.offline = { sky: 'no route to host' }; });
    await page.keyboard.press('2');
    await page.keyboard.press('k');
    await page.waitForSelector('.toast:not([hidden])');
    assert.equal(await page.textContent('.toast'), 'sky: no route to host');
    await state(page, 2, 'live');
    assert.equal(await label(page, 2), 'street');
    assert.match(page.url(), /cells=harbour,street,workshop$/);
  }));

test('an offline camera keeps its last picture under a clear mark', { skip }, () =>
  visit(FOUR, async (page) => {
    await page.evaluate(() => window.fake.sockets[0].status(1, 'street', 'offline', 'timed out'));
    await state(page, 2, 'offline');
    assert.match(await page.textContent(`${cell(2)} .mark`), /Offline\s*timed out/);
    assert.ok(await page.$eval(`${cell(2)} video`, (video) => video.videoWidth) > 0);
    assert.equal(await page.getAttribute(cell(2), 'aria-label'), 'Cell 2: street, Offline');
  }));

test('a lost connection is shown, and comes back by itself with the last picture kept',
  { skip }, () => visit(FOUR, async (page) => {
    await state(page, 1, 'live');
    await page.evaluate(() => {
      window.fake.refuse = true;
      window.fake.sockets[0].drop();
    });
    await state(page, 1, 'lost');
    assert.match(await page.textContent('#link'), /Reconnecting/);
    await page.evaluate(() => { window.fake.refuse = false; window.fake.mute = true; });
    await page.waitForSelector('#link[data-state=live]', { timeout: 10_000 });
    assert.equal(await page.isVisible(`${cell(1)} .still`), true);
    const sum = await page.$eval(`${cell(1)} .still`, (still) => still.getContext('2d')
      .getImageData(100, 100, 1, 1).data.reduce((all, value) => all + value, -255));
    assert.ok(sum > 50, 'the picture that is kept is black');
    await page.evaluate(() => { window.fake.mute = false; });
    await page.waitForSelector(`${cell(1)} .still`, { state: 'hidden' });
    await state(page, 1, 'live');
  }));

test('a hidden tab stops all media after three seconds and starts it on show', { skip }, () =>
  visit(FOUR, async (page) => {
    await sent(page);
    const hide = (hidden) => page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
    await hide(true);
    await page.waitForTimeout(1_000);
    assert.deepEqual(await sent(page), [], 'a glance elsewhere interrupts nothing');
    await page.waitForTimeout(2_300);
    assert.deepEqual(await sent(page), ['pause 0', 'pause 1', 'pause 2']);
    await hide(false);
    assert.deepEqual(await sent(page),
      ['resume 0 harbour-360p', 'resume 1 street', 'resume 2 workshop-360p']);
    await state(page, 1, 'live');
  }));

test('pictures that stop coming are not called live', { skip }, () =>
  visit(FOUR, async (page) => {
    await page.evaluate(() => { window.fake.mute = true; });
    await page.waitForSelector(`${cell(1)}[data-state=stalled]`, { timeout: 10_000 });
    await page.evaluate(() => { window.fake.mute = false; });
    await state(page, 1, 'live');
  }));

test('latency and loss are shown on demand', { skip }, () =>
  visit(FOUR, async (page) => {
    assert.equal(await page.isVisible('.figures'), false);
    await page.keyboard.press('i');
    await page.waitForFunction(() => /^14 ms · 0 % loss/.test(
      document.querySelector('.figures').textContent));
    await page.keyboard.press('i');
    await page.waitForSelector('.figures', { state: 'hidden' });
  }));

test('cells swap by dragging', { skip }, () =>
  visit(FOUR, async (page) => {
    await page.dragAndDrop(cell(1), cell(2));
    await page.waitForFunction(() => location.hash.includes('cells=street,harbour,'));
    await state(page, 1, 'live');
    assert.equal(await label(page, 1), 'street');
  }));

test('on a phone the cells come first, nothing is cut off and targets suit a finger',
  { skip }, () => visit('#layout=6', async (page) => {
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(width, 390);
    const top = (selector) => page.$eval(selector, (one) => one.getBoundingClientRect().top);
    assert.ok(await top('#grid') < await top('#cameras'));
    for (const button of await page.$$('.bar button:visible, .camera')) {
      const { height } = await button.boundingBox();
      assert.ok(height >= 36, `${await button.getAttribute('aria-label')}: ${height} px`);
    }
    await page.tap('.camera:has-text("sky")');
    await page.tap(cell(1));
    await state(page, 1, 'live');
    assert.equal(await label(page, 1), 'sky');
  }, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }));

test('without cameras the page says how to get some', { skip }, async () => {
  const empty = await serve({ demo: false }, {});
  const { page, errors, close } = await open(browser, empty.url);
  try {
    await page.waitForSelector('.none:visible');
    assert.match(await page.textContent('.none'), /streams:/);
    assert.equal(await page.isVisible('#demo'), false);
    assert.deepEqual(errors, []);
  } finally {
    await close();
    empty.stop();
  }
});
