//! What the engine reports about models, quantized models and runs.

use serde::{Deserialize, Serialize};

use crate::lab::CorrectionReport;

/// A model's input or output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorInfo {
    /// Name in the ONNX file.
    pub name: String,
    /// Dimensions as ONNX orders them (NCHW); the first is the batch and is `None`.
    pub shape: Vec<Option<usize>>,
}

/// A step of the model, after BatchNorm folding and activation fusion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerInfo {
    /// Name of the ONNX node; unique.
    pub name: String,
    /// Operator with its fused activation, e.g. `Conv 3x3 + ReLU6`.
    pub op: String,
    /// Weights and biases.
    pub parameters: usize,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Output dimensions without the batch, NCHW order.
    pub output: Vec<usize>,
}

/// A loaded model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Inputs.
    pub inputs: Vec<TensorInfo>,
    /// Outputs.
    pub outputs: Vec<TensorInfo>,
    /// Layers in order of execution.
    pub layers: Vec<LayerInfo>,
    /// Weights and biases of all layers.
    pub parameters: usize,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Bytes of the packed f32 model.
    pub size: usize,
    /// Estimated energy of one inference in f32.
    pub energy: Energy,
    /// Memory that one inference in f32 takes.
    pub memory: MemoryUse,
}

/// The most memory that one inference takes at a time, in bytes; known before it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryUse {
    /// Activations, at the moment when most are needed.
    pub activations: usize,
    /// Weights of all layers, as the kernels keep them.
    pub weights: usize,
    /// What kernels need for themselves, unpacked weights of a layer included.
    pub scratch: usize,
}

impl MemoryUse {
    /// All of it, bytes.
    #[must_use]
    pub fn total(&self) -> usize {
        self.activations + self.weights + self.scratch
    }
}

/// How a layer computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Execution {
    /// In f32: not quantized, or an operator without an integer kernel.
    Float,
    /// Packed weights decoded to f32, f32 arithmetic.
    WeightOnly,
    /// In f32, on numbers of a format that has no integer kernel: weights decoded when packed ones are read.
    Simulated,
    /// Integers in and out, scales fixed by calibration.
    Integer,
    /// Integer arithmetic, activation scales found on each run.
    DynamicInteger,
    /// Moves or reshapes data, whatever its type.
    Movement,
}

/// A layer of a quantized model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantizedLayer {
    /// As in [`LayerInfo`].
    pub name: String,
    /// As in [`LayerInfo`].
    pub op: String,
    /// Kernel that runs it, e.g. `conv-i8-4x8-dot16`.
    pub kernel: String,
    /// How it computes.
    pub execution: Execution,
    /// Width of its weights, if it has any.
    pub weight_bits: Option<u8>,
    /// Width of the activations it puts out; `None` for f32.
    pub activation_bits: Option<u8>,
    /// Bytes of its packed weights, scales, zero points and biases.
    pub bytes: usize,
    /// Signal-to-quantization-noise ratio of its weights, dB; `None` without weights or without noise.
    pub weight_sqnr: Option<f32>,
}

/// A quantized model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantizedInfo {
    /// Bytes of the packed model: weights at their width, scales, zero points, biases, structure.
    pub size: usize,
    /// Layers in order of execution.
    pub layers: Vec<QuantizedLayer>,
    /// Estimated energy of one inference.
    pub energy: Energy,
    /// Memory that one inference takes.
    pub memory: MemoryUse,
    /// What each correction did; a runner leaves it to the lab to say.
    #[serde(default)]
    pub corrections: Vec<CorrectionReport>,
}

/// An estimate after Horowitz (ISSCC 2014, 45 nm); it ranks schemes, it does not measure this device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    /// Arithmetic, picojoules.
    pub compute: f64,
    /// Memory traffic, picojoules.
    pub memory: f64,
}

impl Energy {
    /// Arithmetic and memory, picojoules.
    #[must_use]
    pub fn total(self) -> f64 {
        self.compute + self.memory
    }
}

/// The spread of a time over several runs, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Median.
    pub median: f64,
    /// Tenth percentile.
    pub p10: f64,
    /// Ninetieth percentile.
    pub p90: f64,
    /// How many runs.
    pub runs: u32,
}

