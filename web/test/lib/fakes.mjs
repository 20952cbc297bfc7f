// WebSocket and RTCPeerConnection for tests without a browser: the test is the server, and
// answers each request by hand.

export class FakeSocket {
  static OPEN = 1;
  static all = [];
  readyState = 0;
  sent = [];

  constructor(url) {
    this.url = url;
    FakeSocket.all.push(this);
  }

  static get last() { return FakeSocket.all.at(-1); }

  accept() {
    this.readyState = 1;
    this.onopen?.();
  }

  send(text) { this.sent.push(JSON.parse(text)); }

  tell(type, value) { this.onmessage?.({ data: JSON.stringify({ type, value }) }); }

  tellRaw(text) { this.onmessage?.({ data: text }); }

  drop(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  close() { this.readyState = 3; }

  /** The requests of one type, newest last. */
  of(type) { return this.sent.filter((one) => one.type === type).map((one) => one.value); }

  status(slot, stream, status, error) {
    this.tell('multistream/status', { slot, status: { slot, stream, status, error } });
  }
}

export class FakePeer {
  static all = [];
  connectionState = 'new';
  transceivers = [];
  candidates = [];
  closed = false;
  report = new Map();

  constructor(config) {
    this.config = config;
    FakePeer.all.push(this);
  }

  static get last() { return FakePeer.all.at(-1); }

  addTransceiver(kind, { direction }) {
    const number = this.transceivers.length;
    const receiver = { track: { kind, number }, getStats: async () => this.report };
    this.transceivers.push({ receiver, direction });
    return this.transceivers.at(-1);
  }

  async createOffer() { return { type: 'offer', sdp: 'the offer' }; }
  async setLocalDescription() {}
  async setRemoteDescription({ sdp }) {
    if (sdp === 'bad') throw new Error('bad SDP');
    this.answered = true;
  }
  async addIceCandidate(candidate) {
    if (!this.answered) throw new Error('too early');
    this.candidates.push(candidate.candidate);
    if (candidate.candidate === 'bad') throw new Error('bad candidate');
  }

  become(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  close() { this.closed = true; }
}

export function install() {
  FakeSocket.all = [];
  FakePeer.all = [];
  globalThis.WebSocket = FakeSocket;
  globalThis.RTCPeerConnection = FakePeer;
}

/** Lets everything that waits for a promise go on. */
export async function settle() {
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
}

/** Plays the server up to the point where media can flow. */
export async function serve(slots) {
  const socket = FakeSocket.last;
  socket.accept();
  await settle();
  const { request_id } = socket.of('multistream/init').at(-1);
  socket.tell('multistream/ready', { request_id, slots: slots.length });
  await settle();
  socket.tell('multistream/answer', {
    type: 'multistream/answer', request_id: socket.of('multistream/offer').at(-1).request_id,
    sdp: 'the answer', slots,
  });
  await settle();
  FakePeer.last.become('connected');
  await settle();
  return socket;
}
