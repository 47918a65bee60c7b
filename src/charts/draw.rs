//! What all drawings share: colours by role, text, axes, and the way from plotters to the page.

use std::ops::Range;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
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

/// A chart with two axes of numbers.
pub type Axes<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

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

/// A pair of axes with quiet grid lines, the vertical one in percent.
pub fn percent_axes<'a, 'b>(
    area: &'a Area<'b>,
    x: Range<f64>,
    y: Range<f64>,
    ticks: usize,
    name: &dyn Fn(&f64) -> String,
) -> Drawn<Axes<'a, 'b>> {
    let mut axes =
        ChartBuilder::on(area).margin_top(10).margin_right(12).x_label_area_size(24).y_label_area_size(38).build_cartesian_2d(x, y)?;
    axes.configure_mesh()
        .disable_x_mesh()
        .x_labels(ticks)
        .y_labels(5)
        .x_label_formatter(name)
        .y_label_formatter(&|share| format!("{:.0} %", share * 100.0))
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(LINE)
        .set_all_tick_mark_size(0)
        .label_style(text(&SOFT))
        .draw()?;
    Ok(axes)
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
    fn text_from_a_model_is_text_in_a_drawing() {
        let drawing = drawing(200, 50, |area| {
            area.draw(&Text::new("<script>&".to_owned(), (10, 10), text(&SOFT)))?;
            Ok(vec![])
        });
        assert!(drawing.svg.contains("&lt;script&gt;&amp;") && !drawing.svg.contains("<script"), "{}", drawing.svg);
    }
}
