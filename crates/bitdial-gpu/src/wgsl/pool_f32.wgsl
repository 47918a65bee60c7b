// Largest or mean of windows, one channel of a pixel a thread, sums row by row.
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
    var largest = 0.0;
    var sum = 0.0;
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
            let value = bitcast<f32>(arena[p.x + base]);
            largest = select(largest, value, taps == 0u || value > largest);
            sum += value;
            taps += 1u;
        }
    }
    if (p.mean == 0u) {
        // -infinity where a window misses the image.
        arena[p.y + index] = select(bitcast<u32>(largest), 0xFF800000u, taps == 0u);
        return;
    }
    let divisor = max(1u, select(taps, p.kernel_rows * p.kernel_columns, p.include_pad != 0u));
    arena[p.y + index] = bitcast<u32>(clamp(quotient(sum, f32(divisor)), p.low, p.high));
}
