// One case in one page: opened once, then timed whenever the bench asks for it.
import { bitdial } from "./bitdial.mjs";
import * as inputs from "./inputs.mjs";
import { PEERS } from "./peers.mjs";
import { repetitions, samples } from "./timing.mjs";

let current;

/**
 * Starts a runtime, loads a model and runs it once.
 * @returns milliseconds of each step, the logits, and what the runtime says about itself.
 */
export async function open(spec) {
  const adapter = spec.runtime === "bitdial" ? bitdial : PEERS[spec.runtime];
  const pixels = await inputs.pixels(spec.model, 1);
  const input = inputs[adapter.order](pixels, spec.model);
  const clock = stopwatch();

  await adapter.start(spec);
  const start = clock();
  const run = await adapter.load(spec);
  const load = clock();
  const quantized = spec.recipe ? await adapter.quantize(spec) : { ms: 0 };
  clock();
  const output = await run(input);
  const first = clock();

  await adapter.keep?.(pixels, spec.model);
  current = { adapter, run, input, ms: 1 };
  return {
    start,
    load,
    quantize: quantized.ms,
    first,
    output: [...output],
    kernels: quantized.kernels ?? [],
    dot: adapter.engine?.capabilities.dot ?? null,
    isolated: globalThis.crossOriginIsolated,
  };
}

/** Times the case for about `ms` milliseconds: median, p10, p90 in milliseconds a call, and how many samples. */
export async function measure(ms) {
  const { adapter, run, input } = current;
  if (!adapter.time) return samples(() => run(input), ms);
  // The worker counts by samples: what the last ones took says how many there is time for.
  const timing = await adapter.time(Math.max(3, Math.round(ms / repetitions(current.ms).ms)));
  current.ms = timing.median;
  return timing;
}

/** A function that gives the milliseconds since it was last called. */
function stopwatch() {
  let last = performance.now();
  return () => {
    const before = last;
    last = performance.now();
    return last - before;
  };
}
