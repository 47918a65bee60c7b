/**
 * bitdial as a library: quantize an ONNX model and run it on integer kernels, in workers of its own: a lab that makes
 * quantized models, and a runner.
 *
 *     import { Bitdial } from "https://.../bitdial.mjs";
 *     const b = await Bitdial.create();
 *     const m = await b.load(onnxBytes);
 *     const q = await m.quantize({ weights: { bits: 4 } }, calibrationInputs);
 *     const logits = await q.run(inputs, batch);
 *
 * Every method returns a promise; what goes wrong is an `Error` with a sentence. The buffers of a caller are copied,
 * never taken. The module works from any page, also of another origin than its own.
 *
 * @module bitdial
 */

/**
 * @typedef {"auto" | "scalar" | "simd128" | "relaxed-simd" | "webgpu" | "webgpu-f16"} Backend
 *   What computes: the fastest kernels for the processor that this browser can run, plain loops, 128-bit SIMD, or that with
 *   relaxed instructions; or the GPU, with f16 for what is not quantized if so named. Integers are the same on all of them.
 *
 * @typedef {object} TensorInfo
 * @property {string} name
 * @property {(number | null)[]} shape Dimensions in ONNX's order (NCHW); the batch, the first, is null.
 *
 * @typedef {object} LayerInfo
 * @property {string} name Name of the ONNX node.
 * @property {string} op Operator with its fused activation, e.g. "Conv 3x3 + ReLU6".
 * @property {number} parameters Weights and biases.
 * @property {number} macs Multiply-accumulates for one input.
 * @property {number[]} output Output dimensions without the batch.
 *
 * @typedef {object} Energy An estimate after Horowitz (ISSCC 2014), for one input.
 * @property {number} compute Arithmetic, picojoules.
 * @property {number} memory Memory traffic, picojoules.
 *
 * @typedef {object} MemoryUse The most memory that one inference takes at a time, bytes.
 * @property {number} activations
 * @property {number} weights As the kernels keep them.
 * @property {number} scratch What kernels need for themselves.
 *
 * @typedef {object} ModelInfo
 * @property {TensorInfo[]} inputs
 * @property {TensorInfo[]} outputs
 * @property {LayerInfo[]} layers In order of execution, after folding BatchNorm and fusing activations.
 * @property {number} parameters
 * @property {number} macs
 * @property {number} size Bytes of the packed f32 model.
 * @property {Energy} energy
 * @property {MemoryUse} memory
 *
 * @typedef {object} QuantizedLayer
 * @property {string} name
 * @property {string} op
 * @property {string} kernel The kernel that runs it.
 * @property {"float" | "weight-only" | "integer" | "dynamic-integer" | "movement"} execution
 * @property {number | null} weight_bits
 * @property {number | null} activation_bits Of the activations it puts out; null for f32.
 * @property {number} bytes
 * @property {number | null} weight_sqnr Signal-to-quantization-noise ratio of its weights, dB.
 *
 * @typedef {object} QuantizedInfo
 * @property {number} size Bytes of the packed model.
 * @property {QuantizedLayer[]} layers
 * @property {Energy} energy
 * @property {MemoryUse} memory
 * @property {{correction: string, summary: string, ms: number}[]} corrections What each correction did, in order.
 *
 * @typedef {object} LayerTime
 * @property {string} name
 * @property {string} op
 * @property {string} kernel
 * @property {number} ms Milliseconds; 0 for a layer that has nothing to do: another name for its input, or fused into one before.
 * @property {number} macs
 * @property {number} bytes Of its inputs, its output and its weights as the kernel keeps them.
 * @property {number | null} limit The least milliseconds that the rooflines allow; null where they are not known.
 * @property {{unpack: number, move: number, multiply: number, requantize: number} | null} phases The parts of `ms`, each
 *   timed by itself, multiplication as what remains; null for what is no convolution or linear layer.
 * @property {{kernel: string, ms: number}[]} alternatives The kernels that were tried out for it; none where there was
 *   no choice, or no time left to try them.
 *
 * @typedef {object} Profile Times of one input at a time, milliseconds.
 * @property {number} median
 * @property {number} p10
 * @property {number} p90
 * @property {number} runs
 * @property {LayerTime[]} layers Each repeated by itself, with its operands in the cache.
 * @property {Rooflines | null} rooflines Null where the clock is too coarse to measure them.
 *
 * @typedef {object} Rooflines What one thread of this device does at best.
 * @property {number} dot Multiply-accumulates of 8-bit integers, GMAC/s.
 * @property {number} float Multiply-accumulates of f32, GMAC/s.
 * @property {number} bits Multiply-accumulates of 1-bit weights and activations, GMAC/s.
 * @property {{bytes: number, read: number, copy: number}[]} memory GB/s by the size of a buffer.
 *
 * @typedef {object} Recipe How to quantize; whatever is left out takes the default shown.
 * @property {object} [weights] `{format: "int", bits: 8, granularity: "channel", symmetric: true, rounding: "nearest"}`;
 *   bits 1 to 8 (1: -1 or 1 times the scale), granularity "channel", "tensor" or
 *   "group": then `group` (16, 32, 64 or 128; 32 by default) neighbouring weights of an output channel share a scale.
 * @property {object | null} [activations] `{format: "int", bits: 8, granularity: "tensor", symmetric: false, mode:
 *   "static"}`; bits 1 to 8, mode "static" or "dynamic"; null leaves activations in f32.
 * @property {object} [layers] Exceptions by layer name: `{conv1: {weights: {bits: 8}, activations: {bits: 8}}}`.
 */

