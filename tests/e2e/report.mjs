/**
 * The switch report: how soon, how clean and how live another camera's picture is.
 *
 *     node report.mjs [--quick] [--switches N] [--baseline-switches N] [--json FILE]
 *                     [--policy instant|wait-idr|both] [--part cameras|lossy|demo]
 *
 * Cameras are RTSP servers that run continuously (gst-rtsp-server's, then the demo's own),
 * Chromium shows them, and every presented picture is read. Each setting has a connection of its
 * own; switches come at random phases of the GOP. The same cameras are then shown by waiting for
 * the camera's next IDR as other servers do (the server's benchmark-only flag
 * --switch-policy=wait-idr), in the same run, because absolute times depend on the machine and
 * its load.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Browser } from './lib/browser.mjs';
import { delay } from './lib/process.mjs';
import { Server } from './lib/server.mjs';
import { load, median, p95, sum } from './lib/stats.mjs';
import { switchAndMeasure } from './lib/switching.mjs';
import { World } from './lib/world.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    switches: { type: 'string' },
    'baseline-switches': { type: 'string' },
    json: { type: 'string', default: fileURLToPath(new URL('out/report.json', import.meta.url)) },
    policy: { type: 'string', default: 'both' },
    part: { type: 'string' },
  },
});

const FPS = 30;
const SWITCHES = Number(options.switches ?? (options.quick ? 6 : 30));
// The baseline spends its time waiting: some ten switches a setting tell enough of it.
const BASELINE_SWITCHES = Number(options['baseline-switches'] ?? Math.min(SWITCHES, 10));
const SIZES = {
  '360p': { width: 640, height: 360, kbps: 800 },
  '1080p': { width: 1920, height: 1080, kbps: 4000 },
};
const SETTINGS = options.quick
  ? [['360p', 2], ['360p', 10], ['1080p', 2]]
  : [['360p', 2], ['360p', 4], ['360p', 10], ['1080p', 2], ['1080p', 4], ['1080p', 10]];
const POLICIES = options.policy === 'both' ? ['instant', 'wait-idr'] : [options.policy];

/** Two cameras a setting, unlike in profile and with IDRs at different instants. */
function pair(index, [size, gopSeconds]) {
  const common = { ...SIZES[size], fps: FPS, gop: gopSeconds * FPS };
  const [first, second] = [20 + 2 * index, 21 + 2 * index];
  return [
    { ...common, camera: first, stream: `cam${first}`, profile: 'baseline', phase: 7 },
    {
      ...common,
      camera: second,
      stream: `cam${second}`,
      profile: 'high',
      phase: Math.floor(common.gop / 2),
    },
  ];
}

/** The demo's cameras: unlike in size and profile, GOPs of 2 and 4 s and twice 10 s. */
const DEMO_CLOCK = { fps: 25, frames: 250 };
const DEMO_SETTINGS = {
  'demo 720p <-> 1080p, GOP 2 s': {
    gop: 2,
    cameras: [
      { stream: 'harbour', camera: 1, width: 1280 },
      { stream: 'garden', camera: 4, width: 1920 },
    ],
  },
  'demo 720p <-> 360p, GOP 4 and 2 s': {
    gop: 4,
    cameras: [
      { stream: 'workshop', camera: 3, width: 1280 },
      { stream: 'harbour-360p', camera: 11, width: 640 },
    ],
  },
  'demo 480p <-> 720p, GOP 10 s': {
    gop: 10,
    cameras: [
      { stream: 'dock', camera: 5, width: 640 },
      { stream: 'sky', camera: 6, width: 1280 },
    ],
  },
};
const DEMO_GOP_MAX_S = 10;
/** How much longer than a GOP a picture may take before the switch counts as failed. */
const PICTURE_SLACK_MS = 3000;

/** One setting: a fresh connection, then switches to and fro. */
async function runSetting(open, cameras, { gopMs, count }) {
  const waitMs = gopMs + PICTURE_SLACK_MS;
  const viewer = await open(cameras[0].stream);
  await viewer.picture(0, cameras[0].camera, { timeoutMs: waitMs });
  const began = await viewer.stats();
  const loads = [load()];
  const switches = [];
  for (let i = 0; i < count; i += 1) {
    // Over a whole GOP: a picture that came with an IDR fixes the phase of what follows soon.
    await delay(700 + Math.random() * gopMs);
    const to = cameras[(i + 1) % 2];
    switches.push(await switchAndMeasure(viewer, 0, to.stream, to, { waitMs }));
  }
  const ended = await viewer.stats();
  loads.push(load());
  await viewer.close();
  const counted = (name) => ended[0][name] - began[0][name];
  return {
    switches,
    loads,
    pli: counted('pli'),
    nack: counted('nack'),
    freezes: counted('freezes'),
    dropped: counted('dropped'),
  };
}

