//! Every backend of this device on the recipe in force, and the device itself.

use bitdial_protocol::{BackendChoice, GpuInfo};
use yew::prelude::*;

use super::topbar::spoken;
use crate::charts::{Column, FigureTable, IMAGES, Table};
use crate::client::probe::backend_name;
use crate::format::{bytes, count, percent, significant, time};
use crate::state::compared::{Compared, Figures, Measured};
use crate::state::predictions::Share;
use crate::state::{Bench, Phase, Predictions, use_page};

const DESCRIPTION: &str = "Each backend runs this recipe in a worker of its own, one after the other: one image at a time, then many, in f32 \
                           and quantized, and every integer is compared with the scalar reference. The thin line: p10 to p90 \
                           of the rounds.";

/// Hits of a model on the images that were counted.
fn accuracy(bench: &Bench, figures: &Figures) -> Share {
    let mut predictions = Predictions::default();
    predictions.put(0, &figures.classes, &[]);
    bench.share(&predictions, usize::MAX)
}

/// What a model that is not quantized computes in.
fn float(backend: BackendChoice) -> &'static str {
    if backend == BackendChoice::WebGpuF16 { "f16" } else { "f32" }
}

/// What the comparison with the reference says.
fn verdict(found: &Measured) -> String {
    match (&found.check, found.quantized.is_some()) {
        (None, true) => "the reference".to_owned(),
        (None, false) => "as WebGPU".to_owned(),
        (Some(check), _) => match check.worst() {
            (0, _) => "all equal".to_owned(),
            (_, None) => "integers equal".to_owned(),
            (off, Some(layer)) => format!("{off} off in {layer}"),
        },
    }
}

/// The figures, one row for each backend and model.
fn rows(bench: &Bench, compared: &[Compared]) -> Vec<Vec<AttrValue>> {
    let row = |name: &str, model: &'static str, figures: &Figures, equal: String| -> Vec<AttrValue> {
        let accuracy = accuracy(bench, figures);
        let (low, high) = accuracy.interval();
        let share = |share: f64| if accuracy.n > 0 { percent(share, 2) } else { String::new() };
        let (ms, rate) = (figures.latency, figures.rate);
        [name.to_owned(), model.to_owned(), share(accuracy.value().unwrap_or_default())]
            .into_iter()
            .chain([figures.classes.len().to_string(), format!("{:.4}", ms.median), significant(rate.median), equal])
            .chain([share(low), share(high), format!("{:.4}", ms.p10), format!("{:.4}", ms.p90)])
            .chain([significant(rate.p10), significant(rate.p90)])
            .map(AttrValue::from)
            .collect()
    };
    let of = |one: &Compared| {
        let name = backend_name(one.backend);
        match &one.outcome {
            Ok(found) => {
                let float = row(name, float(one.backend), &found.float, String::new());
                let quantized = found.quantized.as_ref().map(|figures| row(name, "quantized", figures, verdict(found)));
                std::iter::once(float).chain(quantized).collect::<Vec<_>>()
            }
            Err(_) => Vec::new(),
        }
    };
    compared.iter().flat_map(of).collect()
}

