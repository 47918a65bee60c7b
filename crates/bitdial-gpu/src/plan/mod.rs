//! A compiled graph.

mod observe;

use bitdial_ir::{Graph, ValueId};
use bitdial_kernels::Backend;
use bitdial_runtime::{RuntimeError, Step};

use crate::arena::{Arena, Rows};
use crate::error::GpuError;
use crate::gpu::Gpu;
use crate::kernel::PARAMS_BYTES;
use crate::lower::{Dispatch, Grid, Held, Lowering, Mode, Params, Word};
use crate::tune::Candidate;
use crate::work::Traffic;

/// Threads of a group of kernels that work element by element.
const THREADS: usize = 64;
/// Groups of a dimension at most.
const GROUPS: usize = 65_535;

/// How to compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Images that are computed at once; fewer where memory does not suffice. Runs take any number.
    pub batch: usize,
    /// Only f32 kernels that equal the reference: for quantized models. The timed f32 baseline may fuse.
    pub strict: bool,
    /// Products of convolutions in f16, where the device has it and `strict` does not forbid it: for an f32 baseline of half
    /// the precision. What they sum to is f32.
    pub half: bool,
    /// The same kernel wherever there are rivals.
    pub candidate: Option<Candidate>,
    /// Requantize in integers even where the device's f32 can be trusted.
    pub exact: bool,
    /// Let convolutions compute the residual sums that follow them.
    pub fuse: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { batch: 1, strict: true, half: false, candidate: None, exact: false, fuse: true }
    }
}

/// A graph's input or output.
#[derive(Debug)]
struct Port {
    name: String,
    value: ValueId,
    len: usize,
    /// Where the f32 of all images are.
    start: usize,
}

/// A node's dispatches, from one on, and what it writes.
#[derive(Debug)]
struct StepCode {
    dispatches: std::ops::Range<usize>,
    output: ValueId,
}

/// A graph compiled for a device.
#[derive(Debug)]
pub struct Plan {
    gpu: Gpu,
    steps: Vec<Step>,
    code: Vec<StepCode>,
    /// Dispatches of the inputs.
    head: std::ops::Range<usize>,
    dispatches: Vec<Dispatch>,
    pipelines: Vec<wgpu::ComputePipeline>,
    /// For each step the kernel it takes where there are rivals, and what it moves for one image.
    choices: Vec<Candidate>,
    traffic: Vec<Traffic>,
    rivals: Vec<bool>,
    arena: Arena,
    capacity: usize,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    held: Vec<Option<Held>>,
    rows: Vec<Rows>,
    buffer: wgpu::Buffer,
    params: wgpu::Buffer,
    read: wgpu::Buffer,
    bind: wgpu::BindGroup,
    constant_bytes: usize,
    /// Images that the numbers of all dispatches are for.
    images: usize,
}

