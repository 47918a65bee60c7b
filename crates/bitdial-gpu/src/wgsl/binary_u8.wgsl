// Sum or product of two values on grids of their own, to a third one. The second operand may repeat.
struct Params {
    images: u32,
    zero: u32,
    x: u32,
    other: u32,
    y: u32,
    // Words of an image; of the second operand, which is one number where that is 0.
    words: u32,
    other_words: u32,
    multiply: u32,
    x_zero: i32,
    other_zero: i32,
    to_zero: i32,
    to_low: i32,
    to_high: i32,
    x_factor: f32,
    other_factor: f32,
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.x + id.y * groups.x * 64u;
    let image = index / p.words;
    if (image >= p.images) {
        return;
    }
    let a = unpack(arena[p.x + index]) - p.x_zero;
    var b = vec4<i32>(0);
    if (p.other_words == 0u) {
        b = vec4<i32>(unpack(arena[p.other + image]).x);
    } else {
        b = unpack(arena[p.other + image * p.other_words + (index % p.words) % p.other_words]);
    }
    b -= p.other_zero;
    var q = vec4<i32>(0);
    let low = p.to_low - p.to_zero;
    let high = p.to_high - p.to_zero;
    if (p.multiply != 0u) {
        q = rounded(a * b, vec4<f32>(p.x_factor), low, high);
    } else {
        q = nearest(unfused(vec4<f32>(a) * p.x_factor) + unfused(vec4<f32>(b) * p.other_factor), low, high);
    }
    arena[p.y + index] = pack(q + p.to_zero);
}
