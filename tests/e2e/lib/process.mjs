/** Children of the tests: started, awaited, and never left behind. */

import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

const STOP_TIMEOUT_MS = 3000;
const LOG_MAX_LINES = 400;

export const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A TCP port of the loopback interface that is free now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Waits until `check` returns something true; its last error or `what` after the time. */
export async function eventually(what, timeoutMs, check) {
  const end = Date.now() + timeoutMs;
  let last = '';
  for (;;) {
    try {
      const value = await check();
      if (value) return value;
    } catch (error) {
      last = `: ${error.message}`;
    }
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}${last}`);
    await delay(20);
  }
}

/** A child process whose output is kept for the message of a failed test. */
export class Child {
  constructor(command, args, options = {}) {
    this.log = [];
    this.waiting = [];
    this.process = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
    this.ended = new Promise((resolve) => {
      this.process.on('exit', (code, signal) => resolve({ code, signal }));
      this.process.on('error', (error) => {
        this.keep(String(error));
        resolve({ code: null, signal: null });
      });
    });
    createInterface({ input: this.process.stdout }).on('line', (line) => {
      this.keep(line);
      this.waiting.shift()?.(line);
    });
    createInterface({ input: this.process.stderr }).on('line', (line) => this.keep(line));
    this.process.stdin.on('error', () => {});
  }

  keep(line) {
    this.log.push(line);
    if (this.log.length > LOG_MAX_LINES) this.log.shift();
  }

  /** The next line of its standard output; fails with its log if it ends first. */
  async line(timeoutMs) {
    let timer;
    const over = new Promise((resolve) => {
      timer = setTimeout(() => resolve('time is over'), timeoutMs);
    });
    const got = await Promise.race([
      new Promise((resolve) => this.waiting.push(resolve)),
      Promise.race([this.ended.then(() => 'it ended'), over]).then((why) => ({ why })),
    ]);
    clearTimeout(timer);
    if (typeof got === 'string') return got;
    throw new Error(`no answer, ${got.why}; its output:\n${this.log.join('\n')}`);
  }

  get running() {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Ends it: politely, then not. */
  async stop() {
    if (!this.running) return;
    this.process.stdin.end();
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends it without a goodbye. */
  async kill() {
    this.process.kill('SIGKILL');
    await this.ended;
  }
}
