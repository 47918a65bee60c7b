//! The GPU as a backend of the engine.

use std::collections::BTreeMap;

use bitdial_engine::{Backend, EngineError, Executable, Now, Purpose};
use bitdial_ir::Graph;
use bitdial_kernels::Part;
use bitdial_protocol::{BackendChoice, Capabilities, GpuInfo, KernelTime, MemoryUse, Rooflines};
use bitdial_runtime::{Overflows, See, Step};

use crate::error::GpuError;
use crate::gpu::Gpu;
use crate::plan::{Options, Plan};
use crate::tune::{Candidate, Choice};

/// Images that are sent at once: of a small model, and of a large one.
const BATCH: [usize; 2] = [256, 64];
/// A model over so many multiply-accumulates is large.
const LARGE: u64 = 50_000_000;
/// Runs of a layer, one after the other, that are timed to choose its kernel.
const TRIALS: usize = 4;
/// After so many milliseconds no further kernel is tried.
const TUNING_MS: f64 = 500.0;

/// A GPU behind WebGPU.
#[derive(Debug)]
pub struct WebGpu {
    gpu: Gpu,
    /// Whether what is not quantized is multiplied in f16.
    half: bool,
}

/// A model compiled for a GPU: for one image at a time, and for many as soon as there are.
#[derive(Debug)]
pub struct WebGpuPlan {
    gpu: Gpu,
    graph: Graph,
    options: Options,
    single: Plan,
    many: Option<Plan>,
    choices: Vec<Choice>,
}

impl From<GpuError> for EngineError {
    fn from(error: GpuError) -> Self {
        match error {
            GpuError::Graph(error) => Self::Runtime(error),
            other => Self::Device(other.to_string()),
        }
    }
}

impl WebGpu {
    async fn plan(&self, graph: &Graph, purpose: Purpose) -> Result<WebGpuPlan, EngineError> {
        let strict = purpose == Purpose::Exact;
        let options = Options { strict, half: self.half && !strict, ..Options::default() };
        let single = Plan::compile(&self.gpu, graph, options).await?;
        let (gpu, graph) = (self.gpu.clone(), graph.clone());
        Ok(WebGpuPlan { gpu, graph, options, single, many: None, choices: Vec::new() })
    }
}

impl WebGpuPlan {
    /// Lets many images be multiplied by what was fastest on one. Their tiles stay: those depend on how many pixels there are.
    async fn share(&mut self) -> Result<(), EngineError> {
        let Some(many) = &mut self.many else { return Ok(()) };
        let found: BTreeMap<usize, Candidate> =
            self.choices.iter().map(|choice| (choice.node, Candidate { dot: choice.chosen.dot, ..many.choice(choice.node) })).collect();
        Ok(many.take(|node| found.get(&node).copied()).await?)
    }
}

impl Backend for WebGpu {
    type Plan = WebGpuPlan;

    async fn open(choice: BackendChoice) -> Result<Self, EngineError> {
        let wanted = match choice {
            BackendChoice::Auto | BackendChoice::WebGpu => return Ok(Self { gpu: Gpu::open().await?, half: false }),
            BackendChoice::WebGpuF16 => {
                let gpu = Gpu::open().await?;
                let missing = "this GPU has no 16-bit floats (shader-f16); WebGPU runs without them".to_owned();
                return if gpu.info().f16 { Ok(Self { gpu, half: true }) } else { Err(EngineError::Device(missing)) };
            }
            BackendChoice::Scalar => "scalar",
            BackendChoice::Simd128 => "simd128",
            BackendChoice::RelaxedSimd => "relaxed-simd",
        };
        Err(EngineError::Backend { wanted, available: NAMES[0].to_owned() })
    }

    fn capabilities(&self) -> Capabilities {
        let backends = ["scalar", NAMES[0]].map(str::to_owned).to_vec();
        let backend = NAMES[usize::from(self.half)].to_owned();
        Capabilities { build: NAMES[0].to_owned(), backend, backends, dot: None, gpu: Some(info(&self.gpu)) }
    }

