//! Confusion: what images of each class were taken for, and how that changed. A cell shows its images.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

use super::draw::{Drawing, FLOAT, GRID, INK, QUANTIZED, SOFT, drawing, text};
use super::export::{Column, Table};
use super::frame::{Frame, use_width};
use crate::format::count;
use crate::panels::compared_with;
use crate::parts::segmented::segmented;
use crate::state::confusion::Confusion;
use crate::state::predictions::Goal;
use crate::state::view::Filter;
use crate::state::{Action, Look, Page, Tab, use_page};

/// The largest cell.
const CELL: i32 = 32;
/// Mistakes in the list.
const LISTED: usize = 8;
/// More classes than this are no matrix to read.
const MOST: usize = 20;

/// What cells show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    /// Images, of the recipe in force.
    Now,
    /// How many more or fewer than before.
    Change,
}

#[derive(Clone, Debug, PartialEq)]
struct Data {
    now: Confusion,
    before: Confusion,
    labels: Vec<AttrValue>,
    show: Show,
}

impl Data {
    /// What is written in a cell, and how strong its colour is: -1 for fewer, 1 for more.
    fn cell(&self, label: usize, said: usize) -> (String, f64) {
        match self.show {
            Show::Now => {
                let n = self.now.at(label, said);
                let share = n as f64 / self.now.of_label(label).max(1) as f64;
                (if n == 0 { String::new() } else { n.to_string() }, share)
            }
            Show::Change => match self.now.change(&self.before, label, said) {
                0 => (String::new(), 0.0),
                // Of 100 images, more than 10 is much.
                n => (signed(n), (n as f64 / (0.1 * self.now.of_label(label).max(1) as f64)).clamp(-1.0, 1.0)),
            },
        }
    }
}

/// `+3`, `−3`.
fn signed(n: i64) -> String {
    if n < 0 { format!("\u{2212}{}", n.unsigned_abs()) } else { format!("+{n}") }
}

/// Pixels for names, on the left and above.
fn margin(labels: &[AttrValue]) -> i32 {
    let longest = labels.iter().map(|label| short(label).chars().count()).max().unwrap_or_default();
    16 + 6 * longest as i32
}

/// The side of a cell, in pixels, where names take `margin`.
fn side(classes: usize, margin: i32, width: u32) -> i32 {
    ((width as i32 - margin - 2) / (classes.max(1) as i32)).clamp(8, CELL)
}

/// A name as there is room for it.
fn short(name: &str) -> String {
    if name.chars().count() <= 11 { name.to_owned() } else { name.chars().take(10).chain(['\u{2026}']).collect() }
}

fn draw(data: &Data, width: u32) -> Drawing {
    let classes = data.labels.len();
    let margin = margin(&data.labels);
    let side = side(classes, margin, width);
    let height = margin + side * classes as i32 + 4;
    drawing(if width == 0 { 0 } else { (margin + side * classes as i32 + 2) as u32 }, height as u32, |area| {
        let named = |at: Pos| text(&SOFT).pos(at);
        for (at, name) in data.labels.iter().enumerate() {
            let middle = side * at as i32 + side / 2;
            area.draw(&Text::new(short(name), (margin - 6, margin + middle), named(Pos::new(HPos::Right, VPos::Center))))?;
            let upright = TextStyle::from(("sans-serif", 13).into_font().transform(FontTransform::Rotate270)).color(&SOFT);
            area.draw(&Text::new(short(name), (margin + middle - 5, margin - 6), upright.pos(Pos::new(HPos::Left, VPos::Top))))?;
        }
        for label in 0..classes {
            for said in 0..classes {
                let (words, strength) = data.cell(label, said);
                let (left, top) = (margin + side * said as i32, margin + side * label as i32);
                // What is right is f32's blue; mistakes, and more of anything, are the colour of quantization.
                let colour = match (data.show, label == said) {
                    (Show::Now, true) => FLOAT,
                    (Show::Now, false) => QUANTIZED,
                    (Show::Change, _) if strength < 0.0 => FLOAT,
                    (Show::Change, _) => QUANTIZED,
                };
                let corners = [(left, top), (left + side - 1, top + side - 1)];
                area.draw(&Rectangle::new(corners, GRID.mix(0.6).filled()))?;
                if strength != 0.0 {
                    let shade = if data.show == Show::Now && label != said { 0.12 + 1.8 * strength } else { 0.10 + 0.35 * strength.abs() };
                    area.draw(&Rectangle::new(corners, colour.mix(shade.min(0.62)).filled()))?;
                }
                if !words.is_empty() && side >= 20 {
                    let style =
                        ("sans-serif", if side < 26 { 10 } else { 12 }).into_font().color(&INK).pos(Pos::new(HPos::Center, VPos::Center));
                    area.draw(&Text::new(words, (left + side / 2, top + side / 2), style))?;
                }
            }
        }
        Ok(Vec::new())
    })
}

