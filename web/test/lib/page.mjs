// Serves the built page on loopback with the headers of the real server, and opens it in
// Chromium with the fake transport of fake-browser.js.

import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { assets } from '../../build.mjs';

export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const hasChromium = existsSync(CHROMIUM);

const TYPES = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };

export const STREAMS = {
  harbour: { producers: [{ url: 'rtsp://192.0.2.1/1' }], consumers: [{}], state: 'online',
    codec: 'h264', width: 1280, height: 720 },
  'harbour-360p': { producers: [], consumers: [], state: 'online', width: 640, height: 360 },
  street: { producers: [], consumers: [], state: 'online', codec: 'h264', width: 640,
    height: 360 },
  workshop: { producers: [], consumers: [], state: 'online', codec: 'h264', width: 1280,
    height: 720 },
  'workshop-360p': { producers: [], consumers: [], state: 'idle', width: 640, height: 360 },
  garden: { producers: [], consumers: [], state: 'connecting', codec: 'h264' },
  'loading dock': { producers: [], consumers: [], state: 'offline' },
  sky: { producers: [], consumers: [], state: 'online', codec: 'h264', width: 1920,
    height: 1080 },
};

export async function serve(config = {}, streams = STREAMS) {
  const files = await assets();
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://page').pathname.slice(1) || 'index.html';
    response.setHeader('Content-Security-Policy', "default-src 'self'");
    const documents = {
      'api/config': { ice_servers: [], max_slots: 9, version: '0.1.0', demo: true, ...config },
      'api/streams': streams,
    };
    if (documents[path]) {
      response.setHeader('Content-Type', 'application/json');
      return response.end(JSON.stringify(documents[path]));
    }
    const body = files[path];
    response.statusCode = body ? 200 : 404;
    response.setHeader('Content-Type', `${TYPES[path.split('.').pop()] ?? 'text/plain'}`);
    response.end(body);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => server.close() };
}

export function launch() {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** A page with the fake transport; `errors` collects whatever the console complains of. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 760 }, colorScheme: 'dark', ...options,
  });
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) errors.push(message.text());
  });
  const script = fileURLToPath(new URL('./fake-browser.js', import.meta.url));
  await page.addInitScript({ content: readFileSync(script, 'utf8') });
  await page.goto(url);
  return { page, errors, close: () => context.close() };
}
