/**
 * Runs in the browser: publishes a drawn picture with the bar code, and sound, by WHIP
 * (RFC 9725), sharing no code with the product.
 */

import { CELLS, crc8 } from '/barcode.mjs';

/** A canvas that shows the frame number of the wall clock, and something that moves. */
class Drawing {
  constructor({ camera, width, height, fps, frames }) {
    Object.assign(this, { camera, width, height, fps, frames, shown: -1 });
    this.canvas = Object.assign(document.createElement('canvas'), { width, height });
    this.context = this.canvas.getContext('2d');
    this.timer = setInterval(() => this.draw(), 4);
    // Of its own accord it would leave out a third of them, where its clock beats with ours.
    this.stream = this.canvas.captureStream(0);
  }

  draw() {
    const { camera, width, height, fps, frames, context } = this;
    const n = Math.floor((Date.now() * fps) / 1000) % frames;
    if (n === this.shown) return;
    this.shown = n;
    context.fillStyle = '#406080';
    context.fillRect(0, 0, width, height);
    // Enough detail for an encoder to want all the bits that it may have.
    for (let i = 0; i < 400; i += 1) {
      context.fillStyle = `hsl(${(i * 37 + n * 5) % 360} 70% 50%)`;
      const x = (i * 97 + n * 7) % width;
      const y = height / 6 + ((i * 61 + n * 3) % (height * 0.8));
      context.fillRect(x, y, 12, 12);
    }
    const bytes = [camera, n >> 8, n & 255];
    const bits = [...bytes, crc8(bytes)];
    const cell = width / CELLS;
    for (let i = 0; i < CELLS; i += 1) {
      context.fillStyle = bits[i >> 3] & (0x80 >> (i & 7)) ? '#fff' : '#000';
      context.fillRect(i * cell, 0, cell, (height * 32) / 360);
    }
    this.stream.getTracks()[0].requestFrame();
  }

  stop() {
    clearInterval(this.timer);
  }
}

class Publisher {
  /** `codec`: the name of the only one that is offered; without it all are. */
  async start({ url, token, relay, kbps, picture, codec }) {
    this.drawing = new Drawing(picture);
    this.peer = new RTCPeerConnection();
    const [track] = this.drawing.stream.getTracks();
    track.contentHint = 'detail'; // keeps its size, whatever the bitrate
    const sendEncodings = [{ maxBitrate: kbps * 1000 }];
    const video = this.peer.addTransceiver(track, { direction: 'sendonly', sendEncodings });
    if (codec) {
      const { codecs } = RTCRtpSender.getCapabilities('video');
      const wanted = [`video/${codec}`, 'video/rtx'];
      video.setCodecPreferences(codecs.filter(({ mimeType }) => wanted.includes(mimeType)));
    }
    const sound = new AudioContext().createMediaStreamDestination();
    this.peer.addTransceiver(sound.stream.getTracks()[0], { direction: 'sendonly' });
    await this.peer.setLocalDescription();
    const headers = { 'Content-Type': 'application/sdp' };
    if (token) headers.Authorization = `Bearer ${token}`;
    const body = this.peer.localDescription.sdp;
    const response = await fetch(url, { method: 'POST', headers, body });
    const text = await response.text();
    if (response.status !== 201) {
      this.stop();
      return { status: response.status, text };
    }
    this.resource = new URL(response.headers.get('Location'), url);
    const from = `127.0.0.1 ${relay?.from} `;
    const sdp = relay ? text.replaceAll(from, `127.0.0.1 ${relay.to} `) : text;
    await this.peer.setRemoteDescription({ type: 'answer', sdp });
    return { status: response.status, text };
  }

  /** What is sent of the video. */
  async stats() {
    const report = [...(await this.peer.getSenders()[0].getStats()).values()];
    const one = (type) => report.find((entry) => entry.type === type) ?? {};
    const sent = one('outbound-rtp');
    return {
      at: sent.timestamp,
      bytes: sent.bytesSent,
      targetKbps: sent.targetBitrate / 1000,
      frames: sent.framesSent,
      keyFrames: sent.keyFramesEncoded,
      nacks: sent.nackCount,
      plis: sent.pliCount,
      resent: sent.retransmittedPacketsSent,
      codec: one('codec').mimeType,
      limitedBy: sent.qualityLimitationReason,
    };
  }

  /** Sends nothing any more, as a page that hangs; its connection stays up. */
  async freeze() {
    await Promise.all(this.peer.getSenders().map((sender) => sender.replaceTrack(null)));
  }

  state() {
    return this.peer.connectionState;
  }

  async end() {
    const { status } = await fetch(this.resource, { method: 'DELETE' });
    this.stop();
    return status;
  }

  stop() {
    this.drawing.stop();
    this.peer.close();
  }
}

const publishers = new Map();

/** What the tests call by name. */
globalThis.publishing = {
  start(id, options) {
    publishers.set(id, new Publisher());
    return publishers.get(id).start(options);
  },
  call: (id, method) => publishers.get(id)[method](),
};
