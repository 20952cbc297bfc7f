/** What the tests of rooms have in common: the pages of those in them, and what is in files. */

import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Browser } from '../e2e/lib/browser.mjs';
import { Child } from '../e2e/lib/process.mjs';

export const run = promisify(execFile);
export const here = (name) => fileURLToPath(new URL(name, import.meta.url));
/** On a machine with better things to do. */
export const PATIENCE_MS = Number(process.env.PATIENCE_MS ?? 20_000);

const FILES = {
  '/publisher': ['text/html', 'publisher.html'],
  '/viewer': ['text/html', 'viewer.html'],
  '/barcode.mjs': ['text/javascript', '../e2e/barcode.mjs'],
};

/** Serves the pages of those in rooms, and what else is given: type and text by path. */
export async function servePages(port = 0, host = '127.0.0.1', more = {}) {
  const server = createServer((request, response) => {
    const path = request.url.split('?')[0];
    const [type, name] = FILES[path] ?? [];
    const [otherType, text] = more[path] ?? [];
    const is = type ?? otherType;
    response.writeHead(is ? 200 : 404, { 'Content-Type': is ?? 'text/plain' });
    response.end(name ? readFileSync(here(name)) : text);
  });
  await new Promise((resolve) => server.listen(port, host, resolve));
  return server;
}

/** Pages, a signalling server, and a browser for those who publish. */
export class Scene {
  static async start(kind) {
    const scene = new Scene();
    scene.kind = kind;
    scene.site = await servePages();
    scene.signalling = new Child('/usr/bin/python3', [here('signalling.py'), kind]);
    scene.url = await scene.signalling.line(5000);
    scene.browser = await Browser.start();
    return scene;
  }

  /** A page that publishes; `more` are further options of publisher.html. */
  async publish(room, stream, more) {
    const page = await this.browser.client.newPage();
    const query = new URLSearchParams({ server: this.url, kind: this.kind, room, stream, ...more });
    await page.goto(`http://127.0.0.1:${this.site.address().port}/publisher?${query}`);
    return page;
  }

  async stop() {
    await this.browser.stop();
    await this.signalling.stop();
    this.site.close();
  }
}

export const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Paths of the media files below a folder, from there. */
export function mediaFiles(folder) {
  const all = readdirSync(folder, { recursive: true });
  return all.filter((name) => /\.(mp4|webm|mkv)$/.test(name)).sort();
}

/** The lines of a folder's index about one kind of event. */
export function index(folder, event) {
  const lines = readFileSync(`${folder}/index.jsonl`, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line)).filter((line) => line.event === event);
}

/** What ffmpeg says of a file that it decodes as a whole, and how many pictures it decodes. */
export async function play(file) {
  // Times as they are in the file, not rounded to a frame rate.
  const times = ['-fps_mode', 'passthrough', '-enc_time_base', '-1'];
  const to = ['-f', 'null', '-progress', 'pipe:1', '-'];
  const { stdout, stderr } = await run('ffmpeg', ['-v', 'warning', '-i', file, ...times, ...to]);
  // Channels of Opus are said in its header, which ffmpeg calls a guess.
  const said = stderr.split('\n').filter((line) => line && !/Guessed Channel/.test(line));
  const pictures = Number(stdout.match(/^frame=\d+/gm)?.at(-1).slice('frame='.length) ?? 0);
  return { said: said.join('\n'), pictures };
}

/** Codecs, packets and end of each track of a file. */
export async function probe(file) {
  const entries = 'stream=codec_name:packet=codec_type,pts_time,duration_time';
  const { stdout } = await run('ffprobe', [
    ...['-v', 'error', '-of', 'json', '-show_entries', entries, file],
  ]);
  const { streams, packets } = JSON.parse(stdout);
  const of = (type) => packets.filter((packet) => packet.codec_type === type);
  const endOf = (packet) => Number(packet.pts_time) + Number(packet.duration_time ?? 0);
  const end = (all) => Math.max(0, ...all.map(endOf));
  return {
    codecs: streams.map((stream) => stream.codec_name).sort(),
    pictures: of('video').length,
    sounds: of('audio').length,
    ends: { video: end(of('video')), audio: end(of('audio')) },
    seconds: end(packets),
  };
}
