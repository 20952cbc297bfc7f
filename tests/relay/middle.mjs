/**
 * What a room's service has, in the middle: pages, and a list of TURN servers at /turn.
 *
 *     node middle.mjs PORT LIST
 */

import { servePages } from '../rooms/site.mjs';

const [port, list] = process.argv.slice(2);
await servePages(Number(port), '0.0.0.0', { '/turn': ['application/json', list] });
console.log('ready');
