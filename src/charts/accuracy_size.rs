//! Accuracy against size or latency: every recipe tried is a point; pressing one brings it back, or compares it with another.

use std::ops::Range;
use std::rc::Rc;

use bitdial_protocol::{Recipe, Timing};
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use yew::prelude::*;

use super::draw::{CARD, Drawing, FLOAT, INK, LINE, QUANTIZED, SOFT, Spot, drawing, letter, percent_plane, percent_range, text, use_still};
use super::export::{Column, IMAGES, KIND, Table};
use super::frame::{Frame, Press, plot, use_width};
use super::two_points::two_points;
use crate::format::{bytes, percent, time};
use crate::parts::segmented::segmented;
use crate::state::bench::Bench;
use crate::state::predictions::{Goal, Share};
use crate::state::rules::way;
use crate::state::{Edit, Predictions, use_page, wording};

const HEIGHT: u32 = 186;
const DESCRIPTION: &str = "Full dots are recipes you tried, hollow ones were swept in idle time; the dashed line joins those that no other beats; thin lines are the spread.";

/// What accuracy is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cost {
    /// Bytes.
    Size,
    /// Milliseconds.
    Latency,
}

impl Cost {
    const ALL: [Self; 2] = [Self::Size, Self::Latency];

    fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Latency => "latency",
        }
    }

    /// What a point costs, with the spread of that; `None` where it is not known.
    fn of(self, point: &Point) -> Option<[f64; 3]> {
        match self {
            Self::Size => Some([point.size as f64; 3]),
            Self::Latency => point.latency.map(|timing| [timing.p10, timing.median, timing.p90]),
        }
    }

    /// As it is written on the axis.
    fn label(self, value: f64) -> String {
        let quantity = match self {
            Self::Size => bytes(value as usize),
            Self::Latency => time(value),
        };
        quantity.to_string().replace(".00 ", " ").replace(".0 ", " ")
    }

    /// The unit of round values: bytes, or nanoseconds.
    fn unit(self) -> f64 {
        match self {
            Self::Size => 1.0,
            Self::Latency => 1e-6,
        }
    }
}

/// How a recipe came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was tried by hand.
    Tried,
    /// The sweep came by.
    Swept,
    /// It is in force.
    Current,
}

/// A recipe as a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Which.
    pub recipe: Recipe,
    /// Its accuracy.
    pub share: Share,
    /// Bytes of the model.
    pub size: usize,
    /// How long it takes, where it was timed.
    pub latency: Option<Timing>,
    /// How it came to be known.
    pub origin: Origin,
    /// What is written on it: A, or its number while two are compared.
    pub name: Option<&'static str>,
}

impl Point {
    /// Its accuracy, 0 to 1.
    pub fn value(&self) -> f64 {
        self.share.value().unwrap_or_default()
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Data {
    cost: Cost,
    points: Vec<Point>,
    /// Cost and share of the f32 model.
    float: Option<(f64, f64)>,
}

impl Data {
    fn shares(&self) -> Range<f64> {
        percent_range(self.points.iter().map(Point::value).chain(self.float.map(|(_, share)| share)))
    }

    /// Logarithms of costs: equal steps for equal ratios, as f32 is far from all that is quantized.
    fn costs(&self) -> Range<f64> {
        let all = self.points.iter().filter_map(|point| self.cost.of(point)).flatten().chain(self.float.map(|(cost, _)| cost));
        let (low, high) = all.fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), cost| (low.min(cost), high.max(cost)));
        (low.min(high).max(1e-9) * 0.85).ln()..(high.max(1e-9) * 1.15).ln()
    }
}

