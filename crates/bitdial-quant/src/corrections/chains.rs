//! Pairs of layers between which channels can be rescaled without changing what the model computes, and how.
//!
//! If `f(s x) = s f(x)` for every `s > 0`, then `w2 f(w1 x + b1) = (w2 S) f(S^-1 w1 x + S^-1 b1)` for any diagonal matrix `S`
//! of positive numbers (Nagel et al. 2019, section 4.1, equation 7). ReLU, leaky ReLU and pools are such `f`. A clip at 6 is
//! not: the channel would have to be clipped at `6 / s`, and a node has one bound for all its channels. It gets the largest
//! of the bounds that its channels should have. So nothing is clipped that was not clipped before; but of a channel with a
//! smaller bound, some of what lay above 6 now passes. (AIMET makes a ReLU of it, which lets everything pass.) How much the
//! outputs change by it is measured and reported.

use bitdial_ir::{Activation, Graph, Node, Op, ValueId, Weights};

use super::layer::{parts, parts_mut};

/// The input and output channels of a layer with weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub outputs: usize,
    pub inputs: usize,
    pub groups: usize,
    /// Weights between an input and an output channel.
    taps: usize,
}

impl Shape {
    /// Of a convolution or linear layer in f32.
    pub fn of(node: &Node) -> Option<Self> {
        let (Weights::F32(_), outputs) = parts(node)? else { return None };
        match &node.op {
            Op::Conv(conv) => {
                let taps = conv.window.kernel.iter().product();
                Some(Self { outputs, inputs: conv.in_channels, groups: conv.groups, taps })
            }
            Op::Linear(linear) => Some(Self { outputs, inputs: linear.in_features, groups: 1, taps: 1 }),
            _ => None,
        }
    }

    fn inputs_of_group(&self) -> usize {
        (self.inputs / self.groups.max(1)).max(1)
    }

    /// Output and input channel of a place in a matrix of one number for each output channel and input of its group.
    pub fn place(&self, index: usize) -> (usize, usize) {
        let (row, column) = (index / self.inputs_of_group(), index % self.inputs_of_group());
        (row, row / (self.outputs / self.groups.max(1)).max(1) * self.inputs_of_group() + column)
    }

    /// The place in such a matrix that a weight belongs to.
    pub fn of_weight(&self, index: usize) -> usize {
        index / (self.taps * self.inputs_of_group()).max(1) * self.inputs_of_group() + index % self.inputs_of_group()
    }
}

/// Two layers of which the second alone reads, channel by channel, what the first puts out.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    /// Index of the node whose output channels are divided.
    pub first: usize,
    /// Index of the node whose input channels are multiplied.
    pub second: usize,
    /// Indices of nodes from the first on that clip at a bound above 0, which must move.
    pub clips: Vec<usize>,
    /// Whether nothing but the first layer's activation lies between them, and the second sees no border of zeros.
    pub close: bool,
}

/// All such pairs, in order of execution.
pub(super) fn pairs(graph: &Graph) -> Vec<Pair> {
    (0..graph.nodes.len()).filter_map(|first| pair(graph, first)).collect()
}

fn pair(graph: &Graph, first: usize) -> Option<Pair> {
    let channels = Shape::of(&graph.nodes[first])?.outputs;
    let (mut at, mut clips, mut close) = (first, Vec::new(), true);
    loop {
        let node = &graph.nodes[at];
        match node.activation {
            Activation::None | Activation::Relu | Activation::LeakyRelu(_) => {}
            Activation::Clip(low, high) if low == 0.0 && high > 0.0 => clips.push(at),
            _ => return None,
        }
        let second = sole_reader(graph, node.output)?;
        let next = &graph.nodes[second];
        if let Some(shape) = Shape::of(next) {
            let padded = matches!(&next.op, Op::Conv(conv) if conv.window.pad != [0; 4]);
            return (shape.inputs == channels).then_some(Pair { first, second, clips, close: close && !padded });
        }
        if !keeps_channels(graph, next, channels) {
            return None;
        }
        (at, close) = (second, close && next.op == Op::Activate);
    }
}

