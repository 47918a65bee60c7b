//! Which of several kernels is the fastest on the machine at hand: found by running them.

use crate::api::{ConvF32, ConvI8, ConvShape, F32Store, I32Store, IntInput, IntWeights};
use crate::race::{ROUNDS, race, stretch, warm_up};
use crate::sums::F32Tail;
use crate::table::Kernels;

/// A rival must be this much faster than the table's choice to replace it; closer times are noise.
const MARGIN: f64 = 0.92;
/// A kernel that was not tried before runs for so many milliseconds first.
const WARM_UP: f64 = 5.0;
/// Of a larger image only so many pixels are computed.
const PIXELS: usize = 1024;

/// How a convolution computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// In f32.
    F32 {
        /// Only kernels that equal the reference.
        strict: bool,
    },
    /// In integers.
    Int {
        /// Width of the weights.
        weight_bits: u8,
        /// Largest activation.
        activation_high: u8,
    },
}

/// A convolution that a kernel is picked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvCase {
    /// Geometry.
    pub shape: ConvShape,
    /// Operands.
    pub arithmetic: Arithmetic,
}

/// Kernels that serve the same case, and how long each takes on this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Name and milliseconds of one image (or of the part of a large one that was timed), in the order of the table.
    pub times: Vec<(&'static str, f64)>,
    /// Which of them runs.
    pub chosen: usize,
}

/// What was found out about the machine at hand.
///
/// A choice belongs to a shape and the kernels that it is between: widths with the same ones share it. All kernels of
/// an integer case give the same integers, so what is found changes times and nothing else.
#[derive(Clone, Debug, Default)]
pub struct Tuning {
    choices: Vec<(ConvShape, Choice)>,
    /// Kernels that have run for a while.
    warm: Vec<&'static str>,
    /// Milliseconds that may still be spent.
    left: f64,
}

/// The kernels between which a case has a choice.
enum Candidates {
    Int(Vec<&'static dyn ConvI8>),
    F32(Vec<&'static dyn ConvF32>),
}

impl Candidates {
    fn of(kernels: &Kernels, case: &ConvCase) -> Self {
        match case.arithmetic {
            Arithmetic::F32 { strict } => Self::F32(kernels.candidates_f32(&case.shape, strict)),
            Arithmetic::Int { weight_bits, activation_high } => Self::Int(kernels.candidates_i8(&case.shape, weight_bits, activation_high)),
        }
    }

    fn names(&self) -> Vec<&'static str> {
        match self {
            Self::Int(kernels) => kernels.iter().map(|kernel| kernel.name()).collect(),
            Self::F32(kernels) => kernels.iter().map(|kernel| kernel.name()).collect(),
        }
    }
}

impl Tuning {
    /// Sets how many milliseconds [`Tuning::tune`] may take in all from now on.
    pub fn allow(&mut self, ms: f64) {
        self.left = ms;
    }

