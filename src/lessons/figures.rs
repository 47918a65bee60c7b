//! Live figures of the page, as lessons name them.

use bitdial_protocol::Figure;

use crate::format::{bytes, count, percent, points, significant, time};
use crate::state::Bench;

/// A figure of the recipe in force as far as it is counted, in the unit that lessons use; `None` before it is known.
pub fn value(bench: &Bench, figure: Figure) -> Option<f64> {
    let run = bench.run();
    let (info, float) = (run.info.as_ref(), bench.loaded.as_ref().map(|loaded| &loaded.info));
    match figure {
        Figure::Accuracy => {
            let share = bench.share(&run.predictions, usize::MAX);
            share.value().filter(|_| share.n >= bench.enough()).map(|share| 100.0 * share)
        }
        Figure::AccuracyF32 => {
            let share = bench.float_share(usize::MAX);
            share.value().filter(|_| share.n >= bench.enough()).map(|share| 100.0 * share)
        }
        Figure::AccuracyChange if bench.entry.test.is_none() => value(bench, Figure::Accuracy).map(|agreement| agreement - 100.0),
        Figure::AccuracyChange => {
            let pairs = bench.pairs(&run.predictions);
            pairs.change().filter(|_| pairs.n >= bench.enough()).map(|change| 100.0 * change)
        }
        Figure::Flips => {
            let pairs = bench.pairs(&run.predictions);
            (pairs.n >= bench.enough()).then_some(pairs.flipped as f64)
        }
        Figure::Size => info.map(|info| info.size as f64),
        Figure::SizeRatio => ratio(float?.size as f64, info?.size as f64),
        Figure::EnergyRatio => ratio(float?.energy.total(), info?.energy.total()),
        Figure::Latency => run.latency.map(|latency| latency.quantized.median),
        Figure::Speedup => run.latency.and_then(|latency| ratio(latency.float.median, latency.quantized.median)),
    }
}

fn ratio(float: f64, quantized: f64) -> Option<f64> {
    (quantized > 0.0).then(|| float / quantized)
}

/// The same once nothing more is added to it: all images are counted, latency is timed.
pub fn complete(bench: &Bench, figure: Figure) -> Option<f64> {
    let (counted, all) = counted(bench, figure)?;
    value(bench, figure).filter(|_| counted == all)
}

/// How many of the images that a figure is of are counted; none of none where it is of no images.
pub fn counted(bench: &Bench, figure: Figure) -> Option<(usize, usize)> {
    let all = bench.images();
    let predictions = &bench.run().predictions;
    Some(match figure {
        Figure::Accuracy if bench.entry.test.is_some() => (bench.share(predictions, usize::MAX).n, all),
        Figure::AccuracyF32 => (bench.float_share(usize::MAX).n, all),
        Figure::Accuracy | Figure::AccuracyChange | Figure::Flips => (bench.pairs(predictions).n, all),
        _ => (0, 0),
    })
    .filter(|(_, all)| *all > 0 || bench.loaded.is_some())
}

/// A figure with its unit.
pub fn shown(figure: Figure, value: f64) -> String {
    match figure {
        Figure::Accuracy | Figure::AccuracyF32 => format!("{}\u{a0}%", percent(value / 100.0, 1)),
        Figure::AccuracyChange => format!("{}\u{a0}points", points(value / 100.0, 2)),
        Figure::Size => bytes(value as usize).to_string().replace(' ', "\u{a0}"),
        Figure::Latency => time(value).to_string().replace(' ', "\u{a0}"),
        Figure::SizeRatio | Figure::Speedup | Figure::EnergyRatio => format!("{}\u{d7}", significant(value)),
        Figure::Flips => count(value as usize),
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use bitdial_protocol::Recipe;

    use super::*;
    use crate::catalogue;

    #[test]
    fn figures_are_complete_when_every_image_is_counted() {
        let entry = &catalogue::all()[0];
        let mut bench = Bench::new(entry, &Recipe::default());
        let all = bench.images();
        assert_eq!((value(&bench, Figure::Accuracy), complete(&bench, Figure::Size)), (None, None));
        bench.truth = Rc::new(vec![1; all]);
        Rc::make_mut(&mut bench.baseline).put(0, &vec![1; all], &[]);
        Rc::make_mut(&mut bench.run_mut().predictions).put(0, &vec![1; all - 1], &[]);
        assert_eq!((value(&bench, Figure::Accuracy), complete(&bench, Figure::Accuracy)), (Some(100.0), None));
        assert_eq!(complete(&bench, Figure::AccuracyF32), Some(100.0));
        Rc::make_mut(&mut bench.run_mut().predictions).put(all - 1, &[2], &[]);
        let change = -100.0 / all as f64;
        for (figure, expected) in [(Figure::Accuracy, 100.0 + change), (Figure::AccuracyChange, change), (Figure::Flips, 1.0)] {
            let found = complete(&bench, figure).unwrap();
            assert!((found - expected).abs() < 1e-9, "{figure:?}: {found}");
        }
    }

    #[test]
    fn figures_are_written_with_their_units() {
        for (figure, value, text) in [
            (Figure::Accuracy, 91.25, "91.2\u{a0}%"),
            (Figure::AccuracyChange, -21.0, "\u{2212}21.00\u{a0}points"),
            (Figure::Size, 38_400.0, "38.4\u{a0}kB"),
            (Figure::SizeRatio, 3.921, "3.92\u{d7}"),
            (Figure::Latency, 0.25, "250\u{a0}\u{b5}s"),
            (Figure::Flips, 1234.0, "1,234"),
        ] {
            assert_eq!(shown(figure, value), text);
        }
    }
}