/** The worker's entry, beside this module; its folder is named after its content. */
const WORKER = "./__WORKER_DIR__/worker.mjs";

const HEADER = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0];
const SPLAT = [65, 0, 253, 15];

/** For each build the smallest module that needs its instructions: one function that gives a v128. */
const PROBES = {
  // i8x16.popcnt (i8x16.splat (i32.const 0))
  simd128: Uint8Array.of(...HEADER, 10, 10, 1, 8, 0, ...SPLAT, 253, 98, 11),
  // i32x4.relaxed_dot_i8x16_i7x16_add_s of three of them
  "relaxed-simd": Uint8Array.of(...HEADER, 10, 19, 1, 17, 0, ...SPLAT, ...SPLAT, ...SPLAT, 253, 147, 2, 11),
};

/** Whether this browser takes a build. */
const takes = (build) => typeof WebAssembly === "object" && WebAssembly.validate(PROBES[build]);

/** The build to load for a backend. */
function buildFor(backend) {
  if (!["auto", "scalar", "simd128", "relaxed-simd", "webgpu", "webgpu-f16"].includes(backend)) {
    throw new Error(
      `There is no backend "${backend}": choose "auto", "scalar", "simd128", "relaxed-simd", "webgpu" or "webgpu-f16".`,
    );
  }
  if (!takes("simd128")) {
    throw new Error("This browser cannot run WebAssembly with SIMD, which every build of bitdial needs.");
  }
  if (backend.startsWith("webgpu")) return "webgpu";
  if (backend === "relaxed-simd" && !takes("relaxed-simd")) {
    throw new Error('This browser does not have the relaxed SIMD instructions of WebAssembly: choose "auto" or "simd128".');
  }
  return backend === "relaxed-simd" || (backend === "auto" && takes("relaxed-simd")) ? "relaxed-simd" : "simd128";
}

/** Starts a worker. Another origin's script cannot be a worker, but one of our own may import it. */
function startWorker(build) {
  const url = new URL(WORKER, import.meta.url);
  url.searchParams.set("build", build);
  if (url.origin === globalThis.location?.origin) return new Worker(url, { type: "module" });
  const source = new Blob([`import ${JSON.stringify(url.href)};`], { type: "text/javascript" });
  const blob = URL.createObjectURL(source);
  try {
    return new Worker(blob, { type: "module" });
  } finally {
    // The worker has its own reference by the time the page is idle again.
    setTimeout(() => URL.revokeObjectURL(blob), 60_000);
  }
}

/** The fields of a recipe and of its parts. */
const SCHEME = ["format", "exponent", "bits", "granularity", "symmetric"];
const FIELDS = {
  "the top": ["weights", "activations", "calibration", "corrections", "accumulator", "layers"],
  weights: [...SCHEME, "group", "range", "rounding"],
  activations: [...SCHEME, "mode"],
  calibration: ["method", "samples", "seed", "deviations"],
  accumulator: ["bits", "overflow"],
};

/** Throws if a part of a recipe has a field that is none: a typing error, which would otherwise mean the default. */
function checkFields(part, what, fields = FIELDS[what]) {
  const unknown = Object.keys(part ?? {}).find((field) => !fields.includes(field));
  if (unknown !== undefined) {
    throw new Error(`In the recipe, ${what} has an unknown field \`${unknown}\`: there are ${fields.join(", ")}.`);
  }
}

/** A recipe as JSON has it, where what is undefined is left out. */
function checked(recipe) {
  const plain = JSON.parse(JSON.stringify(recipe));
  checkFields(plain, "the top");
  for (const part of ["weights", "activations", "calibration", "accumulator"]) checkFields(plain[part], part);
  for (const [name, layer] of Object.entries(plain.layers ?? {})) {
    checkFields(layer, `the layer ${name}`, ["weights", "activations"]);
    checkFields(layer?.weights, `the layer ${name}`, ["format", "bits", "granularity", "symmetric"]);
    checkFields(layer?.activations, `the layer ${name}`, ["bits"]);
  }
  return plain;
}

