//! The weights of a layer, and the levels that its bits leave them.

use std::rc::Rc;

use bitdial_protocol::LayerDetail;
use plotters::prelude::*;
use yew::prelude::*;

use super::draw::{Drawing, FLOAT, LINE, QUANTIZED, SOFT, drawing, text};
use super::export::{Column, Table};
use super::frame::{figures, plot, use_width};
use crate::state::use_page;

const HEIGHT: u32 = 196;
/// Where the bars stand, and how high they may be.
const FLOOR: i32 = 162;
const HIGH: f64 = 146.0;
/// More levels than this are a surface, not lines between bars.
const MOST_LINES: usize = 64;

fn draw(detail: Option<&LayerDetail>, width: u32) -> Drawing {
    drawing(width, HEIGHT, |area| {
        let Some(detail) = detail else { return Ok(Vec::new()) };
        let bars = &detail.weights;
        let ends = |low: f32, high: f32| (f64::from(low), f64::from(high));
        let (mut low, mut high) = ends(bars.low, bars.high);
        if let (Some(first), Some(last)) = (detail.grid.first(), detail.grid.last()) {
            (low, high) = (low.min(f64::from(*first)), high.max(f64::from(*last)));
        }
        let span = (high - low).max(f64::MIN_POSITIVE);
        let room = f64::from(width as i32 - 8);
        let x = |value: f64| 4 + (room * (value - low) / span).round() as i32;
        let tallest = bars.counts.iter().max().copied().unwrap_or(1).max(1);
        let step = (f64::from(bars.high) - f64::from(bars.low)) / bars.counts.len().max(1) as f64;
        for (index, count) in bars.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let left = f64::from(bars.low) + step * index as f64;
            // A single weight is still seen.
            let top = FLOOR - (HIGH * f64::from(*count) / f64::from(tallest)).ceil() as i32;
            let right = (x(left + step) - 1).max(x(left) + 1);
            area.draw(&Rectangle::new([(x(left), top), (right, FLOOR)], FLOAT.mix(0.45).filled()))?;
        }
        // Many levels would cover the bars: they stand below them.
        let top = if detail.grid.len() > MOST_LINES { FLOOR + 1 } else { 8 };
        for level in &detail.grid {
            let at = x(f64::from(*level));
            area.draw(&PathElement::new(vec![(at, top), (at, FLOOR + 8)], QUANTIZED.stroke_width(1)))?;
        }
        area.draw(&PathElement::new(vec![(0, FLOOR), (width as i32, FLOOR)], LINE.stroke_width(1)))?;
        let label = |value: f64| if value.abs() >= 9.95 { format!("{value:.1}") } else { format!("{value:.2}") };
        area.draw(&Text::new(label(low), (2, FLOOR + 14), text(&SOFT)))?;
        if low < 0.0 && high > 0.0 {
            area.draw(&Text::new("0", (x(0.0) - 3, FLOOR + 14), text(&SOFT)))?;
        }
        area.draw(&Text::new(label(high), (width as i32 - 34, FLOOR + 14), text(&SOFT)))?;
        Ok(Vec::new())
    })
}

#[derive(Properties)]
pub struct Props {
    /// What the engine says of the layer, once it is here.
    pub detail: Option<Rc<LayerDetail>>,
    /// Its bits.
    pub bits: u8,
    /// Its short name.
    pub layer: String,
}

impl PartialEq for Props {
    fn eq(&self, other: &Self) -> bool {
        self.detail == other.detail && self.bits == other.bits && self.layer == other.layer
    }
}

/// The chart.
#[component]
pub fn HistogramChart(props: &Props) -> Html {
    let page = use_page();
    let (node, width) = use_width();
    let detail = props.detail.clone();
    let drawing = use_memo((detail.clone(), width), |(detail, width)| draw(detail.as_deref(), *width));
    let whose = match detail.as_deref().and_then(|detail| detail.grid_channel) {
        Some(channel) => format!(" (of channel {channel}, the widest)"),
        None => String::new(),
    };
    let levels = detail.as_deref().is_some_and(|detail| !detail.grid.is_empty());
    let caption = match levels {
        true => format!("weights of {}, and the {} levels that {} bits leave them{whose}", props.layer, 1_u32 << props.bits, props.bits),
        false => format!("weights of {}; the levels follow", props.layer),
    };
    let rows = detail.as_deref().map(|detail| {
        let bars = &detail.weights;
        let step = (bars.high - bars.low) / bars.counts.len().max(1) as f32;
        let row = |(index, count): (usize, &u32)| -> Vec<AttrValue> {
            let from = bars.low + step * index as f32;
            vec![format!("{from:.5}").into(), format!("{:.5}", from + step).into(), count.to_string().into()]
        };
        bars.counts.iter().enumerate().map(row).collect::<Vec<_>>()
    });
    let table =
        Table { columns: vec![Column::plain("from"), Column::plain("to"), Column::plain("weights")], rows: rows.unwrap_or_default() };
    html! {
        <div class="histogram">
            { plot(&node, &drawing, &[], caption.clone()) }
            <p class="desc">{caption}</p>
            { figures(&page, "weights", &format!("Weights of {}", props.layer), &drawing, &table) }
        </div>
    }
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::Histogram;

    use super::*;

    #[test]
    fn bars_and_levels_are_drawn_where_they_lie() {
        let detail = LayerDetail {
            name: "a".into(),
            weights: Histogram { low: -1.0, high: 1.0, counts: vec![1, 0, 4, 1] },
            grid: vec![-1.0, 0.0, 1.0],
            grid_channel: None,
            scales: 1,
            range_ratio: 1.0,
        };
        let svg = draw(Some(&detail), 408).svg;
        // Zero is in the middle of 400 pixels, 4 from the left.
        assert!(svg.contains("204,8"), "{svg}");
        assert_eq!(svg.matches("#3B6FB6").count(), 3, "a bar for each bin that holds weights");
    }
}