/// The images of a cell: all of them, or those that came into it or left it.
fn images_of(show: Show, change: i64, label: usize, said: usize, with_a: bool) -> Look {
    let [label, said] = [label, said].map(|class| u16::try_from(class).ok());
    let filter = Filter { truth: label, with_a, ..Filter::default() };
    match show {
        Show::Now => Look::Both(Tab::All, Filter { to: said, ..filter }),
        Show::Change if change < 0 => Look::Both(Tab::Flipped, Filter { from: said, ..filter }),
        Show::Change => Look::Both(Tab::Flipped, Filter { to: said, ..filter }),
    }
}

/// Where a key goes in the matrix.
fn target(key: &str, (label, said): (usize, usize), classes: usize) -> Option<(usize, usize)> {
    let last = classes.saturating_sub(1);
    Some(match key {
        "ArrowLeft" => (label, said.saturating_sub(1)),
        "ArrowRight" => (label, (said + 1).min(last)),
        "ArrowUp" => (label.saturating_sub(1), said),
        "ArrowDown" => ((label + 1).min(last), said),
        "Home" => (label, 0),
        "End" => (label, last),
        _ => return None,
    })
}

/// Shows images, and goes there.
fn open(page: &Page, look: Look) {
    page.dispatch.dispatch(Action::Look(look));
    if let Some(images) = gloo::utils::document().get_element_by_id("images") {
        let options = web_sys::ScrollIntoViewOptions::new();
        options.set_block(web_sys::ScrollLogicalPosition::Nearest);
        images.scroll_into_view_with_scroll_into_view_options(&options);
    }
}

