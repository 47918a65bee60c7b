//! Mixed precision: a search for the width of each layer, and the frontier that it found.

use bitdial_protocol::{Budget, Frontier, FrontierPoint};
use plotters::prelude::*;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::draw::{CARD, Drawing, FLOAT, GRID, INK, QUANTIZED, SOFT, Spot, drawing, letter, text};
use super::export::{Column, Table};
use super::frame::{Frame, Press, plot, use_width};
use crate::format::bytes;
use crate::panels::subject;
use crate::parts::progress::stoppable;
use crate::parts::row::effect;
use crate::parts::segmented::segmented;
use crate::state::errand::Searched;
use crate::state::{Action, Control, Edit, Errand, Page, Phase, use_page};

const HEIGHT: u32 = 132;
const FLOOR: i32 = 106;
/// Points that can be pressed apart from each other.
const MOST: usize = 14;

/// A kind of budget: what it is called, its unit, and its bounds, step and usual value.
struct Kind {
    name: &'static str,
    unit: &'static str,
    range: [f64; 3],
    usual: f64,
    budget: fn(f64) -> Budget,
}

const KINDS: [Kind; 3] = [
    Kind { name: "bits", unit: "bits on average", range: [1.0, 8.0, 0.1], usual: 4.0, budget: |value| Budget::Bits(value as f32) },
    Kind {
        name: "size",
        unit: "kB in all",
        range: [1.0, 50_000.0, 0.5],
        usual: 40.0,
        budget: |value| Budget::Bytes((value * 1e3) as usize),
    },
    Kind { name: "accuracy", unit: "points lost at most", range: [0.0, 50.0, 0.1], usual: 0.5, budget: |value| Budget::Drop(value as f32) },
];

/// What is drawn: places of points, and which of them is in force, which was chosen, and A by its bits and loss.
fn draw(points: &[FrontierPoint], here: Option<usize>, uniform: Option<&FrontierPoint>, a: Option<(f32, f32)>, width: u32) -> Drawing {
    drawing(width, HEIGHT, |area| {
        let right = f64::from(width as i32 - 10);
        let x = |bits: f32| 24 + ((right - 24.0) * f64::from(bits - 1.0) / 7.0).round() as i32;
        let loss = |loss: f32| f64::from(loss.max(1e-6)).ln();
        let all = points.iter().chain(uniform).map(|point| point.loss).chain(a.map(|(_, loss)| loss));
        let (low, high) = all.map(loss).fold((f64::MAX, f64::MIN), |(low, high), loss| (low.min(loss), high.max(loss)));
        // More loss stands lower.
        let y = |of: f32| 10 + ((f64::from(FLOOR) - 20.0) * (loss(of) - low) / (high - low).max(1e-6)).round() as i32;
        for bits in 1..=8_u8 {
            let at = x(f32::from(bits));
            area.draw(&PathElement::new(vec![(at, 4), (at, FLOOR)], GRID.stroke_width(1)))?;
            area.draw(&Text::new(bits.to_string(), (at - 3, FLOOR + 6), text(&SOFT)))?;
        }
        let places: Vec<_> = points.iter().map(|point| (x(point.bits), y(point.loss))).collect();
        area.draw(&PathElement::new(places.clone(), QUANTIZED.stroke_width(2)))?;
        if let Some(uniform) = uniform {
            let place = (x(uniform.bits), y(uniform.loss));
            area.draw(&Circle::new(place, 4, FLOAT.filled()))?;
            area.draw(&Text::new("all alike", (place.0 + 6, place.1 + 4), text(&FLOAT)))?;
        }
        for (index, place) in places.iter().enumerate() {
            let current = here == Some(index);
            let size = if current { 6 } else { 4 };
            area.draw(&Circle::new(*place, size, if current { QUANTIZED } else { CARD }.filled()))?;
            area.draw(&Circle::new(*place, size, QUANTIZED.stroke_width(2)))?;
        }
        if let Some((bits, loss)) = a {
            letter(area, "A", (x(bits), y(loss)), &INK)?;
        }
        Ok(places.into_iter().map(|(x, y)| Spot { x, y }).collect())
    })
}

/// As many points as can be pressed, the ends and the chosen one among them, from few bits to many.
fn thinned(frontier: &Frontier) -> Vec<FrontierPoint> {
    let all = &frontier.points;
    let (first, last) = match &all[..] {
        [first, .., last] => (first.bits, last.bits),
        _ => return all.clone(),
    };
    let apart = (last - first) / MOST as f32;
    let mut kept: Vec<FrontierPoint> = Vec::new();
    for (index, point) in all.iter().enumerate() {
        let chosen = frontier.chosen.as_ref().is_some_and(|chosen| chosen.widths == point.widths);
        let far = kept.last().is_none_or(|before| point.bits - before.bits >= apart);
        if chosen || far || index + 1 == all.len() {
            kept.push(point.clone());
        }
    }
    kept
}

