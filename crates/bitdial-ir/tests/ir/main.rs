//! Tests of the graph on files: the committed models, the fixtures of single operators, damaged and hostile ones.

mod files;
mod interpret;
mod models;
mod ops;
