/** One cell of the wall: a picture, what it is, and what can be done with it. */

import type { SlotStats } from '../multistream-client.ts';
import type { CellFace } from './cell-state.ts';
import { icon, make, setIcon, setLabel, setText, tool } from './dom.ts';

export interface CellActions {
  choose(cell: number): void;
  enlarge(cell: number): void;
  pause(cell: number): void;
  clear(cell: number): void;
  /** Something dragged was let go here: a camera's name, or the cell it came from. */
  drop(cell: number, dragged: { camera: string } | { cell: number }): void;
}

/** Private types, so that a file dragged onto the page is no camera. */
export const DRAG_CAMERA = 'application/x-crosspoint-camera';
export const DRAG_CELL = 'application/x-crosspoint-cell';

export class Cell {
  readonly element: HTMLElement;
  private readonly video = make('video', {
    muted: '', autoplay: '', playsinline: '', disablepictureinpicture: '',
    disableremoteplayback: '', tabindex: '-1', 'aria-hidden': 'true',
  });
  private readonly still = make('canvas', { class: 'still', hidden: '', 'aria-hidden': 'true' });
  private readonly name = make('span', { class: 'name' });
  private readonly title = make('strong');
  private readonly detail = make('span');
  private readonly figures = make('b');
  private readonly more = make('span');
  private readonly overlay = make('p', { class: 'figures', hidden: '' }, this.figures, this.more);
  private readonly markIcon = icon('off');
  private readonly pause: HTMLButtonElement;
  private readonly enlarge: HTMLButtonElement;
  private readonly clear: HTMLButtonElement;
  private camera: string | null = null;
  private frames = 0;
  private framesAtMs = 0;

  constructor(readonly index: number, private readonly actions: CellActions) {
    this.pause = tool('pause', 'Pause', () => actions.pause(index));
    this.enlarge = tool('large', 'Enlarge', () => actions.enlarge(index));
    this.clear = tool('close', 'Clear (Del)', () => actions.clear(index));
    this.element = make('article', { class: 'cell blank', role: 'group', tabindex: '-1' },
      this.video, this.still,
      make('div', { class: 'vacant' }, icon('camera'), make('span', {}, 'Choose a camera')),
      make('div', { class: 'mark' }, this.markIcon, this.title, this.detail),
      make('div', { class: 'tag' }, make('span', { class: 'number' }, String(index + 1)),
        make('i', { class: 'dot' }), this.name),
      this.overlay,
      make('div', { class: 'actions' }, this.pause, this.enlarge, this.clear));
    // The attribute alone does not mute an element that was made by script.
    this.video.muted = true;
    this.listen();
  }

  private listen(): void {
    const { element, actions, index } = this;
    element.addEventListener('click', () => actions.choose(index));
    element.addEventListener('dblclick', () => actions.enlarge(index));
    element.addEventListener('dragstart', (event) => {
      if (this.camera === null) return event.preventDefault();
      event.dataTransfer?.setData(DRAG_CELL, String(index));
    });
    element.addEventListener('dragover', (event) => {
      const types = event.dataTransfer?.types ?? [];
      if (!types.includes(DRAG_CAMERA) && !types.includes(DRAG_CELL)) return;
      event.preventDefault();
      element.classList.add('target');
    });
    for (const end of ['dragleave', 'drop', 'dragend']) {
      element.addEventListener(end, () => element.classList.remove('target'));
    }
    element.addEventListener('drop', (event) => {
      event.preventDefault();
      const camera = event.dataTransfer?.getData(DRAG_CAMERA);
      const cell = event.dataTransfer?.getData(DRAG_CELL);
      if (camera) actions.drop(index, { camera });
      else if (cell) actions.drop(index, { cell: Number(cell) });
    });
    this.video.addEventListener('loadeddata', () => { this.still.hidden = true; });
    this.video.addEventListener('resize', () => {
      const { videoWidth, videoHeight } = this.video;
      // Nearly the cell's shape: fill it, rather than leave a hairline at the edge.
      const snug = Math.abs((videoWidth * 9) / (videoHeight * 16) - 1) < 0.03;
      element.classList.toggle('snug', snug);
    });
  }

