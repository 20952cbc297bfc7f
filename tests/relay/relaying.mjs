/**
 * Viewing where the viewer can't reach the server: by relays over UDP, TCP and TLS, from one end
 * and from both; when a relay fails; and over TCP alone, without any relay.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from '../e2e/node_modules/playwright-core/index.mjs';
import { Child, delay, eventually } from '../e2e/lib/process.mjs';
import {
  ADDRESSES, addCable, inside, makeNetworks, removeCable, removeNetworks, within,
} from './networks.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BINARY = process.env.CROSSPOINT ?? `${ROOT}target/release/crosspoint`;
const OUT = fileURLToPath(new URL('out/', import.meta.url));
const [USER, PASSWORD] = ['hunter1-user', 'hunter2-password'];
const HTTP_PORT = 1984;
const PICTURES_WITHIN_MS = 30_000;
const PICTURES = 50;

const children = [];
const began = Date.now();
let server;

function start(name, command, options) {
  const [program, ...args] = within(name, command);
  const child = new Child(program, args, options);
  children.push(child);
  return child;
}

function passed(what) {
  console.log(`ok ${((Date.now() - began) / 1000).toFixed(1).padStart(5)} s  ${what}`);
}

/** A certificate for the middle's address that is its own authority. */
function certificate() {
  const file = (name) => `${OUT}${name}.pem`;
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=test', '-addext', `subjectAltName=IP:${ADDRESSES.middleToServer}`,
    '-addext', 'basicConstraints=critical,CA:FALSE', '-keyout', file('key'), '-out', file('cert'),
  ], { stdio: 'pipe' });
  // coturn gives up root.
  chmodSync(file('key'), 0o644);
}

/** The TURN server in the middle. */
async function startCoturn() {
  const child = start('middle', [
    'turnserver', '-n', '--log-file=stdout', '--no-cli', '--lt-cred-mech',
    `--user=${USER}:${PASSWORD}`, '--realm=relay.test', `--cert=${OUT}cert.pem`,
    `--pkey=${OUT}key.pem`, `--listening-ip=${ADDRESSES.middleToServer}`,
    `--listening-ip=${ADDRESSES.middleToViewer}`, `--relay-ip=${ADDRESSES.middleToViewer}`,
    '--min-port=40000', '--max-port=40099', '--stale-nonce=30', `--pidfile=${OUT}coturn.pid`,
    `--userdb=${OUT}coturn.db`,
  ]);
  await eventually('coturn listens', 10_000, () =>
    inside('middle', 'ss -Htln').toString().includes(`${ADDRESSES.middleToServer}:5349`));
  return child;
}

/** Carries the WebSocket, as a reverse proxy does; all else has to find its own way. */
function startProxy() {
  const code = `require('node:net').createServer((one) => {
    const other = require('node:net').connect(${HTTP_PORT}, '${ADDRESSES.server}');
    one.pipe(other).pipe(one);
    for (const end of [one, other]) end.on('error', () => { one.destroy(); other.destroy(); });
  }).listen(${HTTP_PORT}, '${ADDRESSES.middleToViewer}');`;
  return start('middle', ['node', '-e', code]);
}

/** The server under test. */
async function startServer(webrtc, env = {}) {
  const config = {
    streams: {
      bars: 'exec:ffmpeg -loglevel error -re -f lavfi -i testsrc2=size=640x360:rate=25 ' +
        '-c:v libx264 -preset ultrafast -profile:v baseline -pix_fmt yuv420p -g 50 -f rtsp ' +
        '-rtsp_transport tcp {output}',
    },
    warm: true,
    api: { listen: `0.0.0.0:${HTTP_PORT}`, origin: ['*'] },
    webrtc: { listen: '0.0.0.0:8555/udp', ...webrtc },
    log: { level: process.env.CROSSPOINT_LOG ?? 'info' },
  };
  writeFileSync(`${OUT}crosspoint.yaml`, JSON.stringify(config, null, 2));
  server = start('server', [BINARY, 'run', '-c', `${OUT}crosspoint.yaml`], {
    env: { ...process.env, SSL_CERT_FILE: `${OUT}cert.pem`, ...env },
  });
  await eventually('the stream is live', 20_000, () => said('source bars: live'));
}

async function stopServer() {
  await server.stop();
  for (const secret of [USER, PASSWORD]) {
    assert(!server.log.join('\n').includes(secret), 'a credential is in the log');
  }
}

const said = (text) => server.log.some((line) => line.includes(text));
const count = (text) => server.log.filter((line) => line.includes(text)).length;

/** Metrics of the server under test. */
function metrics() {
  const code = `fetch('http://127.0.0.1:${HTTP_PORT}/metrics').then((r) => r.text()).then(console.log)`;
  const [program, ...args] = within('server', ['node', '-e', code]);
  return execFileSync(program, args).toString();
}

async function startBrowser() {
  const file = `${OUT}chromium`;
  const command = within('viewer', [process.env.CHROMIUM ?? '/usr/bin/chromium']).join(' ');
  writeFileSync(file, `#!/bin/sh\nexec ${command} "$@"\n`);
  chmodSync(file, 0o755);
  return chromium.launch({
    executablePath: file, headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  });
}

