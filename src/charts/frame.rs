//! The frame of a chart: title, description, drawing, points to press, figures, downloads.

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::Element;
use yew::prelude::*;

use super::draw::{Drawing, Spot};
use super::export::{IMAGES, KIND, Table, png, save};
use crate::panels::is_dark;
use crate::parts::resize::on_resize;
use crate::parts::terms;
use crate::state::view::part;
use crate::state::{Action, Look, Page, Severity, use_page};

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
        let folded = page.state.view.folded.iter().any(|id| id == self.id);
        let onclick = {
            let (page, id) = (page.clone(), self.id);
            Callback::from(move |_: MouseEvent| fold(&page, id, !folded))
        };
        html! {
            <section class={classes!("chart", folded.then_some("folded"))} id={self.id} data-part={part(self.id)} aria-labelledby={heading.clone()}>
                <h2>
                    <button class="fold" type="button" id={heading} aria-expanded={(!folded).to_string()} {onclick} title={if folded { "Unfold" } else { "Fold" }}>{self.title.to_owned()}</button>
                    <span>{self.aside.to_owned()}</span>
                </h2>
                <p class="desc">{self.description.to_owned()}{ terms::beside(self.id) }</p>
                { inner }
                <FigureTable id={self.id} title={self.title.to_owned()} drawing={(self.drawing.clone(), AttrValue::from(self.description.to_owned()))} table={self.table} />
            </section>
        }
    }
}

/// Where it is kept which charts are folded.
const FOLDED: &str = "bitdial-folded";

/// Charts that were folded when the page was here last.
pub fn folded() -> Vec<String> {
    let storage = gloo::utils::window().local_storage().ok().flatten();
    let kept = storage.and_then(|storage| storage.get_item(FOLDED).ok().flatten()).unwrap_or_default();
    kept.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

fn fold(page: &Page, id: &'static str, folded: bool) {
    let mut all: Vec<&str> = page.state.view.folded.iter().map(String::as_str).filter(|known| *known != id).collect();
    if folded {
        all.push(id);
    }
    // Without storage (private windows) it lasts as long as the page.
    if let Ok(Some(storage)) = gloo::utils::window().local_storage() {
        let _ = storage.set_item(FOLDED, &all.join(","));
    }
    page.dispatch.dispatch(Action::Look(Look::Fold(id.to_owned(), folded)));
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

/// Says that a file could not be made.
fn unsaved(page: &Page, name: &str, error: &JsValue) {
    let text = format!("{name} could not be saved: {error:?}");
    page.dispatch.dispatch(Action::Tell(Severity::Error, text));
}

/// The figures of a chart, to read and to keep as files that `id` names; the drawing and what it shows too, if there is one.
#[derive(Properties, PartialEq)]
pub struct FigureTableProps {
    /// Names the files.
    pub id: &'static str,
    /// The chart's title.
    pub title: AttrValue,
    /// The drawing, and what it shows.
    #[prop_or_default]
    pub drawing: Option<(Drawing, AttrValue)>,
    /// The figures.
    pub table: Table,
}

/// Its rows are in the page only while they are unfolded: those of all charts together were a third of its elements.
#[component]
pub fn FigureTable(props: &FigureTableProps) -> Html {
    let page = use_page();
    let open = use_state_eq(|| false);
    let FigureTableProps { id, title, drawing, table } = props;
    let name = |end: &str| format!("bitdial-{id}.{end}");
    let oncsv = {
        let (page, name, table) = (page.clone(), name("csv"), table.clone());
        Callback::from(move |_: MouseEvent| {
            if let Err(error) = save(&name, "text/csv", &table.csv().into()) {
                unsaved(&page, &name, &error);
            }
        })
    };
    let disabled = table.rows.is_empty();
    let picture = |end: &'static str, label: &'static str| {
        let (drawing, description) = drawing.clone()?;
        let (page, name, heading) = (page.clone(), name(end), title.clone());
        let onclick = Callback::from(move |_: MouseEvent| {
            let (svg, size) = drawing.standalone(&heading, &description, is_dark());
            let (page, name) = (page.clone(), name.clone());
            spawn_local(async move {
                let saved = match end {
                    "svg" => save(&name, "image/svg+xml", &svg.as_str().into()),
                    _ => png(&svg, size).await.and_then(|blob| save(&name, "image/png", &blob)),
                };
                if let Err(error) = saved {
                    unsaved(&page, &name, &error);
                }
            });
        });
        Some(
            html! { <button type="button" {disabled} aria-label={format!("{title}: download {label}")} title="The drawing as a file" {onclick}>{label}</button> },
        )
    };
    let ontoggle = {
        let open = open.clone();
        Callback::from(move |event: Event| {
            open.set(event.target_dyn_into::<Element>().is_some_and(|details| details.has_attribute("open")));
        })
    };
    html! {
        <div class="figures">
            <details {ontoggle}>
                <summary title="The figures of the chart as a table">{"Figures"}</summary>
                if *open {
                    <div class="scroll" tabindex="0" role="region" aria-label={format!("Figures: {title}")}>
                        <table>
                            <caption class="sr">{title.clone()}</caption>
                            <thead><tr>{ for table.columns.iter().map(|column| html! { <th scope="col">{column.name}</th> }) }</tr></thead>
                            <tbody>
                                { for table.rows.iter().map(|row| html! { <tr>{ for cells(table, row) }</tr> }) }
                            </tbody>
                        </table>
                    </div>
                }
            </details>
            <button type="button" {disabled} aria-label={format!("{title}: download CSV")} title="The figures as a file" onclick={oncsv}>{"CSV"}</button>
            { for picture("svg", "SVG") }
            { for picture("png", "PNG") }
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
        use_effect_with((), move |()| on_resize(node.cast(), move |element| width.set(element.client_width().max(0) as u32)));
    }
    (node, *width)
}