/// Points that no other one beats in both cost and accuracy, by cost.
fn frontier(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    // Inserted one by one: the library's sort takes 2 kB of the page.
    let mut best: Vec<(f64, f64)> = Vec::new();
    for &(cost, share) in points {
        if best.iter().any(|(s, a)| *s <= cost && *a >= share) {
            continue;
        }
        best.retain(|(s, a)| *s < cost || *a > share);
        let at = best.iter().position(|(s, _)| *s > cost).unwrap_or(best.len());
        best.insert(at, (cost, share));
    }
    best
}

/// Round numbers between two, for an axis: 1, 2, 5, 10, 20, ...
fn round_numbers(low: f64, high: f64) -> Vec<f64> {
    let all = (0..12).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    all.filter(|number| (low..=high).contains(number)).collect()
}

fn draw(data: &Data, [costs, shares]: [Range<f64>; 2], width: u32) -> Drawing {
    drawing(width, HEIGHT, |area| {
        let (cost, unit) = (data.cost, data.cost.unit());
        let plane = percent_plane(area, (width, HEIGHT), costs.clone(), shares.clone())?;
        let mut free = 0;
        for number in round_numbers(costs.start.exp() / unit, costs.end.exp() / unit) {
            let (at, floor) = plane.place(((number * unit).ln(), shares.start));
            let label = cost.label(number * unit);
            area.draw(&PathElement::new(vec![(at, floor), (at, floor + 4)], LINE.stroke_width(1)))?;
            let half = 3 * label.len() as i32;
            if at - half >= free {
                area.draw(&Text::new(label, (at - half, floor + 7), text(&SOFT)))?;
                free = at + half + 10;
            }
        }
        let place = |cost: f64, share: f64| plane.place((cost.max(1e-9).ln(), share));
        let known = data.points.iter().filter_map(|point| Some((cost.of(point)?[1], point.value())));
        let all: Vec<_> = known.chain(data.float).collect();
        let best: Vec<_> = frontier(&all).into_iter().map(|(cost, share)| place(cost, share)).collect();
        area.draw(&DashedPathElement::new(best, 3, 3, SOFT.stroke_width(1)))?;
        if let Some((cost, share)) = data.float {
            let (left, top) = place(cost, share);
            area.draw(&Circle::new((left, top), 5, FLOAT.filled()))?;
            area.draw(&Text::new("f32", (left - 22, top + 7), text(&FLOAT)))?;
        }
        let mut spots = vec![Spot { x: 0, y: 0 }; data.points.len()];
        // The one in force is drawn last, on top.
        let rank = |point: &Point| 2 * u8::from(point.origin == Origin::Current) + u8::from(point.name.is_some());
        for wanted in 0..=3 {
            for (index, point) in data.points.iter().enumerate().filter(|(_, point)| rank(point) == wanted) {
                let Some([low, middle, high]) = cost.of(point) else { continue };
                let at = place(middle, point.value());
                if point.origin != Origin::Swept {
                    let (worst, best) = point.share.interval();
                    let spread = |a, b| PathElement::new(vec![a, b], SOFT.mix(0.5).stroke_width(1));
                    area.draw(&spread((at.0, place(middle, worst).1.min(plane.floor())), (at.0, place(middle, best).1)))?;
                    area.draw(&spread((place(low, 0.0).0, at.1), (place(high, 0.0).0, at.1)))?;
                }
                match (point.origin, point.name) {
                    (Origin::Current, Some(name)) => letter(area, name, at, &QUANTIZED)?,
                    (_, Some(name)) => letter(area, name, at, &INK)?,
                    (Origin::Current, None) => area.draw(&Circle::new(at, 7, QUANTIZED.filled()))?,
                    (Origin::Tried, None) => {
                        area.draw(&Circle::new(at, 5, CARD.filled()))?;
                        area.draw(&Circle::new(at, 5, QUANTIZED.mix(0.45).filled()))?;
                    }
                    (Origin::Swept, None) => {
                        area.draw(&Circle::new(at, 4, CARD.filled()))?;
                        area.draw(&Circle::new(at, 4, QUANTIZED.mix(0.6).stroke_width(1)))?;
                    }
                }
                let (x, y) = at;
                spots[index] = Spot { x, y };
            }
        }
        Ok(spots)
    })
}

