/**
 * One connection from its socket's opening to its end. Knows nothing of reconnecting or of what
 * the page wants; a connection that failed is thrown away.
 */

import { LIMITS } from './limits.ts';
import type { SlotConfig, SlotStatus } from './types.ts';

/** The server's own refusal, as against a transport that failed. */
export class MultiStreamError extends Error {
  override readonly name = 'MultiStreamError';
}

export type Fields = Record<string, unknown>;
export type Answers = (type: string, value: Fields) => boolean;

interface Pending {
  readonly type: string;
  readonly answers: Answers;
  readonly timer: ReturnType<typeof setTimeout>;
  resolve(value: Fields): void;
  reject(error: Error): void;
}

export interface ConnectionHooks {
  status(status: SlotStatus): void;
  track(slot: number, track: MediaStreamTrack): void;
  state(state: RTCPeerConnectionState): void;
  /** Once, and only for a connection that had been open. */
  lost(reason: Error): void;
  log(...what: unknown[]): void;
}

/** One socket and one PeerConnection; used once, then thrown away. */
export class Connection {
  readonly ws: WebSocket;
  readonly pc: RTCPeerConnection;
  readonly receivers = new Map<number, RTCRtpReceiver>();
  readonly tracks = new Map<number, MediaStreamTrack>();
  readonly audioTracks = new Map<number, MediaStreamTrack>();
  private opened = false;
  private closed = false;
  private nextRequest = 1;
  private pending: Pending[] = [];
  private early: RTCIceCandidateInit[] | null = [];
  private failOpen: (error: Error) => void = () => undefined;
  private markConnected: () => void = () => undefined;
  private readonly connected = new Promise<void>((done) => { this.markConnected = done; });

