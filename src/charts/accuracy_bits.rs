//! Accuracy against bits of weights or activations: the whole curve for the scheme in force, with its intervals, and the
//! curves of other schemes that were tried.

use std::ops::Range;

use bitdial_protocol::{Bits, Recipe};
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use yew::prelude::*;

use super::draw::{CARD, Drawing, FLOAT, INK, QUANTIZED, SOFT, Spot, drawing, letter, mark, percent_plane, percent_range, text, use_still};
use super::export::{Column, IMAGES, KIND, Table};
use super::frame::{Frame, Press, plot, use_width};
use crate::format::{bytes, count, percent};
use crate::parts::segmented::segmented;
use crate::state::curve::{Curve, along, scheme, width};
use crate::state::predictions::{Goal, Share};
use crate::state::rules::way;
use crate::state::view::Axis;
use crate::state::{Action, Edit, Look, Page, use_page, wording};

const HEIGHT: u32 = 176;
/// Curves of other schemes.
const OTHERS: usize = 3;
/// Dashes of their lines: drawn and left out, in pixels.
const DASHES: [(i32, i32); OTHERS] = [(7, 3), (2, 3), (12, 4)];

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    bits: u8,
    share: Share,
    size: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct Data {
    points: Vec<Point>,
    /// Of other schemes.
    others: Vec<Vec<Point>>,
    float: Option<f64>,
    current: u8,
    /// The point that is A, by curve (0 is the one in force) and bits.
    a: Option<(usize, u8)>,
}

impl Data {
    /// Every point that is pressed, in the order of their spots: those of other curves first, so that the curve in force lies on top.
    fn pressed(&self) -> impl Iterator<Item = (usize, &Point)> {
        let others = self.others.iter().enumerate().flat_map(|(curve, points)| points.iter().map(move |point| (curve + 1, point)));
        others.chain(self.points.iter().map(|point| (0, point)))
    }

    /// The range that holds all of it; `None` while there is nothing.
    fn range(&self) -> Option<Range<f64>> {
        let ends = self.points.iter().flat_map(|point| <[f64; 2]>::from(point.share.interval()));
        let others = self.others.iter().flatten().filter_map(|point| point.share.value());
        let known = !self.points.is_empty() || self.others.iter().any(|points| !points.is_empty());
        known.then(|| percent_range(ends.chain(others).chain(self.float.filter(|_| !self.points.is_empty()))))
    }
}

fn draw(data: &Data, range: &Range<f64>, width: u32) -> Drawing {
    drawing(width, HEIGHT, |area| {
        let known = !data.points.is_empty();
        let plane = percent_plane(area, (width, HEIGHT), 0.6..8.4, range.clone())?;
        for bits in 1..=8 {
            let (at, _) = plane.place((f64::from(bits), range.start));
            area.draw(&Text::new(bits.to_string(), (at - 3, plane.floor() + 6), text(&SOFT)))?;
        }
        if let Some(float) = data.float.filter(|_| known) {
            let (left, right) = (plane.place((0.6, float)), plane.place((8.4, float)));
            area.draw(&DashedPathElement::new([left, right], 4, 4, FLOAT.stroke_width(1)))?;
            // At the left, where the curve is lowest; below the line unless that leaves the chart.
            let below = float - range.start > (range.end - range.start) * 0.15;
            area.draw(&Text::new("f32", (left.0 + 5, left.1 + if below { 4 } else { -15 }), text(&FLOAT)))?;
        }
        let at = |point: &Point, share: f64| plane.place((f64::from(point.bits), share));
        let centre = |point: &Point| at(point, point.share.value().unwrap_or_default());
        for (curve, points) in data.others.iter().enumerate() {
            let colour = if data.a.is_some_and(|(of, _)| of == curve + 1) { INK } else { SOFT };
            let (drawn, left_out) = DASHES[curve % OTHERS];
            for line in points.chunk_by(|a, b| a.bits + 1 == b.bits) {
                let line: Vec<_> = line.iter().map(centre).collect();
                area.draw(&DashedPathElement::new(line, drawn, left_out, colour.stroke_width(1)))?;
            }
            for point in points {
                mark(area, curve, centre(point), &colour)?;
            }
        }
        // Points that are next to each other belong to one line; a gap is not known yet.
        for line in data.points.chunk_by(|a, b| a.bits + 1 == b.bits) {
            let upper = line.iter().map(|point| at(point, point.share.interval().1));
            let lower = line.iter().rev().map(|point| at(point, point.share.interval().0));
            area.draw(&Polygon::new(upper.chain(lower).collect::<Vec<_>>(), QUANTIZED.mix(0.14)))?;
            area.draw(&PathElement::new(line.iter().map(centre).collect::<Vec<_>>(), QUANTIZED.stroke_width(2)))?;
        }
        for point in &data.points {
            let here = point.bits == data.current;
            area.draw(&Circle::new(centre(point), if here { 6 } else { 4 }, if here { QUANTIZED } else { CARD }.filled()))?;
            area.draw(&Circle::new(centre(point), if here { 6 } else { 4 }, QUANTIZED.stroke_width(2)))?;
        }
        let mut spots = Vec::new();
        for (curve, point) in data.pressed() {
            let (x, y) = centre(point);
            if data.a == Some((curve, point.bits)) {
                letter(area, "A", (x, y), &INK)?;
            }
            spots.push(Spot { x, y });
        }
        Ok(spots)
    })
}

