/** A smaller picture of a camera, made by ffmpeg while somebody wants it. */

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { eventually } from '../lib/process.mjs';
import { World } from '../lib/world.mjs';

const LINGER_S = 1;
let world;

before(async () => {
  world = await World.start([{ camera: 1, fps: 15, gop: 30, width: 1280, height: 720 }], {
    streams: {
      'cam1-360p': 'ffmpeg:cam1#video=h264#height=360',
    },
    config: { linger: `${LINGER_S}s` },
  });
});
after(() => world?.stop());

/** The status of a process, as `/proc/PID/status` has it; empty once it has ended. */
function status(pid) {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}

/** How many programs the server runs: its descendants by the name of ffmpeg. */
function encoders() {
  const parents = new Map();
  const names = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const text = status(pid);
    parents.set(pid, text.match(/^PPid:\s*(\d+)/m)?.[1]);
    names.set(pid, text.match(/^Name:\s*(\S+)/m)?.[1]);
  }
  const server = String(world.server.child.process.pid);
  const isOurs = (pid) => pid !== undefined && (pid === server || isOurs(parents.get(pid)));
  return [...names].filter(([pid, name]) => name === 'ffmpeg' && isOurs(pid)).length;
}

test('360p of a camera is a picture of 360 rows, and no encoder is left behind', async () => {
  const viewer = await world.viewer(['cam1']);
  const native = await viewer.picture(0, 1);
  assert.equal(native?.height, 720);
  assert.equal(encoders(), 0, 'nobody has asked for a smaller picture');

  const asked = await viewer.switch(0, 'cam1', '360p');
  const small = await viewer.picture(0, 1, { since: asked, timeoutMs: 15_000, width: 640 });
  assert.ok(small, 'a picture 640 wide with the bar code of camera 1');
  assert.equal(small.height, 360);
  assert.equal(encoders(), 1);
  const { quality } = await viewer.told(0, 'active', asked);
  assert.equal(quality, '360p');
  const between = await viewer.frames(0, asked);
  assert.ok(between.every(({ camera }) => camera === 1), 'nothing else is shown meanwhile');
  console.log(`a picture of 360 rows ${Math.round(small.t - asked)} ms after it was asked for`);

  await viewer.close();
  await eventually('no encoder is left', LINGER_S * 1000 + 5000, () => encoders() === 0);
  assert.notEqual((await world.server.streams())['cam1-360p'].state, 'live');
});