    /// Times the kernels of those cases that have several and were not timed before, those with the most work first,
    /// for as long as is allowed, and at most `most` milliseconds. `now` is a clock in milliseconds. Where it is too coarse, or nothing is left, the
    /// table's order stays.
    pub fn tune(&mut self, kernels: &Kernels, cases: impl IntoIterator<Item = ConvCase>, most: f64, now: &dyn Fn() -> f64) {
        // Case, names of its kernels, multiply-accumulates.
        let mut work: Vec<(ConvCase, Vec<&'static str>, u64)> = Vec::new();
        for case in cases {
            let names = Candidates::of(kernels, &case).names();
            if names.len() < 2 || self.known(&case.shape, &names).is_some() {
                continue;
            }
            match work.iter_mut().find(|(other, others, _)| other.shape == case.shape && *others == names) {
                Some((_, _, macs)) => *macs += case.shape.macs(),
                None => work.push((case, names, case.shape.macs())),
            }
        }
        if work.is_empty() || self.left <= 0.0 {
            return;
        }
        let start = now();
        let deadline = start + self.left.min(most);
        let Some(stretch) = stretch(now) else { return };
        let clock = Clock { stretch, now, deadline };
        while let Some(next) = (0..work.len()).max_by_key(|&i| work[i].2) {
            let (case, names, _) = work.swap_remove(next);
            let Some(times) = time(&Candidates::of(kernels, &case), &case, &mut self.warm, &clock) else { break };
            let chosen = choose(&times);
            self.choices.push((case.shape, Choice { times: names.into_iter().zip(times).collect(), chosen }));
        }
        self.left -= now() - start;
    }

    /// What was found out about a case; `None` if it has one kernel only or was not timed.
    #[must_use]
    pub fn choice(&self, kernels: &Kernels, case: &ConvCase) -> Option<&Choice> {
        self.known(&case.shape, &Candidates::of(kernels, case).names())
    }

    fn known(&self, shape: &ConvShape, names: &[&'static str]) -> Option<&Choice> {
        let same = |choice: &Choice| choice.times.iter().map(|(name, _)| name).eq(names);
        self.choices.iter().find(|(of, choice)| of == shape && same(choice)).map(|(_, choice)| choice)
    }

    /// The kernel for an integer convolution: the fastest on this machine where that is known, else the table's.
    #[must_use]
    pub fn conv_i8(&self, kernels: &Kernels, shape: &ConvShape, weight_bits: u8, activation_high: u8) -> &'static dyn ConvI8 {
        let case = ConvCase { shape: *shape, arithmetic: Arithmetic::Int { weight_bits, activation_high } };
        let chosen = self.choice(kernels, &case).map_or(0, |choice| choice.chosen);
        kernels.candidates_i8(shape, weight_bits, activation_high)[chosen]
    }

    /// The kernel for an f32 convolution, likewise.
    #[must_use]
    pub fn conv_f32(&self, kernels: &Kernels, shape: &ConvShape, strict: bool) -> &'static dyn ConvF32 {
        let case = ConvCase { shape: *shape, arithmetic: Arithmetic::F32 { strict } };
        let chosen = self.choice(kernels, &case).map_or(0, |choice| choice.chosen);
        kernels.candidates_f32(shape, strict)[chosen]
    }
}

/// The fastest; the table's choice, the first, unless another is clearly faster.
fn choose(times: &[f64]) -> usize {
    let best = (0..times.len()).min_by(|&a, &b| times[a].total_cmp(&times[b])).unwrap_or(0);
    if times[best] < MARGIN * times[0] { best } else { 0 }
}

/// How runs are timed.
struct Clock<'a> {
    stretch: f64,
    now: &'a dyn Fn() -> f64,
    deadline: f64,
}

impl Clock<'_> {
    /// Milliseconds of one run of each kernel.
    fn race(&self, names: &[&'static str], mut runners: Vec<Box<dyn FnMut() + '_>>, warm: &mut Vec<&'static str>) -> Option<Vec<f64>> {
        for (name, run) in names.iter().zip(&mut runners) {
            if !warm.contains(name) {
                warm.push(name);
                warm_up(run, WARM_UP, self.now);
            }
        }
        race(&mut runners, ROUNDS, self.stretch, self.now, self.deadline)
    }
}

