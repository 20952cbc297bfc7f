// Runs inside the page, before its scripts: a server's behaviour behind fake WebSocket and
// RTCPeerConnection classes, with tracks drawn on canvases. Whatever the page asks for is kept
// in `window.fake.sent`.
(() => {
  const fake = window.fake = { sent: [], sockets: [], offline: {}, refuse: false, mute: false };
  const shown = new Map();
  const hues = {};
  const resolve = ({ stream, quality }) =>
    quality && quality !== 'native' ? `${stream}-${quality}` : stream;

  function paint(context, slot) {
    const { width, height } = context.canvas;
    const name = shown.get(slot);
    if (!name || fake.mute) return;
    const base = name.replace(/-\d+p$/, '');
    hues[base] ??= (Object.keys(hues).length * 67 + 200) % 360;
    const sky = context.createLinearGradient(0, 0, 0, height);
    sky.addColorStop(0, `hsl(${hues[base]} 45% 62%)`);
    sky.addColorStop(1, `hsl(${hues[base] + 30} 38% 30%)`);
    context.fillStyle = sky;
    context.fillRect(0, 0, width, height);
    context.fillStyle = `hsl(${hues[base]} 30% 18%)`;
    for (let hill = 0; hill < 5; hill += 1) {
      context.fillRect(hill * 150 - (performance.now() / 60) % 150, height * (.55 + hill % 3 * .1),
        110, height);
    }
    context.fillStyle = '#fff';
    context.font = '600 30px sans-serif';
    context.fillText(name, 24, 60);
    context.font = '20px monospace';
    context.fillText(new Date().toISOString().slice(11, 23), 24, 92);
  }

  class FakePeer extends EventTarget {
    connectionState = 'new';
    transceivers = [];
    constructor() { super(); fake.peer = this; }
    addTransceiver() {
      const slot = this.transceivers.length;
      const canvas = document.createElement('canvas');
      canvas.width = 640;
      canvas.height = 360;
      const context = canvas.getContext('2d');
      setInterval(() => paint(context, slot), 66);
      const track = canvas.captureStream(15).getVideoTracks()[0];
      let frames = 0;
      const receiver = {
        track,
        getStats: async () => new Map([['a', {
          type: 'inbound-rtp', kind: 'video', timestamp: Date.now(), frameWidth: 640,
          frameHeight: 360, framesDecoded: frames += 25, packetsReceived: frames * 4,
          packetsLost: 0, bytesReceived: frames * 4800, jitter: .002,
          totalProcessingDelay: frames * .011,
        }], ['b', {
          type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: .006,
        }]]),
      };
      const transceiver = { receiver };
      this.transceivers.push(transceiver);
      return transceiver;
    }
    async createOffer() { return { type: 'offer', sdp: 'fake' }; }
    async setLocalDescription() {}
    async setRemoteDescription() {
      setTimeout(() => {
        this.connectionState = 'connected';
        this.onconnectionstatechange?.();
      }, 20);
    }
    async addIceCandidate() {}
    close() {
      this.connectionState = 'closed';
      // As with real tracks: their videos turn black.
      for (const { receiver } of this.transceivers) receiver.track.stop();
    }
  }

  class FakeSocket {
    static OPEN = 1;
    readyState = 0;
    slots = new Map();
    constructor(url) {
      fake.url = url;
      fake.sockets.push(this);
      setTimeout(() => {
        if (fake.refuse) return this.drop();
        this.readyState = 1;
        this.onopen?.();
      }, 10);
    }
    send(text) {
      const { type, value } = JSON.parse(text);
      fake.sent.push({ type, ...value });
      setTimeout(() => this.answer(type, value), 15);
    }
    answer(type, value) {
      const { request_id, slot } = value;
      if (type === 'multistream/init') {
        for (const one of value.slots) this.slots.set(one.slot, resolve(one));
        this.tell('multistream/ready', { request_id, slots: value.slots.length });
      } else if (type === 'multistream/offer') {
        const slots = [...this.slots].map(([at, stream]) =>
          ({ slot: at, stream, status: 'pending' }));
        this.tell('multistream/answer', { request_id, sdp: 'fake', slots });
        setTimeout(() => {
          for (const [at, stream] of this.slots) if (stream) this.show(at, stream);
        }, 60);
      } else if (type === 'multistream/pause') {
        this.slots.set(slot, null);
        shown.delete(slot);
        this.status(slot, value.stream ?? '', 'paused');
      } else if (type === 'multistream/switch' || type === 'multistream/resume') {
        this.show(slot, resolve(value));
      }
    }
    show(slot, stream) {
      const before = this.slots.get(slot);
      const reason = fake.offline[stream];
      if (reason && before && before !== stream) {
        this.status(slot, stream, 'error', reason);
        return this.status(slot, before, 'active');
      }
      this.slots.set(slot, stream);
      if (reason) return this.status(slot, stream, 'offline', reason);
      shown.set(slot, stream);
      this.status(slot, stream, 'active');
    }
    status(slot, stream, status, error) {
      this.tell('multistream/status', { slot, status: { slot, stream, status, error } });
    }
    tell(type, value) {
      if (this.readyState === 1) this.onmessage?.({ data: JSON.stringify({ type, value }) });
    }
    drop() {
      this.readyState = 3;
      this.onclose?.({ code: 1006 });
    }
    close() { this.readyState = 3; }
  }

  window.WebSocket = FakeSocket;
  window.RTCPeerConnection = FakePeer;
})();
