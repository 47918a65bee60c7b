//! Accuracy against weight bits: the whole curve for the scheme in force, with its intervals.

use bitdial_protocol::Bits;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use yew::prelude::*;

use super::draw::{CARD, Drawing, FLOAT, QUANTIZED, SOFT, Spot, drawing, percent_plane, percent_range, text};
use super::export::{Column, IMAGES, KIND, Table};
use super::frame::{Frame, Press, plot, use_width};
use crate::format::{bytes, count, percent};
use crate::state::bench::at_bits;
use crate::state::predictions::{Goal, Share};
use crate::state::rules::way;
use crate::state::{Edit, use_page};

const HEIGHT: u32 = 176;

/// A point of the curve.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    bits: u8,
    share: Share,
    size: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct Data {
    points: Vec<Point>,
    float: Option<f64>,
    current: u8,
}

fn draw(data: &Data, width: u32) -> Drawing {
    drawing(width, HEIGHT, |area| {
        let ends = data.points.iter().flat_map(|point| <[f64; 2]>::from(point.share.interval()));
        let known = !data.points.is_empty();
        let range = percent_range(ends.chain(data.float.filter(|_| known)));
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
        // Points that are next to each other belong to one line; a gap is not known yet.
        for line in data.points.chunk_by(|a, b| a.bits + 1 == b.bits) {
            let upper = line.iter().map(|point| at(point, point.share.interval().1));
            let lower = line.iter().rev().map(|point| at(point, point.share.interval().0));
            area.draw(&Polygon::new(upper.chain(lower).collect::<Vec<_>>(), QUANTIZED.mix(0.14)))?;
            area.draw(&PathElement::new(line.iter().map(centre).collect::<Vec<_>>(), QUANTIZED.stroke_width(2)))?;
        }
        let mut spots = Vec::new();
        for point in &data.points {
            let here = point.bits == data.current;
            area.draw(&Circle::new(centre(point), if here { 6 } else { 4 }, if here { QUANTIZED } else { CARD }.filled()))?;
            area.draw(&Circle::new(centre(point), if here { 6 } else { 4 }, QUANTIZED.stroke_width(2)))?;
            let (x, y) = centre(point);
            spots.push(Spot { x, y });
        }
        Ok(spots)
    })
}

/// The chart.
#[component]
pub fn BitsChart() -> Html {
    let page = use_page();
    let (node, width) = use_width();
    let bench = &page.state.bench;
    let points = bench.curve().into_iter().filter(|(_, point)| point.share.n > 0);
    let points = points.map(|(bits, point)| Point { bits: bits.get(), share: point.share, size: point.size });
    let float = match bench.goal() {
        Goal::Accuracy => bench.float_share(bench.first()).value(),
        Goal::Agreement => Some(1.0),
    };
    let data = Data { points: points.collect(), float, current: page.state.link.recipe.weights.width() };
    let drawing = use_memo((data.clone(), width), |(data, width)| draw(data, *width));
    let name = bench.goal().name();
    let n = data.points.first().map_or(0, |point| point.share.n);
    let presses = data.points.iter().map(|point| {
        let page = page.clone();
        let bits = point.bits;
        Press {
            label: format!("{bits} bits: {} % {name}", percent(point.share.value().unwrap_or_default(), 1)).into(),
            current: bits == data.current,
            onpress: Callback::from(move |()| {
                if let Ok(bits) = Bits::new(bits) {
                    page.edit(Edit::WeightBits(bits));
                }
            }),
        }
    });
    let presses: Vec<Press> = presses.collect();
    let recipe = &page.state.link.recipe;
    let row = |point: &Point| {
        let (low, high) = point.share.interval();
        let value = point.share.value().unwrap_or_default();
        let bits = Bits::new(point.bits).unwrap_or(recipe.weights.bits);
        vec![
            point.bits.to_string().into(),
            percent(value, 2).into(),
            percent(low, 2).into(),
            percent(high, 2).into(),
            point.share.n.to_string().into(),
            point.size.to_string().into(),
            way(&at_bits(recipe, bits)).kind().into(),
        ]
    };
    let table = Table {
        columns: vec![
            Column::plain("weight bits"),
            Column::measured(if bench.goal() == Goal::Accuracy { "accuracy %" } else { "agreement %" }, name, "%"),
            Column::plain("low 95 %"),
            Column::plain("high 95 %"),
            Column::plain(IMAGES),
            Column::measured("bytes", "size", "B"),
            Column::plain(KIND),
        ],
        rows: data.points.iter().map(row).collect(),
    };
    let title = format!("{} against weight bits", bench.goal().title());
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
    let frame = Frame { id: "accuracy-bits", title: &title, aside: &aside, description: &description, drawing: &drawing, table };
    frame.view(&page, plot(&node, &drawing, &presses, label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_rises_to_the_right_where_the_accuracy_does() {
        let point = |bits, hits| Point { bits, share: Share { n: 1_000, hits }, size: 1 };
        let data = Data { points: vec![point(2, 100), point(3, 700), point(8, 930)], float: Some(0.933), current: 3 };
        let drawing = draw(&data, 340);
        let [a, b, c] = &drawing.spots[..] else { panic!("{:?}", drawing.spots) };
        assert!(a.x < b.x && b.x < c.x && a.y > b.y && b.y > c.y, "{:?}", drawing.spots);
        assert!(drawing.svg.contains("#E4572E") && drawing.svg.contains("f32"));
        assert_eq!(draw(&Data { points: vec![], float: None, current: 8 }, 340).spots, []);
    }
}