    async fn compile(&self, graph: &Graph, purpose: Purpose) -> Result<WebGpuPlan, EngineError> {
        self.plan(graph, purpose).await
    }

    async fn rivals(&self, graph: &Graph) -> Result<Vec<(String, WebGpuPlan)>, EngineError> {
        Ok(vec![(NAMES[0].to_owned(), self.plan(graph, Purpose::Exact).await?)])
    }

    /// Kernels are tried out per plan.
    fn allow_tuning(&self) {}

    /// Not measured: a GPU's limits are its maker's, and no thread's.
    async fn rooflines(&self, _now: Now<'_>) -> Option<Rooflines> {
        None
    }
}

impl Executable for WebGpuPlan {
    fn steps(&self) -> &[Step] {
        self.single.steps()
    }

    fn memory(&self) -> MemoryUse {
        let [activations, weights] = self.single.memory_bytes();
        MemoryUse { activations, weights, scratch: 0 }
    }

    fn chunk(&self) -> usize {
        BATCH[usize::from(self.steps().iter().map(|step| step.macs).sum::<u64>() > LARGE)]
    }

    fn computes(&self, step: usize) -> bool {
        self.single.computes(step)
    }

    fn has_parts(&self) -> bool {
        false
    }

    fn alternatives(&self, step: &Step) -> Vec<KernelTime> {
        let choice = self.choices.iter().find(|choice| choice.node == step.node);
        let time = |&(candidate, ms): &(Candidate, f64)| KernelTime { kernel: candidate.name(), ms };
        choice.map_or_else(Vec::new, |choice| choice.times.iter().map(time).collect())
    }

    /// Narrow accumulators are simulated on the processor only.
    fn take_overflows(&mut self) -> Vec<Overflows> {
        Vec::new()
    }

    async fn run_into(&mut self, input: &[f32], batch: usize, outputs: &mut Vec<Vec<f32>>) -> Result<(), EngineError> {
        let plan = match batch {
            ..=1 => &mut self.single,
            _ => {
                if self.many.is_none() {
                    let options = Options { batch: self.chunk(), ..self.options };
                    self.many = Some(Plan::compile(&self.gpu, &self.graph, options).await?);
                    self.share().await?;
                }
                self.many.as_mut().unwrap_or(&mut self.single)
            }
        };
        Ok(plan.run_into(&[input], batch, outputs).await?)
    }

    async fn observe(&mut self, input: &[f32], see: See<'_>) -> Result<(), EngineError> {
        Ok(self.single.observe(&[input], 1, see).await?)
    }

    async fn repeat(&mut self, step: usize, _part: Part, times: u32) -> Result<Option<f64>, EngineError> {
        Ok(self.single.repeat(step, times as usize).await?)
    }

    async fn tune(&mut self, graph: &Graph, now: Now<'_>) -> Result<(), EngineError> {
        if self.choices.is_empty() {
            (self.single, self.choices) = Plan::tune(&self.gpu, graph, self.options, (TRIALS, TUNING_MS), now).await?;
            self.share().await?;
        }
        Ok(())
    }
}

/// As links and reports call it, and with f16.
const NAMES: [&str; 2] = ["webgpu", "webgpu-f16"];

fn info(gpu: &Gpu) -> GpuInfo {
    let info = gpu.info();
    let known = [&info.name, &info.vendor, &info.architecture].into_iter().filter(|part| !part.is_empty());
    let features = [("dot4I8Packed", info.dot4), ("shader-f16", info.f16), ("timestamp-query", info.timestamps)];
    GpuInfo {
        name: known.cloned().collect::<Vec<_>>().join(" "),
        software: info.software,
        features: features.into_iter().filter(|(_, has)| *has).map(|(name, _)| name.to_owned()).collect(),
        limits: vec![
            ("largest buffer".to_owned(), info.max_buffer),
            ("largest binding".to_owned(), info.max_binding),
            ("threads of a group".to_owned(), u64::from(info.max_workgroup_threads)),
            ("storage of a group".to_owned(), u64::from(info.max_workgroup_bytes)),
        ],
        timestamps: info.timestamps,
    }
}
