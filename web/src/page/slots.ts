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
  /** The wanted stream can't be had; `error` says why. */
  | { kind: 'refused'; stream: string; error: string }
  /** After a refusal: this stream is what the slot goes on showing. */
  | { kind: 'kept'; stream: string };

export class Slots {
  private readonly wanted: (string | null)[] = [];
  private readonly last: (SlotStatus | null)[] = [];
  private readonly refused: boolean[] = [];

  /** Statuses of another stream are forgotten; those of the same one stay true. */
  want(slot: number, source: Source | null): void {
    const name = source && resolvedName(source.stream, source.quality);
    if (this.wanted[slot] === name) return;
    this.wanted[slot] = name;
    this.last[slot] = null;
    this.refused[slot] = false;
  }

  hear(slot: number, status: SlotStatus): News {
    const wanted = this.wanted[slot] ?? null;
    if (wanted === null || status.status === 'paused') return { kind: 'nothing' };
    if (status.status === 'error') {
      this.refused[slot] = true;
      this.last[slot] = status;
      return { kind: 'refused', stream: wanted, error: status.error ?? 'unknown reason' };
    }
    if (status.stream === wanted) {
      this.last[slot] = status;
      return { kind: 'changed' };
    }
    if (!this.refused[slot] || !status.stream) return { kind: 'nothing' };
    this.wanted[slot] = status.stream;
    this.refused[slot] = false;
    this.last[slot] = status;
    return { kind: 'kept', stream: status.stream };
  }

  status(slot: number): SlotStatus | null {
    return this.last[slot] ?? null;
  }

  /** A new connection: nothing that was said before still holds. */
  forget(): void {
    this.last.fill(null);
    this.refused.fill(false);
  }
}