/// Every recipe of which size and accuracy are known, each once, with what it said.
fn points(bench: &Bench) -> Vec<(Point, Rc<Predictions>)> {
    let mut points: Vec<(Point, Rc<Predictions>)> = Vec::new();
    for (index, run) in bench.runs.iter().enumerate() {
        let share = bench.share(&run.predictions, usize::MAX);
        if let Some(info) = run.info.as_ref().filter(|_| share.n >= bench.enough()) {
            let origin = if index == bench.current { Origin::Current } else { Origin::Tried };
            let latency = run.latency.map(|latency| latency.quantized);
            let name = bench.is_pinned(index).then_some("A");
            let point = Point { recipe: run.recipe.clone(), share, size: info.size, latency, origin, name };
            points.push((point, run.predictions.clone()));
        }
    }
    for tried in &*bench.tried {
        if !points.iter().any(|(known, _)| known.recipe == tried.link.recipe) {
            // Of earlier visits the figures are kept, not their spread nor what was said about each image.
            let latency = tried.latency.map(|[median, _]| Timing { median, p10: median, p90: median, runs: 0 });
            let recipe = tried.link.recipe.clone();
            let point = Point { recipe, share: tried.share, size: tried.size, latency, origin: Origin::Tried, name: None };
            points.push((point, Rc::default()));
        }
    }
    for swept in &*bench.swept {
        if !points.iter().any(|(known, _)| known.recipe == swept.recipe) {
            let (recipe, share, size) = (swept.recipe.clone(), swept.point.share, swept.point.size);
            let point = Point { recipe, share, size, latency: None, origin: Origin::Swept, name: None };
            points.push((point, swept.predictions.clone()));
        }
    }
    points
}

/// A latency with its spread, where that is known.
pub fn spread(timing: Timing) -> String {
    let spread = if timing.runs > 0 { format!(" ({}\u{2013}{})", time(timing.p10), time(timing.p90)) } else { String::new() };
    format!("{}{spread}", time(timing.median))
}

fn row(point: &Point) -> Vec<AttrValue> {
    let origin = match point.origin {
        Origin::Current => "in force",
        Origin::Tried => "tried",
        Origin::Swept => "swept",
    };
    let (low, high) = point.share.interval();
    let ms = |runs: u32, of: fn(Timing) -> f64| {
        point.latency.filter(|timing| timing.runs >= runs).map_or(AttrValue::default(), |timing| format!("{:.4}", of(timing)).into())
    };
    vec![
        wording::recipe(&point.recipe).into(),
        percent(point.value(), 2).into(),
        percent(low, 2).into(),
        percent(high, 2).into(),
        point.share.n.to_string().into(),
        point.size.to_string().into(),
        ms(0, |timing| timing.median),
        ms(1, |timing| timing.p10),
        ms(1, |timing| timing.p90),
        origin.into(),
        way(&point.recipe).kind().into(),
    ]
}