/// Milliseconds of each kernel.
fn time(candidates: &Candidates, case: &ConvCase, warm: &mut Vec<&'static str>, clock: &Clock) -> Option<Vec<f64>> {
    let names = candidates.names();
    let shape = &cropped(&case.shape);
    let (inputs, outputs): (usize, usize) = (shape.input.iter().product(), shape.output.iter().product());
    let channels = shape.output[2];
    match (candidates, case.arithmetic) {
        (Candidates::Int(kernels), Arithmetic::Int { weight_bits: bits, .. }) => {
            // Of any width.
            let values = vec![-1i8; shape.weight_len()];
            let (image, bias, multipliers) = (vec![1u8; inputs], vec![0; channels], vec![0.01; channels]);
            let (values, image, bias, multipliers) = (&values, &image, &bias, &multipliers);
            let runner = |kernel: &'static dyn ConvI8| -> Box<dyn FnMut() + '_> {
                let packed = kernel.pack(shape, &IntWeights { values, bits, zero_points: &[] });
                let (mut panels, mut scratch) = (vec![0; kernel.panel_len(shape, bits)], vec![0; kernel.scratch_len(shape)]);
                let mut out = vec![0; outputs];
                Box::new(move || {
                    // As for a single image, whose weights are unpacked for it alone.
                    let weights = if panels.is_empty() {
                        &packed
                    } else {
                        kernel.unpack(shape, &packed, bits, &mut panels);
                        &panels
                    };
                    let mut store = I32Store::U8 { multipliers, zero_point: 0, low: 0, high: 255, add: None, out: &mut out };
                    kernel.run(shape, weights, &IntInput { image, zero_point: 0, bias }, &mut scratch, &mut store);
                })
            };
            clock.race(&names, kernels.iter().copied().map(runner).collect(), warm)
        }
        (Candidates::F32(kernels), _) => {
            let (weights, image, bias) = (vec![0.5; shape.weight_len()], vec![1.0; inputs], vec![0.0; channels]);
            let (weights, image, bias) = (&weights, &image, &bias);
            let runner = |kernel: &'static dyn ConvF32| -> Box<dyn FnMut() + '_> {
                let mut packed = vec![0.0; kernel.packed_len(shape)];
                kernel.pack(shape, weights, &mut packed);
                let (mut scratch, mut out) = (vec![0.0; kernel.scratch_len(shape)], vec![0.0; outputs]);
                Box::new(move || {
                    let mut store = F32Store { bias, low: f32::NEG_INFINITY, high: f32::INFINITY, tail: F32Tail::default(), out: &mut out };
                    kernel.run(shape, &packed, image, &mut scratch, &mut store);
                })
            };
            clock.race(&names, kernels.iter().copied().map(runner).collect(), warm)
        }
        _ => None,
    }
}

/// A shape with fewer rows, if it has many pixels: it shows the same rates in less time.
fn cropped(shape: &ConvShape) -> ConvShape {
    let rows = PIXELS.div_ceil(shape.output[1].max(1));
    if rows >= shape.output[0] {
        return *shape;
    }
    let touched = (rows - 1) * shape.stride[0] + (shape.kernel[0] - 1) * shape.dilation[0] + 1;
    let mut part = *shape;
    part.output[0] = rows;
    part.input[0] = shape.input[0].min(touched.saturating_sub(shape.pad[0]).max(1));
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Backend;

    #[test]
    fn a_rival_must_be_clearly_faster() {
        for (times, chosen) in [(&[1.0, 0.95][..], 0), (&[1.0, 0.9], 1), (&[1.0, 0.9, 0.8], 2), (&[1.0, 2.0], 0), (&[1.0], 0)] {
            assert_eq!(choose(times), chosen, "{times:?}");
        }
    }

    #[test]
    fn large_images_are_cropped_to_whole_rows() {
        let stem = ConvShape {
            input: [224, 224, 3],
            output: [112, 112, 32],
            kernel: [3, 3],
            stride: [2, 2],
            pad: [0, 0],
            dilation: [1, 1],
            groups: 1,
        };
        let part = cropped(&stem);
        assert_eq!((part.input, part.output), ([21, 224, 3], [10, 112, 32]));
        let small = ConvShape { input: [14, 14, 3], output: [14, 14, 32], stride: [1, 1], pad: [1, 1], ..stem };
        assert_eq!(cropped(&small), small);
    }

    #[test]
    fn where_there_is_no_choice_no_time_is_spent() {
        let kernels = Kernels::new(Backend::Scalar).unwrap();
        let shape =
            ConvShape { input: [4, 4, 8], output: [4, 4, 8], kernel: [1, 1], stride: [1, 1], pad: [0, 0], dilation: [1, 1], groups: 1 };
        let mut tuning = Tuning::default();
        tuning.allow(100.0);
        let case = ConvCase { shape, arithmetic: Arithmetic::Int { weight_bits: 4, activation_high: 255 } };
        tuning.tune(&kernels, [case], 100.0, &|| panic!("the clock is read"));
        assert_eq!(tuning.choice(&kernels, &case), None);
        assert_eq!(tuning.conv_i8(&kernels, &shape, 4, 255).name(), kernels.conv_i8(&shape, 4, 255).name());
    }
}