/// One layer's share of a profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerTime {
    /// As in [`LayerInfo`].
    pub name: String,
    /// As in [`LayerInfo`].
    pub op: String,
    /// Kernel that ran.
    pub kernel: String,
    /// Median time, milliseconds; 0 for one that has nothing to do: another name for its input, or fused into a
    /// layer before.
    pub ms: f64,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Bytes of its inputs, its output, and its weights as the kernel keeps them.
    pub bytes: u64,
    /// The least time that this device's rooflines allow, milliseconds; `None` where they are not known.
    pub limit: Option<f64>,
    /// The parts of the time; `None` for what is no convolution or linear layer.
    pub phases: Option<Phases>,
    /// The kernels that were tried out for it; none where there was no choice, or no time for it.
    pub alternatives: Vec<KernelTime>,
}

/// The parts of a layer's time, milliseconds. Each is timed by itself, as far as it can be run by itself; what remains is
/// multiplication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// Weights from their packed width to what the kernel reads.
    pub unpack: f64,
    /// Copies of the image with its border, packed strips of it, ranges and quantization found on the run; and
    /// preparation.
    #[serde(rename = "move")]
    pub moving: f64,
    /// Multiplication.
    pub multiply: f64,
    /// From sums to stored results: scale, clamp, round, store.
    pub requantize: f64,
}

/// A kernel that was tried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KernelTime {
    /// Its name.
    pub kernel: String,
    /// Shortest time of one image, or of the part of a large one that was run; milliseconds.
    pub ms: f64,
}

/// What one thread of this device does at best, measured in this build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rooflines {
    /// Multiply-accumulates of 8-bit integers, GMAC/s, on registers alone.
    pub dot: f64,
    /// Multiply-accumulates of f32, GMAC/s, on registers alone.
    pub float: f64,
    /// Multiply-accumulates of 1-bit weights and activations, GMAC/s, on registers alone.
    pub bits: f64,
    /// Rates of memory, smallest buffer first.
    pub memory: Vec<Bandwidth>,
}

/// How fast a buffer is read and copied.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bandwidth {
    /// Its size.
    pub bytes: usize,
    /// GB/s read.
    pub read: f64,
    /// GB/s read and written, together.
    pub copy: f64,
}

impl Rooflines {
    /// The peak of the arithmetic that a kernel uses, GMAC/s.
    #[must_use]
    pub fn peak(&self, kernel: &str, execution: Execution) -> f64 {
        match execution {
            _ if kernel.contains("popcnt") => self.bits,
            Execution::Integer | Execution::DynamicInteger => self.dot,
            Execution::Float | Execution::WeightOnly | Execution::Simulated | Execution::Movement => self.float,
        }
    }

    /// Milliseconds below which nothing that does so many multiply-accumulates and moves so many bytes can be: what it
    /// multiplies at its `peak`, or what it moves at the best rate of memory of that size.
    #[must_use]
    pub fn limit(&self, macs: u64, peak: f64, bytes: u64) -> f64 {
        let compute = macs as f64 / peak;
        let tier = self.memory.iter().find(|tier| tier.bytes as u64 >= bytes).or(self.memory.last());
        let memory = tier.map_or(0.0, |tier| bytes as f64 / tier.read.max(tier.copy));
        // At GMAC/s and GB/s, a million takes a millisecond.
        compute.max(memory) / 1e6
    }
}

/// Where the time of one inference goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The whole inference.
    pub total: Timing,
    /// Each layer, in order of execution.
    pub layers: Vec<LayerTime>,
    /// What the device does at best; `None` where its clock is too coarse to measure that.
    pub rooflines: Option<Rooflines>,
}

/// What this module can run on this device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The build: `simd128`, `relaxed-simd` or `webgpu`.
    pub build: String,
    /// The backend in use: `scalar`, `simd128`, `relaxed-simd`, `webgpu` or `webgpu-f16`.
    pub backend: String,
    /// Every backend of this build.
    pub backends: Vec<String>,
    /// What the relaxed 8-bit dot product does here (`signed`, `unsigned`, `saturating`), if the build has it.
    pub dot: Option<String>,
    /// The GPU, if that is what models run on.
    pub gpu: Option<GpuInfo>,
}

