import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { FakePeer, FakeSocket, install, serve, settle } from './lib/fakes.mjs';
import { load } from './lib/load.mjs';

const { MultiStreamClient, socketUrl, resolvedName } = await load('src/multistream-client.ts');

const SLOTS = [
  { slot: 0, stream: 'front', quality: '360p' },
  { slot: 3, stream: 'yard' },
];
const PENDING = [
  { slot: 0, stream: 'front-360p', status: 'pending' },
  { slot: 3, stream: 'yard', status: 'pending' },
];

let client;

beforeEach(() => {
  install();
  mock.timers.enable({ apis: ['setTimeout'] });
});

afterEach(() => {
  client?.disconnect();
  mock.timers.reset();
});

function create(options) {
  client = new MultiStreamClient('https://device.example', options);
  return client;
}

async function connected(options) {
  const promise = create(options).connect(SLOTS);
  const socket = await serve(PENDING);
  return { socket, tracks: await promise };
}

/** The error of a promise that must not resolve. */
function failure(promise) {
  return promise.then(() => assert.fail('resolved'), (error) => error);
}

test('slots that ask for audio have a track for it, which switches and reconnections keep',
  async () => {
    const slots = [SLOTS[0], { ...SLOTS[1], audio: true }];
    const promise = create({ reconnect: true }).connect(slots);
    let socket = await serve(PENDING);
    assert.equal((await promise).size, 2);
    const wanted = [SLOTS[0], { slot: 3, stream: 'yard', audio: true }];
    assert.deepEqual(socket.of('multistream/init')[0].slots, wanted);
    const kinds = () => FakePeer.last.transceivers.map(({ receiver }) => receiver.track.kind);
    assert.deepEqual(kinds(), ['video', 'video', 'audio']);
    assert.deepEqual([...client.audioTracks].map(([slot, { kind }]) => [slot, kind]),
      [[3, 'audio']]);
    const switched = client.switchStream(3, 'front');
    socket.status(3, 'front', 'active');
    await switched;
    socket.drop();
    client.reconnectNow();
    await settle();
    socket = await serve(PENDING);
    assert.deepEqual(socket.of('multistream/init')[0].slots,
      [SLOTS[0], { slot: 3, stream: 'front', audio: true }]);
    assert.equal(client.audioTracks.size, 1);
  });

test('connect says what it wants, offers one transceiver a slot and resolves with the tracks',
  async () => {
    const { socket, tracks } = await connected();
    assert.equal(socket.url, 'wss://device.example/api/ws');
    const [init] = socket.of('multistream/init');
    assert.deepEqual(init.slots, [
      { slot: 0, stream: 'front', quality: '360p' }, { slot: 3, stream: 'yard' },
    ]);
    assert.deepEqual(socket.of('multistream/offer').map(({ sdp }) => sdp), ['the offer']);
    assert.deepEqual(FakePeer.last.transceivers.map(({ direction }) => direction),
      ['recvonly', 'recvonly']);
    assert.deepEqual([...tracks].map(([slot, track]) => [slot, track.number]), [[0, 0], [3, 1]]);
    assert.equal(client.isConnected, true);
    assert.equal(client.wsState, 1);
    assert.equal(client.pcState, 'connected');
  });

test('connect does not resolve before media can flow', async () => {
  let resolved = false;
  create().connect(SLOTS).then(() => { resolved = true; }, () => undefined);
  const become = FakePeer.last.become;
  FakePeer.last.become = () => undefined;
  await serve(PENDING);
  assert.equal(resolved, false);
  become.call(FakePeer.last, 'connected');
  await settle();
  assert.equal(resolved, true);
});

test('the statuses of the answer reach the callback and the listeners', async () => {
  const heard = [];
  const listened = [];
  create().on('status', (slot, status) => listened.push([slot, status.status]));
  client.connect(SLOTS, (slot, status) => heard.push([slot, status.status]));
  await serve([PENDING[0], { slot: 3, stream: 'yard', status: 'error', error: 'gone' }]);
  assert.deepEqual(heard, [[0, 'pending'], [3, 'error']]);
  assert.deepEqual(listened, heard);
});

