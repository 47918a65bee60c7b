// Depthwise convolution of u8 and signed weights: four channels of a pixel a thread. Weights are words of four channels,
// tap after tap.
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
    let weight_zero = bitcast<vec4<i32>>(constants[p.table + 4u * quad + 2u]);
    var sum = vec4<i32>(0);
    var t = 0u;
    for (var row = y; t < p.row; row += i32(p.dilation_rows)) {
        var column = x;
        for (var c = 0u; c < p.kernel_columns; c++) {
            if (row >= 0 && row < i32(p.in_rows) && column >= 0 && column < i32(p.in_columns)) {
                let base = ((image * p.in_rows + u32(row)) * p.in_columns + u32(column)) * p.in_words + quad;
                sum += (unpack(arena[p.x + base]) - zero) * (unpack_signed(constant(p.weights, t * p.panel + quad)) - weight_zero);
            }
            column += i32(p.dilation_columns);
            t += 1u;
        }
    }
    store(pixel, quad, sum);
}
