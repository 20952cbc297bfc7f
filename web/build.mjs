// Bundles the page and the client into dist/, gzipped, for the binary to embed. The files are
// committed: building the binary needs no node. `--check` only tells whether they are up to date.

import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, 'dist');

/** Oldest browsers with everything that the page uses, container queries above all. */
const target = ['chrome111', 'firefox115', 'safari16.4'];

async function bundle(entry, options) {
  const result = await esbuild.build({
    absWorkingDir: root, entryPoints: [entry], bundle: true, write: false, target,
    legalComments: 'none', charset: 'utf8', logLevel: 'warning', ...options,
  });
  return Buffer.from(result.outputFiles[0].contents);
}

const read = (path) => readFileSync(join(root, path));

/** Every file of the page by its name, as bytes before compression. */
export async function assets() {
  return {
    'app.js': await bundle('src/page/main.ts', { minify: true, format: 'esm' }),
    'favicon.svg': read('src/favicon.svg'),
    'index.html': read('index.html'),
    'multistream-client.js': await bundle('src/multistream-client.ts', { format: 'esm' }),
    'style.css': await bundle('src/style.css', { minify: true, loader: { '.css': 'css' } }),
  };
}

/** The header names neither a time nor an operating system, so that bytes repeat. */
function compress(bytes) {
  const packed = gzipSync(bytes, { level: 9 });
  packed.fill(0, 4, 8);
  packed[9] = 255;
  return packed;
}

/**
 * Names of the files in dist/ that differ from the sources. Contents are compared, not gzip
 * bytes: zlib's output may differ between versions of node.
 */
export async function stale() {
  const wanted = await assets();
  const names = Object.keys(wanted);
  const surplus = listed().filter((file) => !names.includes(file.replace(/\.gz$/, '')));
  return [...surplus, ...names.filter((name) => !wanted[name].equals(current(name)))];
}

function listed() {
  try {
    return readdirSync(dist);
  } catch {
    return [];
  }
}

function current(name) {
  try {
    return gunzipSync(readFileSync(join(dist, `${name}.gz`)));
  } catch {
    return Buffer.from('\0missing');
  }
}

async function build() {
  const wanted = await assets();
  mkdirSync(dist, { recursive: true });
  for (const file of listed()) {
    if (!(file.replace(/\.gz$/, '') in wanted)) rmSync(join(dist, file));
  }
  let total = 0;
  for (const [name, bytes] of Object.entries(wanted)) {
    const file = join(dist, `${name}.gz`);
    if (!bytes.equals(current(name))) writeFileSync(file, compress(bytes));
    const size = readFileSync(file).length;
    total += size;
    console.log(`${name.padEnd(24)} ${String(bytes.length).padStart(7)} B, gzip ${size} B`);
  }
  console.log(`${'all'.padEnd(24)} gzip ${total} B`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--check')) {
    const files = await stale();
    if (files.length > 0) {
      console.error(`not up to date, run "npm run build": ${files.join(', ')}`);
      process.exitCode = 1;
    }
  } else {
    await build();
  }
}
