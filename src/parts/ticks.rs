//! The values that a format can tell apart, on a line; the taller one is zero.

use bitdial_protocol::Format;
use yew::prelude::*;

use crate::state::numbers::Numbers;

/// Quantiles of a normal distribution: Dettmers et al. 2023, appendix E.
const NF4: [f64; 16] = [-1.0, -0.696, -0.525, -0.395, -0.284, -0.185, -0.091, 0.0, 0.080, 0.161, 0.246, 0.338, 0.441, 0.563, 0.723, 1.0];
/// Width of the line, and the room beside it.
const LINE: (f64, f64) = (280.0, 4.0);

/// Magnitudes of a float with `e` exponent and `m` mantissa bits, as parts of the largest.
fn minifloat(e: u8, m: u8) -> Vec<f64> {
    let step = |mantissa: u32| f64::from(mantissa) / f64::from(1_u32 << m);
    let value = |exponent: u32, mantissa: u32| match exponent {
        0 => step(mantissa),
        e => (1.0 + step(mantissa)) * 2_f64.powi(e as i32 - 1),
    };
    let all: Vec<f64> = (0..1_u32 << e).flat_map(|exponent| (0..1_u32 << m).map(move |mantissa| value(exponent, mantissa))).collect();
    let largest = all.last().copied().unwrap_or(1.0).max(f64::MIN_POSITIVE);
    all.into_iter().map(|value| value / largest).collect()
}

fn both(magnitudes: Vec<f64>) -> Vec<f64> {
    magnitudes.iter().map(|value| -value).chain(magnitudes.iter().copied()).collect()
}

/// Every value as a place in -1..=1; none where weights decide, or where they are too many to draw.
fn places(numbers: Numbers) -> Vec<f64> {
    let width = numbers.width();
    let even = |levels: u32| (0..levels).map(|level| 2.0 * f64::from(level) / f64::from(levels - 1) - 1.0).collect();
    match numbers.format {
        Format::Int | Format::Fixed if width <= 8 => even(1 << width),
        Format::Mxint8 => even(256),
        Format::Ternary => even(3),
        Format::Minifloat if width <= 8 => {
            let e = numbers.exponent.get().min(width.saturating_sub(1));
            both(minifloat(e, width.saturating_sub(1 + e)))
        }
        Format::E4m3 | Format::Mxfp8E4m3 => both(minifloat(4, 3)),
        Format::E5m2 | Format::Mxfp8E5m2 => both(minifloat(5, 2)),
        Format::E3m2 | Format::Mxfp6E3m2 => both(minifloat(3, 2)),
        Format::E2m3 | Format::Mxfp6E2m3 => both(minifloat(2, 3)),
        Format::E2m1 | Format::Mxfp4 | Format::Nvfp4 => both(minifloat(2, 1)),
        Format::Nf4 => NF4.to_vec(),
        Format::Pot => both((0..(1_i32 << (width.clamp(2, 8) - 1)) - 1).map(|k| 0.5_f64.powi(k)).chain([0.0]).collect()),
        _ => Vec::new(),
    }
}

/// The line.
pub fn ticks(numbers: Numbers, symmetric: bool) -> Html {
    let all = places(numbers);
    let (width, edge) = LINE;
    let x = |place: f64| edge + (width - 2.0 * edge) * (place + 1.0) / 2.0;
    let path: String = all.iter().map(|place| format!("M{:.2} 5V16", x(*place))).collect();
    // Thin enough to stay apart as long as they can.
    let stroke = (width / 2.0 / all.len().max(1) as f64).clamp(0.5, 2.0);
    // Integers have one more below zero than above.
    let even = matches!(numbers.format, Format::Int | Format::Fixed);
    let zero = x(if even { 1.0 / f64::from((1_u32 << numbers.width().min(8)) - 1) } else { 0.0 });
    html! {
        <svg class="ticks" viewBox="0 0 280 26" aria-hidden="true">
            <path class="level" d={path} style={format!("stroke-width:{stroke:.2}")} />
            <line class="base" x1="0" x2="280" y1="16.5" y2="16.5" />
            if !all.is_empty() && symmetric && numbers.width() > 1 {
                <path class="zero" d={format!("M{zero:.2} 2V20")} />
            }
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::{Bits, Exponent};

    use super::*;

    #[test]
    fn places_are_those_of_the_format() {
        let numbers = |format, bits| Numbers { format, exponent: Exponent::new(2).unwrap(), bits: Bits::new(bits).unwrap() };
        for (numbers, count, second) in [
            (numbers(Format::Int, 2), 4, 1.0 / 3.0),
            (numbers(Format::Ternary, 8), 3, 0.0),
            // 0, 0.5, 1, 1.5, 2, 3, 4, 6 of OCP MX 1.0, and their negatives.
            (numbers(Format::Mxfp4, 8), 16, 4.0 / 6.0),
            (numbers(Format::Minifloat, 4), 16, 4.0 / 6.0),
            (numbers(Format::Nf4, 4), 16, 0.723),
            (numbers(Format::Pot, 3), 8, 0.5),
            (numbers(Format::Codebook, 4), 0, 0.0),
            (numbers(Format::Int, 16), 0, 0.0),
        ] {
            let mut places = places(numbers);
            places.sort_by(f64::total_cmp);
            assert_eq!(places.len(), count, "{numbers:?}");
            let found = places.len().checked_sub(2).map_or(0.0, |at| places[at]);
            assert!((found - second).abs() < 1e-9, "{numbers:?}: {found}");
        }
    }
}
