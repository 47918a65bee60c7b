//! The readouts: accuracy, size, latency and energy of the recipe in force, each against f32.

use bitdial_protocol::Advice;
use yew::prelude::*;

use super::ab::ab;
use super::strip::weighted;
use crate::format::{bytes, count, energy, factor, percent, points, significant, time};
use crate::parts::progress::stoppable;
use crate::parts::row::effect;
use crate::parts::sparkline::sparkline;
use crate::parts::terms;
use crate::parts::use_last;
use crate::state::bench::{Bench, Run};
use crate::state::predictions::Goal;
use crate::state::rules::{self, Way};
use crate::state::wording::chance;
use crate::state::{Action, Control, Edit, Page, Pairs, Phase, State};

/// What is said below figures of a simulation.
const SIMULATED: &str = "Simulated: accuracy is that of the rounded numbers, time that of the simulation; the size is real.";
/// Recipes in a sparkline.
const TRIED: usize = 16;

/// A figure as it is shown.
#[derive(Clone, Debug, PartialEq)]
struct Figure {
    /// In the unit of the hook.
    raw: f64,
    /// Large.
    value: String,
    /// Beside it.
    unit: String,
    /// Below it.
    spread: String,
    /// Against f32: what stands out, what it is, and what a phone has no room for.
    against: (String, &'static str, &'static str),
    /// Images counted, for an accuracy.
    n: Option<usize>,
}

#[derive(Properties, PartialEq)]
struct CardProps {
    /// For the hook.
    metric: &'static str,
    title: &'static str,
    /// Unit of the hook.
    unit: &'static str,
    /// Measured, simulated or estimated.
    kind: &'static str,
    /// What the figure is of: another model's old figure is never shown.
    of: String,
    /// `None` while it is not known yet.
    figure: Option<Figure>,
    /// The same figure of the recipes tried, and which of them is in force.
    tried: (Vec<f64>, Option<usize>),
    /// The same figure of A, and how the one in force differs from it.
    a: Option<(Option<Figure>, [String; 2])>,
}

/// One figure. Until the next one is known the last one stays, dimmed and without its hooks.
#[component]
fn Card(props: &CardProps) -> Html {
    let last = use_last(props.figure.clone().map(|figure| (props.of.clone(), figure)));
    let shown = last.filter(|(of, _)| *of == props.of).map(|(_, figure)| figure);
    let fresh = props.figure.as_ref();
    let blank = |text: &str| if text.is_empty() { "\u{a0}".to_owned() } else { text.to_owned() };
    let figure = shown.unwrap_or(Figure {
        raw: 0.0,
        value: "\u{2013}".into(),
        unit: String::new(),
        spread: String::new(),
        against: Default::default(),
        n: None,
    });
    html! {
        <div class={classes!("rd", fresh.is_none().then_some("late"))} aria-busy={fresh.is_none().to_string()}>
            <div class="k"><span>{ terms::title(props.metric, props.title) }</span><span class={classes!("kind", props.kind)}>{props.kind}</span></div>
            <div
                class="v" id={format!("metric-{}", props.metric)} data-metric={props.metric} data-unit={props.unit} data-kind={props.kind}
                data-value={fresh.map(|figure| figure.raw.to_string())} data-n={fresh.and_then(|figure| figure.n).map(|n| n.to_string())}
            >
                {&figure.value}<small>{"\u{a0}"}{&figure.unit}</small>
                { sparkline(&props.tried.0, props.tried.1) }
            </div>
            <div class="d">{blank(&figure.spread)}</div>
            <div class="d"><b>{&figure.against.0}</b>{" "}{figure.against.1}<span>{"\u{a0}"}{figure.against.2}</span></div>
            if let Some((a, [change, unit])) = &props.a {
                <div
                    class="d beside" title={format!("A{}; and how B differs from it", a.as_ref().map_or(String::new(), |a| format!(": {}", a.spread)))} data-metric={format!("{}-a", props.metric)} data-unit={props.unit}
                    data-kind={props.kind} data-value={a.as_ref().map(|a| a.raw.to_string())}
                    data-n={a.as_ref().and_then(|a| a.n).map(|n| n.to_string())}
                >
                    <i class="mark">{"A"}</i>
                    <span>{a.as_ref().map_or("\u{2013}".to_owned(), |a| format!("{}\u{a0}{}", a.value, a.unit))}</span>
                    <b>{change}<small>{"\u{a0}"}{unit}</small></b>
                </div>
            }
        </div>
    }
}

