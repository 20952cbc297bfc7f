/** Recording a room whose publisher can be reached by a relay alone. */

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { delay, eventually } from '../e2e/lib/process.mjs';
import { mediaFiles, play, probe } from '../rooms/site.mjs';
import { ADDRESSES } from './networks.mjs';
import {
  BINARY, OUT, PASSWORD, STUN, USER, passed, relay, start, startCoturn, urls,
} from './world.mjs';

const [SIGNALLING_PORT, PAGES_PORT] = [4443, 8080];
const WITHIN_MS = 20_000;
const RECORD_MS = 3000;
/** Long after the publisher's offer. */
const LATE_MS = 2000;
const FILES = `${OUT}rooms`;
const script = (name) => fileURLToPath(new URL(name, import.meta.url));

/** A TURN server's address as other recorders take it. */
const withLogin = (url) => url.replace(':', `:${USER}:${PASSWORD}@`);

/** A page that publishes in the viewer's network. */
async function publish(browser, stream, more) {
  const page = await browser.newPage();
  const at = `${ADDRESSES.middleToViewer}:${PAGES_PORT}`;
  const query = new URLSearchParams({
    server: `ws://${ADDRESSES.middleToViewer}:${SIGNALLING_PORT}`, kind: 'assigned',
    room: 'far', stream, width: 160, height: 120, fps: 10, ...more,
  });
  await page.goto(`http://${at}/publisher?${query}`);
  return page;
}

/** The recorder, in the server's network; direct ways stay closed to it but for a reason. */
function record(name, ...options) {
  return start('server', [
    BINARY, 'record', '--room', 'far', '--password', 'false', '--record', `${FILES}/${name}/`,
    '--server', `ws://${ADDRESSES.middleToServer}:${SIGNALLING_PORT}`, ...options,
  ], { env: { ...process.env, SSL_CERT_FILE: `${OUT}cert.pem` } });
}

/** Records for a while, and sees to it that all of it is there. */
async function recorded(page, name, ...options) {
  const recorder = record(name, ...options, '--ice-transport-policy', 'relay');
  const files = () => mediaFiles(`${FILES}/${name}`);
  const begins = Date.now();
  try {
    await eventually('a file', WITHIN_MS, () => files().length === 1);
  } catch (error) {
    throw new Error(`${error.message}\n${recorder.log.join('\n')}`);
  }
  const firstMs = Date.now() - begins;
  await delay(RECORD_MS);
  const sent = await page.evaluate(() => room.sent());
  await recorder.stop();
  const log = recorder.log.join('\n');
  assert(![USER, PASSWORD].some((secret) => log.includes(secret)), 'a credential is in the log');
  const path = `${FILES}/${name}/${files()[0]}`;
  const [{ said, pictures }, { codecs, seconds }] = [await play(path), await probe(path)];
  assert.equal(said, '');
  assert.deepEqual(codecs, ['h264', 'opus']);
  assert.equal(sent.remote, 'relay', log);
  assert(pictures >= sent.frames - 1, `${pictures} of ${sent.frames} pictures`);
  return `${pictures} pictures in ${seconds.toFixed(1)} s, none missing; the file ` +
    `was begun after ${firstMs} ms (${sent.local} to ${sent.remote})`;
}

/** By relays of the command line, and by those that the room's service lists. */
export async function rooms(_, browser) {
  rmSync(FILES, { recursive: true, force: true });
  const signalling = [script('../rooms/signalling.py'), 'assigned', `0.0.0.0:${SIGNALLING_PORT}`];
  const server = start('middle', ['/usr/bin/python3', ...signalling]);
  await server.line(5000);
  const list = { servers: [
    { ...relay(`turn:${ADDRESSES.middleToServer}:1`), tz: 0 }, // nobody is there
    { ...relay(urls().udp), tz: 60, udp: true },
    { ...relay(urls().tcp), tz: 60, udp: false },
  ] };
  const service = [script('middle.mjs'), `${PAGES_PORT}`, JSON.stringify(list)];
  const pages = start('middle', ['node', ...service]);
  await pages.line(10_000);

  let page = await publish(browser, 'away', { ice: JSON.stringify({ iceServers: [STUN] }) });
  const direct = record('direct');
  for (const [name, url] of Object.entries(urls())) {
    const how = await recorded(page, name, '--turn-server', withLogin(url));
    passed(`a room is recorded by a relay over ${name}: ${how}`);
  }
  await direct.stop();
  assert.throws(() => mediaFiles(`${FILES}/direct`), 'the networks are not apart');
  await page.close();

  const at = (middle) => `http://${middle}:${PAGES_PORT}/turn?ts=${PASSWORD}`;
  page = await publish(browser, 'far_away', {
    ice: JSON.stringify({ iceTransportPolicy: 'relay' }), relays: at(ADDRESSES.middleToViewer),
  });
  const how = await recorded(page, 'listed', '--relays-from', at(ADDRESSES.middleToServer));
  passed(`and where both find relays in the list of the room's service: ${how}`);
  // Its relay lets nobody through whom it was not told of.
  const waiting = recorded(page, 'late', '--turn-server', withLogin(urls(2).tcp));
  await delay(LATE_MS);
  await startCoturn(2);
  passed(`and by one that comes ${LATE_MS} ms after the publisher has offered: ${await waiting}`);
  await page.close();
  await Promise.all([server, pages].map((child) => child.kill()));
}
