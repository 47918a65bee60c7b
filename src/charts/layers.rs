//! What each layer costs: noise of the model's output, or of the layer's own numbers.

use bitdial_protocol::{Diagnosis, LayerDiagnosis};
use plotters::prelude::*;
use yew::prelude::*;

use super::draw::{CARD, Drawing, FLOAT, GRID, INK, QUANTIZED, SOFT, Spot, drawing, text};
use super::export::{Column, Table};
use super::frame::{Frame, Press, plot, use_width};
use crate::format::decibels;
use crate::kinds::{Name, names};
use crate::parts::segmented::segmented;
use crate::parts::use_last;
use crate::state::{Action, State, use_page};

const HEIGHT: u32 = 168;
/// Where the bars stand, how high they may be, and how far from the left.
const FLOOR: i32 = 142;
const HIGH: f32 = 120.0;
const LEFT: i32 = 30;
/// More noise than this is shown as much, and less than this is shown as little.
const WORST: f32 = 0.0;
const BEST: f32 = 60.0;

/// What is shown of each layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    /// Noise of the model's output.
    Output,
    /// Noise of the layer's numbers.
    Own,
}

impl View {
    /// Decibels of the bar and of the line.
    fn of(self, layer: &LayerDiagnosis) -> [Option<f32>; 2] {
        let own = |tensor: &Option<bitdial_protocol::TensorDiagnosis>| tensor.as_ref().and_then(|tensor| tensor.sqnr);
        match self {
            Self::Output => [layer.only, layer.up_to],
            Self::Own => [own(&layer.weights), own(&layer.activations)],
        }
    }

    /// What bar and line are.
    fn words(self) -> [&'static str; 2] {
        match self {
            Self::Output => ["it alone", "all up to it"],
            Self::Own => ["weights", "activations"],
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Output => {
                "Signal to noise (dB) at the model's output. Bar: only this layer quantized. Line: all layers up to it. A short bar is a layer that breaks things; press one to open it."
            }
            Self::Own => {
                "Signal to noise (dB) of each layer's own numbers. Bar: its weights. Line: the activations it puts out. Not every noisy layer matters to the output."
            }
        }
    }
}

/// A layer: its name in short, decibels of bar and line, and of A's bar.
type Layer = (String, [Option<f32>; 2], Option<Option<f32>>);

/// The drawing; without `known`, what bars and line belong to is not in force any more, and only their places are drawn.
fn draw(layers: &[Layer], known: bool, open: Option<usize>, width: u32) -> Drawing {
    drawing(width, HEIGHT, |area| {
        let y = |db: f32| FLOOR - (HIGH * (db.clamp(WORST, BEST) - WORST) / (BEST - WORST)).round() as i32;
        for db in [0.0, 20.0, 40.0, 60.0] {
            area.draw(&PathElement::new(vec![(LEFT, y(db)), (width as i32, y(db))], GRID.stroke_width(1)))?;
            area.draw(&Text::new(format!("{db:.0}"), (8, y(db) - 6), text(&SOFT)))?;
        }
        let step = f64::from(width as i32 - LEFT) / layers.len().max(1) as f64;
        let x = |index: usize, part: f64| LEFT + (step * (index as f64 + part)).round() as i32;
        let mut spots = Vec::new();
        for (index, (name, [bar, _], a)) in layers.iter().enumerate() {
            let here = open == Some(index);
            let colour = if here { QUANTIZED.filled() } else { QUANTIZED.mix(0.45).filled() };
            if known {
                area.draw(&Rectangle::new([(x(index, 0.2), y(bar.unwrap_or(BEST))), (x(index, 0.8), FLOOR)], colour))?;
                spots.push(Spot { x: x(index, 0.5), y: FLOOR - 12 });
            }
            // Names only where they do not run into each other.
            if step > 24.0 {
                area.draw(&Text::new(name.clone(), (x(index, 0.5) - 3 * name.len() as i32, FLOOR + 6), text(&SOFT)))?;
            }
            if let Some(a) = a {
                let at = y(a.unwrap_or(BEST));
                area.draw(&PathElement::new(vec![(x(index, 0.08), at), (x(index, 0.92), at)], INK.stroke_width(2)))?;
            }
        }
        if !known {
            return Ok(spots);
        }
        let line: Vec<_> = layers.iter().enumerate().map(|(index, (_, dbs, _))| (x(index, 0.5), y(dbs[1].unwrap_or(BEST)))).collect();
        area.draw(&PathElement::new(line.clone(), FLOAT.stroke_width(2)))?;
        for place in line {
            area.draw(&Circle::new(place, 4, CARD.filled()))?;
            area.draw(&Circle::new(place, 4, FLOAT.stroke_width(2)))?;
        }
        Ok(spots)
    })
}

fn op<'a>(state: &'a State, layer: &str) -> &'a str {
    let layers = state.bench.loaded.as_deref().map_or(&[][..], |loaded| &loaded.info.layers);
    layers.iter().find(|other| other.name == layer).map_or("", |layer| &layer.op)
}

/// The same layer under A.
fn same<'a>(a: &'a Diagnosis, layer: &LayerDiagnosis) -> Option<&'a LayerDiagnosis> {
    a.layers.iter().find(|other| other.name == layer.name)
}

