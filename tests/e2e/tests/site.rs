//! The page, as a person uses it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bitdial_e2e::{Page, scenario};
use serde_json::json;
use thirtyfour::prelude::{By, Key};
use tokio::time::sleep;

/// Longer than any model here takes for all of its images.
const LONG: Duration = Duration::from_secs(240);

async fn value(page: &Page, metric: &str) -> Result<f64> {
    Ok(page.metric(metric).await?.with_context(|| format!("no {metric}"))?.value)
}

/// Where a dial stands.
async fn dial(page: &Page, id: &str) -> Result<u64> {
    let now = page.js(&format!("return Number(document.getElementById('{id}').getAttribute('aria-valuenow'))")).await?;
    now.as_u64().context("a dial without a value")
}

async fn press(page: &Page, id: &str, keys: &[Key]) -> Result<()> {
    let element = page.driver.find(By::Id(id)).await?;
    for key in keys {
        element.send_keys(key.clone()).await?;
    }
    page.caught_up().await
}

/// The text of the notices.
async fn notices(page: &Page) -> Result<String> {
    Ok(page.js("return document.getElementById('notices')?.innerText ?? ''").await?.as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_first_accuracy_comes_within_two_seconds() -> Result<()> {
    let mut times = Vec::new();
    // A machine that is busy with something else for a moment gets another chance; each in a fresh browser.
    while times.len() < 3 && times.iter().all(|&ms| ms > 2000.0) {
        let mut found = None;
        scenario(|page| {
            let found = &mut found;
            async move {
                page.before_load(
                    r#"const timer = setInterval(() => {
                           const e = document.querySelector('[data-metric="accuracy"]');
                           if (!e?.dataset.value) return;
                           clearInterval(timer);
                           window.first = { ms: performance.now(), n: Number(e.dataset.n), value: Number(e.dataset.value) };
                       }, 10);"#,
                )
                .await?;
                page.open_site("").await?;
                let first = page.until("the first accuracy", "window.first").await?;
                println!("first accuracy: {first}");
                ensure!(first["n"].as_u64() >= Some(500) && first["value"].as_f64() > Some(80.0), "{first}");
                *found = first["ms"].as_f64();
                Ok(())
            }
        })
        .await?;
        times.extend(found);
    }
    ensure!(times.iter().any(|&ms| ms <= 2000.0), "first accuracy after {times:?} ms");
    Ok(())
}