/// A backend's bars: images a second, f32 and quantized.
fn bars(bench: &Bench, one: &Compared, most: f64) -> Html {
    let name = spoken(backend_name(one.backend)).to_owned();
    let found = match &one.outcome {
        Ok(found) => found,
        Err(reason) => return html! { <li key={name.clone()}><b>{&name}</b><p class="desc">{reason}</p></li> },
    };
    let bar = |class: &'static str, model: &'static str, figures: &Figures| {
        let accuracy = accuracy(bench, figures);
        let (low, high) = accuracy.interval();
        let share = accuracy.value().map(|share| format!(" \u{b7} {} %", percent(share, 1)));
        let (rate, ms) = (figures.rate, figures.latency);
        let whole = |rate: f64| count(rate.round() as usize);
        let text = format!("{model} \u{b7} {}/s \u{b7} {}{}", whole(rate.median), time(ms.median), share.unwrap_or_default());
        let rates = format!("{}\u{2013}{} images a second", whole(rate.p10), whole(rate.p90));
        let spread = format!(
            "{rates} and {}\u{2013}{} an image (p10\u{2013}p90); {}\u{2013}{} % (95 % interval)",
            time(ms.p10),
            time(ms.p90),
            percent(low, 1),
            percent(high, 1)
        );
        let [share, from, to] = [rate.median, rate.p10, rate.p90].map(|rate| rate / most);
        let style = format!("--share:{share:.4};--from:{from:.4};--to:{to:.4}");
        html! { <div class={classes!("rate", class)} {style} title={spread}><i></i><b aria-hidden="true"></b><span>{text}</span></div> }
    };
    let software = found.capabilities.gpu.as_ref().is_some_and(|gpu| gpu.software);
    html! {
        <li key={name.clone()}>
            <b>{&name}</b>
            if software { {" "}<span class="kind simulated">{"software"}</span> }
            <small>{verdict(found)}</small>
            { bar("f32", float(one.backend), &found.float) }
            { for found.quantized.iter().map(|figures| bar("q", "quantized", figures)) }
        </li>
    }
}

/// What is known of a GPU.
fn gpu(info: &GpuInfo) -> Html {
    let name = if info.name.is_empty() { "not named by the browser".to_owned() } else { info.name.clone() };
    let kind = if info.software { format!("{name} (a program, no chip: right, and slow)") } else { name };
    let clock = if info.timestamps { "the device's own (timestamp queries)" } else { "wall clock around many runs" };
    let limits = info.limits.iter().map(|(what, limit)| match usize::try_from(*limit) {
        Ok(limit) if what.contains("buffer") || what.contains("binding") || what.contains("storage") => format!("{what} {}", bytes(limit)),
        _ => format!("{what} {limit}"),
    });
    let limits = limits.collect::<Vec<_>>().join(" \u{b7} ");
    let features = if info.features.is_empty() { "none".to_owned() } else { info.features.join(" \u{b7} ") };
    let facts = [("GPU", kind), ("Features", features), ("Limits", limits), ("Clock", clock.to_owned())];
    html! { { for facts.into_iter().map(|(key, value)| html! { <div key={key}><dt>{key}</dt><dd>{value}</dd></div> }) } }
}

