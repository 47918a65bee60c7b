//! What a correction did, as figures.

use bitdial_protocol::Correction;

/// A figure of one layer that a correction changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Name of the layer.
    pub layer: String,
    /// What is measured, with its unit, in a few words: the same for all entries that can be compared.
    pub figure: &'static str,
    /// Before the correction.
    pub before: f32,
    /// After it.
    pub after: f32,
}

/// What one correction did.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Which.
    pub correction: Correction,
    /// Figures of the layers that it changed, in order of execution.
    pub entries: Vec<Entry>,
    /// The same in one sentence.
    pub summary: String,
}
