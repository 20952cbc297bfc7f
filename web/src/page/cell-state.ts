/** From what is known about a cell to what it says about itself. Pure. */

import type { SlotStatus } from '../multistream-client.ts';
import type { Link } from './wall.ts';

export interface CellFacts {
  camera: string | null;
  /** False when the catalogue was read and has no such camera. */
  known: boolean;
  /** Paused by the person, not by the page. */
  paused: boolean;
  /** The last status about the stream that the cell wants. */
  status: SlotStatus | null;
  link: Link;
  /** No new picture for longer than `STALL_MS` although the stream is active. */
  stalled: boolean;
  /** Clock time since when the present state holds, as `12:04:33`. */
  since: string;
}

export interface CellFace {
  state: 'empty' | 'waiting' | 'live' | 'paused' | 'stalled' | 'offline' | 'error' | 'lost';
  /** A few words, always with the mark that the picture is not live. */
  title: string;
  detail: string;
}

/** Longer than the gap between pictures of the slowest camera worth calling live. */
export const STALL_MS = 5_000;

export function faceOf(facts: CellFacts): CellFace {
  const { camera, known, paused, status, link, stalled, since } = facts;
  if (camera === null) return { state: 'empty', title: '', detail: '' };
  if (!known) return { state: 'error', title: 'Not found', detail: `no camera named ${camera}` };
  if (link.state === 'waiting' || link.state === 'failed') {
    return { state: 'lost', title: 'No connection', detail: `since ${since}` };
  }
  if (paused) return { state: 'paused', title: 'Paused', detail: `since ${since}` };
  switch (status?.status) {
    case 'active':
      if (link.state === 'unsteady' || stalled) {
        return { state: 'stalled', title: 'No new pictures', detail: `since ${since}` };
      }
      return { state: 'live', title: '', detail: '' };
    case 'offline':
      return { state: 'offline', title: 'Offline', detail: status.error ?? `since ${since}` };
    case 'error':
      return { state: 'error', title: 'Error', detail: status.error ?? '' };
    default:
      return { state: 'waiting', title: 'Waiting for a picture', detail: '' };
  }
}