/// The chart.
#[hook]
pub fn use_size_chart() -> Html {
    let page = use_page();
    let (node, width) = use_width();
    let cost = use_state_eq(|| Cost::Size);
    let comparing = use_state_eq(|| false);
    let chosen = use_state_eq(Vec::<Recipe>::new);
    let bench = &page.state.bench;
    let float_share = match bench.goal() {
        Goal::Accuracy => bench.float_share(usize::MAX).value(),
        Goal::Agreement => Some(1.0),
    };
    let mut all = points(bench);
    // While two points are compared their numbers are on them, and no letters.
    for (point, _) in all.iter_mut().filter(|_| *comparing) {
        point.name = chosen.iter().position(|chosen| *chosen == point.recipe).map(|at| ["1", "2"][at.min(1)]);
    }
    let size = bench.loaded.as_ref().map(|loaded| loaded.info.size);
    let latest = bench.run().latency.or_else(|| bench.runs.iter().rev().find_map(|run| run.latency));
    let float = match *cost {
        Cost::Size => size.map(|size| size as f64),
        Cost::Latency => latest.map(|latency| latency.float.median),
    };
    let (shown, said): (Vec<Point>, Vec<Rc<Predictions>>) = all.into_iter().filter(|(point, _)| cost.of(point).is_some()).unzip();
    let data = Data { cost: *cost, points: shown, float: float.zip(float_share) };
    let (key, dragging) = (format!("{} {}", bench.entry.id, cost.name()), page.state.dragging.is_some());
    let known = !data.points.is_empty() || data.float.is_some();
    let ranges = [use_still(key.clone(), known.then(|| data.costs()), dragging), use_still(key, known.then(|| data.shares()), dragging)];
    let drawing = use_memo((data.clone(), ranges.clone().map(|range| (range.start, range.end)), width), |(data, ranges, width)| {
        draw(data, ranges.map(|(low, high)| low..high), *width)
    });
    let press = |point: &Point| {
        let (page, recipe) = (page.clone(), point.recipe.clone());
        let (comparing, chosen) = (*comparing, chosen.clone());
        let name = point.name.map_or(String::new(), |name| format!("{name}, "));
        let (low, high) = point.share.interval();
        let [value, low, high] = [point.value(), low, high].map(|share| percent(share, 1));
        let latency = point.latency.map_or(String::new(), |timing| format!(", {}", spread(timing)));
        let words = wording::recipe(&point.recipe);
        Press {
            label: format!("{name}{words}: {value} % ({low}\u{2013}{high}), {}{latency}", bytes(point.size)).into(),
            current: point.origin == Origin::Current,
            onpress: Callback::from(move |()| {
                if comparing {
                    chosen.set(toggled(&chosen, &recipe));
                } else {
                    page.edit(Edit::Recipe(recipe.clone()));
                }
            }),
        }
    };
    let presses: Vec<Press> = data.points.iter().map(press).collect();
    let mut rows: Vec<Vec<AttrValue>> = data.points.iter().map(row).collect();
    if let Some(share) = float_share {
        let mut row = vec![AttrValue::default(); 11];
        let ms = latest.map_or(String::new(), |latency| format!("{:.4}", latency.float.median));
        let size = size.unwrap_or_default().to_string();
        let n = bench.float_share(usize::MAX).n.to_string();
        for (at, cell) in [(0, "f32"), (1, &*percent(share, 2)), (4, &n), (5, &size), (6, &ms), (9, "baseline"), (10, "measured")] {
            row[at] = cell.to_owned().into();
        }
        rows.push(row);
    }
    let share = if bench.goal() == Goal::Accuracy { "accuracy %" } else { "agreement %" };
    let columns = vec![
        Column::plain("recipe"),
        Column::measured(share, bench.goal().name(), "%"),
        Column::plain("low 95 %"),
        Column::plain("high 95 %"),
        Column::plain(IMAGES),
        Column::measured("bytes", "size", "B"),
        Column::plain("median ms"),
        Column::plain("p10 ms"),
        Column::plain("p90 ms"),
        Column::plain("how"),
        Column::plain(KIND),
    ];
    let table = Table { columns, rows };
    let title = format!("{} against {}", bench.goal().title(), cost.name());
    let label = format!("{title}: {} recipes; the figures are in the table below.", data.points.len());
    let costs = Cost::ALL.map(|cost| (AttrValue::Static(cost.name()), None));
    let oncost = {
        let cost = cost.clone();
        Callback::from(move |index: usize| cost.set(Cost::ALL[index.min(1)]))
    };
    let onmode = {
        let (comparing, chosen) = (comparing.clone(), chosen.clone());
        Callback::from(move |index| {
            comparing.set(index == 1);
            chosen.set(Vec::new());
        })
    };
    let modes = ["restores", "compares"].map(|label| (label.into(), None));
    let pair: Vec<_> =
        chosen.iter().filter_map(|recipe| data.points.iter().zip(&said).find(|(point, _)| point.recipe == *recipe)).collect();
    let frame =
        Frame { id: "accuracy-size", title: &title, aside: "each dot a recipe", description: DESCRIPTION, drawing: &drawing, table };
    let inner = html! {
        <>
            <div class="switches">
                { segmented("cost", "Against", &costs, Some(*cost as usize), &oncost) }
                <span>{"a press"}</span>
                { segmented("press", "A press", &modes, Some(usize::from(*comparing)), &onmode) }
            </div>
            { plot(&node, &drawing, &presses, label) }
            if *comparing { { two_points(&page, &pair) } }
        </>
    };
    frame.view(&page, inner)
}

