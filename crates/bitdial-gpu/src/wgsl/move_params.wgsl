// Elements that change places: transposed, with a border, another shape, a part of a concatenation, repeated, or mapped
// by a table, or some of it at once.
struct Params {
    images: u32,
    zero: u32,
    x: u32,
    y: u32,
    // Words of an image and numbers of its last dimension, of what is read and what is written.
    x_words: u32,
    x_last: u32,
    y_words: u32,
    y_last: u32,
    // Up to four dimensions of the result; for each where what is read begins, how long that is, and how far its
    // neighbours lie apart.
    to: vec4<u32>,
    before: vec4<i32>,
    size: vec4<i32>,
    by: vec4<u32>,
    // What lies beyond, or that it stays as it is: 0x100 of u8, a flag of its own of f32.
    border: u32,
    keep: u32,
    // Where a table of 256 bytes is.
    table: u32,
}

// The number of an element that is read for element `index` of the result; -1 beyond.
fn source(index: u32) -> i32 {
    let d = index % p.to.w;
    let rest = index / p.to.w;
    let c = rest % p.to.z;
    let b = rest / p.to.z % p.to.y;
    let a = rest / p.to.z / p.to.y;
    let at = vec4<i32>(vec4<u32>(a, b, c, d)) - p.before;
    if (any(at < vec4<i32>(0)) || any(at >= p.size)) {
        return -1;
    }
    let lengths = vec4<u32>(at) * p.by;
    return i32(lengths.x + lengths.y + lengths.z + lengths.w);
}
