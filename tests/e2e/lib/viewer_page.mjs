/**
 * Runs in the browser: a viewer that speaks multistream/* by plain WebSocket, and reads the bar
 * code of every picture that is presented. It shares no code with the product's own client.
 *
 * Times are milliseconds of performance.now().
 */

import { Ear } from '/ear.mjs';
import { ageMs, decode, stripRows } from '/barcode.mjs';

const FRAMES_MAX = 100_000;

/** Reads every presented picture of one <video>. */
class Reader {
  constructor(video, clocks) {
    this.video = video;
    this.clocks = clocks;
    this.frames = [];
    this.waiting = [];
    this.buffer = new Uint8Array(0);
    this.chain = Promise.resolve();
    this.stopped = false;
    this.taken = false;
    this.next();
  }

  next() {
    this.video.requestVideoFrameCallback((_now, metadata) => {
      if (this.stopped) return;
      this.next();
      this.take(metadata);
    });
  }

  take(metadata) {
    const t = performance.now();
    let frame;
    try {
      // copyTo is cheap; reading back a canvas costs more than decoding does.
      frame = new VideoFrame(this.video);
    } catch {
      // The first callbacks can come before the element admits to having a picture.
      if (!this.stopped && !this.taken) requestAnimationFrame(() => this.take(metadata));
      return;
    }
    this.taken = true;
    this.chain = this.chain.then(() => this.read(frame, t, metadata));
  }

  async read(frame, t, metadata) {
    try {
      const { width, height } = frame.visibleRect;
      const rows = stripRows(height);
      const strip = await this.luma(frame, width, rows.y, rows.height);
      const code = decode(strip.data, strip.stride, width, rows.height);
      const body = await this.luma(frame, width, (height >> 2) * 2, 2);
      this.add({
        t,
        camera: code?.camera ?? null,
        n: code?.n ?? null,
        age: this.age(code, performance.timeOrigin + t),
        width,
        height,
        luma: mean(body.data, body.stride, width),
        presented: metadata.presentedFrames,
      });
    } finally {
      frame.close();
    }
  }

  async luma(frame, width, y, height) {
    const options = { rect: { x: 0, y, width, height } };
    const size = frame.allocationSize(options);
    if (this.buffer.length < size) this.buffer = new Uint8Array(size);
    const [plane] = await frame.copyTo(this.buffer, options);
    return { data: this.buffer.subarray(plane.offset), stride: plane.stride };
  }

  age(code, unixMs) {
    const clock = code && this.clocks[code.camera];
    return clock ? ageMs(unixMs, code.n, clock.fps, clock.frames) : null;
  }

  add(frame) {
    if (this.frames.length < FRAMES_MAX) this.frames.push(frame);
    this.waiting = this.waiting.filter(({ match, resolve }) => {
      if (match(frame)) resolve(frame);
      return !match(frame);
    });
  }

  /** The first frame after `since` that matches; null after the time. */
  wait(since, match, timeoutMs) {
    const all = (frame) => frame.t >= since && match(frame);
    const seen = this.frames.find(all);
    if (seen) return Promise.resolve(seen);
    return new Promise((resolve) => {
      this.waiting.push({ match: all, resolve });
      setTimeout(() => resolve(null), timeoutMs);
    });
  }

  stop() {
    this.stopped = true;
    this.video.srcObject = null;
    this.video.remove();
  }
}

function mean(luma, stride, width) {
  let sum = 0;
  for (let x = 0; x < width; x += 1) sum += luma[x];
  return sum / width;
}

/** The server's UDP port in a candidate is the relay's; ways around the relay are left out. */
function throughRelay(sdp, relay) {
  if (!relay) return sdp;
  const lines = sdp.split('\r\n').flatMap((line) => {
    if (!/^(a=)?candidate:/.test(line)) return [line];
    const fields = line.split(' ');
    const direct = fields[2].toLowerCase() === 'udp' && fields[5] === String(relay.from);
    if (!direct || fields[4] !== '127.0.0.1') return [];
    fields[5] = String(relay.to);
    return [fields.join(' ')];
  });
  return lines.join('\r\n');
}

