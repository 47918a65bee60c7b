//! A compiled graph.

use bitdial_ir::{Graph, Value, ValueId};
use bitdial_kernels::{Backend, ConvCase, Kernels, Tuning};

use crate::error::RuntimeError;
use crate::footprint::Footprint;
use crate::lower::{Held, Lowering, Simulation, StepCode, check};
use crate::memory::{Lens, Memory, Need, Scratch};

/// Activations of a chunk of images should fit here, to stay in a second-level cache.
const CHUNK_BYTES: usize = 1 << 20;
/// Images of a chunk at most: by then the cost of unpacking weights is spread thin.
const CHUNK_IMAGES: usize = 32;
/// Activations of one image may take this much.
const MAX_IMAGE_BYTES: usize = 1 << 30;

/// How to compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whose kernels.
    pub backend: Backend,
    /// Only f32 kernels that equal the reference bit for bit on every backend: for calibration and quantized models.
    pub strict: bool,
}

/// How a step computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execution {
    /// In f32.
    Float,
    /// Weights decoded from integers, f32 arithmetic.
    WeightOnly,
    /// Weights decoded from a format that has no integer kernel, f32 arithmetic.
    Simulated,
    /// In integers, with scales fixed before.
    Integer,
    /// In integers, with activation scales found on each run.
    DynamicInteger,
    /// Elements change places at most.
    Movement,
}

/// What a plan does for one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Index of the node in the graph.
    pub node: usize,
    /// Kernel that runs: data types, tile and instruction.
    pub kernel: String,
    /// How it computes.
    pub execution: Execution,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Bytes of its weights as the kernel keeps them.
    pub weight_bytes: usize,
    /// What a kernel was picked for, if it is a convolution or linear layer.
    pub conv: Option<ConvCase>,
}

/// What an accumulator of few bits did in a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflows {
    /// Index of the step.
    pub step: usize,
    /// Products added.
    pub additions: u64,
    /// Sums, biases included, that the accumulator could not hold.
    pub overflows: u64,
}

