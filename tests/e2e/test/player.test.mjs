/** The single-camera players: go2rtc's over the WebSocket, and WHEP. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from '../lib/browser.mjs';
import { eventually } from '../lib/process.mjs';
import { Server } from '../lib/server.mjs';

let server;
let browser;

before(async () => {
  server = await Server.demo();
  browser = await Browser.start();
  await eventually('the camera is received', 10_000, async () => {
    const { street } = await server.streams();
    return street.state === 'live';
  });
});
after(async () => {
  await browser?.stop();
  await server?.stop();
});

const watchers = async () => (await server.streams()).street.consumers.length;

/** Runs in the page: plays by the WebSocket, then closes it, as the player does. */
async function playBySocket(url) {
  const socket = new WebSocket(`${url}?src=street`);
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  const pc = new RTCPeerConnection();
  pc.addTransceiver('audio', { direction: 'recvonly' });
  pc.addTransceiver('video', { direction: 'recvonly' });
  const video = document.createElement('video');
  video.muted = true;
  pc.ontrack = ({ track }) => {
    if (track.kind === 'video') video.srcObject = new MediaStream([track]);
  };
  pc.onicecandidate = ({ candidate }) => {
    const value = candidate?.candidate ?? '';
    if (socket.readyState === 1) socket.send(JSON.stringify({ type: 'webrtc/candidate', value }));
  };
  const kinds = [];
  const answered = new Promise((resolve) => {
    socket.onmessage = ({ data }) => {
      const { type, value } = JSON.parse(data);
      kinds.push(type);
      if (type === 'webrtc/answer') resolve(value);
      if (type === 'webrtc/candidate') pc.addIceCandidate({ candidate: value, sdpMid: '0' });
    };
  });
  // The player asks for other ways in the same instant.
  socket.send(JSON.stringify({ type: 'mse', value: 'avc1.640029' }));
  await pc.setLocalDescription();
  socket.send(JSON.stringify({ type: 'webrtc/offer', value: pc.localDescription.sdp }));
  const sdp = await answered;
  await pc.setRemoteDescription({ type: 'answer', sdp });
  document.body.append(video);
  await video.play();
  socket.close();
  window.player = { pc, video };
  return { sdp, kinds, width: video.videoWidth };
}

/** Runs in the page: plays by WHEP. */
async function playByHttp(url) {
  const pc = new RTCPeerConnection();
  pc.addTransceiver('video', { direction: 'recvonly' });
  const video = document.createElement('video');
  video.muted = true;
  pc.ontrack = ({ track }) => {
    video.srcObject = new MediaStream([track]);
  };
  await pc.setLocalDescription();
  const headers = { 'Content-Type': 'application/sdp' };
  const body = pc.localDescription.sdp;
  const response = await fetch(`${url}?src=street`, { method: 'POST', headers, body });
  await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() });
  document.body.append(video);
  await video.play();
  window.player = { pc, video };
  return {
    status: response.status,
    location: response.headers.get('Location'),
    width: video.videoWidth,
  };
}

/** Runs in the page: how much the picture advances within a second. */
async function advance() {
  const { currentTime } = window.player.video;
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return window.player.video.currentTime - currentTime;
}

test('the player that closes its socket plays on, until its connection ends', async () => {
  const page = await browser.openPage();
  const { sdp, kinds, width } = await page.evaluate(playBySocket, server.webSocketUrl);
  assert.equal(width, 640);
  // It has no audio, and may come to have some.
  assert.match(sdp, /m=audio[^]*a=sendonly[^]*m=video[^]*a=sendonly/);
  assert.ok(!kinds.includes('error'), `${kinds}`);
  assert.ok((await page.evaluate(advance)) > 0.5, 'it plays without its socket');
  assert.equal(await watchers(), 1);
  await page.evaluate(() => window.player.pc.close());
  await eventually('the camera is released', 5000, async () => (await watchers()) === 0);
});

test('a WHEP player plays until its session is deleted', async () => {
  const page = await browser.openPage();
  const played = await page.evaluate(playByHttp, `${server.url}/api/webrtc`);
  assert.deepEqual([played.status, played.width], [201, 640]);
  assert.equal(await watchers(), 1);
  const session = new URL(played.location, server.url);
  assert.equal((await fetch(session, { method: 'DELETE' })).status, 200);
  await eventually('the camera is released', 5000, async () => (await watchers()) === 0);
  assert.equal((await fetch(session, { method: 'DELETE' })).status, 404);
});
