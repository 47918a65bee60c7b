// The kernels one by one: a module of the crate bench/kernels, timed item by item.

/** Milliseconds of one sample, and of all samples of an item. */
const SHORTEST = 1;
const LONGEST = 350;
const WARM_UP = 60;

let module;

/** Loads a module; the names of its items. */
export async function load(url) {
  module = (await WebAssembly.instantiateStreaming(fetch(url))).instance.exports;
  const text = (i) => new TextDecoder().decode(new Uint8Array(module.memory.buffer, module.name(i), module.name_len(i)));
  return Array.from({ length: module.count() }, (_, i) => text(i));
}

/** Times an item: 10^9 units of work a second, the median and the best. */
export function measure(index) {
  module.prepare(index);
  let times = 1;
  // The shortest of three, as any may have waited for the processor.
  while (Math.min(...[0, 0, 0].map(() => timed(times).ms)) < SHORTEST) times *= 2;
  // Until the optimizing compiler is done with it.
  for (const end = performance.now() + WARM_UP; performance.now() < end; ) module.run(times);
  const rates = [];
  for (const end = performance.now() + LONGEST; performance.now() < end; ) {
    const { work, ms } = timed(times);
    rates.push(work / ms / 1e6);
  }
  rates.sort((a, b) => a - b);
  return { median: rates[rates.length >> 1], best: rates[rates.length - 1] };
}

function timed(times) {
  const start = performance.now();
  const work = module.run(times);
  return { work, ms: performance.now() - start };
}