/// The chart; nothing for images without labels.
#[hook]
pub fn use_confusion_chart() -> Html {
    let page = use_page();
    let (node, width) = use_width();
    let show = use_state_eq(|| Show::Now);
    let at = use_state_eq(|| (0_usize, 0_usize));
    let grid = use_node_ref();
    let bench = &page.state.bench;
    let with_a = page.state.view.filter.with_a && bench.pinned().is_some();
    let labels = bench.loaded.as_ref().map(|loaded| loaded.labels.clone()).unwrap_or_default();
    let classes = labels.len();
    let (after, before) = (&bench.run().predictions, page.state.view.before(bench));
    // Counted anew only when more is known.
    let known = (after.n(), before.n(), bench.truth.len(), bench.entry.id.clone(), bench.run().recipe.clone(), with_a, classes);
    let counted =
        use_memo(known, |_| [Confusion::of(after, before, &bench.truth, classes), Confusion::of(before, after, &bench.truth, classes)]);
    let data = Data { now: counted[0].clone(), before: counted[1].clone(), labels, show: *show };
    let drawing = use_memo((data.clone(), width), |(data, width)| draw(data, *width));
    if bench.goal() == Goal::Agreement || classes > MOST {
        return Html::default();
    }
    let name = |class: usize| data.labels.get(class).cloned().unwrap_or_default();
    let against = if with_a { "A" } else { "f32" };
    let words = |label: usize, said: usize| {
        let (now, change) = (data.now.at(label, said), data.now.change(&data.before, label, said));
        let change = if change == 0 { "as many".to_owned() } else { signed(change) };
        format!("{} taken for {}: {} ({change} against {against})", name(label), name(said), count(now))
    };
    let pressed = |label: usize, said: usize| {
        let (page, show, change) = (page.clone(), *show, data.now.change(&data.before, label, said));
        Callback::from(move |_: MouseEvent| open(&page, images_of(show, change, label, said, with_a)))
    };
    let onkeydown = {
        let (grid, at) = (grid.clone(), at.clone());
        Callback::from(move |event: KeyboardEvent| {
            if event.alt_key() || event.ctrl_key() || event.meta_key() {
                return;
            }
            let Some((label, said)) = target(&event.key(), *at, classes) else { return };
            event.prevent_default();
            at.set((label, said));
            let row = grid.cast::<HtmlElement>().and_then(|grid| grid.children().item(label as u32));
            if let Some(cell) = row.and_then(|row| row.children().item(said as u32)) {
                let _ = cell.unchecked_into::<HtmlElement>().focus();
            }
        })
    };
    let margin = margin(&data.labels);
    let side = side(classes, margin, width);
    let cell = |label: usize, said: usize| {
        let text = words(label, said);
        let onfocus = {
            let at = at.clone();
            Callback::from(move |_: FocusEvent| at.set((label, said)))
        };
        html! {
            <button
                type="button" role="gridcell" data-cell={format!("{label}-{said}")} aria-label={text.clone()} data-tip={text}
                class={classes!("spot", (margin + side * (2 * said as i32 - classes as i32) > 0).then_some("left"))}
                tabindex={if *at == (label, said) { "0" } else { "-1" }} onclick={pressed(label, said)} {onfocus}
            ></button>
        }
    };
    let place = format!("left:{margin}px;top:{margin}px;grid-template-columns:repeat({classes},{side}px);grid-auto-rows:{side}px");
    let change = *show == Show::Change;
    let listed = data.now.mistakes(change.then_some(&data.before), LISTED);
    let mistake = |(label, said): &(usize, usize)| {
        let change = data.now.change(&data.before, *label, *said);
        html! {
            <li key={format!("{label}-{said}")}>
                <button type="button" onclick={pressed(*label, *said)} title="Shows these images">
                    <span>{name(*label)}{" \u{2192} "}{name(*said)}</span><b>{data.now.at(*label, *said)}</b>
                    <i>{if change == 0 { "\u{b1}0".to_owned() } else { signed(change) }}</i>
                </button>
            </li>
        }
    };
    let every = (0..classes).flat_map(|label| (0..classes).map(move |said| (label, said)));
    let rows = every.filter(|(label, said)| data.now.at(*label, *said) + data.before.at(*label, *said) > 0).map(|(label, said)| {
        let counts = [data.now.at(label, said), data.before.at(label, said)].map(|n| AttrValue::from(n.to_string()));
        let [now, before] = counts;
        vec![name(label), name(said), now, before, data.now.change(&data.before, label, said).to_string().into()]
    });
    let columns = ["label", "said", "images", if with_a { "images of A" } else { "images of f32" }, "change"];
    let table = Table { columns: columns.map(Column::plain).to_vec(), rows: rows.collect() };
    let shows = [AttrValue::Static("now"), format!("change from {against}").into()].map(|label| (label, None));
    let onselect = {
        let show = show.clone();
        Callback::from(move |index| show.set(if index == 0 { Show::Now } else { Show::Change }))
    };
    let description = match *show {
        Show::Now => "Rows: what images are; columns: what the recipe in force takes them for. Press a cell to see its images.",
        Show::Change => "How many more or fewer images are in each cell. Press one to see which came, or left.",
    };
    let aside = format!("{} images", count(data.now.n()));
    let label = format!("Confusion of {classes} classes, {}; the figures are in the table below", if change { "change" } else { "images" });
    let heading = if change { "What changed most" } else { "Most frequent mistakes" };
    let frame = Frame { id: "confusion", title: "Confusion", aside: &aside, description, drawing: &drawing, table };
    frame.view(
        &page,
        html! {
            <>
                <div class="switches">
                    { segmented("confusion-show", "Cells show", &shows, Some(usize::from(change)), &onselect) }
                    { compared_with(&page, "confusion-before") }
                </div>
                <div class="confusion">
                    <div class="plot" ref={node} style={format!("height:{}px", drawing.height)}>
                        <div aria-hidden="true">
                            // Drawn here from figures; text in it is escaped by plotters.
                            if !drawing.svg.is_empty() { { Html::from_html_unchecked(drawing.svg.clone()) } }
                        </div>
                        <div class="cells" role="grid" aria-label={label} ref={grid} style={place} {onkeydown}>
                            { for (0..classes).map(|label| html! {
                                <div role="row" key={label} aria-label={name(label)}>{ for (0..classes).map(|said| cell(label, said)) }</div>
                            }) }
                        </div>
                    </div>
                    <div class="mistakes" style={format!("padding-top:{}px", margin - 20)}>
                        <h3>{heading}</h3>
                        if listed.is_empty() { <p class="desc">{"None."}</p> }
                        <ol>{ for listed.iter().map(mistake) }</ol>
                    </div>
                </div>
            </>
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Predictions;

    #[test]
    fn a_matrix_is_as_large_as_there_is_room() {
        for (classes, width, expected) in [(10, 700, 32), (10, 334, 25), (10, 0, 8), (3, 334, 32)] {
            assert_eq!(side(classes, 78, width), expected);
        }
    }

    #[test]
    fn cells_say_what_they_count() {
        let mut model = [Predictions::default(), Predictions::default()];
        model[0].put(0, &[0, 1, 1], &[]);
        model[1].put(0, &[0, 0, 1], &[]);
        let truth = [0, 0, 1];
        let of = |a: usize, b: usize| Confusion::of(&model[a], &model[b], &truth, 2);
        let data = |show| Data { now: of(0, 1), before: of(1, 0), labels: vec!["<b>".into(), "an ankle boot".into()], show };
        let now = draw(&data(Show::Now), 400).svg;
        assert!(now.contains("&lt;b&gt;") && now.contains("an ankle b\u{2026}") && !now.contains("<b>"), "{now}");
        assert_eq!(data(Show::Change).cell(0, 1), ("+1".into(), 1.0));
        assert_eq!(data(Show::Change).cell(0, 0).0, "\u{2212}1");
        assert_eq!(data(Show::Now).cell(1, 0), (String::new(), 0.0));
    }

    #[test]
    fn keys_stay_in_the_matrix_and_cells_have_their_images() {
        for (key, to) in [("ArrowLeft", (0, 0)), ("ArrowDown", (1, 0)), ("End", (0, 9)), ("ArrowUp", (0, 0))] {
            assert_eq!(target(key, (0, 0), 10), Some(to), "{key}");
        }
        let filter = |from, to| Filter { truth: Some(6), from, to, with_a: false };
        for (show, change, expected) in [
            (Show::Now, 0, Look::Both(Tab::All, filter(None, Some(4)))),
            (Show::Change, 3, Look::Both(Tab::Flipped, filter(None, Some(4)))),
            (Show::Change, -3, Look::Both(Tab::Flipped, filter(Some(4), None))),
        ] {
            assert_eq!(images_of(show, change, 6, 4, false), expected);
        }
    }
}
