//! Where the time goes: one inference by kinds of layers, or layer by layer, f32 and quantized.

use bitdial_protocol::{Bandwidth, LayerTime, Profile};
use plotters::prelude::*;
use yew::prelude::*;

use super::draw::{CARD, Drawing, FLOAT, INK, QUANTIZED, SOFT, drawing, text, use_still};
use super::export::{Column, Table};
use super::frame::{Frame, plot, use_width};
use super::time_layers;
use crate::format::{bytes, percent, significant, time};
use crate::kinds::{Kind, Name, names};
use crate::parts::segmented::segmented;
use crate::parts::use_last;
use crate::speed::{UNKNOWN, gmacs, parts, reason, share, tried};
use crate::state::bench::Profiles;
use crate::state::rules::{Way, way};
use crate::state::use_page;

/// What is drawn of what, and in which words.
const VIEWS: [&str; 2] = ["whole", "layer by layer"];
const LAYERS: &str = "Each layer: above f32; below quantized, by what is done: unpack, move, multiply (strongest), requantize. \
                      The upright line is the least time that this device's rooflines allow.";
const DESCRIPTION: &str = "Median time of the layers of each kind: convolution, depthwise, pointwise, linear, the rest, from the left; \
                           below, the quantized ones by \
                           what is done: unpack, move, multiply, requantize, other layers. \
                           The upright line is the least that the rooflines allow.";
/// Room for names on the left.
const LEFT: i32 = 40;
/// From bar to bar, and the height of one.
const STEP: i32 = 36;
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

/// Milliseconds by what is done, with names: parts of convolutions and linear layers, and all of the others.
fn by_part(profile: &Profile) -> [(&'static str, f64); 5] {
    let mut sums = [("unpack", 0.0), ("move", 0.0), ("multiply", 0.0), ("requantize", 0.0), ("the rest", 0.0)];
    for layer in &profile.layers {
        match &layer.phases {
            Some(phases) => parts(phases).iter().zip(&mut sums).for_each(|((_, ms), (_, sum))| *sum += ms),
            None => sums[4].1 += layer.ms,
        }
    }
    sums
}

/// The least time that the rooflines allow for the layers whose least time is known.
fn limit(profile: &Profile) -> Option<f64> {
    let limits: Vec<f64> = profile.layers.iter().filter_map(|layer| layer.limit).collect();
    (!limits.is_empty()).then(|| limits.iter().sum())
}

/// What the width stands for: the longest of the bars.
fn longest(profiles: &Profiles, a: Option<&Profiles>) -> f64 {
    let all = [Some(&profiles.float), Some(&profiles.quantized), a.map(|a| &a.quantized)];
    let parts: f64 = by_part(&profiles.quantized).iter().map(|(_, ms)| ms).sum();
    all.into_iter().flatten().map(|profile| by_kind(profile).iter().sum()).fold(parts, f64::max)
}

fn draw(profiles: Option<&Profiles>, a: Option<&Profiles>, longest: f64, tag: &'static str, width: u32) -> Drawing {
    drawing(width, (STEP * if a.is_some() { 4 } else { 3 } + 12) as u32, |area| {
        let Some(profiles) = profiles else { return Ok(Vec::new()) };
        let kinds = |profile: &Profile| Kind::ALL.map(Kind::name).into_iter().zip(by_kind(profile)).collect::<Vec<_>>();
        let a = a.map(|a| ("A", kinds(&a.quantized), INK, None));
        let tag = if a.is_some() { "B" } else { tag };
        let bars = [("f32", kinds(&profiles.float), FLOAT, None)].into_iter().chain(a).chain([
            (tag, kinds(&profiles.quantized), QUANTIZED, limit(&profiles.quantized)),
            ("", by_part(&profiles.quantized).to_vec(), QUANTIZED, None),
        ]);
        let (room, longest) = (f64::from(width as i32 - LEFT - 2), longest.max(f64::MIN_POSITIVE));
        for (index, (name, segments, colour, limit)) in bars.enumerate() {
            let top = 6 + STEP * index as i32;
            area.draw(&Text::new(name, (0, top + THICK / 2 - 7), text(&SOFT)))?;
            let mut before = 0.0;
            for (index, (name, ms)) in segments.into_iter().enumerate() {
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
                    area.draw(&Text::new(name, (left + 6, top + THICK / 2 - 7), text(&CARD)))?;
                }
            }
            if let Some(limit) = limit {
                let at = LEFT + (room * limit.min(longest) / longest).round() as i32;
                area.draw(&PathElement::new(vec![(at, top - 3), (at, top + THICK + 3)], INK.stroke_width(2)))?;
            }
        }
        Ok(Vec::new())
    })
}

