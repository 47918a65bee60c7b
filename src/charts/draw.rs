//! What all drawings share: colours by role, text, axes, and the way from plotters to the page.

use std::ops::Range;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use yew::prelude::*;

// The light theme's colours, by role. `charts.css` maps each to the theme in force, and so does a download.

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
/// What is A, beside the recipe in force.
pub const INK: RGBColor = RGBColor(0x15, 0x18, 0x1D);

/// The dark theme's colours, as `base.css` has them, in the place of these.
const DARK: [(&str, &str); 7] = [
    ("#3B6FB6", "#7AA7E8"),
    ("#E4572E", "#FF7A52"),
    ("#5B6470", "#9AA3AF"),
    ("#E3E0D8", "#2A2E36"),
    ("#EFECE4", "#23272E"),
    ("#FFFFFF", "#191C22"),
    ("#15181D", "#ECEAE4"),
];

/// Pixels of text, as plotters counts them; `charts.css` says the same for the page.
const TEXT: i32 = 13;

/// Anything that can go wrong while drawing into a string is a mistake in a range; the chart then stays empty.
pub type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

/// Pixels around a drawing in a file, and above it.
const MARGIN: u32 = 16;
const HEAD: u32 = 40;

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

impl Drawing {
    /// The drawing as a file of its own, with title, description and ground, in one of the themes: SVG, and its size.
    pub fn standalone(&self, title: &str, description: &str, dark: bool) -> (String, [u32; 2]) {
        let [title, description] = [title, description].map(|text| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
        let (width, height) = (self.width + 2 * MARGIN, self.height + MARGIN + HEAD);
        let inner = self.svg.replacen("<svg ", &format!("<svg x=\"{MARGIN}\" y=\"{HEAD}\" overflow=\"visible\" "), 1);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
             <title>{title}</title>\n<desc>{description}</desc>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n\
             <text x=\"{MARGIN}\" y=\"24\" font-family=\"sans-serif\" font-size=\"13\" font-weight=\"600\" fill=\"#15181D\">{title}</text>\n\
             {inner}</svg>\n"
        );
        if dark {
            for (light, dark) in DARK {
                svg = svg.replace(light, dark);
            }
        }
        (svg, [width, height])
    }
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

/// A mark for a point, by the number of its curve: told apart by its shape.
pub fn mark(area: &Area, shape: usize, (x, y): (i32, i32), colour: &RGBColor) -> Drawn<()> {
    let corners: &[(i32, i32)] = match shape {
        0 => &[(-3, -3), (3, -3), (3, 3), (-3, 3)],
        1 => &[(0, -4), (4, 3), (-4, 3)],
        2 => &[(0, -4), (4, 0), (0, 4), (-4, 0)],
        _ => &[(-4, -1), (4, -1), (4, 1), (-4, 1)],
    };
    let corners: Vec<_> = corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
    area.draw(&Polygon::new(corners, colour.filled()))?;
    Ok(())
}

/// A letter on a dot: which recipe a point is.
pub fn letter(area: &Area, name: &'static str, (x, y): (i32, i32), colour: &RGBColor) -> Drawn<()> {
    area.draw(&Circle::new((x, y), 8, colour.filled()))?;
    let style = text(&CARD).pos(Pos::new(HPos::Center, VPos::Center));
    area.draw(&Text::new(name, (x, y), style))?;
    Ok(())
}

/// Keeps an axis still: the range of before, as long as it holds what is to be shown and is not far too wide for it, and while
/// nothing is to be shown. While something is dragged it only grows. `key` says what is shown: another key begins anew.
#[hook]
pub fn use_still(key: String, wanted: Option<Range<f64>>, dragging: bool) -> Range<f64> {
    let last = use_mut_ref(|| None::<(String, Range<f64>)>);
    let known = last.take().filter(|(of, _)| *of == key).map(|(_, range)| range);
    let next = match (known, wanted) {
        (Some(last), Some(wanted)) => still(&last, wanted, dragging),
        (Some(range), None) | (None, Some(range)) => range,
        (None, None) => return 0.0..1.0,
    };
    last.replace(Some((key, next.clone())));
    next
}

fn still(last: &Range<f64>, wanted: Range<f64>, dragging: bool) -> Range<f64> {
    let span = |range: &Range<f64>| range.end - range.start;
    let holds = last.start <= wanted.start && wanted.end <= last.end;
    match (holds, dragging) {
        (true, true) => last.clone(),
        (true, false) if span(&wanted) > 0.6 * span(last) => last.clone(),
        (false, true) => last.start.min(wanted.start)..last.end.max(wanted.end),
        _ => wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_stays_still_while_it_fits() {
        for (last, wanted, dragging, expected) in [
            (0.0..1.0, 0.2..0.9, false, 0.0..1.0),
            (0.0..1.0, 0.8..0.9, false, 0.8..0.9),
            (0.0..1.0, 0.8..0.9, true, 0.0..1.0),
            (0.5..1.0, 0.2..0.9, true, 0.2..1.0),
            (0.5..1.0, 0.2..0.9, false, 0.2..0.9),
        ] {
            assert_eq!(still(&last, wanted.clone(), dragging), expected, "{last:?} {wanted:?} {dragging}");
        }
    }

    #[test]
    fn a_file_has_title_description_ground_and_theme() {
        let drawing = drawing(200, 50, |area| {
            area.draw(&Circle::new((9, 9), 3, QUANTIZED.filled()))?;
            Ok(vec![])
        });
        for (dark, ground, dot) in [(false, "#FFFFFF", "#E4572E"), (true, "#191C22", "#FF7A52")] {
            let (svg, size) = drawing.standalone("a < b & c", "what", dark);
            assert!(svg.contains("<title>a &lt; b &amp; c</title>") && svg.contains("<desc>what</desc>"), "{svg}");
            assert!(svg.contains(&format!("fill=\"{ground}\"")) && svg.contains(dot), "{svg}");
            assert_eq!((size, svg.matches("<svg ").count(), svg.matches("</svg>").count()), ([232, 106], 2, 2));
        }
    }

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
