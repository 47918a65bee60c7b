// What the bench needs of TensorFlow.js, for esbuild to bundle.
export { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
export { loadGraphModel } from "@tensorflow/tfjs-converter";
export * as tf from "@tensorflow/tfjs-core";
