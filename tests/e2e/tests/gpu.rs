//! WebGPU as a person meets it: the same integers as on the processor, and a way on when it fails. `SwiftShader` is too slow
//! for all images: what runs on it here runs the first ones.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bitdial_e2e::{Page, SOFTWARE_GPU, scenario, scenario_with};
use serde_json::json;

/// A program that imitates a GPU takes its time.
const LONG: Duration = Duration::from_secs(300);
/// True when all images are counted and nothing is left to do.
const COUNTED: &str = r#"document.querySelector('[data-metric="accuracy"]')?.dataset.n === "10000"
    && document.querySelector("main")?.dataset.phase === "idle""#;

async fn text(page: &Page, id: &str) -> Result<String> {
    let found = page.js(&format!("return document.getElementById({id:?})?.innerText ?? ''")).await?;
    Ok(found.as_str().unwrap_or_default().to_owned())
}

/// True when the GPU has counted and was timed, and compiles nothing more for this recipe.
const SETTLED: &str = r#"document.querySelector("main")?.dataset.backend === "webgpu"
    && Number(document.querySelector('[data-metric="accuracy"]')?.dataset.n) > 1000"#;

async fn accuracy(page: &Page) -> Result<f64> {
    page.until_within("all images counted", COUNTED, LONG).await?;
    Ok(page.metric("accuracy").await?.context("no accuracy")?.value)
}

/// Keeps the workers that the page starts, to give them what the engine never would.
const KEEP_WORKERS: &str = "const Real = Worker; window.workers = [];
    window.Worker = class extends Real { constructor(...args) { super(...args); workers.push(this); } };";

/// Falls back to wasm with a notice that holds `reason`; the recipe stays, with weights of `bits`.
async fn falls_back(page: &Page, bits: u8, reason: &str) -> Result<()> {
    // Those of before may still be there.
    let told = format!("[...document.querySelectorAll('#notices p')].map((p) => p.textContent).find((text) => text.includes({reason:?}))");
    let notice = page.until_within("a notice", &told, LONG).await?;
    let whole = |notice: &str| notice.contains("WebGPU cannot go on") && notice.contains("choose WebGPU again");
    ensure!(notice.as_str().is_some_and(whole), "{notice}");
    let accuracy = accuracy(page).await?;
    ensure!(accuracy > 95.0, "{accuracy}");
    let link = page.js("return location.hash").await?;
    ensure!(link.as_str().is_some_and(|link| link.contains(&format!("w={bits}")) && !link.contains("webgpu")), "{link}");
    Ok(())
}

