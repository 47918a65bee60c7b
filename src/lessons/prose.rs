//! Text of lessons and of the glossary: trees become elements. Nothing in them is taken as HTML.

use bitdial_protocol::{Block, Figure, Inline};
use yew::prelude::*;

use super::figures;
use crate::parts::term::Term;
use crate::state::Page;

/// Blocks. `level` is that of the heading they stand under.
pub fn blocks(page: &Page, blocks: &[Block]) -> Html {
    blocks.iter().map(|one| block(page, one)).collect()
}

fn block(page: &Page, block: &Block) -> Html {
    match block {
        Block::Paragraph(text) => html! { <p>{ inlines(page, text) }</p> },
        Block::Heading(text) => html! { <h4>{ inlines(page, text) }</h4> },
        Block::List { start, items } => {
            let items = items.iter().map(|item| html! { <li>{ tight(page, item) }</li> });
            match start {
                Some(start) => html! { <ol start={start.to_string()}>{ for items }</ol> },
                None => html! { <ul>{ for items }</ul> },
            }
        }
        Block::Quote(inner) => html! { <blockquote>{ blocks(page, inner) }</blockquote> },
        Block::Code(text) => html! { <pre tabindex="0"><code>{text.clone()}</code></pre> },
        Block::Table { head, rows } => html! {
            <div class="scroll" tabindex="0" role="region" aria-label="Table">
                <table>
                    <thead><tr>{ for head.iter().map(|cell| html! { <th scope="col">{ inlines(page, cell) }</th> }) }</tr></thead>
                    <tbody>
                        { for rows.iter().map(|row| html! { <tr>{ for row.iter().map(|cell| html! { <td>{ inlines(page, cell) }</td> }) }</tr> }) }
                    </tbody>
                </table>
            </div>
        },
        Block::Rule {} => html! { <hr /> },
    }
}

/// An item of one paragraph is a line.
fn tight(page: &Page, item: &[Block]) -> Html {
    match item {
        [Block::Paragraph(text)] => inlines(page, text),
        item => blocks(page, item),
    }
}

fn inlines(page: &Page, text: &[Inline]) -> Html {
    text.iter().map(|one| inline(page, one)).collect()
}

fn inline(page: &Page, inline: &Inline) -> Html {
    match inline {
        Inline::Text(words) => words.into(),
        Inline::Code(words) => html! { <code>{words.clone()}</code> },
        Inline::Emphasis(text) => html! { <em>{ inlines(page, text) }</em> },
        Inline::Strong(text) => html! { <strong>{ inlines(page, text) }</strong> },
        Inline::Link { href, external: true, text } => {
            html! { <a href={href.clone()} target="_blank" rel="noopener noreferrer">{ inlines(page, text) }</a> }
        }
        Inline::Link { href, external: false, text } => html! { <a href={href.clone()}>{ inlines(page, text) }</a> },
        Inline::Term { key, text } => html! { <Term term={key.clone()}>{ inlines(page, text) }</Term> },
        Inline::Image { src, alt } => html! { <img src={src.clone()} alt={alt.clone()} /> },
        Inline::Figure(figure) => live(page, *figure),
        Inline::Break {} => html! { <br /> },
    }
}

/// A figure of the recipe in force; a dash while it is not known.
fn live(page: &Page, figure: Figure) -> Html {
    let value = figures::value(&page.state.bench, figure);
    let text = value.map_or("\u{2013}".to_owned(), |value| figures::shown(figure, value));
    html! { <b class="live" data-figure={figure.name()} title="A live figure of the recipe in force">{text}</b> }
}
