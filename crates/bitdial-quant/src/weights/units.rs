//! Which weights share a scale.

use bitdial_protocol::{Format, Granularity, WeightScheme};

/// How the weights of a layer divide into units that share a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Units {
    /// Weights of an output channel.
    row: usize,
    /// Weights of a unit, the last of a row aside.
    block: usize,
    /// Whether all of them are one unit.
    whole: bool,
}

impl Units {
    /// The units of `len` weights of `channels` output channels: blocks where the format has them, else as the scheme says.
    pub fn new(len: usize, channels: usize, scheme: &WeightScheme) -> Self {
        let row = (len / channels.max(1)).max(1);
        let group = usize::from(scheme.group.get());
        match (scheme.format.block(), scheme.granularity) {
            (Some(block), _) => Self { row, block: usize::from(block), whole: false },
            (None, Granularity::Tensor) => Self { row, block: row, whole: true },
            (None, Granularity::Group) if row >= 2 * group && scheme.format != Format::Codebook => Self { row, block: group, whole: false },
            (None, Granularity::Channel | Granularity::Group) => Self { row, block: row, whole: false },
        }
    }

    /// Weights of a group, where a row has several.
    pub fn group(&self) -> Option<usize> {
        (self.block < self.row).then_some(self.block)
    }

    /// The unit of weight `i`.
    pub fn of(&self, i: usize) -> usize {
        if self.whole { 0 } else { i / self.row * self.row.div_ceil(self.block) + i % self.row / self.block }
    }

    /// The weights of each unit, with the smallest scale that will do: of groups any, since their bias is added in f32, to
    /// sums that have their scale.
    pub fn slices<'a>(&self, weights: &'a [f32], floors: &'a [f32]) -> Vec<(&'a [f32], f32)> {
        if self.whole {
            return vec![(weights, floors.iter().copied().fold(0.0, f32::max))];
        }
        let floor = |channel: usize| if self.group().is_some() { 0.0 } else { floors.get(channel).copied().unwrap_or(0.0) };
        let rows = weights.chunks(self.row).enumerate();
        rows.flat_map(|(channel, row)| row.chunks(self.block).map(move |unit| (unit, floor(channel)))).collect()
    }
}
