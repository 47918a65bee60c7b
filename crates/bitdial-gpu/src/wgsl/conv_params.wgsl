// The numbers of a convolution.
struct Params {
    images: u32,
    zero: u32,
    // Where things are: words of the arena, vectors of the constants.
    x: u32,
    y: u32,
    weights: u32,
    table: u32,
    other: u32,
    grids: u32,
    // Rows, columns and words (f32: channels) of a pixel of the input; of the output rows, columns, channels.
    in_rows: u32,
    in_columns: u32,
    in_words: u32,
    out_rows: u32,
    out_columns: u32,
    out_channels: u32,
    kernel_columns: u32,
    stride_rows: u32,
    stride_columns: u32,
    pad_rows: u32,
    pad_columns: u32,
    dilation_rows: u32,
    dilation_columns: u32,
    // Words (f32: numbers) of a row of weights, and channels of the input (for those that are gathered).
    row: u32,
    channels: u32,
    // Vectors of four output channels.
    panel: u32,
    // Words (f32: numbers) of a group of weights with a scale of its own.
    group: u32,
    // Channels of a group of the convolution: input, output.
    group_in: u32,
    group_out: u32,
    // 0: u8, 1: f32, to which 2 is added where there is a sum with `other`.
    store: u32,
    zero_point: i32,
    to_zero: i32,
    to_low: i32,
    to_high: i32,
    other_zero: i32,
    sum_zero: i32,
    sum_low: i32,
    sum_high: i32,
    own_factor: f32,
    other_factor: f32,
    low: f32,
    high: f32,
    sum_lowest: f32,
    sum_highest: f32,
    // Scale of the input, where weights have scales in groups.
    scale: f32,
    // Where the scales and zero points of weights are that are decoded to f32.
    scales: u32,
    zeros: u32,
}