  /** Shows a new track, under the picture that `hold` kept until there is one of the new. */
  attach(track: MediaStreamTrack): void {
    this.video.srcObject = new MediaStream([track]);
    this.video.play().catch(() => undefined);
  }

  /** Keeps the last picture beyond the end of its track. */
  hold(): void {
    const { videoWidth, videoHeight } = this.video;
    // A track that brought nothing yet has no better picture than the one that is kept.
    if (videoWidth === 0 || !this.still.hidden) return;
    this.still.width = videoWidth;
    this.still.height = videoHeight;
    this.still.getContext('2d')?.drawImage(this.video, 0, 0);
    this.still.hidden = false;
  }

  /** Time since the last new picture, in ms. */
  stalledMs(nowMs: number): number {
    const frames = this.video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
    if (frames !== this.frames || this.framesAtMs === 0) this.touch(nowMs, frames);
    return nowMs - this.framesAtMs;
  }

  /** Starts the count of `stalledMs` anew, as after a pause. */
  touch(nowMs: number, frames = this.frames): void {
    this.frames = frames;
    this.framesAtMs = nowMs;
  }

  render(camera: string | null, face: CellFace, flags: { chosen: boolean; large: boolean }): void {
    // A cell that was empty must not flash the camera it had before.
    if (this.camera === null && camera !== null) this.element.classList.add('blank');
    if (face.state === 'live') this.element.classList.remove('blank');
    this.camera = camera;
    this.element.dataset['state'] = face.state;
    this.element.draggable = camera !== null;
    this.element.classList.toggle('chosen', flags.chosen);
    this.element.classList.toggle('large', flags.large);
    setText(this.name, camera ?? '');
    setText(this.title, face.title);
    setText(this.detail, face.detail);
    const paused = face.state === 'paused';
    setIcon(this.markIcon, paused ? 'pause' : 'off');
    setIcon(this.pause, paused ? 'play' : 'pause');
    setLabel(this.pause, paused ? 'Resume (space)' : 'Pause (space)');
    setIcon(this.enlarge, flags.large ? 'small' : 'large');
    setLabel(this.enlarge, flags.large ? 'Back to the grid (Esc)' : 'Enlarge (Enter)');
    // Tab stops at the chosen cell's buttons only, not at three in each cell.
    for (const button of [this.pause, this.enlarge, this.clear]) {
      button.tabIndex = flags.chosen ? 0 : -1;
    }
    const what = camera === null ? 'empty' : `${camera}, ${face.title || face.state}`;
    this.element.setAttribute('aria-label', `Cell ${this.index + 1}: ${what}`);
  }

  /** The overlay on demand; null hides it. */
  showStats(stats: SlotStats | null, visible: boolean): void {
    this.overlay.hidden = !visible || this.camera === null;
    if (this.overlay.hidden) return;
    const figures = stats && stats.width > 0 ? figuresOf(stats) : ['no picture yet'];
    setText(this.figures, figures.slice(0, 2).join(' · '));
    setText(this.more, figures.slice(2).map((figure) => ` · ${figure}`).join(''));
    this.overlay.classList.toggle('bad', (stats?.lossPercent ?? 0) >= 1);
  }
}

/** The two that matter come first: how late the picture is, and what was lost. */
export function figuresOf(stats: SlotStats): string[] {
  const rate = stats.kbps >= 1000
    ? `${(stats.kbps / 1000).toFixed(1)} Mbit/s` : `${Math.round(stats.kbps)} kbit/s`;
  return [
    `${Math.round(stats.latencyMs)} ms`,
    `${stats.lossPercent.toFixed(stats.lossPercent > 0 ? 1 : 0)} % loss`,
    `${Math.round(stats.fps)} fps`,
    `${stats.width}×${stats.height}`,
    rate,
  ];
}
