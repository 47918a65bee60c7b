//! Latency of one image, f32 and quantized, with the spread of the runs.

use bitdial_protocol::Timing;
use plotters::prelude::*;
use yew::prelude::*;

use super::draw::{Drawing, FLOAT, LINE, QUANTIZED, SOFT, drawing, text};
use super::export::{Column, KIND, Table};
use super::frame::{Frame, plot, use_width};
use crate::format::{factor, time};
use crate::state::bench::Latency;
use crate::state::rules::{Way, way};
use crate::state::use_page;

const HEIGHT: u32 = 92;
/// Room for names on the left and for figures on the right.
const SIDES: (i32, i32) = (40, 78);
/// Top of each bar, and its height.
const BARS: [i32; 2] = [10, 48];
const THICK: i32 = 24;

fn draw(latency: Option<&Latency>, tag: &'static str, width: u32) -> Drawing {
    drawing(width, HEIGHT, |area| {
        let Some(latency) = latency else { return Ok(Vec::new()) };
        let longest = latency.float.p90.max(latency.quantized.p90).max(f64::MIN_POSITIVE);
        let room = width as i32 - SIDES.0 - SIDES.1;
        let x = |ms: f64| SIDES.0 + (f64::from(room) * ms / longest).round() as i32;
        for (top, name, timing, colour) in [(BARS[0], "f32", latency.float, FLOAT), (BARS[1], tag, latency.quantized, QUANTIZED)] {
            let middle = top + THICK / 2;
            area.draw(&Text::new(name, (0, middle - 7), text(&SOFT)))?;
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
        area.draw(&PathElement::new(vec![(SIDES.0, 4), (SIDES.0, HEIGHT as i32 - 12)], LINE.stroke_width(1)))?;
        Ok(Vec::new())
    })
}

/// The chart.
#[component]
pub fn LatencyChart() -> Html {
    let page = use_page();
    let (node, width) = use_width();
    let bench = &page.state.bench;
    let now = bench.run().latency;
    let way = way(&page.state.link.recipe);
    let drawing = use_memo((now, way, width), |(latency, way, width)| draw(latency.as_ref(), way.tag(), *width));
    let row = |name: &'static str, timing: Timing, kind: &'static str| -> Vec<AttrValue> {
        let ms = |value: f64| AttrValue::from(format!("{value:.4}"));
        vec![name.into(), ms(timing.median), ms(timing.p10), ms(timing.p90), timing.runs.to_string().into(), kind.into()]
    };
    let kind = way.kind();
    let rows =
        now.map(|latency| vec![row("f32", latency.float, "measured"), row("quantized", latency.quantized, kind)]).unwrap_or_default();
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
        let drawing = draw(Some(&Latency { float: timing(2.0), quantized: timing(1.0) }), "sim", 340);
        // 340 less the sides leaves 222 pixels for the longer bar.
        assert!(drawing.svg.contains("width=\"222\"") && drawing.svg.contains("width=\"111\""), "{}", drawing.svg);
    }
}
