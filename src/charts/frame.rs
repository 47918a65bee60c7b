//! The frame of a chart: title, description, drawing, points to press, figures, downloads.

use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{HtmlElement, ResizeObserver};
use yew::prelude::*;

use super::draw::Drawing;
use super::export::{Table, save};
use crate::state::{Action, Severity, use_page};

/// A point laid over a drawing.
#[derive(Clone, PartialEq)]
pub struct Press {
    /// What it says when pointed at, and aloud.
    pub label: AttrValue,
    /// Whether it is the recipe in force.
    pub current: bool,
    /// What pressing it does, if anything.
    pub onpress: Option<Callback<()>>,
}

#[derive(Properties, PartialEq)]
pub struct PlotProps {
    /// The element whose width the drawing has.
    pub node: NodeRef,
    /// The drawing.
    pub drawing: Drawing,
    /// Its points, in the order of the drawing's spots.
    #[prop_or_default]
    pub presses: Vec<Press>,
    /// What it shows, for people who cannot see it.
    pub label: AttrValue,
}

/// A drawing in a place of fixed height.
#[component]
pub fn Plot(props: &PlotProps) -> Html {
    let svg = &props.drawing.svg;
    let point = |(spot, press): (&super::draw::Spot, &Press)| {
        let style = format!("left:{}px;top:{}px", spot.x, spot.y);
        // Near the right edge the words go to the left.
        let class = classes!("spot", press.current.then_some("current"), (spot.x * 2 > props.drawing.width as i32).then_some("left"));
        match &press.onpress {
            Some(onpress) => {
                let onclick = onpress.reform(|_: MouseEvent| ());
                html! { <button type="button" {class} {style} {onclick} aria-label={press.label.clone()} data-tip={press.label.clone()}></button> }
            }
            None => {
                html! { <span {class} {style} tabindex="0" role="img" aria-label={press.label.clone()} data-tip={press.label.clone()}></span> }
            }
        }
    };
    html! {
        <div class="plot" ref={props.node.clone()} style={format!("height:{}px", props.drawing.height)}>
            <div role="img" aria-label={props.label.clone()}>
                // Drawn here from figures; text in it is escaped by plotters.
                if !svg.is_empty() { { Html::from_html_unchecked(svg.clone()) } }
            </div>
            { for props.drawing.spots.iter().zip(&props.presses).map(point) }
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub struct Props {
    /// Names the chart in files and ids.
    pub id: &'static str,
    /// Its title.
    pub title: AttrValue,
    /// Beside the title.
    #[prop_or_default]
    pub aside: AttrValue,
    /// One sentence: what it shows.
    pub description: AttrValue,
    /// The drawing, for the download.
    pub drawing: Drawing,
    /// The figures.
    pub table: Table,
    /// The plot, and what goes with it.
    pub children: Children,
}

/// The frame.
#[component]
pub fn Frame(props: &Props) -> Html {
    let title = format!("{}-title", props.id);
    html! {
        <section class="chart" id={props.id} aria-labelledby={title.clone()}>
            <h2 id={title}>{&props.title}<span>{&props.aside}</span></h2>
            <p class="desc">{&props.description}</p>
            { for props.children.iter() }
            <Figures id={props.id} title={props.title.clone()} drawing={props.drawing.clone()} table={props.table.clone()} />
        </section>
    }
}

#[derive(Properties, PartialEq)]
pub struct FiguresProps {
    /// Names files.
    pub id: &'static str,
    /// Names the table.
    pub title: AttrValue,
    /// The drawing, for the download.
    pub drawing: Drawing,
    /// The figures.
    pub table: Table,
}

/// The figures of a chart, to read and to keep.
#[component]
pub fn Figures(props: &FiguresProps) -> Html {
    let page = use_page();
    let keep = |kind: &'static str, end: &'static str, text: String| {
        let (dispatch, name) = (page.dispatch.clone(), format!("bitdial-{}.{end}", props.id));
        Callback::from(move |_: MouseEvent| {
            if let Err(error) = save(&name, kind, &text) {
                let text = format!("{name} could not be saved: {error:?}");
                dispatch.dispatch(Action::Tell(Severity::Error, text));
            }
        })
    };
    let nothing = props.table.rows.is_empty();
    html! {
        <div class="figures">
            <details>
                <summary>{"Figures"}</summary>
                <div class="scroll">
                    <table>
                        <caption class="sr">{&props.title}</caption>
                        <thead><tr>{ for props.table.columns.iter().map(|column| html! { <th scope="col">{*column}</th> }) }</tr></thead>
                        <tbody>
                            { for props.table.rows.iter().map(|row| html! {
                                <tr>{ for row.iter().map(|cell| html! { <td>{cell}</td> }) }</tr>
                            }) }
                        </tbody>
                    </table>
                </div>
            </details>
            <button type="button" disabled={nothing} aria-label={format!("{}: download CSV", props.title)}
                onclick={keep("text/csv", "csv", props.table.csv())}>{"CSV"}</button>
            <button type="button" disabled={nothing} aria-label={format!("{}: download SVG", props.title)}
                onclick={keep("image/svg+xml", "svg", props.drawing.svg.to_string())}>{"SVG"}</button>
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
