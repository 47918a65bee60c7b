//! Values of a layer, the values that quantization leaves them, and the range beyond which they are clipped.

use std::ops::Range;

use bitdial_protocol::Histogram;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use yew::prelude::*;

use super::draw::{Area, Drawing, Drawn, FLOAT, INK, LINE, QUANTIZED, SOFT, drawing, text, use_still};
use super::export::{Column, Table};
use super::frame::{FigureTable, plot, use_width};

const HEIGHT: u32 = 148;
/// Where the bars stand, and how high they may be.
const FLOOR: i32 = 116;
const HIGH: f64 = 100.0;
/// More levels than this are a surface, not lines between bars.
const MOST_LINES: usize = 64;
/// How long the strokes are that stand for a level of A, and for one of its ends.
const A_LEVEL: i32 = 7;
const A_END: i32 = 22;

/// What is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The values in f32.
    pub bars: Histogram,
    /// The values that they may take, ascending; none while they are not known.
    pub grid: Vec<f32>,
    /// Where the grid begins and ends; what lies beyond is clipped.
    pub ends: Option<(f32, f32)>,
    /// The same of A, where one is pinned: its values, where they begin and end.
    pub a: Option<Grid>,
}

/// Values that a tensor may take, and where they begin and end, if anywhere.
pub type Grid = (Vec<f32>, Option<(f32, f32)>);

/// Places on the horizontal axis.
struct Axis {
    low: f64,
    high: f64,
    width: i32,
}

impl Tensor {
    /// The range that holds all of it.
    fn range(&self) -> Range<f64> {
        let (mut low, mut high) = (self.bars.low, self.bars.high);
        let of_a = self.a.iter().map(|(grid, ends)| (grid, *ends));
        for (grid, ends) in of_a.chain([(&self.grid, self.ends)]) {
            for value in grid.iter().copied().chain(ends.into_iter().flat_map(<[f32; 2]>::from)) {
                (low, high) = (low.min(value), high.max(value));
            }
        }
        low.into()..high.into()
    }
}

impl Axis {
    fn place(&self, value: f64) -> i32 {
        4 + (f64::from(self.width - 8) * (value - self.low) / (self.high - self.low).max(f64::MIN_POSITIVE)).round() as i32
    }
}