test('candidates that come before the answer are kept for it, and a bad one harms nobody',
  async () => {
    const promise = create().connect(SLOTS);
    FakeSocket.last.accept();
    FakeSocket.last.tell('multistream/ice', 'early');
    FakeSocket.last.tell('multistream/ice', 'bad');
    await serve(PENDING);
    await promise;
    FakeSocket.last.tell('multistream/ice', 'late');
    await settle();
    assert.deepEqual(FakePeer.last.candidates, ['early', 'bad', 'late']);
  });

test('own candidates are sent without a mid', async () => {
  const { socket } = await connected();
  FakePeer.last.onicecandidate({ candidate: { candidate: 'candidate:1', sdpMid: '0' } });
  FakePeer.last.onicecandidate({ candidate: null });
  assert.deepEqual(socket.of('multistream/ice'), [{ candidate: 'candidate:1' }]);
});

test('a refused init rejects with the text of the server', async () => {
  const failed = failure(create().connect(SLOTS));
  FakeSocket.last.accept();
  await settle();
  FakeSocket.last.tell('error', 'multistream/init: too many slots requested');
  const error = await failed;
  assert.equal(error.name, 'MultiStreamError');
  assert.match(error.message, /too many slots/);
  assert.equal(client.isConnected, false);
  assert.equal(FakePeer.last.closed, true);
});

test('a refusal is not tried again even with reconnect', async () => {
  const failed = failure(create({ reconnect: true }).connect(SLOTS));
  FakeSocket.last.accept();
  await settle();
  FakeSocket.last.tell('error', 'multistream/init: no slots requested');
  assert.equal((await failed).name, 'MultiStreamError');
  mock.timers.tick(60_000);
  assert.equal(FakeSocket.all.length, 1);
});

test('an error that names another request leaves a pending one alone', async () => {
  const { socket } = await connected();
  const switched = client.switchStream(0, 'yard');
  socket.tell('error', 'multistream/keyframe: invalid slot index');
  socket.status(0, 'yard', 'active');
  assert.equal((await switched).status, 'active');
});

test('an error that names no request rejects the oldest one', async () => {
  const { socket } = await connected();
  const first = failure(client.switchStream(0, 'yard'));
  const second = client.switchStream(3, 'front');
  socket.tell('error', 'out of memory');
  assert.match((await first).message, /out of memory/);
  socket.status(3, 'front', 'active');
  assert.equal((await second).status, 'active');
});

test('connect gives up after its timeout and closes everything', async () => {
  const failed = failure(create({ connectionTimeout: 700 }).connect(SLOTS));
  mock.timers.tick(700);
  assert.match((await failed).message, /timeout/);
  assert.equal(FakeSocket.last.readyState, 3);
  assert.equal(FakePeer.last.closed, true);
});

test('a socket that closes during connect rejects with a word about the WebSocket', async () => {
  const failed = failure(create().connect(SLOTS));
  FakeSocket.last.drop();
  assert.match((await failed).message, /WebSocket/);
});

test('an answer that the browser refuses rejects connect', async () => {
  const failed = failure(create().connect(SLOTS));
  FakeSocket.last.accept();
  await settle();
  FakeSocket.last.tell('multistream/ready', { slots: 2 });
  await settle();
  FakeSocket.last.tell('multistream/answer', { sdp: 'bad', slots: [] });
  assert.match((await failed).message, /bad SDP/);
});

test('a switch resolves on the first status about it, not on news of the old stream', async () => {
  const { socket } = await connected();
  let result;
  client.switchStream(0, 'yard', '720p').then((status) => { result = status; });
  assert.deepEqual(socket.of('multistream/switch').map(({ slot, stream, quality }) =>
    ({ slot, stream, quality })), [{ slot: 0, stream: 'yard', quality: '720p' }]);
  socket.status(3, 'yard-720p', 'active');
  socket.status(0, 'front-360p', 'active');
  await settle();
  assert.equal(result, undefined);
  socket.status(0, 'yard-720p', 'buffering');
  await settle();
  assert.equal(result.status, 'buffering');
});

