// A worker of the built site, spoken to in the protocol of its page.

/** One worker. */
export class Engine {
  #worker;
  #waiting = new Map();
  #last = 0;

  /** Starts the runner of a build. */
  static async start(folder, build, backend = "auto") {
    const engine = await Engine.#listening(folder, build);
    const { capabilities } = await engine.ask({ request: "start", backend });
    engine.capabilities = capabilities;
    return engine;
  }

  /** Starts a lab. */
  static async lab(folder) {
    return Engine.#listening(folder, "lab");
  }

  /** Starts a worker and waits until its module is compiled and listens. */
  static async #listening(folder, build) {
    const engine = new Engine();
    engine.#worker = new Worker(`/bitdial/${folder}/worker.mjs?build=${build}`, { type: "module" });
    const listening = new Promise((resolve, reject) => engine.#waiting.set("listening", { resolve, reject }));
    engine.#worker.onmessage = ({ data }) => engine.#hear(data);
    engine.#worker.onerror = (event) => engine.#fail(event.message ?? "the worker could not be loaded");
    await listening;
    return engine;
  }

  /** Sends a request, giving `buffers` away, and waits for its answer. */
  ask(body, buffers = []) {
    const id = ++this.#last;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    const { request, ...rest } = body;
    this.#worker.postMessage({ message: { request: { id, body: { [request]: rest } } }, buffers }, buffers);
    return answer;
  }

  #hear({ message, buffers }) {
    if (message.type === "trapped") return this.#fail(message.message);
    if (message.type === "listening") return this.#waiting.get("listening").resolve();
    if (message.type !== "response" && message.type !== "failed") return;
    const { resolve, reject } = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.type === "failed") reject(new Error(message.message));
    else resolve({ ...Object.values(message.body)[0], buffers });
  }

  #fail(message) {
    for (const { reject } of this.#waiting.values()) reject(new Error(message));
  }
}