/// The region.
#[hook]
pub fn use_backends() -> Html {
    let page = use_page();
    let state = &page.state;
    let compared = state.bench.run().compared.clone();
    let most = compared.iter().filter_map(|one| one.outcome.as_ref().ok());
    let most = most.flat_map(|found| std::iter::once(&found.float).chain(&found.quantized)).map(|f| f.rate.p90).fold(1e-9, f64::max);
    let idle = state.phase == Phase::Idle && state.bench.run().info.is_some();
    let (text, disabled) = match (&state.comparing, idle) {
        (Some(backend), _) => (format!("Stop: measuring {}", spoken(backend_name(*backend))), false),
        (None, true) => ("Measure every backend".to_owned(), false),
        (None, false) => ("Measure every backend".to_owned(), true),
    };
    let onclick = {
        let page = page.clone();
        Callback::from(move |_: MouseEvent| match page.state.comparing {
            Some(_) => page.session.stop_comparing(),
            None => page.session.compare(&page),
        })
    };
    let columns = vec![
        Column::plain("backend"),
        Column::plain("model"),
        Column::measured("accuracy %", state.bench.goal().name(), "%"),
        Column::plain(IMAGES),
        Column::measured("median ms", "latency", "ms"),
        Column::measured("images/s", "throughput", "1/s"),
        Column::plain("against the reference"),
    ];
    let spreads = ["low 95 %", "high 95 %", "p10 ms", "p90 ms", "p10 images/s", "p90 images/s"];
    let columns = columns.into_iter().chain(spreads.map(Column::plain)).collect();
    let table = Table { columns, rows: rows(&state.bench, &compared) };
    let device = compared.iter().filter_map(|one| one.outcome.as_ref().ok()).find_map(|found| found.capabilities.gpu.as_ref());
    let dot = state.engine.as_ref().and_then(|engine| engine.capabilities.dot.clone());
    html! {
        <section class="chart" id="backends" data-part="backends" aria-labelledby="backends-title" aria-busy={state.comparing.is_some().to_string()}>
            <h2 id="backends-title">{"Backends"}<span>{"images a second, many at a time"}</span></h2>
            <p class="desc">{DESCRIPTION}</p>
            <button class="btn" type="button" id="compare" {onclick} {disabled} title="Runs this recipe on every backend that this browser has, one after the other">{text}</button>
            <ul class="rates" aria-live="polite">{ for compared.iter().map(|one| bars(&state.bench, one, most)) }</ul>
            if !compared.is_empty() {
                <dl class="device">
                    if let Some(dot) = dot { <div><dt>{"8-bit dot product"}</dt><dd>{format!("relaxed, {dot}")}</dd></div> }
                    { for device.map(gpu) }
                </dl>
                <FigureTable id="backends" title="Backends" {table} />
            }
        </section>
    }
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::{BackendCheck, Capabilities, LayerDifference, Timing};

    use super::*;
    use crate::catalogue;
    use crate::state::compared::Rate;

    fn measured(rate: f64, check: Option<BackendCheck>) -> Measured {
        let rate = Rate { median: rate, p10: rate - 1.0, p90: rate + 1.0 };
        let figures = Figures { classes: vec![1, 1, 2], latency: Timing { median: 0.5, p10: 0.4, p90: 0.6, runs: 3 }, rate };
        let capabilities = Capabilities { build: "x".into(), backend: "x".into(), backends: vec![], dot: None, gpu: None };
        Measured { capabilities, float: figures.clone(), quantized: Some(figures), check }
    }

    #[test]
    fn every_model_that_ran_has_a_row() {
        let mut bench = Bench::new(&catalogue::all()[0], &Default::default());
        bench.truth = std::rc::Rc::new(vec![1, 0, 2]);
        let ok = |backend, found| Compared { backend, outcome: Ok(found) };
        let half = Measured { quantized: None, ..measured(9.0, None) };
        let compared = [
            ok(BackendChoice::Scalar, measured(12.34, None)),
            Compared { backend: BackendChoice::WebGpu, outcome: Err("no".into()) },
            ok(BackendChoice::WebGpuF16, half),
        ];
        let found: Vec<String> = rows(&bench, &compared).iter().map(|row| row.join(",")).collect();
        assert_eq!(
            found,
            [
                "scalar,f32,66.67,3,0.5000,12.3,,20.77,93.85,0.4000,0.6000,11.3,13.3",
                "scalar,quantized,66.67,3,0.5000,12.3,the reference,20.77,93.85,0.4000,0.6000,11.3,13.3",
                "webgpu-f16,f16,66.67,3,0.5000,9.00,,20.77,93.85,0.4000,0.6000,8.00,10.0"
            ]
        );
    }

    #[test]
    fn verdicts() {
        let check = |most: Option<u32>, steps| {
            let differences = most.into_iter().map(|most| LayerDifference { layer: "conv".into(), most }).collect();
            Some(BackendCheck { backend: "webgpu".into(), differences, steps, ..BackendCheck::default() })
        };
        for (check, expected) in [
            (None, "the reference"),
            (check(None, 0), "all equal"),
            (check(None, 3), "integers equal"),
            (check(Some(2), 3), "2 off in conv"),
        ] {
            assert_eq!(verdict(&measured(1.0, check)), expected);
        }
    }
}