/// What running an allocation showed, in words.
fn measured(point: &FrontierPoint) -> String {
    let drop = point.measured.map_or(String::new(), |measured| match measured.drop {
        drop if drop.abs() < 0.05 => ", no accuracy lost".to_owned(),
        drop if drop < 0.0 => format!(", {:.1} points gained", -drop),
        drop => format!(", {drop:.1} points lost"),
    });
    format!("{:.2} bits on average, {}{drop}", point.bits, bytes(point.bytes))
}

/// What was found, and a button that takes it.
fn found(page: &Page, searched: &Searched) -> Html {
    let frontier = &*searched.frontier;
    let Some(chosen) = &frontier.chosen else {
        return html! { <p class="desc" role="status">{"No allocation of widths keeps that budget."}</p> };
    };
    let recipe = searched.recipe(chosen, &page.state.link.recipe);
    let done = recipe == page.state.link.recipe;
    let uniform = frontier.uniform.as_ref().map_or(String::new(), |uniform| format!(" All layers alike: {}.", measured(uniform)));
    let onclick = {
        let page = page.clone();
        Callback::from(move |_: MouseEvent| page.edit(Edit::Choose("search", recipe.clone())))
    };
    html! {
        <>
            <p class="desc" role="status">
                {format!("Best found: {}, on {} training images.{uniform}", measured(chosen), frontier.run_images)}
            </p>
            <div class="found">
                <button class="btn" type="button" id="apply-search" disabled={done} {onclick} title="Gives each layer the width that was found">{if done { "Applied" } else { "Apply" }}</button>
                { effect(page, &Control::Setting("search")) }
            </div>
        </>
    }
}

/// The figures.
fn table(points: &[FrontierPoint]) -> Table {
    let row = |point: &FrontierPoint| -> Vec<AttrValue> {
        let widths: Vec<String> = point.widths.iter().map(u8::to_string).collect();
        let drop = point.measured.map_or(String::new(), |measured| format!("{:.2}", measured.drop));
        vec![
            format!("{:.3}", point.bits).into(),
            point.bytes.to_string().into(),
            format!("{:.5}", point.loss).into(),
            drop.into(),
            widths.join(" ").into(),
        ]
    };
    Table {
        columns: ["mean bits", "bytes, predicted", "loss, nats", "points lost, run", "widths"].map(Column::plain).to_vec(),
        rows: points.iter().map(row).collect(),
    }
}

