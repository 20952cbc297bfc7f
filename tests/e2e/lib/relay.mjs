/**
 * A bad network between the browser and the server: a UDP relay that drops and delays.
 *
 * The page puts the relay's port into the server's candidates, so that ICE knows no other way.
 */

import { createSocket } from 'node:dgram';

const HOST = '127.0.0.1';

/** The timestamp of an RTP packet; null of all else (RFC 7983, RFC 5761). */
function rtpTimestamp(data) {
  const type = data[1] & 0x7f;
  const isRtp = data.length > 12 && data[0] >> 6 === 2 && (type < 64 || type > 95);
  return isRtp ? data.readUInt32BE(4) : null;
}

/** Uniform numbers from 0 to 1 from a seed (xorshift32), so that a run can be repeated. */
function random(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

const bind = (socket) =>
  new Promise((resolve) => socket.bind(0, HOST, () => resolve(socket.address().port)));

export class Relay {
  /** Starts one towards a UDP port of this machine. */
  static async start(serverPort, { loss = 0, delayMs = 0, seed = 1 } = {}) {
    const relay = new Relay();
    Object.assign(relay, { serverPort, loss, delayMs, dead: false, dropped: 0, passed: 0 });
    relay.random = random(seed);
    relay.upstream = new Map();
    relay.startsToLose = 0;
    relay.timestamps = new Set();
    relay.front = createSocket('udp4');
    relay.front.on('message', (data, from) => relay.fromBrowser(data, from));
    relay.port = await bind(relay.front);
    return relay;
  }

  /** Passes one datagram on, or not. STUN is lost like everything else. */
  pass(send) {
    if (this.dead || this.random() < this.loss) {
      this.dropped += 1;
      return;
    }
    this.passed += 1;
    if (this.delayMs > 0) setTimeout(send, this.delayMs);
    else send();
  }

  /** Whether this is the first packet of a frame, which is to be lost; resends get through. */
  losesStart(data) {
    const timestamp = rtpTimestamp(data);
    if (timestamp === null || this.timestamps.has(timestamp)) return false;
    this.timestamps.add(timestamp);
    if (this.startsToLose === 0) return false;
    this.startsToLose -= 1;
    this.dropped += 1;
    return true;
  }

  fromBrowser(data, from) {
    const key = `${from.address}:${from.port}`;
    let socket = this.upstream.get(key);
    if (!socket) {
      socket = createSocket('udp4');
      socket.on('message', (reply) => {
        if (this.losesStart(reply)) return;
        this.pass(() => this.front?.send(reply, from.port, from.address));
      });
      socket.on('error', () => {});
      this.upstream.set(key, socket);
    }
    this.pass(() => this.front && socket.send(data, this.serverPort, HOST));
  }

  /** From now on nothing gets through, or all does again. */
  cut(dead) {
    this.dead = dead;
  }

  /** The first packets of the next frames are lost, once each. */
  loseStarts(frames) {
    this.startsToLose = frames;
  }

  stop() {
    this.front.close();
    this.front = null;
    for (const socket of this.upstream.values()) socket.close();
  }
}
