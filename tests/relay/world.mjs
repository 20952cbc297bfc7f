/** Who is in the three networks: coturn in the middle, a browser at one end, us at the other. */

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from '../e2e/node_modules/playwright-core/index.mjs';
import { Child, eventually } from '../e2e/lib/process.mjs';
import { ADDRESSES, inside, within } from './networks.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const BINARY = process.env.CROSSPOINT ?? `${ROOT}target/release/crosspoint`;
export const OUT = fileURLToPath(new URL('out/', import.meta.url));
export const [USER, PASSWORD] = ['hunter1-user', 'hunter2-password'];
/** Within a nonce's life no request is repeated with another one. */
export const NONCE_S = 10;
/** coturn takes the next port of each as well. */
const portsOf = (shift) => ({ turn: 3478 + 10 * shift, turns: 5349 + 10 * shift });

const children = [];
const began = Date.now();

/** Runs a command in one of the networks until the end of the test. */
export function start(name, command, options) {
  const [program, ...args] = within(name, command);
  const child = new Child(program, args, options);
  children.push(child);
  return child;
}

export const endAll = () => Promise.all(children.map((child) => child.kill()));

export function passed(what) {
  console.log(`ok ${((Date.now() - began) / 1000).toFixed(1).padStart(5)} s  ${what}`);
}

/** A certificate for the middle's address that is its own authority. */
export function certificate() {
  mkdirSync(OUT, { recursive: true });
  const file = (name) => `${OUT}${name}.pem`;
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=test', '-addext', `subjectAltName=IP:${ADDRESSES.middleToServer}`,
    '-addext', 'basicConstraints=critical,CA:FALSE', '-keyout', file('key'), '-out', file('cert'),
  ], { stdio: 'pipe' });
  // coturn gives up root.
  chmodSync(file('key'), 0o644);
}

/** A TURN server in the middle; each on ports of its own, so many tens behind the usual ones. */
export async function startCoturn(shift = 0) {
  const { turn, turns } = portsOf(shift);
  const ports = [40_000 + 100 * shift, 40_099 + 100 * shift];
  const child = start('middle', [
    'turnserver', '-n', '--log-file=stdout', '--no-cli', '--lt-cred-mech',
    `--user=${USER}:${PASSWORD}`, '--realm=relay.test', `--cert=${OUT}cert.pem`,
    `--pkey=${OUT}key.pem`, `--listening-ip=${ADDRESSES.middleToServer}`,
    `--listening-ip=${ADDRESSES.middleToViewer}`, `--relay-ip=${ADDRESSES.middleToViewer}`,
    `--listening-port=${turn}`, `--tls-listening-port=${turns}`,
    `--min-port=${ports[0]}`, `--max-port=${ports[1]}`, `--stale-nonce=${NONCE_S}`,
    `--pidfile=${OUT}coturn-${shift}.pid`, `--userdb=${OUT}coturn-${shift}.db`,
  ]);
  const listens = `${ADDRESSES.middleToServer}:${turns}`;
  await eventually('coturn listens', 10_000, () =>
    inside('middle', 'ss -Htln').toString().includes(listens));
  return child;
}

export const relay = (url, extra) =>
  ({ urls: url, username: USER, credential: PASSWORD, ...extra });

export function urls(shift = 0) {
  const { turn, turns } = portsOf(shift);
  return {
    udp: `turn:${ADDRESSES.middleToServer}:${turn}`,
    tcp: `turn:${ADDRESSES.middleToServer}:${turn}?transport=tcp`,
    tls: `turns:${ADDRESSES.middleToServer}:${turns}`,
  };
}
// Browsers hide their addresses from pages; what a STUN server sees of them is told to the server.
export const STUN = { urls: `stun:${ADDRESSES.middleToViewer}:${portsOf(0).turn}` };
export const viewerRelay = (transport) =>
  relay(`turn:${ADDRESSES.middleToViewer}:${portsOf(0).turn}?transport=${transport}`);

export async function startBrowser() {
  const file = `${OUT}chromium`;
  const command = within('viewer', [process.env.CHROMIUM ?? '/usr/bin/chromium']).join(' ');
  writeFileSync(file, `#!/bin/sh\nexec ${command} "$@"\n`);
  chmodSync(file, 0o755);
  return chromium.launch({
    executablePath: file, headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
}
