//! What both models make of the image that is looked at: a bar for each class.

use bitdial_protocol::Classified;
use yew::prelude::*;

use crate::format::percent;
use crate::parts::canvas::Picture;
use crate::state::rules::way;
use crate::state::{Origin, Page, Study};

/// Classes that are shown of many.
const TOP: usize = 5;

/// The class that a model is surest of; the first of several.
fn best(probabilities: &[f32]) -> Option<usize> {
    (0..probabilities.len()).reduce(|best, class| if probabilities[class] > probabilities[best] { class } else { best })
}

/// The classes to show: all of a few, in their order; of many those that either model is surest of, and both winners.
fn shown(float: &[f32], quantized: &[f32]) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..float.len()).collect();
    if classes.len() <= 2 * TOP {
        return classes;
    }
    let surest = |class: usize| float[class].max(quantized.get(class).copied().unwrap_or(0.0));
    let wins = |class: usize| best(float) == Some(class) || best(quantized) == Some(class);
    classes.sort_by(|&a, &b| wins(b).cmp(&wins(a)).then(surest(b).total_cmp(&surest(a))));
    classes.truncate(TOP);
    classes.sort_by(|&a, &b| surest(b).total_cmp(&surest(a)));
    classes
}

/// The image as the model sees it, and bars. `empty` says what to do where there is no image.
pub fn verdict(page: &Page, empty: &'static str) -> Html {
    let state = &page.state;
    let (bench, closer) = (&state.bench, &state.closer);
    let specimen = closer.specimen.as_deref();
    let way = way(&bench.run().recipe);
    let found = closer.verdict.as_ref().filter(|_| specimen.is_some());
    let current = found.is_some_and(|(of, _)| *of == (closer.serial, state.generation));
    let late = found.is_some_and(|(of, _)| of.1 != state.generation);
    let labels = bench.loaded.as_ref().map(|loaded| &loaded.labels);
    let label = |class: usize| labels.and_then(|labels| labels.get(class).cloned()).unwrap_or_else(|| class.to_string().into());
    let none = Classified::default();
    let answer = |at: usize| found.and_then(|(_, found)| found.get(at));
    let [float, quantized] = [0, 1].map(|at| answer(at).unwrap_or(&none));
    // Another A may have answered before.
    let a = bench.a().map(|_| answer(2).filter(|_| !late).unwrap_or(&none));
    let winners = best(&float.probabilities).zip(best(&quantized.probabilities));
    let of_a = a.and_then(|a| best(&a.probabilities));
    let said = match (specimen, winners, &closer.trouble) {
        (Some(_), _, Some((of, why))) if of.1 == state.generation => why.to_string(),
        (Some(_), Some((f, q)), _) if of_a.is_some_and(|a| a != f || a != q) => {
            format!("f32 says {}; A says {}; B says {}.", label(f), label(of_a.unwrap_or(f)), label(q))
        }
        (Some(_), Some((f, q)), _) if f == q => format!("{} say {}.", if of_a.is_some() { "All" } else { "Both" }, label(f)),
        (Some(_), Some((f, q)), _) => format!("f32 says {}; the quantized model says {}.", label(f), label(q)),
        (Some(_), None, _) => "The workers are about to look at it.".to_owned(),
        (None, ..) => empty.to_owned(),
    };
    let many = labels.is_some_and(|labels| labels.len() > 2 * TOP);
    let classes = match &float.probabilities[..] {
        // As many rows as there will be.
        [] if many => Vec::new(),
        [] => (0..labels.map_or(0, Vec::len)).collect(),
        all => shown(all, &quantized.probabilities),
    };
    let blank = if classes.is_empty() { TOP } else { 0 };
    let cell = |of: &Classified, class: usize, kind: &'static str| {
        let share = of.probabilities.get(class).map(|share| f64::from(*share));
        let top = share.is_some() && best(&of.probabilities) == Some(class);
        let figure = share.map_or(String::new(), |share| format!("{} %", percent(share, 0)));
        html! {
            <td class={classes!(kind, top.then_some("top"))}>
                <i aria-hidden="true"><b style={format!("width:{:.1}%", 100.0 * share.unwrap_or(0.0))}></b></i><span>{figure}</span>
            </td>
        }
    };
    let origin = specimen.map(|specimen| match specimen.origin {
        Origin::Image(_) => "image",
        Origin::Drawing => "drawing",
        Origin::Picture(_) => "picture",
        Origin::Camera => "camera",
    });
    let title = specimen.map_or(AttrValue::from("No image"), |specimen| specimen.title.clone());
    html! {
        <div class={classes!("verdict", late.then_some("late"))} id="verdict" data-origin={origin} data-current={current.to_string()}
            data-a={of_a.map(|class| class.to_string())} data-f32={winners.map(|(class, _)| class.to_string())} data-quantized={winners.map(|(_, class)| class.to_string())}>
            <div class="sight">
                // Another kind of image is another canvas.
                <Picture key={origin.unwrap_or_default()} pixels={specimen.map(|specimen| specimen.pixels.clone())} label={format!("What the model sees: {title}")} />
                <div>
                    <p class="says" aria-live="polite">{said}</p>
                    <p class="desc">{"On the left, what the model sees; below, how sure it is of each class."}</p>
                </div>
            </div>
                <table class="bars">
                    <thead><tr>
                        <th scope="col">{"Class"}</th>
                        <th scope="col" class="f" title="How sure the f32 model is (softmax of its outputs)">{"f32"}</th>
                        if a.is_some() { <th scope="col" title="How sure the pinned model is"><b class="mark">{"A"}</b></th> }
                        <th scope="col" class="q" title={format!("How sure the quantized model is (softmax of its outputs): {}", way.name())}>{if a.is_some() { "B" } else { way.tag() }}</th>
                    </tr></thead>
                    <tbody>
                        { for classes.into_iter().map(|class| html! {
                            <tr key={class}><th scope="row" title={label(class)}>{label(class)}</th>{cell(float, class, "f")}{ for a.map(|a| cell(a, class, "a")) }{cell(quantized, class, "q")}</tr>
                        }) }
                        { for (0..blank).map(|row| html! { <tr key={format!("blank {row}")}><th scope="row">{"\u{2013}"}</th><td></td>{ for a.map(|_| html! { <td></td> }) }<td></td></tr> }) }
                    </tbody>
                </table>
        </div>
    }
}

