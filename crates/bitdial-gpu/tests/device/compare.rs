//! A graph on the device and on the reference: every value, bit for bit.

use bitdial_gpu::{Gpu, GpuError, Options, Plan};
use bitdial_ir::{Graph, ValueId};
use bitdial_kernels::Backend;
use bitdial_runtime::Observed;
use futures::executor::block_on;

/// What was in a value.
#[derive(Clone, Debug)]
pub enum Seen {
    F32(Vec<f32>),
    U8(Vec<u8>),
}

impl Seen {
    fn new(value: Observed<'_>) -> Self {
        match value {
            Observed::F32(x) => Self::F32(x.to_vec()),
            Observed::U8(x) => Self::U8(x.to_vec()),
        }
    }

    fn add(&mut self, other: Self) {
        match (self, other) {
            (Self::F32(a), Self::F32(b)) => a.extend(b),
            (Self::U8(a), Self::U8(b)) => a.extend(b),
            _ => panic!("a value is held in two ways"),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::F32(x) => x.len(),
            Self::U8(x) => x.len(),
        }
    }

    /// What differs first; zeros of either sign are equal, and so are all NaN.
    fn difference(&self, other: &Self) -> Option<String> {
        match (self, other) {
            (Self::U8(a), Self::U8(b)) if a.len() == b.len() => {
                let i = (0..a.len()).find(|&i| a[i] != b[i])?;
                Some(format!("element {i} of {} is {} instead of {}", a.len(), a[i], b[i]))
            }
            (Self::F32(a), Self::F32(b)) if a.len() == b.len() => {
                let i = (0..a.len()).find(|&i| a[i] != b[i] && !(a[i].is_nan() && b[i].is_nan()))?;
                Some(format!("element {i} of {} is {:e} instead of {:e}", a.len(), a[i], b[i]))
            }
            _ => Some(format!("{} elements instead of {}, or held otherwise", self.len(), other.len())),
        }
    }
}

type All = Vec<(ValueId, Seen)>;

fn push(all: &mut All, id: ValueId, value: Observed<'_>) {
    match all.iter_mut().find(|(known, _)| *known == id) {
        Some((_, seen)) => seen.add(Seen::new(value)),
        None => all.push((id, Seen::new(value))),
    }
}

/// Every value of a run of the reference, and the outputs.
pub fn reference(graph: &Graph, inputs: &[&[f32]], batch: usize, strict: bool) -> (All, Vec<Vec<f32>>) {
    let options = bitdial_runtime::Options { backend: Backend::Scalar, strict };
    let mut plan = bitdial_runtime::Plan::compile(graph, options).unwrap_or_else(|e| panic!("{e}"));
    let mut all = All::new();
    let outputs = plan.observe(inputs, batch, &mut |id, value| push(&mut all, id, value)).unwrap();
    (all, outputs)
}

/// Runs a graph on the device twice, once looking at every value; says how many values were equal, or what differs.
pub fn check(
    gpu: &Gpu,
    graph: &Graph,
    options: Options,
    inputs: &[&[f32]],
    batch: usize,
    expected: &(All, Vec<Vec<f32>>),
) -> Result<usize, String> {
    let found = |e: GpuError| e.to_string();
    let mut plan = block_on(Plan::compile(gpu, graph, options)).map_err(found)?;
    let outputs = block_on(plan.run(inputs, batch)).map_err(found)?;
    let mut all = All::new();
    block_on(plan.observe(inputs, batch, &mut |id, value| push(&mut all, id, value))).map_err(found)?;
    if all.len() != expected.0.len() {
        return Err(format!("{} values instead of {}", all.len(), expected.0.len()));
    }
    let mut count = 0;
    for (id, value) in &expected.0 {
        let seen = &all.iter().find(|(known, _)| known == id).ok_or("a value is missing")?.1;
        if let Some(difference) = seen.difference(value) {
            let step = graph.nodes.iter().position(|node| node.output == *id).map(|i| &plan.steps()[i]);
            return Err(format!("'{}' ({step:?}): {difference}", graph.value(*id).name));
        }
        count += value.len();
    }
    for (found, expected) in outputs.iter().zip(&expected.1) {
        if let Some(difference) = Seen::F32(found.clone()).difference(&Seen::F32(expected.clone())) {
            return Err(format!("the output: {difference}"));
        }
    }
    Ok(count)
}
