/** Order statistics for reports, and what the machine was doing meanwhile. */

import { loadavg } from 'node:os';

/** The value below which `share` (0 to 1) of the values lie; null without values. */
export function quantile(values, share) {
  const sorted = values.filter((v) => v !== null).sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1 || 0)];
}

export const median = (values) => quantile(values, 0.5);
export const p95 = (values) => quantile(values, 0.95);
export const sum = (values) => values.reduce((a, b) => a + b, 0);

/** The one-minute load average. */
export const load = () => Math.round(loadavg()[0] * 100) / 100;
