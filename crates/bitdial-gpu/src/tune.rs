//! Rival kernels: what there is to choose from, what is taken unless it was timed, and the timing.

use bitdial_ir::Graph;

use crate::error::GpuError;
use crate::gpu::Gpu;
use crate::plan::{Options, Plan};
use crate::time::{Clock, Now};

/// What multiplies integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dot {
    /// `dot4I8Packed`, which some drivers emulate.
    Packed,
    /// Products of integers.
    Plain,
}

impl Dot {
    /// Short name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Packed => "dot4",
            Self::Plain => "plain",
        }
    }

    /// The kernel of layers of several bits.
    pub(crate) fn kernel(self) -> &'static str {
        match self {
            Self::Packed => "conv-dot4",
            Self::Plain => "conv-plain",
        }
    }
}

/// How much of a layer a group of threads computes at a time: pixels times channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tile {
    /// 32 pixels, 32 channels.
    Small,
    /// 64 pixels, 64 channels.
    Large,
    /// 16 pixels, 64 channels: for few pixels.
    Wide,
    /// 64 pixels, 16 channels: for few channels.
    Tall,
}

impl Tile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Small, Self::Large, Self::Wide, Self::Tall];

    /// Threads along channels and along pixels; each takes four by four.
    #[must_use]
    pub fn threads(self) -> [usize; 2] {
        match self {
            Self::Small => [8, 8],
            Self::Large => [16, 16],
            Self::Wide => [16, 4],
            Self::Tall => [4, 16],
        }
    }

    /// Pixels.
    #[must_use]
    pub fn rows(self) -> usize {
        4 * self.threads()[1]
    }

    /// Pixels x channels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "32x32",
            Self::Large => "64x64",
            Self::Wide => "16x64",
            Self::Tall => "64x16",
        }
    }
}

/// One of several kernels that give the same integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    /// What multiplies.
    pub dot: Dot,
    /// How much at a time.
    pub tile: Tile,
}

impl Candidate {
    /// All that a device can run.
    #[must_use]
    pub fn all(gpu: &Gpu) -> Vec<Self> {
        let dots: &[Dot] = if gpu.info().dot4 { &[Dot::Packed, Dot::Plain] } else { &[Dot::Plain] };
        dots.iter().flat_map(|&dot| Tile::ALL.map(|tile| Self { dot, tile })).collect()
    }

    /// What is taken for so many pixels and channels where nothing was timed.
    #[must_use]
    pub fn usual(gpu: &Gpu, pixels: usize, channels: usize) -> Self {
        let tile = match (pixels, channels) {
            (..=16, _) => Tile::Wide,
            (_, ..=16) => Tile::Tall,
            _ => Tile::Small,
        };
        Self { dot: if gpu.info().dot4 { Dot::Packed } else { Dot::Plain }, tile }
    }

    /// Instruction and tile.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}-{}", self.tile.name(), self.dot.name())
    }
}

/// What was found out about a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Index of its node.
    pub node: usize,
    /// Every kernel with its milliseconds an image.
    pub times: Vec<(Candidate, f64)>,
    /// The one that was taken.
    pub chosen: Candidate,
}

impl Plan {
    /// Compiles a graph, times every layer with each of the kernels that could run it, and leaves the fastest; after `budget`
    /// milliseconds no further kernel is tried. A clock that is too coarse to tell leaves what is usual.
    ///
    /// # Errors
    /// As [`Plan::compile`] and [`Plan::profile`].
    pub async fn tune(
        gpu: &Gpu,
        graph: &Graph,
        options: Options,
        (repeat, budget): (usize, f64),
        now: Now<'_>,
    ) -> Result<(Self, Vec<Choice>), GpuError> {
        let start = now();
        let mut plan = Self::compile(gpu, graph, options).await?;
        let mut choices: Vec<Choice> = (0..plan.steps().len())
            .filter(|&i| plan.rivals(i))
            .map(|node| Choice { node, times: Vec::new(), chosen: plan.choice(node) })
            .collect();
        for candidate in Candidate::all(gpu) {
            if now() - start > budget {
                break;
            }
            plan.take(|_| Some(candidate)).await?;
            // The first run is never like the others.
            plan.profile(1, now).await?;
            let profile = plan.profile(repeat, now).await?;
            for choice in &mut choices {
                if let Some(step) = profile.steps.get(choice.node) {
                    choice.times.push((candidate, step.ms / profile.images as f64));
                }
            }
        }
        for choice in &mut choices {
            let known = choice.times.iter().filter(|(_, ms)| *ms > 0.0).min_by(|a, b| a.1.total_cmp(&b.1));
            if let Some((candidate, _)) = known {
                choice.chosen = *candidate;
            }
        }
        plan.take(|node| choices.iter().find(|choice| choice.node == node).map(|choice| choice.chosen)).await?;
        Ok((plan, choices))
    }
}

impl Clock {
    /// What it is.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Timestamps => "timestamp queries",
            Self::Wall => "wall clock",
        }
    }
}
