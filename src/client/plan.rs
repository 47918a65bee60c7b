//! In which order images are run: what the page shows first comes first.

use std::collections::VecDeque;
use std::ops::Range;

use crate::state::Predictions;

/// Multiply-accumulates of one request, as long as little is known, and later: it is shared out among the workers, and
/// each answer is a message and a drawing.
const CHUNK_MACS: [u64; 2] = [600_000_000, 1_800_000_000];
/// Images of one request.
const MOST: [usize; 2] = [100, 250];
/// After how many images the model changes places with f32 at first, and later.
const STAGES: [usize; 2] = [500, 1_000];

/// Images to run in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// In f32, or quantized.
    pub float: bool,
    /// First image.
    pub first: usize,
    /// How many.
    pub count: usize,
}

/// A range of images as requests of a bearable length.
pub fn pieces(range: Range<usize>, macs: u64) -> impl Iterator<Item = Range<usize>> {
    let late = usize::from(range.start >= STAGES[1]);
    let step = ((CHUNK_MACS[late] / macs.max(1)) as usize).clamp(1, MOST[late]);
    let end = range.end;
    range.step_by(step).map(move |first| first..(first + step).min(end))
}

/// Requests for the images of `from..to` that are not known yet: quantized images of a stage, then the same in f32.
pub fn plan(from: usize, to: usize, macs: u64, quantized: &Predictions, float: &Predictions) -> VecDeque<Chunk> {
    let mut chunks = VecDeque::new();
    let mut begin = from;
    while begin < to {
        let stage = if begin < STAGES[1] { STAGES[0] } else { STAGES[1] };
        let end = (begin + stage).min(to);
        for (float, known) in [(false, quantized), (true, float)] {
            let unknown = pieces(begin..end, macs).filter(|range| !known.covers(range.clone()));
            chunks.extend(unknown.map(|range| Chunk { float, first: range.start, count: range.len() }));
        }
        begin = end;
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(chunks: &VecDeque<Chunk>, float: bool) -> Vec<usize> {
        chunks.iter().filter(|chunk| chunk.float == float).flat_map(|chunk| chunk.first..chunk.first + chunk.count).collect()
    }

    #[test]
    fn every_image_is_run_once_by_each_model() {
        let none = Predictions::default();
        for (from, to, macs) in [(0, 1_000, 6_000_000), (1_000, 10_000, 9_345_920), (0, 7, 385_000_000), (0, 0, 1), (0, 501, 1)] {
            let chunks = plan(from, to, macs, &none, &none);
            let expected: Vec<_> = (from..to).collect();
            assert_eq!((images(&chunks, false), images(&chunks, true)), (expected.clone(), expected));
        }
    }

    #[test]
    fn the_first_accuracy_comes_before_everything_else() {
        let chunks = plan(0, 1_000, 6_000_000, &Predictions::default(), &Predictions::default());
        assert!(chunks.iter().take(5).all(|chunk| !chunk.float && chunk.first + chunk.count <= 500));
        assert!(chunks.iter().skip(5).take(5).all(|chunk| chunk.float));
    }

    #[test]
    fn what_is_known_is_not_run_again() {
        let mut float = Predictions::default();
        float.put(0, &[1; 950], &[]);
        let chunks = plan(0, 1_000, 1, &Predictions::default(), &float);
        assert_eq!(images(&chunks, false).len(), 1_000);
        assert_eq!(images(&chunks, true), (900..1_000).collect::<Vec<_>>());
    }
}
