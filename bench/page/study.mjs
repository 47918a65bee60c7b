// The study's page: a lab, runners, and one recipe after the other on all test images.
import { Engine } from "./engine.mjs";
import { bytes } from "./fetch.mjs";

/** Images of one request. */
const CHUNK = 250;

let lab, source, calibration, runners, labels;

/** Starts a lab and `workers` runners and gives them a model and its images. */
export async function open({ folder, build, model, workers }) {
  const images = async (engine, { images, labels }) =>
    engine.ask({ request: "add-idx", normalize: model.normalize }, [await bytes(`/${images}`), await bytes(`/${labels}`)]);
  lab = await Engine.lab(folder);
  const loaded = await lab.ask({ request: "load" }, [await bytes(`/${model.file}`)]);
  source = loaded.model;
  calibration = (await images(lab, model.calibration)).images;
  runners = await Promise.all(
    Array.from({ length: workers }, async () => {
      const engine = await Engine.start(folder, build);
      const { model: handle, info } = await engine.ask({ request: "load" }, [loaded.buffers[0].slice(0)]);
      const test = await images(engine, model.test);
      labels = test.labels;
      return { engine, handle, info, images: test.images };
    }),
  );
  const classes = await evaluate(runners.map(({ handle }) => ({ f32: handle })));
  return { labels, classes, size: runners[0].info.size };
}

/** Makes a model by a recipe and runs it on all test images. */
export async function measure(recipe) {
  const start = performance.now();
  const made = await lab.ask({ request: "quantize", model: source, recipe, calibration });
  const ms = performance.now() - start;
  const [packed] = made.buffers;
  const adopted = await Promise.all(
    runners.map(({ engine, handle }) => engine.ask({ request: "adopt", model: handle }, [packed.slice(0)])),
  );
  const classes = await evaluate(adopted.map(({ quantized }) => ({ quantized })));
  const forget = (engine, quantized) => engine.ask({ request: "dispose-quantized", quantized });
  await Promise.all(runners.map(({ engine }, i) => forget(engine, adopted[i].quantized)));
  await forget(lab, made.quantized);
  const execution = [...new Set(adopted[0].info.layers.filter((layer) => layer.weight_bits).map((layer) => layer.execution))];
  const corrections = made.making.corrections.map(({ correction, summary, ms }) => ({ correction, summary, ms }));
  return { classes, size: packed.byteLength, ms, corrections, execution, hash: await hash(packed) };
}

/** Searches the widths of all layers for an average of `bits`; gives exceptions of the recipe, and how long it took. */
export async function search(recipe, bits) {
  const start = performance.now();
  const { quantized } = await lab.ask({ request: "quantize", model: source, recipe, calibration });
  const { frontier } = await lab.ask({ request: "search", quantized, images: calibration, budget: { bits } });
  await lab.ask({ request: "dispose-quantized", quantized });
  if (!frontier.chosen) throw new Error(`no widths with an average of ${bits} bits were found`);
  const layers = {};
  frontier.layers.forEach(({ name }, i) => (layers[name] = { weights: { bits: frontier.chosen.widths[i] } }));
  return { layers, ms: performance.now() - start, bits: frontier.chosen.bits };
}

async function evaluate(targets) {
  const classes = new Array(labels.length);
  let next = 0;
  const serve = async ({ engine, images }, target) => {
    while (next < labels.length) {
      const first = next;
      next += CHUNK;
      const count = Math.min(CHUNK, labels.length - first);
      const { top1 } = await engine.ask({ request: "evaluate", target, images, first, count });
      top1.forEach((found, i) => (classes[first + i] = found));
    }
  };
  await Promise.all(runners.map((runner, i) => serve(runner, targets[i])));
  return classes;
}

/** The first eight bytes of SHA-256, in hex. */
async function hash(buffer) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", buffer));
  return [...digest.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
