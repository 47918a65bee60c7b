//! Values of a layer, the values that quantization leaves them, and the range beyond which they are clipped.

use bitdial_protocol::Histogram;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use yew::prelude::*;

use super::draw::{Drawing, FLOAT, LINE, QUANTIZED, SOFT, drawing, text};
use super::export::{Column, Table};
use super::frame::{FigureTable, plot, use_width};

const HEIGHT: u32 = 148;
/// Where the bars stand, and how high they may be.
const FLOOR: i32 = 116;
const HIGH: f64 = 100.0;
/// More levels than this are a surface, not lines between bars.
const MOST_LINES: usize = 64;

/// What is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The values in f32.
    pub bars: Histogram,
    /// The values that they may take, ascending; none while they are not known.
    pub grid: Vec<f32>,
    /// Where the grid begins and ends; what lies beyond is clipped.
    pub ends: Option<(f32, f32)>,
}

/// Places on the horizontal axis.
struct Axis {
    low: f64,
    high: f64,
    width: i32,
}

impl Axis {
    /// One that holds all of a tensor.
    fn of(tensor: &Tensor, width: u32) -> Self {
        let (mut low, mut high) = (tensor.bars.low, tensor.bars.high);
        for value in tensor.grid.iter().copied().chain(tensor.ends.into_iter().flat_map(|(low, high)| [low, high])) {
            (low, high) = (low.min(value), high.max(value));
        }
        Self { low: low.into(), high: high.into(), width: width as i32 }
    }

    fn place(&self, value: f64) -> i32 {
        4 + (f64::from(self.width - 8) * (value - self.low) / (self.high - self.low).max(f64::MIN_POSITIVE)).round() as i32
    }
}

fn draw(tensor: Option<&Tensor>, width: u32) -> Drawing {
    drawing(width, HEIGHT, |area| {
        let Some(tensor) = tensor else { return Ok(Vec::new()) };
        let (bars, axis) = (&tensor.bars, Axis::of(tensor, width));
        let x = |value: f64| axis.place(value);
        if let Some((low, high)) = tensor.ends {
            // What is clipped lies in the shade.
            for (from, to) in [(0, x(low.into())), (x(high.into()), axis.width)] {
                area.draw(&Rectangle::new([(from, 8), (to, FLOOR)], LINE.mix(0.55).filled()))?;
            }
        }
        let tallest = bars.counts.iter().max().copied().unwrap_or(1).max(1);
        let step = (f64::from(bars.high) - f64::from(bars.low)) / bars.counts.len().max(1) as f64;
        for (index, count) in bars.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let left = f64::from(bars.low) + step * index as f64;
            // A single value is still seen.
            let top = FLOOR - (HIGH * f64::from(*count) / f64::from(tallest)).ceil() as i32;
            let right = (x(left + step) - 1).max(x(left) + 1);
            area.draw(&Rectangle::new([(x(left), top), (right, FLOOR)], FLOAT.mix(0.45).filled()))?;
        }
        // Many levels would cover the bars: they stand below them.
        let top = if tensor.grid.len() > MOST_LINES { FLOOR + 1 } else { 8 };
        for level in &tensor.grid {
            let at = x(f64::from(*level));
            area.draw(&PathElement::new(vec![(at, top), (at, FLOOR + 8)], QUANTIZED.stroke_width(1)))?;
        }
        for end in tensor.ends.into_iter().flat_map(|(low, high)| [low, high]) {
            let at = x(end.into());
            area.draw(&DashedPathElement::new([(at, 4), (at, FLOOR)], 3, 2, SOFT.stroke_width(1)))?;
        }
        area.draw(&PathElement::new(vec![(0, FLOOR), (axis.width, FLOOR)], LINE.stroke_width(1)))?;
        let label = |value: f64| if value.abs() >= 9.95 { format!("{value:.1}") } else { format!("{value:.2}") };
        area.draw(&Text::new(label(axis.low), (2, FLOOR + 14), text(&SOFT)))?;
        if axis.low < 0.0 && axis.high > 0.0 && (40..axis.width - 50).contains(&x(0.0)) {
            area.draw(&Text::new("0", (x(0.0) - 3, FLOOR + 14), text(&SOFT)))?;
        }
        area.draw(&Text::new(label(axis.high), (axis.width - 34, FLOOR + 14), text(&SOFT)))?;
        Ok(Vec::new())
    })
}

#[derive(Properties, PartialEq)]
pub struct Props {
    /// What is counted: `weights` or `activations`.
    pub what: &'static str,
    /// What is drawn, once it is here.
    pub tensor: Option<Tensor>,
    /// What it shows, in a sentence.
    pub caption: String,
    /// The layer's name.
    pub layer: String,
}

/// The chart.
#[component]
pub fn HistogramChart(props: &Props) -> Html {
    let (node, width) = use_width();
    let drawing = use_memo((props.tensor.clone(), width), |(tensor, width)| draw(tensor.as_ref(), *width));
    let rows = props.tensor.as_ref().map(|tensor| {
        let bars = &tensor.bars;
        let step = (bars.high - bars.low) / bars.counts.len().max(1) as f32;
        let row = |(index, count): (usize, &u32)| -> Vec<AttrValue> {
            let from = bars.low + step * index as f32;
            vec![format!("{from:.5}").into(), format!("{:.5}", from + step).into(), count.to_string().into()]
        };
        bars.counts.iter().enumerate().map(row).collect::<Vec<_>>()
    });
    let table =
        Table { columns: vec![Column::plain("from"), Column::plain("to"), Column::plain(props.what)], rows: rows.unwrap_or_default() };
    html! {
        <div class="histogram" data-of={props.what}>
            { plot(&node, &drawing, &[], props.caption.clone()) }
            <p class="desc">{&props.caption}</p>
            <FigureTable id={props.what} title={format!("{} of {}", props.what, props.layer)} drawing={(Drawing::clone(&drawing), AttrValue::from(props.caption.clone()))} {table} />
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_levels_are_drawn_where_they_lie() {
        let bars = Histogram { low: -1.0, high: 1.0, counts: vec![1, 0, 4, 1] };
        let mut tensor = Tensor { bars, grid: vec![-1.0, 0.0, 1.0], ends: None };
        let svg = draw(Some(&tensor), 408).svg;
        // Zero is in the middle of 400 pixels, 4 from the left.
        assert!(svg.contains("204,8"), "{svg}");
        assert_eq!(svg.matches("#3B6FB6").count(), 3, "a bar for each bin that holds values");
        let shades = svg.matches("opacity=\"0.55\"").count();
        tensor.ends = Some((-0.5, 1.0));
        let svg = draw(Some(&tensor), 408).svg;
        // A quarter of the range is clipped on the left, and nothing on the right but the margin.
        assert_eq!(svg.matches("opacity=\"0.55\"").count(), shades + 2, "{svg}");
        assert!(svg.contains("width=\"104\"") && svg.contains("width=\"4\""), "{svg}");
    }
}