/** A copy of numbers as a buffer of f32, to give away. */
function floats(numbers, what) {
  if (!ArrayBuffer.isView(numbers) && !Array.isArray(numbers)) {
    throw new Error(`The ${what} must be a Float32Array in the model's own order (NCHW).`);
  }
  return new Float32Array(numbers).buffer;
}

/** A copy of a file as a buffer, to give away. */
function bytes(file) {
  if (file instanceof ArrayBuffer) return file.slice(0);
  if (ArrayBuffer.isView(file)) return new Uint8Array(file.buffer, file.byteOffset, file.byteLength).slice().buffer;
  throw new Error("A model is loaded from the bytes of an ONNX file: an ArrayBuffer or a Uint8Array.");
}

/** Messages to one worker and the answers to them. */
class Channel {
  #worker;
  #waiting = new Map();
  #last = 0;
  /** Why nothing can be asked any more. */
  #closed = null;
  /** Is told when that is so. */
  onclose = null;
  #listening;

  constructor(build) {
    this.#worker = startWorker(build);
    this.#listening = new Promise((resolve, reject) => this.#waiting.set("listening", { resolve, reject }));
    this.#worker.onmessage = ({ data }) => this.#hear(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.close(`The engine's worker could not be loaded${event.message ? `: ${event.message}` : "."}`);
    };
  }

  /** Sends a request, giving `buffers` away, and waits for its answer. */
  async ask(body, buffers = []) {
    await this.#listening;
    if (this.#closed) throw new Error(this.#closed);
    const id = ++this.#last;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    const { request, ...rest } = body;
    this.#worker.postMessage({ message: { request: { id, body: { [request]: rest } } }, buffers }, buffers);
    return answer;
  }

  /** Sends a request to forget something. An engine that is gone has forgotten it. */
  async forget(body) {
    try {
      await this.ask(body);
    } catch (error) {
      if (!this.#closed) throw error;
    }
  }

  /** Ends the worker; whatever waits fails for this reason. */
  close(reason) {
    if (this.#closed) return;
    this.#closed = reason;
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(new Error(reason));
    this.#waiting.clear();
    this.onclose?.(reason);
  }

  #hear({ message, buffers }) {
    switch (message.type) {
      case "listening":
        return this.#take("listening")?.resolve();
      case "response": {
        const waiting = this.#take(message.id);
        return waiting?.resolve({ ...Object.values(message.body)[0], buffers });
      }
      case "failed":
        return this.#take(message.id)?.reject(new Error(message.message));
      case "trapped":
        return this.close(message.message);
    }
  }

  #take(key) {
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    return waiting;
  }
}

/** Lets a target run on the kernels that are the fastest here. */
async function tune(channel, target) {
  await channel.ask({ request: "tune", target });
}

/** Runs a target; one Float32Array for a model with one output, else an array of them. */
async function run(channel, target, input, batch) {
  const { buffers } = await channel.ask({ request: "run", target, batch }, [floats(input, "inputs")]);
  const outputs = buffers.map((buffer) => new Float32Array(buffer));
  return outputs.length === 1 ? outputs[0] : outputs;
}

/** An engine with workers of its own. */
export class Bitdial {
  #channel;
  #lab;

  /** @private Use {@link Bitdial.create}. */
  constructor(channel, lab, capabilities) {
    this.#channel = channel;
    this.#lab = lab;
    /** @type {Exclude<Backend, "auto">} The kernels in use. */
    this.backend = capabilities.backend;
  }

  /**
   * Starts an engine.
   * @param {{backend?: Backend}} [options]
   * @returns {Promise<Bitdial>}
   */
  static async create({ backend = "auto" } = {}) {
    const channel = new Channel(buildFor(backend));
    const lab = new Channel("lab");
    // One is of no use without the other.
    channel.onclose = (reason) => lab.close(reason);
    lab.onclose = (reason) => channel.close(reason);
    try {
      const { capabilities } = await channel.ask({ request: "start", backend });
      return new Bitdial(channel, lab, capabilities);
    } catch (error) {
      channel.close(error.message);
      throw error;
    }
  }

