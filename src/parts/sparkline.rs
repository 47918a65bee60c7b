//! A sparkline: one figure over the recipes tried, in the order of their trial.

use yew::prelude::*;

/// Pixels.
const SIZE: (f64, f64) = (52.0, 22.0);
/// Room for the dot.
const EDGE: f64 = 3.5;

/// Places of `values` in the picture, from the left; all at mid-height where they are equal.
fn places(values: &[f64]) -> Vec<(f64, f64)> {
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
    let step = (SIZE.0 - 2.0 * EDGE) / (values.len().max(2) - 1) as f64;
    let height = |value: f64| if high > low { (value - low) / (high - low) } else { 0.5 };
    let place = |(index, value): (usize, &f64)| (EDGE + step * index as f64, SIZE.1 - EDGE - (SIZE.1 - 2.0 * EDGE) * height(*value));
    values.iter().enumerate().map(place).collect()
}

/// The line, with a dot at the value in force; empty, but as large, before there are two values.
pub fn sparkline(values: &[f64], current: Option<usize>) -> Html {
    let places = if values.len() < 2 { Vec::new() } else { places(values) };
    let points: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let dot = current.and_then(|index| places.get(index)).map(|(x, y)| {
        html! { <circle cx={format!("{x:.1}")} cy={format!("{y:.1}")} r="3" /> }
    });
    html! {
        <svg class="spark" width={SIZE.0.to_string()} height={SIZE.1.to_string()} aria-hidden="true">
            <polyline points={points.join(" ")} />
            { for dot }
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_goes_from_left_to_right_and_up_with_its_values() {
        assert_eq!(places(&[1.0, 3.0, 2.0]), [(3.5, 18.5), (26.0, 3.5), (48.5, 11.0)]);
        assert_eq!(places(&[2.0, 2.0]), [(3.5, 11.0), (48.5, 11.0)]);
    }
}
