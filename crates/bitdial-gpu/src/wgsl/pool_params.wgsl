// Pooling windows; a mean over rows is one whose window is all of them.
struct Params {
    images: u32,
    zero: u32,
    x: u32,
    y: u32,
    in_rows: u32,
    in_columns: u32,
    // Words of a pixel.
    words: u32,
    out_rows: u32,
    out_columns: u32,
    kernel_rows: u32,
    kernel_columns: u32,
    stride_rows: u32,
    stride_columns: u32,
    pad_rows: u32,
    pad_columns: u32,
    dilation_rows: u32,
    dilation_columns: u32,
    // Whether the mean is asked for, and not the largest.
    mean: u32,
    // Whether padding counts in a mean.
    include_pad: u32,
    // Factors of a mean, for each number of taps.
    factors: u32,
    zero_point: i32,
    to_zero: i32,
    to_low: i32,
    to_high: i32,
    low: f32,
    high: f32,
}
