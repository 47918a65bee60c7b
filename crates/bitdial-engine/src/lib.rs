//! The facade: load, quantize, run, evaluate, profile.
