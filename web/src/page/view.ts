/**
 * What the page shows, as kept in the address: `#layout=4&cells=dock,,sky&large=1`. Pure.
 */

export const LAYOUTS = [1, 2, 4, 6, 9] as const;
export type Layout = (typeof LAYOUTS)[number];
export const MAX_CELLS = 9;

export interface View {
  layout: Layout;
  /** Camera by cell, always `MAX_CELLS` long; cells beyond the layout are remembered. */
  cells: (string | null)[];
  /** The enlarged cell. */
  large: number | null;
}

/** Columns and rows of a layout; a tall window stacks what a wide one sets side by side. */
export function shapeOf(layout: Layout, tall: boolean): { columns: number; rows: number } {
  const wide = { 1: [1, 1], 2: [2, 1], 4: [2, 2], 6: [3, 2], 9: [3, 3] } as const;
  const [columns, rows] = wide[layout];
  return tall ? { columns: rows, rows: columns } : { columns, rows };
}

export function viewFrom(hash: string, cameras: readonly string[], maxSlots: number): View {
  const params = new URLSearchParams(hash.replace(/^#/, ''));
  const allowed = LAYOUTS.filter((layout) => layout <= Math.max(1, maxSlots));
  const wanted = Number(params.get('layout'));
  const layout = allowed.find((one) => one === wanted) ?? defaultLayout(cameras.length, allowed);
  const listed = params.get('cells')?.split(',').map(decode);
  const cells = Array.from({ length: MAX_CELLS }, (_, cell) =>
    (listed ? listed[cell] : cameras[cell]) || null);
  const large = params.has('large') ? Number(params.get('large')) - 1 : null;
  const valid = large !== null && Number.isInteger(large) && large >= 0 && large < layout;
  return { layout, cells, large: valid && layout > 1 ? large : null };
}

export function hashOf(view: View): string {
  const names = view.cells.map((name) =>
    encodeURIComponent((name ?? '').replace(/[%,]/g, encodeURIComponent)));
  while (names.length > 0 && names.at(-1) === '') names.pop();
  const large = view.large === null ? '' : `&large=${view.large + 1}`;
  return `#layout=${view.layout}&cells=${names.join(',')}${large}`;
}

/** A comma in a name is no separator, so it comes escaped once more. */
function decode(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return '';
  }
}

function defaultLayout(cameras: number, allowed: readonly Layout[]): Layout {
  return allowed.find((layout) => layout >= Math.min(cameras, 6)) ?? allowed.at(-1) ?? 1;
}

/** The cell next to `cell` in direction (dx, dy), or `cell` itself at an edge. */
export function neighbour(
  cell: number, dx: number, dy: number, columns: number, count: number,
): number {
  const x = (cell % columns) + dx;
  const y = Math.floor(cell / columns) + dy;
  const next = y * columns + x;
  return x < 0 || x >= columns || y < 0 || next >= count ? cell : next;
}