impl Plan {
    /// Compiles a graph that went through `bitdial_ir::passes::prepare`, quantized or not, for a device.
    ///
    /// # Errors
    /// [`GpuError::Graph`] if it could not run anywhere, [`GpuError::Unsupported`] with the node that has no kernel here,
    /// [`GpuError::TooLarge`] and [`GpuError::OutOfMemory`] if it does not fit, [`GpuError::Shader`] if the device refuses
    /// a kernel.
    pub async fn compile(gpu: &Gpu, graph: &Graph, options: Options) -> Result<Self, GpuError> {
        gpu.check()?;
        // It checks everything about a graph, and its steps are the same.
        let reference =
            bitdial_runtime::Plan::compile(graph, bitdial_runtime::Options { backend: Backend::Scalar, strict: options.strict })?;
        let batch = options.batch.max(1);
        let choices: Vec<Candidate> = (0..graph.nodes.len()).map(|node| choice(gpu, graph, options, node)).collect();
        let of = |node: usize| choices[node];
        let half = options.half && !options.strict && gpu.info().f16;
        let mode = Mode { strict: options.strict, half, exact: options.exact || !gpu.info().exact, fuse: options.fuse };
        let mut lowering = Lowering::new(graph, mode, &of);
        let mut dispatches = lowering.take();
        let head = 0..dispatches.len();
        let (mut steps, mut code, mut traffic, mut rivals) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (index, (node, step)) in graph.nodes.iter().zip(reference.steps()).enumerate() {
            let constants = lowering.constants.len();
            let lowered = lowering.node(index)?;
            let weight_bytes = lowering.constants.len() - constants;
            let first = dispatches.len();
            dispatches.append(&mut lowering.take());
            code.push(StepCode { dispatches: first..dispatches.len(), output: node.output });
            traffic.push(Traffic::of(graph, node, weight_bytes));
            if let Some(by) = lowered.done_by {
                Traffic::fuse(&mut traffic, by, index);
            }
            rivals.push(lowered.rivals);
            let conv = step.conv.filter(|_| lowered.rivals);
            steps.push(Step { node: index, kernel: lowered.kernel, execution: step.execution, macs: step.macs, weight_bytes, conv });
        }
        drop(reference);
        lowering.finish();
        let Lowering { held, constants, given, lives, .. } = lowering;
        let arena = lives.place();
        let capacity = capacity(gpu, &arena, batch)?;

        let mut pipelines = Vec::with_capacity(dispatches.len());
        for dispatch in &dispatches {
            gpu.compile(&dispatch.kernel).await?;
            pipelines.push(gpu.pipeline(&dispatch.kernel)?);
        }
        let port = |value: ValueId, start: usize| {
            let about = graph.value(value);
            Port { name: about.name.clone(), value, len: about.len(), start }
        };
        let inputs = given.into_iter().map(|(value, buf)| port(value, arena.start(buf, capacity))).collect();
        let output = |&value: &ValueId| match held[value.0] {
            Some(Held::F32(buf)) => Ok(port(value, arena.start(buf, capacity))),
            _ => Err(GpuError::Device(format!("the output '{}' is not held in f32", graph.value(value).name))),
        };
        let outputs = graph.outputs.iter().map(output).collect::<Result<Vec<Port>, GpuError>>()?;

        let storage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let buffer =
            gpu.buffer("the activations", 4 * (arena.per_image() * capacity) as u64, storage | wgpu::BufferUsages::COPY_SRC).await?;
        let weights = gpu.buffer("the weights", constants.len() as u64, storage).await?;
        gpu.queue.write_buffer(&weights, 0, &constants.bytes());
        let slots = 2 * dispatches.len().max(1) as u64;
        let params =
            gpu.buffer("the layers' numbers", slots * PARAMS_BYTES, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST).await?;
        let words: usize = outputs.iter().map(|port| port.len * capacity).sum();
        let read = gpu.buffer("the results", 4 * words as u64, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST).await?;
        let bind = gpu.bind(&buffer, &weights, &params);
        let rows = graph.values.iter().map(|value| Rows::of(&value.dims)).collect();
        let constant_bytes = constants.len();
        let gpu = gpu.clone();
        Ok(Self {
            gpu,
            steps,
            code,
            head,
            dispatches,
            pipelines,
            choices,
            traffic,
            rivals,
            arena,
            capacity,
            inputs,
            outputs,
            held,
            rows,
            buffer,
            params,
            read,
            bind,
            constant_bytes,
            images: 0,
        })
    }

    /// The device that it runs on.
    #[must_use]
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// What the plan does, one step per node in order of execution.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Bytes that a step must read and write at least for one image.
    #[must_use]
    pub fn traffic(&self, step: usize) -> Traffic {
        self.traffic.get(step).copied().unwrap_or_default()
    }

