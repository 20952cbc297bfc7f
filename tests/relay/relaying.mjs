/**
 * Viewing where the viewer can't reach the server: by relays over UDP, TCP and TLS, from one end
 * and from both; when a relay fails; and over TCP alone, without any relay.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { delay, eventually } from '../e2e/lib/process.mjs';
import {
  ADDRESSES, addCable, makeNetworks, removeCable, removeNetworks, within,
} from './networks.mjs';
import { rooms } from './rooms.mjs';
import {
  BINARY, NONCE_S, OUT, PASSWORD, STUN, USER, certificate, endAll, passed, relay, start,
  startBrowser, startCoturn, urls, viewerRelay,
} from './world.mjs';

const PICTURES_WITHIN_MS = 30_000;
const PICTURES = 50;
const FPS = 25;
/** An allocation is refreshed this often. */
const REFRESH_S = 25;
const URLS = urls();

/** Carries the WebSocket, as a reverse proxy does; all else has to find its own way. */
function startProxy(port) {
  const code = `require('node:net').createServer((one) => {
    const other = require('node:net').connect(${port}, '${ADDRESSES.server}');
    one.pipe(other).pipe(one);
    for (const end of [one, other]) end.on('error', () => { one.destroy(); other.destroy(); });
  }).listen(${port}, '${ADDRESSES.middleToViewer}');`;
  return start('middle', ['node', '-e', code]);
}

/** A server under test, one at a time on these ports. */
class Subject {
  constructor(shift) {
    [this.shift, this.httpPort, this.mediaPort] = [shift, 1984 + shift, 8555 + shift];
    startProxy(this.httpPort);
  }

  async start(webrtc, env = {}) {
    const config = {
      streams: {
        bars: `exec:ffmpeg -loglevel error -re -f lavfi -i testsrc2=size=640x360:rate=${FPS} ` +
          '-c:v libx264 -preset ultrafast -profile:v baseline -pix_fmt yuv420p -g 50 -f rtsp ' +
          '-rtsp_transport tcp {output}',
      },
      warm: true,
      api: { listen: `0.0.0.0:${this.httpPort}`, origin: ['*'] },
      webrtc: { listen: `0.0.0.0:${this.mediaPort}/udp`, ...webrtc },
      log: { level: process.env.CROSSPOINT_LOG ?? 'info' },
    };
    const file = `${OUT}crosspoint-${this.shift}.yaml`;
    writeFileSync(file, JSON.stringify(config, null, 2));
    this.child = start('server', [BINARY, 'run', '-c', file], {
      env: { ...process.env, SSL_CERT_FILE: `${OUT}cert.pem`, ...env },
    });
    await eventually('the stream is live', 20_000, () => this.said('source bars: live'));
  }

  async stop() {
    await this.child.stop();
    for (const secret of [USER, PASSWORD]) {
      assert(!this.log.join('\n').includes(secret), 'a credential is in the log');
    }
  }

  get log() {
    return this.child?.log ?? [];
  }

  said(text) {
    return this.count(text) > 0;
  }

  count(text) {
    return this.log.filter((line) => line.includes(text)).length;
  }

  metrics() {
    const url = `http://127.0.0.1:${this.httpPort}/metrics`;
    const code = `fetch('${url}').then((r) => r.text()).then(console.log)`;
    const [program, ...args] = within('server', ['node', '-e', code]);
    return execFileSync(program, args).toString();
  }

  /** A viewer with the product's own client, whose peer connections are in `peers`. */
  async openPage(browser, rtc = {}, host = ADDRESSES.middleToViewer) {
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
    const base = `http://${host}:${this.httpPort}`;
    await page.goto(`${base}/multistream-client.js`);
    await page.evaluate(async (base) => {
      const { MultiStreamClient } = await import('/multistream-client.js');
      globalThis.lost = 0;
      const client = new MultiStreamClient(base, { reconnect: true });
      globalThis.connecting = client.connect([{ slot: 0, stream: 'bars' }]);
      connecting.catch(() => {});
    }, base);
    return page;
  }
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

/** Without any of this, there is no way. */
async function direct(subject, browser) {
  await subject.start({});
  const page = await subject.openPage(browser, { iceServers: [STUN] });
  await delay(6000);
  assert.equal((await seen(page)).pictures, 0, 'the networks are not apart');
  await page.close();
  await subject.stop();
  passed('without a relay the viewer sees nothing');
}

/** The server is relayed: the viewer needs no relay. */
async function relayed(subject, browser) {
  for (const [name, url] of Object.entries(URLS)) {
    await subject.start({ relays: [relay(url)], ice_transport_policy: 'relay' });
    await eventually('an address', 10_000, () => subject.said(`${ADDRESSES.middleToViewer}:40`));
    const page = await subject.openPage(browser, { iceServers: [STUN] });
    const { firstMs, remote, local } = await watch(page);
    assert.equal(remote, 'relay udp');
    const offered = await page.evaluate(() => peers.at(-1).remoteDescription.sdp);
    assert(!offered.includes(ADDRESSES.server), 'an address of the server is told');
    passed(`relay by ${name}: ${firstMs} ms to the first picture (${local} to ${remote})`);
    assert(/crosspoint_relay_up\{[^}]*\} 1/.test(subject.metrics()), subject.metrics());
    await page.close();
    await subject.stop();
  }
}

