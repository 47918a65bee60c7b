//! Formats that are a table: the real value of every code.

use crate::rounding::Rounding;

/// The values of a normal distribution that NF4 takes: Dettmers et al. 2023, 'QLoRA', appendix E.
const NF4: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

/// The real values of the codes `0..values.len()`, and how to find the code of another value.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels {
    /// By code; not finite where a code is no number.
    values: Vec<f32>,
    /// Finite values, ascending, each once, with its code: of several the smallest.
    ascending: Vec<(f32, u8)>,
    /// The code of -0.0, if it is not that of 0.0.
    negative_zero: Option<u8>,
}

impl Levels {
    /// The format whose codes have these values; the first 256 of them if there are more. Values that are not finite are
    /// never chosen.
    #[must_use]
    pub fn new(mut values: Vec<f32>) -> Self {
        values.truncate(256);
        let mut ascending: Vec<(f32, u8)> = (0..=u8::MAX).zip(&values).map(|(code, &x)| (x, code)).filter(|(x, _)| x.is_finite()).collect();
        // 0.0 before -0.0, whose code is kept beside.
        ascending.sort_by(|a, b| (a.0 + 0.0).total_cmp(&(b.0 + 0.0)).then(a.1.cmp(&b.1)));
        let negative_zero = ascending.iter().find(|(x, _)| *x == 0.0 && x.is_sign_negative()).map(|&(_, code)| code);
        ascending.dedup_by(|later, first| later.0 == first.0);
        Self { values, ascending, negative_zero }
    }

    /// NF4: quantiles of a normal distribution, within -1..=1.
    #[must_use]
    pub fn nf4() -> Self {
        Self::new(NF4.to_vec())
    }

    /// Zero and signed powers of two from 1 down: `bits` (2..=8) bits, of which the first is the sign; the others are 0
    /// for zero, and of the rest the largest is 1 and each one less is half as much. Source: Miyashita et al. 2016,
    /// section 3.
    #[must_use]
    pub fn powers_of_two(bits: u8) -> Self {
        let largest = (1 << (bits.clamp(2, 8) - 1)) - 1;
        Self::signed((0..=largest).map(|code| if code == 0 { 0.0 } else { crate::minifloat::power_of_two(code - largest) }))
    }

    /// Sums of powers of two: `bits` (2..=8) bits, of which the first is the sign. The others are terms of two bits, and
    /// one of a single bit if their number is odd: each term is 0 or a power of two of its own. The powers are dealt out
    /// in turn, largest first, the term of one bit being served once, in the last turn and before the others.
    ///
    /// Source: Li et al. 2020, section 2.2, equation 5 with k = 2, without the factor that makes the largest sum 1.
    #[must_use]
    pub fn additive_powers_of_two(bits: u8) -> Self {
        let magnitude = bits.clamp(2, 8) - 1;
        let (pairs, single) = (usize::from(magnitude / 2), magnitude % 2 == 1);
        // The powers of each term; entry 0 of a term is nothing.
        let mut terms = vec![vec![0.0]; pairs];
        let mut next = 1.0f32;
        let mut deal = |term: &mut Vec<f32>| {
            next *= 0.5;
            term.push(next);
        };
        let mut last = vec![0.0];
        for turn in 0..3 {
            if turn == 2 && single {
                deal(&mut last);
            }
            terms.iter_mut().for_each(&mut deal);
        }
        if single {
            terms.push(last);
        }
        let sum = |code: usize| {
            let mut rest = code;
            let mut sum = 0.0;
            for term in &terms {
                sum += term[rest % term.len()];
                rest /= term.len();
            }
            sum
        };
        Self::signed((0..1 << magnitude).map(sum))
    }

    /// A sign before magnitudes, as many as a power of two.
    fn signed(magnitudes: impl Iterator<Item = f32>) -> Self {
        let mut values: Vec<f32> = magnitudes.collect();
        let negative: Vec<f32> = values.iter().map(|x| -x).collect();
        values.extend(negative);
        Self::new(values)
    }

    /// The real value of each code.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The finite values, ascending, each once.
    pub fn ascending(&self) -> impl Iterator<Item = f32> + '_ {
        self.ascending.iter().map(|&(x, _)| x)
    }

    /// The largest magnitude.
    #[must_use]
    pub fn max(&self) -> f32 {
        self.ascending().fold(0.0, |max, x| max.max(x.abs()))
    }

    /// The real value of a code; NaN if it has none.
    #[must_use]
    pub fn decode(&self, code: u8) -> f32 {
        self.values.get(usize::from(code)).copied().unwrap_or(f32::NAN)
    }

    /// The value of the format for a real value, and its code; saturating at the ends, NaN as 0.
    fn choose(&self, x: f32, rounding: Rounding) -> (f32, u8) {
        let x = if x.is_nan() { 0.0 } else { x };
        let above = self.ascending.partition_point(|&(level, _)| level <= x);
        let Some(&low) = above.checked_sub(1).and_then(|below| self.ascending.get(below)) else {
            return self.ascending.first().copied().unwrap_or((0.0, 0));
        };
        let Some(&high) = self.ascending.get(above) else { return low };
        // Twice the distances, which f64 takes without an error from values of one format.
        let (done, left) = (f64::from(x) - f64::from(low.0), f64::from(high.0) - f64::from(x));
        let up = match rounding {
            Rounding::Floor => false,
            Rounding::Nearest => done > left || done == left && high.1 % 2 == 0 && low.1 % 2 == 1,
            Rounding::Stochastic(uniform) => done > f64::from(uniform) * (done + left),
        };
        if up { high } else { low }
    }

    /// The code for a real value, saturating; NaN becomes the value nearest to 0.
    #[must_use]
    pub fn encode(&self, x: f32, rounding: Rounding) -> u8 {
        let (value, code) = self.choose(x, rounding);
        let negative = value == 0.0 && x.is_sign_negative() && !x.is_nan();
        self.negative_zero.filter(|_| negative).unwrap_or(code)
    }

    /// The value for a real value: encoded and decoded, but for the sign of 0.
    #[must_use]
    pub fn round(&self, x: f32, rounding: Rounding) -> f32 {
        self.choose(x, rounding).0
    }
}