  /**
   * Loads a model.
   * @param {ArrayBuffer | Uint8Array} onnx The bytes of an ONNX file.
   * @returns {Promise<Model>}
   */
  async load(onnx) {
    const { model: source, buffers } = await this.#lab.ask({ request: "load" }, [bytes(onnx)]);
    const { model, info } = await this.#channel.ask({ request: "load" }, buffers);
    return new Model(this.#channel, model, info, this.#lab, source);
  }

  /** Ends the engine and everything loaded with it. */
  async dispose() {
    this.#channel.close("This engine was disposed of.");
  }
}

/** A loaded model, in f32. */
class Model {
  #channel;
  #handle;
  #lab;
  /** The same model in the lab. */
  #source;

  /** @private Use {@link Bitdial#load}. */
  constructor(channel, handle, info, lab, source) {
    this.#channel = channel;
    this.#handle = handle;
    this.#lab = lab;
    this.#source = source;
    /** @type {ModelInfo} */
    this.info = info;
  }

  /**
   * Runs the model in f32.
   * @param {Float32Array} input `batch` inputs, NCHW.
   * @param {number} [batch]
   * @returns {Promise<Float32Array | Float32Array[]>} Batch first; an array where the model has several outputs.
   */
  async run(input, batch = 1) {
    return run(this.#channel, { f32: this.#handle }, input, batch);
  }

  /**
   * Tries out the kernels between which the machine decides, for 100 ms at most in all (quantized models of this one
   * included), and goes on with the fastest. Results stay as they are; those of f32 models within rounding.
   */
  async tune() {
    await tune(this.#channel, { f32: this.#handle });
  }

  /**
   * Quantizes the model.
   * @param {Recipe} [recipe]
   * @param {Float32Array} [calibration] Inputs, NCHW, from which a static recipe takes the ranges of activations. Not
   *   needed where activations are dynamic or stay in f32.
   * @returns {Promise<Quantized>}
   */
  async quantize(recipe = {}, calibration = new Float32Array()) {
    const body = { request: "quantize-with", model: this.#source, recipe: checked(recipe) };
    const made = await this.#lab.ask(body, [floats(calibration, "calibration inputs")]);
    const { quantized, info } = await this.#channel.ask({ request: "adopt", model: this.#handle }, made.buffers);
    info.layers.forEach((layer, i) => Object.assign(layer, made.making.layers[i]));
    info.corrections = made.making.corrections;
    return new Quantized(this.#channel, quantized, info, this.#lab, made.quantized);
  }

  /** Forgets the model and what was quantized from it. */
  async dispose() {
    await this.#lab.forget({ request: "dispose-model", model: this.#source });
    await this.#channel.forget({ request: "dispose-model", model: this.#handle });
  }
}

/** A quantized model. */
class Quantized {
  #channel;
  #handle;
  #lab;
  /** The same model in the lab. */
  #source;

  /** @private Use {@link Model#quantize}. */
  constructor(channel, handle, info, lab, source) {
    this.#channel = channel;
    this.#handle = handle;
    this.#lab = lab;
    this.#source = source;
    /** @type {QuantizedInfo} */
    this.info = info;
    /** @type {number} Bytes of the packed model: weights at their width, scales, zero points, biases, structure. */
    this.size = info.size;
  }

  /**
   * Runs the quantized model; inputs and outputs are f32 as those of the model.
   * @param {Float32Array} input `batch` inputs, NCHW.
   * @param {number} [batch]
   * @returns {Promise<Float32Array | Float32Array[]>} Batch first; an array where the model has several outputs.
   */
  async run(input, batch = 1) {
    return run(this.#channel, { quantized: this.#handle }, input, batch);
  }

  /** Goes on with the fastest kernels, as {@link Model#tune}. */
  async tune() {
    await tune(this.#channel, { quantized: this.#handle });
  }

  /**
   * Times one input at a time, warm and tuned, as a whole and layer by layer.
   * @param {{runs?: number}} [options] Counted runs.
   * @returns {Promise<Profile>}
   */
  async profile({ runs = 50 } = {}) {
    const { profile } = await this.#channel.ask({ request: "profile", target: { quantized: this.#handle }, runs });
    return { ...profile.total, layers: profile.layers, rooflines: profile.rooflines };
  }

  /**
   * The quantized model as a file for other runtimes: "onnx", with QuantizeLinear and DequantizeLinear.
   * @param {"onnx"} [format]
   * @returns {Promise<Uint8Array>}
   */
  async export(format = "onnx") {
    if (format !== "onnx") throw new Error(`There is no export to "${format}": choose "onnx".`);
    const { buffers } = await this.#lab.ask({ request: "export", quantized: this.#source });
    return new Uint8Array(buffers[0]);
  }

  /** Forgets the quantized model. */
  async dispose() {
    await this.#lab.forget({ request: "dispose-quantized", quantized: this.#source });
    await this.#channel.forget({ request: "dispose-quantized", quantized: this.#handle });
  }
}