/// Points of a curve, as far as images were counted.
fn points(curve: Curve) -> Vec<Point> {
    let counted = curve.into_iter().filter(|(_, point)| point.share.n > 0);
    counted.map(|(bits, point)| Point { bits: bits.get(), share: point.share, size: point.size }).collect()
}

/// A line and its mark, as the chart draws them; 0 is the curve in force.
fn sample(curve: usize, colour: RGBColor) -> Html {
    let drawing = drawing(26, 14, |area| {
        let ends = [(0, 7), (26, 7)];
        match curve {
            0 => {
                area.draw(&PathElement::new(ends.to_vec(), QUANTIZED.stroke_width(2)))?;
                area.draw(&Circle::new((13, 7), 4, CARD.filled()))?;
                area.draw(&Circle::new((13, 7), 4, QUANTIZED.stroke_width(2)))?;
            }
            other => {
                let (drawn, left_out) = DASHES[(other - 1) % OTHERS];
                area.draw(&DashedPathElement::new(ends.to_vec(), drawn, left_out, colour.stroke_width(1)))?;
                mark(area, other - 1, (13, 7), &colour)?;
            }
        }
        Ok(Vec::new())
    });
    html! { <i class="plot" aria-hidden="true">{ Html::from_html_unchecked(drawing.svg) }</i> }
}

/// Which line is which scheme, where there are several.
fn legend(page: &Page, axis: Axis, schemes: &[Recipe], data: &Data) -> Html {
    if schemes.is_empty() {
        return Html::default();
    }
    let now = scheme(&page.state.link.recipe, axis);
    let line = |(index, other): (usize, &Recipe)| {
        let is_a = data.a.is_some_and(|(of, _)| of == index + 1);
        let differs = wording::differences(&now, other, page.state.bench.entry);
        let words: Vec<String> = differs.iter().map(|difference| format!("{} {}", difference.what, difference.b)).collect();
        let words = words.join(", ");
        html! {
            <li key={index + 1} title={words.clone()}>
                { sample(index + 1, if is_a { INK } else { SOFT }) }
                if is_a { <b class="mark">{"A"}</b> }
                <span>{words}</span>
            </li>
        }
    };
    html! {
        <ul class="curves" aria-label="Lines of the chart">
            <li key="0">{ sample(0, QUANTIZED) }<span>{"as in force; the others differ from it in:"}</span></li>
            { for schemes.iter().enumerate().map(line) }
        </ul>
    }
}