/// How much of the quantized time is multiplication, and how near its layers come to the rooflines.
fn rate(profile: &Profile) -> String {
    let by_part = by_part(profile);
    let all = by_part.iter().map(|(_, ms)| ms).sum::<f64>();
    let macs = profile.layers.iter().map(|layer| layer.macs).sum();
    let (limit, timed) =
        profile.layers.iter().filter_map(|layer| Some((layer.limit?, layer.ms))).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
    let share =
        if timed > 0.0 { format!(", {} % of what this device's rooflines allow", percent(limit / timed, 0)) } else { String::new() };
    let multiply = percent(by_part[2].1 / all.max(f64::MIN_POSITIVE), 0);
    format!(" Multiplication is {multiply} % of the quantized time. In all {} GMAC/s{share}.", gmacs(macs, all))
}

/// What the device does at best.
fn device(profile: &Profile, dot: Option<&str>) -> Option<String> {
    let at = profile.rooflines.as_ref()?;
    let dot = dot.map_or(String::new(), |dot| format!(" ({dot} dot product)"));
    let list = |of: &dyn Fn(&Bandwidth) -> String| at.memory.iter().map(of).collect::<Vec<_>>().join(", ");
    let memory = format!("{} GB/s from {}", list(&|at| significant(at.read)), list(&|at| bytes(at.bytes).to_string()));
    let (integers, float) = (significant(at.dot), significant(at.float));
    Some(format!("One thread here at best: {integers} GMAC/s of 8-bit integers{dot}, {float} of f32; reads {memory}."))
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

/// Figures of a layer; times in milliseconds.
const COLUMNS: [&str; 13] = [
    "layer",
    "quantized",
    "f32",
    "A",
    "GMAC/s",
    "% of roofline",
    "unpack",
    "move",
    "multiply",
    "requantize",
    "operator",
    "kernel",
    "tried",
];
/// Of which A's is there only while one is pinned.
const OF_A: usize = 3;

/// A layer by its name, quantized and in f32, and A's time.
fn row(name: &Name, layer: &LayerTime, float: &LayerTime, a: Option<f64>) -> Vec<AttrValue> {
    let ms = |value: f64| format!("{value:.4}");
    let phases = layer.phases.as_ref().map(parts);
    let phase = |i: usize| phases.map_or(UNKNOWN.to_owned(), |parts| ms(parts[i].1));
    let share = share(layer).map_or(UNKNOWN.to_owned(), |share| percent(share, 0));
    let tried = tried(&layer.alternatives).unwrap_or(UNKNOWN.to_owned());
    // What has nothing to do takes no time: another name, or fused into a layer before.
    let whole = |value: f64| if value > 0.0 { ms(value) } else { UNKNOWN.to_owned() };
    let figures = [
        whole(layer.ms),
        whole(float.ms),
        a.map_or(UNKNOWN.to_owned(), whole),
        gmacs(layer.macs, layer.ms),
        share,
        phase(0),
        phase(1),
        phase(2),
        phase(3),
    ];
    let words = [layer.op.clone(), layer.kernel.clone(), tried];
    [name.long.clone()].into_iter().chain(figures).chain(words).map(AttrValue::from).collect()
}

/// Every layer.
fn table(profiles: Option<&Profiles>, a: Option<&Profiles>) -> Table {
    let layers = profiles.into_iter().flat_map(|profiles| profiles.quantized.layers.iter().zip(&profiles.float.layers));
    let names = names(layers.clone().map(|(layer, _)| layer.op.as_str()));
    let of_a = |name: &str| a?.quantized.layers.iter().find(|other| other.name == name).map(|layer| layer.ms);
    let mut rows: Vec<_> = names.iter().zip(layers).map(|(name, (layer, float))| row(name, layer, float, of_a(&layer.name))).collect();
    let mut columns = COLUMNS.map(Column::plain).to_vec();
    if a.is_none() {
        columns.remove(OF_A);
        rows.iter_mut().for_each(|row| drop(row.remove(OF_A)));
    }
    Table { columns, rows }
}

/// The chart.
#[hook]
pub fn use_time_chart() -> Html {
    let page = use_page();
    let (node, width) = use_width();
    let profiles = page.state.bench.run().profiles.clone();
    let layered = use_state_eq(|| false);
    let way = way(&page.state.link.recipe);
    let tag = way.tag();
    let a = page.state.bench.a().and_then(|a| a.profiles.clone());
    // Layers keep their places while they are not timed.
    let id = &page.state.bench.entry.id;
    let last = use_last(profiles.clone().map(|found| (id.clone(), found))).filter(|(of, _)| of == id).map(|(_, found)| found);
    let measure = if *layered { time_layers::longest } else { longest };
    let wanted = profiles.as_deref().map(|profiles| 0.0..measure(profiles, a.as_deref()));
    let key = format!("{} {}", page.state.bench.entry.id, *layered);
    let longest = use_still(key, wanted, page.state.dragging.is_some()).end;
    let known = profiles.is_some();
    let table = table(profiles.as_deref(), a.as_deref());
    let drawn = (last, a.clone(), known, longest, tag, *layered, width);
    let drawing = use_memo(drawn, |(last, a, known, longest, tag, layered, width)| match last.as_deref() {
        Some(profiles) if *layered => {
            let ops = profiles.quantized.layers.iter().map(|layer| layer.op.as_str());
            let names: Vec<String> = names(ops).into_iter().map(|name| name.short).collect();
            time_layers::draw(profiles, a.as_deref(), *known, &names, *longest, *width)
        }
        profiles => draw(profiles.filter(|_| *known), a.as_deref(), *longest, tag, *width),
    });
    let label = match profiles.as_deref() {
        Some(profiles) => format!(
            "Where the time goes: f32 {}, quantized {}; layer by layer in the table below",
            time(by_kind(&profiles.float).iter().sum()),
            time(by_kind(&profiles.quantized).iter().sum())
        ),
        None => "Where the time goes: not measured yet".to_owned(),
    };
    let text = profiles.as_deref().map_or("Measured when everything else is done.".to_owned(), |profiles| {
        let bits = page.state.link.recipe.weights.width();
        why(profiles) + &rate(&profiles.quantized) + &reason(&profiles.float, &profiles.quantized, way == Way::Integers, bits)
    });
    let dot = page.state.engine.as_ref().and_then(|engine| engine.capabilities.dot.as_deref());
    let device = profiles.as_deref().and_then(|profiles| device(&profiles.quantized, dot));
    let (title, aside) = ("Where the time goes", "measured layer by layer");
    let description = if *layered { LAYERS } else { DESCRIPTION };
    let with_a = if *layered && a.is_some() { " Between them, A." } else { "" };
    let description = &*format!("{description}{with_a}");
    let onselect = {
        let layered = layered.clone();
        Callback::from(move |index| layered.set(index == 1))
    };
    let views = VIEWS.map(|view| (view.into(), None));
    let frame = Frame { id: "time", title, aside, description, drawing: &drawing, table };
    frame.view(
        &page,
        html! {
            <>
                { segmented("time-view", "Time of", &views, Some(usize::from(*layered)), &onselect) }
                { plot(&node, &drawing, &[], label) }
                <p class="why">{text}</p>
                <p class="desc" id="device">{device.unwrap_or_default()}</p>
            </>
        },
    )
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::{Phases, Timing};

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
        let all = longest(&profiles, None);
        let both = draw(Some(&profiles), Some(&profiles), all, "int", 342);
        assert!(both.height > draw(Some(&profiles), None, all, "int", 342).height && both.svg.contains("\nA\n"), "{}", both.svg);
        let svg = draw(Some(&profiles), None, all, "int", 342).svg;
        assert!(svg.contains("convolution") && svg.contains("width=\"240\""), "{svg}");
    }

    #[test]
    fn parts_and_rates_are_those_of_the_layers() {
        let mut profile = profile(&[("Conv 3x3", 4.0), ("Add", 1.0)]);
        profile.layers[0].macs = 100_000_000;
        profile.layers[0].limit = Some(2.0);
        profile.layers[0].phases = Some(Phases { unpack: 0.25, moving: 0.5, multiply: 3.0, requantize: 0.25 });
        let by_part = by_part(&profile);
        assert_eq!(by_part, [("unpack", 0.25), ("move", 0.5), ("multiply", 3.0), ("requantize", 0.25), ("the rest", 1.0)]);
        let text = rate(&profile);
        assert_eq!(text, " Multiplication is 60 % of the quantized time. In all 20.0 GMAC/s, 50 % of what this device's rooflines allow.");
        let profiles = Profiles { float: profile.clone(), quantized: profile.clone() };
        for (a, cells) in [(None, [0, 3, 4, 7]), (Some(&profiles), [0, 4, 5, 8])] {
            let Table { columns, rows } = table(Some(&profiles), a);
            assert_eq!((columns.len(), rows[0].len()), (COLUMNS.len() - usize::from(a.is_none()), columns.len()));
            assert_eq!(cells.map(|i| rows[0][i].as_str()), ["convolution 1", "25.0", "50", "3.0000"]);
        }
        assert_eq!(device(&profile, None), None);
    }
}
