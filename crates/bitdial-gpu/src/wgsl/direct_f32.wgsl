// Convolution in f32 in any groups, depthwise too: one channel of a pixel a thread, its sum in order. Weights are
// `[tap and channel of the group][output channel]`, vectors of four output channels.

// Whether every product is rounded before it is added.
override STRICT: bool = true;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.x + id.y * groups.x * 64u;
    let pixel = index / p.panel;
    let quad = index % p.panel;
    if (pixel >= p.images * p.out_rows * p.out_columns) {
        return;
    }
    let image = pixel / (p.out_rows * p.out_columns);
    let at = pixel % (p.out_rows * p.out_columns);
    let y = i32(at / p.out_columns * p.stride_rows) - i32(p.pad_rows);
    let x = i32(at % p.out_columns * p.stride_columns) - i32(p.pad_columns);
    let group = (vec4<u32>(4u * quad) + vec4<u32>(0u, 1u, 2u, 3u)) / p.group_out;
    let first = min(group, vec4<u32>(p.channels / p.group_in - 1u)) * p.group_in;
    var sum = vec4<f32>(0.0);
    for (var k = 0u; k < p.row; k++) {
        let t = k / p.group_in;
        let row = y + i32(t / p.kernel_columns * p.dilation_rows);
        let column = x + i32(t % p.kernel_columns * p.dilation_columns);
        if (row < 0 || row >= i32(p.in_rows) || column < 0 || column >= i32(p.in_columns)) {
            continue;
        }
        let base = p.x + ((image * p.in_rows + u32(row)) * p.in_columns + u32(column)) * p.in_words + k % p.group_in;
        let a = bitcast<vec4<f32>>(vec4<u32>(arena[base + first.x], arena[base + first.y], arena[base + first.z], arena[base + first.w]));
        let w = bitcast<vec4<f32>>(constants[p.weights + k * p.panel + quad]);
        if (STRICT) {
            sum += unfused(a * w);
        } else {
            sum += a * w;
        }
    }
    store_real(pixel, quad, sum);
}