fn draw(tensor: Option<&Tensor>, range: &Range<f64>, width: u32) -> Drawing {
    drawing(width, HEIGHT, |area| {
        let axis = Axis { low: range.start, high: range.end, width: width as i32 };
        if let Some(tensor) = tensor {
            tensor.draw(area, &axis)?;
        }
        let x = |value: f64| axis.place(value);
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

/// Strokes of a pixel that touch are one, so that 256 levels are not 256 elements.
fn runs(places: impl Iterator<Item = i32>) -> Vec<(i32, i32)> {
    let mut runs: Vec<(i32, i32)> = Vec::new();
    for at in places {
        match runs.last_mut() {
            Some((_, to)) if at == *to || at == *to + 1 => *to = at,
            _ => runs.push((at, at)),
        }
    }
    runs
}

impl Tensor {
    fn draw(&self, area: &Area, axis: &Axis) -> Drawn<()> {
        let (tensor, bars) = (self, &self.bars);
        let x = |value: f64| axis.place(value);
        if let Some((low, high)) = tensor.ends {
            // What is clipped lies in the shade.
            for (from, to) in [(0, x(low.into())), (x(high.into()), axis.width)] {
                area.draw(&Rectangle::new([(from, 8), (to, FLOOR)], LINE.mix(0.55).filled()))?;
            }
        }
        let tallest = bars.counts.iter().max().copied().unwrap_or(1).max(1);
        let step = (f64::from(bars.high) - f64::from(bars.low)) / bars.counts.len().max(1) as f64;
        // All bars are one outline, so that a hundred of them are one element.
        let outline = bars.counts.iter().enumerate().filter(|(_, count)| **count > 0).flat_map(|(index, count)| {
            let left = f64::from(bars.low) + step * index as f64;
            // A single value is still seen.
            let top = FLOOR - (HIGH * f64::from(*count) / f64::from(tallest)).ceil() as i32;
            let (left, right) = (x(left), (x(left + step) - 1).max(x(left) + 1));
            [(left, FLOOR), (left, top), (right, top), (right, FLOOR)]
        });
        area.draw(&Polygon::new(outline.collect::<Vec<_>>(), FLOAT.mix(0.45).filled()))?;
        // Many levels would cover the bars: they stand below them.
        let top = if tensor.grid.len() > MOST_LINES { FLOOR + 1 } else { 8 };
        for (from, to) in runs(tensor.grid.iter().map(|level| x(f64::from(*level)))) {
            area.draw(&Rectangle::new([(from, top), (to + 1, FLOOR + 8)], QUANTIZED.filled()))?;
        }
        for end in tensor.ends.into_iter().flat_map(|(low, high)| [low, high]) {
            let at = x(end.into());
            area.draw(&DashedPathElement::new([(at, 4), (at, FLOOR)], 3, 2, SOFT.stroke_width(1)))?;
        }
        // A hangs from above: short strokes, and longer ones at its ends.
        if let Some((grid, ends)) = &tensor.a {
            for (from, to) in runs(grid.iter().map(|level| x(f64::from(*level)))) {
                area.draw(&Rectangle::new([(from, 0), (to + 1, A_LEVEL)], INK.filled()))?;
            }
            for end in ends.iter().flat_map(|(low, high)| [*low, *high]) {
                let at = x(f64::from(end));
                area.draw(&PathElement::new(vec![(at, 0), (at, A_END)], INK.stroke_width(2)))?;
            }
        }
        Ok(())
    }
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
    /// Its model.
    pub model: &'static str,
    /// Whether something is dragged.
    pub dragging: bool,
}

/// The chart.
#[component]
pub fn HistogramChart(props: &Props) -> Html {
    let (node, width) = use_width();
    let (key, wanted) = (format!("{} {} {}", props.model, props.what, props.layer), props.tensor.as_ref().map(Tensor::range));
    let range = use_still(key, wanted, props.dragging);
    let drawing = use_memo((props.tensor.clone(), (range.start, range.end), width), |(tensor, (low, high), width)| {
        draw(tensor.as_ref(), &(*low..*high), *width)
    });
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
    fn strokes_that_touch_are_one() {
        for (places, expected) in [(&[][..], &[][..]), (&[3, 5, 5, 6, 9], &[(3, 3), (5, 6), (9, 9)]), (&[0, 1, 2], &[(0, 2)])] {
            assert_eq!(runs(places.iter().copied()), expected, "{places:?}");
        }
    }

    #[test]
    fn bars_and_levels_are_drawn_where_they_lie() {
        let bars = Histogram { low: -1.0, high: 1.0, counts: vec![1, 0, 4, 1] };
        let mut tensor = Tensor { bars, grid: vec![-1.0, 0.0, 1.0], ends: None, a: None };
        let svg = draw(Some(&tensor), &tensor.range(), 408).svg;
        // Zero is in the middle of 400 pixels, 4 from the left.
        assert!(svg.contains("<rect x=\"204\" y=\"8\" width=\"1\""), "{svg}");
        // Three bars, of heights 1, 4 and 1; the second bin holds nothing.
        let bars = "points=\"4,116 4,91 103,91 103,116 204,116 204,16 303,16 303,116 304,116 304,91 403,91 403,116 ";
        assert!(svg.matches("#3B6FB6").count() == 1 && svg.contains(bars), "{svg}");
        let shades = svg.matches("opacity=\"0.55\"").count();
        tensor.ends = Some((-0.5, 1.0));
        let svg = draw(Some(&tensor), &tensor.range(), 408).svg;
        // A quarter of the range is clipped on the left, and nothing on the right but the margin.
        assert_eq!(svg.matches("opacity=\"0.55\"").count(), shades + 2, "{svg}");
        assert!(svg.contains("width=\"104\"") && svg.contains("width=\"4\""), "{svg}");
        assert!(!svg.contains("#15181D"), "{svg}");
        // A reaches further: the axis holds it, and its levels and ends hang from above.
        tensor.a = Some((vec![-3.0, 1.0], Some((-3.0, 1.0))));
        let svg = draw(Some(&tensor), &tensor.range(), 408).svg;
        assert_eq!((tensor.range(), svg.matches("#15181D").count()), (-3.0..1.0, 4), "{svg}");
        // Nothing to draw: the axis stays.
        let axis = draw(None, &(-3.0..1.0), 408).svg;
        assert!(axis.contains("-3.00") && axis.contains("1.00") && !axis.contains("#3B6FB6"), "{axis}");
    }
}
