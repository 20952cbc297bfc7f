/** Starts the page: reads the catalogue, keeps it fresh, tells the app of time and visibility. */

import { App } from './app.ts';
import { getConfig, getStreams } from './api.ts';
import { camerasFrom } from './catalog.ts';
import { byId, setText } from './dom.ts';

const REFRESH_MS = 5_000;
const TICK_MS = 1_000;
/** A glance at another tab costs no interruption. */
const HIDE_AFTER_MS = 3_000;
const RETRY_MS = 2_000;

async function start(): Promise<void> {
  let app: App | undefined;
  while (!app) {
    try {
      const [config, streams] = await Promise.all([getConfig(), getStreams()]);
      app = new App(config, camerasFrom(streams));
    } catch (error) {
      console.warn(error);
      byId('link').dataset['state'] = 'waiting';
      setText(byId('link-text'), 'Waiting for the server');
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
  keepFresh(app);
  watchVisibility(app);
}

function keepFresh(app: App): void {
  setInterval(() => {
    if (!document.hidden) app.tick(Date.now());
  }, TICK_MS);
  setInterval(() => {
    if (document.hidden) return;
    getStreams().then(
      (streams) => app.setCameras(camerasFrom(streams)),
      // The connection's own state already tells that the server is away.
      () => undefined);
  }, REFRESH_MS);
}

function watchVisibility(app: App): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const changed = () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => app.setHidden(true), HIDE_AFTER_MS);
    else app.setHidden(false);
  };
  document.addEventListener('visibilitychange', changed);
  changed();
}

void start();
