//! The values that the weights of a row may take.

use bitdial_ir::{CodedWeights, Meaning, Weights};
use bitdial_numerics::{Coder, Levels, PackedCodes, PackedInts, Rounding, WeightParams};

/// The grids of one row of weights, a row being an output channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowGrid {
    blocks: Vec<Block>,
    /// Weights of a block.
    len: usize,
}

/// Neighbours that share a grid.
#[derive(Clone, Debug, PartialEq)]
enum Block {
    /// Integers, from this one on.
    Int(WeightParams, i8),
    /// Values, ascending; at least one.
    Levels(Vec<f32>),
}

impl RowGrid {
    /// The grids of a row of a layer with `channels` rows, for which [`can_choose`] is true. `ternary` leaves out the
    /// integer that has no opposite.
    pub fn new(weights: &Weights, row: usize, channels: usize, ternary: bool) -> Self {
        let row_len = weights.len() / channels.max(1);
        let first = row * row_len;
        let (len, of): (_, Box<dyn Fn(usize) -> Block>) = match weights {
            Weights::Int(ints) => {
                let lowest = |params: WeightParams| if ternary { params.range().0.max(-1) } else { params.range().0 };
                let block = move |k| {
                    let params = ints.grid(first + k, channels);
                    Block::Int(params, lowest(params))
                };
                (ints.group, Box::new(block))
            }
            Weights::Coded(coded) => (coded.scales.block(), Box::new(move |k| Block::Levels(levels(coded, first + k, channels)))),
            Weights::F32(_) => (None, Box::new(|_| Block::Levels(vec![0.0]))),
        };
        let len = len.unwrap_or(row_len).max(1);
        Self { blocks: (0..row_len).step_by(len).map(of).collect(), len }
    }

    /// The value nearest to `x` that the weight in column `k` can take.
    pub fn nearest(&self, k: usize, x: f32) -> f32 {
        match &self.blocks[k / self.len] {
            Block::Int(params, lowest) => params.dequantize(params.quantize(x).max(*lowest)),
            Block::Levels(levels) => {
                let (low, high) = neighbours(levels, x);
                if x - low <= high - x { low } else { high }
            }
        }
    }

    /// `x` rounded down and up to values that the weight in column `k` can take: equal beyond the ends.
    pub fn sides(&self, k: usize, x: f32) -> (f32, f32) {
        match &self.blocks[k / self.len] {
            Block::Int(params, lowest) => {
                let (low, high) = (f32::from(*lowest), f32::from(params.range().1));
                let down = (x / params.scale).floor() + f32::from(params.zero_point);
                let value = |q: f32| params.dequantize(q.clamp(low, high) as i8);
                (value(down), value(down + 1.0))
            }
            Block::Levels(levels) => neighbours(levels, x),
        }
    }
}

/// The largest level that is not above `x` and the smallest above it; beyond the ends twice the same.
fn neighbours(levels: &[f32], x: f32) -> (f32, f32) {
    let above = levels.partition_point(|&level| level <= x);
    let at = |i: usize| levels.get(i).copied().unwrap_or(0.0);
    (at(above.saturating_sub(1)), at(above.min(levels.len().saturating_sub(1))))
}

/// What the coded weight at `index` can take, without a number that has no opposite: quantizers leave it out.
fn levels(coded: &CodedWeights, index: usize, channels: usize) -> Vec<f32> {
    let mut levels = coded.grid(index, channels);
    if let (Meaning::Numbers(_), Some(&most)) = (&coded.meaning, levels.last()) {
        levels.retain(|&level| level >= -most);
    }
    levels
}

/// Whether there is a choice between neighbours: a weight of 1 bit is a sign, one of 16 bits as good as f32.
pub(crate) fn can_choose(weights: &Weights) -> bool {
    match weights {
        Weights::F32(_) => false,
        Weights::Int(ints) => ints.values.bits() > 1,
        Weights::Coded(coded) => coded.codes.bits() <= 8,
    }
}

/// Weights on the same grids with these values, which must lie on them.
pub(crate) fn with_values(weights: &Weights, values: &[f32], channels: usize) -> Weights {
    let mut weights = weights.clone();
    match &mut weights {
        Weights::F32(old) => *old = values.to_vec(),
        Weights::Int(ints) => {
            let integers: Vec<i8> = values.iter().enumerate().map(|(i, &x)| ints.grid(i, channels).quantize(x)).collect();
            ints.values = PackedInts::pack(&integers, ints.values.bits());
        }
        Weights::Coded(coded) => {
            let codes = codes(coded, values, channels);
            coded.codes = PackedCodes::pack(&codes, coded.codes.bits());
        }
    }
    weights
}

