/** The crosspoint binary under test. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Child, eventually, freePort } from './process.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const BINARY = process.env.CROSSPOINT ?? `${ROOT}target/release/crosspoint`;
const OUT = fileURLToPath(new URL('../out/', import.meta.url));
const START_TIMEOUT_MS = 5000;

export class Server {
  /** Runs `crosspoint run` with these streams and further keys of the configuration. */
  static async run(streams, { config = {}, args = [] } = {}) {
    const server = new Server();
    server.port = await freePort();
    server.mediaPort = await freePort();
    const file = `${OUT}crosspoint-${server.port}.yaml`;
    mkdirSync(OUT, { recursive: true });
    const { api, ...others } = config;
    // JSON is YAML.
    const document = {
      streams,
      api: { listen: `127.0.0.1:${server.port}`, ...api },
      webrtc: { listen: `127.0.0.1:${server.mediaPort}` },
      log: { level: process.env.CROSSPOINT_LOG ?? 'info' },
      ...others,
    };
    writeFileSync(file, JSON.stringify(document, null, 2));
    await server.start(['run', '-c', file, ...args]);
    return server;
  }

  /** Runs `crosspoint demo`. */
  static async demo({ args = [] } = {}) {
    const server = new Server();
    server.port = await freePort();
    await server.start(['demo', '--listen', `127.0.0.1:${server.port}`, ...args]);
    return server;
  }

  async start(args) {
    this.child = new Child(BINARY, args);
    try {
      await eventually('the server answers', START_TIMEOUT_MS, async () => {
        if (!this.child.running) throw new Error('it ended');
        return (await fetch(`${this.url}/api`)).ok;
      });
    } catch (error) {
      await this.child.stop();
      throw new Error(`${error.message}\n${this.child.log.join('\n')}`);
    }
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  get webSocketUrl() {
    return `ws://127.0.0.1:${this.port}/api/ws`;
  }

  /** GET /api/streams. */
  async streams() {
    return (await fetch(`${this.url}/api/streams`)).json();
  }

  stop() {
    return this.child.stop();
  }
}
