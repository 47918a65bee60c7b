//! What choices outside the recipe are for: a sentence each, read when they are pointed at or focused.

/// Choices by their name, and their sentence. Settings of the recipe have theirs beside their word.
const HINTS: [(&str, &str); 17] = [
    ("own-bits", "Bits of this layer's weights alone; \u{201c}dial\u{201d} follows the recipe"),
    ("own-activations", "Bits of what this layer puts out; \u{201c}dial\u{201d} follows the recipe"),
    ("layers-view", "Noise that a layer makes at the model's output, or in its own output"),
    ("confusion-show", "How often each class is taken for another one, or by how much that changed"),
    ("confusion-before", "What predictions are compared with, class by class"),
    ("filter-before", "What predictions are compared with, image by image"),
    ("filter-truth", "Only images with this label"),
    ("filter-from", "Only images that were taken for this before"),
    ("filter-to", "Only images that are taken for this now"),
    ("bits-of", "Which bits the curve goes along"),
    ("cost", "What accuracy is set against"),
    ("press", "Whether a press on a point brings its recipe back or sets two of them side by side"),
    ("time-view", "Time of the whole model, or of each layer"),
    ("budget", "What the search keeps to"),
    ("maps-layer", "The layer whose output is shown, channel by channel"),
    ("maps-order", "Channels as the layer has them, or those with most noise first"),
    ("sample-photo", "A photo of the site, to try"),
];

/// The sentence of a choice, if it has one here.
pub fn of(name: &str) -> Option<&'static str> {
    HINTS.iter().find(|(known, _)| *known == name).map(|(_, hint)| *hint)
}
