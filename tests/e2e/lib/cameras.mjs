/** The RTSP cameras of tests/cameras/gst_camera.py, as the tests see them. */

import { fileURLToPath } from 'node:url';
import { Child, freePort } from './process.mjs';

const SCRIPT = fileURLToPath(new URL('../../cameras/gst_camera.py', import.meta.url));
// The first run encodes the clips.
const START_TIMEOUT_MS = 300_000;
const COMMAND_TIMEOUT_MS = 60_000;

/** One process with some cameras. Give it a camera's keys (see the script), without `path`. */
export class Cameras {
  static async start(list, { port, args = [] } = {}) {
    const cameras = new Cameras();
    cameras.list = list.map((camera) => ({ path: `/cam${camera.camera}`, fps: 30, ...camera }));
    cameras.args = args;
    cameras.port = port ?? (await freePort());
    await cameras.run();
    return cameras;
  }

  async run() {
    const args = [SCRIPT, '--port', String(this.port), '--cameras', JSON.stringify(this.list)];
    this.child = new Child('/usr/bin/python3', [...args, ...this.args]);
    const { ready } = JSON.parse(await this.child.line(START_TIMEOUT_MS));
    for (const camera of this.list) camera.frames = ready[camera.path];
  }

  /** The address of one camera. */
  url(camera) {
    const { path } = this.list.find((each) => each.camera === camera);
    return `rtsp://127.0.0.1:${this.port}${path}`;
  }

  /** What a page has to know to tell a frame's age: by camera number. */
  get clocks() {
    const clock = ({ camera, fps, frames }) => [camera, { fps, frames }];
    return Object.fromEntries(this.list.map(clock));
  }

  async command(values) {
    this.child.process.stdin.write(`${JSON.stringify(values)}\n`);
    const answer = JSON.parse(await this.child.line(COMMAND_TIMEOUT_MS));
    if (answer.error) throw new Error(answer.error);
    return answer;
  }

  /** The camera stays connected and sends nothing. */
  freeze(camera) {
    return this.command({ do: 'freeze', path: `/cam${camera}` });
  }

  thaw(camera) {
    return this.command({ do: 'thaw', path: `/cam${camera}` });
  }

  /** From its next IDR on the camera sends other pictures. */
  change(camera, clip) {
    return this.command({ do: 'clip', path: `/cam${camera}`, clip });
  }

  /** How many RTSP connections there are. */
  async clients() {
    return (await this.command({ do: 'clients' })).clients;
  }

  /** Pulls the plug. */
  kill() {
    return this.child.kill();
  }

  stop() {
    return this.child.stop();
  }
}
