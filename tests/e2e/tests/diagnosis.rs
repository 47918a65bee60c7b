//! What quantization broke, a search for widths, and what else is asked for by a button.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bitdial_e2e::scenario;
use serde_json::{Value, json};
use thirtyfour::prelude::By;

/// Longer than any of it takes on a busy machine.
const LONG: Duration = Duration::from_secs(240);

#[tokio::test]
async fn a_layer_shows_what_broke_in_it() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&w=2").await?;
        page.settled().await?;
        let layers = page.rows("layers", LONG).await?;
        // Each point of the chart opens its layer.
        page.click("#layers .spot").await?;
        page.until("the layer", "document.querySelector('#layers .spot.current') === document.querySelector('#layers .spot')").await?;
        page.until("its weights", "document.querySelector('[data-of=weights] svg polygon')?.points.length > 40").await?;
        page.until("its activations", "document.querySelector('[data-of=activations] svg polygon')?.points.length > 40").await?;
        let said = page.text(".tensors").await?;
        ensure!(said.contains("levels of 2 bits") && said.contains("are clipped") && said.contains("rounded to zero"), "{said}");
        let facts = page.text("#layer dl").await?;
        for fact in ["Weight SQNR", "Activation SQNR", "Output, it alone", "Output, up to it"] {
            let line = facts.lines().skip_while(|line| *line != fact).nth(1).unwrap_or_default();
            ensure!(line.ends_with(" dB"), "{fact}: {line:?} in {facts}");
        }
        let only: Vec<f64> = layers.iter().filter_map(|row| row[3].parse().ok()).collect();
        ensure!(only.len() >= 3 && only.iter().any(|db| *db < 30.0), "{only:?}");

        page.click("#measure-apart").await?;
        page.until_within("both accuracies", "document.querySelectorAll('[data-metric=layer-accuracy]').length === 2", LONG).await?;
        let shares = page
            .js("return [...document.querySelectorAll('[data-metric=layer-accuracy]')].map(e => [+e.dataset.value, +e.dataset.n])")
            .await?;
        println!("only it quantized, only it in f32: {shares}");
        ensure!(shares[0][1] == 1000 && shares[0][0].as_f64() > Some(50.0) && shares[1][0].as_f64() <= Some(100.0), "{shares}");
        page.quiet().await
    })
    .await
}

#[tokio::test]
async fn widths_are_searched_for_and_applied() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&w=2").await?;
        page.settled().await?;
        let uniform = page.metric("accuracy").await?.context("no accuracy")?.value;
        // One that is given up leaves nothing.
        page.click("#search-widths").await?;
        page.click("#stop-search").await?;
        page.until("no progress", "!document.querySelector('#stop-search')").await?;
        ensure!(page.js("return document.querySelector('#apply-search')").await? == Value::Null, "stopped, and yet found");

        page.js("const input = document.querySelector('#budget-value'); input.value = '3';
             input.dispatchEvent(new InputEvent('input', { bubbles: true }));")
            .await?;
        page.click("#search-widths").await?;
        page.until_within("the frontier", "document.querySelectorAll('#search .spot').length > 3", LONG).await?;
        let said = page.text("#search").await?;
        ensure!(said.contains("Best found:") && said.contains("All layers alike:"), "{said}");
        page.click("#apply-search").await?;
        page.until("exceptions", "location.hash.includes('layers=') && document.querySelector('#apply-search')?.disabled").await?;
        page.settled().await?;
        let mixed = page.metric("accuracy").await?.context("no accuracy")?.value;
        println!("2 bits: {uniform} %, 3 bits on average: {mixed} %");
        ensure!(mixed > uniform, "{uniform} % became {mixed} %");
        // A point of the frontier is a recipe as well.
        page.click("#search .spot:not(.current)").await?;
        page.until("another recipe", "!document.querySelector('#apply-search')?.disabled").await?;
        // A format of one width has nothing to search for.
        page.open_site("model=digits&w=4&w-format=nf4").await?;
        page.until("the reason", "document.querySelector('#search .refused')?.innerText.includes('one width')").await?;
        page.quiet().await
    })
    .await
}

#[tokio::test]
async fn buttons_and_files_do_what_they_say() -> Result<()> {
    scenario(|page| async move {
        page.before_load(
            "window.kept = [];
             addEventListener('click', (e) => { if (e.target.download) { kept.push(e.target.download); } }, true);
             const make = URL.createObjectURL;
             URL.createObjectURL = (blob) => { window.last = blob; return make.call(URL, blob); };
             HTMLAnchorElement.prototype.click = function () { kept.push([this.download, window.last.size]); };",
        )
        .await?;
        page.open_site("model=digits&w=4&corrections=bias,bn").await?;
        page.settled().await?;
        // A correction is dragged below the next one.
        page.js("document.querySelector('#grip-bias').scrollIntoView({ block: 'center' })").await?;
        let [held, below] = [page.driver.find(By::Id("grip-bias")).await?, page.driver.find(By::Id("grip-bn")).await?];
        let drag = page.driver.action_chain().move_to_element_center(&held).click_and_hold().move_to_element_center(&below);
        drag.move_by_offset(0, 10).release().perform().await?;
        page.until("the other order", "location.hash.includes('corrections=bn,bias')").await?;
        page.settled().await?;
        page.click("#export-onnx").await?;
        let kept = page.until("a file", "window.kept[0]").await?;
        ensure!(kept[0] == "digits.quantized.onnx" && kept[1].as_u64() > Some(20_000), "{kept}");
        // Every image, not only those that flipped.
        page.js("document.querySelectorAll('[role=tab]')[1].click()").await?;
        page.until("images in order", "document.querySelectorAll('#images figure').length === 24").await?;
        page.until("their pixels", "[...document.querySelectorAll('#images canvas')].every(c => c.width > 1)").await?;
        // A recipe that is dropped on the column.
        page.js(&format!(
            "const data = new DataTransfer(); data.items.add(new File([{}], 'dropped.json'));
             document.querySelector('.col.recipe').dispatchEvent(new DragEvent('drop', {{ bubbles: true, cancelable: true, dataTransfer: data }}));",
            json!(r#"{"weights":{"bits":5}}"#)
        ))
        .await?;
        page.until("the recipe", "location.hash.includes('w=5')").await?;
        page.quiet().await
    })
    .await
}

#[tokio::test]
async fn a_long_correction_is_stopped() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&w=3&corrections=adaround").await?;
        page.until_within("the button", "document.getElementById('stop')", LONG).await?;
        page.js("document.getElementById('stop').click()").await?;
        page.until("the end", "document.querySelector('main').dataset.phase === 'failed' && !document.getElementById('stop')").await?;
        page.until("a word about it", "document.getElementById('notices').innerText.includes('Stopped')").await?;
        // The page goes on with something else.
        page.js("document.querySelector('[data-correction=adaround] [role=switch]').click()").await?;
        page.until_within("an accuracy", "document.querySelector('#metric-accuracy')?.dataset.value", LONG).await?;
        page.quiet().await
    })
    .await
}