/** A viewer with the product's own client, whose peer connections are in `peers`. */
async function openPage(browser, rtc = {}, host = ADDRESSES.middleToViewer) {
  const page = await browser.newPage();
  await page.addInitScript((rtc) => {
    globalThis.peers = [];
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(config) {
        super({ ...config, ...rtc });
        peers.push(this);
      }
    };
  }, rtc);
  await page.goto(`http://${host}:${HTTP_PORT}/multistream-client.js`);
  await page.evaluate(async (base) => {
    const { MultiStreamClient } = await import('/multistream-client.js');
    globalThis.lost = 0;
    const client = new MultiStreamClient(base, { reconnect: true });
    globalThis.connecting = client.connect([{ slot: 0, stream: 'bars' }]);
    connecting.catch(() => {});
  }, `http://${host}:${HTTP_PORT}`);
  return page;
}

/** Pictures decoded so far, and the pair of candidates that they came by. */
async function seen(page) {
  return page.evaluate(async () => {
    const peer = peers.at(-1);
    if (!peer) return { pictures: 0 };
    const all = [...(await peer.getStats()).values()];
    const transport = all.find((one) => one.type === 'transport');
    const pair = all.find((one) => one.id === transport?.selectedCandidatePairId);
    const of = (id) => all.find((one) => one.id === id);
    const [local, remote] = [of(pair?.localCandidateId), of(pair?.remoteCandidateId)];
    return {
      pictures: all.find((one) => one.type === 'inbound-rtp')?.framesDecoded ?? 0,
      local: `${local?.candidateType} ${local?.protocol} ${local?.relayProtocol ?? ''}`.trim(),
      remote: `${remote?.candidateType} ${remote?.protocol}`,
      rtt: pair?.currentRoundTripTime,
      state: `${peer.iceConnectionState} ${peer.connectionState}`,
    };
  });
}

/** Waits for pictures; how long the first took, and how they came. */
async function watch(page, more = PICTURES) {
  const before = (await seen(page)).pictures;
  const at = Date.now();
  let last;
  try {
    await eventually('a picture', PICTURES_WITHIN_MS, async () =>
      (last = await seen(page)).pictures > before);
    const firstMs = Date.now() - at;
    await eventually('pictures', PICTURES_WITHIN_MS + more * 60, async () =>
      (last = await seen(page)).pictures >= before + more);
    return { ...last, firstMs };
  } catch (error) {
    throw new Error(`${error.message}: ${JSON.stringify(last)}`);
  }
}

const relay = (url, extra) => ({ urls: url, username: USER, credential: PASSWORD, ...extra });
const URLS = {
  udp: `turn:${ADDRESSES.middleToServer}:3478`,
  tcp: `turn:${ADDRESSES.middleToServer}:3478?transport=tcp`,
  tls: `turns:${ADDRESSES.middleToServer}:5349`,
};
// Browsers hide their addresses from pages; what a STUN server sees of them is told to the server.
const STUN = { urls: `stun:${ADDRESSES.middleToViewer}:3478` };
const viewerRelay = (transport) =>
  relay(`turn:${ADDRESSES.middleToViewer}:3478?transport=${transport}`);

/** Without any of this, there is no way. */
async function direct(browser) {
  await startServer({});
  const page = await openPage(browser, { iceServers: [STUN] });
  await delay(6000);
  assert.equal((await seen(page)).pictures, 0, 'the networks are not apart');
  await page.close();
  await stopServer();
  passed('without a relay the viewer sees nothing');
}

/** The server is relayed: the viewer needs no relay. */
async function relayed(browser) {
  for (const [name, url] of Object.entries(URLS)) {
    await startServer({ relays: [relay(url)], ice_transport_policy: 'relay' });
    await eventually('an address', 10_000, () => said(`${ADDRESSES.middleToViewer}:40`));
    const page = await openPage(browser, { iceServers: [STUN] });
    const { firstMs, remote, local } = await watch(page);
    assert.equal(remote, 'relay udp');
    const offered = await page.evaluate(() => peers.at(-1).remoteDescription.sdp);
    assert(!offered.includes(ADDRESSES.server), 'an address of the server is told');
    passed(`relay by ${name}: ${firstMs} ms to the first picture (${local} to ${remote})`);
    assert(/crosspoint_relay_up\{[^}]*\} 1/.test(metrics()), metrics());
    await page.close();
    await stopServer();
  }
}

/** Relays out of a list that a service has. */
async function listed(browser) {
  const list = { servers: [
    { urls: ['stun:192.0.2.1'] },
    { ...relay(`turn:${ADDRESSES.middleToServer}:1`), tz: 0 }, // nobody is there
    { ...relay(URLS.tcp), tz: 60, udp: false },
  ] };
  const code = `require('node:http').createServer((request, response) =>
    response.end(${JSON.stringify(JSON.stringify(list))})).listen(80, '${ADDRESSES.middleToServer}')`;
  const service = start('middle', ['node', '-e', code]);
  await startServer({
    relays_from: `http://${ADDRESSES.middleToServer}/turn?key=${PASSWORD}`,
    ice_transport_policy: 'relay',
  });
  await eventually('an address', 20_000, () => said(`tcp: ${ADDRESSES.middleToViewer}:40`));
  const page = await openPage(browser, { iceServers: [STUN] });
  const { firstMs } = await watch(page);
  passed(`a relay out of a list that is fetched: ${firstMs} ms`);
  await page.close();
  await stopServer();
  await service.kill();
}

