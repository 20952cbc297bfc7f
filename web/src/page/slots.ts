/**
 * Keeps what the server said about each slot beside what the page wants there, so that no
 * picture is ever labelled with a camera that it does not show. Pure.
 */

import { resolvedName } from '../multistream-client.ts';
import type { SlotStatus } from '../multistream-client.ts';
import type { Source } from './wall.ts';

/** What a status means for the page. */
export type News =
  | { kind: 'nothing' }
  | { kind: 'changed' }
  /** A stream can't be had; `error` says why. */
  | { kind: 'refused'; stream: string; error: string }
  /**
   * In spite of the wish this stream is what the slot shows; `reason` says why, where no refusal
   * has said it.
   */
  | { kind: 'kept'; stream: string; reason: string };

export class Slots {
  private readonly wanted: (string | null)[] = [];
  private readonly last: (SlotStatus | null)[] = [];
  /** The server has spoken about the wanted stream, so what it says of others is no old news. */
  private readonly heard: boolean[] = [];

  /** Statuses of another stream are forgotten; those of the same one stay true. */
  want(slot: number, source: Source | null): void {
    const name = source && resolvedName(source.stream, source.quality);
    if (this.wanted[slot] === name) return;
    this.wanted[slot] = name;
    this.last[slot] = null;
    this.heard[slot] = false;
  }

  hear(slot: number, status: SlotStatus): News {
    const wanted = this.wanted[slot] ?? null;
    if (wanted === null || status.status === 'paused') return { kind: 'nothing' };
    const about = status.instead_of === wanted ? wanted : status.stream || wanted;
    if (about === wanted) {
      this.heard[slot] = true;
      this.last[slot] = status;
    }
    if (status.status === 'error') {
      return { kind: 'refused', stream: about, error: status.error ?? 'unknown reason' };
    }
    if (about === wanted) return { kind: 'changed' };
    if (!this.heard[slot] || status.status !== 'active') return { kind: 'nothing' };
    const before = this.last[slot];
    const reason = before?.status === 'offline'
      ? `${wanted}: ${before.error ?? 'the camera is offline'}` : '';
    this.wanted[slot] = about;
    this.last[slot] = status;
    return { kind: 'kept', stream: about, reason };
  }

  status(slot: number): SlotStatus | null {
    return this.last[slot] ?? null;
  }

  /** A new connection: nothing that was said before still holds. */
  forget(): void {
    this.last.fill(null);
    this.heard.fill(false);
  }
}
