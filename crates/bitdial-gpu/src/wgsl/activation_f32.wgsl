// An activation of f32, element by element.
struct Params {
    images: u32,
    zero: u32,
    x: u32,
    y: u32,
    len: u32,
    // 0: clamp to a..b, 1: leaky with slope a, 2: hard sigmoid a * x + b, 3: hard swish.
    kind: u32,
    a: f32,
    b: f32,
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.x + id.y * groups.x * 64u;
    if (index / p.len >= p.images) {
        return;
    }
    let x = bitcast<f32>(arena[p.x + index]);
    var y = clamp(x, p.a, p.b);
    if (p.kind == 1u) {
        y = select(x, p.a * x, x < 0.0);
    } else if (p.kind == 2u) {
        y = clamp(unfused(vec4<f32>(p.a * x)).x + p.b, 0.0, 1.0);
    } else if (p.kind == 3u) {
        y = x * clamp(unfused(vec4<f32>(x * p.a)).x + 0.5, 0.0, 1.0);
    }
    arena[p.y + index] = bitcast<u32>(y);
}
