import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { compileScript, parse } from '@vue/compiler-sfc';
import * as esbuild from 'esbuild';
import { assets, stale } from '../build.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const read = (path) => readFileSync(join(root, path), 'utf8');

/** Gzipped bytes of everything that a browser loads for the page. */
const PAGE_MAX_BYTES = 40_000;
/** The same without minifying, so that small output is not only the minifier's work. */
const SOURCE_MAX_BYTES = 120_000;

function tsc(...args) {
  try {
    execFileSync(join(root, 'node_modules/.bin/tsc'), ['--noEmit', ...args], { cwd: root });
  } catch (error) {
    assert.fail(String(error.stdout));
  }
}

function sources(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test('sources and examples satisfy the strict type checker', () => tsc());

test('the Vue example compiles, its template included', async () => {
  const { descriptor, errors } = parse(read('examples/CameraGrid.vue'));
  assert.deepEqual(errors, []);
  const whole = compileScript(descriptor, { id: 'example', inlineTemplate: true });
  await esbuild.transform(whole.content, { loader: 'ts' });
  const { content } = compileScript(descriptor, { id: 'example', inlineTemplate: false });
  const file = join(root, 'examples/CameraGrid.vue.compiled.ts');
  writeFileSync(file, content);
  try {
    // Vue's compiler gives `props` the type any; what the script asks of the client is checked.
    tsc('--noImplicitAny', 'false', '--noUnusedLocals', 'false', '--noUnusedParameters', 'false');
  } finally {
    rmSync(file);
  }
});

test('the examples bundle for a browser', async () => {
  const { outputFiles } = await esbuild.build({
    absWorkingDir: root, entryPoints: ['examples/vanilla.ts', 'examples/CameraGrid.tsx'],
    bundle: true, write: false, format: 'esm', outdir: 'out', external: ['react'],
    packages: 'external',
  });
  assert.equal(outputFiles.length, 2);
  assert.match(read('examples/vanilla.html'), /src="vanilla\.js"/);
});

test('dist is up to date with the sources', async () => {
  assert.deepEqual(await stale(), [], 'run "npm run build" and commit web/dist');
});

test('dist names neither a time nor a system, so that a build repeats', () => {
  for (const file of readdirSync(join(root, 'dist'))) {
    const bytes = readFileSync(join(root, 'dist', file));
    assert.equal(bytes.readUInt32LE(4), 0, `${file}: time`);
    assert.equal(bytes[9], 255, `${file}: system`);
  }
});

test('the page stays small', async () => {
  const page = readdirSync(join(root, 'dist')).filter((file) => !file.startsWith('multistream'));
  const bytes = page.reduce((sum, file) => sum + statSync(join(root, 'dist', file)).size, 0);
  assert.ok(bytes < PAGE_MAX_BYTES, `${bytes} bytes gzipped`);
  const plain = [...sources('src'), join(root, 'index.html')]
    .reduce((sum, file) => sum + statSync(file).size, 0);
  assert.ok(plain < SOURCE_MAX_BYTES, `${plain} bytes of sources`);
  console.log(`page: ${bytes} bytes gzipped, ${plain} bytes of sources`);
});

test('every file is small and has short lines', () => {
  const code = ['src', 'examples', 'test'].flatMap(sources)
    .filter((file) => !file.endsWith('.svg'));
  for (const file of code) {
    const lines = readFileSync(file, 'utf8').split('\n');
    assert.ok(lines.length < 600, `${file}: ${lines.length} lines`);
    const long = lines.findIndex((line) => line.length > 100);
    assert.equal(long, -1, `${file}:${long + 1} is too long`);
  }
});

test('nothing in the page needs inline code, so the strict policy can hold', async () => {
  const html = String((await assets())['index.html']);
  assert.doesNotMatch(html, /\sstyle=|<style|\son\w+=|javascript:|https?:\/\//);
  for (const [, body] of html.matchAll(/<script[^>]*>([^]*?)<\/script>/g)) assert.equal(body, '');
  const script = gunzipSync(readFileSync(join(root, 'dist/app.js.gz'))).toString();
  assert.doesNotMatch(script, /innerHTML|insertAdjacentHTML|\beval\(|new Function/);
});

test('the client in one file exports what its users import', async () => {
  const { 'multistream-client.js': bytes } = await assets();
  const module = await import(`data:text/javascript;base64,${bytes.toString('base64')}`);
  assert.equal(typeof module.MultiStreamClient, 'function');
  for (const name of ['connect', 'switchStream', 'disconnect', 'pause', 'resume', 'keyframe',
    'getStats', 'on']) assert.equal(typeof module.MultiStreamClient.prototype[name], 'function');
});

test('the lock names no registry', () => {
  for (const entry of Object.values(JSON.parse(read('package-lock.json')).packages)) {
    assert.equal(entry.resolved, undefined);
  }
});

test('versions are pinned exactly', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json'));
  assert.equal(dependencies, undefined);
  for (const version of Object.values(devDependencies)) assert.match(version, /^\d+\.\d+\.\d+$/);
});
