/**
 * Three networks: the server's, the viewer's, and one between them that forwards nothing. Whoever
 * wants to get from one end to the other has to be relayed in the middle.
 *
 *     server 10.98.1.2 ── 10.98.1.1 middle 10.98.2.1 ── 10.98.2.2 viewer
 *     server 10.98.3.2 ─────────────────────────────── 10.98.3.1 viewer   (with `cable` only)
 */

import { execFileSync } from 'node:child_process';

export const ADDRESSES = {
  server: '10.98.1.2',
  middleToServer: '10.98.1.1',
  middleToViewer: '10.98.2.1',
  viewer: '10.98.2.2',
  serverOnCable: '10.98.3.2',
};

const PREFIX = 'crosspoint-';
const NAMES = ['server', 'middle', 'viewer'];

const ip = (words) => execFileSync('ip', words.split(' '), { stdio: 'pipe' });

/** A command as it runs in one of the networks. */
export const within = (name, command) => ['ip', 'netns', 'exec', PREFIX + name, ...command];

/** Runs a command there. */
export function inside(name, words) {
  const [program, ...args] = within(name, words.split(' '));
  return execFileSync(program, args, { stdio: 'pipe' });
}

function link([one, oneAddress], [other, otherAddress]) {
  const names = [`${one}-${other}`, `${other}-${one}`];
  ip(`link add ${names[0]} netns ${PREFIX}${one} type veth peer name ${names[1]} netns ${PREFIX}${other}`);
  for (const [name, dev, address] of [[one, names[0], oneAddress], [other, names[1], otherAddress]]) {
    inside(name, `ip address add ${address}/24 dev ${dev}`);
    inside(name, `ip link set ${dev} up`);
  }
}

export function makeNetworks() {
  removeNetworks();
  for (const name of NAMES) {
    ip(`netns add ${PREFIX}${name}`);
    inside(name, 'ip link set lo up');
  }
  link(['server', ADDRESSES.server], ['middle', ADDRESSES.middleToServer]);
  link(['middle', ADDRESSES.middleToViewer], ['viewer', ADDRESSES.viewer]);
  // Either end may know the other's address; the middle does not forward to it.
  inside('server', `ip route add default via ${ADDRESSES.middleToServer}`);
  inside('viewer', `ip route add default via ${ADDRESSES.middleToViewer}`);
}

/** Connects the two ends; no UDP passes this cable. */
export function addCable() {
  link(['server', ADDRESSES.serverOnCable], ['viewer', '10.98.3.1']);
  for (const name of ['server', 'viewer']) {
    inside(name, 'ip rule add unreachable pref 1 ipproto udp to 10.98.3.0/24');
  }
}

export function removeCable() {
  inside('server', 'ip link delete server-viewer');
  for (const name of ['server', 'viewer']) {
    inside(name, 'ip rule delete unreachable pref 1 ipproto udp to 10.98.3.0/24');
  }
}

export function removeNetworks() {
  for (const name of NAMES) {
    try {
      ip(`netns delete ${PREFIX}${name}`);
    } catch {
      // It was not there.
    }
  }
}
