/** From a receiver's RTCStatsReport to the few figures that a person looks at. */

import type { SlotStats } from './types.ts';

type Entry = Record<string, unknown>;

/** Counters at the last `getStats`, to take differences from. */
export interface Sample {
  atMs: number;
  bytes: number;
  received: number;
  lost: number;
  frames: number;
  /** Seconds that frames spent between their first packet and the decoder's output, summed. */
  processingS: number;
}

/** Reads a receiver's report; `before` is the sample of the call before. */
export function digest(slot: number, report: RTCStatsReport, before: Sample | undefined) {
  let inbound: Entry | undefined;
  let pair: Entry | undefined;
  report.forEach((entry: Entry) => {
    if (entry['type'] === 'inbound-rtp' && entry['kind'] === 'video') inbound = entry;
    if (entry['type'] === 'candidate-pair' && entry['nominated']
      && entry['state'] === 'succeeded') pair = entry;
  });
  if (!inbound) return { stats: null, sample: null };
  const of = (name: string) => Number(inbound?.[name] ?? 0);
  const sample: Sample = {
    atMs: of('timestamp'), bytes: of('bytesReceived'), received: of('packetsReceived'),
    lost: of('packetsLost'), frames: of('framesDecoded'),
    processingS: of('totalProcessingDelay') || of('jitterBufferDelay') + of('totalDecodeTime'),
  };
  const since = (name: keyof Sample) => Math.max(0, sample[name] - (before?.[name] ?? 0));
  const seconds = before ? since('atMs') / 1000 : 0;
  const packets = since('received') + since('lost');
  const roundTripMs = pair?.['currentRoundTripTime'] === undefined
    ? null : Number(pair['currentRoundTripTime']) * 1000;
  const waitMs = since('frames') > 0 ? (since('processingS') / since('frames')) * 1000 : 0;
  const stats: SlotStats = {
    slot,
    width: of('frameWidth'),
    height: of('frameHeight'),
    fps: seconds > 0 ? since('frames') / seconds : of('framesPerSecond'),
    kbps: seconds > 0 ? (since('bytes') * 8) / seconds / 1000 : 0,
    lossPercent: packets > 0 ? (since('lost') / packets) * 100 : 0,
    jitterMs: of('jitter') * 1000,
    latencyMs: waitMs + (roundTripMs ?? 0) / 2,
    roundTripMs,
    freezes: of('freezeCount'),
    nacks: of('nackCount'),
    plis: of('pliCount'),
    framesDropped: of('framesDropped'),
  };
  return { stats, sample };
}
