//! Where the time goes: one inference by kinds of layers, f32 and quantized.

use bitdial_protocol::Profile;
use plotters::prelude::*;
use yew::prelude::*;

use super::draw::{CARD, Drawing, FLOAT, QUANTIZED, SOFT, drawing, text};
use super::export::{Column, Table};
use super::frame::{Frame, plot, use_width};
use crate::format::{percent, time};
use crate::kinds::Kind;
use crate::state::bench::Profiles;
use crate::state::use_page;

const HEIGHT: u32 = 84;
const DESCRIPTION: &str = "Median time of the layers of each kind: convolution, depthwise, pointwise, linear, the rest, from the left.";
/// Room for names on the left.
const LEFT: i32 = 40;
/// Top of each bar, and its height.
const BARS: [i32; 2] = [6, 42];
const THICK: i32 = 26;
/// Segments narrower than this carry no words.
const WORDS: i32 = 66;

/// Milliseconds by kind, in the order of [`Kind::ALL`].
fn by_kind(profile: &Profile) -> [f64; Kind::ALL.len()] {
    let mut sums = [0.0; Kind::ALL.len()];
    for layer in &profile.layers {
        sums[Kind::of(&layer.op) as usize] += layer.ms;
    }
    sums
}

fn draw(profiles: Option<&Profiles>, width: u32) -> Drawing {
    drawing(width, HEIGHT, |area| {
        let Some(profiles) = profiles else { return Ok(Vec::new()) };
        let bars = [(BARS[0], "f32", by_kind(&profiles.float), FLOAT), (BARS[1], "int", by_kind(&profiles.quantized), QUANTIZED)];
        let longest = bars.iter().map(|(_, _, sums, _)| sums.iter().sum::<f64>()).fold(f64::MIN_POSITIVE, f64::max);
        let room = f64::from(width as i32 - LEFT - 2);
        for (top, name, sums, colour) in bars {
            area.draw(&Text::new(name, (0, top + THICK / 2 - 7), text(&SOFT)))?;
            let mut before = 0.0;
            for (index, (kind, ms)) in Kind::ALL.iter().zip(sums).enumerate() {
                let x = |ms: f64| LEFT + (room * ms / longest).round() as i32;
                let (left, right) = (x(before), x(before + ms));
                before += ms;
                if right <= left {
                    continue;
                }
                let strength = 1.0 - 0.18 * index as f64;
                area.draw(&Rectangle::new([(left, top), (right, top + THICK)], colour.mix(strength).filled()))?;
                area.draw(&PathElement::new(vec![(right, top), (right, top + THICK)], CARD.stroke_width(1)))?;
                if right - left > WORDS {
                    area.draw(&Text::new(kind.name(), (left + 6, top + THICK / 2 - 7), text(&CARD)))?;
                }
            }
        }
        Ok(Vec::new())
    })
}

/// What the two profiles say, in a sentence or two.
fn why(profiles: &Profiles) -> String {
    let (float, quantized) = (by_kind(&profiles.float), by_kind(&profiles.quantized));
    let sum = |sums: &[f64]| sums.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let (all_float, all) = (sum(&float), sum(&quantized));
    let most = Kind::ALL.iter().zip(quantized).max_by(|a, b| a.1.total_cmp(&b.1));
    let (kind, ms) = most.map_or((Kind::Other, 0.0), |(kind, ms)| (*kind, ms));
    let part = format!("{} % of the quantized time is in {} layers", percent(ms / all, 0), kind.name());
    let ratio = |a: f64, b: f64| if a <= b { format!("{:.1}\u{d7} faster", b / a) } else { format!("{:.1}\u{d7} slower", a / b) };
    let there = float[kind as usize];
    let whole = ratio(all, all_float);
    match (there > 0.0 && ms > 0.0, ms / all > 0.95) {
        (true, true) => format!("{part}, which run {} than in f32.", ratio(ms, there)),
        (true, false) => format!("{part}, which run {} than in f32. The layers together run {whole}.", ratio(ms, there)),
        (false, _) => format!("{part}. The layers together run {whole} than in f32."),
    }
}

/// The chart.
#[component]
pub fn TimeChart() -> Html {
    let page = use_page();
    let (node, width) = use_width();
    let profiles = page.state.bench.run().profiles.clone();
    let drawing = use_memo((profiles.clone(), width), |(profiles, width)| draw(profiles.as_deref(), *width));
    let rows = profiles.as_deref().map(|profiles| {
        let (float, quantized) = (by_kind(&profiles.float), by_kind(&profiles.quantized));
        let row = |kind: Kind| -> Vec<AttrValue> {
            let ms = |value: f64| AttrValue::from(format!("{value:.4}"));
            vec![kind.name().into(), ms(float[kind as usize]), ms(quantized[kind as usize])]
        };
        Kind::ALL.into_iter().map(row).collect::<Vec<_>>()
    });
    let table = Table {
        columns: vec![Column::plain("layers"), Column::plain("f32 ms"), Column::plain("quantized ms")],
        rows: rows.unwrap_or_default(),
    };
    let label = match profiles.as_deref() {
        Some(profiles) => format!(
            "Where the time goes: f32 {}, quantized {}; by kind of layer in the table below",
            time(by_kind(&profiles.float).iter().sum()),
            time(by_kind(&profiles.quantized).iter().sum())
        ),
        None => "Where the time goes: not measured yet".to_owned(),
    };
    let text = profiles.as_deref().map_or("Measured when everything else is done.".to_owned(), why);
    let (title, aside) = ("Where the time goes", "measured layer by layer");
    let frame = Frame { id: "time", title, aside, description: DESCRIPTION, drawing: &drawing, table };
    frame.view(
        &page,
        html! {
            <>
                { plot(&node, &drawing, &[], label) }
                <p class="why">{text}</p>
            </>
        },
    )
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::{LayerTime, Timing};

    use super::*;

    fn profile(layers: &[(&str, f64)]) -> Profile {
        let layer = |(op, ms): &(&str, f64)| LayerTime {
            name: String::new(),
            op: (*op).into(),
            kernel: String::new(),
            ms: *ms,
            macs: 0,
            bytes: 0,
            limit: None,
            phases: None,
            alternatives: Vec::new(),
        };
        Profile { total: Timing::default(), layers: layers.iter().map(layer).collect(), rooflines: None }
    }

    #[test]
    fn the_sentence_says_what_the_profiles_say() {
        let profiles = Profiles {
            float: profile(&[("Conv 3x3", 4.0), ("Depthwise conv 3x3", 1.0)]),
            quantized: profile(&[("Conv 3x3", 2.0), ("Depthwise conv 3x3", 0.5)]),
        };
        let text = why(&profiles);
        assert!(text.starts_with("80 % of the quantized time is in convolution layers, which run 2.0\u{d7} faster"), "{text}");
        let svg = draw(Some(&profiles), 342).svg;
        assert!(svg.contains("convolution") && svg.contains("width=\"240\""), "{svg}");
    }
}
