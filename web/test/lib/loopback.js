// Runs inside the page: a WebSocket whose far end is a real RTCPeerConnection beside it, which
// sends one canvas a slot, each of one colour. So the client meets real SDP, ICE and DTLS.
(() => {
  const COLOURS = { red: '#d00', green: '#0a0', blue: '#00d' };
  const heard = window.heard = [];

  function paint(shown, slot) {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 64;
    const context = canvas.getContext('2d');
    setInterval(() => {
      context.fillStyle = COLOURS[shown.get(slot)] ?? '#000';
      context.fillRect(0, 0, 64, 64);
    }, 50);
    return canvas.captureStream(20).getVideoTracks()[0];
  }

  window.WebSocket = class {
    static OPEN = 1;
    readyState = 0;
    shown = new Map();

    constructor() {
      this.far = new RTCPeerConnection();
      this.far.onicecandidate = ({ candidate }) => {
        if (candidate?.candidate) this.tell('multistream/ice', candidate.candidate);
      };
      setTimeout(() => { this.readyState = 1; this.onopen(); });
    }

    async send(text) {
      const { type, value } = JSON.parse(text);
      heard.push(type);
      const { request_id, slot, stream } = value;
      if (type === 'multistream/init') {
        for (const one of value.slots) this.shown.set(one.slot, one.stream);
        this.tell('multistream/ready', { request_id, slots: value.slots.length });
      }
      if (type === 'multistream/offer') await this.answer(request_id, value.sdp);
      if (type === 'multistream/ice') {
        const candidate = { candidate: value.candidate, sdpMLineIndex: 0 };
        await this.ready.then(() => this.far.addIceCandidate(candidate));
      }
      if (type === 'multistream/switch') {
        this.shown.set(slot, stream);
        this.tell('multistream/status', { slot, status: { slot, stream, status: 'active' } });
      }
    }

    async answer(request_id, sdp) {
      this.ready = this.far.setRemoteDescription({ type: 'offer', sdp });
      await this.ready;
      const slots = [...this.shown.keys()];
      this.far.getTransceivers().forEach((transceiver, index) => {
        transceiver.direction = 'sendonly';
        transceiver.sender.replaceTrack(paint(this.shown, slots[index]));
      });
      await this.far.setLocalDescription();
      this.tell('multistream/answer', {
        request_id, sdp: this.far.localDescription.sdp,
        slots: slots.map((slot) => ({ slot, stream: this.shown.get(slot), status: 'pending' })),
      });
    }

    tell(type, value) { this.onmessage?.({ data: JSON.stringify({ type, value }) }); }

    close() {
      this.readyState = 3;
      this.far.close();
    }
  };
})();