/// The elements of a value, of all images of a chunk one after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Observed<'a> {
    /// Real numbers.
    F32(&'a [f32]),
    /// Integers on the grid of the value.
    U8(&'a [u8]),
}

/// Is shown values.
pub type See<'a> = &'a mut dyn FnMut(ValueId, Observed<'_>);

/// A graph's input or output.
struct Port {
    name: String,
    value: ValueId,
    len: usize,
    held: Held,
    /// What is done to it when it is given, if its format is simulated.
    simulation: Option<Simulation>,
}

/// A graph compiled for one backend. Takes any batch.
pub struct Plan {
    kernels: Kernels,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    steps: Vec<Step>,
    code: Vec<StepCode>,
    held: Vec<Option<Held>>,
    /// Scratch of the steps.
    needs: Vec<Need>,
    chunk: usize,
    /// Steps that count overflows.
    narrow: Vec<usize>,
    memory: Memory,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("kernels", &self.kernels)
            .field("chunk", &self.chunk)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

impl Plan {
    /// Compiles a graph that went through `bitdial_ir::passes::prepare`, quantized or not.
    ///
    /// # Errors
    /// If this build has no kernels for the backend, or a node cannot be compiled; the error names it and the reason.
    pub fn compile(graph: &Graph, options: Options) -> Result<Self, RuntimeError> {
        Self::tuned(graph, options, &Tuning::default())
    }

    /// The same with those kernels that are the fastest on this machine, where that was found out.
    ///
    /// # Errors
    /// As [`Plan::compile`].
    pub fn tuned(graph: &Graph, options: Options, tuning: &Tuning) -> Result<Self, RuntimeError> {
        Self::lower(graph, options, tuning, true)
    }

    /// As [`Plan::compile`], but with a step of its own for every node, where that leaves residual sums to the
    /// convolutions before them: quicker to [`Plan::observe`], which must run such a convolution twice.
    ///
    /// # Errors
    /// As [`Plan::compile`].
    pub fn compile_unfused(graph: &Graph, options: Options) -> Result<Self, RuntimeError> {
        Self::lower(graph, options, &Tuning::default(), false)
    }

    fn lower(graph: &Graph, options: Options, tuning: &Tuning, fuse: bool) -> Result<Self, RuntimeError> {
        check(graph)?;
        let kernels = Kernels::new(options.backend).ok_or(RuntimeError::Backend(options.backend.name()))?;
        // Overflows of a convolution that runs twice would count twice.
        let fuse = fuse && graph.accumulator.is_none();
        let mut lowering = Lowering::new(graph, kernels, tuning, options.strict, fuse);
        let (mut steps, mut code) = (Vec::with_capacity(graph.nodes.len()), Vec::with_capacity(graph.nodes.len()));
        let mut narrow = Vec::new();
        for index in 0..graph.nodes.len() {
            let (step, prepared) = lowering.node(index)?;
            narrow.extend(prepared.narrow.then_some(index));
            steps.push(step);
            code.push(prepared);
        }
        let (lives, needs, ranges, held) = lowering.finish();
        let sums = vec![(0, 0); narrow.len()];
        let (f32s, u8s) = (lives.f32s.place(), lives.u8s.place());
        let image_bytes = f32s.per_image().saturating_mul(4).saturating_add(u8s.per_image());
        if image_bytes > MAX_IMAGE_BYTES {
            return Err(RuntimeError::Memory { needed: image_bytes >> 20, limit: MAX_IMAGE_BYTES >> 20 });
        }
        let port = |&value: &ValueId| {
            let about: &Value = graph.value(value);
            let held = held[value.0].ok_or_else(|| RuntimeError::value(about, "nothing writes it"))?;
            Ok(Port { name: about.name.clone(), value, len: about.len(), held, simulation: Simulation::of(about) })
        };
        Ok(Self {
            kernels,
            inputs: graph.inputs.iter().map(port).collect::<Result<_, _>>()?,
            outputs: graph.outputs.iter().map(port).collect::<Result<_, _>>()?,
            steps,
            code,
            chunk: (CHUNK_BYTES / image_bytes.max(1)).clamp(1, CHUNK_IMAGES),
            held,
            needs,
            narrow,
            memory: Memory { f32s, u8s, images: 0, reserved: 0, sums: true, ranges, narrow: sums, scratch: Scratch::default() },
        })
    }

    /// The kernels that the plan runs on.
    #[must_use]
    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    /// What the plan does, one step per node in order of execution.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Bytes of all weights as the kernels keep them.
    #[must_use]
    pub fn packed_weight_bytes(&self) -> usize {
        self.steps.iter().map(|s| s.weight_bytes).sum()
    }

    /// Bytes of the activations of one image, at the moment when most are alive.
    #[must_use]
    pub fn arena_bytes(&self) -> usize {
        4 * self.memory.f32s.per_image() + self.memory.u8s.per_image()
    }

    /// Images that are computed together, layer by layer.
    #[must_use]
    pub fn chunk(&self) -> usize {
        self.chunk
    }

    /// Sets how many images are computed together, at least 1. Results do not depend on it.
    pub fn set_chunk(&mut self, images: usize) {
        self.chunk = images.max(1);
    }

    /// The memory that runs of `batch` images take.
    #[must_use]
    pub fn footprint(&self, batch: usize) -> Footprint {
        let images = batch.min(self.chunk);
        let lens = self.lens(images);
        Footprint {
            activations: images * self.arena_bytes(),
            weights: self.packed_weight_bytes(),
            unpacked: lens.weight_bytes(),
            scratch: lens.other_bytes() + self.memory.ranges.bytes(images),
        }
    }

    /// What runs write to.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    fn lens(&self, images: usize) -> Lens {
        self.needs.iter().fold(Lens::default(), |all, need| all.max(need(images)))
    }

    /// Runs a batch of images. Inputs and outputs are in the graph's own order, NCHW, image after image.
    ///
    /// # Errors
    /// If there are not as many inputs as the graph has, or one has the wrong length.
    pub fn run(&mut self, inputs: &[&[f32]], batch: usize) -> Result<Vec<Vec<f32>>, RuntimeError> {
        let mut outputs = Vec::new();
        self.run_into(inputs, batch, &mut outputs)?;
        Ok(outputs)
    }

    /// Runs a batch of images into vectors of the caller's, one for each output; what they held is lost. Memory is
    /// allocated where a batch is larger than all before it, and never else.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn run_into(&mut self, inputs: &[&[f32]], batch: usize, outputs: &mut Vec<Vec<f32>>) -> Result<(), RuntimeError> {
        self.execute(inputs, batch, outputs, None)
    }

    /// Runs a batch and shows every value right after it was written, chunk by chunk; inputs of the graph too.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn observe(&mut self, inputs: &[&[f32]], batch: usize, see: See<'_>) -> Result<Vec<Vec<f32>>, RuntimeError> {
        let mut outputs = Vec::new();
        self.execute(inputs, batch, &mut outputs, Some(see))?;
        Ok(outputs)
    }

    /// Whether a step has anything to do; one that only gives its input another name has not.
    #[must_use]
    pub fn computes(&self, step: usize) -> bool {
        self.code.get(step).is_some_and(|step| !step.code.is_empty())
    }

    /// How many products each layer with an accumulator of its own added since this was asked last, and how many of the
    /// sums were another number in the accumulator. Products with padding count.
    pub fn take_overflows(&mut self) -> Vec<Overflows> {
        let of = |(&step, count): (&usize, &mut (u64, u64))| {
            let (additions, overflows) = std::mem::take(count);
            Overflows { step, additions, overflows }
        };
        self.narrow.iter().zip(&mut self.memory.narrow).map(of).collect()
    }

    /// Runs one step again on what is in memory since the last run, to time it ([`bitdial_kernels::Part`] lets it do a
    /// part of its work only). What is in memory then is of no use.
    pub fn repeat(&mut self, step: usize) {
        if let Some(step) = self.code.get(step) {
            step.code.iter().for_each(|run| run(&mut self.memory));
        }
    }

    /// The loop that everything above is: `see` after each value was written.
    fn execute(
        &mut self,
        inputs: &[&[f32]],
        batch: usize,
        outputs: &mut Vec<Vec<f32>>,
        mut see: Option<See<'_>>,
    ) -> Result<(), RuntimeError> {
        self.check_inputs(inputs, batch)?;
        outputs.resize_with(self.outputs.len(), Vec::new);
        for (port, output) in self.outputs.iter().zip(outputs.iter_mut()) {
            output.clear();
            output.reserve_exact(port.len * batch);
        }
        let most = self.chunk.min(batch);
        if most > self.memory.reserved {
            let lens = self.lens(most);
            self.memory.reserve(most, lens);
        }
        let mut first = 0;
        while first < batch {
            let images = self.chunk.min(batch - first);
            self.memory.set_images(images);
            for (port, input) in self.inputs.iter().zip(inputs) {
                let input = &input[first * port.len..(first + images) * port.len];
                match port.held {
                    Held::F32(buf) => {
                        let given = self.memory.f32s.get_mut(buf);
                        given.copy_from_slice(input);
                        if let Some(simulation) = &port.simulation {
                            simulation.apply(given);
                        }
                    }
                    Held::U8(buf, grid) => self.kernels.elementwise().quantize(input, &grid, self.memory.u8s.get_mut(buf)),
                }
                if let Some(see) = &mut see {
                    see(port.value, observed(&self.memory, port.held));
                }
            }
            for StepCode { code, output, sums, .. } in &self.code {
                self.memory.sums = see.is_none();
                code.iter().for_each(|run| run(&mut self.memory));
                if let (Some(see), Some(held)) = (&mut see, self.held[output.0]) {
                    see(*output, observed(&self.memory, held));
                    if *sums {
                        self.memory.sums = true;
                        code.iter().for_each(|run| run(&mut self.memory));
                    }
                }
            }
            for (port, output) in self.outputs.iter().zip(outputs.iter_mut()) {
                if let Observed::F32(values) = observed(&self.memory, port.held) {
                    output.extend_from_slice(values);
                }
            }
            first += images;
        }
        // For steps that are repeated.
        self.memory.sums = true;
        Ok(())
    }

    fn check_inputs(&self, inputs: &[&[f32]], batch: usize) -> Result<(), RuntimeError> {
        if inputs.len() != self.inputs.len() {
            return Err(RuntimeError::Inputs { expected: self.inputs.len(), given: inputs.len() });
        }
        for (port, input) in self.inputs.iter().zip(inputs) {
            if port.len.checked_mul(batch) != Some(input.len()) {
                let expected = port.len.saturating_mul(batch);
                return Err(RuntimeError::InputLength { input: port.name.clone(), batch, expected, given: input.len() });
            }
        }
        Ok(())
    }
}