/// The two that are compared, after one was pressed: it joins, leaves, or takes the place of the second.
fn toggled(chosen: &[Recipe], pressed: &Recipe) -> Vec<Recipe> {
    let mut next = chosen.to_vec();
    if chosen.contains(pressed) {
        next.retain(|recipe| recipe != pressed);
    } else {
        next.truncate(1);
        next.push(pressed.clone());
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frontier_keeps_what_nothing_beats() {
        let points = [(10.0, 0.5), (20.0, 0.9), (15.0, 0.4), (20.0, 0.8), (30.0, 0.9), (40.0, 0.95)];
        assert_eq!(frontier(&points), [(10.0, 0.5), (20.0, 0.9), (40.0, 0.95)]);
        assert_eq!(frontier(&[]), []);
    }

    #[test]
    fn the_axis_has_round_numbers() {
        assert_eq!(round_numbers(18_000.0, 260_000.0), [20_000.0, 50_000.0, 100_000.0, 200_000.0]);
        let us = |ns: f64| Cost::Latency.label(ns * Cost::Latency.unit());
        assert_eq!((us(50_000.0), us(2_000_000.0), Cost::Size.label(20_000.0)), ("50 \u{b5}s".into(), "2 ms".into(), "20 kB".into()));
    }

    #[test]
    fn cheaper_is_left_and_better_is_up() {
        let timing = |median: f64| Timing { median, p10: median, p90: median, runs: 9 };
        let point = |size, ms, hits, origin| Point {
            recipe: Recipe::default(),
            share: Share { n: 1_000, hits },
            size,
            latency: Some(timing(ms)),
            origin,
            name: None,
        };
        let points =
            vec![point(20_000, 2.0, 900, Origin::Current), point(10_000, 1.0, 400, Origin::Swept), point(40_000, 4.0, 930, Origin::Tried)];
        for (cost, float) in [(Cost::Size, 150_000.0), (Cost::Latency, 15.0)] {
            let data = Data { cost, points: points.clone(), float: Some((float, 0.934)) };
            let spots = draw(&data, [data.costs(), data.shares()], 340).spots;
            assert!(spots[1].x < spots[0].x && spots[0].x < spots[2].x && spots[1].y > spots[0].y && spots[0].y > spots[2].y, "{spots:?}");
        }
    }

    #[test]
    fn two_are_chosen_at_most() {
        let recipes: Vec<Recipe> = (1..4).map(of).collect();
        let mut chosen = Vec::new();
        for (pressed, expected) in [(0, vec![0]), (1, vec![0, 1]), (2, vec![0, 2]), (0, vec![2]), (2, vec![])] {
            chosen = toggled(&chosen, &recipes[pressed]);
            assert_eq!(chosen, expected.into_iter().map(|at: usize| recipes[at].clone()).collect::<Vec<_>>());
        }
    }

    fn of(samples: u32) -> Recipe {
        let mut recipe = Recipe::default();
        recipe.calibration.samples = samples;
        recipe
    }
}