/// The chart, and what starts a search.
#[hook]
pub fn use_search_chart() -> Html {
    let page = use_page();
    let (node, width) = use_width();
    let kind = use_state_eq(|| 0_usize);
    let values = use_state_eq(|| KINDS.map(|kind| kind.usual));
    let searched = page.state.bench.searched.clone();
    let points = searched.as_ref().map(|searched| thinned(&searched.frontier)).unwrap_or_default();
    let now = &page.state.link.recipe;
    let here = searched.as_ref().and_then(|searched| points.iter().position(|point| searched.recipe(point, now) == *now));
    let uniform = searched.as_ref().and_then(|searched| searched.frontier.uniform.clone());
    let a = searched.as_ref().and_then(|searched| searched.place(page.state.bench.pinned.as_ref()?));
    let drawing = use_memo((points.clone(), here, uniform, a, width), |(points, here, uniform, a, width)| {
        draw(points, *here, uniform.as_ref(), *a, *width)
    });
    let press = |(index, point): (usize, &FrontierPoint)| {
        let (page, recipe) = (page.clone(), searched.as_ref().map(|searched| searched.recipe(point, now)));
        Press {
            label: measured(point).into(),
            current: here == Some(index),
            onpress: Callback::from(move |()| {
                if let Some(recipe) = recipe.clone() {
                    page.edit(Edit::Choose("search", recipe));
                }
            }),
        }
    };
    let presses: Vec<Press> = points.iter().enumerate().map(press).collect();
    let shown = &KINDS[*kind];
    let onselect = {
        let kind = kind.clone();
        Callback::from(move |index| kind.set(index))
    };
    let oninput = {
        let (kind, values) = (kind.clone(), values.clone());
        Callback::from(move |event: InputEvent| {
            let value = event.target_unchecked_into::<HtmlInputElement>().value_as_number();
            let mut next = *values;
            next[*kind] = value;
            values.set(next);
        })
    };
    let value = values[*kind];
    let [low, high, step] = shown.range;
    let running = page.state.errand.as_ref().filter(|(errand, _)| matches!(errand, Errand::Search(_)));
    // What a search changes is the width.
    let fixed = now.weights.format.width().is_some();
    let ready = !fixed && page.state.phase == Phase::Idle && page.state.errand.is_none() && (low..=high).contains(&value);
    let onclick = {
        let page = page.clone();
        let budget = (shown.budget)(value);
        Callback::from(move |_: MouseEvent| page.session.send(page.state.generation, Errand::Search(budget), subject(&page.state.bench)))
    };
    let onstop = {
        let page = page.clone();
        Callback::from(move |_: MouseEvent| {
            page.session.give_up();
            page.dispatch.dispatch(Action::GiveUp);
        })
    };
    let kinds: Vec<_> = KINDS.iter().map(|kind| (AttrValue::Static(kind.name), None)).collect();
    let label = match points.len() {
        0 => "Best allocations of widths: not searched yet".to_owned(),
        n => format!("{n} best allocations of widths, loss against bits on average; the figures are in the table below"),
    };
    let where_a_is = match (&page.state.bench.pinned, a) {
        (Some(_), Some((bits, loss))) => format!(" A: {bits:.2} bits, {loss:.3} nats predicted."),
        (Some(_), None) => " A is of another kind: nothing was predicted of it.".to_owned(),
        (None, _) => String::new(),
    };
    let description = "Measures what each layer loses at each width, and gives bits to those that need them. What may be spent?";
    let frame = Frame {
        id: "search",
        title: "Mixed precision",
        aside: "a width for each layer",
        description,
        drawing: &drawing,
        table: table(&points),
    };
    let inner = html! {
        <>
            { segmented("budget", "What may be spent", &kinds, Some(*kind), &onselect) }
            <div class="budget">
                <input
                    type="number" id="budget-value" aria-label={shown.unit} title="The budget that the search keeps to" min={low.to_string()} max={high.to_string()} step={step.to_string()}
                    value={value.to_string()} {oninput}
                />
                <span>{shown.unit}</span>
                <button class="btn" type="button" id="search-widths" disabled={!ready} {onclick} title="Measures what each layer loses, and allots bits within the budget">{"Search"}</button>
            </div>
            if fixed { <small class="refused">{"This format has one width: choose one with several, such as integers."}</small> }
            if let Some((_, progress)) = running { { stoppable("stop-search", "searching", progress, onstop) } }
            if let Some(searched) = &searched {
                { found(&page, searched) }
                { plot(&NodeRef::default(), &drawing, &presses, label) }
                <p class="desc">{"Bits on average to the right, predicted loss downwards. Press a point to run it."}{where_a_is}</p>
            }
            // Measured before there is a drawing.
            <div ref={node}></div>
        </>
    };
    frame.view(&page, inner)
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::MeasuredPoint;

    use super::*;

    fn point(bits: f32, loss: f32) -> FrontierPoint {
        FrontierPoint { bytes: 1_000, bits, loss, widths: vec![(bits * 20.0) as u8], measured: None }
    }

    #[test]
    fn fewer_bits_stand_to_the_left_and_more_loss_below() {
        let points: Vec<_> = (0..100).map(|i| point(2.0 + i as f32 * 0.05, 1.0 / (1.0 + i as f32))).collect();
        let chosen = Some(points[41].clone());
        let frontier = Frontier { images: 1, run_images: 1, layers: vec![], points: points.clone(), uniform: None, chosen };
        let thin = thinned(&frontier);
        assert!(thin.len() <= MOST + 3 && thin.first() == points.first() && thin.last() == points.last(), "{}", thin.len());
        assert!(thin.contains(&points[41]));
        let drawing = draw(&thin, Some(0), Some(&point(3.0, 0.5)), None, 330);
        let (a, b) = (&drawing.spots[0], &drawing.spots[thin.len() - 1]);
        assert!(a.x < b.x && a.y > b.y && drawing.svg.contains("all alike"), "{:?}", drawing.spots);
        assert_eq!(draw(&[], None, None, None, 330).spots, []);
        assert!(draw(&thin, None, None, Some((4.0, 2.0)), 330).svg.contains("\nA\n") && !drawing.svg.contains("\nA\n"));
    }

    #[test]
    fn what_a_run_showed_is_said() {
        for (drop, said) in [(0.04, "no accuracy lost"), (-0.6, "0.6 points gained"), (1.25, "1.2 points lost")] {
            let run = FrontierPoint { measured: Some(MeasuredPoint { loss: 0.1, drop }), ..point(3.5, 0.1) };
            assert_eq!(measured(&run), format!("3.50 bits on average, 1.00 kB, {said}"));
        }
        assert_eq!(measured(&point(3.5, 0.1)), "3.50 bits on average, 1.00 kB");
    }
}