    /// Groups of threads that a step starts for so many images, dispatch by dispatch.
    pub(crate) fn groups(&self, step: usize, images: usize) -> impl Iterator<Item = u64> + '_ {
        let dispatches = self.code.get(step).map_or(0..0, |code| code.dispatches.clone());
        self.dispatches[dispatches].iter().map(move |dispatch| groups(dispatch.grid, images).iter().map(|&n| u64::from(n)).product())
    }

    /// Whether a step has anything to do; one that only gives its input another name has not.
    #[must_use]
    pub fn computes(&self, step: usize) -> bool {
        self.code.get(step).is_some_and(|code| !code.dispatches.is_empty())
    }

    /// Images that are computed at once.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Bytes of the device's memory: activations of all images that are computed at once, and weights.
    #[must_use]
    pub fn memory_bytes(&self) -> [usize; 2] {
        [4 * self.arena.per_image() * self.capacity, self.constant_bytes]
    }

    /// Runs of kernels that one inference takes.
    #[must_use]
    pub fn dispatches(&self) -> usize {
        self.dispatches.len()
    }

    /// Whether rival kernels could run a step.
    pub(crate) fn rivals(&self, step: usize) -> bool {
        self.rivals.get(step).copied().unwrap_or(false)
    }

    /// The kernel of a step, if rivals could run it.
    pub(crate) fn choice(&self, step: usize) -> Candidate {
        self.choices[step]
    }

    /// Lets other kernels run the steps that have rivals: for each step the one that `choose` gives, if any.
    pub(crate) async fn take(&mut self, choose: impl Fn(usize) -> Option<Candidate>) -> Result<(), GpuError> {
        for step in 0..self.steps.len() {
            let Some(candidate) = choose(step).filter(|_| self.rivals(step)) else { continue };
            let old = std::mem::replace(&mut self.choices[step], candidate);
            let name = &mut self.steps[step].kernel;
            *name = name.replacen(old.tile.name(), candidate.tile.name(), 1).replacen(old.dot.name(), candidate.dot.name(), 1);
            for i in self.code[step].dispatches.clone() {
                self.dispatches[i].take(candidate);
                self.gpu.compile(&self.dispatches[i].kernel).await?;
                self.pipelines[i] = self.gpu.pipeline(&self.dispatches[i].kernel)?;
            }
        }
        Ok(())
    }

    /// Runs a batch of images. Inputs and outputs are in the graph's own order, NCHW, image after image.
    ///
    /// # Errors
    /// [`GpuError::Graph`] if inputs are missing or have the wrong length, [`GpuError::DeviceLost`].
    pub async fn run(&mut self, inputs: &[&[f32]], batch: usize) -> Result<Vec<Vec<f32>>, GpuError> {
        let mut outputs = Vec::new();
        self.run_into(inputs, batch, &mut outputs).await?;
        Ok(outputs)
    }

    /// Runs a batch of images into vectors of the caller's, one for each output; what they held is lost.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub async fn run_into(&mut self, inputs: &[&[f32]], batch: usize, outputs: &mut Vec<Vec<f32>>) -> Result<(), GpuError> {
        self.check_inputs(inputs, batch)?;
        outputs.resize_with(self.outputs.len(), Vec::new);
        outputs.iter_mut().for_each(Vec::clear);
        let mut first = 0;
        while first < batch {
            let images = self.capacity.min(batch - first);
            self.give(inputs, first, images)?;
            let commands = self.commands(Some(images))?;
            self.gpu.queue.submit([commands]);
            let words = self.gpu.read(&self.read, self.outputs.iter().map(|port| port.len * images).sum()).await?;
            let mut rest = &words[..];
            for (port, output) in self.outputs.iter().zip(outputs.iter_mut()) {
                let (own, others) = rest.split_at(port.len * images);
                output.extend(own.iter().map(|&bits| f32::from_bits(bits)));
                rest = others;
            }
            first += images;
        }
        Ok(())
    }

    fn check_inputs(&self, inputs: &[&[f32]], batch: usize) -> Result<(), GpuError> {
        self.gpu.check()?;
        if inputs.len() != self.inputs.len() {
            return Err(RuntimeError::Inputs { expected: self.inputs.len(), given: inputs.len() }.into());
        }
        for (port, input) in self.inputs.iter().zip(inputs) {
            if port.len.checked_mul(batch) != Some(input.len()) {
                let (expected, given) = (port.len.saturating_mul(batch), input.len());
                return Err(RuntimeError::InputLength { input: port.name.clone(), batch, expected, given }.into());
            }
        }
        Ok(())
    }

    /// Writes the inputs of some images, and the numbers of all dispatches if those are for another number of images.
    fn give(&mut self, inputs: &[&[f32]], first: usize, images: usize) -> Result<(), GpuError> {
        self.prepare(images)?;
        for (port, input) in self.inputs.iter().zip(inputs) {
            let input = &input[first * port.len..(first + images) * port.len];
            let bytes: Vec<u8> = input.iter().flat_map(|x| x.to_le_bytes()).collect();
            self.gpu.queue.write_buffer(&self.buffer, 4 * port.start as u64, &bytes);
        }
        Ok(())
    }

    /// Prepares runs of as many images as there is room for, and says how many that are.
    pub(crate) fn prepare_all(&mut self) -> Result<usize, GpuError> {
        self.prepare(self.capacity)?;
        Ok(self.capacity)
    }

    /// Prepares a run of one image, if none of some images is prepared.
    pub(crate) fn prepare_some(&mut self) -> Result<(), GpuError> {
        self.prepare(self.images.max(1))
    }

    fn prepare(&mut self, images: usize) -> Result<(), GpuError> {
        self.gpu.check()?;
        if self.images == images {
            return Ok(());
        }
        let slot = PARAMS_BYTES as usize;
        let mut all = vec![0u8; 2 * slot * self.dispatches.len().max(1)];
        let alone = self.dispatches.len() * slot;
        for (i, dispatch) in self.dispatches.iter().enumerate() {
            self.write(&dispatch.params, images, &mut all[i * slot..][..slot])?;
            if let Some(params) = &dispatch.alone {
                self.write(params, images, &mut all[alone + i * slot..][..slot])?;
            }
        }
        self.gpu.queue.write_buffer(&self.params, 0, &all);
        self.images = images;
        Ok(())
    }

    fn write(&self, params: &Params, images: usize, to: &mut [u8]) -> Result<(), GpuError> {
        let words = [images as u32, 0].into_iter().chain(params.0.iter().map(|&word| match word {
            Word::Is(word) => word,
            Word::At(buf) => self.arena.start(buf, self.capacity) as u32,
        }));
        let (to, _) = to.as_chunks_mut::<4>();
        if params.0.len() + 2 > to.len() {
            return Err(GpuError::Device("a kernel has more numbers than a slot".to_owned()));
        }
        for (to, word) in to.iter_mut().zip(words) {
            *to = word.to_le_bytes();
        }
        Ok(())
    }

    /// Everything that is done for the images that were prepared; with the way of the outputs of so many, if asked for.
    pub(crate) fn commands(&self, outputs: Option<usize>) -> Result<wgpu::CommandBuffer, GpuError> {
        self.gpu.check()?;
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            self.record_range(&mut pass, 0..self.dispatches.len(), false);
        }
        if let Some(images) = outputs {
            let mut at = 0;
            for port in &self.outputs {
                let bytes = 4 * (port.len * images) as u64;
                encoder.copy_buffer_to_buffer(&self.buffer, 4 * port.start as u64, &self.read, at, bytes);
                at += bytes;
            }
        }
        Ok(encoder.finish())
    }

    /// Records one step.
    pub(crate) fn record(&self, pass: &mut wgpu::ComputePass<'_>, step: usize) -> Result<(), GpuError> {
        let code = self.code.get(step).ok_or_else(|| GpuError::Device("there is no such step".to_owned()))?;
        self.record_range(pass, code.dispatches.clone(), false);
        Ok(())
    }

    fn record_range(&self, pass: &mut wgpu::ComputePass<'_>, range: std::ops::Range<usize>, alone: bool) {
        for i in range {
            let dispatch = &self.dispatches[i];
            let slot = if alone && dispatch.alone.is_some() { self.dispatches.len() + i } else { i };
            let [x, y, z] = groups(dispatch.grid, self.images);
            pass.set_pipeline(&self.pipelines[i]);
            pass.set_bind_group(0, &self.bind, &[(slot as u64 * PARAMS_BYTES) as u32]);
            pass.dispatch_workgroups(x, y, z);
        }
    }
}