function summary(setting, policy, { switches, loads, ...counts }) {
  const both = (name) => {
    const values = switches.map((each) => each[name]);
    return { median: median(values), p95: p95(values) };
  };
  return {
    setting,
    policy,
    switches: switches.length,
    first: both('first'),
    live: both('live'),
    gap: both('gap'),
    longestGap: Math.max(...switches.map(({ gap }) => gap ?? Infinity)),
    before: both('before'),
    after: both('after'),
    neverShown: switches.filter(({ first }) => first === null).length,
    neverLive: switches.filter(({ live }) => live === null).length,
    switchesWithGhosts: switches.filter(({ ghosts }) => ghosts > 0).length,
    ghostPictures: sum(switches.map(({ ghosts }) => ghosts)),
    ...counts,
    loads,
  };
}

const countOf = (policy) => (policy === 'wait-idr' ? BASELINE_SWITCHES : SWITCHES);
const argsOf = (policy) => (policy === 'wait-idr' ? ['--switch-policy=wait-idr'] : []);

function report(setting, policy, measured) {
  const result = { ...summary(setting, policy, measured), raw: measured.switches };
  console.log(row(result));
  return result;
}

async function runCameras(policy) {
  const all = SETTINGS.map((setting, i) => pair(i, setting));
  const args = argsOf(policy);
  const world = await World.start(all.flat(), { args });
  const results = [];
  try {
    // Every camera's stream is received for a whole GOP before anything is measured.
    await delay(1000 * Math.max(...SETTINGS.map(([, gop]) => gop)) + 1000);
    for (const [i, [size, gop]] of SETTINGS.entries()) {
      const open = (stream) => world.viewer([stream]);
      const measured = await runSetting(open, all[i], {
        gopMs: 1000 * gop,
        count: countOf(policy),
      });
      results.push(report(`${size} GOP ${gop} s`, policy, measured));
    }
  } finally {
    await world.stop();
  }
  return results;
}

/** Loss and delay both ways, in a relay between server and browser. */
async function runLossy(policy) {
  const setting = ['360p', 2];
  const cameras = pair(SETTINGS.length, setting);
  const world = await World.start(cameras, {
    args: argsOf(policy),
    relay: { loss: 0.05, delayMs: 20, seed: 11 },
  });
  try {
    await delay(1000 * setting[1] + 1000);
    const measured = await runSetting((stream) => world.viewer([stream]), cameras, {
      gopMs: 1000 * setting[1],
      count: countOf(policy),
    });
    return [report('360p GOP 2 s, 5 % loss, 40 ms', policy, measured)];
  } finally {
    await world.stop();
  }
}

async function runDemo(policy) {
  const parts = [];
  const results = [];
  try {
    const server = await Server.demo({ args: argsOf(policy) });
    parts.push(server);
    const browser = await Browser.start();
    parts.push(browser);
    await delay(1000 * DEMO_GOP_MAX_S + 1000);
    for (const [setting, { gop, cameras }] of Object.entries(DEMO_SETTINGS)) {
      const open = async (stream) => {
        const viewer = await browser.viewer({
          url: server.webSocketUrl,
          slots: [{ slot: 0, stream }],
          clocks: Object.fromEntries(cameras.map(({ camera }) => [camera, DEMO_CLOCK])),
        });
        await viewer.connect();
        return viewer;
      };
      const measured = await runSetting(open, cameras, {
        gopMs: 1000 * gop,
        count: countOf(policy),
      });
      results.push(report(setting, policy, measured));
    }
  } finally {
    for (const part of parts.reverse()) await part.stop();
  }
  return results;
}

const number = (value) => (value === null ? '-' : String(Math.round(value)));
const pairOf = ({ median: m, p95: p }) => `${number(m)} / ${number(p)}`;

function row(result) {
  const cells = [
    result.setting,
    result.policy,
    result.switches,
    pairOf(result.first),
    pairOf(result.live),
    number(result.longestGap),
    `${number(result.before.median)} -> ${number(result.after.median)}`,
    `${result.switchesWithGhosts} (${result.ghostPictures})`,
    result.neverShown + result.neverLive,
    `${result.pli} / ${result.nack}`,
    result.loads.join(' -> '),
  ];
  return `| ${cells.join(' | ')} |`;
}

const HEAD = [
  'setting', 'policy', 'switches', 'first picture ms', 'live ms', 'longest gap ms',
  'age before -> after ms', 'with ghosts (pictures)', 'never', 'PLI / NACK', 'load',
];

console.log('Median / 95th percentile.\n');
console.log(`| ${HEAD.join(' | ')} |\n|${HEAD.map(() => ' --- |').join('')}`);
const PARTS = { cameras: runCameras, lossy: runLossy, demo: runDemo };
const names = options.part ? [options.part] : options.quick ? ['cameras'] : Object.keys(PARTS);
const results = [];
for (const policy of POLICIES) {
  for (const name of names) results.push(...(await PARTS[name](policy)));
}
mkdirSync(dirname(options.json), { recursive: true });
writeFileSync(options.json, `${JSON.stringify({ switches: SWITCHES, results }, null, 1)}\n`);

// Whatever the machine's load: an instant switch shows no ghost and always arrives.
const failed = results.filter(
  (r) => r.policy === 'instant' && (r.ghostPictures > 0 || r.neverShown > 0),
);
if (failed.length > 0) {
  console.error(`ghosts or missing pictures: ${failed.map((r) => r.setting).join(', ')}`);
  process.exitCode = 1;
}
