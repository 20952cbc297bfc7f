/** Chromium, and viewers in its pages. */

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';
import { eventually } from './process.mjs';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Nobody clicks on anything, and sounds are listened to.
  '--autoplay-policy=no-user-gesture-required',
];
const PAGE = '<!doctype html><meta charset="utf-8"><title>Viewer</title>' +
  '<style>video { width: 320px }</style><body><script type="module" src="/viewer.mjs"></script>';
const FILES = {
  '/': ['text/html', () => PAGE],
  '/viewer.mjs': ['text/javascript', () => source('./viewer_page.mjs')],
  '/publisher.mjs': ['text/javascript', () => source('./publisher_page.mjs')],
  '/ear.mjs': ['text/javascript', () => source('./ear.mjs')],
  '/barcode.mjs': ['text/javascript', () => source('../barcode.mjs')],
};

const source = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');

/** Serves the viewer's page, on another port of the server's host. */
async function servePage() {
  const server = createServer((request, response) => {
    const [type, body] = FILES[request.url] ?? [null, null];
    response.writeHead(type ? 200 : 404, { 'Content-Type': type ?? 'text/plain' });
    response.end(body?.());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** One session in a page; the methods are those of viewer_page.mjs, called from outside. */
export class Viewer {
  static count = 0;

  constructor(page, options) {
    this.page = page;
    this.id = (Viewer.count += 1);
    this.options = options;
  }

  async create() {
    await this.page.evaluate(([id, options]) => harness.create(id, options), [
      this.id,
      this.options,
    ]);
    return this;
  }

  call(method, ...args) {
    return this.page.evaluate(([id, name, list]) => harness.call(id, name, list), [
      this.id,
      method,
      args,
    ]);
  }

  read(field) {
    return this.page.evaluate(([id, name]) => harness.read(id, name), [this.id, field]);
  }

  /** The page's clock, the one of frames and requests. */
  now() {
    return this.page.evaluate(() => harness.now());
  }

  connect() {
    return this.call('connect');
  }

  /** Asks for another stream; returns the time just before. */
  switch(slot, stream, quality) {
    return this.call('request', 'switch', slot, { stream, quality });
  }

  pause(slot) {
    return this.call('request', 'pause', slot);
  }

  resume(slot, stream) {
    return this.call('request', 'resume', slot, stream ? { stream } : {});
  }

  /** The first picture of `camera` (null: of any) from `since` on; null if none came in time. */
  picture(slot, camera, { since = 0, timeoutMs = 10_000, width } = {}) {
    return this.call('picture', slot, camera, since, timeoutMs, width);
  }

  frames(slot, since = 0) {
    return this.call('frames', slot, since);
  }

  stats() {
    return this.call('stats');
  }

  tone(slot) {
    return this.call('tone', slot);
  }

  beeps(slot) {
    return this.call('beeps', slot);
  }

  aheadByStats(slot) {
    return this.call('aheadByStats', slot);
  }

  /** Statuses of a slot from `since` on, oldest first. */
  async statuses(slot, since = 0) {
    return (await this.read('statuses')).filter((s) => s.slot === slot && s.t >= since);
  }

  /**
   * Waits for a status of a slot: the WebSocket and the pictures come by two ways, so
   * what makes a status true may be seen before its message.
   */
  told(slot, status, since = 0) {
    return eventually(`slot ${slot} is told "${status}"`, 5000, async () =>
      (await this.statuses(slot, since)).find((s) => s.status === status),
    );
  }

  close() {
    return this.page.evaluate((id) => harness.close(id), this.id);
  }
}

/** A publisher in a page of its own; the methods are those of publisher_page.mjs. */
export class Publisher {
  static count = 0;

  constructor(page) {
    this.page = page;
    this.id = (Publisher.count += 1);
  }

  /** Resolves with the answer's `status` and `text`. */
  start(options) {
    const start = ([id, options]) => publishing.start(id, options);
    return this.page.evaluate(start, [this.id, options]);
  }

  stats() {
    return this.call('stats');
  }

  /** Ends its session as WHIP has it; the status. */
  end() {
    return this.call('end');
  }

  call(method) {
    return this.page.evaluate(([id, name]) => publishing.call(id, name), [this.id, method]);
  }
}

export class Browser {
  static async start() {
    const browser = new Browser();
    browser.site = await servePage();
    browser.process = await chromium.launchServer({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      headless: true,
      args: FLAGS,
    });
    browser.client = await chromium.connect(browser.process.wsEndpoint());
    browser.page = await browser.openPage();
    return browser;
  }

  async openPage() {
    const page = await this.client.newPage();
    await page.goto(`http://127.0.0.1:${this.site.address().port}/`);
    await page.waitForFunction(() => globalThis.harness);
    return page;
  }

  /**
   * A session that is not connected yet.
   *
   * @param {object} options `url` of the WebSocket, `slots` as in multistream/init, `clocks` by
   *   camera number, `relay` {from, to} UDP ports, and `codec`, the only one that it offers
   */
  viewer(options, page = this.page) {
    return new Viewer(page, options).create();
  }

  /** A page that publishes. */
  async publisher() {
    const page = await this.openPage();
    await page.evaluate(() => import('/publisher.mjs'));
    return new Publisher(page);
  }

  /** Ends it as a crash would. */
  async kill() {
    this.killed = true;
    await this.process.kill();
    this.site.close();
  }

  async stop() {
    if (this.killed) return;
    await this.client.close().catch(() => {});
    await this.process.close().catch(() => {});
    this.site.close();
  }
}
