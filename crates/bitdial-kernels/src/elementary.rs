//! Exponential and logarithm of many numbers: sums and products only, so that they are the same on every machine and
//! several are computed at once.

/// What rounds to an integer when it is added: the integer is then in the lowest bits.
const MAGIC: f32 = 12_582_912.0;

/// `2^x` within `1e-6` of itself; `x` is taken to lie in -126..=126.
#[inline]
pub fn exp2(x: f32) -> f32 {
    let x = x.clamp(-126.0, 126.0);
    let shifted = x + MAGIC;
    let f = (x - (shifted - MAGIC)) * std::f32::consts::LN_2;
    // Taylor's series: |f| is at most ln(2) / 2.
    let p = 1.0 + f * (1.0 + f * (0.5 + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0 + f * (1.0 / 720.0))))));
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// The logarithm to base 2 of a positive normal number, within `1e-5`.
#[inline]
pub fn log2(x: f32) -> f32 {
    // The mantissa between sqrt(1/2) and sqrt(2).
    const HALF: u32 = 0x3f35_04f3;
    let shifted = x.to_bits().wrapping_sub(HALF);
    let exponent = shifted.cast_signed() >> 23;
    let m = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(HALF));
    let t = (m - 1.0) / (m + 1.0);
    let s = t * t;
    // 2 atanh(t) / ln(2); |t| is at most 0.172.
    let series = t * (1.0 + s * (1.0 / 3.0 + s * (0.2 + s * (1.0 / 7.0))));
    exponent as f32 + series * (2.0 * std::f32::consts::LOG2_E)
}

/// `1 / (1 + e^-x)`.
#[inline]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp2(-x * std::f32::consts::LOG2_E))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_libm_has_them() {
        for i in -1300..=1300 {
            let x = i as f32 / 10.37;
            let expected = libm::exp2f(x);
            assert!((exp2(x) - expected).abs() <= 1e-6 * expected, "{x}: {} {expected}", exp2(x));
            let expected = 1.0 / (1.0 + libm::expf(-x));
            assert!((sigmoid(x) - expected).abs() <= (2e-6 + 1e-7 * x.abs()) * expected + 1e-37, "{x}: {} {expected}", sigmoid(x));
            let x = libm::exp2f(x);
            assert!((log2(x) - libm::log2f(x)).abs() <= 1e-5, "{x}: {} {}", log2(x), libm::log2f(x));
        }
    }
}
