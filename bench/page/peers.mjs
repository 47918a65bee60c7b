// One adapter per runtime: `start` loads its JavaScript and compiles its wasm, `load` gives a function from a
// Float32Array to a typed array. Everything on one thread.
import { bytes } from "./fetch.mjs";

const shape = (model, order) => {
  const [c, h, w] = model.input;
  return order === "nchw" ? [1, c, h, w] : [1, h, w, c];
};

const litert = {
  order: "nhwc",
  async start({ build }) {
    this.api = await import("/peers/litert.mjs");
    const file = build === "simd128" ? "litert_wasm_compat_internal.js" : "litert_wasm_internal.js";
    await this.api.loadLiteRt(`${location.origin}/litert/${file}`);
  },
  async load({ file, model }) {
    const { Tensor, loadAndCompile } = this.api;
    const compiled = await loadAndCompile(file, { accelerator: "wasm", cpuOptions: { numThreads: 1 } });
    return async (input) => {
      const tensor = new Tensor(input, shape(model, "nhwc"));
      const [output] = await compiled.run(tensor);
      tensor.delete();
      const numbers = output.toTypedArray().slice();
      output.delete();
      return numbers;
    };
  },
};

const ort = {
  order: "nchw",
  async start() {
    this.api = await import("/ort/ort.wasm.min.mjs");
    const { wasm } = this.api.env;
    wasm.numThreads = 1;
    wasm.wasmPaths = `${location.origin}/ort/`;
    this.api.env.logLevel = "error";
  },
  async load({ file, model }) {
    const { InferenceSession, Tensor } = this.api;
    const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" };
    const session = await InferenceSession.create(new Uint8Array(await bytes(file)), options);
    const [[input], [output]] = [session.inputNames, session.outputNames];
    return async (numbers) => {
      const result = await session.run({ [input]: new Tensor("float32", numbers, shape(model, "nchw")) });
      return result[output].data;
    };
  },
};

const tfjs = {
  order: "nhwc",
  async start() {
    const { tf, setWasmPaths } = (this.api = await import("/peers/tfjs.mjs"));
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    setWasmPaths(`${location.origin}/tfjs/`);
    await tf.setBackend("wasm");
    await tf.ready();
    if (tf.getBackend() !== "wasm") throw new Error(`TensorFlow.js runs on ${tf.getBackend()}`);
  },
  async load({ file, model }) {
    const { tf, loadGraphModel } = this.api;
    const graph = await loadGraphModel(file);
    return async (numbers) => {
      const input = tf.tensor(numbers, shape(model, "nhwc"));
      const output = graph.predict(input);
      const result = await output.data();
      input.dispose();
      output.dispose();
      return result;
    };
  },
};

export const PEERS = { litert, ort, tfjs };