/** Both are, so neither sees an address of the other. */
async function both(browser) {
  await startServer({ relays: [relay(URLS.udp)], ice_transport_policy: 'relay' });
  for (const transport of ['udp', 'tcp']) {
    const rtc = { iceTransportPolicy: 'relay', iceServers: [viewerRelay(transport)] };
    const page = await openPage(browser, rtc);
    const { firstMs, remote, local } = await watch(page);
    assert(local.startsWith('relay'), local);
    assert.equal(remote, 'relay udp');
    passed(`relays on both ends, the viewer's by ${transport}: ${firstMs} ms (${local})`);
    await page.close();
  }
  await stopServer();
}

/** A viewer that is there before the relay is told of it when it comes; it outlives nonces. */
async function late(browser) {
  let coturn = await startCoturn();
  await coturn.kill();
  await startServer({ relays: [relay(URLS.udp)] });
  const page = await openPage(browser, { iceServers: [STUN] });
  await delay(2500);
  assert.equal((await seen(page)).pictures, 0);
  coturn = await startCoturn();
  const { firstMs } = await watch(page);
  passed(`a relay that comes later is told to those who wait: ${firstMs} ms`);
  const peers = () => page.evaluate(() => globalThis.peers.length);
  const before = await peers();
  await watch(page, 25 * 70);
  assert.equal(await peers(), before);
  passed('70 s of pictures: permissions, channel and allocation outlive two nonces');

  await coturn.kill();
  await eventually('the loss is seen', 60_000, () => said('connection_lost'));
  passed('a relay that is gone ends its viewers');
  coturn = await startCoturn();
  await eventually('another peer', 60_000, async () => (await peers()) > before);
  await watch(page);
  passed('and when it is back, so are they');
  await page.close();
  await stopServer();
  return coturn;
}

/** What is wrong is said, once. */
async function mistakes() {
  const wrong = { ...relay(URLS.udp), credential: `${PASSWORD}x` };
  await startServer({ relays: [wrong] });
  await eventually('it is said', 10_000, () => said('user name or credential is wrong (401)'));
  await delay(5000);
  assert.equal(count('credential is wrong'), 1);
  assert(/crosspoint_relay_up\{[^}]*\} 0/.test(metrics()), metrics());
  await stopServer();
  await startServer({ relays: [relay(URLS.tls)] }, { SSL_CERT_FILE: '/etc/hostname' });
  await eventually('it is said', 10_000, () => server.log.some((line) =>
    line.includes('WARN') && line.includes('turns:') && line.includes('TLS')
      || line.includes('no certificates')));
  await stopServer();
  passed('a wrong credential and an unknown certificate are said, once');
}

/** A viewer whose network lets no UDP through. */
async function overTcp(browser) {
  addCable();
  await startServer({ listen: '0.0.0.0:8555/udp' });
  const blocked = await openPage(browser, {}, ADDRESSES.serverOnCable);
  await delay(6000);
  assert.equal((await seen(blocked)).pictures, 0, 'UDP passes the cable');
  await blocked.close();
  await stopServer();
  await startServer({ listen: '0.0.0.0:8555' });
  const page = await openPage(browser, {}, ADDRESSES.serverOnCable);
  const { firstMs, remote, local } = await watch(page);
  assert.equal(remote, 'host tcp');
  passed(`ICE over TCP where UDP is blocked: ${firstMs} ms (${local} to ${remote})`);
  assert(/crosspoint_ice_tcp_connections [1-9]/.test(metrics()), metrics());
  await page.close();
  await eventually('its connections are closed', 20_000, () =>
    /crosspoint_ice_tcp_connections 0/.test(metrics()));
  await stopServer();
  removeCable();
}

async function main() {
  mkdirSync(OUT, { recursive: true });
  certificate();
  makeNetworks();
  startProxy();
  const browser = await startBrowser();
  try {
    const wanted = process.argv.slice(2);
    const is = (name) => wanted.length === 0 || wanted.includes(name);
    let coturn = await startCoturn();
    if (is('direct')) await direct(browser);
    if (is('relayed')) await relayed(browser);
    if (is('listed')) await listed(browser);
    if (is('both')) await both(browser);
    if (is('mistakes')) await mistakes();
    if (is('tcp')) await overTcp(browser);
    await coturn.kill();
    if (is('late')) coturn = await late(browser);
  } catch (error) {
    console.error(server?.log.join('\n'));
    throw error;
  } finally {
    await browser.close();
    await Promise.all(children.map((child) => child.kill()));
    removeNetworks();
  }
}

await main();