#[tokio::test]
async fn eight_bits_are_as_accurate_as_f32() -> Result<()> {
    scenario(|page| async move {
        for model in ["fashion-mobilenet", "digits", "fashion-resnet"] {
            // The default is static W8A8 with one scale per channel.
            page.open_site(&format!("model={model}")).await?;
            page.settled().await?;
            let float = page
                .js(&format!(
                    "return (await (await fetch('models/models.json')).json()).find((m) => m.id === '{model}').f32_accuracy * 100"
                ))
                .await?
                .as_f64()
                .context("no accuracy in models.json")?;
            let accuracy = page.metric("accuracy").await?.context("no accuracy")?;
            println!(
                "{model}: f32 {float}, W8A8 {}, {} B, {} ms",
                accuracy.value,
                value(&page, "size").await?,
                value(&page, "latency").await?
            );
            ensure!((accuracy.value - float).abs() <= 0.5, "{model}: {} against {float} in f32", accuracy.value);
            ensure!(accuracy.kind == "measured", "{accuracy:?}");
            ensure!(page.metric("energy").await?.is_some_and(|energy| energy.kind == "estimated" && energy.value > 0.0), "no energy");
            ensure!(page.metric("memory").await?.is_some_and(|memory| memory.kind == "computed" && memory.value > 1e4), "no memory");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_dial_turns_by_keyboard() -> Result<()> {
    scenario(|page| async move {
        page.open_site("").await?;
        page.settled().await?;
        let mut figures = Vec::new();
        let turns: [(&[Key], u64); 5] =
            [(&[], 8), (&[Key::Home], 1), (&[Key::Right], 2), (&[Key::Right], 3), (&[Key::PageUp, Key::PageUp, Key::Right], 8)];
        for (keys, bits) in turns {
            press(&page, "weight-bits", keys).await?;
            ensure!(dial(&page, "weight-bits").await? == bits, "not at {bits} bits");
            page.settled().await?;
            figures.push([value(&page, "accuracy").await?, value(&page, "size").await?, value(&page, "latency").await?]);
        }
        println!("8, 1, 2, 3, 8 bits: {figures:?}");
        let [eight, one, two, three, again] = figures[..] else { unreachable!("five were pushed") };
        ensure!(one[0] < eight[0] - 5.0 && two[0] < eight[0] - 5.0 && two[0] < three[0], "accuracy does not change");
        ensure!(one[1] < two[1] && two[1] < three[1] && three[1] < eight[1], "size does not change");
        // Each is measured; two may be the same tick of the clock.
        ensure!(figures.iter().any(|figure| figure[2] != eight[2]), "latency does not change");
        ensure!(again[..2] == eight[..2], "the same recipe gave other figures");

        press(&page, "activation-bits", &[Key::Home]).await?;
        page.settled().await?;
        ensure!(value(&page, "accuracy").await? < eight[0] - 5.0, "activations do not matter");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn accuracy_follows_the_finger() -> Result<()> {
    scenario(|page| async move {
        page.open_site("").await?;
        page.settled().await?;
        let before = value(&page, "accuracy").await?;
        let dial_element = page.driver.find(By::Id("weight-bits")).await?;
        let rect = dial_element.rect().await?;
        let at = |share: f64| (rect.x + rect.width * share) as i64;
        let y = (rect.y + rect.height / 2.0) as i64;
        page.driver.action_chain().move_to(at(0.97), y).click_and_hold().perform().await?;
        for share in [0.8, 0.6, 0.4, 0.2, 0.03] {
            page.driver.action_chain().move_to(at(share), y).perform().await?;
        }
        page.caught_up().await?;
        ensure!(dial(&page, "weight-bits").await? == 1, "the dial is at {}", dial(&page, "weight-bits").await?);
        // The button is still down.
        page.until("an accuracy of at least 500 images", r#"Number(document.querySelector('[data-metric="accuracy"]').dataset.n) >= 500"#)
            .await?;
        let during = value(&page, "accuracy").await?;
        ensure!(during < before - 5.0, "{during} against {before}");
        page.driver.action_chain().release().perform().await?;
        page.settled().await?;
        ensure!(dial(&page, "weight-bits").await? == 1, "the dial went on");
        // A drag is one step of the browser's history.
        page.driver.back().await?;
        page.until("the dial back at 8", "document.getElementById('weight-bits').getAttribute('aria-valuenow') === '8'").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_is_shown_belongs_to_where_the_dial_stands() -> Result<()> {
    scenario(|page| async move {
        // What each frame shows: the dial, and the size and accuracy beside it.
        page.before_load(
            r#"window.frames_seen = new Set();
               const look = () => {
                   const bits = document.getElementById("weight-bits")?.getAttribute("aria-valuenow");
                   const figure = (name) => document.querySelector(`[data-metric="${name}"]`)?.dataset ?? {};
                   const [size, accuracy] = [figure("size"), figure("accuracy")];
                   if (bits && size.value) frames_seen.add(`size ${bits} ${size.value}`);
                   if (bits && accuracy.n === "10000") frames_seen.add(`accuracy ${bits} ${accuracy.value}`);
                   requestAnimationFrame(look);
               };
               requestAnimationFrame(look);"#,
        )
        .await?;
        page.open_site("model=digits").await?;
        page.settled().await?;
        // Quicker than any of it can be evaluated.
        press(
            &page,
            "weight-bits",
            &[Key::Left, Key::Left, Key::Home, Key::Right, Key::Right, Key::End, Key::Home, Key::Right, Key::Right],
        )
        .await?;
        sleep(Duration::from_millis(300)).await;
        press(&page, "weight-bits", &[Key::Right, Key::Right]).await?;
        ensure!(dial(&page, "weight-bits").await? == 5, "the dial is at {}", dial(&page, "weight-bits").await?);
        page.settled().await?;
        let shown = [value(&page, "accuracy").await?, value(&page, "size").await?];
        let frames = page.js("return [...frames_seen]").await?;
        // Each number of bits has one size and one accuracy: another one would be another recipe's.
        let mut keys = Vec::new();
        for frame in frames.as_array().context("frames")? {
            let (key, _) = frame.as_str().and_then(|frame| frame.rsplit_once(' ')).context("a frame")?;
            ensure!(!keys.contains(&key), "two values for {key} bits: {frames}");
            keys.push(key);
        }
        ensure!(keys.contains(&"size 8") && keys.contains(&"size 5") && keys.contains(&"accuracy 5"), "{frames}");

        page.open_site("model=digits&w=5").await?;
        page.settled().await?;
        let fresh = [value(&page, "accuracy").await?, value(&page, "size").await?];
        ensure!(shown == fresh, "{shown:?} after turning, {fresh:?} from a link");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn back_and_forward_turn_the_dial() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits").await?;
        page.until("the dial", "document.getElementById('weight-bits')").await?;
        press(&page, "weight-bits", &[Key::Home]).await?;
        page.js("document.activeElement.blur()").await?;
        press(&page, "activation-bits", &[Key::Left]).await?;
        page.js("document.activeElement.blur()").await?;
        page.caught_up().await?;
        let address = page.driver.current_url().await?;
        ensure!(address.fragment().is_some_and(|f| f.contains("w=1") && f.contains("a=7") && f.contains("model=digits")), "{address}");
        let mut seen = Vec::new();
        for step in ["back", "back", "forward", "forward"] {
            match step {
                "back" => page.driver.back().await?,
                _ => page.driver.forward().await?,
            }
            sleep(Duration::from_millis(200)).await;
            seen.push([dial(&page, "weight-bits").await?, dial(&page, "activation-bits").await?]);
        }
        ensure!(seen == [[1, 8], [8, 8], [1, 8], [1, 7]], "{seen:?}");
        page.settled().await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_bad_link_is_reported_and_replaced() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=nothing&w=99&fly=1").await?;
        page.until("a notice", "document.getElementById('notices')?.innerText").await?;
        let text = notices(&page).await?;
        for part in ["nothing", "99", "fly"] {
            ensure!(text.contains(part), "no word about {part}: {text}");
        }
        ensure!(dial(&page, "weight-bits").await? == 8, "not the default");
        ensure!(page.js("return document.getElementById('model').value").await? == "fashion-mobilenet", "not the default model");
        let fragment = page.driver.current_url().await?.fragment().unwrap_or_default().to_owned();
        ensure!(!fragment.contains("99") && !fragment.contains("fly"), "{fragment}");
        page.until("an accuracy", r#"document.querySelector('[data-metric="accuracy"]')?.dataset.value"#).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_model_that_does_not_come_can_be_tried_again() -> Result<()> {
    scenario(|page| async move {
        page.server.set_failing("models/digits.onnx", true);
        page.open_site("model=digits").await?;
        page.until("a notice", "document.getElementById('notices')?.innerText").await?;
        let text = notices(&page).await?;
        ensure!(text.contains("digits.onnx") && text.contains("404"), "{text}");
        ensure!(page.js("return document.querySelector('main').dataset.phase").await? == "failed", "not failed");
        let errors = page.console_errors().await?;
        ensure!(errors.len() == 1 && errors[0].contains("404"), "{errors:?}");
        page.server.set_failing("models/digits.onnx", false);
        let again = "[...document.querySelectorAll('#notices button')].find((b) => b.innerText === 'Try again')";
        page.js(&format!("{again}.click()")).await?;
        page.settled().await?;
        ensure!(notices(&page).await?.is_empty(), "the notice stays: {}", notices(&page).await?);
        ensure!(page.server.requests("models/digits.onnx") >= 2, "not asked again");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_trapped_worker_is_replaced() -> Result<()> {
    scenario(|page| async move {
        page.before_load(
            "const Real = Worker; window.workers = [];
             window.Worker = class extends Real { constructor(...args) { super(...args); workers.push(this); } };",
        )
        .await?;
        page.open_site("model=digits").await?;
        page.until("an accuracy", r#"document.querySelector('[data-metric="accuracy"]')?.dataset.value"#).await?;
        let before = page.js("return workers.length").await?.as_u64().context("workers")?;
        press(&page, "weight-bits", &[Key::Left]).await?;
        page.js("workers[0].postMessage({ trap: true })").await?;
        page.until("a notice", "document.getElementById('notices')?.innerText").await?;
        println!("notice: {}", notices(&page).await?);
        page.settled().await?;
        ensure!(dial(&page, "weight-bits").await? == 7, "the page forgot its state");
        ensure!(page.js("return workers.length").await?.as_u64() > Some(before), "no worker was started in its place");
        press(&page, "weight-bits", &[Key::Left]).await?;
        page.settled().await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_browser_without_simd_gets_an_explanation() -> Result<()> {
    scenario(|page| async move {
        page.before_load("WebAssembly.validate = () => false;").await?;
        page.open_site("").await?;
        let text = page.until("an explanation", "document.querySelector('main[data-phase=unsupported]')?.innerText").await?;
        ensure!(text.as_str().is_some_and(|text| text.contains("SIMD") && text.contains("Safari 16.4")), "{text}");
        ensure!(page.console_errors().await?.is_empty(), "errors in the console");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn every_backend_gives_the_same_accuracy() -> Result<()> {
    scenario(|page| async move {
        let mut found = Vec::new();
        for backend in ["scalar", "simd128", "relaxed-simd"] {
            page.open_site(&format!("model=digits&backend={backend}&w=3")).await?;
            page.settled().await?;
            found.push(value(&page, "accuracy").await?);
            let badge = page.until("the badge", "document.querySelector('[data-truth]:not([data-truth=open])')?.dataset.truth").await?;
            ensure!(badge == "agree", "{backend}: {badge}");
        }
        ensure!(found.iter().all(|accuracy| *accuracy == found[0]), "{found:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn efficientnet_runs_on_photos() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=efficientnet-lite0").await?;
        page.until_within("its agreement with f32", r#"document.querySelector('[data-metric="agreement"]')?.dataset.value"#, LONG).await?;
        let agreement = page.metric("agreement").await?.context("no agreement")?;
        println!("{agreement:?}, {} B", value(&page, "size").await?);
        ensure!(agreement.n == Some(7) && agreement.value > 50.0, "{agreement:?}");
        let size = value(&page, "size").await?;
        ensure!((4.6e6..5.2e6).contains(&size), "{size} B for 4.63 million weights of 8 bits");
        ensure!(page.console_errors().await?.is_empty(), "errors in the console");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_large_model_shows_how_much_of_it_is_here() -> Result<()> {
    const FILE: &str = "efficientnet-lite0.onnx";
    const HERE: &str = "(() => { const bar = document.querySelector('.strip[role=progressbar]');
        return bar ? Math.round(100 * bar.getAttribute('aria-valuenow') / bar.getAttribute('aria-valuemax')) : null; })()";
    const DRAWN: &str = "(() => { const bar = document.querySelector('.strip[role=progressbar]');
        return Math.round(100 * bar.firstElementChild.offsetWidth / bar.offsetWidth); })()";
    scenario(|page| async move {
        let choose = |id: &'static str| {
            let page = page.clone();
            async move {
                page.js(&format!(
                    "const list = document.getElementById('model'); list.value = '{id}';
                     list.dispatchEvent(new Event('change', {{ bubbles: true }}));"
                ))
                .await
            }
        };
        page.server.hold(FILE, 0.25);
        page.open_site("model=digits").await?;
        page.settled().await?;
        ensure!(page.server.requests(FILE) == 0, "the large model came unasked");
        choose("efficientnet-lite0").await?;
        page.until("a quarter", &format!("{HERE} === 25 && Math.abs({DRAWN} - 25) < 2")).await?;
        let said = page.js("return document.querySelector('.strip[role=progressbar]').innerText").await?;
        ensure!(said.as_str().is_some_and(|said| said.contains("4.70 MB of 18.8 MB")), "{said}");
        page.server.hold(FILE, 0.7);
        page.until("more of it", &format!("{HERE} === 70 && Math.abs({DRAWN} - 70) < 2")).await?;
        // Whoever does not want to wait goes on with another model.
        choose("digits").await?;
        page.until("the other model", "!document.querySelector('.strip[role=progressbar]') && document.querySelector('.strip .cell')")
            .await?;
        page.settled().await?;
        choose("efficientnet-lite0").await?;
        page.until("what came meanwhile", &format!("{HERE} === 70")).await?;
        page.server.hold(FILE, 1.0);
        page.until_within("the model", "document.querySelectorAll('.strip .cell').length > 20", LONG).await?;
        ensure!(page.server.requests(FILE) == 1, "fetched {} times", page.server.requests(FILE));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_phone_shows_everything_in_its_width() -> Result<()> {
    scenario(|page| async move {
        let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
        page.driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", phone).await?;
        page.open_site("model=digits").await?;
        page.settled().await?;
        let widths = page.js("return [document.documentElement.scrollWidth, innerWidth]").await?;
        ensure!(widths == json!([390, 390]), "wider than the screen: {widths}");
        let origins = page.js("return [...new Set(performance.getEntriesByType('resource').map((r) => new URL(r.name).origin))]").await?;
        ensure!(origins == json!([page.server.origin()]), "something came from elsewhere: {origins}");
        Ok(())
    })
    .await
}