/// Index of the node that reads a value, if one does, once, and the value is no output of the graph.
fn sole_reader(graph: &Graph, value: ValueId) -> Option<usize> {
    let mut reads = graph.nodes.iter().enumerate().flat_map(|(i, n)| n.inputs.iter().filter(|&&id| id == value).map(move |_| i));
    let reader = reads.next()?;
    (reads.next().is_none() && !graph.outputs.contains(&value)).then_some(reader)
}

/// Whether a node's output has the channels of its input, last, each multiplied as the input's is.
fn keeps_channels(graph: &Graph, node: &Node, channels: usize) -> bool {
    let (from, to) = (&graph.value(node.inputs[0]).dims, &graph.value(node.output).dims);
    let last = to.last() == Some(&channels);
    match &node.op {
        Op::Activate | Op::MaxPool(_) | Op::AveragePool(_) => last,
        Op::Pad { value, pads } => last && *value == 0.0 && pads.last() == Some(&[0, 0]),
        Op::Mean { axes, .. } => last && !axes.contains(&(from.len() - 1)),
        Op::Reshape(_) => last && from.last() == Some(&channels),
        _ => false,
    }
}

/// Largest magnitude of the weights between each output channel and each input of its group ([`Shape::place`]).
#[derive(Clone, Debug)]
pub(super) struct Magnitudes {
    pub shape: Shape,
    of: Vec<f64>,
}

impl Magnitudes {
    /// Of a layer in f32.
    pub fn of(node: &Node) -> Option<Self> {
        let shape = Shape::of(node)?;
        let (Weights::F32(weights), _) = parts(node)? else { return None };
        let mut of = vec![0.0f64; shape.outputs * shape.inputs_of_group()];
        for (i, w) in weights.iter().enumerate() {
            let most = of.get_mut(shape.of_weight(i))?;
            *most = most.max(f64::from(w.abs()));
        }
        Some(Self { shape, of })
    }

    /// Largest of each output channel.
    pub fn outputs(&self) -> Vec<f64> {
        self.largest(self.shape.outputs, |(output, _)| output)
    }

    /// Largest of each input channel.
    pub fn inputs(&self) -> Vec<f64> {
        self.largest(self.shape.inputs, |(_, input)| input)
    }

    fn largest(&self, count: usize, channel: impl Fn((usize, usize)) -> usize) -> Vec<f64> {
        let mut largest = vec![0.0f64; count];
        for (i, &most) in self.of.iter().enumerate() {
            let c = channel(self.shape.place(i));
            largest[c] = largest[c].max(most);
        }
        largest
    }

    /// Divides output channels.
    pub fn divide_outputs(&mut self, by: &[f64]) {
        self.of.iter_mut().enumerate().for_each(|(i, x)| *x /= by[self.shape.place(i).0]);
    }

    /// Multiplies input channels.
    pub fn multiply_inputs(&mut self, by: &[f64]) {
        self.of.iter_mut().enumerate().for_each(|(i, x)| *x *= by[self.shape.place(i).1]);
    }
}

/// Divides the output channels of the first layer of a pair and multiplies the inputs of the second by `factors`, one for
/// each channel, positive. Moves the bounds of the clips between them.
pub(super) fn rescale(graph: &mut Graph, pair: &Pair, factors: &[f64]) {
    let Some(shape) = Shape::of(&graph.nodes[pair.second]) else { return };
    if let Some(layer) = parts_mut(&mut graph.nodes[pair.first])
        && let Weights::F32(weights) = layer.weights
    {
        let row = (weights.len() / factors.len().max(1)).max(1);
        weights.iter_mut().enumerate().for_each(|(i, w)| *w = (f64::from(*w) / factors[i / row]) as f32);
        layer.bias.iter_mut().flatten().zip(factors).for_each(|(b, s)| *b = (f64::from(*b) / s) as f32);
    }
    if let Some(layer) = parts_mut(&mut graph.nodes[pair.second])
        && let Weights::F32(weights) = layer.weights
    {
        let input = |i| shape.place(shape.of_weight(i)).1;
        weights.iter_mut().enumerate().for_each(|(i, w)| *w = (f64::from(*w) * factors[input(i)]) as f32);
    }
    let smallest = factors.iter().copied().fold(f64::INFINITY, f64::min);
    for &index in &pair.clips {
        if let Activation::Clip(_, high) = &mut graph.nodes[index].activation {
            *high = (f64::from(*high) / smallest) as f32;
        }
    }
}
