//! Time layer by layer: f32 above, quantized by what is done below, and the least that the device's rooflines allow.

use bitdial_protocol::LayerTime;
use plotters::prelude::*;

use super::draw::{CARD, Drawing, FLOAT, INK, LINE, QUANTIZED, SOFT, drawing, text};
use crate::format::time;
use crate::speed::parts;
use crate::state::bench::Profiles;

/// Layers that are drawn, those that take the most time.
const MOST: usize = 16;
/// Height of a layer; of its two bars, from its top.
const STEP: i32 = 22;
const FLOAT_BAR: (i32, i32) = (3, 7);
const BAR: (i32, i32) = (8, 18);
/// A's bar, where there is one, lies between them, and pushes the rest down.
const A_BAR: i32 = 5;
/// Room for names on the left and for times on the right.
const SIDES: (i32, i32) = (40, 58);

/// A layer: its name, both times of it.
type Row<'a> = (&'a str, &'a LayerTime, &'a LayerTime);

/// Layers that take time, in order; of many, those that take the most.
fn chosen<'a>(profiles: &'a Profiles, names: &'a [String]) -> Vec<Row<'a>> {
    let both = profiles.quantized.layers.iter().zip(&profiles.float.layers).zip(names);
    let mut rows: Vec<Row> = both.map(|((layer, float), name)| (name.as_str(), layer, float)).collect();
    let longer = |(_, layer, float): &Row| layer.ms.max(float.ms);
    rows.retain(|row| longer(row) > 0.0);
    while rows.len() > MOST {
        let least = rows.iter().enumerate().min_by(|a, b| longer(a.1).total_cmp(&longer(b.1))).map_or(0, |(at, _)| at);
        rows.remove(least);
    }
    rows
}

/// The longest time of a layer, of both models and of A.
pub fn longest(profiles: &Profiles, a: Option<&Profiles>) -> f64 {
    let all = [Some(&profiles.float), Some(&profiles.quantized), a.map(|a| &a.quantized)];
    all.into_iter().flatten().flat_map(|profile| &profile.layers).map(|layer| layer.ms).fold(f64::MIN_POSITIVE, f64::max)
}