/// Nothing is in the way of another try.
async fn comes_back(page: &Page) -> Result<()> {
    page.js("location.hash = '#model=digits&backend=webgpu&w=3'").await?;
    page.until_within("WebGPU again", "document.querySelector('[data-backend]')?.dataset.backend === 'webgpu'", LONG).await?;
    page.until_within("an accuracy of it", r#"document.querySelector('[data-metric="accuracy"]')?.dataset.value"#, LONG).await?;
    ensure!(page.js("return location.hash").await?.as_str().is_some_and(|link| link.contains("backend=webgpu")), "it left again");
    Ok(())
}

#[tokio::test]
async fn every_backend_is_measured_beside_the_others() -> Result<()> {
    scenario_with(&SOFTWARE_GPU, |page| async move {
        page.open_site("model=digits&w=4").await?;
        accuracy(&page).await?;
        page.until("a button", "!document.getElementById('compare')?.disabled").await?;
        page.js("document.getElementById('compare').click()").await?;
        page.until_within("it begins", "document.getElementById('backends')?.getAttribute('aria-busy') === 'true'", LONG).await?;
        page.until_within("it ends", "document.getElementById('backends')?.getAttribute('aria-busy') === 'false'", LONG).await?;
        let rows = page.rows("backends", LONG).await?;
        println!("{rows:#?}");
        let quantized: Vec<&Vec<String>> = rows.iter().filter(|row| row[1] == "quantized").collect();
        for backend in ["scalar", "simd128", "relaxed-simd", "webgpu"] {
            let row = quantized.iter().find(|row| row[0] == backend).with_context(|| format!("{backend} was not measured"))?;
            ensure!(row[2] == quantized[0][2], "{backend} counts another accuracy: {row:?}");
            // Each measured figure has its spread.
            let [rate, low, high] = [5, 11, 12].map(|at| row[at].parse::<f64>().unwrap_or_default());
            ensure!(low > 0.0 && low <= rate && rate <= high, "{row:?}");
            ensure!(row[6] == if backend == "scalar" { "the reference" } else { "all equal" }, "{row:?}");
        }
        let truth = page.until("the badge", "document.querySelector('[data-truth=agree]')?.textContent").await?;
        ensure!(truth.as_str().is_some_and(|truth| truth.contains("WebGPU")), "{truth}");
        let device = text(&page, "backends").await?;
        ensure!(device.contains("software") && device.contains("Limits"), "{device}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_browser_without_webgpu_goes_on_with_wasm() -> Result<()> {
    scenario(|page| async move {
        // The interface is there, and no adapter behind it.
        page.open_site("model=digits&backend=webgpu&w=4").await?;
        falls_back(&page, 4, "adapter").await?;
        page.before_load("Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined });").await?;
        page.open_site("model=digits&backend=webgpu&w=4").await?;
        // Without the interface it is no choice at all.
        page.until("a notice", "document.getElementById('notices')?.innerText.includes('which cannot be')").await?;
        let accuracy = accuracy(&page).await?;
        ensure!(accuracy > 95.0, "{accuracy}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_lost_gpu_gives_way_to_wasm_and_may_come_back() -> Result<()> {
    scenario_with(&SOFTWARE_GPU, |page| async move {
        page.before_load(KEEP_WORKERS).await?;
        page.open_site("model=digits&backend=webgpu&w=4").await?;
        page.until_within("an accuracy", r#"document.querySelector('[data-metric="accuracy"]')?.dataset.value"#, LONG).await?;
        page.js("workers.forEach((worker) => worker.postMessage({ lose: true }))").await?;
        falls_back(&page, 4, "lost").await?;
        comes_back(&page).await
    })
    .await
}

#[tokio::test]
async fn a_gpu_that_cannot_take_a_model_gives_way_to_wasm_and_may_come_back() -> Result<()> {
    scenario_with(&SOFTWARE_GPU, |page| async move {
        page.before_load(KEEP_WORKERS).await?;
        page.open_site("model=digits&backend=webgpu&w=4").await?;
        // Each is told to the workers of now; what is compiled for other widths than before then fails.
        for (fail, bits, reason) in [("memory", 5, "not enough memory"), ("shader", 6, "does not take the kernel")] {
            page.until_within("many images counted", SETTLED, LONG).await?;
            page.js(&format!("workers.forEach((worker) => worker.postMessage({{ fail: {fail:?} }}))")).await?;
            page.js(&format!("location.hash = '#model=digits&backend=webgpu&w={bits}'")).await?;
            falls_back(&page, bits, reason).await?;
            comes_back(&page).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_library_runs_on_the_gpu() -> Result<()> {
    scenario_with(&SOFTWARE_GPU, |page| async move {
        page.goto("/bitdial/assets/README.md").await?;
        let found = page
            .js(r#"
            const { Bitdial } = await import(new URL("/bitdial/bitdial.mjs", location));
            const onnx = await (await fetch("/bitdial/models/digits.onnx")).arrayBuffer();
            const inputs = Float32Array.from({ length: 784 * 8 }, (_, i) => (i * 7919 % 256) / 255);
            const logits = {};
            for (const backend of ["scalar", "webgpu"]) {
                const b = await Bitdial.create({ backend });
                const m = await b.load(onnx);
                const q = await m.quantize({ weights: { bits: 4 } }, inputs);
                logits[backend] = [...await q.run(inputs, 8)];
                logits.used = b.backend;
                await b.dispose();
            }
            return logits;"#)
            .await?;
        ensure!(found["used"] == "webgpu" && found["scalar"].as_array().is_some_and(|logits| logits.len() == 80), "{found}");
        ensure!(found["scalar"] == found["webgpu"], "{found}");
        ensure!(found["scalar"] != json!([]), "no logits");
        Ok(())
    })
    .await
}
