/** From a key to what it means, so that the page works by keyboard alone. Pure. */

export type Command =
  | { do: 'choose'; cell: number }
  | { do: 'move'; dx: number; dy: number }
  | { do: 'pick'; letter: string }
  | { do: 'enlarge' | 'pause' | 'clear' | 'full' | 'stats' | 'list' | 'help' | 'back' };

export interface Key {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

const COMMANDS: Record<string, Command> = {
  ArrowLeft: { do: 'move', dx: -1, dy: 0 },
  ArrowRight: { do: 'move', dx: 1, dy: 0 },
  ArrowUp: { do: 'move', dx: 0, dy: -1 },
  ArrowDown: { do: 'move', dx: 0, dy: 1 },
  Enter: { do: 'enlarge' },
  ' ': { do: 'pause' },
  Delete: { do: 'clear' },
  Backspace: { do: 'clear' },
  Escape: { do: 'back' },
  '?': { do: 'help' },
  f: { do: 'full' },
  i: { do: 'stats' },
  c: { do: 'list' },
};

/**
 * `inControl` is true while a button or a dialog has the focus: Enter, space and the arrows
 * are theirs then.
 */
export function commandFor(key: Key, inControl: boolean): Command | null {
  // The browser's own shortcuts stay the browser's.
  if (key.ctrlKey || key.metaKey || key.altKey) return null;
  const name = key.key.length === 1 ? key.key.toLowerCase() : key.key;
  if (inControl && /^(Enter| |Arrow.*|Backspace|Delete)$/.test(name)) return null;
  if (/^[1-9]$/.test(name)) return { do: 'choose', cell: Number(name) - 1 };
  const command = COMMANDS[name];
  if (command) return command;
  return /^[a-z]$/.test(name) ? { do: 'pick', letter: name } : null;
}