test('a switch resolves with what is shown in place of the stream', async () => {
  const { socket } = await connected();
  const switched = client.switchStream(0, 'yard');
  const status = { slot: 0, stream: 'yard-360p', status: 'active', instead_of: 'yard' };
  socket.tell('multistream/status', { slot: 0, status });
  assert.equal((await switched).stream, 'yard-360p');
});

test('of two switches of a slot the last one settles both', async () => {
  const { socket } = await connected();
  const both = [client.switchStream(0, 'yard'), client.switchStream(0, 'yard', 'native')];
  socket.status(0, 'yard', 'active');
  assert.deepEqual((await Promise.all(both)).map(({ status }) => status), ['active', 'active']);
});

test('a failed switch resolves with its error and reconnects to what was shown before',
  async () => {
    const { socket } = await connected({ reconnect: true });
    const switched = client.switchStream(0, 'nowhere');
    socket.status(0, 'nowhere', 'error', 'stream not found');
    assert.deepEqual((await switched).error, 'stream not found');
    socket.drop();
    mock.timers.tick(500);
    await settle();
    FakeSocket.last.accept();
    await settle();
    const init = FakeSocket.last.of('multistream/init')[0];
    assert.deepEqual(init.slots[0], { slot: 0, stream: 'front', quality: '360p' });
  });

test('a switch without an answer rejects after 5 s', async () => {
  await connected();
  const failed = failure(client.switchStream(0, 'yard'));
  mock.timers.tick(4_999);
  await settle();
  mock.timers.tick(1);
  assert.match((await failed).message, /multistream\/switch: timeout/);
});

test('switching without a connection rejects', async () => {
  create();
  assert.match((await failure(client.switchStream(0, 'yard'))).message, /not connected/);
});

test('pause and resume are settled by their statuses', async () => {
  const { socket } = await connected();
  const paused = client.pause(0);
  assert.deepEqual(socket.of('multistream/pause').map(({ slot }) => slot), [0]);
  socket.status(0, 'front-360p', 'paused');
  assert.equal((await paused).status, 'paused');
  const resumed = client.resume(0);
  const [{ slot, stream, quality }] = socket.of('multistream/resume');
  assert.deepEqual({ slot, stream, quality }, { slot: 0, stream: 'front', quality: '360p' });
  socket.status(0, 'front-360p', 'paused');
  socket.status(0, 'front-360p', 'active');
  assert.equal((await resumed).status, 'active');
});

test('a slot that starts paused is silenced before media can flow', async () => {
  create().connect([SLOTS[0], { slot: 3, stream: 'yard', paused: true }])
    .catch(() => undefined);
  FakePeer.last.become = () => undefined;
  const socket = await serve(PENDING);
  assert.deepEqual(socket.of('multistream/pause').map(({ slot }) => slot), [3]);
  assert.equal('paused' in socket.of('multistream/init')[0].slots[1], false);
});

test('keyframe resolves on the echo of its own request', async () => {
  const { socket } = await connected();
  let done = false;
  const asked = client.keyframe().then(() => { done = true; });
  const [{ request_id, slot }] = socket.of('multistream/keyframe');
  assert.equal(slot, -1);
  socket.tell('multistream/keyframe', { request_id: 'other', slot, status: 'requested' });
  await settle();
  assert.equal(done, false);
  socket.tell('multistream/keyframe', { request_id, slot, status: 'requested' });
  await asked;
});

test('without reconnect a lost connection is told once and stays lost', async () => {
  const reasons = [];
  const { socket } = await connected();
  client.on('disconnected', (reason) => reasons.push(reason));
  socket.tell('multistream/disconnected', { reason: 'connection_lost' });
  socket.drop();
  await settle();
  mock.timers.tick(60_000);
  await settle();
  assert.deepEqual(reasons, ['connection_lost']);
  assert.equal(client.isConnected, false);
  assert.equal(FakeSocket.all.length, 1);
});

