/** The two documents that the page reads, relative to the page so that any prefix works. */

import type { StreamInfo } from './catalog.ts';

export interface Config {
  ice_servers: RTCIceServer[];
  max_slots: number;
  version: string;
  demo: boolean;
}

const TIMEOUT_MS = 5_000;

async function get(path: string): Promise<unknown> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(path, { signal, cache: 'no-store' });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

export async function getConfig(): Promise<Config> {
  const found = (await get('api/config')) as Partial<Config> | null;
  return {
    ice_servers: found?.ice_servers ?? [],
    max_slots: found?.max_slots ?? 9,
    version: found?.version ?? '',
    demo: found?.demo ?? false,
  };
}

export async function getStreams(): Promise<Record<string, StreamInfo>> {
  return ((await get('api/streams')) ?? {}) as Record<string, StreamInfo>;
}
