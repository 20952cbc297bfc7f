/** Rooms full of browsers that publish, watched, by both kinds of signalling server. */

import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Browser } from '../e2e/lib/browser.mjs';
import { Child, delay, eventually, freePort } from '../e2e/lib/process.mjs';
import { BINARY, Server } from '../e2e/lib/server.mjs';
import { PATIENCE_MS, here, mediaFiles, play, probe, run, servePages } from './site.mjs';

const PICTURE = 'width=160&height=120&fps=10';
const PASSWORD = 'hunter2';

/** The paths of a certificate for this machine that signs itself, and of its key. */
async function certificate() {
  mkdirSync(here('out'), { recursive: true });
  const [cert, key] = [here('out/cert.pem'), here('out/key.pem')];
  const names = ['subjectAltName=IP:127.0.0.1', 'basicConstraints=critical,CA:FALSE'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const to = ['-keyout', key, '-out', cert, '-subj', '/CN=test', '-days', '2'];
  const extensions = names.flatMap((name) => ['-addext', name]);
  await run('openssl', ['req', '-x509', ...curve, ...to, ...extensions]);
  return [cert, key];
}

for (const kind of ['assigned', 'custom']) {
  describe(`a room whose server is of the kind "${kind}"`, () => {
    const pages = new Map();
    const files = here(`out/${kind}`);
    let site;
    let signalling;
    let signallingUrl;
    let server;
    let browser;
    let rtspPort;

    before(async () => {
      site = await servePages();
      const [cert, key] = await certificate();
      const args = [here('signalling.py'), kind, '0', cert, key];
      signalling = new Child('/usr/bin/python3', args);
      // The pages come by the one way, we by both.
      const [url, secureUrl] = (await signalling.line(5000)).split(' ');
      signallingUrl = url;
      process.env.SSL_CERT_FILE = cert;
      rtspPort = await freePort();
      const room = { server: signallingUrl, room: 'first', password: false, flavour: kind };
      const encoder = 'libx264 -profile:v baseline -tune zerolatency -g 20 -pix_fmt yuv420p';
      const streams = {
        film:
          'exec:ffmpeg -v error -re -f lavfi -i testsrc=size=160x120:rate=10 -re ' +
          `-f lavfi -i sine=frequency=750:sample_rate=48000 -c:v ${encoder} -c:a libopus ` +
          '-f rtsp -rtsp_transport tcp {output}',
      };
      const publish = { film: { room: 'cinema', stream: 'the film' } };
      rmSync(files, { recursive: true, force: true });
      const record = `${files}/{stream}/{part}`;
      const rooms = {
        studio: { ...room, record },
        other: { ...room, server: secureUrl, room: 'second', codecs: ['vp8'], record },
        locked: { ...room, room: 'third', password: PASSWORD },
        cinema: { ...room, room: 'fourth' },
        lobby: { ...room, room: 'fifth' },
      };
      const rtsp = { listen: `127.0.0.1:${rtspPort}` };
      const config = { rooms, publish, rtsp, api: { origin: ['*'] } };
      server = await Server.run(streams, { config });
      browser = await Browser.start();
    });
    after(async () => {
      await browser?.stop();
      await server?.stop();
      await signalling?.stop();
      site?.close();
    });

    const publish = async (stream, room = 'first', more = '') => {
      const page = await browser.client.newPage();
      pages.set(stream, page);
      await page.goto(address('publisher', stream, room) + more);
    };
    const address = (page, stream, room) => {
      const query = `server=${signallingUrl}&kind=${kind}&room=${room}&stream=${stream}`;
      return `http://127.0.0.1:${site.address().port}/${page}?${query}&${PICTURE}`;
    };
    /** What is told of a room that we watch. */
    const told = async (name) => {
      const rooms = await (await fetch(`${server.url}/api/rooms`)).json();
      return rooms.find((room) => room.name === name && !room.publishes);
    };
    const soon = (what, check) =>
      eventually(what, PATIENCE_MS, check).catch((error) => {
        const log = server.child.log.slice(-40).join('\n');
        throw new Error(`${error.message}; the server's log:\n${log}`);
      });
    const becomes = (name, state) =>
      soon(`${name} is ${state}`, async () => {
        const stream = (await server.streams())[name];
        if (stream?.state !== state) throw new Error(JSON.stringify(stream));
        return stream;
      });
    const packets = async (name) => {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      const start = `crosspoint_source_packets_total{stream="${name}"} `;
      const line = text.split('\n').find((each) => each.startsWith(start));
      return Number(line?.slice(start.length) ?? 0);
    };
    /** More packets of the same peer come. */
    const flows = async (name) => {
      const before = await packets(name);
      assert.ok(before > 0);
      await soon(`${name} flows`, async () => (await packets(name)) > before + 10);
    };

    test('five publishers become sources, in the codec that every output takes', async () => {
      const joined = async () => (await told('studio')).state === 'joined';
      await soon('we are in', joined);
      await Promise.all([1, 2, 3, 4, 5].map((n) => publish(`cam${n}`)));
      for (const n of [1, 2, 3, 4, 5]) {
        const stream = await becomes(`studio/cam${n}`, 'live');
        assert.deepEqual([stream.codec, stream.width, stream.height], ['H264', 160, 120]);
      }
      assert.deepEqual((await told('studio')).streams, [1, 2, 3, 4, 5].map((n) => `cam${n}`));
    });

    test('a late one does too', async () => {
      await publish('cam6');
      await becomes('studio/cam6', 'live');
      assert.equal((await told('studio')).peers, 6);
    });

    test('one command records those that are named, as other recorders are told to', async () => {
      const prefix = `${files}/command/`;
      const room = ['--room', 'first', '--server', signallingUrl, '--password', 'false'];
      const what = ['--record-room', '--record-streams', 'cam1,cam2', '--noaudio'];
      const recorder = new Child(BINARY, ['record', ...room, ...what, '--record', prefix]);
      const names = () => mediaFiles(prefix);
      const isThere = () => names().length === 2;
      await soon('two files are begun', isThere);
      await delay(2000);
      await recorder.stop();
      const begun = names().map((name) => /^first_cam\d/.exec(name)?.[0]).sort();
      assert.deepEqual(begun, ['first_cam1', 'first_cam2']);
    });

    test('a viewer is shown one of them in a slot', async () => {
      const slots = [{ slot: 0, stream: 'studio/cam1' }];
      const viewer = await browser.viewer({ url: server.webSocketUrl, slots, clocks: {} });
      await viewer.connect();
      await viewer.told(0, 'active');
      const shown = async () => (await viewer.stats())[0].decoded > 10;
      await soon('pictures are decoded', shown);
      await viewer.close();
    });

    test('ffmpeg reads one over RTSP', async () => {
      const url = `rtsp://127.0.0.1:${rtspPort}/studio/cam2`;
      const args = ['-v', 'error', '-rtsp_transport', 'tcp', '-i', url];
      const options = { timeout: 2 * PATIENCE_MS };
      const entries = 'stream=codec_name,width,height,nb_read_frames';
      const more = ['-count_frames', '-read_intervals', '%+2', '-of', 'json'];
      const probe = await run('ffprobe', [...args, ...more, '-show_entries', entries], options);
      const [stream] = JSON.parse(probe.stdout).streams;
      assert.deepEqual([stream.codec_name, stream.width, stream.height], ['h264', 160, 120]);
      assert.ok(Number(stream.nb_read_frames) > 5, probe.stdout);
    });

    test('an ICE restart changes nothing', async () => {
      const page = pages.get('cam1');
      const ufrag = () =>
        page.evaluate(() => {
          const all = [...room.peers.values()].map(({ connection }) => connection);
          const connection = all.find((each) => each.connectionState === 'connected');
          return /a=ice-ufrag:(.*)/.exec(connection.currentRemoteDescription.sdp)[1];
        });
      const before = await ufrag();
      await page.evaluate(() => room.restartIce());
      await soon('new credentials', async () => (await ufrag()) !== before);
      await flows('studio/cam1');
    });

    test('a second video becomes a source of its own', async () => {
      await pages.get('cam2').evaluate(() => room.addVideo());
      const stream = await becomes('studio/cam2:1', 'live');
      assert.equal(stream.codec, 'H264');
      await flows('studio/cam2');
    });

    test('one that says goodbye is offline until it comes back', async () => {
      await pages.get('cam3').evaluate(() => room.leave());
      const stream = await becomes('studio/cam3', 'offline');
      assert.match(stream.error, /room|publisher/);
      await pages.get('cam3').close();
      await publish('cam3');
      await becomes('studio/cam3', 'live');
    });

    test('one that vanishes is offline soon', async () => {
      // The page's process dies.
      await pages.get('cam4').goto('chrome://crash', { timeout: 2000 }).catch(() => {});
      await becomes('studio/cam4', 'offline');
    });

    test('one that freezes with its connection up is asked for another one', async () => {
      await publish('cam7');
      await becomes('studio/cam7', 'live');
      await delay(2000);
      const sessions = () =>
        pages.get('cam7').evaluate(() => [...room.peers.values()].map(({ session }) => session));
      const before = await sessions();
      await pages.get('cam7').evaluate(() => {
        for (const { connection } of room.peers.values()) {
          for (const sender of connection.getSenders()) sender.replaceTrack(null);
        }
      });
      await becomes('studio/cam7', 'offline');
      await eventually('it is live again', 30_000 + PATIENCE_MS, async () =>
        (await server.streams())['studio/cam7'].state === 'live',
      );
      assert.ok((await sessions()).some((session) => !before.includes(session)));
      const { health } = (await server.streams())['studio/cam7'];
      assert.ok(health.frame_age_ms < 5000 && health.keyframe_requests > 0, JSON.stringify(health));
      await delay(2000);
      await pages.get('cam7').evaluate(() => room.leave());
    });

    test('media flow on while our WebSocket is lost and found', async () => {
      // Of a custom server's room pages offer to each other as well; only we answer.
      const live = () =>
        pages.get('cam5').evaluate(() => {
          const all = [...room.peers.values()];
          const isLive = ({ connection }) => connection.connectionState === 'connected';
          return all.filter(isLive).map(({ session }) => session);
        });
      const before = await live();
      assert.equal(before.length, 1);
      signalling.process.stdin.write('drop\n');
      const left = async () => (await told('studio')).state !== 'joined';
      await soon('we are out', left);
      await flows('studio/cam5');
      const joined = async () => (await told('studio')).state === 'joined';
      await soon('we are in again', joined);
      await flows('studio/cam5');
      const streams = await server.streams();
      for (const name of ['cam1', 'cam2', 'cam5', 'cam6']) {
        assert.equal(streams[`studio/${name}`].state, 'live', name);
      }
      assert.deepEqual(await live(), before);
    });

    test('one slot shows H.264 and VP8, the latter of a room through TLS', async () => {
      await publish('guest', 'second');
      const stream = await becomes('other/guest', 'live');
      assert.equal(stream.codec, 'VP8');
      const slots = [{ slot: 0, stream: 'other/guest' }];
      const viewer = await browser.viewer({ url: server.webSocketUrl, slots, clocks: {} });
      await viewer.connect();
      for (const next of ['studio/cam1', 'other/guest', undefined]) {
        const { decoded } = (await viewer.stats())[0];
        const shown = async () => (await viewer.stats())[0].decoded > decoded + 10;
        await soon('pictures are decoded', shown);
        if (next) await viewer.switch(0, next);
      }
      assert.equal((await viewer.stats())[0].pli, 0);
      await viewer.close();
    });

    test('a stream of ours is seen and heard in a room, and not watched there by us', async () => {
      const page = await browser.client.newPage();
      await page.goto(address('viewer', 'the_film', 'fourth'));
      const video = 'document.querySelector("video")';
      const width = () => page.evaluate(`${video}.videoWidth`);
      await soon('its picture', async () => (await width()) === 160);
      const time = () => page.evaluate(`${video}.currentTime`);
      const before = await time();
      await soon('it moves', async () => (await time()) > before + 0.5);
      assert.equal((await server.streams())['cinema/the_film'], undefined);
      const sounds = async () => Math.abs((await page.evaluate(() => viewing.hz())) - 750) < 15;
      await soon('its tone', sounds);

      const ufrag = await page.evaluate(() => viewing.ufrag());
      await page.evaluate(() => viewing.say({ iceRestartRequest: true }));
      await soon('an offer', () => page.evaluate(() => viewing.offers === 1));
      await soon('it is taken', async () => (await page.evaluate(() => viewing.ufrag())) !== ufrag);
      const restarted = await time();
      await soon('it moves again', async () => (await time()) > restarted + 2);

      await page.evaluate(() => viewing.say({ audio: false, video: true }));
      await delay(500);
      const audioPackets = () => page.evaluate(() => viewing.audioPackets());
      const heard = await audioPackets();
      assert.ok(heard > 0);
      await delay(500);
      assert.equal(await audioPackets(), heard, 'sound that is not wanted is not sent');
      await page.close();
    });

    const flood = async () => {
      const page = await browser.client.newPage();
      await page.evaluate(async (url) => {
        const socket = new WebSocket(url);
        await new Promise((resolve) => (socket.onopen = resolve));
        const say = (message) => socket.send(JSON.stringify({ roomid: 'fifth', ...message }));
        for (let n = 0; n < 200; n += 1) {
          const from = `flood${n}`;
          say({ request: 'joinroom', streamID: `../${n}`, from });
          if (n < 199) say({ type: 'disconnect', uuid: from, from });
        }
      }, signallingUrl);
      const count = async () =>
        Object.keys(await server.streams()).filter((name) => name.startsWith('lobby/')).length;
      await soon('the last one is there', async () => {
        const { streams } = await told('lobby');
        return streams.includes('../199');
      });
      assert.equal(await count(), 128);
      const states = Object.entries(await server.streams());
      assert.ok(states.every(([name]) => /^(film|\w+\/\w+(:1)?)$/.test(name)), states.join());
      for (const name of ['cam1', 'cam2', 'cam5', 'cam6']) await flows(`studio/${name}`);
      await page.close();
    };
    // Where clients name themselves one can be many.
    test('two hundred hostile names are cleaned and make room for others', {
      skip: kind !== 'custom',
    }, flood);

    test('a room with a password is entered, and the password not told', async () => {
      await publish('secretive', 'third', `&password=${PASSWORD}`);
      await becomes('locked/secretive', 'live');
      await flows('locked/secretive');
      const bodies = ['/api/rooms', '/api/streams', '/metrics', '/api/config'].map(async (path) =>
        (await fetch(`${server.url}${path}`)).text(),
      );
      const all = [...(await Promise.all(bodies)), ...server.child.log].join('\n');
      assert.ok(all.includes('locked') && !all.includes(PASSWORD));
    });

    test('everybody is told when we go', async () => {
      const byes = () => pages.get('cam5').evaluate(() => room.byes);
      const before = await byes();
      await server.stop();
      await soon('a goodbye', async () => (await byes()) === before + 1);
    });

    test('every publisher is in files that play, in one for each time that it was there', async () => {
      const media = mediaFiles(files);
      const of = (name) => media.filter((file) => file.startsWith(`${name}/`)).length;
      const parts = { 1: 1, 2: 1, 3: 2, 4: 1, 5: 1, 6: 1, 7: 2 };
      for (const [n, count] of Object.entries(parts)) {
        assert.equal(of(`studio_cam${n}`), count, media.join());
      }
      assert.equal(of('other_guest'), 1, media.join());
      for (const name of media) {
        const file = `${files}/${name}`;
        const [{ said }, { codecs, ends }] = [await play(file), await probe(file)];
        assert.equal(said, '', name);
        const isMute = name.startsWith('studio_cam2_1') || name.startsWith('command/');
        const video = name.startsWith('other') ? 'vp8' : 'h264';
        assert.deepEqual(codecs, isMute ? [video] : ['opus', video].sort(), name);
        assert.ok(ends.video > 0.5, `${name}: ${ends.video} s`);
        const apart = Math.abs(ends.video - ends.audio);
        assert.ok(isMute || apart < 1, `${name}: ${JSON.stringify(ends)}`);
      }
    });
  });
}