/// The drawing, with bars of the quantized model where they are `known`; `names` are those of all layers, `longest` is what the width stands for.
pub fn draw(profiles: &Profiles, a: Option<&Profiles>, known: bool, names: &[String], longest: f64, width: u32) -> Drawing {
    let rows = chosen(profiles, names);
    let down = if a.is_some() { A_BAR } else { 0 };
    let step = STEP + down;
    let height = (step * rows.len() as i32 + 6) as u32;
    drawing(width, height, |area| {
        let room = f64::from(width as i32 - SIDES.0 - SIDES.1);
        let x = |ms: f64| SIDES.0 + (room * ms / longest).round() as i32;
        for (index, (name, layer, float)) in rows.iter().enumerate() {
            let top = step * index as i32;
            let bar = |(from, to): (i32, i32), left: i32, right: i32| [(left, top + from), (right, top + to)];
            area.draw(&Text::new((*name).to_owned(), (0, top + 6), text(&SOFT)))?;
            area.draw(&Rectangle::new(bar(FLOAT_BAR, SIDES.0, x(float.ms)), FLOAT.filled()))?;
            let of_a = a.and_then(|a| a.quantized.layers.iter().find(|other| other.name == layer.name)).map_or(0.0, |a| a.ms);
            if of_a > 0.0 {
                area.draw(&Rectangle::new(bar((BAR.0, BAR.0 + A_BAR - 1), SIDES.0, x(of_a)), INK.filled()))?;
            }
            if !known {
                continue;
            }
            let top = top + down;
            let bar = |(from, to): (i32, i32), left: i32, right: i32| [(left, top + from), (right, top + to)];
            let mut before = 0.0;
            let split = layer.phases.as_ref().map(parts);
            let all = split.map_or(0.0, |parts| parts.iter().map(|(_, ms)| ms).sum::<f64>());
            let whole = [("", 0.0), ("", 0.0), ("", 1.0), ("", 0.0)];
            for (part, (_, ms)) in split.filter(|_| all > 0.0).unwrap_or(whole).into_iter().enumerate() {
                // Parts are timed one by one: they are drawn as shares of the layer's own time.
                let ms = layer.ms * ms / if all > 0.0 { all } else { 1.0 };
                let (left, right) = (x(before), x(before + ms));
                before += ms;
                if right > left {
                    let strength = [0.35, 0.55, 1.0, 0.75][part];
                    area.draw(&Rectangle::new(bar(BAR, left, right), QUANTIZED.mix(strength).filled()))?;
                    area.draw(&PathElement::new(vec![(right, top + BAR.0), (right, top + BAR.1)], CARD.stroke_width(1)))?;
                }
            }
            if let Some(limit) = layer.limit {
                let at = x(limit.min(longest));
                area.draw(&PathElement::new(vec![(at, top + BAR.0 - 1), (at, top + BAR.1 + 1)], INK.stroke_width(2)))?;
            }
            let after = x(layer.ms.max(float.ms).max(of_a)) + 6;
            area.draw(&Text::new(time(layer.ms).to_string(), (after, top + 6), text(&SOFT)))?;
        }
        area.draw(&PathElement::new(vec![(SIDES.0, 0), (SIDES.0, height as i32 - 4)], LINE.stroke_width(1)))?;
        Ok(Vec::new())
    })
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::{Phases, Profile, Timing};

    use super::*;

    fn profile(times: &[f64], limit: Option<f64>) -> Profile {
        let layer = |ms: &f64| LayerTime {
            name: String::new(),
            op: "Conv 3x3".into(),
            kernel: String::new(),
            ms: *ms,
            macs: 0,
            bytes: 0,
            limit,
            phases: Some(Phases { multiply: 0.75 * ms, requantize: 0.25 * ms, ..Phases::default() }),
            alternatives: Vec::new(),
        };
        Profile { total: Timing::default(), layers: times.iter().map(layer).collect(), rooflines: None }
    }

    #[test]
    fn the_longest_layers_are_drawn_with_their_parts_and_limit() {
        let profiles = Profiles { float: profile(&[4.0, 0.0, 1.0], None), quantized: profile(&[2.0, 0.0, 0.5], Some(1.0)) };
        let names = ["c1", "op1", "c2"].map(str::to_owned);
        let drawing = draw(&profiles, None, true, &names, longest(&profiles, None), 338);
        // 338 less the sides leaves 240 pixels for 4 ms: 60 a millisecond.
        for part in ["width=\"240\"", "width=\"90\"", "width=\"30\"", "points=\"100,7 100,19 \""] {
            assert!(drawing.svg.contains(part), "{part} in {}", drawing.svg);
        }
        assert!(drawing.svg.contains("c1") && !drawing.svg.contains("op1") && drawing.height == 50, "{}", drawing.svg);
        // A has a bar of its own, and takes longer than all: the same pixels stand for more. B's go while they are not known.
        let mut a = Profiles { float: profile(&[4.0], None), quantized: profile(&[8.0], None) };
        a.quantized.layers[0].name = "c1".into();
        let mut named = profiles.clone();
        named.quantized.layers[0].name = "c1".into();
        for (known, quantized) in [(true, 1), (false, 0)] {
            let svg = draw(&named, Some(&a), known, &names, longest(&named, Some(&a)), 338).svg;
            let found = ["width=\"240\" height=\"4\" opacity=\"1\" fill=\"#15181D\"", "width=\"120\"", "width=\"45\""]
                .map(|part| svg.matches(part).count());
            assert_eq!(found, [1, 1, quantized], "{svg}");
        }
        let many: Vec<f64> = (1..100).map(f64::from).collect();
        let profiles = Profiles { float: profile(&many, None), quantized: profile(&many, None) };
        let names: Vec<String> = (1..100).map(|at| format!("c{at}")).collect();
        let rows = chosen(&profiles, &names);
        assert_eq!((rows.len(), rows[0].0, rows[MOST - 1].0), (MOST, "c84", "c99"));
    }
}
