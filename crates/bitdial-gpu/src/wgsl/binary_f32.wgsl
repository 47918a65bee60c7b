// Sum or product of two values, or of a value and constants, which may repeat; or a factor and an offset for each.
struct Params {
    images: u32,
    zero: u32,
    x: u32,
    // Words of the arena, or vectors of the constants.
    other: u32,
    offset: u32,
    y: u32,
    len: u32,
    other_len: u32,
    // 0: sum, 1: product, 2: product and sum.
    op: u32,
    constant: u32,
    low: f32,
    high: f32,
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.x + id.y * groups.x * 64u;
    let image = index / p.len;
    if (image >= p.images) {
        return;
    }
    let a = bitcast<f32>(arena[p.x + index]);
    let at = (index % p.len) % p.other_len;
    var b = 0.0;
    if (p.constant != 0u) {
        b = bitcast<f32>(constant(p.other, at));
    } else {
        b = bitcast<f32>(arena[p.other + image * p.other_len + at]);
    }
    var y = a + b;
    if (p.op != 0u) {
        y = unfused(vec4<f32>(a * b)).x;
    }
    if (p.op == 2u) {
        y += bitcast<f32>(constant(p.offset, at));
    }
    arena[p.y + index] = bitcast<u32>(clamp(y, p.low, p.high));
}