fn observed(memory: &Memory, held: Held) -> Observed<'_> {
    match held {
        Held::F32(buf) => Observed::F32(memory.f32s.get(buf)),
        Held::U8(buf, _) => Observed::U8(memory.u8s.get(buf)),
    }
}

#[cfg(test)]
mod tests {
    use bitdial_ir::{Activation, Layout, Linear, Node, Op, Weights};

    use super::*;

    const SCALAR: Options = Options { backend: Backend::Scalar, strict: false };

    /// x -> max(2 x, 0) -> its first half.
    fn graph() -> Graph {
        let value = |name: &str, dims: &[usize]| Value { name: name.into(), dims: dims.into(), quant: None, simulated: None };
        let node = |name: &str, op, input, activation| Node {
            name: name.into(),
            op,
            inputs: vec![ValueId(input)],
            output: ValueId(input + 1),
            activation,
            dynamic: None,
        };
        let double = Linear { out_features: 2, in_features: 2, weights: Weights::F32(vec![2.0, 0.0, 0.0, 2.0]), bias: None };
        let half = Linear { out_features: 1, in_features: 2, weights: Weights::F32(vec![1.0, 0.0]), bias: Some(vec![0.5]) };
        Graph {
            name: String::new(),
            values: vec![value("x", &[2]), value("y", &[2]), value("z", &[1])],
            nodes: vec![node("double", Op::Linear(double), 0, Activation::Relu), node("half", Op::Linear(half), 1, Activation::None)],
            inputs: vec![ValueId(0)],
            outputs: vec![ValueId(2), ValueId(1)],
            layout: Layout::Nhwc,
            accumulator: None,
        }
    }