fn accuracy(bench: &Bench, run: &Run) -> Option<Figure> {
    let share = bench.share(&run.predictions, usize::MAX);
    let value = share.value().filter(|_| share.n >= bench.enough())?;
    let (low, high) = share.interval();
    let interval = format!("{}\u{2013}{} %", percent(low, 1), percent(high, 1));
    let pairs = bench.pairs(&run.predictions);
    let against = match (bench.goal(), pairs.change()) {
        (Goal::Agreement, _) => (format!("{} of {}", share.hits, share.n), "as f32", ""),
        (Goal::Accuracy, Some(change)) => (points(change, if pairs.n >= 5_000 { 2 } else { 1 }), "pts", "vs f32"),
        (Goal::Accuracy, None) => Default::default(),
    };
    // Two decimals are all that 10,000 images can give.
    Some(Figure {
        raw: (value * 1e4).round() / 100.0,
        value: percent(value, 1),
        unit: "%".into(),
        spread: interval,
        against,
        n: Some(share.n),
    })
}

fn size(bench: &Bench, run: &Run) -> Option<Figure> {
    let size = run.info.as_ref()?.size;
    let float = bench.loaded.as_ref()?.info.size;
    let shown = bytes(size);
    let (much, word) = factor(size as f64, float as f64, "smaller", "larger")?;
    let spread = format!("f32 {}", bytes(float));
    Some(Figure { raw: size as f64, value: shown.value, unit: shown.unit.into(), spread, against: (much, word, ""), n: None })
}

fn latency(_: &Bench, run: &Run) -> Option<Figure> {
    let latency = run.latency?;
    let (quantized, float) = (latency.quantized, latency.float);
    let shown = time(quantized.median);
    let scale = match shown.unit {
        "s" => 1e-3,
        "ms" => 1.0,
        _ => 1e3,
    };
    let spread = format!("{}\u{2013}{} {}", significant(quantized.p10 * scale), significant(quantized.p90 * scale), shown.unit);
    let (much, word) = factor(quantized.median, float.median, "faster", "slower")?;
    let raw = (quantized.median * 1e6).round() / 1e6;
    Some(Figure { raw, value: shown.value, unit: shown.unit.into(), spread, against: (much, word, ""), n: None })
}

fn energy_of(bench: &Bench, run: &Run) -> Option<Figure> {
    let quantized = run.info.as_ref()?.energy;
    let float = bench.loaded.as_ref()?.info.energy;
    let shown = energy(quantized.total());
    let (much, word) = factor(quantized.total(), float.total(), "less", "more")?;
    let memory = percent(quantized.memory / quantized.total().max(f64::MIN_POSITIVE), 0);
    let (raw, spread) = ((quantized.total() / 1e2).round() / 1e4, format!("{memory} % in memory"));
    Some(Figure { raw, value: shown.value, unit: shown.unit.into(), spread, against: (much, word, ""), n: None })
}

/// A's figure, and how the one in force differs from it: in percent of A's, or in points where images were counted.
fn beside(bench: &Bench, figure: impl Fn(&Bench, &Run) -> Option<Figure>) -> Option<(Option<Figure>, [String; 2])> {
    let run = bench.a()?;
    let (a, b) = (figure(bench, run), figure(bench, bench.run()));
    let change = match a.as_ref().zip(b.as_ref()) {
        Some((a, b)) if a.n.is_some() => {
            let change = match bench.goal() {
                Goal::Accuracy => Pairs::of(&bench.run().predictions, &run.predictions, &bench.truth).change(),
                Goal::Agreement => Some((b.raw - a.raw) / 100.0),
            };
            change.map(|change| [points(change, if bench.images() >= 5_000 { 2 } else { 1 }), "pts".to_owned()])
        }
        Some((a, b)) if a.raw > 0.0 => Some([points(b.raw / a.raw - 1.0, 0), "%".to_owned()]),
        _ => None,
    };
    Some((a, change.unwrap_or_default()))
}