/// The same for one of the page's own images, if one was selected.
pub fn selected(page: &Page) -> Html {
    let Some(specimen) = page.state.closer.specimen.as_ref().filter(|specimen| matches!(specimen.origin, Origin::Image(_))) else {
        return Html::default();
    };
    let close = {
        let page = page.clone();
        Callback::from(move |_: MouseEvent| page.study(Study::Leave))
    };
    html! {
        <div class="selected">
            <h3>{&specimen.title}<button class="btn quiet" type="button" onclick={close} title="Go back to the images alone">{"Close"}</button></h3>
            { verdict(page, "") }
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_classes_the_surest_are_shown_and_both_winners() {
        assert_eq!(shown(&[0.1; 10], &[0.1; 10]), (0..10).collect::<Vec<_>>());
        let mut float = vec![0.0; 20];
        let mut quantized = float.clone();
        for (class, share) in [(3, 0.3), (7, 0.25), (9, 0.2), (11, 0.15), (2, 0.1)] {
            float[class] = share;
        }
        assert_eq!(shown(&float, &quantized)[..4], [3, 7, 9, 11]);
        // All but lost, and the winner all the same.
        quantized.iter_mut().for_each(|share| *share = 0.04);
        quantized[15] = 0.05;
        assert_eq!(shown(&float, &quantized), [3, 7, 9, 11, 15]);
        assert_eq!((best(&[]), best(&[0.1, 0.5, 0.5])), (None, Some(1)));
    }
}
