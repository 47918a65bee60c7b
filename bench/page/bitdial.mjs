// bitdial as one of the runtimes: the site's own workers, timed inside of the runner.
import { Engine } from "./engine.mjs";
import { bytes } from "./fetch.mjs";
import * as inputs from "./inputs.mjs";

/** Calibration images of a static recipe, as the page takes them. */
const CALIBRATION = 256;

/** An adapter as in peers.mjs, and `time`. */
export const bitdial = {
  order: "nchw",
  async start({ folder, build, backend }) {
    [this.engine, this.lab] = await Promise.all([Engine.start(folder, build, backend), Engine.lab(folder)]);
  },
  async load({ file, model }) {
    const { model: source, buffers: packed } = await this.lab.ask({ request: "load" }, [await bytes(file)]);
    const { model: handle } = await this.engine.ask({ request: "load" }, packed);
    this.source = source;
    this.target = { f32: handle };
    return async (input) => {
      const { buffers } = await this.engine.ask({ request: "run", target: this.target, batch: 1 }, [input.slice().buffer]);
      return new Float32Array(buffers[0]);
    };
  },
  /** Puts the quantized model in the place of the f32 one. */
  async quantize({ recipe, model }) {
    const images = inputs.nchw(await inputs.pixels(model, CALIBRATION), model);
    const start = performance.now();
    const body = { request: "quantize-with", model: this.source, recipe };
    const { buffers: packed } = await this.lab.ask(body, [images.buffer]);
    const { quantized, info } = await this.engine.ask({ request: "adopt", model: this.target.f32 }, packed);
    this.target = { quantized };
    return { ms: performance.now() - start, kernels: info.layers.map(({ kernel }) => kernel) };
  },
  /** Keeps the image that is timed. */
  async keep(pixels, { input: [channels, height, width], normalize }) {
    const body = { request: "add-pixels", count: 1, height, width, channels, normalize };
    const { images } = await this.engine.ask(body, [pixels.slice().buffer]);
    this.images = images;
  },
  /** Times `runs` samples: median, p10, p90 in milliseconds. */
  async time(runs) {
    const body = { request: "time", targets: [this.target], images: this.images, runs };
    return (await this.engine.ask(body)).timings[0];
  },
};
