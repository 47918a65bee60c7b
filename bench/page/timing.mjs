// How a call is timed: the same way that bitdial's own worker does it (bitdial-engine, timing.rs).

/** A sample repeats the call until it lasts this long, in milliseconds. */
const SHORTEST = 4;
const WARM_UP = 3;
const MOST = 1024;

/** How many calls of `ms` make a sample, and how long it lasts. */
export function repetitions(ms) {
  const times = Math.min(MOST, 2 ** Math.max(0, Math.ceil(Math.log2(SHORTEST / ms))));
  return { times, ms: times * ms };
}

/** Samples of an asynchronous call for `budget` milliseconds. */
export async function samples(call, budget) {
  for (let i = 0; i < WARM_UP; i++) await call();
  let times = 1;
  for (;;) {
    // The shorter of two, as any may have waited for the processor.
    const took = Math.min(await timed(call, times), await timed(call, times));
    if (took >= SHORTEST || times >= MOST) break;
    times *= 2;
  }
  const found = [];
  const end = performance.now() + budget;
  do found.push((await timed(call, times)) / times);
  while (performance.now() < end || found.length < 3);
  return spread(found);
}

async function timed(call, times) {
  const start = performance.now();
  for (let i = 0; i < times; i++) await call();
  return performance.now() - start;
}

/** Median, tenth and ninetieth percentile (Hyndman & Fan 1996, definition 7). */
export function spread(times) {
  const sorted = Float64Array.from(times).sort();
  const at = (p) => {
    const rank = p * (sorted.length - 1);
    const [low, high] = [Math.floor(rank), Math.ceil(rank)];
    return sorted[low] + (sorted[high] - sorted[low]) * (rank - low);
  };
  return { median: at(0.5), p10: at(0.1), p90: at(0.9), runs: sorted.length };
}
