// f32 to u8 on a grid, of the layer or of each image (scale and zero point, two words each). NaN becomes the zero point.
struct Params {
    images: u32,
    zero: u32,
    x: u32,
    y: u32,
    // Numbers of an image, of its last dimension; words of both.
    len: u32,
    last: u32,
    words: u32,
    last_words: u32,
    grids: u32,
    zero_point: i32,
    low: i32,
    high: i32,
    scale: f32,
}

// Whether each image has its own grid.
override DYNAMIC: bool = false;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.x + id.y * groups.x * 64u;
    let image = index / p.words;
    if (image >= p.images) {
        return;
    }
    let word = index % p.words;
    let first = 4u * (word % p.last_words);
    let start = p.x + image * p.len + word / p.last_words * p.last + first;
    var scale = p.scale;
    var zero = p.zero_point;
    var low = p.low;
    var high = p.high;
    if (DYNAMIC) {
        scale = bitcast<f32>(arena[p.grids + 2u * image]);
        zero = i32(arena[p.grids + 2u * image + 1u]);
        // A symmetric grid goes as far below its zero point as above; one without negative numbers ends in the middle.
        if (p.low == 1) {
            low = select(1, 0, zero == 0);
            high = select(p.high, (p.high - 1) / 2, zero == 0);
        }
    }
    var bytes = vec4<i32>(0);
    for (var i = 0u; i < min(4u, p.last - first); i++) {
        let x = quotient(bitcast<f32>(arena[start + i]), scale);
        let number = (bitcast<u32>(x) & 0x7FFFFFFFu) <= 0x7F800000u;
        bytes[i] = zero + nearest(vec4<f32>(select(0.0, x, number)), low - zero, high - zero).x;
    }
    arena[p.y + index] = pack(bytes);
}