/// The figures.
fn table(found: &[(&LayerDiagnosis, Name)], a: Option<&Diagnosis>) -> Table {
    let cell = |db: Option<f32>| AttrValue::from(db.map_or(String::new(), |db| format!("{db:.2}")));
    let row = |(layer, name): &(&LayerDiagnosis, Name)| {
        let dbs = |layer: &LayerDiagnosis| [View::Own, View::Output].map(|view| view.of(layer)).concat();
        // As long as one is pinned, A has columns too.
        let a = a.map(|a| same(a, layer).map_or(vec![None; 4], dbs)).unwrap_or_default();
        std::iter::once(AttrValue::from(name.long.clone())).chain(dbs(layer).into_iter().chain(a).map(cell)).collect()
    };
    const OF_A: [&str; 4] = ["A weights dB", "A activations dB", "A alone dB", "A up to it dB"];
    let columns = ["layer", "weights dB", "activations dB", "output alone dB", "output up to it dB"];
    let columns = columns.into_iter().chain(OF_A.into_iter().filter(|_| a.is_some()));
    Table { columns: columns.map(Column::plain).collect(), rows: found.iter().map(row).collect() }
}

/// The chart.
#[hook]
pub fn use_layers_chart() -> Html {
    let page = use_page();
    let (node, width) = use_width();
    let view = use_state_eq(|| View::Output);
    let diagnosis = page.state.bench.run().diagnosis.clone();
    let id = &page.state.bench.entry.id;
    // While nothing is known, the layers of before keep their places.
    let last = use_last(diagnosis.clone().map(|found| (id.clone(), found))).filter(|(of, _)| of == id).map(|(_, found)| found);
    let ops: Vec<&str> = last.iter().flat_map(|d| &d.layers).map(|layer| op(&page.state, &layer.name)).collect();
    let found: Vec<_> = last.iter().flat_map(|d| &d.layers).zip(names(ops.into_iter())).collect();
    let a = page.state.bench.a().and_then(|a| a.diagnosis.clone());
    let of_a = |layer: &LayerDiagnosis| same(a.as_deref()?, layer).map(|layer| view.of(layer)[0]);
    let layers: Vec<Layer> = found.iter().map(|(layer, name)| (name.short.clone(), view.of(layer), of_a(layer))).collect();
    let open = found.iter().position(|(layer, _)| Some(&layer.name) == page.state.layer.as_ref());
    let known = diagnosis.is_some();
    let drawing = use_memo((layers, known, open, width), |(layers, known, open, width)| draw(layers, *known, *open, *width));
    let words = view.words();
    let press = |(index, (layer, name)): (usize, &(&LayerDiagnosis, Name))| {
        let (dispatch, open_layer) = (page.dispatch.clone(), layer.name.clone());
        let [bar, line] = view.of(layer);
        let a = of_a(layer).map_or(String::new(), |db| format!(" (A {})", decibels(db)));
        Press {
            label: format!("{}: {} {}{a}, {} {}", name.long, words[0], decibels(bar), words[1], decibels(line)).into(),
            current: open == Some(index),
            onpress: Callback::from(move |()| dispatch.dispatch(Action::Open(open_layer.clone()))),
        }
    };
    let presses: Vec<Press> = found.iter().enumerate().map(press).collect();
    let whole = diagnosis.as_ref().map(|d| format!("all quantized: {} \u{b7} {} calibration images", decibels(d.output), d.images));
    let views = ["at the output".into(), "of its own".into()].map(|label| (label, None));
    let onselect = {
        let view = view.clone();
        Callback::from(move |index| view.set(if index == 0 { View::Output } else { View::Own }))
    };
    let label = match found.len() {
        n if n == 0 || !known => "Signal to noise of the layers: not known yet".to_owned(),
        n => format!("Signal to noise of {n} layers, {} and {}; the figures are in the table below", words[0], words[1]),
    };
    if !page.state.bench.entry.is_diagnosed() {
        return Html::default();
    }
    let cross = if a.is_some() { " The strokes across are A's bars." } else { "" };
    let (aside, description) = (whole.unwrap_or_default(), &*format!("{}{cross}", view.description()));
    let frame = Frame {
        id: "layers",
        title: "What each layer costs",
        aside: &aside,
        description,
        drawing: &drawing,
        table: table(if known { &found } else { &[] }, a.as_deref()),
    };
    let inner = html! {
        <>
            { segmented("layers-view", "Noise", &views, Some(usize::from(*view == View::Own)), &onselect) }
            { plot(&node, &drawing, &presses, label) }
        </>
    };
    frame.view(&page, inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worse_layer_has_a_shorter_bar() {
        let layer = |name: &str, bar, line| (name.to_owned(), [bar, line], None);
        let layers = [layer("c1", Some(30.0), Some(30.0)), layer("dw1", Some(6.0), Some(5.0)), layer("fc1", None, None)];
        let drawing = draw(&layers, true, Some(1), 330);
        // 60 dB take 120 pixels.
        assert!(drawing.svg.contains("height=\"60\"") && drawing.svg.contains("height=\"12\""), "{}", drawing.svg);
        assert!(drawing.svg.contains("height=\"120\"") && drawing.spots.len() == 3, "{}", drawing.svg);
        // While nothing is known of the recipe in force the axes stay.
        let axes = draw(&layers, false, Some(1), 330);
        assert!(
            axes.svg.contains("dw1") && axes.svg.contains("60") && !axes.svg.contains("#E4572E") && axes.spots.is_empty(),
            "{}",
            axes.svg
        );
    }

    #[test]
    fn both_views_are_in_the_table() {
        let layer = LayerDiagnosis { name: "/fc".into(), weights: None, activations: None, only: Some(20.5), up_to: None };
        let table = table(&[(&layer, names(["Linear"].into_iter()).remove(0))], None);
        assert_eq!(table.rows, [["linear 1", "", "", "20.50", ""].map(AttrValue::from).to_vec()]);
    }
}
