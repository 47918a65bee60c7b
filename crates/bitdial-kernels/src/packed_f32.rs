//! Integer weights in the order of an f32 kernel's own packing, to be decoded straight into what it reads.

use crate::api::{ConvF32, ConvShape};
use crate::planes;
use bitdial_numerics::WeightParams;

/// Values that are decoded at once; each has a lane of its own.
pub(crate) const LANES: usize = 8;
/// Positions are told apart by two packings, so that each number is exact in f32.
const HALF: usize = 1 << 12;

/// Integer weights of an f32 kernel, packed at their width (1-bit ones at 2) in the order of its floats.
#[derive(Clone, Debug)]
pub struct PackedForF32 {
    /// Bits that a weight takes.
    pub(crate) width: u8,
    len: usize,
    /// Bit planes of integers counted from `-2^(width-1)`.
    pub(crate) codes: Vec<u8>,
    pub(crate) spans: Vec<Span>,
}

/// Neighbouring vectors whose lanes have the same grids.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// How many.
    pub vectors: usize,
    /// Scale of each lane.
    pub scales: [f32; LANES],
    /// What stands for 0 in each lane.
    pub zeros: [u8; LANES],
}

impl PackedForF32 {
    /// Packs OHWI weights of `bits` bits (1..=8) for a kernel; `grid` is that of a weight, by its index.
    ///
    /// # Panics
    /// If there are fewer weights than the shape says.
    #[must_use]
    pub fn new(kernel: &dyn ConvF32, shape: &ConvShape, weights: &[i8], bits: u8, grid: impl Fn(usize) -> WeightParams) -> Self {
        let order = order(kernel, shape);
        let width = planes::width(bits);
        let offset = 1u8 << (width - 1);
        let spans = spans(&order, |i| {
            let grid = grid(i);
            (grid.scale, (grid.zero_point as u8).wrapping_add(offset))
        });
        let vectors = spans.iter().flat_map(|span| std::iter::repeat_n(&span.zeros, span.vectors));
        let mut codes = Vec::with_capacity(order.len());
        for (from, zeros) in order.chunks(LANES).zip(vectors) {
            let code = |(&i, &zero): (&u32, &u8)| if i == FILLER { zero } else { (weights[i as usize] as u8).wrapping_add(offset) };
            codes.extend(from.iter().zip(zeros).map(code));
        }
        let len = order.len().next_multiple_of(2 * LANES);
        codes.resize(len, offset);
        Self { width, len, codes: planes::pack(&codes, width), spans }
    }

    /// Floats that decoding fills: those of the kernel's packing, and up to 15 more.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no weights.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that it takes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.codes.len() + self.spans.len() * size_of::<Span>()
    }
}

/// What fills a packing up.
const FILLER: u32 = u32::MAX;

/// Which weight each float of a kernel's packing is.
fn order(kernel: &dyn ConvF32, shape: &ConvShape) -> Vec<u32> {
    let mut packed = vec![0.0; kernel.packed_len(shape)];
    let mut pack = |number: &dyn Fn(usize) -> usize| {
        let numbers: Vec<f32> = (0..shape.weight_len()).map(|i| number(i) as f32).collect();
        kernel.pack(shape, &numbers, &mut packed);
        packed.iter().map(|&number| number as u32).collect::<Vec<u32>>()
    };
    // 0 is left for what fills up.
    let (mut order, high) = (pack(&|i| i % HALF + 1), pack(&|i| i / HALF));
    for (low, high) in order.iter_mut().zip(high) {
        *low = if *low == 0 { FILLER } else { high * HALF as u32 + *low - 1 };
    }
    order
}

/// The grids of all vectors, equal neighbours joined. What fills up fits any grid.
fn spans(order: &[u32], grid: impl Fn(usize) -> (f32, u8)) -> Vec<Span> {
    type Lanes = [Option<(f32, u8)>; LANES];
    let mut spans: Vec<(usize, Lanes)> = Vec::new();
    for from in order.chunks(LANES) {
        let lanes: Lanes = std::array::from_fn(|lane| from.get(lane).filter(|i| **i != FILLER).map(|&i| grid(i as usize)));
        match spans.last_mut() {
            Some((vectors, span)) if span.iter().zip(&lanes).all(|(a, b)| a.is_none() || b.is_none() || a == b) => {
                *vectors += 1;
                for (known, lane) in span.iter_mut().zip(lanes) {
                    *known = known.or(lane);
                }
            }
            _ => spans.push((1, lanes)),
        }
    }
    let span = |(vectors, lanes): (usize, Lanes)| {
        let lanes = lanes.map(|lane| lane.unwrap_or((1.0, 0)));
        Span { vectors, scales: lanes.map(|lane| lane.0), zeros: lanes.map(|lane| lane.1) }
    };
    spans.into_iter().map(span).collect()
}

/// See [`crate::Elementwise::decode`].
pub(crate) fn decode(weights: &PackedForF32, out: &mut [f32]) {
    let mut codes = [0; planes::CHUNK];
    let (vectors, _) = out.as_chunks_mut::<LANES>();
    let mut grids = weights.spans.iter().flat_map(|span| std::iter::repeat_n((&span.scales, &span.zeros), span.vectors));
    for (packed, out) in
        weights.codes.chunks(planes::packed_len(planes::CHUNK, weights.width)).zip(vectors.chunks_mut(planes::CHUNK / LANES))
    {
        let codes = if weights.width == 8 { &mut codes[..packed.len()] } else { &mut codes[..] };
        planes::unpack(packed, weights.width, codes);
        for ((codes, out), (scales, zeros)) in codes.as_chunks::<LANES>().0.iter().zip(out).zip(grids.by_ref()) {
            for lane in 0..LANES {
                out[lane] = scales[lane] * f32::from(i16::from(codes[lane]) - i16::from(zeros[lane]));
            }
        }
    }
}
