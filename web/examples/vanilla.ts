// Three cameras on one connection; a click shows the one that was clicked in full quality.

import { MultiStreamClient } from '../src/multistream-client.ts';
import type { SlotConfig } from '../src/multistream-client.ts';

const cameras = ['front', 'yard', 'garage'];
const slots: SlotConfig[] = cameras.map((stream, slot) => ({ slot, stream, quality: '360p' }));
const grid = document.getElementById('grid');
const line = document.getElementById('status');

const client = new MultiStreamClient('http://crosspoint.local:1984', { reconnect: true });

const videos = slots.map(({ slot, stream }) => {
  const video = document.createElement('video');
  video.muted = video.autoplay = video.playsInline = true;
  video.addEventListener('click', () => {
    client.switchStream(slot, stream).catch((error: Error) => console.error(error.message));
  });
  grid?.append(video);
  return video;
});

// Fires for the first connection and for each one after it, when the tracks are new ones.
client.on('track', (slot, track) => {
  const video = videos[slot];
  if (video) video.srcObject = new MediaStream([track]);
});
client.on('status', (slot, { stream, status, error }) => {
  if (line) line.textContent = `slot ${slot}: ${stream} is ${status} ${error ?? ''}`;
});
client.on('reconnecting', (attempt, delayMs) => {
  if (line) line.textContent = `lost; attempt ${attempt} in ${Math.round(delayMs / 1000)} s`;
});

await client.connect(slots);
window.addEventListener('pagehide', () => client.disconnect());
