/** The bar on top: the layout and how the connection is. */

import { byId, make, setText } from './dom.ts';
import { LAYOUTS, shapeOf } from './view.ts';
import type { Layout } from './view.ts';
import type { Link } from './wall.ts';

export class LayoutPicker {
  private readonly buttons = new Map<Layout, HTMLButtonElement>();

  constructor(maxSlots: number, pick: (layout: Layout) => void) {
    for (const layout of LAYOUTS) {
      const { columns, rows } = shapeOf(layout, false);
      const glyph = make('span', { class: `glyph g${columns}${rows}`, 'aria-hidden': 'true' });
      for (let cell = 0; cell < layout; cell += 1) glyph.append(make('i'));
      const label = layout === 1 ? '1 cell' : `${layout} cells`;
      const button = make('button', {
        type: 'button', role: 'radio', 'aria-label': label, title: label,
      }, glyph, make('span', { 'aria-hidden': 'true' }, String(layout)));
      button.disabled = layout > maxSlots && layout > 1;
      button.addEventListener('click', () => pick(layout));
      this.buttons.set(layout, button);
    }
    const group = byId('layouts');
    group.replaceChildren(...this.buttons.values());
    group.addEventListener('keydown', (event) => this.move(event, pick));
  }

  /** Arrows walk through a radio group; Tab leaves it. */
  private move(event: KeyboardEvent, pick: (layout: Layout) => void): void {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (step === undefined) return;
    const usable = LAYOUTS.filter((layout) => !this.buttons.get(layout)?.disabled);
    const now = usable.findIndex((layout) => this.buttons.get(layout) === document.activeElement);
    const next = usable[(now + step + usable.length) % usable.length];
    if (now < 0 || next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    pick(next);
    this.buttons.get(next)?.focus();
  }

  render(layout: Layout): void {
    for (const [one, button] of this.buttons) {
      button.setAttribute('aria-checked', String(one === layout));
      button.tabIndex = one === layout ? 0 : -1;
    }
  }
}

/** What the pill says; `hidden` is the tab's state after its pause. */
export function linkText(link: Link, hidden: boolean, nowMs: number): string {
  switch (link.state) {
    case 'idle': return 'Ready';
    case 'connecting': return 'Connecting';
    case 'live': return hidden ? 'Paused' : 'Live';
    case 'unsteady': return 'Connection unsteady';
    case 'waiting': {
      const seconds = Math.ceil((link.untilMs - nowMs) / 1000);
      return seconds > 0 ? `Reconnecting in ${seconds} s` : 'Reconnecting';
    }
    case 'failed': return 'Not connected';
  }
}

export function renderLink(link: Link, hidden: boolean, nowMs: number): void {
  const pill = byId('link');
  pill.dataset['state'] = link.state;
  pill.title = 'reason' in link ? link.reason : '';
  setText(byId('link-text'), linkText(link, hidden, nowMs));
}
