/**
 * One switch, as a viewer sees it: the measures of the switch report.
 *
 * All come from presented pictures. A frame's age is the time since the camera's instant of that
 * frame; `live` means no older than before the switch plus one frame at 30 fps.
 */

import { delay } from './process.mjs';
import { median } from './stats.mjs';

const LIVE_TOLERANCE_MS = 34;
const SETTLED_FRAMES = 10;
/** How long a switch is watched after the first new picture, for live age and ghosts. */
const WATCH_MS = 1500;

/** The median age of the last frames that have one. */
function settledAge(frames) {
  return median(frames.filter(({ age }) => age !== null).slice(-SETTLED_FRAMES).map((f) => f.age));
}

/** The longest time without a new picture within [from, to]. */
export function longestGap(frames, from, to) {
  const inside = frames.filter(({ t }) => t > from && t < to).map(({ t }) => t);
  const before = frames.filter(({ t }) => t <= from).at(-1)?.t ?? from;
  const times = [before, ...inside];
  return Math.max(...times.slice(1).map((t, i) => t - times[i]), to - times.at(-1));
}

/**
 * The measures of one switch.
 *
 * @param {object[]} frames of the slot, from some time before the switch to the end of the watch
 * @param {number} asked when the switch was asked for
 * @param {{camera: number, width: number}} to what has to show
 */
export function measure(frames, asked, to) {
  const before = settledAge(frames.filter(({ t }) => t <= asked));
  const after = frames.filter(({ t }) => t > asked);
  const isNew = (f) => f.camera === to.camera && f.width === to.width;
  const first = after.find(isNew);
  if (!first) return { before, first: null, live: null, gap: null, ghosts: 0, after: null };
  const shown = after.filter(({ t }) => t >= first.t);
  const live = shown.find((f) => isNew(f) && f.age <= before + LIVE_TOLERANCE_MS);
  const early = after.filter(({ t, camera }) => t < first.t && camera === null);
  return {
    before,
    first: first.t - asked,
    live: live ? live.t - asked : null,
    gap: longestGap(frames, asked, shown.at(-1).t),
    ghosts: shown.filter((f) => !isNew(f)).length + early.length,
    after: settledAge(shown),
    catchingUp: live ? shown.filter(({ t }) => t < live.t).length : shown.length,
  };
}

/** Switches a slot at the present (arbitrary) phase and measures; `waitMs` is for the picture. */
export async function switchAndMeasure(viewer, slot, stream, to, { waitMs }) {
  const asked = await viewer.switch(slot, stream);
  await viewer.picture(slot, to.camera, { since: asked, timeoutMs: waitMs, width: to.width });
  await delay(WATCH_MS);
  return measure(await viewer.frames(slot, asked - 1000), asked, to);
}
