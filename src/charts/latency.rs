//! Latency of one image, f32 and quantized, with the spread of the runs.

use bitdial_protocol::Timing;
use plotters::prelude::*;
use yew::prelude::*;

use super::draw::{Drawing, FLOAT, INK, LINE, QUANTIZED, SOFT, drawing, text, use_still};
use super::export::{Column, KIND, Table};
use super::frame::{Frame, plot, use_width};
use crate::format::{factor, time};
use crate::state::bench::Latency;
use crate::state::rules::{self, Way};
use crate::state::use_page;

/// Room for names on the left and for figures on the right.
const SIDES: (i32, i32) = (40, 78);
/// From bar to bar, the height of one, and what is left above and below.
const STEP: i32 = 38;
const THICK: i32 = 24;
const EDGES: i32 = 16;

/// A bar: what it is called, its time, its colour.
type Bar = (&'static str, Timing, RGBColor);

/// The bars of what is known: f32, A where one is pinned, the recipe in force.
fn bars(now: Option<Latency>, a: Option<Timing>, tag: &'static str) -> Vec<Bar> {
    let Some(now) = now else { return Vec::new() };
    let a = a.map(|timing| ("A", timing, INK));
    let name = if a.is_some() { "B" } else { tag };
    [("f32", now.float, FLOAT)].into_iter().chain(a).chain([(name, now.quantized, QUANTIZED)]).collect()
}

fn draw(bars: &[Bar], longest: f64, rows: usize, width: u32) -> Drawing {
    let height = STEP * rows as i32 + EDGES;
    drawing(width, height as u32, |area| {
        if bars.is_empty() {
            return Ok(Vec::new());
        }
        let room = width as i32 - SIDES.0 - SIDES.1;
        let x = |ms: f64| SIDES.0 + (f64::from(room) * ms / longest.max(f64::MIN_POSITIVE)).round() as i32;
        for (index, (name, timing, colour)) in bars.iter().enumerate() {
            let top = 10 + STEP * index as i32;
            let middle = top + THICK / 2;
            area.draw(&Text::new(*name, (0, middle - 7), text(&SOFT)))?;
            area.draw(&Rectangle::new([(SIDES.0, top), (x(timing.median), top + THICK)], colour.filled()))?;
            // The spread: from the tenth to the ninetieth percentile.
            let whisker = |a, b| PathElement::new(vec![a, b], SOFT.stroke_width(1));
            let (low, high) = (x(timing.p10), x(timing.p90));
            area.draw(&whisker((low, middle), (high, middle)))?;
            area.draw(&whisker((low, middle - 5), (low, middle + 5)))?;
            area.draw(&whisker((high, middle - 5), (high, middle + 5)))?;
            let after = x(timing.median).max(high) + 8;
            area.draw(&Text::new(time(timing.median).to_string(), (after, middle - 7), text(&SOFT)))?;
        }
        area.draw(&PathElement::new(vec![(SIDES.0, 4), (SIDES.0, height - 12)], LINE.stroke_width(1)))?;
        Ok(Vec::new())
    })
}

/// The chart.
#[hook]
pub fn use_latency_chart() -> Html {
    let page = use_page();
    let (node, width) = use_width();
    let bench = &page.state.bench;
    let now = bench.run().latency;
    let way = rules::way(&page.state.link.recipe);
    let a = bench.a();
    let bars = bars(now, a.and_then(|a| a.latency).map(|latency| latency.quantized), way.tag());
    let wanted = bars.iter().map(|(_, timing, _)| timing.p90).fold(0.0, f64::max);
    let longest = use_still(bench.entry.id.clone(), (!bars.is_empty()).then_some(0.0..wanted), page.state.dragging.is_some()).end;
    // A row for A is held free, whether its time is known or not.
    let rows = if a.is_some() { 3 } else { 2 };
    let drawing = use_memo((bars.clone(), longest, rows, width), |(bars, longest, rows, width)| draw(bars, *longest, *rows, *width));
    let row = |name: &'static str, timing: Timing, kind: &'static str| -> Vec<AttrValue> {
        let ms = |value: f64| AttrValue::from(format!("{value:.4}"));
        vec![name.into(), ms(timing.median), ms(timing.p10), ms(timing.p90), timing.runs.to_string().into(), kind.into()]
    };
    let row = |(name, timing, _): &Bar| match *name {
        "f32" => row("f32", *timing, "measured"),
        "A" => row("A", *timing, a.map_or("measured", |a| rules::way(&a.recipe).kind())),
        _ => row("quantized", *timing, way.kind()),
    };
    let rows = bars.iter().map(row).collect();
    let table = Table {
        columns: vec![
            Column::plain("model"),
            Column::measured("median ms", "latency", "ms"),
            Column::plain("p10 ms"),
            Column::plain("p90 ms"),
            Column::plain("runs"),
            Column::plain(KIND),
        ],
        rows,
    };
    let label = match now {
        Some(latency) => {
            format!("Latency: f32 {}, quantized ({}) {}", time(latency.float.median), way.name(), time(latency.quantized.median))
        }
        None => "Latency: not measured yet".to_owned(),
    };
    let description = match now.and_then(|l| factor(l.quantized.median, l.float.median, "faster than", "slower than").zip(Some(l))) {
        Some(((much, word), latency)) => {
            format!(
                "One image, one worker, the others at rest: {much} {word} f32. Median of {} runs, taken in turn.{}",
                latency.quantized.runs,
                if way == Way::Simulated { " It is the time of the simulation." } else { "" }
            )
        }
        None => "One image, one worker, the others at rest; f32 and quantized taken in turn.".to_owned(),
    };
    let aside = "bar: median \u{b7} line: p10 to p90";
    let frame = Frame { id: "latency", title: "Latency", aside, description: &description, drawing: &drawing, table };
    frame.view(&page, plot(&node, &drawing, &[], label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_are_as_long_as_the_times() {
        let timing = |median: f64| Timing { median, p10: median, p90: median, runs: 9 };
        let bars = bars(Some(Latency { float: timing(2.0), quantized: timing(1.0) }), Some(timing(0.5)), "sim");
        assert_eq!(bars.iter().map(|(name, ..)| *name).collect::<Vec<_>>(), ["f32", "A", "B"]);
        let drawing = draw(&bars, 2.0, 3, 340);
        // 340 less the sides leaves 222 pixels for the longer bar.
        assert!(
            drawing.svg.contains("width=\"222\"") && drawing.svg.contains("width=\"111\"") && drawing.svg.contains("width=\"56\""),
            "{}",
            drawing.svg
        );
    }
}
