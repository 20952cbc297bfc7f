/**
 * The page as a whole: one state, changed by the actions below, drawn by `render`. What the
 * slots should show follows from the state alone, so every action ends in `update`.
 */

import type { SlotStatus } from '../multistream-client.ts';
import { CameraList } from './camera-list.ts';
import { cameraNamed, qualityFor } from './catalog.ts';
import type { Camera } from './catalog.ts';
import { faceOf, STALL_MS } from './cell-state.ts';
import { Cell } from './cell.ts';
import { byId, make, setLabel, setText } from './dom.ts';
import { LayoutPicker, renderLink } from './header.ts';
import { commandFor } from './keys.ts';
import type { Command } from './keys.ts';
import { Slots } from './slots.ts';
import { hashOf, MAX_CELLS, neighbour, shapeOf, viewFrom } from './view.ts';
import type { Layout, View } from './view.ts';
import { Wall } from './wall.ts';
import type { Link, Source } from './wall.ts';
import type { Config } from './api.ts';

const TOAST_MS = 5_000;

export class App {
  private cameras: Camera[] = [];
  private view: View;
  private chosen: number | null = null;
  /** A camera that was picked before its cell. */
  private held: string | null = null;
  private readonly paused = new Set<number>();
  private stats = false;
  private hidden = false;
  private link: Link = { state: 'idle' };
  private readonly slots = new Slots();
  /** What the server went on showing after a refusal, as long as the cell's wish is the same. */
  private readonly kept = new Map<number, { wish: string; source: Source }>();
  private readonly since = new Map<number, { state: string; time: string }>();
  private readonly cells: Cell[];
  private readonly list: CameraList;
  private readonly layouts: LayoutPicker;
  private readonly wall: Wall;
  private readonly tall = matchMedia('(max-aspect-ratio: 9/10)');
  /** Told once, not with each attempt. */
  private failure = '';
  private toastTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly config: Config, cameras: Camera[]) {
    const slots = Math.max(1, Math.min(config.max_slots, MAX_CELLS));
    this.cameras = cameras;
    this.view = this.readLink();
    this.cells = Array.from({ length: slots }, (_, index) => new Cell(index, {
      choose: (cell) => this.click(cell),
      enlarge: (cell) => this.enlarge(cell),
      pause: (cell) => this.togglePause(cell),
      clear: (cell) => this.place(cell, null),
      drop: (cell, dragged) => this.drop(cell, dragged),
    }));
    byId('grid').append(...this.cells.map(({ element }) => element));
    this.list = new CameraList((camera) => this.pick(camera));
    this.layouts = new LayoutPicker(slots, (layout) => this.setLayout(layout));
    this.wall = new Wall('.', { iceServers: config.ice_servers }, slots, {
      link: (link) => this.linkChanged(link),
      track: (slot, track) => this.cells[slot]?.attach(track),
      lost: () => this.cells.forEach((cell) => cell.hold()),
      status: (slot, status) => this.statusChanged(slot, status),
      silent: (slot) => this.toast(`${this.view.cells[slot] ?? 'Camera'}: no answer`),
    });
    byId('demo').hidden = !config.demo;
    setText(byId('foot'), config.version ? `Crosspoint ${config.version}` : '');
    this.listen();
    this.update();
  }

  private readLink(): View {
    return viewFrom(
      location.hash, this.cameras.map(({ name }) => name), this.config.max_slots);
  }

  private listen(): void {
    document.addEventListener('keydown', (event) => this.keydown(event));
    window.addEventListener('hashchange', () => {
      if (location.hash === hashOf(this.view)) return;
      this.view = this.readLink();
      this.update();
    });
    this.tall.addEventListener('change', () => this.update());
    window.addEventListener('online', () => this.wall.reconnectNow());
    byId('tool-stats').addEventListener('click', () => this.run({ do: 'stats' }));
    byId('tool-full').addEventListener('click', () => this.run({ do: 'full' }));
    byId('tool-list').addEventListener('click', () => this.run({ do: 'list' }));
    byId('tool-help').addEventListener('click', () => this.run({ do: 'help' }));
    byId('link').addEventListener('click', () => this.wall.reconnectNow());
    for (const { element, index } of this.cells) {
      element.addEventListener('focus', () => this.choose(index, false));
    }
    document.addEventListener('fullscreenchange', () => this.render());
  }

  setCameras(cameras: Camera[]): void {
    const first = this.cameras.length === 0 && cameras.length > 0;
    this.cameras = cameras;
    if (first) this.view = this.readLink();
    this.update();
    if (this.link.state === 'failed') this.wall.reconnectNow();
  }

  /** A hidden tab costs nothing, but keeps its connection. */
  setHidden(hidden: boolean): void {
    if (this.hidden === hidden) return;
    this.hidden = hidden;
    this.wall.suspend(hidden);
    this.render();
  }

  /** Once a second: what changes by time alone. */
  tick(nowMs: number): void {
    this.render(nowMs);
    this.cells.forEach((cell) => {
      if (!this.stats) return cell.showStats(null, false);
      this.wall.stats(cell.index).then(
        (stats) => cell.showStats(stats, this.stats), () => undefined);
    });
  }

  // Actions

  private click(cell: number): void {
    if (this.held !== null) {
      const camera = this.held;
      this.held = null;
      this.place(cell, camera);
    }
    this.choose(cell, true);
  }

  private choose(cell: number, focus: boolean): void {
    if (cell >= this.view.layout) return;
    this.chosen = cell;
    if (this.view.large !== null && this.view.large !== cell) {
      this.view.large = cell;
      this.update();
    } else {
      this.render();
    }
    if (focus) this.cells[cell]?.element.focus({ preventScroll: true });
  }

  private pick(camera: string): void {
    const only = this.view.layout === 1 ? 0 : this.view.large;
    const cell = only ?? this.chosen;
    if (cell !== null) return this.place(cell, camera);
    this.held = this.held === camera ? null : camera;
    this.say(this.held ? `${camera}: choose a cell` : '');
    this.render();
  }

  private place(cell: number, camera: string | null): void {
    this.view.cells[cell] = camera;
    this.paused.delete(cell);
    this.kept.delete(cell);
    if (camera === null && this.view.large === cell) this.view.large = null;
    this.say(camera === null ? `Cell ${cell + 1} is empty` : `${camera} in cell ${cell + 1}`);
    this.update();
  }

  private drop(cell: number, dragged: { camera: string } | { cell: number }): void {
    if ('camera' in dragged) return this.place(cell, dragged.camera);
    const { cells } = this.view;
    const [from, to] = [cells[dragged.cell] ?? null, cells[cell] ?? null];
    if (dragged.cell === cell) return;
    this.place(dragged.cell, to);
    this.place(cell, from);
    this.choose(cell, true);
  }

  private setLayout(layout: Layout): void {
    if (layout > this.cells.length && layout > 1) return;
    this.view.layout = layout;
    this.view.large = null;
    if (this.chosen !== null && this.chosen >= layout) this.chosen = null;
    this.say(layout === 1 ? '1 cell' : `${layout} cells`);
    this.update();
  }

  private enlarge(cell: number): void {
    if (this.view.layout === 1 || this.view.cells[cell] == null) return;
    const element = this.cells[cell]?.element;
    const before = element?.getBoundingClientRect();
    this.view.large = this.view.large === cell ? null : cell;
    this.chosen = cell;
    this.say(this.view.large === null ? 'Grid' : `${this.view.cells[cell]} enlarged`);
    this.update();
    if (element && before) grow(element, before);
  }

  private togglePause(cell: number | null): void {
    const cells = cell === null ? [...this.view.cells.keys()].slice(0, this.view.layout) : [cell];
    const used = cells.filter((one) => this.view.cells[one] != null);
    const pause = used.some((one) => !this.paused.has(one));
    for (const one of used) {
      if (pause) this.paused.add(one);
      else this.paused.delete(one);
    }
    this.say(used.length === 0 ? '' : pause ? 'Paused' : 'Resumed');
    this.update();
  }

  private keydown(event: KeyboardEvent): void {
    if (byId<HTMLDialogElement>('help').open) return;
    const inControl = (event.target as Element | null)?.closest('button, dialog, a') != null;
    const command = commandFor(event, inControl);
    if (!command) return;
    event.preventDefault();
    this.run(command);
  }

  private run(command: Command): void {
    const { layout, large } = this.view;
    switch (command.do) {
      case 'choose': return this.choose(command.cell, true);
      case 'move': {
        const { columns } = shapeOf(layout, this.tall.matches);
        const next = this.chosen === null
          ? 0 : neighbour(this.chosen, command.dx, command.dy, columns, layout);
        return this.choose(next, true);
      }
      case 'pick': {
        const camera = this.cameras.find(({ letter }) => letter === command.letter);
        return camera && this.pick(camera.name);
      }
      case 'enlarge': return this.enterPressed();
      case 'pause': return this.togglePause(this.chosen);
      case 'clear': return this.chosen === null ? undefined : this.place(this.chosen, null);
      case 'full': return this.fullScreen();
      case 'stats':
        this.stats = !this.stats;
        return this.tick(Date.now());
      case 'list':
        byId('app').classList.toggle('no-list');
        return this.render();
      case 'help': return byId<HTMLDialogElement>('help').showModal();
      case 'back':
        if (this.held !== null) this.held = null;
        else if (large !== null) return this.enlarge(large);
        else if (byId('app').classList.contains('immersive')) this.fullScreen();
        else this.chosen = null;
        return this.render();
    }
  }

  private enterPressed(): void {
    if (this.chosen === null) return;
    if (this.held !== null) return this.click(this.chosen);
    this.enlarge(this.chosen);
  }

  private fullScreen(): void {
    const stage = byId('stage');
    // Where an element can't fill the screen, as on an iPhone, the page's own parts make way.
    if (!stage.requestFullscreen) byId('app').classList.toggle('immersive');
    else if (document.fullscreenElement) document.exitFullscreen().catch(() => undefined);
    else stage.requestFullscreen().catch(() => byId('app').classList.toggle('immersive'));
    this.render();
  }

  // News from the connection

  private linkChanged(link: Link): void {
    const was = this.link.state;
    this.link = link;
    if (link.state === 'waiting') {
      this.slots.forget();
      if (was !== 'connecting') this.say('Connection lost, reconnecting');
    }
    if (link.state === 'live' && was !== 'live') this.say('Connected');
    if (link.state === 'failed' && link.reason !== this.failure) {
      this.failure = link.reason;
      this.toast(link.reason);
    }
    this.render();
  }

  private statusChanged(slot: number, status: SlotStatus): void {
    const news = this.slots.hear(slot, status);
    this.cells[slot]?.touch(Date.now());
    if (news.kind === 'refused') this.toast(`${news.stream}: ${news.error}`);
    if (news.kind === 'kept') this.keep(slot, news.stream, news.reason);
    this.render();
  }

  /** A switch failed: the cell says again what it shows. */
  private keep(slot: number, stream: string, reason: string): void {
    if (reason) this.toast(reason);
    const camera = cameraNamed(this.cameras, stream);
    if (!camera) return;
    this.view.cells[slot] = camera.name;
    this.kept.set(slot, { wish: this.wishOf(slot), source: { stream, quality: '' } });
    this.wall.accept(slot, stream);
    this.update();
  }

  private wishOf(cell: number): string {
    return `${this.isLarge(cell)} ${this.view.cells[cell]}`;
  }

  private isLarge(cell: number): boolean {
    return this.view.layout === 1 || this.view.large === cell;
  }

  private isSeen(cell: number): boolean {
    const { layout, large } = this.view;
    return cell < layout && (large === null || large === cell);
  }

  private sourceOf(cell: number): Source | null {
    const name = this.view.cells[cell];
    const camera = this.cameras.find((one) => one.name === name);
    if (!camera || !this.isSeen(cell) || this.paused.has(cell)) return null;
    const kept = this.kept.get(cell);
    if (kept?.wish === this.wishOf(cell)) return kept.source;
    return { stream: camera.name, quality: qualityFor(camera, this.isLarge(cell)) };
  }

  // Drawing

  private update(): void {
    const sources = this.cells.map(({ index }) => this.sourceOf(index));
    sources.forEach((source, slot) => this.slots.want(slot, source));
    this.wall.show(sources);
    // Replaced, not pushed: a switch is no page to go back to.
    const hash = hashOf(this.view);
    if (this.cameras.length > 0 && location.hash !== hash) history.replaceState(null, '', hash);
    this.render();
  }

  private render(nowMs = Date.now()): void {
    const { layout, large } = this.view;
    const { columns, rows } = shapeOf(layout, this.tall.matches);
    const grid = byId('grid');
    grid.className = `grid c${columns} r${rows}${large === null ? '' : ' has-large'}`
      + (this.held === null ? '' : ' placing');
    for (const cell of this.cells) this.renderCell(cell, nowMs);
    this.list.render(this.cameras, this.view.cells.slice(0, layout), this.held);
    this.layouts.render(layout);
    renderLink(this.link, this.hidden, nowMs);
    setText(byId('hint'), this.hint());
    byId('app').classList.toggle('no-cameras', this.cameras.length === 0);
    byId('tool-stats').setAttribute('aria-pressed', String(this.stats));
    const listed = !byId('app').classList.contains('no-list');
    byId('tool-list').setAttribute('aria-pressed', String(listed));
    const full = document.fullscreenElement !== null;
    setLabel(byId('tool-full'), full ? 'Leave full screen (f)' : 'Full screen (f)');
  }

  private renderCell(cell: Cell, nowMs: number): void {
    const { index, element } = cell;
    element.hidden = !this.isSeen(index);
    const camera = this.view.cells[index] ?? null;
    const chosen = this.chosen === index;
    // One cell is in the Tab order; the arrows reach the others.
    element.tabIndex = index === (this.chosen ?? this.view.large ?? 0) ? 0 : -1;
    if (element.hidden || this.hidden) cell.touch(nowMs);
    const facts = {
      camera,
      known: this.cameras.some(({ name }) => name === camera),
      paused: this.paused.has(index),
      status: this.slots.status(index),
      link: this.link,
      stalled: cell.stalledMs(nowMs) > STALL_MS,
      since: '',
    };
    const { state } = faceOf(facts);
    let since = this.since.get(index);
    if (since?.state !== state) {
      since = { state, time: new Date(nowMs).toLocaleTimeString() };
      this.since.set(index, since);
    }
    const face = faceOf({ ...facts, since: since.time });
    cell.render(camera, face, { chosen, large: this.view.large === index });
  }

  private hint(): string {
    if (this.cameras.length === 0) return '';
    if (this.held !== null) return `Choose a cell for ${this.held}`;
    if (this.view.layout === 1 || this.chosen !== null || this.view.large !== null) {
      return `Choose a camera for cell ${(this.view.large ?? this.chosen ?? 0) + 1}`;
    }
    return 'Choose a camera, then a cell';
  }

  /** For people who can't see it happen. */
  private say(text: string): void {
    setText(byId('live'), text);
  }

  toast(text: string): void {
    const toast = byId('toast');
    toast.replaceChildren(make('span', {}, text));
    toast.hidden = false;
    this.say(text);
    clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => { toast.hidden = true; }, TOAST_MS);
  }
}

const GROW_MS = 180;

/** Lets a cell grow from where it was, unless motion is unwanted. */
function grow(element: HTMLElement, from: DOMRect): void {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  const to = element.getBoundingClientRect();
  if (to.width === 0 || from.width === 0) return;
  const shift = `translate(${from.left - to.left}px, ${from.top - to.top}px)`;
  element.animate([
    { transformOrigin: '0 0', transform: `${shift} scale(${from.width / to.width})`, zIndex: 2 },
    { transformOrigin: '0 0', transform: 'none', zIndex: 2 },
  ], { duration: GROW_MS, easing: 'cubic-bezier(.2,.7,.2,1)' });
}
