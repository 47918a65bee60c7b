// Largest or mean of windows, four channels of a pixel a thread.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.x + id.y * groups.x * 64u;
    let pixel = index / p.words;
    let image = pixel / (p.out_rows * p.out_columns);
    if (image >= p.images) {
        return;
    }
    let at = pixel % (p.out_rows * p.out_columns);
    let y = i32(at / p.out_columns * p.stride_rows) - i32(p.pad_rows);
    let x = i32(at % p.out_columns * p.stride_columns) - i32(p.pad_columns);
    var all = vec4<i32>(0);
    var taps = 0u;
    for (var r = 0u; r < p.kernel_rows; r++) {
        let row = y + i32(r * p.dilation_rows);
        if (row < 0 || row >= i32(p.in_rows)) {
            continue;
        }
        for (var c = 0u; c < p.kernel_columns; c++) {
            let column = x + i32(c * p.dilation_columns);
            if (column < 0 || column >= i32(p.in_columns)) {
                continue;
            }
            let base = ((image * p.in_rows + u32(row)) * p.in_columns + u32(column)) * p.words + index % p.words;
            let bytes = unpack(arena[p.x + base]);
            all = select(max(all, bytes), all + bytes, p.mean != 0u);
            taps += 1u;
        }
    }
    if (p.mean == 0u) {
        arena[p.y + index] = pack(all);
        return;
    }
    let divisor = select(taps, p.kernel_rows * p.kernel_columns, p.include_pad != 0u);
    var factor = 0.0;
    if (divisor != 0u) {
        factor = bitcast<f32>(constant(p.factors, divisor));
    }
    let sum = all - i32(taps) * p.zero_point;
    var q = vec4<i32>(0);
    if (divisor != 0u) {
        q = rounded(sum, vec4<f32>(factor), p.to_low - p.to_zero, p.to_high - p.to_zero);
    } else {
        q = clamp(q, vec4<i32>(p.to_low - p.to_zero), vec4<i32>(p.to_high - p.to_zero));
    }
    arena[p.y + index] = pack(q + p.to_zero);
}
