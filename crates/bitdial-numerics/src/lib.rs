//! Number formats, quantization parameters and bit packing.
