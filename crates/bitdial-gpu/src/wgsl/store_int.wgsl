// What becomes of integer sums. Four vectors of the table belong to four output channels: bias, correction for the zero
// point of the input, zero points of the weights, scale.

// Whether each image has a grid of its own: scale and zero point, two words each.
override DYNAMIC: bool = false;

fn image_of(pixel: u32) -> u32 {
    return pixel / (p.out_rows * p.out_columns);
}

fn zero_point(image: u32) -> i32 {
    if (DYNAMIC) {
        return i32(arena[p.grids + 2u * image + 1u]);
    }
    return p.zero_point;
}

fn input_scale(image: u32) -> f32 {
    if (DYNAMIC) {
        return bitcast<f32>(arena[p.grids + 2u * image]);
    }
    return p.scale;
}

// Stores the sums of four channels of an output pixel, without their bias.
fn store(pixel: u32, quad: u32, sum: vec4<i32>) {
    let scale = bitcast<vec4<f32>>(constants[p.table + 4u * quad + 3u]);
    if ((p.store & 1u) == 0u) {
        let all = sum + bitcast<vec4<i32>>(constants[p.table + 4u * quad]);
        let own = rounded(all, scale, p.to_low - p.to_zero, p.to_high - p.to_zero);
        let at = pixel * p.panel + quad;
        if ((p.store & 2u) == 0u) {
            arena[p.y + at] = pack(own + p.to_zero);
            return;
        }
        let other = unpack(arena[p.other + at]) - p.other_zero;
        let total = unfused(vec4<f32>(own) * p.own_factor) + unfused(vec4<f32>(other) * p.other_factor);
        arena[p.y + at] = pack(nearest(total, p.sum_low - p.sum_zero, p.sum_high - p.sum_zero) + p.sum_zero);
        return;
    }
    var factor = scale;
    if (DYNAMIC) {
        factor = input_scale(image_of(pixel)) * scale;
    }
    store_real(pixel, quad, unfused(vec4<f32>(sum) * factor));
}
