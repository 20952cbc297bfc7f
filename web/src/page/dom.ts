/** Building elements without markup in strings: no camera's name can become HTML. */

type Child = Node | string | null;

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Record<string, string> = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/** An icon of the sprite in `index.html`. */
export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
}

/** Changes the icon that `element` is or holds. */
export function setIcon(element: Element, name: string): void {
  element.querySelector('use')?.setAttribute('href', `#i-${name}`);
}

/** An icon button; its name is both the tooltip and what a screen reader says. */
export function tool(name: string, label: string, press: () => void): HTMLButtonElement {
  const button = make('button', { class: 'tool', type: 'button' }, icon(name));
  setLabel(button, label);
  button.addEventListener('click', (event) => {
    event.stopPropagation();
    press();
  });
  // Two quick presses of a button are no double click on what lies beneath it.
  button.addEventListener('dblclick', (event) => event.stopPropagation());
  return button;
}

export function setLabel(button: HTMLElement, label: string): void {
  button.title = label;
  button.setAttribute('aria-label', label);
}

/** The element of `index.html` with this id. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return element as T;
}

/** Writes only what differs: setting equal text would still wake the layout. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
