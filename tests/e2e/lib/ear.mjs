/**
 * Runs in the browser: listens to one audio track, which a media element has to play as well, or
 * Chromium decodes nothing.
 */

const SILENCE = 0.01;
/** A beep begins after so much silence, in ms: what conceals a loss fades in less. */
const PAUSE_MS = 100;

export class Ear {
  constructor(track) {
    this.context = new AudioContext();
    this.analyser = new AnalyserNode(this.context, { fftSize: 8192, smoothingTimeConstant: 0 });
    this.context.createMediaStreamSource(new MediaStream([track])).connect(this.analyser);
    this.beeps = [];
    this.heardAt = performance.now();
    this.reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    this.listen();
  }

  /** The loudest frequency of the last fifth of a second. */
  tone() {
    const levels = new Float32Array(this.analyser.frequencyBinCount);
    this.analyser.getFloatFrequencyData(levels);
    const loudest = levels.reduce((best, level, bin) => (level > levels[best] ? bin : best), 0);
    const bin = this.context.sampleRate / this.analyser.fftSize;
    return { hz: loudest * bin, level: levels[loudest] };
  }

  /** Takes the track's sound, 10 ms at a time, when it is handed to the output. */
  async listen() {
    for (;;) {
      const { value, done } = await this.reader.read();
      if (done) return;
      this.take(value, performance.now());
      value.close();
    }
  }

  take(data, t) {
    const samples = new Float32Array(data.numberOfFrames);
    data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
    samples.forEach((sample, i) => {
      if (Math.abs(sample) < SILENCE) return;
      const at = t + (i * 1000) / data.sampleRate;
      if (at - this.heardAt > PAUSE_MS) this.beeps.push(at);
      this.heardAt = at;
    });
  }

  stop() {
    this.reader.cancel();
    this.context.close();
  }
}