/// The kernel of a node, where there are rivals.
fn choice(gpu: &Gpu, graph: &Graph, options: Options, node: usize) -> Candidate {
    let output = Rows::of(&graph.value(graph.nodes[node].output).dims);
    options.candidate.unwrap_or_else(|| Candidate::usual(gpu, output.rows * options.batch.max(1), output.last))
}

/// Images, at most `batch`, for which a buffer can be had.
fn capacity(gpu: &Gpu, arena: &Arena, batch: usize) -> Result<usize, GpuError> {
    let info = gpu.info();
    // Offsets are 32-bit numbers of words.
    let limit = info.max_buffer.min(info.max_binding).min(u64::from(u32::MAX));
    let needs = 4 * arena.per_image().max(1) as u64;
    match (limit / needs).min(batch as u64) {
        0 => Err(GpuError::TooLarge { what: "one image's activations".to_owned(), needs, limit }),
        images => Ok(images as usize),
    }
}

/// Groups of threads along three dimensions.
fn groups(grid: Grid, images: usize) -> [u32; 3] {
    let groups = match grid {
        Grid::Items(items) => {
            let all = (items * images).div_ceil(THREADS);
            let x = all.min(GROUPS);
            [x, all.div_ceil(x.max(1)), 1]
        }
        Grid::Tiles { pixels, panel, tile } => {
            let all = (pixels * images).div_ceil(tile.rows());
            let y = all.min(GROUPS);
            [panel.div_ceil(tile.threads()[0]), y, all.div_ceil(y.max(1))]
        }
        Grid::Images => [images, 1, 1],
    };
    groups.map(|n| n as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::Tile;

    #[test]
    fn groups_stay_below_the_limit_of_a_dimension() {
        for (grid, images, expected) in [
            (Grid::Items(1), 1, [1, 1, 1]),
            (Grid::Items(65), 2, [3, 1, 1]),
            (Grid::Items(64 * 65_535), 2, [65_535, 2, 1]),
            (Grid::Tiles { pixels: 33, panel: 17, tile: Tile::Small }, 1, [3, 2, 1]),
            (Grid::Tiles { pixels: 65_536, panel: 8, tile: Tile::Small }, 64, [1, 65_535, 3]),
            (Grid::Images, 5, [5, 1, 1]),
            (Grid::Items(0), 1, [0, 0, 1]),
        ] {
            assert_eq!(groups(grid, images), expected, "{grid:?} {images}");
        }
    }
}
