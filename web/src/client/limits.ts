/** Every time and size that bounds the client. */
export const LIMITS = {
  /** `connect`, unless the options say otherwise. */
  connectionTimeoutMs: 10_000,
  /** Any request on an open connection; the server speaks up after 4 s at the latest. */
  requestTimeoutMs: 5_000,
  minDelayMs: 500,
  maxDelayMs: 15_000,
  /** Requests without an answer; a page that reaches this has a loop. */
  pendingRequests: 256,
} as const;
