/** The list of cameras: what there is, how it is, where it is shown. */

import type { Camera } from './catalog.ts';
import { DRAG_CAMERA } from './cell.ts';
import { byId, make, setText } from './dom.ts';

interface Row {
  item: HTMLElement;
  button: HTMLButtonElement;
  detail: HTMLElement;
  key: HTMLElement;
  cells: HTMLElement;
}

/** What the dot says, by the server's word for a camera's state. */
const TONES: Record<string, string> = {
  online: 'good', active: 'good', playing: 'good', connected: 'good', live: 'good',
  connecting: 'busy', starting: 'busy', reconnecting: 'busy', buffering: 'busy',
  offline: 'bad', error: 'bad', failed: 'bad', unsupported: 'bad',
};

export class CameraList {
  private readonly list = byId('cameras');
  private readonly rows = new Map<string, Row>();

  constructor(private readonly pick: (camera: string) => void) {}

  render(cameras: readonly Camera[], cells: readonly (string | null)[], held: string | null): void {
    for (const [name, row] of this.rows) {
      if (cameras.some((camera) => camera.name === name)) continue;
      row.item.remove();
      this.rows.delete(name);
    }
    cameras.forEach((camera, index) => {
      const row = this.rows.get(camera.name) ?? this.add(camera.name);
      if (this.list.children[index] !== row.item) {
        this.list.insertBefore(row.item, this.list.children[index] ?? null);
      }
      const tone = TONES[camera.state.toLowerCase()] ?? 'idle';
      row.item.dataset['tone'] = tone;
      row.button.setAttribute('aria-pressed', String(held === camera.name));
      const qualities = camera.variants.map(({ quality }) => quality).filter(Boolean).join(', ');
      const state = tone === 'busy' || tone === 'bad' ? camera.state : '';
      const facts = [state, camera.error, camera.detail, qualities].filter(Boolean);
      setText(row.detail, facts.join(' · ') || 'ready');
      row.button.title = camera.error;
      setText(row.key, camera.letter.toUpperCase());
      row.key.hidden = camera.letter === '';
      const shown = cells.flatMap((name, cell) => (name === camera.name ? [cell + 1] : []));
      setText(row.cells, shown.join(' '));
      const where = shown.length > 0 ? `, in cell ${shown.join(' and ')}` : '';
      row.button.setAttribute('aria-label', `${camera.name}, ${camera.state}${where}`);
    });
  }

  private add(name: string): Row {
    const row: Row = {
      detail: make('span', { class: 'detail' }),
      key: make('kbd', { 'aria-hidden': 'true' }),
      cells: make('span', { class: 'where' }),
      button: make('button', { class: 'camera', type: 'button', draggable: 'true' }),
      item: make('li'),
    };
    row.button.append(
      make('i', { class: 'dot' }),
      make('span', { class: 'label' }, make('b', {}, name), row.detail), row.cells, row.key);
    row.button.addEventListener('click', () => this.pick(name));
    row.button.addEventListener('dragstart', (event) => {
      event.dataTransfer?.setData(DRAG_CAMERA, name);
    });
    row.item.append(row.button);
    this.rows.set(name, row);
    return row;
  }
}
