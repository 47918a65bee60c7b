//! Turns a recipe and calibration images into a quantized graph.