/// What a narrow accumulator did in one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerOverflows {
    /// As in [`LayerInfo`].
    pub name: String,
    /// Sums that were formed, one for each product that was added.
    pub additions: u64,
    /// Those that the accumulator could not hold.
    pub overflows: u64,
}

/// How one backend compares with the scalar reference on this device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BackendCheck {
    /// The backend.
    pub backend: String,
    /// Images that were run.
    pub images: usize,
    /// Images to which both give the same class.
    pub agreeing: usize,
    /// Values compared, over all layers.
    pub values: u64,
    /// Layers whose integers differ, in order of execution; none when it agrees.
    pub differences: Vec<LayerDifference>,
    /// The largest difference of a number in f32, counted in f32 between both: 0 where it is the same number.
    pub steps: u32,
}

impl BackendCheck {
    /// Whether it computes what the reference computes: every integer, and on the processor every f32 as well. A GPU may
    /// round f32 in another way.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.differences.is_empty() && (self.steps == 0 || self.backend.starts_with("webgpu"))
    }

    /// The largest difference of an integer, and its layer; of an f32, if the integers are equal.
    #[must_use]
    pub fn worst(&self) -> (u32, Option<&str>) {
        let worst = self.differences.iter().max_by_key(|d| d.most);
        worst.map_or((self.steps, None), |d| (d.most, Some(&d.layer)))
    }
}

/// How far the integers of one layer are from the reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerDifference {
    /// As in [`LayerInfo`].
    pub layer: String,
    /// The largest difference.
    pub most: u32,
}

/// The GPU that WebGPU runs on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GpuInfo {
    /// Adapter, vendor and architecture, as far as the browser tells.
    pub name: String,
    /// Whether it is a program that imitates a GPU: right, and slow.
    pub software: bool,
    /// Features that kernels use, by their WebGPU names.
    pub features: Vec<String>,
    /// Limits that models meet: a name, and how much.
    pub limits: Vec<(String, u64)>,
    /// Whether times come from the device's own clock.
    pub timestamps: bool,
}

/// Counts of values in equally wide bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Lower end of the first bin.
    pub low: f32,
    /// Upper end of the last bin.
    pub high: f32,
    /// Values per bin.
    pub counts: Vec<u32>,
}

/// What opens when a layer is selected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerDetail {
    /// The layer.
    pub name: String,
    /// Its f32 weights.
    pub weights: Histogram,
    /// The values that the weights can take now, ascending, of the channel named in `grid_channel` or of the whole tensor.
    pub grid: Vec<f32>,
    /// The output channel whose grid is given (the one with the widest range); `None` per tensor.
    pub grid_channel: Option<usize>,
    /// Number of different scales.
    pub scales: usize,
    /// Widest channel range divided by the narrowest (absolute maxima; channels of zeros left out).
    pub range_ratio: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roof_is_what_takes_longer() {
        let memory = vec![Bandwidth { bytes: 1 << 14, read: 50.0, copy: 40.0 }, Bandwidth { bytes: 1 << 24, read: 8.0, copy: 10.0 }];
        let rooflines = Rooflines { dot: 100.0, float: 25.0, bits: 400.0, memory };
        for (macs, kernel, execution, bytes, limit) in [
            (1_000_000, "conv-u8i8-4x8-usdot", Execution::Integer, 1_000, 0.01),
            (1_000_000, "conv-u1i1-4x8-popcnt", Execution::Integer, 1_000, 0.0025),
            (1_000_000, "conv-f32-4x8-fma", Execution::Float, 1_000, 0.04),
            (0, "copy", Execution::Movement, 10_000, 0.0002),
            (0, "add", Execution::Integer, 1_000_000, 0.1),
            (0, "add", Execution::Integer, 1 << 30, 107.374_182_4),
            (1_000_000, "conv-u8i8-4x8-usdot", Execution::Integer, 1_000_000, 0.1),
        ] {
            let found = rooflines.limit(macs, rooflines.peak(kernel, execution), bytes);
            assert!((found - limit).abs() < 1e-9, "{macs} {kernel} {bytes}: {found}");
        }
    }
}
