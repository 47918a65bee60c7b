//! Quantized graphs: what recipes do to them, and that plans compute what their annotations say.

mod allocations;
mod corrections;
mod damaged;
mod diagnosis;
mod exported;
mod generate;
mod interpreter;
mod random;
mod recipes;
mod simulated;
mod weights;