/// A figure of the recipes tried last, and which of them is in force.
fn tried(bench: &Bench, figure: impl Fn(&Run) -> Option<f64>) -> (Vec<f64>, Option<usize>) {
    let first = bench.runs.len().saturating_sub(TRIED);
    let known = bench.runs.iter().enumerate().skip(first).filter_map(|(index, run)| Some((index, figure(run)?)));
    let (indices, values): (Vec<usize>, Vec<f64>) = known.unzip();
    (values, indices.iter().position(|index| *index == bench.current))
}

/// The region.
pub fn readouts(page: &Page) -> Html {
    let state = &page.state;
    let bench = &state.bench;
    let goal = bench.goal();
    let of = bench.entry.id.clone();
    let way = rules::way(&state.link.recipe);
    let kind = way.kind();
    let (n, total) = (bench.share(&bench.run().predictions, usize::MAX).n, bench.images());
    let what = if goal == Goal::Accuracy { "test images" } else { "photos" };
    let counted = if total == 0 {
        what.to_owned()
    } else if n < total {
        format!("{} of {} {what}", count(n), count(total))
    } else {
        format!("on {} {what}", count(total))
    };
    let shares = tried(bench, |run| {
        let share = bench.share(&run.predictions, usize::MAX);
        share.value().filter(|_| share.n >= bench.enough())
    });
    let sizes = tried(bench, |run| run.info.as_ref().map(|info| info.size as f64));
    let latencies = tried(bench, |run| run.latency.map(|latency| latency.quantized.median));
    let energies = tried(bench, |run| run.info.as_ref().map(|info| info.energy.total()));
    html! {
        <section class="readouts" aria-labelledby="readouts-title">
            <div class="readbar" data-part="readouts">
                <h2 id="readouts-title">{"Readouts"}<span>{counted}</span></h2>
                <div class="reads">
                    <Card metric={goal.name()} title={goal.title()} unit="%" {kind} of={of.clone()} figure={accuracy(bench, bench.run())} a={beside(bench, accuracy)} tried={shares} />
                    <Card metric="size" title="Size" unit="B" kind="measured" of={of.clone()} figure={size(bench, bench.run())} a={beside(bench, size)} tried={sizes} />
                    <Card metric="latency" title="Latency" unit="ms" {kind} of={of.clone()} figure={latency(bench, bench.run())} a={beside(bench, latency)} tried={latencies} />
                    <Card metric="energy" title="Energy" unit="\u{b5}J" kind="estimated" {of} figure={energy_of(bench, bench.run())} a={beside(bench, energy_of)} tried={energies} />
                </div>
                <div
                    class="progress" role="progressbar" aria-label="Images counted" aria-valuemin="0" aria-valuemax={total.to_string()}
                    aria-valuenow={n.to_string()} aria-valuetext={format!("{} of {}, {}", count(n), count(total), doing(state))}
                >
                    <i style={format!("transform:scaleX({:.4})", if total == 0 { 0.0 } else { n as f64 / total as f64 })}></i>
                    <span>{doing(state)}</span>
                    <b class="changed" id="changed" title="What the last change changed: accuracy, size, latency">{state.changed()}</b>
                </div>
                { making(page) }
            </div>
            <p class="why">
                {verdict(bench)}
                if let Some(overflows) = overflowing(bench) { {" "}<b id="overflows">{overflows}</b> }
                if way == Way::Simulated { {" "}<b>{SIMULATED}</b> }
            </p>
            { ab(page) }
            { advice(page) }
            <p class="sr" role="status">{spoken(state)}</p>
        </section>
    }
}

