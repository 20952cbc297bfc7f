/**
 * What `GET api/streams` says, as a list of cameras with their quality variants. Pure.
 */

export interface StreamInfo {
  producers?: { url?: string }[] | null;
  consumers?: unknown[] | null;
  state?: string;
  /** Why, for a camera that is offline. */
  error?: string | null;
  codec?: string | null;
  width?: number | null;
  height?: number | null;
}

export interface Variant {
  /** Empty for the stream that has the camera's own name. */
  quality: string;
  /** Height in pixels, as far as name or server tell; 0 is unknown. */
  height: number;
}

export interface Camera {
  name: string;
  /** As the server says it, or `unknown`. */
  state: string;
  /** Empty, or what is wrong with it. */
  error: string;
  /** `1280×720 · H264`, as far as known. */
  detail: string;
  /** Viewers of all variants together. */
  viewers: number;
  /** Lowest first; the native stream is the last. */
  variants: Variant[];
  /** The key that picks this camera, or empty. */
  letter: string;
}

/** Letters that the page itself uses. */
const RESERVED = 'cfi';
const SUFFIX = /^(.+)-((\d{3,4})p|low|sub|sd)$/;

/** Groups `cam-360p` under `cam`, where there is a `cam`. Keeps the server's order. */
export function camerasFrom(streams: Record<string, StreamInfo>): Camera[] {
  const cameras = new Map<string, Camera>();
  const variants: [string, string, string | undefined, StreamInfo][] = [];
  for (const [name, info] of Object.entries(streams)) {
    const match = SUFFIX.exec(name);
    if (match?.[1] && match[2] && Object.hasOwn(streams, match[1])) {
      variants.push([match[1], match[2], match[3], info]);
    } else {
      cameras.set(name, cameraOf(name, info));
    }
  }
  for (const [base, quality, height, info] of variants) {
    const camera = cameras.get(base);
    if (!camera) continue;
    camera.variants.unshift({ quality, height: info.height ?? Number(height ?? 0) });
    camera.viewers += info.consumers?.length ?? 0;
  }
  const list = [...cameras.values()];
  const taken = new Set(RESERVED);
  for (const camera of list) {
    // The native stream stays last whatever its height: it is the best by definition.
    const native = camera.variants.pop();
    camera.variants.sort((a, b) => a.height - b.height);
    if (native) camera.variants.push(native);
    camera.letter = letterFor(camera.name, taken);
  }
  return list;
}

function cameraOf(name: string, info: StreamInfo): Camera {
  const size = info.width && info.height ? `${info.width}×${info.height}` : '';
  return {
    name,
    state: info.state ?? 'unknown',
    error: info.error ?? '',
    detail: [size, info.codec?.toUpperCase() ?? ''].filter(Boolean).join(' · '),
    viewers: info.consumers?.length ?? 0,
    variants: [{ quality: '', height: info.height ?? 0 }],
    letter: '',
  };
}

function letterFor(name: string, taken: Set<string>): string {
  const wanted = `${name.toLowerCase()}abcdefghijklmnopqrstuvwxyz`;
  for (const letter of wanted) {
    if (letter < 'a' || letter > 'z' || taken.has(letter)) continue;
    taken.add(letter);
    return letter;
  }
  return '';
}

/** The quality for a cell: the lowest variant in a grid, the native stream when it is large. */
export function qualityFor(camera: Camera | undefined, large: boolean): string {
  const { variants = [] } = camera ?? {};
  return (large ? variants.at(-1) : variants[0])?.quality ?? '';
}

/** The camera that a resolved stream name such as `dock-360p` belongs to. */
export function cameraNamed(cameras: readonly Camera[], stream: string): Camera | undefined {
  return cameras.find(({ name, variants }) =>
    variants.some(({ quality }) => stream === (quality ? `${name}-${quality}` : name)));
}
