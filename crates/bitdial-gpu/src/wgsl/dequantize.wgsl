// u8 on a grid to f32.
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
    zero_point: i32,
    scale: f32,
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.x + id.y * groups.x * 64u;
    let image = index / p.words;
    if (image >= p.images) {
        return;
    }
    let word = index % p.words;
    let first = 4u * (word % p.last_words);
    let start = p.y + image * p.len + word / p.last_words * p.last + first;
    let y = p.scale * vec4<f32>(unpack(arena[p.x + index]) - p.zero_point);
    for (var i = 0u; i < min(4u, p.last - first); i++) {
        arena[start + i] = bitcast<u32>(y[i]);
    }
}
