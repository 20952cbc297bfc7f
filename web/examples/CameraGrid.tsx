// React: one connection for all cameras of a grid; a click toggles a camera's full quality.

import { useEffect, useRef, useState } from 'react';
import { MultiStreamClient } from '../src/multistream-client.ts';
import type { SlotStatus } from '../src/multistream-client.ts';

interface CameraGridProps {
  serverUrl: string;
  /** Keep the array itself the same between renders: a new one is a new connection. */
  cameras: readonly string[];
  quality?: string;
}

export function CameraGrid({ serverUrl, cameras, quality = '360p' }: CameraGridProps) {
  const client = useRef<MultiStreamClient | null>(null);
  const videos = useRef<(HTMLVideoElement | null)[]>([]);
  const [statuses, setStatuses] = useState<Record<number, SlotStatus>>({});
  const [problem, setProblem] = useState<string | null>(null);
  const [large, setLarge] = useState<number | null>(null);

  useEffect(() => {
    const one = new MultiStreamClient(serverUrl, { reconnect: true });
    client.current = one;
    one.on('track', (slot, track) => {
      const video = videos.current[slot];
      if (video) video.srcObject = new MediaStream([track]);
    });
    one.on('status', (slot, status) => setStatuses((all) => ({ ...all, [slot]: status })));
    one.on('connected', () => setProblem(null));
    one.on('reconnecting', (_attempt, _delayMs, reason) => setProblem(reason));
    one.connect(cameras.map((stream, slot) => ({ slot, stream, quality })))
      .catch((error: Error) => setProblem(error.message));
    return () => one.disconnect();
  }, [serverUrl, cameras, quality]);

  function toggle(slot: number, camera: string) {
    const enlarge = large !== slot;
    setLarge(enlarge ? slot : null);
    client.current?.switchStream(slot, camera, enlarge ? undefined : quality)
      .catch((error: Error) => setProblem(error.message));
  }

  return (
    <div className="camera-grid">
      {problem !== null && <p role="alert">{problem}</p>}
      {cameras.map((camera, slot) => (
        <button key={camera} className="camera-cell" onClick={() => toggle(slot, camera)}>
          <video ref={(video) => { videos.current[slot] = video; }} autoPlay playsInline muted />
          <span>{camera}: {statuses[slot]?.status ?? 'connecting'}</span>
        </button>
      ))}
    </div>
  );
}
