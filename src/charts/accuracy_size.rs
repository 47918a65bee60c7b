//! Accuracy against size: every recipe tried is a point; pressing one brings it back.

use bitdial_protocol::Recipe;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use yew::prelude::*;

use super::draw::{CARD, Drawing, FLOAT, LINE, QUANTIZED, SOFT, Spot, drawing, percent_plane, percent_range, text};
use super::export::{Column, IMAGES, KIND, Table};
use super::frame::{Frame, Press, plot, use_width};
use crate::format::{bytes, percent};
use crate::state::bench::{Bench, SweepPoint};
use crate::state::predictions::{Goal, Share};
use crate::state::rules::way;
use crate::state::{Edit, use_page, wording};

const HEIGHT: u32 = 186;
const DESCRIPTION: &str = "Full dots are recipes you tried, hollow ones were swept in idle time; the dashed line joins those that no other beats. Press one to bring it back.";

/// How a recipe came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// It was tried by hand.
    Tried,
    /// The sweep came by.
    Swept,
    /// It is in force.
    Current,
}

#[derive(Clone, Debug, PartialEq)]
struct Point {
    recipe: Recipe,
    share: Share,
    size: usize,
    origin: Origin,
}

impl Point {
    fn value(&self) -> f64 {
        self.share.value().unwrap_or_default()
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Data {
    points: Vec<Point>,
    /// Size and share of the f32 model.
    float: Option<(usize, f64)>,
}

/// Points that no other one beats in both size and accuracy, by size.
fn frontier(points: &[(usize, f64)]) -> Vec<(usize, f64)> {
    // Inserted one by one: the library's sort takes 2 kB of the page.
    let mut best: Vec<(usize, f64)> = Vec::new();
    for &(size, share) in points {
        if best.iter().any(|(s, a)| *s <= size && *a >= share) {
            continue;
        }
        best.retain(|(s, a)| *s < size || *a > share);
        let at = best.iter().position(|(s, _)| *s > size).unwrap_or(best.len());
        best.insert(at, (size, share));
    }
    best
}

/// Round sizes between two, for an axis: 1, 2, 5, 10, 20, ... bytes.
fn round_sizes(low: f64, high: f64) -> Vec<f64> {
    let all = (0..10).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    all.filter(|size| (low..=high).contains(size)).collect()
}

fn draw(data: &Data, width: u32) -> Drawing {
    drawing(width, HEIGHT, |area| {
        let shares = data.points.iter().map(Point::value).chain(data.float.map(|(_, share)| share));
        let range = percent_range(shares);
        let sizes = data.points.iter().map(|point| point.size).chain(data.float.map(|(size, _)| size));
        let (least, most) = sizes.fold((usize::MAX, 1), |(least, most), size| (least.min(size), most.max(size)));
        // Equal steps for equal ratios: f32 is far from all that is quantized.
        let (low, high) = (least.min(most) as f64 * 0.85, most as f64 * 1.15);
        let x = |size: usize| (size as f64).ln();
        let plane = percent_plane(area, (width, HEIGHT), low.ln()..high.ln(), range.clone())?;
        for size in round_sizes(low, high) {
            let (at, floor) = plane.place((size.ln(), range.start));
            let label = bytes(size as usize).to_string().replace(".00 ", " ").replace(".0 ", " ");
            area.draw(&PathElement::new(vec![(at, floor), (at, floor + 4)], LINE.stroke_width(1)))?;
            area.draw(&Text::new(label.clone(), (at - 3 * label.len() as i32, floor + 7), text(&SOFT)))?;
        }
        let all: Vec<_> = data.points.iter().map(|point| (point.size, point.value())).chain(data.float).collect();
        let best: Vec<_> = frontier(&all).into_iter().map(|(size, share)| plane.place((x(size), share))).collect();
        area.draw(&DashedPathElement::new(best, 3, 3, SOFT.stroke_width(1)))?;
        if let Some((size, share)) = data.float {
            area.draw(&Circle::new(plane.place((x(size), share)), 5, FLOAT.filled()))?;
            let (left, top) = plane.place((x(size), share));
            area.draw(&Text::new("f32", (left - 22, top + 7), text(&FLOAT)))?;
        }
        let mut spots = vec![Spot { x: 0, y: 0 }; data.points.len()];
        // The one in force is drawn last, on top.
        let all = || data.points.iter().enumerate();
        let current = |(_, point): &(usize, &Point)| point.origin == Origin::Current;
        for (index, point) in all().filter(|point| !current(point)).chain(all().filter(current)) {
            let place = plane.place((x(point.size), point.value()));
            match point.origin {
                Origin::Current => area.draw(&Circle::new(place, 7, QUANTIZED.filled()))?,
                Origin::Tried => {
                    area.draw(&Circle::new(place, 5, CARD.filled()))?;
                    area.draw(&Circle::new(place, 5, QUANTIZED.mix(0.45).filled()))?;
                }
                Origin::Swept => {
                    area.draw(&Circle::new(place, 4, CARD.filled()))?;
                    area.draw(&Circle::new(place, 4, QUANTIZED.mix(0.6).stroke_width(1)))?;
                }
            }
            let (x, y) = place;
            spots[index] = Spot { x, y };
        }
        Ok(spots)
    })
}

/// Every recipe of which size and accuracy are known, each once.
fn points(bench: &Bench) -> Vec<Point> {
    let mut points = Vec::new();
    for (index, run) in bench.runs.iter().enumerate() {
        let share = bench.share(&run.predictions, usize::MAX);
        if let Some(info) = run.info.as_ref().filter(|_| share.n >= bench.enough()) {
            let origin = if index == bench.current { Origin::Current } else { Origin::Tried };
            points.push(Point { recipe: run.recipe.clone(), share, size: info.size, origin });
        }
    }
    for swept in &*bench.swept {
        if !points.iter().any(|known| known.recipe == swept.recipe) {
            let SweepPoint { share, size } = swept.point;
            points.push(Point { recipe: swept.recipe.clone(), share, size, origin: Origin::Swept });
        }
    }
    points
}

/// The chart.
#[component]
pub fn SizeChart() -> Html {
    let page = use_page();
    let (node, width) = use_width();
    let bench = &page.state.bench;
    let float_share = match bench.goal() {
        Goal::Accuracy => bench.float_share(usize::MAX).value(),
        Goal::Agreement => Some(1.0),
    };
    let float = bench.loaded.as_ref().map(|loaded| loaded.info.size).zip(float_share);
    let data = Data { points: points(bench), float };
    let drawing = use_memo((data.clone(), width), |(data, width)| draw(data, *width));
    let press = |point: &Point| {
        let (page, recipe) = (page.clone(), point.recipe.clone());
        let text = format!("{}: {} %, {}", wording::recipe(&point.recipe), percent(point.value(), 1), bytes(point.size));
        Press {
            label: text.into(),
            current: point.origin == Origin::Current,
            onpress: Callback::from(move |()| page.edit(Edit::Recipe(recipe.clone()))),
        }
    };
    let presses: Vec<Press> = data.points.iter().map(press).collect();
    let row = |point: &Point| {
        let origin = match point.origin {
            Origin::Current => "in force",
            Origin::Tried => "tried",
            Origin::Swept => "swept",
        };
        vec![
            wording::recipe(&point.recipe).into(),
            percent(point.value(), 2).into(),
            point.share.n.to_string().into(),
            point.size.to_string().into(),
            origin.into(),
            way(&point.recipe).kind().into(),
        ]
    };
    let mut rows: Vec<Vec<AttrValue>> = data.points.iter().map(row).collect();
    if let Some((size, share)) = data.float {
        let n = bench.float_share(usize::MAX).n;
        rows.push(vec![
            "f32".into(),
            percent(share, 2).into(),
            n.to_string().into(),
            size.to_string().into(),
            "baseline".into(),
            "measured".into(),
        ]);
    }
    let share = if bench.goal() == Goal::Accuracy { "accuracy %" } else { "agreement %" };
    let columns = vec![
        Column::plain("recipe"),
        Column::measured(share, bench.goal().name(), "%"),
        Column::plain(IMAGES),
        Column::measured("bytes", "size", "B"),
        Column::plain("how"),
        Column::plain(KIND),
    ];
    let table = Table { columns, rows };
    let title = format!("{} against size", bench.goal().title());
    let label = format!("{title}: {} recipes; the figures are in the table below.", data.points.len());
    let frame =
        Frame { id: "accuracy-size", title: &title, aside: "each dot a recipe", description: DESCRIPTION, drawing: &drawing, table };
    frame.view(&page, plot(&node, &drawing, &presses, label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frontier_keeps_what_nothing_beats() {
        let points = [(10, 0.5), (20, 0.9), (15, 0.4), (20, 0.8), (30, 0.9), (40, 0.95)];
        assert_eq!(frontier(&points), [(10, 0.5), (20, 0.9), (40, 0.95)]);
        assert_eq!(frontier(&[]), []);
    }

    #[test]
    fn the_axis_has_round_sizes() {
        assert_eq!(round_sizes(18_000.0, 260_000.0), [20_000.0, 50_000.0, 100_000.0, 200_000.0]);
    }

    #[test]
    fn smaller_is_left_and_better_is_up() {
        let point = |size, hits, origin| Point { recipe: Recipe::default(), share: Share { n: 1_000, hits }, size, origin };
        let points = vec![point(20_000, 900, Origin::Current), point(10_000, 400, Origin::Swept), point(40_000, 930, Origin::Tried)];
        let spots = draw(&Data { points, float: Some((150_000, 0.934)) }, 340).spots;
        assert!(spots[1].x < spots[0].x && spots[0].x < spots[2].x && spots[1].y > spots[0].y && spots[0].y > spots[2].y, "{spots:?}");
    }
}
