// f32 arithmetic with one rounding an operation, and the same in integers where a device cannot be trusted with it.

// Whether products and their rounding are computed in integers.
override EXACT: bool = false;

// The product itself, in a form that no compiler can contract with a sum that follows: it cannot know that `zero` is 0.
fn unfused(x: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) ^ vec4<u32>(p.zero));
}

// A magnitude as 24 bits and a power of two, rounded to nearest, ties to even.
fn narrowed(m: u32) -> vec2<i32> {
    let bits = 32u - countLeadingZeros(m);
    if (bits <= 24u) {
        return vec2<i32>(i32(m), 0);
    }
    let shift = bits - 24u;
    return vec2<i32>(i32(halved(m, shift)), i32(shift));
}

// `m / 2^shift` to nearest, ties to even; `shift` is 1 to 31.
fn halved(m: u32, shift: u32) -> u32 {
    let half = 1u << (shift - 1u);
    let rest = m & ((half << 1u) - 1u);
    let q = m >> shift;
    return q + select(0u, 1u, rest > half || (rest == half && (q & 1u) == 1u));
}

// The integer nearest to `f32(sum) * m` as f32 rounds it, in integers: 24 bits times 24 bits, twice rounded.
fn rounded_exactly(sum: i32, m: f32) -> i32 {
    let bits = bitcast<u32>(m);
    let a = narrowed(select(u32(sum), 0u - u32(sum), sum < 0));
    if (a.x == 0) {
        return 0;
    }
    // Both in 2^23..2^24, so that 24 bits of the product are known to matter.
    let up = countLeadingZeros(u32(a.x)) - 8u;
    let x = select(u32(a.x) << (up & 31u), 1u << 23u, a.x == 1 << 24u);
    let y = (bits & 0x7FFFFFu) | 0x800000u;
    var power = select(a.y - i32(up), a.y + 1, a.x == 1 << 24u) + i32(bits >> 23u) - 150;
    let low = (x & 0xFFFu) * (y & 0xFFFu);
    let mid = (x & 0xFFFu) * (y >> 12u) + (x >> 12u) * (y & 0xFFFu);
    let lows = low + ((mid & 0xFFFu) << 12u);
    let high = (x >> 12u) * (y >> 12u) + (mid >> 12u) + (lows >> 24u);
    let rest = lows & 0xFFFFFFu;
    var q = high;
    var over = rest;
    var half = 0x800000u;
    power += 24;
    if (high < 0x800000u) {
        q = (high << 1u) | (rest >> 23u);
        over = rest & 0x7FFFFFu;
        half = 0x400000u;
        power -= 1;
    }
    q += select(0u, 1u, over > half || (over == half && (q & 1u) == 1u));
    var n = 0u;
    if (power >= 0) {
        n = select(q << u32(min(power, 6)), 1u << 30u, power > 6);
    } else if (power > -26) {
        n = halved(q, u32(-power));
    }
    return select(i32(n), -i32(n), sum < 0);
}

// `round(clamp(f32(sum) * m, low, high))`.
fn rounded(sum: vec4<i32>, m: vec4<f32>, low: i32, high: i32) -> vec4<i32> {
    if (EXACT) {
        var n = vec4<i32>(0);
        for (var i = 0u; i < 4u; i++) {
            n[i] = rounded_exactly(sum[i], m[i]);
        }
        return clamp(n, vec4<i32>(low), vec4<i32>(high));
    }
    return nearest(vec4<f32>(sum) * m, low, high);
}

// `round(clamp(x, low, high))`.
fn nearest(x: vec4<f32>, low: i32, high: i32) -> vec4<i32> {
    return vec4<i32>(round(clamp(x, vec4<f32>(f32(low)), vec4<f32>(f32(high)))));
}