/** One session. */
class Viewer {
  constructor({ url, slots, clocks, relay, codec }) {
    Object.assign(this, { url, slots, clocks, relay, codec });
    this.readers = new Map();
    this.ears = new Map();
    this.statuses = [];
    this.errors = [];
    this.others = [];
    this.times = {};
    this.pending = [];
  }

  send(type, value) {
    this.socket.send(JSON.stringify({ type, value }));
  }

  /** Resolves with the next message that matches. */
  expect(match, timeoutMs) {
    return new Promise((resolve, reject) => {
      const entry = { match, resolve };
      this.pending.push(entry);
      setTimeout(() => reject(new Error('no answer in time')), timeoutMs);
    });
  }

  received(message) {
    const value = message.value ?? message;
    const t = performance.now();
    if (message.type === 'multistream/status') {
      this.statuses.push({ t, slot: value.slot, ...value.status });
    } else if (message.type === 'multistream/ice' && this.peer?.remoteDescription) {
      const candidate = throughRelay(value.candidate ?? value, this.relay);
      if (candidate) this.peer.addIceCandidate({ candidate, sdpMLineIndex: 0 }).catch(() => {});
    } else if (message.type === 'error') {
      this.errors.push({ t, text: message.value });
    } else {
      this.others.push({ t, type: message.type, value });
    }
    const found = this.pending.findIndex(({ match }) => match(message, value));
    if (found >= 0) this.pending.splice(found, 1)[0].resolve({ message, value, t });
  }

  async open() {
    this.socket = new WebSocket(this.url);
    this.socket.onmessage = ({ data }) => this.received(JSON.parse(data));
    this.socket.onclose = () => (this.times.closed = performance.now());
    await new Promise((resolve, reject) => {
      this.socket.onopen = resolve;
      this.socket.onerror = () => reject(new Error('the WebSocket did not open'));
    });
  }

  /** Connects; resolves when ICE and DTLS are up. */
  async connect() {
    const started = performance.now();
    this.times.start = started;
    await this.open();
    const ready = this.expect(({ type }) => /ready|error/.test(type), 10_000);
    this.send('multistream/init', { request_id: 'init', slots: this.slots });
    const init = await ready;
    if (init.message.type === 'error') throw new Error(init.message.value);
    const offer = await this.offer();
    const answered = this.expect(({ type }) => /answer|error/.test(type), 10_000);
    this.times.offer = performance.now();
    this.send('multistream/offer', { request_id: 'offer', sdp: offer.sdp });
    const { message, value, t } = await answered;
    if (message.type === 'error') throw new Error(message.value);
    this.times.answer = t;
    this.answer = value;
    const sdp = throughRelay(value.sdp, this.relay);
    await this.peer.setRemoteDescription({ type: 'answer', sdp });
    await this.connected();
    this.times.connected = performance.now();
    return this.times;
  }

