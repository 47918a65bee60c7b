//! What all drawings share: colours by role, text, axes, and the way from plotters to the page.

use std::ops::Range;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use yew::AttrValue;

// The light theme's colours, by role. `charts.css` maps each to the theme in force; a download keeps them.

/// What is f32.
pub const FLOAT: RGBColor = RGBColor(0x3B, 0x6F, 0xB6);
/// What is quantized.
pub const QUANTIZED: RGBColor = RGBColor(0xE4, 0x57, 0x2E);
/// Text beside the matter.
pub const SOFT: RGBColor = RGBColor(0x5B, 0x64, 0x70);
/// Axes.
pub const LINE: RGBColor = RGBColor(0xE3, 0xE0, 0xD8);
/// Lines of the grid.
pub const GRID: RGBColor = RGBColor(0xEF, 0xEC, 0xE4);
/// The ground.
pub const CARD: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);

/// Pixels of text, as plotters counts them; `charts.css` says the same for the page.
const TEXT: i32 = 13;

/// Anything that can go wrong while drawing into a string is a mistake in a range; the chart then stays empty.
pub type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

/// Shares closer than this look alike.
const NARROWEST: f64 = 0.04;

/// A chart's area.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// A point that can be pointed at, in pixels of the drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot {
    /// From the left.
    pub x: i32,
    /// From the top.
    pub y: i32,
}

/// A finished drawing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drawing {
    /// SVG, with the light theme's colours.
    pub svg: AttrValue,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Where its points are, in the order of the data.
    pub spots: Vec<Spot>,
}

/// Draws into an SVG of this size. `paint` says where the points are.
pub fn drawing(width: u32, height: u32, paint: impl FnOnce(&Area) -> Drawn<Vec<Spot>>) -> Drawing {
    if width == 0 {
        return Drawing { height, ..Drawing::default() };
    }
    let mut svg = String::new();
    let spots = {
        let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        paint(&area).and_then(|spots| Ok(area.present().map(|()| spots)?)).unwrap_or_default()
    };
    Drawing { svg: svg.into(), width, height, spots }
}

/// Text of a colour.
pub fn text(colour: &RGBColor) -> TextStyle<'static> {
    ("sans-serif", TEXT).into_font().color(colour)
}

/// A plane of numbers, in pixels.
pub struct Plane {
    x: Range<f64>,
    y: Range<f64>,
    /// Pixels of its left, right, top and lower edge.
    edges: [i32; 4],
}

impl Plane {
    /// Where a point lies.
    pub fn place(&self, (x, y): (f64, f64)) -> (i32, i32) {
        let part = |range: &Range<f64>, value: f64| (value - range.start) / (range.end - range.start).max(f64::MIN_POSITIVE);
        let [left, right, top, floor] = self.edges.map(f64::from);
        let (x, y) = (left + (right - left) * part(&self.x, x), floor - (floor - top) * part(&self.y, y));
        (x.round() as i32, y.round() as i32)
    }

    /// Its lower edge.
    pub fn floor(&self) -> i32 {
        self.edges[3]
    }
}

/// A plane of shares with quiet lines at full percents, in an area of this size. plotters has axes of its own: they take
/// 15 kB of the page.
pub fn percent_plane(area: &Area, (width, height): (u32, u32), x: Range<f64>, y: Range<f64>) -> Drawn<Plane> {
    let plane = Plane { x, y, edges: [38, width as i32 - 12, 10, height as i32 - 24] };
    let [left, right, top, floor] = plane.edges;
    let steps = [1, 2, 5, 10, 20];
    let percents = (plane.y.end - plane.y.start) * 100.0;
    let step = steps.into_iter().find(|step| percents / f64::from(*step) <= 5.5).unwrap_or(25);
    for percent in (0..=100).step_by(step as usize) {
        let share = f64::from(percent) / 100.0;
        if (plane.y.start..=plane.y.end).contains(&share) {
            let (_, at) = plane.place((plane.x.start, share));
            area.draw(&PathElement::new(vec![(left, at), (right, at)], GRID.stroke_width(1)))?;
            let style = text(&SOFT).pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(format!("{percent} %"), (left - 6, at), style))?;
        }
    }
    area.draw(&PathElement::new(vec![(left, top), (left, floor), (right, floor)], LINE.stroke_width(1)))?;
    Ok(plane)
}

/// A range of shares that holds all of `values` with some air, on full percents and not too narrow to read.
pub fn percent_range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return 0.0..1.0;
    }
    let air = ((high - low) * 0.08).max((NARROWEST - (high - low)) / 2.0).max(0.005);
    // A hair less than a full percent is one.
    let (low, high) = (((low - air) * 100.0 + 1e-6).floor(), ((high + air) * 100.0 - 1e-6).ceil());
    // The top line is drawn even where rounding puts it a hair too high.
    low.max(0.0) / 100.0..high.min(100.0) / 100.0 + 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_values() {
        for (values, low, high) in [
            (vec![0.1, 0.95], 0.03, 1.0),
            (vec![0.93, 0.94], 0.91, 0.96),
            (vec![0.5], 0.48, 0.52),
            (vec![1.0], 0.98, 1.0),
            (vec![], 0.0, 1.0),
        ] {
            let range = percent_range(values.iter().copied());
            assert!((range.start - low).abs() < 1e-6 && (range.end - high).abs() < 1e-6, "{values:?}: {range:?}");
        }
    }

    #[test]
    fn a_plane_has_its_corners_in_the_corners_and_lines_between() {
        for (range, labels) in [(0.0..1.0, 6), (0.91..0.96, 6), (0.03..1.0, 5), (0.48..0.52, 5)] {
            let drawing = drawing(200, 100, |area| {
                let plane = percent_plane(area, (200, 100), 1.0..8.0, range.clone())?;
                assert_eq!([plane.place((1.0, range.start)), plane.place((8.0, range.end))], [(38, 76), (188, 10)]);
                Ok(vec![])
            });
            assert_eq!(drawing.svg.matches(" %").count(), labels, "{range:?}: {}", drawing.svg);
        }
    }

    #[test]
    fn text_from_a_model_is_text_in_a_drawing() {
        let drawing = drawing(200, 50, |area| {
            area.draw(&Text::new("<script>&".to_owned(), (10, 10), text(&SOFT)))?;
            Ok(vec![])
        });
        assert!(drawing.svg.contains("&lt;script&gt;&amp;") && !drawing.svg.contains("<script"), "{}", drawing.svg);
    }
}
