/**
 * The entry of a dedicated module worker: instantiates the build of the engine that its own address names
 * (`worker.mjs?build=simd128`, `?build=relaxed-simd`, `?build=webgpu`, `?build=lab` or `?build=lessons`) and lets it listen.
 *
 * Everything the engine says goes through Rust. What is said here is that it cannot go on: a module that is not
 * instantiated, or traps, is reported as `{type: "trapped"}`; whoever started the worker replaces it.
 */

const BUILDS = ["simd128", "relaxed-simd", "webgpu", "lab", "lessons"];

let lost = false;

/** Reports once that this worker is of no more use. */
function trapped(message) {
  if (lost) return;
  lost = true;
  self.postMessage({ message: { type: "trapped", message }, buffers: [] });
}

/** After a panic the engine has left its message; any other trap only has the name that the browser gives it. */
function failed(event, error) {
  event.preventDefault();
  trapped(`The engine stopped: ${self.bitdialPanic ?? error?.message ?? error ?? event.message}`);
}

self.addEventListener("error", (event) => failed(event, event.error));
self.addEventListener("unhandledrejection", (event) => failed(event, event.reason));

/**
 * A hook for tests: `{lose: true}` loses the GPU as a driver that is reset would; after `{fail: "memory"}` it has no memory
 * left, after `{fail: "shader"}` its compiler is given what it must refuse.
 */
function keepDevices() {
  const devices = [];
  let fail;
  const adapter = self.GPUAdapter?.prototype;
  if (!adapter) return;
  const { requestDevice } = adapter;
  adapter.requestDevice = async function (...wishes) {
    const device = await requestDevice.apply(this, wishes);
    devices.push(device);
    return device;
  };
  const device = self.GPUDevice.prototype;
  const { createShaderModule, pushErrorScope, popErrorScope } = device;
  device.createShaderModule = function (about) {
    const code = fail === "shader" ? `${about.code}\nfn refused() -> u32 { return missing; }` : about.code;
    return createShaderModule.call(this, { ...about, code });
  };
  // Memory can only seem to be short: a buffer is made, and whoever asks hears that it could not be.
  const scopes = [];
  device.pushErrorScope = function (filter) {
    scopes.push(filter);
    return pushErrorScope.call(this, filter);
  };
  device.popErrorScope = async function () {
    const filter = scopes.pop();
    const found = await popErrorScope.call(this);
    return fail === "memory" && filter === "out-of-memory" ? new GPUOutOfMemoryError("forced by a test") : found;
  };
  self.addEventListener("message", ({ data }) => {
    if (data?.lose === true) for (const device of devices) device.destroy();
    fail = data?.fail ?? fail;
  });
}

// The address of this file, which is not the worker's own where another origin's page wraps it in a blob.
const build = new URL(import.meta.url).searchParams.get("build");

try {
  if (!BUILDS.includes(build)) throw new Error(`there is no build named ${build}; there are ${BUILDS.join(", ")}`);
  if (build === "webgpu") keepDevices();
  const engine = await import(`./${build}/bitdial_worker.js`);
  await engine.default();
  // A hook for tests: `{trap: true}` makes the engine trap for real.
  self.addEventListener("message", ({ data }) => {
    if (data?.trap === true) engine.trap();
  });
  engine.listen();
} catch (error) {
  trapped(`The engine could not be started: ${error?.message ?? error}`);
}