  async offer() {
    this.peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.slots.forEach(({ slot }) => {
      const transceiver = this.peer.addTransceiver('video', { direction: 'recvonly' });
      const { receiver } = transceiver;
      if (this.codec) {
        const { codecs } = RTCRtpReceiver.getCapabilities('video');
        const wanted = [`video/${this.codec}`, 'video/rtx'];
        transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => wanted.includes(mimeType)));
      }
      const video = document.createElement('video');
      Object.assign(video, { muted: true, autoplay: true, playsInline: true });
      document.body.append(video);
      video.srcObject = new MediaStream([receiver.track]);
      this.readers.set(slot, new Reader(video, this.clocks));
    });
    for (const { slot } of this.slots.filter(({ audio }) => audio)) {
      const { receiver } = this.peer.addTransceiver('audio', { direction: 'recvonly' });
      const { video } = this.readers.get(slot);
      video.srcObject.addTrack(receiver.track);
      this.ears.set(slot, new Ear(receiver.track));
    }
    const offer = await this.peer.createOffer();
    await this.peer.setLocalDescription(offer);
    this.peer.onicecandidate = ({ candidate }) =>
      candidate && this.send('multistream/ice', { candidate: candidate.candidate });
    return offer;
  }

  connected() {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.peer.connectionState === 'connected') resolve();
        if (this.peer.connectionState === 'failed') reject(new Error('ICE or DTLS failed'));
      };
      this.peer.addEventListener('connectionstatechange', look);
      setTimeout(() => reject(new Error('not connected in time')), 15_000);
      look();
    });
  }

  /** Sends a request about a slot; returns the time just before. */
  request(type, slot, values = {}) {
    const t = performance.now();
    this.send(`multistream/${type}`, { request_id: `${type}-${t}`, slot, ...values });
    return t;
  }

  frames(slot, since = 0) {
    return this.readers.get(slot).frames.filter(({ t }) => t >= since);
  }

  /** The first picture of a camera (any camera for null) after `since`, or null. */
  picture(slot, camera, since, timeoutMs, width) {
    const match = (frame) =>
      frame.camera !== null &&
      (camera === null || frame.camera === camera) &&
      (width === undefined || frame.width === width);
    return this.readers.get(slot).wait(since, match, timeoutMs);
  }

  /** Sums over the video streams of the receive side, and one entry a slot. */
  async stats() {
    const slots = {};
    const transceivers = this.peer.getTransceivers();
    for (const [i, { slot }] of this.slots.entries()) {
      const report = await transceivers[i].receiver.getStats();
      const inbound = [...report.values()].find(({ type }) => type === 'inbound-rtp') ?? {};
      slots[slot] = {
        pli: inbound.pliCount ?? 0,
        nack: inbound.nackCount ?? 0,
        lost: inbound.packetsLost ?? 0,
        decoded: inbound.framesDecoded ?? 0,
        received: inbound.framesReceived ?? 0,
        dropped: inbound.framesDropped ?? 0,
        freezes: inbound.freezeCount ?? 0,
        bytes: inbound.bytesReceived ?? 0,
        packets: inbound.packetsReceived ?? 0,
      };
    }
    return slots;
  }

  /** The tone that a slot sounds at present: `hz` and `level` (its amplitude in dB of full). */
  tone(slot) {
    return this.ears.get(slot).tone();
  }

  /** When each beep of a slot began, as it was handed to the output. */
  beeps(slot) {
    return this.ears.get(slot).beeps;
  }

  /** By how much the browser itself takes a slot's audio to be ahead of its video, in ms. */
  async aheadByStats(slot) {
    const transceivers = this.peer.getTransceivers();
    const video = transceivers[this.slots.findIndex((each) => each.slot === slot)];
    const audio = transceivers.filter(({ receiver }) => receiver.track.kind === 'audio')[
      this.slots.filter((each) => each.audio).findIndex((each) => each.slot === slot)
    ];
    const inbound = async ({ receiver }) =>
      [...(await receiver.getStats()).values()].find(({ type }) => type === 'inbound-rtp');
    const [of_audio, of_video] = await Promise.all([inbound(audio), inbound(video)]);
    const drift = of_audio.timestamp - of_video.timestamp;
    return of_audio.estimatedPlayoutTimestamp - of_video.estimatedPlayoutTimestamp - drift;
  }

  close() {
    for (const ear of this.ears.values()) ear.stop();
    for (const reader of this.readers.values()) reader.stop();
    if (this.socket?.readyState === WebSocket.OPEN) this.send('multistream/close', {});
    this.socket?.close();
    this.peer?.close();
  }
}

const viewers = new Map();

/** What the tests call by name. */
globalThis.harness = {
  create(id, options) {
    viewers.set(id, new Viewer(options));
  },
  call(id, method, args) {
    return viewers.get(id)[method](...args);
  },
  read(id, field) {
    return viewers.get(id)[field];
  },
  close(id) {
    viewers.get(id)?.close();
    viewers.delete(id);
  },
  now: () => performance.now(),
};