/// The codes of values.
fn codes(coded: &CodedWeights, values: &[f32], channels: usize) -> Vec<u16> {
    let row_len = (values.len() / channels.max(1)).max(1);
    let block = coded.scales.block().unwrap_or(row_len);
    let per_row = row_len.div_ceil(block);
    let shared = coded.scales.len() <= 1;
    let coders: Vec<Coder> = match &coded.meaning {
        Meaning::Numbers(numbers) => vec![Coder::new(*numbers)],
        Meaning::Codebook(list) => list.chunks(1 << coded.codes.bits()).map(|list| Coder::Levels(Levels::new(list.to_vec()))).collect(),
    };
    let of = |(i, &x): (usize, &f32)| {
        let (row, column) = (i / row_len, i % row_len);
        let scale = coded.scales.get(if shared { 0 } else { row * per_row + column / block });
        let coder = coders.get(row).or(coders.first());
        coder.map_or(0, |coder| coder.encode(x / scale, Rounding::Nearest))
    };
    values.iter().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests {
    use bitdial_ir::{QuantizedWeights, Scales};
    use bitdial_numerics::{Minifloat, Numbers};

    use super::*;

    const POINTS: [f32; 9] = [-9.0, -1.0, -0.51, -0.1, 0.0, 0.24, 0.26, 0.9, 9.0];

    /// Two rows of 20 weights, one of each kind.
    fn kinds() -> Vec<Weights> {
        let ints = |bits, params: Vec<(f32, i8)>, group| {
            let params = params.into_iter().map(|(scale, zero_point)| WeightParams { scale, zero_point, bits }).collect();
            Weights::Int(QuantizedWeights { values: PackedInts::pack(&[0; 40], bits), params, group })
        };
        let coded = |bits, meaning, scales| Weights::Coded(CodedWeights { codes: PackedCodes::pack(&[0; 40], bits), meaning, scales });
        let numbers = |n: Numbers, scales| coded(n.bits(), Meaning::Numbers(n), scales);
        vec![
            ints(2, vec![(0.3, 0)], None),
            ints(4, vec![(0.1, 0), (0.25, -3)], None),
            ints(3, vec![(0.1, 0), (0.25, -1), (0.2, 0), (0.01, 1)], Some(16)),
            numbers(Numbers::Minifloat(Minifloat::E4M3), Scales::F32(vec![0.01, 0.1], None)),
            numbers(Numbers::MXINT8, Scales::E8m0(vec![127, 126])),
            numbers(Numbers::Nf4, Scales::F32(vec![0.7, 0.1, 1.3, 0.0], Some(16))),
            coded(2, Meaning::Codebook(vec![-0.5, 0.1, 0.3, 0.4, -1.0, 0.0, 0.0, 2.0]), Scales::One),
        ]
    }

    #[test]
    fn sides_are_neighbours_and_one_of_them_is_nearest() {
        for weights in kinds() {
            for row in 0..2 {
                let grid = RowGrid::new(&weights, row, 2, false);
                for k in [0, 15, 16, 19] {
                    let levels = weights.grid(row * 20 + k, 2);
                    for x in POINTS {
                        let (low, high) = grid.sides(k, x);
                        let nearest = grid.nearest(k, x);
                        let name = format!("{weights:?} row {row} column {k}: {low} {nearest} {high} for {x}");
                        assert!(levels.contains(&low) && levels.contains(&high) && low <= high, "{name}");
                        assert!(!levels.iter().any(|&l| low < l && l < high), "{name}");
                        assert!(low <= x && x <= high || low == high, "{name}");
                        assert!(nearest == low || nearest == high, "{name}");
                        assert!((nearest - x).abs() <= (low - x).abs().min((high - x).abs()) + 1e-6, "{name}");
                    }
                }
            }
        }
    }

    #[test]
    fn values_on_the_grid_are_kept_as_they_are() {
        for weights in kinds() {
            let grids: Vec<RowGrid> = (0..2).map(|row| RowGrid::new(&weights, row, 2, false)).collect();
            let values: Vec<f32> = (0..40).map(|i| grids[i / 20].nearest(i % 20, (i as f32 - 20.0) / 13.0)).collect();
            assert_eq!(with_values(&weights, &values, 2).dequantize(2), values, "{weights:?}");
        }
    }

    #[test]
    fn ternary_weights_have_three_values() {
        let weights = &kinds()[0];
        let grid = RowGrid::new(weights, 0, 2, true);
        assert_eq!([-9.0, -0.1, 9.0].map(|x| grid.nearest(0, x)), [-0.3, 0.0, 0.3]);
        assert_eq!((grid.sides(0, -0.4), grid.sides(0, -0.2)), ((-0.3, -0.3), (-0.3, 0.0)));
        assert!(can_choose(weights));
        assert_eq!(RowGrid::new(weights, 0, 2, false).nearest(0, -9.0), -0.6);
    }
}
