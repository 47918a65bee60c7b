//! Two recipes side by side: what differs in them, in their figures, and whether that could be chance.

use std::rc::Rc;

use yew::prelude::*;

use super::accuracy_size::{Point, spread};
use crate::format::{bytes, count, percent, points};
use crate::state::predictions::Goal;
use crate::state::wording::{chance, differences};
use crate::state::{Page, Pairs, Predictions};

/// A line of the comparison: what, of the first, of the second, the difference.
type Line = [String; 4];

/// How much more or less the second is than the first, in percent of that.
fn change(a: f64, b: f64) -> String {
    if a > 0.0 { format!("{} %", points(b / a - 1.0, 0)) } else { String::new() }
}

fn lines(a: &Point, b: &Point) -> Vec<Line> {
    let share = |point: &Point| {
        let (low, high) = point.share.interval();
        format!("{} % ({}\u{2013}{})", percent(point.value(), 2), percent(low, 1), percent(high, 1))
    };
    let mut lines = vec![
        ["accuracy".into(), share(a), share(b), format!("{} pts", points(b.value() - a.value(), 2))],
        ["size".into(), bytes(a.size).to_string(), bytes(b.size).to_string(), change(a.size as f64, b.size as f64)],
    ];
    if let (Some(one), Some(two)) = (a.latency, b.latency) {
        lines.push(["latency".into(), spread(one), spread(two), change(one.median, two.median)]);
    }
    lines
}

/// The comparison, or what is missing for one.
pub fn two_points(page: &Page, pair: &[(&Point, &Rc<Predictions>)]) -> Html {
    let bench = &page.state.bench;
    let [(a, said_a), (b, said_b)] = pair else {
        let text = if pair.is_empty() { "Press two points to compare them." } else { "Press another point to compare it with 1." };
        return html! { <p class="desc" id="two-points" role="status">{text}</p> };
    };
    let pairs = Pairs::of(said_b, said_a, &bench.truth);
    let flips = format!("On the {} images that both ran {} predictions differ", count(pairs.n), count(pairs.flipped));
    let verdict = match bench.goal() {
        _ if pairs.n == 0 => {
            "One of them was tried on an earlier visit: what it said about each image is not kept. Run it again to compare image by image."
                .to_owned()
        }
        Goal::Accuracy if pairs.flipped > 0 => {
            format!(
                "{flips}: 2 gets {} wrong that 1 has right, {} the other way. {}",
                count(pairs.lost),
                count(pairs.gained),
                chance(&pairs)
            )
        }
        _ => format!("{flips}."),
    };
    let recipes = differences(&a.recipe, &b.recipe, bench.entry).into_iter();
    let recipes = recipes.map(|difference| [difference.what.to_owned(), difference.a, difference.b, String::new()]);
    let line = |line: Line| {
        let [what, a, b, difference] = line;
        html! { <tr><th scope="row">{what}</th><td>{a}</td><td>{b}</td><td>{difference}</td></tr> }
    };
    html! {
        <div id="two-points" class="two">
            <div class="scroll" tabindex="0" role="region" aria-label="Two recipes compared">
                <table>
                    <thead><tr><td></td><th scope="col">{"1"}</th><th scope="col">{"2"}</th><th scope="col">{"change"}</th></tr></thead>
                    <tbody>{ for lines(a, b).into_iter().chain(recipes).map(line) }</tbody>
                </table>
            </div>
            <p class="desc" role="status">{verdict}</p>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_of_the_first() {
        for (a, b, expected) in [(2.0, 1.0, "\u{2212}50 %"), (1.0, 1.5, "+50 %"), (0.0, 1.0, ""), (1.0, 1.0, "\u{b1}0 %")] {
            assert_eq!(change(a, b), expected);
        }
    }
}
