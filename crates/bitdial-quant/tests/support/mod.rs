//! What the tests share: random graphs, and a slow evaluator that knows nothing of plans.

pub mod graphs;
pub mod interpreter;