    #[test]
    fn any_batch_runs_chunk_by_chunk() {
        let mut plan = Plan::compile(&graph(), SCALAR).unwrap();
        let x: Vec<f32> = (0..200).map(|i| i as f32 - 100.0).collect();
        for (batch, chunk) in [(0, 7), (1, 7), (7, 7), (100, 7), (100, 1), (100, 1000)] {
            plan.set_chunk(chunk);
            let outputs = plan.run(&[&x[..2 * batch]], batch).unwrap();
            let y: Vec<f32> = x[..2 * batch].iter().map(|x| (2.0 * x).max(0.0)).collect();
            let z: Vec<f32> = y.iter().step_by(2).map(|y| y + 0.5).collect();
            assert_eq!(outputs, [z, y], "{batch} images in chunks of {chunk}");
        }
    }

    #[test]
    fn one_step_can_be_repeated() {
        let mut plan = Plan::compile(&graph(), SCALAR).unwrap();
        let expected = plan.run(&[&[1.0, 2.0]], 1).unwrap();
        (0..3).for_each(|step| plan.repeat(step));
        plan.observe(&[&[1.0, 2.0]], 1, &mut |_, _| ()).unwrap();
        assert!(plan.memory.sums, "a repeated step does all its work");
        assert_eq!([0, 1, 2].map(|step| plan.computes(step)), [true, true, false]);
        assert_eq!(plan.run(&[&[1.0, 2.0]], 1).unwrap(), expected);
    }

    #[test]
    fn what_cannot_run_says_why() {
        let mut plan = Plan::compile(&graph(), SCALAR).unwrap();
        let errors = [
            plan.run(&[], 1).unwrap_err().to_string(),
            plan.run(&[&[1.0]], 1).unwrap_err().to_string(),
            plan.run(&[&[1.0; 2]], usize::MAX).unwrap_err().to_string(),
            Plan::compile(&Graph { layout: Layout::Nchw, ..graph() }, SCALAR).unwrap_err().to_string(),
            Plan::compile(&Graph { outputs: vec![ValueId(9)], ..graph() }, SCALAR).unwrap_err().to_string(),
        ];
        assert_eq!(
            errors,
            [
                "the model has 1 inputs, not 0".to_owned(),
                "the input 'x' takes 2 numbers for 1 images, not 1".to_owned(),
                format!("the input 'x' takes {} numbers for {} images, not 2", usize::MAX, usize::MAX),
                "the model is still in ONNX's order of dimensions (NCHW); prepare it first".to_owned(),
                "the tensor 'graph output' cannot be held: nothing writes it".to_owned(),
            ]
        );
        for backend in [Backend::Simd128, Backend::RelaxedSimd] {
            if !Backend::available().contains(&backend) {
                let error = Plan::compile(&graph(), Options { backend, strict: false }).unwrap_err();
                assert_eq!(error, RuntimeError::Backend(backend.name()));
            }
        }
    }

    #[test]
    fn a_graph_too_large_for_memory_is_refused() {
        let mut graph = graph();
        graph.values[0].dims = vec![1 << 13, 1 << 13];
        graph.values[1].dims = vec![1 << 13, 1 << 13, 4];
        let pads = vec![[0, 0], [0, 0]];
        graph.nodes = vec![
            Node { op: Op::Pad { pads, value: 0.0 }, activation: Activation::Relu, ..graph.nodes[0].clone() },
            Node { name: "grow".into(), op: Op::Concat(1), inputs: vec![ValueId(1); 4], output: ValueId(2), ..graph.nodes[1].clone() },
        ];
        graph.values[1].dims = graph.values[0].dims.clone();
        graph.values[2].dims = vec![1 << 13, 1 << 15];
        graph.outputs = vec![ValueId(2)];
        let error = Plan::compile(&graph, SCALAR).unwrap_err().to_string();
        assert_eq!(error, "the model needs 1280 MiB of memory for one image; 1024 MiB is the limit here");
        graph.values[2].dims = vec![1 << 13, usize::MAX];
        let error = Plan::compile(&graph, SCALAR).unwrap_err().to_string();
        assert_eq!(error, format!("the tensor 'z' cannot be held: {:?} is too large", [1usize << 13, usize::MAX]));
    }
}
