// Images a second of the evaluation, over workers as the page has them (src/client/plan.rs).
import { Engine } from "./engine.mjs";
import { bytes } from "./fetch.mjs";

/** As in plan.rs: multiply-accumulates and images of one request, at first and later; images of a stage. */
const CHUNK_MACS = [600e6, 1800e6];
const MOST = [100, 250];
const STAGES = [500, 1000];

/**
 * Evaluates all test images of a model `times` times with `workers` workers.
 * @returns for each time the milliseconds until the first 500 and until all were answered, and the accuracy.
 */
export async function evaluate({ folder, build, file, model, recipe, workers, times }) {
  const made = await make({ folder, file, model, recipe });
  const pool = await Promise.all(Array.from({ length: workers }, () => worker({ folder, build, model, made })));
  const labels = pool[0].labels;
  const runs = [];
  for (let i = 0; i < times; i++) runs.push(await once(pool, labels, model.macs));
  return runs;
}

/** The model in f32, and quantized if there is a recipe, packed. */
async function make({ folder, file, model, recipe }) {
  const lab = await Engine.lab(folder);
  const { model: source, buffers } = await lab.ask({ request: "load" }, [await bytes(file)]);
  if (!recipe) return buffers;
  const { images } = await add(lab, model, model.calibration);
  const quantized = await lab.ask({ request: "quantize", model: source, recipe, calibration: images });
  return [...buffers, ...quantized.buffers];
}

async function add(engine, { normalize }, { images, labels }) {
  return engine.ask({ request: "add-idx", normalize }, [await bytes(`/${images}`), await bytes(`/${labels}`)]);
}

async function worker({ folder, build, model, made: [float, packed] }) {
  const engine = await Engine.start(folder, build);
  const { model: handle } = await engine.ask({ request: "load" }, [float.slice(0)]);
  let target = { f32: handle };
  if (packed) {
    target = { quantized: (await engine.ask({ request: "adopt", model: handle }, [packed.slice(0)])).quantized };
  }
  const { images, labels } = await add(engine, model, model.test);
  return { ask: (first, count) => engine.ask({ request: "evaluate", target, images, first, count }), labels };
}

async function once(pool, labels, macs) {
  const queue = chunks(labels.length, macs);
  const start = performance.now();
  let [answered, right, first] = [0, 0, 0];
  const serve = async ({ ask }) => {
    for (let chunk; (chunk = queue.shift()); ) {
      const { top1 } = await ask(...chunk);
      top1.forEach((found, i) => (right += found === labels[chunk[0] + i]));
      answered += top1.length;
      if (answered >= STAGES[0]) first ||= performance.now() - start;
    }
  };
  await Promise.all(pool.map(serve));
  return { first, all: performance.now() - start, images: answered, accuracy: right / answered };
}

/** Requests for `count` images: the first image and how many. */
function chunks(count, macs) {
  const list = [];
  for (let begin = 0, end; begin < count; begin = end) {
    const late = Number(begin >= STAGES[1]);
    end = Math.min(begin + STAGES[late], count);
    const size = Math.min(Math.max(Math.floor(CHUNK_MACS[late] / macs), 1), MOST[late]);
    for (let first = begin; first < end; first += size) list.push([first, Math.min(size, end - first)]);
  }
  return list;
}
