//! The wasm module: the engine behind a message loop.