for (const [what, lose] of [
  ['a closed socket', (socket) => socket.drop()],
  ['a failed PeerConnection', () => FakePeer.last.become('failed')],
  ['the word of the server', (socket) =>
    socket.tell('multistream/disconnected', { reason: 'connection_lost' })],
]) {
  test(`reconnect comes back after ${what} with the slots as they were`, async () => {
    const { socket } = await connected({ reconnect: true });
    const switched = client.switchStream(0, 'garage');
    socket.status(0, 'garage', 'active');
    await switched;
    const paused = client.pause(3);
    socket.status(3, 'yard', 'paused');
    await paused;
    const tracks = [];
    let connections = 0;
    client.on('track', (slot) => tracks.push(slot));
    client.on('connected', () => { connections += 1; });
    lose(socket);
    await settle();
    mock.timers.tick(500);
    await settle();
    const again = await serve(PENDING);
    assert.notEqual(again, socket);
    assert.deepEqual(again.of('multistream/init')[0].slots,
      [{ slot: 0, stream: 'garage' }, { slot: 3, stream: 'yard' }]);
    assert.deepEqual(again.of('multistream/pause').map(({ slot }) => slot), [3]);
    assert.deepEqual(tracks, [0, 3]);
    assert.equal(connections, 1);
    assert.equal(client.isConnected, true);
  });
}

test('delays double up to their bound, each between half of it and the whole', async () => {
  const delays = [];
  create({ reconnect: { minDelayMs: 100, maxDelayMs: 350 } });
  client.on('reconnecting', (attempt, delayMs) => delays.push([attempt, delayMs]));
  client.connect(SLOTS).catch(() => undefined);
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    FakeSocket.last.drop();
    await settle();
    mock.timers.tick(350);
    await settle();
  }
  const ceilings = [100, 200, 350, 350, 350];
  assert.equal(delays.length, ceilings.length);
  delays.forEach(([attempt, delayMs], index) => {
    assert.equal(attempt, index + 1);
    assert.ok(delayMs >= ceilings[index] / 2 && delayMs <= ceilings[index], `${delayMs}`);
  });
});

test('reconnectNow does not wait for the rest of the delay', async () => {
  const { socket } = await connected({ reconnect: { minDelayMs: 9_000 } });
  socket.drop();
  await settle();
  assert.equal(FakeSocket.all.length, 1);
  client.reconnectNow();
  await settle();
  assert.equal(FakeSocket.all.length, 2);
});

test('a switch while the connection is coming back is carried out by it', async () => {
  const { socket } = await connected({ reconnect: true });
  socket.drop();
  await settle();
  assert.equal((await client.switchStream(0, 'garage')).status, 'pending');
  mock.timers.tick(500);
  await settle();
  // This one comes too late for the init that is already on its way.
  FakeSocket.last.accept();
  await settle();
  assert.equal((await client.switchStream(3, 'attic')).status, 'pending');
  const again = await serve(PENDING);
  assert.deepEqual(again.of('multistream/init')[0].slots[0], { slot: 0, stream: 'garage' });
  assert.deepEqual(again.of('multistream/switch').map(({ slot, stream }) => [slot, stream]),
    [[3, 'attic']]);
});

test('disconnect closes both ends, says so, and ends a reconnection', async () => {
  const { socket } = await connected({ reconnect: true });
  const reasons = [];
  client.on('disconnected', (reason) => reasons.push(reason));
  client.disconnect();
  client.disconnect();
  assert.equal(socket.of('multistream/close').length, 1);
  assert.equal(socket.readyState, 3);
  assert.equal(FakePeer.last.closed, true);
  assert.equal(reasons.length, 1);
  assert.equal(client.pcState, null);
  mock.timers.tick(60_000);
  await settle();
  assert.equal(FakeSocket.all.length, 1);
});

test('disconnected is told while the tracks still have their last picture', async () => {
  const { socket } = await connected();
  const told = [];
  client.on('disconnected', () => told.push([FakePeer.last.closed, client.isConnected]));
  socket.drop();
  assert.deepEqual(told, [[false, false]]);
  assert.equal(FakePeer.last.closed, true);
});

test('disconnect during a back-off ends it', async () => {
  const failed = failure(create({ reconnect: true }).connect(SLOTS));
  FakeSocket.last.drop();
  await settle();
  client.disconnect();
  assert.match((await failed).message, /disconnected by the page/);
  mock.timers.tick(60_000);
  await settle();
  assert.equal(FakeSocket.all.length, 1);
});

