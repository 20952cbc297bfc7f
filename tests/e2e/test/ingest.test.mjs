/** How a camera's stream comes in, from gst-rtsp-server to pictures. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from '../lib/browser.mjs';
import { Cameras } from '../lib/cameras.mjs';
import { eventually } from '../lib/process.mjs';
import { Server } from '../lib/server.mjs';

const CAMERAS = [1, 2].map((camera) => ({ camera, fps: 15, gop: 30, kbps: 300 }));
// A password with the characters that separate the parts of an address.
const PASSWORD = 'p:w@x/#';
let cameras;
let server;
let browser;

before(async () => {
  cameras = await Cameras.start(CAMERAS, { args: ['--user', 'viewer', '--password', PASSWORD] });
  const address = (camera, password) =>
    cameras.url(camera).replace('//', `//viewer:${encodeURIComponent(password)}@`);
  const dead = 'rtsp://127.0.0.1:9/nothing';
  server = await Server.run({
    udp: { url: address(1, PASSWORD), transport: 'udp' },
    tcp: { url: address(2, PASSWORD), transport: 'tcp' },
    refused: address(1, 'wrong'),
    second: [dead, address(2, PASSWORD)],
  });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await server?.stop();
  await cameras?.stop();
});

async function view(stream) {
  const viewer = await browser.viewer({
    url: server.webSocketUrl,
    slots: [{ slot: 0, stream }],
    clocks: cameras.clocks,
  });
  await viewer.connect();
  return viewer;
}

for (const [stream, camera] of [['udp', 1], ['tcp', 2], ['second', 2]]) {
  test(`a camera that wants a digest shows over ${stream}`, async () => {
    const viewer = await view(stream);
    assert.ok(await viewer.picture(0, camera));
    await viewer.close();
  });
}

test('a wrong password is told as such, and no password is', async () => {
  const viewer = await view('refused');
  const status = await eventually('the viewer is told', 8000, async () =>
    (await viewer.statuses(0)).find(({ status }) => status === 'offline'),
  );
  assert.match(status.error, /password/);
  await viewer.close();
  const { refused, udp } = await (await fetch(`${server.url}/api/streams`)).json();
  assert.match(refused.error, /password/);
  assert.doesNotMatch(JSON.stringify([refused, udp]), /wrong|p:w|p%3A/);
});