/// What to try next, as the diagnosis of this recipe has it.
fn advice(page: &Page) -> Html {
    let run = page.state.bench.run();
    let Some(Advice { mut text, recipe }) = run.advice.first().cloned() else {
        // Its place is kept as long as it may come.
        let open = page.state.bench.entry.is_diagnosed() && run.diagnosis.is_none() && rules::way(&run.recipe) != Way::Float;
        return if open {
            html! { <p class="next"></p> }
        } else {
            Html::default()
        };
    };
    // As the page calls layers.
    for (name, layer) in run.info.as_deref().map(weighted).unwrap_or_default() {
        text = text.replace(&format!("'{}'", layer.name), &name.long);
    }
    let onclick = {
        let page = page.clone();
        Callback::from(move |_: MouseEvent| page.edit(Edit::Choose("advice", recipe.clone())))
    };
    html! {
        <p class="next" id="advice">
            <b>{"Try next"}</b>{" "}{text}{" "}
            <button class="btn" type="button" {onclick} title="Puts this recipe in force">{"Try it"}</button>
            { effect(page, &Control::Setting("advice")) }
        </p>
    }
}

/// How far a quantization is that takes its time, and a way to stop it.
fn making(page: &Page) -> Html {
    let Some(making) = page.state.making.as_ref().filter(|_| page.state.phase == Phase::Quantizing) else {
        return Html::default();
    };
    let page = page.clone();
    let onstop = Callback::from(move |_: MouseEvent| {
        page.session.stop();
        page.dispatch.dispatch(Action::Stop);
    });
    stoppable("stop", "quantizing", making, onstop)
}

/// What the workers do, in a word or two.
fn doing(state: &State) -> &'static str {
    match state.phase {
        Phase::Loading => "loading",
        Phase::Quantizing => "quantizing",
        Phase::Evaluating => "running images",
        Phase::Timing => "timing, other workers at rest",
        Phase::Idle if state.bench.unmeasured().is_some() => "done; measuring A",
        Phase::Idle if state.bench.missing(state.view.axis).is_empty() => "done",
        Phase::Idle => "done; trying other bits",
        Phase::Failed => "stopped",
    }
}

/// What the figures say about the difference to f32, and whether that could be chance.
fn verdict(bench: &Bench) -> String {
    let pairs = bench.pairs(&bench.run().predictions);
    if pairs.n < bench.enough() {
        return "Counting images in f32 and quantized, to compare them pair by pair.".to_owned();
    }
    let flips = format!("{} of {} predictions change", count(pairs.flipped), count(pairs.n));
    match bench.goal() {
        Goal::Agreement => format!("{flips}. The photos have no labels, so this counts agreement with f32, not accuracy."),
        Goal::Accuracy if pairs.flipped == 0 => format!("No prediction changes on {} images.", count(pairs.n)),
        Goal::Accuracy => format!("{flips}: {} get wrong, {} get right. {}", count(pairs.lost), count(pairs.gained), chance(&pairs)),
    }
}

/// How many sums a narrow accumulator could not hold, and where most.
fn overflowing(bench: &Bench) -> Option<String> {
    let run = bench.run();
    let share = run.overflows.share()?;
    let shown = |share: f64| if share > 0.0 && share < 1e-4 { "under 0.01".to_owned() } else { percent(share, 2) };
    let Some((layer, most)) = run.overflows.worst() else { return Some("No sum overflows.".to_owned()) };
    let layers = run.info.as_deref().map(weighted).unwrap_or_default();
    let name = layers.iter().find(|(_, known)| known.name == layer).map_or(layer, |(name, _)| &*name.long);
    Some(format!("{} % of all sums overflow, {} % in {name}.", shown(share), shown(most)))
}

/// For people who listen: said once, when everything is counted.
fn spoken(state: &State) -> String {
    let bench = &state.bench;
    let (Phase::Idle, Some(accuracy), Some(size)) = (state.phase, accuracy(bench, bench.run()), size(bench, bench.run())) else {
        return String::new();
    };
    let latency = latency(bench, bench.run()).map(|figure| format!(", latency {} {}", figure.value, figure.unit)).unwrap_or_default();
    let n = count(accuracy.n.unwrap_or_default());
    format!("{} {} percent on {n} images, size {} {}{latency}.", bench.goal().title(), accuracy.value, size.value, size.unit)
}
