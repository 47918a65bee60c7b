// Division as IEEE 754 has it: WGSL allows 2.5 units in the last place.

// The f32 nearest to `x / y` for a normal `y` above 0. Beyond f32 it is the largest f32, below its normal numbers it is 0;
// NaN stays NaN.
fn quotient(x: f32, y: f32) -> f32 {
    let sign = bitcast<u32>(x) & 0x80000000u;
    let a = bitcast<u32>(x) & 0x7FFFFFFFu;
    let b = bitcast<u32>(y);
    if (a > 0x7F800000u) {
        return x;
    }
    if (a < 0x800000u) {
        return 0.0;
    }
    var n = (a & 0x7FFFFFu) | 0x800000u;
    let d = (b & 0x7FFFFFu) | 0x800000u;
    var exponent = i32(a >> 23u) - i32(b >> 23u) + 127;
    if (n < d) {
        n = n << 1u;
        exponent -= 1;
    }
    // A first bit of 1 and 24 more, eight at a time; the last one is below what f32 keeps.
    var q = 1u;
    var rest = n - d;
    for (var i = 0; i < 3; i++) {
        rest = rest << 8u;
        let digit = rest / d;
        rest -= digit * d;
        q = (q << 8u) | digit;
    }
    let m = (q >> 1u) + select(0u, 1u, (q & 1u) == 1u && (rest != 0u || (q & 2u) == 2u));
    if (exponent < 1) {
        return 0.0;
    }
    // The carry of a mantissa that was rounded up goes into the exponent.
    let bits = (u32(exponent) << 23u) + (m - 0x800000u);
    return bitcast<f32>(sign | select(bits, 0x7F7FFFFFu, exponent > 254 || bits > 0x7F7FFFFFu || a == 0x7F800000u));
}
