// Imports a TypeScript module of src/ as it is, bundled in memory.

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export async function load(path) {
  const { outputFiles } = await esbuild.build({
    absWorkingDir: root, entryPoints: [path], bundle: true, write: false, format: 'esm',
  });
  const code = Buffer.from(outputFiles[0].contents).toString('base64');
  return import(`data:text/javascript;base64,${code}`);
}
