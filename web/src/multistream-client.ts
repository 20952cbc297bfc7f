/**
 * Client of the `multistream/*` protocol: many cameras on one WebRTC connection.
 *
 * One WebSocket carries JSON requests, one RTCPeerConnection carries N video tracks. The i-th
 * transceiver belongs to the i-th entry of `connect(slots)`; a switch changes what a track shows
 * without touching the connection. No dependency; `dist/multistream-client.js` is all of it in one
 * file.
 */


import { asFields, Connection, MultiStreamError, reply } from './client/connection.ts';
import { LIMITS } from './client/limits.ts';
import { digest } from './client/stats.ts';
import type { Sample } from './client/stats.ts';
import type {
  ClientEvents, MultiStreamClientOptions, SlotConfig, SlotStats, SlotStatus, StatusCallback,
} from './client/types.ts';

export { MultiStreamError } from './client/connection.ts';
export type * from './client/types.ts';

export class MultiStreamClient {
  private readonly url: string;
  private connection: Connection | null = null;
  private slots = new Map<number, SlotConfig>();
  private onStatus: StatusCallback | undefined;
  private readonly samples = new Map<number, Sample>();
  // `on` and `emit` pair each event with its arguments; the map between them can not.
  private readonly listeners = new Map<string, Set<(...args: any[]) => void>>();
  /** Ends the wait before the next attempt. */
  private retry: (() => void) | null = null;
  /** Counts calls of `connect` and `disconnect`, so that a stale attempt knows it is one. */
  private generation = 0;

  /**
   * @param baseUrl the server's address, `https://host` or a path relative to the page; a query
   *   is passed on to the WebSocket.
   */
  constructor(baseUrl: string, private readonly options: MultiStreamClientOptions = {}) {
    this.url = socketUrl(baseUrl);
  }

  /** True while media can flow and requests are answered. */
  get isConnected(): boolean {
    return this.connection?.isOpen ?? false;
  }

  /**
   * The audio of the slots that asked for it, by slot; silent while what they show has none.
   * Chromium keeps a slot's audio and video in step. A reconnection brings new tracks.
   */
  get audioTracks(): ReadonlyMap<number, MediaStreamTrack> {
    return this.connection?.audioTracks ?? new Map();
  }

  /** `WebSocket.readyState`; 3 (closed) without a socket. */
  get wsState(): number {
    return this.connection?.ws.readyState ?? 3;
  }

  get pcState(): RTCPeerConnectionState | null {
    return this.connection?.pc.connectionState ?? null;
  }