test('a second connect replaces the first', async () => {
  const first = failure(create().connect(SLOTS));
  const second = client.connect(SLOTS);
  assert.match((await first).message, /another connect/);
  await serve(PENDING);
  assert.equal((await second).size, 2);
});

test('a listener that throws or has left does not disturb the others', async () => {
  const { socket } = await connected();
  const heard = [];
  const logged = mock.method(console, 'error', () => undefined);
  client.on('status', () => { throw new Error('a mistake of the page'); });
  const leave = client.on('status', () => heard.push('left'));
  client.on('status', () => heard.push('stays'));
  leave();
  socket.status(0, 'front-360p', 'active');
  assert.deepEqual(heard, ['stays']);
  assert.equal(logged.mock.callCount(), 1);
  logged.mock.restore();
});

test('nonsense from the server is ignored', async () => {
  const { socket } = await connected();
  const heard = [];
  client.on('status', (slot) => heard.push(slot));
  for (const text of ['', '{', 'null', '[]', '7', '{"type":"multistream/status"}',
    '{"type":"multistream/status","value":{"slot":0,"status":null}}',
    '{"type":"news","value":{"slot":0}}']) socket.tellRaw(text);
  assert.deepEqual(heard, []);
  assert.equal(client.isConnected, true);
});

test('the older flat form of a message is understood', async () => {
  const { socket } = await connected();
  const switched = client.switchStream(0, 'yard');
  socket.tellRaw(JSON.stringify({
    type: 'multistream/status', slot: 0, status: { slot: 0, stream: 'yard', status: 'active' },
  }));
  assert.equal((await switched).status, 'active');
});

test('getStats gives loss, rate and latency since the call before', async () => {
  await connected();
  const inbound = (values) => new Map([
    ['in', { type: 'inbound-rtp', kind: 'video', frameWidth: 640, frameHeight: 360, ...values }],
    ['pair', { type: 'candidate-pair', nominated: true, state: 'succeeded',
      currentRoundTripTime: 0.02 }],
  ]);
  FakePeer.last.report = inbound({ timestamp: 1000, packetsReceived: 100, packetsLost: 0,
    bytesReceived: 1000, framesDecoded: 10, totalProcessingDelay: 1, jitter: 0.004 });
  await client.getStats(0);
  FakePeer.last.report = inbound({ timestamp: 3000, packetsReceived: 195, packetsLost: 5,
    bytesReceived: 251_000, framesDecoded: 60, totalProcessingDelay: 2, jitter: 0.004 });
  const stats = await client.getStats(0);
  assert.equal(stats.lossPercent, 5);
  assert.equal(stats.fps, 25);
  assert.equal(stats.kbps, 1000);
  assert.equal(stats.latencyMs, 30);
  assert.equal(stats.jitterMs, 4);
  assert.deepEqual([stats.width, stats.height], [640, 360]);
  assert.equal(await client.getStats(8), null);
});

test('debug logs the messages, and silence is the default', async () => {
  const logged = mock.method(console, 'debug', () => undefined);
  await connected();
  assert.equal(logged.mock.callCount(), 0);
  await connected({ debug: true });
  assert.ok(logged.mock.callCount() > 3);
  logged.mock.restore();
});

test('the socket stands beside the page, under any prefix', () => {
  assert.equal(socketUrl('http://a:1984'), 'ws://a:1984/api/ws');
  assert.equal(socketUrl('https://a/cameras/'), 'wss://a/cameras/api/ws');
  assert.equal(socketUrl('ws://a/?token=1#x'), 'ws://a/api/ws?token=1');
  globalThis.location = { href: 'https://home/ingress/x/index.html#layout=4' };
  assert.equal(socketUrl('.'), 'wss://home/ingress/x/api/ws');
  delete globalThis.location;
});

test('a quality is a suffix, but for native', () => {
  assert.equal(resolvedName('a', '360p'), 'a-360p');
  assert.equal(resolvedName('a', 'native'), 'a');
  assert.equal(resolvedName('a', ''), 'a');
  assert.equal(resolvedName('a'), 'a');
});
