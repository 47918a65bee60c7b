//! The frame of a chart: title, description, drawing, points to press, figures, downloads.

use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{HtmlElement, ResizeObserver};
use yew::prelude::*;

use super::draw::{Drawing, Spot};
use super::export::{IMAGES, KIND, Table, save};
use crate::state::{Action, Page, Severity};

/// A point laid over a drawing.
#[derive(Clone, PartialEq)]
pub struct Press {
    /// What it says when pointed at, and aloud.
    pub label: AttrValue,
    /// Whether it is the recipe in force.
    pub current: bool,
    /// What pressing it does.
    pub onpress: Callback<()>,
}

/// A drawing in a place of fixed height. `node` is the element whose width the drawing has; `presses` are its points,
/// in the order of the drawing's spots; `label` is for people who cannot see it.
pub fn plot(node: &NodeRef, drawing: &Drawing, presses: &[Press], label: impl Into<AttrValue>) -> Html {
    let svg = &drawing.svg;
    let point = |(spot, press): (&Spot, &Press)| {
        let style = format!("left:{}px;top:{}px", spot.x, spot.y);
        // Near the right edge the words go to the left.
        let class = classes!("spot", press.current.then_some("current"), (spot.x * 2 > drawing.width as i32).then_some("left"));
        let (label, onclick) = (press.label.clone(), press.onpress.reform(|_: MouseEvent| ()));
        html! { <button type="button" {class} {style} {onclick} aria-label={label.clone()} data-tip={label}></button> }
    };
    html! {
        <div class="plot" ref={node.clone()} style={format!("height:{}px", drawing.height)}>
            <div role="img" aria-label={label.into()}>
                // Drawn here from figures; text in it is escaped by plotters.
                if !svg.is_empty() { { Html::from_html_unchecked(svg.clone()) } }
            </div>
            { for drawing.spots.iter().zip(presses).map(point) }
        </div>
    }
}

/// A chart in its frame.
pub struct Frame<'a> {
    /// Names the chart in files and ids.
    pub id: &'static str,
    /// Its title.
    pub title: &'a str,
    /// Beside the title.
    pub aside: &'a str,
    /// What it shows.
    pub description: &'a str,
    /// The drawing, for the download.
    pub drawing: &'a Drawing,
    /// The figures.
    pub table: Table,
}

impl Frame<'_> {
    /// The frame around `inner`: the plot, and what goes with it.
    pub fn view(self, page: &Page, inner: Html) -> Html {
        let heading = format!("{}-title", self.id);
        html! {
            <section class="chart" id={self.id} aria-labelledby={heading.clone()}>
                <h2 id={heading}>{self.title.to_owned()}<span>{self.aside.to_owned()}</span></h2>
                <p class="desc">{self.description.to_owned()}</p>
                { inner }
                { figures(page, self.id, self.title, Some(self.drawing), &self.table) }
            </section>
        }
    }
}

/// Cells of a row; those that are figures carry their hooks.
fn cells<'a>(table: &'a Table, row: &'a [AttrValue]) -> impl Iterator<Item = Html> + 'a {
    let of = |name: &str| table.columns.iter().position(|column| column.name == name).and_then(|at| row.get(at).cloned());
    let (images, own) = (of(IMAGES), of(KIND));
    table.columns.iter().zip(row).map(move |(column, cell)| match column.hook {
        None => html! { <td>{cell}</td> },
        Some([metric, unit, kind]) => {
            let n = images.clone().filter(|_| matches!(metric, "accuracy" | "agreement"));
            // A size is counted whatever the numbers mean.
            let kind = own.clone().filter(|_| metric != "size").unwrap_or(AttrValue::Static(kind));
            html! { <td data-metric={metric} data-value={cell.clone()} data-unit={unit} data-kind={kind} data-n={n}>{cell}</td> }
        }
    })
}

/// The figures of a chart, to read and to keep as files that `id` names; the drawing too, if there is one.
pub fn figures(page: &Page, id: &'static str, title: &str, drawing: Option<&Drawing>, table: &Table) -> Html {
    let keep = |kind: &'static str, end: &str, text: String| {
        let (dispatch, name) = (page.dispatch.clone(), format!("bitdial-{id}.{end}"));
        Callback::from(move |_: MouseEvent| {
            if let Err(error) = save(&name, kind, &text.as_str().into()) {
                let text = format!("{name} could not be saved: {error:?}");
                dispatch.dispatch(Action::Tell(Severity::Error, text));
            }
        })
    };
    let disabled = table.rows.is_empty();
    html! {
        <div class="figures">
            <details>
                <summary>{"Figures"}</summary>
                <div class="scroll" tabindex="0" role="region" aria-label={format!("Figures: {title}")}>
                    <table>
                        <caption class="sr">{title.to_owned()}</caption>
                        <thead><tr>{ for table.columns.iter().map(|column| html! { <th scope="col">{column.name}</th> }) }</tr></thead>
                        <tbody>
                            { for table.rows.iter().map(|row| html! { <tr>{ for cells(table, row) }</tr> }) }
                        </tbody>
                    </table>
                </div>
            </details>
            <button type="button" {disabled} aria-label={format!("{title}: download CSV")} onclick={keep("text/csv", "csv", table.csv())}>
                {"CSV"}
            </button>
            if let Some(drawing) = drawing {
                <button
                    type="button" {disabled} aria-label={format!("{title}: download SVG")}
                    onclick={keep("image/svg+xml", "svg", drawing.svg.to_string())}
                >
                    {"SVG"}
                </button>
            }
        </div>
    }
}

/// An element, and its width in pixels as it is and becomes; 0 before it is there.
#[hook]
pub fn use_width() -> (NodeRef, u32) {
    let node = use_node_ref();
    let width = use_state_eq(|| 0_u32);
    {
        let (node, width) = (node.clone(), width.clone());
        use_effect_with((), move |()| {
            let element = node.cast::<HtmlElement>();
            let measured = element.clone();
            let observe = Closure::<dyn Fn()>::new(move || {
                if let Some(element) = &measured {
                    width.set(element.client_width().max(0) as u32);
                }
            });
            let observer = ResizeObserver::new(observe.as_ref().unchecked_ref()).ok();
            if let (Some(observer), Some(element)) = (&observer, &element) {
                observer.observe(element);
            }
            move || {
                if let Some(observer) = observer {
                    observer.disconnect();
                }
                drop(observe);
            }
        });
    }
    (node, *width)
}
