/**
 * The page's side of the connection: says what each slot should show, and sends only what
 * differs from what was last asked for. All slots are allocated at once, the unused ones paused,
 * so that a change of layout needs no reconnection. Touches no element.
 */

import { MultiStreamClient, resolvedName } from '../multistream-client.ts';
import type { ClientEvents, SlotConfig, SlotStats } from '../multistream-client.ts';

export interface Source {
  stream: string;
  quality: string;
}

export type Link =
  | { state: 'idle' | 'connecting' | 'live' | 'unsteady' }
  | { state: 'waiting'; untilMs: number; reason: string }
  | { state: 'failed'; reason: string };

export interface WallHooks {
  link(link: Link): void;
  track(slot: number, track: MediaStreamTrack): void;
  /** The last moment to keep what the videos show. */
  lost(): void;
  status(...args: ClientEvents['status']): void;
  /** A request that the server left without an answer. */
  silent(slot: number, error: Error): void;
}

export class Wall {
  private readonly client: MultiStreamClient;
  private wanted: (Source | null)[] = [];
  /** Resolved name last asked for by slot; null is paused. */
  private asked: (string | null)[] = [];
  private suspended = false;
  private started = false;
  private waitTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    baseUrl: string, pcConfig: RTCConfiguration,
    private readonly slots: number, private readonly hooks: WallHooks,
  ) {
    this.client = new MultiStreamClient(baseUrl, { pcConfig, reconnect: true });
    this.client.on('track', (slot, track) => hooks.track(slot, track));
    this.client.on('status', (slot, status) => hooks.status(slot, status));
    this.client.on('disconnected', () => hooks.lost());
    this.client.on('connected', () => {
      hooks.link({ state: 'live' });
      this.settle();
    });
    this.client.on('reconnecting', (_attempt, delayMs, reason) => {
      hooks.link({ state: 'waiting', untilMs: Date.now() + delayMs, reason });
      clearTimeout(this.waitTimer);
      this.waitTimer = setTimeout(() => {
        if (!this.client.isConnected) hooks.link({ state: 'connecting' });
      }, delayMs);
    });
    this.client.on('statechange', (state) => {
      if (state === 'disconnected') hooks.link({ state: 'unsteady' });
      if (state === 'connected' && this.client.isConnected) hooks.link({ state: 'live' });
    });
  }

  /** What each slot shows from now on; null costs nothing. */
  show(wanted: readonly (Source | null)[]): void {
    this.wanted = [...wanted];
    if (this.started) this.settle();
    else this.start();
  }

  /** Stops all media, keeping the connection, as for a hidden tab. */
  suspend(suspended: boolean): void {
    if (this.suspended === suspended) return;
    this.suspended = suspended;
    this.settle();
    if (!suspended) this.client.reconnectNow();
  }

  reconnectNow(): void {
    if (this.started) this.client.reconnectNow();
    else this.start();
  }

  stats(slot: number): Promise<SlotStats | null> {
    return this.client.getStats(slot);
  }

  private target(slot: number): Source | null {
    return this.suspended ? null : this.wanted[slot] ?? null;
  }

  private start(): void {
    const first = this.wanted.find((source) => source);
    // Every slot needs a stream's name, so there is nothing to ask for before the first camera.
    if (!first) return;
    this.started = true;
    const slots: SlotConfig[] = Array.from({ length: this.slots }, (_, slot) => {
      const source = this.target(slot);
      return { slot, ...(source ?? first), paused: source === null };
    });
    this.asked = slots.map(({ stream, quality, paused }) =>
      paused ? null : resolvedName(stream, quality));
    this.hooks.link({ state: 'connecting' });
    this.client.connect(slots).catch((error: Error) => {
      this.started = false;
      this.hooks.link({ state: 'failed', reason: error.message });
    });
  }

  private settle(): void {
    if (!this.started) return;
    for (let slot = 0; slot < this.slots; slot += 1) this.settleSlot(slot);
  }

  /** Never waits for the request before: the last wish of a slot wins on the server as well. */
  private settleSlot(slot: number): void {
    const target = this.target(slot);
    const name = target && resolvedName(target.stream, target.quality);
    const before = this.asked[slot] ?? null;
    if (name === before) return;
    this.asked[slot] = name;
    const request = !target
      ? this.client.pause(slot)
      : before === null
        ? this.client.resume(slot, target.stream, target.quality)
        : this.client.switchStream(slot, target.stream, target.quality);
    request.catch((error: Error) => {
      if (this.asked[slot] === name && this.client.isConnected) this.hooks.silent(slot, error);
    });
  }

  /** The server shows `name` in `slot` after all, as when a switch failed. */
  accept(slot: number, name: string): void {
    this.asked[slot] = name;
  }
}
