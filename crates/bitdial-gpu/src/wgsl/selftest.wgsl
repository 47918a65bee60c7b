// What the device makes of numbers that are hard to round: for each case a product, a product that is rounded to an
// integer, a sum of two products, a converted integer.
struct Params {
    images: u32,
    zero: u32,
    count: u32,
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= p.count) {
        return;
    }
    let given = constants[id.x];
    let sum = vec4<i32>(bitcast<i32>(given.x));
    let a = bitcast<f32>(given.y);
    let b = bitcast<f32>(given.z);
    let c = bitcast<f32>(given.w);
    let start = 5u * id.x;
    arena[start] = bitcast<u32>(a * b);
    arena[start + 1u] = u32(rounded(sum, vec4<f32>(a), -4096, 4096).x);
    arena[start + 2u] = bitcast<u32>((unfused(vec4<f32>(a * b)) + c).x);
    arena[start + 3u] = bitcast<u32>(f32(sum.x));
    arena[start + 4u] = bitcast<u32>(quotient(c, abs(a)));
}
