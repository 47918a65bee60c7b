// What becomes of f32 sums; the bias is the first of a channel's four vectors in the table.
fn store_real(pixel: u32, quad: u32, sum: vec4<f32>) {
    let bias = bitcast<vec4<f32>>(constants[p.table + 4u * quad]);
    let y = clamp(sum + bias, vec4<f32>(p.low), vec4<f32>(p.high));
    let start = pixel * p.out_channels + 4u * quad;
    let count = min(4u, p.out_channels - 4u * quad);
    for (var i = 0u; i < count; i++) {
        var value = y[i];
        if ((p.store & 2u) != 0u) {
            value = clamp(value + bitcast<f32>(arena[p.other + start + i]), p.sum_lowest, p.sum_highest);
        }
        arena[p.y + start + i] = bitcast<u32>(value);
    }
}
