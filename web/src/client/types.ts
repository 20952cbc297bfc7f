/** The vocabulary of the client: slots, their states and figures, options and events. */

/** What a slot is doing. `active` means that a picture of that stream has been sent. */
export type SlotState =
  | 'pending' | 'active' | 'buffering' | 'paused' | 'offline' | 'error' | 'inactive';

export interface SlotConfig {
  /** Slot index, 0-based, unique within one connection. */
  slot: number;
  /** Stream name as the server lists it. */
  stream: string;
  /** Quality suffix such as `360p`; absent, empty or `native` is the stream itself. */
  quality?: string;
  /** Keeps the slot silent from the start; `resume` starts it. */
  paused?: boolean;
  /** Takes the audio of whatever the slot shows; its track is in `audioTracks`. */
  audio?: boolean;
}

export interface SlotStatus {
  slot: number;
  /** Resolved stream name, such as `camera1-360p`. */
  stream: string;
  quality?: string;
  actualQuality?: string;
  /** The stream that was asked for, where this browser is shown `stream` in its place. */
  instead_of?: string;
  status: SlotState;
  error?: string;
}

/** A slot's picture and transport, over the time since the last `getStats` of that slot. */
export interface SlotStats {
  slot: number;
  /** Width and height of the picture in pixels, 0 before the first one. */
  width: number;
  height: number;
  /** Pictures decoded per second. */
  fps: number;
  /** Payload received, in kilobits per second. */
  kbps: number;
  /** Share of packets lost after repair, 0 to 100. */
  lossPercent: number;
  /** Interarrival jitter in ms (RFC 3550, 6.4.1). */
  jitterMs: number;
  /** Half the round trip plus the wait in the browser until the picture is decoded, in ms. */
  latencyMs: number;
  /** Round trip of the connection in ms, or null while unknown. */
  roundTripMs: number | null;
  /** Freezes, repairs and keyframe requests since the connection began. */
  freezes: number;
  nacks: number;
  plis: number;
  framesDropped: number;
}

export interface ReconnectOptions {
  /** Upper bound of the first delay in ms; it doubles with each failure. Default 500. */
  minDelayMs?: number;
  /** The doubling ends here, in ms. Default 15000. */
  maxDelayMs?: number;
}

export interface MultiStreamClientOptions {
  /** Passed to RTCPeerConnection; ICE servers go here. */
  pcConfig?: RTCConfiguration;
  /** Time for the whole of `connect`, in ms. Default 10000. */
  connectionTimeout?: number;
  /** Logs every message to the console. */
  debug?: boolean;
  /** Comes back by itself after a lost connection, with the slots as they were. Default off. */
  reconnect?: boolean | ReconnectOptions;
}

export type StatusCallback = (slot: number, status: SlotStatus) => void;

/** Arguments of the listeners, by event. */
export interface ClientEvents {
  /** A slot's state, each time the server tells it. */
  status: [slot: number, status: SlotStatus];
  /** Media can flow; fires again after each reconnection. */
  connected: [tracks: Map<number, MediaStreamTrack>];
  /**
   * The connection is gone: by `disconnect`, or lost. The videos still have their last picture,
   * for a page that wants to keep it: they turn black right after the listeners.
   */
  disconnected: [reason: string];
  /** The next attempt (1 and up) starts in `delayMs`. */
  reconnecting: [attempt: number, delayMs: number, reason: string];
  /** A slot's track, before `connected`; a reconnection brings new tracks. */
  track: [slot: number, track: MediaStreamTrack];
  /** The PeerConnection's state: `disconnected` is a gap that may heal by itself. */
  statechange: [state: RTCPeerConnectionState];
}
