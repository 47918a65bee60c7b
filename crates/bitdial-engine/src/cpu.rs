//! The backend that is always there: this build's own kernels, on one thread.

use std::sync::Arc;

use bitdial_ir::Graph;
use bitdial_kernels::{Backend as KernelsOf, DotSemantics, Part, dot_semantics};
use bitdial_protocol::{BackendChoice, Capabilities, KernelTime, MemoryUse, Rooflines};
use bitdial_runtime::{Footprint, Options, Overflows, Plan, See, Step};

use crate::backend::{Backend, Executable, Now, Purpose};
use crate::error::EngineError;
use crate::machine::Machine;

/// A choice of kernels.
#[derive(Clone, Debug)]
pub struct Cpu {
    machine: Arc<Machine>,
}

/// A model compiled for kernels.
#[derive(Debug)]
pub struct CpuPlan {
    plan: Plan,
    options: Options,
    machine: Arc<Machine>,
}

impl Cpu {
    fn plan(&self, graph: &Graph, options: Options) -> Result<CpuPlan, EngineError> {
        let plan = Plan::tuned(graph, options, &self.machine.tuning())?;
        Ok(CpuPlan { plan, options, machine: Arc::clone(&self.machine) })
    }
}

impl Backend for Cpu {
    type Plan = CpuPlan;

    async fn open(choice: BackendChoice) -> Result<Self, EngineError> {
        let available = KernelsOf::available();
        let wanted = match choice {
            BackendChoice::Auto => Some(KernelsOf::best()),
            BackendChoice::Scalar => Some(KernelsOf::Scalar),
            BackendChoice::Simd128 => Some(KernelsOf::Simd128),
            BackendChoice::RelaxedSimd => Some(KernelsOf::RelaxedSimd),
            BackendChoice::WebGpu | BackendChoice::WebGpuF16 => None,
        };
        match wanted.filter(|wanted| available.contains(wanted)) {
            Some(backend) => Ok(Self { machine: Arc::new(Machine::new(backend)) }),
            None => {
                let available = available.iter().map(|b| b.name()).collect::<Vec<_>>().join(", ");
                Err(EngineError::Backend { wanted: wanted.map_or("WebGPU", KernelsOf::name), available })
            }
        }
    }

    fn capabilities(&self) -> Capabilities {
        let name = |backend: KernelsOf| backend.name().to_owned();
        Capabilities {
            build: name(KernelsOf::best()),
            backend: name(self.machine.backend()),
            backends: KernelsOf::available().into_iter().map(name).collect(),
            dot: dot_semantics().map(|dot| dot_name(dot).to_owned()),
            gpu: None,
        }
    }

    async fn compile(&self, graph: &Graph, purpose: Purpose) -> Result<CpuPlan, EngineError> {
        // Strict, so that what a quantized model computes in f32 (all of it, for weights only) is the same on every
        // backend, as its integers are.
        self.plan(graph, Options { backend: self.machine.backend(), strict: purpose == Purpose::Exact })
    }

    async fn rivals(&self, graph: &Graph) -> Result<Vec<(String, CpuPlan)>, EngineError> {
        let others = KernelsOf::available().into_iter().filter(|&backend| backend != KernelsOf::Scalar);
        others.map(|backend| Ok((backend.name().to_owned(), self.plan(graph, Options { backend, strict: true })?))).collect()
    }

    fn allow_tuning(&self) {
        self.machine.allow_tuning();
    }

    async fn rooflines(&self, now: Now<'_>) -> Option<Rooflines> {
        self.machine.rooflines(now).cloned()
    }
}

impl Executable for CpuPlan {
    fn steps(&self) -> &[Step] {
        self.plan.steps()
    }

    fn memory(&self) -> MemoryUse {
        let Footprint { activations, weights, unpacked, scratch } = self.plan.footprint(1);
        MemoryUse { activations, weights, scratch: unpacked + scratch }
    }

    fn chunk(&self) -> usize {
        self.plan.chunk()
    }

    fn computes(&self, step: usize) -> bool {
        self.plan.computes(step)
    }

    fn has_parts(&self) -> bool {
        true
    }

    fn alternatives(&self, step: &Step) -> Vec<KernelTime> {
        self.machine.alternatives(step.conv)
    }

    fn take_overflows(&mut self) -> Vec<Overflows> {
        self.plan.take_overflows()
    }

    async fn run_into(&mut self, input: &[f32], batch: usize, outputs: &mut Vec<Vec<f32>>) -> Result<(), EngineError> {
        Ok(self.plan.run_into(&[input], batch, outputs)?)
    }

    async fn observe(&mut self, input: &[f32], see: See<'_>) -> Result<(), EngineError> {
        self.plan.observe(&[input], 1, see)?;
        Ok(())
    }

    async fn repeat(&mut self, step: usize, part: Part, times: u32) -> Result<Option<f64>, EngineError> {
        part.only(|| (0..times).for_each(|_| self.plan.repeat(step)));
        Ok(None)
    }

    async fn tune(&mut self, graph: &Graph, now: Now<'_>) -> Result<(), EngineError> {
        if self.machine.tune(self.plan.steps(), now) {
            self.plan = Plan::tuned(graph, self.options, &self.machine.tuning())?;
        }
        Ok(())
    }
}

fn dot_name(dot: DotSemantics) -> &'static str {
    match dot {
        DotSemantics::Signed => "signed",
        DotSemantics::Unsigned => "unsigned",
        DotSemantics::Saturating => "saturating",
    }
}
