// Convolution in groups that are neither one nor as many as channels: byte by byte. Weights less their zero points are
// i32, `[tap and channel of the group][output channel]`.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.x + id.y * groups.x * 64u;
    let pixel = index / p.panel;
    let quad = index % p.panel;
    if (pixel >= p.images * p.out_rows * p.out_columns) {
        return;
    }
    let image = image_of(pixel);
    let at = pixel % (p.out_rows * p.out_columns);
    let y = i32(at / p.out_columns * p.stride_rows) - i32(p.pad_rows);
    let x = i32(at % p.out_columns * p.stride_columns) - i32(p.pad_columns);
    let zero = zero_point(image);
    var sum = vec4<i32>(0);
    for (var k = 0u; k < p.row; k++) {
        let t = k / p.group_in;
        let row = y + i32(t / p.kernel_columns * p.dilation_rows);
        let column = x + i32(t % p.kernel_columns * p.dilation_columns);
        if (row < 0 || row >= i32(p.in_rows) || column < 0 || column >= i32(p.in_columns)) {
            continue;
        }
        let base = ((image * p.in_rows + u32(row)) * p.in_columns + u32(column)) * p.in_words;
        let w = bitcast<vec4<i32>>(constants[p.weights + k * p.panel + quad]);
        let group = (vec4<u32>(4u * quad) + vec4<u32>(0u, 1u, 2u, 3u)) / p.group_out;
        let channel = min(group * p.group_in + k % p.group_in, vec4<u32>(p.channels - 1u));
        let word = vec4<u32>(
            arena[p.x + base + channel.x / 4u],
            arena[p.x + base + channel.y / 4u],
            arena[p.x + base + channel.z / 4u],
            arena[p.x + base + channel.w / 4u],
        );
        sum += (vec4<i32>((word >> (8u * (channel % 4u))) & vec4<u32>(0xFFu)) - zero) * w;
    }
    store(pixel, quad, sum);
}
