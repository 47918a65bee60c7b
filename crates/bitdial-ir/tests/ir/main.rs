//! Tests of the graph on files: the committed models, the fixtures of single operators, damaged and made-up ones.

mod damage;
mod export;
mod files;
mod generate;
mod interpret;
mod models;
mod ops;
mod passes;
mod properties;
