/** Cameras, server and browser together, and their end. */

import { Browser } from './browser.mjs';
import { Cameras } from './cameras.mjs';
import { Relay } from './relay.mjs';
import { Server } from './server.mjs';

export class World {
  /**
   * Starts the server with one stream a camera, named cam1, cam2 ...
   *
   * @param {object[]} cameras keys of the cameras, see tests/cameras/gst_camera.py
   * @param {object} options `streams` besides, or a function of the cameras that gives them,
   *   `config` and `args` of the server, `relay`
   *   options of the bad network, `warm` (default true) keeps cameras connected
   */
  static async start(cameras, options = {}) {
    const world = new World();
    world.parts = [];
    try {
      await world.build(cameras, options);
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  async build(cameras, { streams = {}, config = {}, args = [], relay, warm = true }) {
    this.cameras = await Cameras.start(cameras);
    this.parts.push(this.cameras);
    const own = this.cameras.list.map(({ camera }) => [
      `cam${camera}`,
      { url: this.cameras.url(camera), warm },
    ]);
    const more = typeof streams === 'function' ? streams(this.cameras) : streams;
    this.server = await Server.run(
      { ...Object.fromEntries(own), ...more },
      { config: { linger: '1s', ...config }, args },
    );
    this.parts.push(this.server);
    if (relay) {
      this.relay = await Relay.start(this.server.mediaPort, relay);
      this.parts.push(this.relay);
    }
    this.browser = await Browser.start();
    this.parts.push(this.browser);
  }

  /** A session whose slots 0, 1, ... show the named streams; connected unless told. */
  async viewer(names, { connect = true } = {}) {
    const viewer = await this.browser.viewer({
      url: this.server.webSocketUrl,
      slots: names.map((stream, slot) => ({ slot, stream })),
      clocks: this.cameras.clocks,
      relay: this.relay && { from: this.server.mediaPort, to: this.relay.port },
    });
    if (connect) await viewer.connect();
    return viewer;
  }

  async stop() {
    for (const part of this.parts.reverse()) await part.stop();
  }
}