/** Relays out of a list that a service has. */
async function listed(subject, browser) {
  const list = { servers: [
    { urls: ['stun:192.0.2.1'] },
    { ...relay(`turn:${ADDRESSES.middleToServer}:1`), tz: 0 }, // nobody is there
    { ...relay(URLS.tcp), tz: 60, udp: false },
  ] };
  const code = `require('node:http').createServer((request, response) =>
    response.end(${JSON.stringify(JSON.stringify(list))})).listen(80, '${ADDRESSES.middleToServer}')`;
  const service = start('middle', ['node', '-e', code]);
  await subject.start({
    relays_from: `http://${ADDRESSES.middleToServer}/turn?key=${PASSWORD}`,
    ice_transport_policy: 'relay',
  });
  const relayed = `tcp: ${ADDRESSES.middleToViewer}:40`;
  await eventually('an address', 20_000, () => subject.said(relayed));
  const page = await subject.openPage(browser, { iceServers: [STUN] });
  const { firstMs } = await watch(page);
  passed(`a relay out of a list that is fetched: ${firstMs} ms`);
  await page.close();
  await subject.stop();
  await service.kill();
}

/** Both are, so neither sees an address of the other. */
async function both(subject, browser) {
  await subject.start({ relays: [relay(URLS.udp)], ice_transport_policy: 'relay' });
  for (const transport of ['udp', 'tcp']) {
    const rtc = { iceTransportPolicy: 'relay', iceServers: [viewerRelay(transport)] };
    const page = await subject.openPage(browser, rtc);
    const { firstMs, remote, local } = await watch(page);
    assert(local.startsWith('relay'), local);
    assert.equal(remote, 'relay udp');
    passed(`relays on both ends, the viewer's by ${transport}: ${firstMs} ms (${local})`);
    await page.close();
  }
  await subject.stop();
}

/** A viewer that is there before the relay is told of it when it comes; it outlives nonces. */
async function late(subject, browser) {
  await subject.start({ relays: [relay(urls(1).udp)] });
  const page = await subject.openPage(browser, { iceServers: [STUN] });
  await delay(2500);
  assert.equal((await seen(page)).pictures, 0);
  let coturn = await startCoturn(1);
  const { firstMs } = await watch(page);
  passed(`a relay that comes later is told to those who wait: ${firstMs} ms`);
  const peers = () => page.evaluate(() => globalThis.peers.length);
  const before = await peers();
  const seconds = 2 * REFRESH_S + NONCE_S / 2;
  await watch(page, FPS * seconds);
  assert.equal(await peers(), before);
  passed(`${seconds} s of pictures: permissions, channel and allocation outlive two nonces`);

  await coturn.kill();
  await eventually('the loss is seen', 60_000, () => subject.said('connection_lost'));
  passed('a relay that is gone ends its viewers');
  coturn = await startCoturn(1);
  await eventually('another peer', 60_000, async () => (await peers()) > before);
  await watch(page);
  passed('and when it is back, so are they');
  await page.close();
  await subject.stop();
}

/** What is wrong is said, once. */
async function mistakes(subject) {
  const wrong = { ...relay(URLS.udp), credential: `${PASSWORD}x` };
  await subject.start({ relays: [wrong] });
  const why = 'user name or credential is wrong (401)';
  await eventually('it is said', 10_000, () => subject.said(why));
  await delay(5000);
  assert.equal(subject.count('credential is wrong'), 1);
  assert(/crosspoint_relay_up\{[^}]*\} 0/.test(subject.metrics()), subject.metrics());
  await subject.stop();
  await subject.start({ relays: [relay(URLS.tls)] }, { SSL_CERT_FILE: '/etc/hostname' });
  await eventually('it is said', 10_000, () => subject.log.some((line) =>
    line.includes('WARN') && line.includes('turns:') && line.includes('TLS')
      || line.includes('no certificates')));
  await subject.stop();
  passed('a wrong credential and an unknown certificate are said, once');
}

/** A viewer whose network lets no UDP through. */
async function overTcp(subject, browser) {
  addCable();
  await subject.start({ listen: `0.0.0.0:${subject.mediaPort}/udp` });
  const blocked = await subject.openPage(browser, {}, ADDRESSES.serverOnCable);
  await delay(6000);
  assert.equal((await seen(blocked)).pictures, 0, 'UDP passes the cable');
  await blocked.close();
  await subject.stop();
  await subject.start({ listen: `0.0.0.0:${subject.mediaPort}` });
  const page = await subject.openPage(browser, {}, ADDRESSES.serverOnCable);
  const { firstMs, remote, local } = await watch(page);
  assert.equal(remote, 'host tcp');
  passed(`ICE over TCP where UDP is blocked: ${firstMs} ms (${local} to ${remote})`);
  assert(/crosspoint_ice_tcp_connections [1-9]/.test(subject.metrics()), subject.metrics());
  await page.close();
  await eventually('its connections are closed', 20_000, () =>
    /crosspoint_ice_tcp_connections 0/.test(subject.metrics()));
  await subject.stop();
  removeCable();
}

/** Whatever one waits for, the others need not: servers, coturns and pages are of their own. */
async function main() {
  certificate();
  makeNetworks();
  const browser = await startBrowser();
  const subjects = [0, 1, 2].map((shift) => new Subject(shift));
  const all = { relayed, listed, both, direct, mistakes, tcp: overTcp, late, rooms };
  // Nothing that looks for ways runs while the cable is there.
  const lanes = [['relayed', 'listed', 'both'], ['late'], ['direct', 'mistakes']];
  const wanted = process.argv.slice(2);
  const walk = async (lane, subject) => {
    for (const name of lane.filter((name) => !wanted.length || wanted.includes(name))) {
      await all[name](subject, browser);
    }
  };
  try {
    await startCoturn();
    const [first, second, third] = lanes.map((lane, turn) => walk(lane, subjects[turn]));
    await Promise.all([first, third]);
    await walk(['tcp', 'rooms'], subjects[0]);
    await second;
  } catch (error) {
    subjects.forEach((subject) => console.error(subject.log.join('\n')));
    throw error;
  } finally {
    await browser.close();
    await endAll();
    removeNetworks();
  }
}

await main();