  /**
   * Connects and resolves with each slot's track once media can flow. With `reconnect`, a failed
   * transport is tried again until it works; the server's refusal rejects in any case.
   */
  async connect(slots: SlotConfig[], onStatus?: StatusCallback) {
    const generation = ++this.generation;
    this.end('replaced by another connect()');
    this.slots = new Map(slots.map((slot) => [slot.slot, { ...slot }]));
    this.onStatus = onStatus;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.attempt(generation);
      } catch (error) {
        const refused = error instanceof MultiStreamError;
        if (refused || !this.options.reconnect || generation !== this.generation) throw error;
        await this.backOff(generation, attempt, messageOf(error));
      }
    }
  }

  /** Ends the connection and any attempt to bring it back. */
  disconnect(): void {
    this.generation += 1;
    this.end('disconnected by the page');
  }

  /** Starts the waiting attempt now, for instance when the browser is online again. */
  reconnectNow(): void {
    this.retry?.();
  }

  /**
   * Shows another stream in a slot. Resolves with the slot's first status that is about it,
   * which may be `error`; rejects when the server stays silent for 5 s. While the connection is
   * coming back the wish is kept for it, and the result is `pending`.
   */
  async switchStream(slot: number, stream: string, quality?: string): Promise<SlotStatus> {
    const wish: SlotConfig = { slot, stream, ...(quality ? { quality } : {}) };
    return this.change('multistream/switch', wish, concerns(slot, resolvedName(stream, quality)));
  }

  /** Stops a slot's media and releases its camera; the slot keeps its place. */
  async pause(slot: number): Promise<SlotStatus> {
    const wish: SlotConfig = { stream: '', ...this.slots.get(slot), slot, paused: true };
    return this.change('multistream/pause', wish, (status) =>
      ['paused', 'inactive', 'error'].includes(status.status));
  }

  /** Starts a paused slot again, on the same stream or on another. */
  async resume(slot: number, stream?: string, quality?: string): Promise<SlotStatus> {
    const last = this.slots.get(slot);
    const wish: SlotConfig = stream === undefined
      ? { ...(last ?? { stream: '' }), slot, paused: false }
      : { slot, stream, ...(quality ? { quality } : {}) };
    const concerned = concerns(slot, resolvedName(wish.stream, wish.quality));
    return this.change('multistream/resume', wish, (status) =>
      status.status !== 'paused' && concerned(status));
  }

  /** Asks the camera for a keyframe; -1 is every slot. */
  async keyframe(slot = -1): Promise<void> {
    await this.open().ask(
      'multistream/keyframe', { slot }, reply('multistream/keyframe'), LIMITS.requestTimeoutMs);
  }

  /** How a slot is doing, or null when nothing is connected or the slot is unknown. */
  async getStats(slot: number): Promise<SlotStats | null> {
    const receiver = this.connection?.receivers.get(slot);
    if (!receiver || !this.isConnected) return null;
    const { stats, sample } = digest(slot, await receiver.getStats(), this.samples.get(slot));
    if (sample) this.samples.set(slot, sample);
    return stats;
  }

  /** Calls `listener` on each `event` until the returned function is called. */
  on<E extends keyof ClientEvents>(
    event: E, listener: (...args: ClientEvents[E]) => void,
  ): () => void {
    const all = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, all.add(listener));
    return () => void all.delete(listener);
  }

  private emit<E extends keyof ClientEvents>(event: E, ...args: ClientEvents[E]): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) {
      try {
        listener(...args);
      } catch (error) {
        // A page's mistake must not take the connection down.
        console.error(`multistream: listener of "${event}" failed`, error);
      }
    }
  }

  private open(): Connection {
    if (!this.connection?.isOpen) throw new Error('not connected');
    return this.connection;
  }

  private async change(
    type: string, request: SlotConfig, settles: (status: SlotStatus) => boolean,
  ): Promise<SlotStatus> {
    const { slot, stream, quality, paused } = request;
    const before = this.slots.get(slot);
    // Whatever it shows, a slot keeps its audio.
    const wish = before?.audio ? { ...request, audio: true } : request;
    if (!this.isConnected) {
      if (!before || !this.options.reconnect) throw new Error('not connected');
      this.slots.set(slot, wish);
      return { slot, stream: resolvedName(stream, quality), status: 'pending' };
    }
    this.slots.set(slot, wish);
    const target = paused ? {} : { ...(stream ? { stream } : {}), ...(quality ? { quality } : {}) };
    const value = await this.open().ask(
      type, { slot, ...target },
      () => (answer, fields) => answer === 'multistream/status' && fields['slot'] === slot
        && settles(asFields(fields['status']) as unknown as SlotStatus),
      LIMITS.requestTimeoutMs);
    const status = value['status'] as SlotStatus;
    // A failed switch left the old camera running, so that is what a reconnection asks for.
    if (status.status === 'error' && before && this.slots.get(slot) === wish) {
      this.slots.set(slot, before);
    }
    return status;
  }

  private async attempt(generation: number): Promise<Map<number, MediaStreamTrack>> {
    const connection = new Connection(this.url, this.options.pcConfig ?? {}, {
      status: (status) => {
        try {
          this.onStatus?.(status.slot, status);
        } catch (error) {
          console.error('multistream: onStatus failed', error);
        }
        this.emit('status', status.slot, status);
      },
      track: (slot, track) => this.emit('track', slot, track),
      state: (state) => this.emit('statechange', state),
      lost: (reason) => void this.lost(generation, reason),
      log: (...what) => {
        if (this.options.debug) console.debug('multistream', ...what);
      },
    });
    this.connection = connection;
    this.samples.clear();
    const timeoutMs = this.options.connectionTimeout ?? LIMITS.connectionTimeoutMs;
    const sent = [...this.slots.values()];
    await connection.open(sent, timeoutMs);
    this.catchUp(sent);
    this.emit('connected', connection.tracks);
    return connection.tracks;
  }

  /** Carries out what the page wished while the connection was under way. */
  private catchUp(sent: readonly SlotConfig[]): void {
    for (const before of sent) {
      const wish = this.slots.get(before.slot);
      if (!wish || wish === before) continue;
      const { slot, stream, quality } = wish;
      const request = wish.paused ? this.pause(slot)
        : before.paused ? this.resume(slot, stream, quality)
          : this.switchStream(slot, stream, quality);
      // The promise was settled long ago; the outcome reaches the page as a status.
      request.catch(() => undefined);
    }
  }

  private async lost(generation: number, reason: Error): Promise<void> {
    if (generation !== this.generation) return;
    this.emit('disconnected', reason.message);
    let why = reason.message;
    for (let attempt = 1; this.options.reconnect; attempt += 1) {
      try {
        await this.backOff(generation, attempt, why);
        await this.attempt(generation);
        return;
      } catch (error) {
        if (generation !== this.generation) return;
        why = messageOf(error);
      }
    }
  }

  /** Waits a jittered time; rejects when the page has moved on meanwhile. */
  private backOff(generation: number, attempt: number, reason: string): Promise<void> {
    const { minDelayMs = LIMITS.minDelayMs, maxDelayMs = LIMITS.maxDelayMs } =
      typeof this.options.reconnect === 'object' ? this.options.reconnect : {};
    const ceilingMs = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(attempt - 1, 16));
    // Half fixed, half random: viewers of a restarted server must not come back in one instant.
    const delayMs = Math.round(ceilingMs / 2 + (Math.random() * ceilingMs) / 2);
    return new Promise((resolve, reject) => {
      const run = () => {
        if (this.retry === run) this.retry = null;
        clearTimeout(timer);
        if (generation === this.generation) resolve();
        else reject(new Error('disconnected by the page'));
      };
      const timer = setTimeout(run, delayMs);
      this.retry = run;
      this.emit('reconnecting', attempt, delayMs, reason);
    });
  }

  private end(reason: string): void {
    this.retry?.();
    const connection = this.connection;
    this.connection = null;
    if (!connection) return;
    const was = connection.isOpen;
    connection.close(new Error(reason), () => {
      if (was) this.emit('disconnected', reason);
    });
  }
}

/** The stream that `stream` and `quality` name together. */
export function resolvedName(stream: string, quality?: string): string {
  return quality && quality !== 'native' ? `${stream}-${quality}` : stream;
}

/** `http(s)://host/path/` or a relative path, to the address of the WebSocket. */
export function socketUrl(baseUrl: string): string {
  const page = typeof location === 'undefined' ? undefined : location.href;
  const url = new URL(baseUrl || '.', page);
  url.protocol = url.protocol.replace(/^http/, 'ws');
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/api/ws`;
  url.hash = '';
  return url.href;
}

/** A status that names another stream is news about the past, unless it is the refusal. */
function concerns(slot: number, name: string): (status: SlotStatus) => boolean {
  return (status) => status.slot === slot
    && (status.status === 'error' || !status.stream || !name
      || status.stream === name || status.instead_of === name);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