  constructor(url: string, config: RTCConfiguration, private readonly hooks: ConnectionHooks) {
    this.pc = new RTCPeerConnection(config);
    try {
      this.ws = new WebSocket(url);
    } catch (error) {
      this.pc.close();
      throw error;
    }
    this.ws.onmessage = (event) => this.receive(event.data);
    this.ws.onclose = (event) => this.fail(new Error(`WebSocket closed (${event.code})`));
    this.pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) this.send('multistream/ice', { candidate: candidate.candidate });
    };
    this.pc.onconnectionstatechange = () => this.stateChanged();
  }

  get isOpen(): boolean {
    return this.opened && !this.closed;
  }

  /** Resolves when media can flow; on failure everything is closed already. */
  async open(slots: readonly SlotConfig[], timeoutMs: number): Promise<void> {
    const failed = new Promise<never>((_, reject) => { this.failOpen = reject; });
    const timer = setTimeout(
      () => this.fail(new Error(`connection timeout after ${timeoutMs} ms`)), timeoutMs);
    try {
      await Promise.race([this.handshake(slots, timeoutMs), failed]);
      this.opened = true;
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private async handshake(slots: readonly SlotConfig[], timeoutMs: number): Promise<void> {
    const transceivers = slots.map(() =>
      this.pc.addTransceiver('video', { direction: 'recvonly' }));
    for (const { slot } of slots.filter(({ audio }) => audio)) {
      const { receiver } = this.pc.addTransceiver('audio', { direction: 'recvonly' });
      this.audioTracks.set(slot, receiver.track);
    }
    // The offer is made while the socket opens: it needs nothing from the server.
    const [offer] = await Promise.all([this.pc.createOffer(), this.init(slots, timeoutMs)]);
    await this.pc.setLocalDescription(offer);
    const answer = await this.ask(
      'multistream/offer', { sdp: offer.sdp }, reply('multistream/answer'), timeoutMs);
    await this.pc.setRemoteDescription({ type: 'answer', sdp: String(answer['sdp']) });
    transceivers.forEach(({ receiver }, index) => {
      const slot = slots[index]?.slot ?? index;
      this.receivers.set(slot, receiver);
      this.tracks.set(slot, receiver.track);
      this.hooks.track(slot, receiver.track);
    });
    for (const { slot, paused } of slots) {
      // Sent before media can flow, so that a paused slot never costs a packet.
      if (paused) this.send('multistream/pause', { request_id: this.requestId(), slot });
    }
    for (const status of asList(answer['slots'])) this.report(status);
    const early = this.early ?? [];
    this.early = null;
    for (const candidate of early) this.addCandidate(candidate);
    await this.connected;
  }

  private async init(slots: readonly SlotConfig[], timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => { this.ws.onopen = () => resolve(); });
    const wire = slots.map(({ slot, stream, quality, audio }) =>
      ({ slot, stream, ...(quality ? { quality } : {}), ...(audio ? { audio } : {}) }));
    await this.ask('multistream/init', { slots: wire }, reply('multistream/ready'), timeoutMs);
  }

  /** Sends a request and waits for the first message that answers it. */
  ask(type: string, value: Fields, answers: (id: string) => Answers, timeoutMs: number) {
    return new Promise<Fields>((resolve, reject) => {
      if (this.closed) return reject(new Error('not connected'));
      if (this.pending.length >= LIMITS.pendingRequests) {
        return reject(new Error(`${type}: too many requests without an answer`));
      }
      const request_id = this.requestId();
      const timer = setTimeout(() => {
        this.pending = this.pending.filter((other) => other !== entry);
        reject(new Error(`${type}: timeout after ${timeoutMs} ms`));
      }, timeoutMs);
      const entry: Pending = { type, answers: answers(request_id), timer, resolve, reject };
      this.pending.push(entry);
      this.send(type, { request_id, ...value });
    });
  }

  send(type: string, value: Fields): void {
    if (this.ws.readyState !== WebSocket.OPEN) return;
    this.hooks.log('>', type, value);
    this.ws.send(JSON.stringify({ type, value }));
  }

  private requestId(): string {
    return String(this.nextRequest++);
  }

  private receive(data: unknown): void {
    let message: Fields;
    try {
      message = asFields(JSON.parse(String(data)));
    } catch {
      this.hooks.log('not JSON:', data);
      return;
    }
    const type = String(message['type']);
    // The older flat form has the fields beside `type`.
    const value = message['value'] === undefined ? message : message['value'];
    this.hooks.log('<', type, value);
    if (type === 'error') return this.refused(String(value));
    if (type === 'multistream/ice') {
      return this.addCandidate({ candidate: String(value), sdpMLineIndex: 0 });
    }
    const fields = asFields(value);
    if (type === 'multistream/disconnected') {
      return this.fail(new Error(String(fields['reason'] ?? 'connection_lost')));
    }
    if (type === 'multistream/status') this.report(fields['status']);
    this.settle(type, fields);
  }

  private report(value: unknown): void {
    const status = asFields(value);
    if (typeof status['slot'] !== 'number' || typeof status['status'] !== 'string') return;
    this.hooks.status(status as unknown as SlotStatus);
  }

  /** One message may answer several requests: of two switches the last one wins for both. */
  private settle(type: string, value: Fields): void {
    const answered = this.pending.filter((entry) => entry.answers(type, value));
    this.pending = this.pending.filter((entry) => !answered.includes(entry));
    for (const entry of answered) {
      clearTimeout(entry.timer);
      entry.resolve(value);
    }
  }

  /** `text` is `<request type>: <text>`; an error that names no request hits the oldest one. */
  private refused(text: string): void {
    const named = this.pending.find((entry) => text.startsWith(`${entry.type}:`));
    const entry = named ?? (/^(multistream|webrtc)\//.test(text) ? undefined : this.pending[0]);
    if (!entry) return;
    this.pending = this.pending.filter((other) => other !== entry);
    clearTimeout(entry.timer);
    entry.reject(new MultiStreamError(text));
  }

  private addCandidate(candidate: RTCIceCandidateInit): void {
    if (this.early) {
      this.early.push(candidate);
      return;
    }
    // One candidate that the browser can't use is no reason to give up the others.
    this.pc.addIceCandidate(candidate).catch((error: unknown) => this.hooks.log('ICE', error));
  }

  private stateChanged(): void {
    const state = this.pc.connectionState;
    this.hooks.state(state);
    if (state === 'connected') this.markConnected();
    if (state === 'failed') this.fail(new Error('WebRTC connection failed'));
  }

  fail(error: Error): void {
    if (this.closed) return;
    this.close(error, () => {
      if (this.opened) this.hooks.lost(error);
    });
  }

  /**
   * `farewell` runs while the tracks still have their last picture: the end of the
   * PeerConnection turns each video black.
   */
  close(reason: Error, farewell: () => void): void {
    if (this.closed) return;
    this.send('multistream/close', {});
    this.closed = true;
    this.ws.onclose = this.ws.onmessage = this.ws.onopen = null;
    this.pc.onicecandidate = this.pc.onconnectionstatechange = null;
    farewell();
    this.ws.close();
    this.pc.close();
    const pending = this.pending;
    this.pending = [];
    for (const entry of pending) {
      clearTimeout(entry.timer);
      entry.reject(reason);
    }
    this.failOpen(reason);
  }
}

/** Matches the message that echoes the request's id, or has none. */
export function reply(type: string): (id: string) => Answers {
  return (id) => (answer, value) =>
    answer === type && (value['request_id'] === undefined || value['request_id'] === id);
}

export function asFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
