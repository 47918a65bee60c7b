//! The last step of a convolution, one sum at a time.

use crate::api::{F32Store, I32Store};
use crate::sums::{F32Tail, U8Sum};

impl I32Store<'_> {
    /// Stores the sum of output `index`, which belongs to channel `c`.
    pub(crate) fn put(&mut self, index: usize, c: usize, sum: i32) {
        match self {
            Self::U8 { multipliers, zero_point, low, high, add, out } => {
                let own = round(sum as f32 * multipliers[c], *zero_point, *low, *high);
                out[index] = add.map_or((own + i32::from(*zero_point)) as u8, |add| add.of(index, own));
            }
            Self::F32 { scales, bias, low, high, tail, out } => {
                out[index] = tail.of(index, clamp(sum as f32 * scales[c] + bias[c], *low, *high));
            }
        }
    }
}

impl F32Store<'_> {
    /// Stores the sum of output `index`, which belongs to channel `c`.
    pub(crate) fn put(&mut self, index: usize, c: usize, sum: f32) {
        self.out[index] = self.tail.of(index, clamp(sum + self.bias[c], self.low, self.high));
    }
}

impl U8Sum<'_> {
    /// The sum of output `index`, whose own integer less its zero point is `own`.
    fn of(&self, index: usize, own: i32) -> u8 {
        let ([own_factor, other_factor], (other, other_grid)) = (self.factors(), self.other);
        let other = f32::from(i16::from(other[index]) - i16::from(other_grid.zero_point));
        requantize(own as f32 * own_factor + other * other_factor, self.grid.zero_point, self.grid.low, self.grid.high)
    }
}

impl F32Tail<'_> {
    /// What output `index` becomes.
    fn of(&self, index: usize, y: f32) -> f32 {
        let y = self.add.map_or(y, |add| clamp(y + add.other[index], add.low, add.high));
        if let Some(range) = self.range {
            let mut extremes = range.get();
            extremes.take(y);
            range.set(extremes);
        }
        y
    }
}

/// `round_ties_even(clamp(x, low - zero_point, high - zero_point))`.
fn round(x: f32, zero_point: u8, low: u8, high: u8) -> i32 {
    /// 1.5 * 2^23: adding it leaves no bits for a fraction, so the sum is rounded to an integer, ties to even.
    const ROUND: f32 = 12_582_912.0;
    let zero = f32::from(zero_point);
    let x = clamp(x, f32::from(low) - zero, f32::from(high) - zero);
    (x + ROUND).to_bits() as i32 - ROUND.to_bits() as i32
}

/// `round_ties_even(clamp(x, low - zero_point, high - zero_point)) + zero_point`.
pub(crate) fn requantize(x: f32, zero_point: u8, low: u8, high: u8) -> u8 {
    (round(x, zero_point, low, high) + i32::from(zero_point)) as u8
}

/// `x`, or the end of the interval that it is beyond.
pub(crate) fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if high < x { high } else { x }
}