/// The chart.
#[hook]
pub fn use_bits_chart() -> Html {
    let page = use_page();
    let (node, width_of) = use_width();
    let (state, bench, axis) = (&page.state, &page.state.bench, page.state.view.axis);
    let recipe = &state.link.recipe;
    let (schemes, others): (Vec<Recipe>, Vec<_>) =
        bench.other_curves(axis, OTHERS).into_iter().map(|(scheme, curve)| (scheme, points(curve))).unzip();
    let float = match bench.goal() {
        Goal::Accuracy => bench.float_share(bench.first()).value(),
        Goal::Agreement => Some(1.0),
    };
    let now = scheme(recipe, axis);
    let a = bench.pinned.as_ref().and_then(|a| {
        let of = scheme(a, axis);
        let curve = if of == now { Some(0) } else { schemes.iter().position(|known| *known == of).map(|at| at + 1) };
        Some((curve?, width(a, axis)))
    });
    let data = Data { points: points(bench.curve(axis)), others, float, current: width(recipe, axis), a };
    let range = use_still(format!("{} {axis:?}", bench.entry.id), data.range(), state.dragging.is_some());
    let drawing =
        use_memo((data.clone(), (range.start, range.end), width_of), |(data, (low, high), width)| draw(data, &(*low..*high), *width));
    let name = bench.goal().name();
    let n = data.points.first().map_or(0, |point| point.share.n);
    let made = |curve: usize, bits: u8| {
        let of = curve.checked_sub(1).and_then(|other| schemes.get(other)).unwrap_or(recipe);
        Bits::new(bits).map(|bits| along(of, axis, bits)).unwrap_or_else(|_| of.clone())
    };
    let presses = data.pressed().map(|(curve, point)| {
        let (page, recipe) = (page.clone(), made(curve, point.bits));
        let bits = point.bits;
        let (low, high) = point.share.interval();
        let scheme = if curve == 0 { String::new() } else { format!(": {}", wording::recipe(&recipe)) };
        let is_a = if data.a == Some((curve, bits)) { "A, " } else { "" };
        let [value, low, high] = [point.share.value().unwrap_or_default(), low, high].map(|share| percent(share, 1));
        Press {
            label: format!("{is_a}{bits} bits: {value} % {name} ({low}\u{2013}{high} %){scheme}").into(),
            current: curve == 0 && bits == data.current,
            onpress: Callback::from(move |()| match (curve, axis, Bits::new(bits)) {
                (0, Axis::Weights, Ok(bits)) => page.edit(Edit::WeightBits(bits)),
                (0, Axis::Activations, Ok(bits)) => page.edit(Edit::ActivationBits(bits)),
                _ => page.edit(Edit::Recipe(recipe.clone())),
            }),
        }
    });
    let presses: Vec<Press> = presses.collect();
    let row = |(curve, point): (usize, &Point)| {
        let (low, high) = point.share.interval();
        let value = point.share.value().unwrap_or_default();
        let made = made(curve, point.bits);
        vec![
            point.bits.to_string().into(),
            percent(value, 2).into(),
            percent(low, 2).into(),
            percent(high, 2).into(),
            point.share.n.to_string().into(),
            point.size.to_string().into(),
            way(&made).kind().into(),
            wording::recipe(&made).into(),
        ]
    };
    let (own, other): (Vec<_>, Vec<_>) = data.pressed().partition(|(curve, _)| *curve == 0);
    let table = Table {
        columns: vec![
            Column::plain(if axis == Axis::Weights { "weight bits" } else { "activation bits" }),
            Column::measured(if bench.goal() == Goal::Accuracy { "accuracy %" } else { "agreement %" }, name, "%"),
            Column::plain("low 95 %"),
            Column::plain("high 95 %"),
            Column::plain(IMAGES),
            Column::measured("bytes", "size", "B"),
            Column::plain(KIND),
            Column::plain("recipe"),
        ],
        rows: own.into_iter().chain(other).map(row).collect(),
    };
    let what = if axis == Axis::Weights { "weight" } else { "activation" };
    let title = format!("{} against {what} bits", bench.goal().title());
    let said: Vec<String> =
        data.points.iter().map(|p| format!("{} bits {} %", p.bits, percent(p.share.value().unwrap_or_default(), 1))).collect();
    let label = format!("{title}: {}", if said.is_empty() { "not known yet".to_owned() } else { said.join(", ") });
    let aside = if n == 0 { String::new() } else { format!("{} images", count(n)) };
    let saving = data.points.iter().find(|point| point.bits == data.current).map(|point| bytes(point.size).to_string());
    let description = match saving {
        Some(size) => {
            format!("This scheme at every width, with its 95 % interval. The large dot is the dial, {size}; press one to turn it there.")
        }
        None => "This scheme at every width, with its 95 % interval: filled in when the workers have time.".to_owned(),
    };
    let onselect = {
        let dispatch = page.dispatch.clone();
        Callback::from(move |index| {
            let axis = if index == 0 { Axis::Weights } else { Axis::Activations };
            dispatch.dispatch(Action::Look(Look::Along(axis)));
        })
    };
    let axes = ["weights", "activations"].map(|label| (label.into(), None));
    let frame = Frame { id: "accuracy-bits", title: &title, aside: &aside, description: &description, drawing: &drawing, table };
    let inner = html! {
        <>
            { segmented("bits-of", "Bits of", &axes, Some(usize::from(axis == Axis::Activations)), &onselect) }
            { plot(&node, &drawing, &presses, label) }
            { legend(&page, axis, &schemes, &data) }
        </>
    };
    frame.view(&page, inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_rises_to_the_right_where_the_accuracy_does() {
        let point = |bits, hits| Point { bits, share: Share { n: 1_000, hits }, size: 1 };
        let points = vec![point(2, 100), point(3, 700), point(8, 930)];
        let data = Data { points, others: vec![vec![point(3, 500)]], float: Some(0.933), current: 3, a: Some((1, 3)) };
        let drawing = draw(&data, &data.range().unwrap(), 340);
        let [other, a, b, c] = &drawing.spots[..] else { panic!("{:?}", drawing.spots) };
        assert!(a.x < b.x && b.x < c.x && a.y > b.y && b.y > c.y && other.x == b.x && other.y > b.y, "{:?}", drawing.spots);
        assert!(drawing.svg.contains("#E4572E") && drawing.svg.contains("f32") && drawing.svg.contains("#15181D"));
        let none = Data { points: vec![], others: vec![], float: None, current: 8, a: None };
        assert_eq!((none.range(), draw(&none, &(0.0..1.0), 340).spots), (None, vec![]));
    }
}
