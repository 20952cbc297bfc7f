import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delay } from '../lib/process.mjs';
import { longestGap } from '../lib/switching.mjs';
import { World } from '../lib/world.mjs';

const FPS = 15;
const SECONDS = Number(process.env.LOSS_SECONDS ?? 30);

/** Frames shown of those sent within the time, the longest freeze, and what the browser asked. */
async function watch(loss) {
  const world = await World.start(
    [{ camera: 1, fps: FPS, gop: 4 * FPS, kbps: 500 }],
    { relay: { loss, delayMs: 5, seed: 7 } },
  );
  try {
    const viewer = await world.viewer(['cam1']);
    assert.ok(await viewer.picture(0, 1, { timeoutMs: 10_000 }), 'camera 1 shows');
    await delay(2000);
    const since = await viewer.now();
    await delay(1000 * SECONDS);
    const frames = (await viewer.frames(0)).filter(({ t }) => t >= since);
    const { 0: stats } = await viewer.stats();
    const shown = countChanges(frames.map(({ n }) => n));
    const wrong = frames.filter(({ camera }) => camera !== 1).length;
    await viewer.close();
    const freeze = longestGap(frames, since, frames.at(-1).t);
    const result = { shown, sent: SECONDS * FPS, wrong, freeze, ...stats };
    console.log(JSON.stringify({ loss, dropped: world.relay.dropped, ...result }));
    return result;
  } finally {
    await world.stop();
  }
}

/** How many different frames follow each other; numbers come round after the clip's length. */
function countChanges(numbers) {
  return numbers.filter((n, i) => i === 0 || n !== numbers[i - 1]).length;
}

// One frame more or less belongs to the edges of the watch.
for (const { loss, missing, freezeMs } of [
  { loss: 0.02, missing: 2, freezeMs: 150 },
  { loss: 0.05, missing: 10, freezeMs: 250 },
]) {
  test(`at ${loss * 100} % loss nearly every frame is shown, none of them broken`, async () => {
    const { shown, sent, wrong, freeze, pli } = await watch(loss);
    assert.equal(wrong, 0, 'every picture is whole');
    assert.ok(shown >= sent - missing, `${shown} of ${sent} frames`);
    assert.ok(freeze <= freezeMs, `a freeze of ${freeze} ms`);
    assert.equal(pli, 0, 'loss is repaired by resending, not by keyframes');
  });
}
