//! The charts, as a person uses them: A and B, points compared, cells that show their images, files that open.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bitdial_e2e::scenario;
use thirtyfour::prelude::{By, Key};

/// Longer than any model here takes for all of its images.
const LONG: Duration = Duration::from_secs(300);

#[tokio::test]
async fn a_pinned_recipe_stands_beside_the_next_one_everywhere() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&w=3").await?;
        page.settled().await?;
        let before = page.metric("accuracy").await?.context("no accuracy")?.value;
        // What A gives is measured while it is in force.
        for chart in ["layers", "time"] {
            page.rows(chart, LONG).await?;
        }
        // By keyboard alone: pin, then turn the dial.
        page.driver.find(By::Id("pin")).await?.send_keys(Key::Enter).await?;
        page.until("A in words", "document.querySelector('.ab .what')?.innerText.includes('int3 weights')").await?;
        let dial = page.driver.find(By::Id("weight-bits")).await?;
        dial.send_keys(Key::Left).await?;
        page.until("two bits", "location.hash.includes('w=2')").await?;
        page.settled().await?;
        let (a, b) = (page.metric("accuracy-a").await?.context("no A")?, page.metric("accuracy").await?.context("no B")?);
        println!("A {a:?}, B {b:?}");
        ensure!((a.value - before).abs() < 1e-9 && a.n == Some(10_000) && (a.value - b.value).abs() > 0.01, "{a:?} {b:?}");
        for metric in ["size-a", "latency-a", "energy-a"] {
            ensure!(page.metric(metric).await?.is_some(), "no {metric}");
        }
        let said = page.text("#ab-said").await?;
        println!("{said}");
        ensure!(said.contains("McNemar") && said.contains("weight bits 3 \u{2192} 2") && said.contains("time; the spreads"), "{said}");
        // The charts and the images.
        let inked = |chart: &str| format!("document.querySelector('#{chart} .plot').innerHTML.includes('#15181D')");
        for chart in ["accuracy-bits", "accuracy-size", "latency"] {
            ensure!(page.js(&format!("return {}", inked(chart))).await? == true, "no A in {chart}");
        }
        ensure!(page.js("return document.querySelectorAll('#images figure .a').length").await?.as_u64() > Some(0), "no A on images");
        page.until_within("A's layers", &inked("layers"), LONG).await?;
        page.until_within("A's times", &inked("time"), LONG).await?;
        page.click("input[name=time-view]:not(:checked)").await?;
        page.until("A's times layer by layer", &inked("time")).await?;
        ensure!(page.js("return document.querySelector('#time th:nth-child(4)').textContent").await? == "A", "no A among the times");
        for tensor in ["weights", "activations"] {
            page.until(tensor, &inked(&format!("layer [data-of={tensor}]"))).await?;
            ensure!(page.text(&format!("[data-of={tensor}] .desc")).await?.contains("under A"), "no word of A at {tensor}");
        }
        // One image, and what a layer makes of it.
        page.click("#toggle-maps").await?;
        page.click("#images figure .look").await?;
        page.until("three models' words", "document.getElementById('verdict').dataset.a && document.querySelector('.bars td.a')").await?;
        page.until("A's maps", "document.querySelectorAll('.map:first-child canvas').length === 5 && document.getElementById('maps').innerText.includes('under A')")
            .await?;
        // What widths would cost: A by what was predicted of its own.
        page.until_within("a search", "!document.getElementById('search-widths').disabled", LONG).await?;
        page.click("#search-widths").await?;
        page.until_within("A among the best", "document.getElementById('search').innerText.includes('A: 3.00 bits')", LONG).await?;
        ensure!(page.js(&format!("return {}", inked("search"))).await? == true, "no A in search");
        // The choice is one, wherever it stands.
        page.click("input[name=confusion-before]:not(:checked)").await?;
        page.rows("confusion", LONG).await?;
        page.until("the confusion of A", "document.querySelector('#confusion th:nth-child(4)').textContent === 'images of A'").await?;
        let flips = page.js("return document.querySelector('[role=tab]').innerText").await?;
        let counted_flips = said.split(" of ").next().and_then(|text| text.rsplit(' ').next()).unwrap_or_default();
        ensure!(flips.as_str() == Some(&format!("Flipped {counted_flips}")), "{flips} and {said}");
        // A is still there after a reload, and is measured again, beside B.
        page.driver.refresh().await?;
        page.until("A in words", "document.querySelector('.ab .what')?.innerText.includes('int3 weights')").await?;
        page.settled().await?;
        page.until_within("A's figures", "document.querySelector('[data-metric=accuracy-a]')?.dataset.n === '10000'", LONG).await?;
        page.until_within("A's latency", "document.querySelector('[data-metric=latency-a]')?.dataset.value", LONG).await?;
        let again = page.metric("accuracy-a").await?.context("no A")?;
        ensure!((again.value - a.value).abs() < 1e-9, "{again:?} and {a:?}");
        // A and B change places, A comes back, A goes.
        page.click("#pin-swap").await?;
        page.until("three bits again", "location.hash.includes('w=3') && document.querySelector('.ab .what').innerText.includes('int2')")
            .await?;
        page.click("#pin-restore").await?;
        page.until("A in force", "location.hash.includes('w=2')").await?;
        page.click("#unpin").await?;
        page.until("no A", "!document.querySelector('[data-metric=accuracy-a]') && !document.querySelector('#ab-said')").await?;
        page.quiet().await
    })
    .await
}

/// Words of the axes, chart by chart, in every frame.
const AXES: &str = "window.axes = null;
    const look = () => {
        const words = (selector) => [...document.querySelectorAll(`${selector} .plot text[fill='#5B6470']`)].map((text) => text.textContent.trim());
        for (const [chart, seen] of Object.entries(axes ?? {})) seen.add(words(chart).join(' '));
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);";

#[tokio::test]
async fn axes_stay_still_while_the_dial_moves() -> Result<()> {
    scenario(|page| async move {
        page.before_load(AXES).await?;
        // Charts that nobody sees are drawn when the dial rests: here all are seen.
        page.resize(1440, 3600).await?;
        page.open_site("model=digits&w=4").await?;
        page.settled().await?;
        page.until_within("the curve", "document.querySelector('main').dataset.sweep === 'done'", LONG).await?;
        let dial = page.driver.find(By::Id("weight-bits")).await?;
        let rect = dial.rect().await?;
        // Ten widths, 1 to 8, 16 and 32, side by side.
        let at = |bits: u8| ((rect.x + rect.width * (f64::from(bits) - 0.5) / 10.0) as i64, (rect.y + rect.height / 2.0) as i64);
        let (x, y) = at(4);
        page.driver.action_chain().move_to(x, y).click_and_hold().perform().await?;
        let charts =
            ["#accuracy-bits", "#accuracy-size", "#layers", "#layer [data-of=weights]", "#layer [data-of=activations]", "#confusion"];
        for round in 0..2 {
            for bits in [3, 2, 3, 4] {
                let (x, y) = at(bits);
                page.driver.action_chain().move_to(x, y).perform().await?;
                let known = format!(
                    "document.getElementById('weight-bits').getAttribute('aria-valuenow') === '{bits}' && document.querySelector('#metric-accuracy').dataset.value
                     && document.querySelector('[data-of=weights] .desc').innerText.includes('levels of {bits} bits')"
                );
                page.until_within(&format!("figures of {bits} bits"), &known, LONG).await?;
            }
            // Whatever there is to hold has been seen once: an axis may have grown for it, and stays from now on.
            if round == 0 {
                let sets = charts.map(|chart| format!("{chart:?}: new Set()")).join(", ");
                page.js(&format!("axes = {{ {sets} }}")).await?;
            }
        }
        let seen = page.js("return Object.entries(axes).map(([chart, seen]) => [chart, ...seen])").await?;
        println!("{seen:#}");
        for chart in seen.as_array().context("no charts")? {
            let words = chart.as_array().map(Vec::as_slice).unwrap_or_default();
            ensure!(
                words.len() == 2 && words[1].as_str().is_some_and(|words| words.len() > 3),
                "an axis moved, or was never there: {chart}"
            );
        }
        page.driver.action_chain().release().perform().await?;
        page.quiet().await
    })
    .await
}

#[tokio::test]
async fn what_nobody_sees_is_drawn_when_it_is_scrolled_to_or_the_dial_rests() -> Result<()> {
    scenario(|page| async move {
        page.resize(1440, 900).await?;
        page.open_site("model=digits&w=4").await?;
        page.settled().await?;
        page.until_within("the curve", "document.querySelector('main').dataset.sweep === 'done'", LONG).await?;
        let rect = page.driver.find(By::Id("weight-bits")).await?.rect().await?;
        let at = |bits: u8| ((rect.x + rect.width * (f64::from(bits) - 0.5) / 10.0) as i64, (rect.y + rect.height / 2.0) as i64);
        let turn = async |bits: u8| -> Result<()> {
            let (x, y) = at(bits);
            page.driver.action_chain().move_to(x, y).perform().await?;
            let known = "document.querySelector('#metric-accuracy').dataset.n === '10000'";
            page.until_within(
                "all images",
                &format!("document.getElementById('weight-bits').getAttribute('aria-valuenow') === '{bits}' && {known}"),
                LONG,
            )
            .await?;
            Ok(())
        };
        let (x, y) = at(4);
        page.driver.action_chain().move_to(x, y).click_and_hold().perform().await?;
        page.js("window.changes = 0;
             const all = { subtree: true, childList: true, attributes: true, characterData: true };
             new MutationObserver((found) => changes += found.length).observe(document.getElementById('confusion'), all);")
            .await?;
        for bits in [3, 2] {
            turn(bits).await?;
        }
        let changes = page.js("return changes").await?;
        ensure!(changes == 0, "{changes} changes in what nobody sees");
        page.js("document.getElementById('confusion').scrollIntoView()").await?;
        page.until("what is seen is drawn", "changes > 100").await?;
        // The browser says that it is out of sight when it has drawn.
        page.js("window.scrollTo(0, 0);
             window.drawn = 0;
             const next = () => ++drawn < 10 && requestAnimationFrame(next);
             requestAnimationFrame(next);")
            .await?;
        page.until("frames", "drawn === 10").await?;
        turn(4).await?;
        page.js("changes = 0").await?;
        page.driver.action_chain().release().perform().await?;
        page.until("what was left is drawn", "changes > 100").await?;
        page.quiet().await
    })
    .await
}

#[tokio::test]
async fn a_cell_of_the_confusion_shows_its_images() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&w=2").await?;
        page.settled().await?;
        page.until("all images in the matrix", "document.querySelector('#confusion h2').innerText.includes('10,000')").await?;
        // Every cell adds up to all images, and the diagonal to the accuracy.
        let rows = page.rows("confusion", LONG).await?;
        let number = |cell: &String| cell.parse::<i64>().unwrap_or_default();
        let right: i64 = rows.iter().filter(|row| row[0] == row[1]).map(|row| number(&row[2])).sum();
        let accuracy = page.metric("accuracy").await?.context("no accuracy")?.value;
        ensure!(rows.iter().map(|row| number(&row[2])).sum::<i64>() == 10_000, "not all images");
        ensure!((right as f64 / 100.0 - accuracy).abs() < 0.006, "{right} and {accuracy}");
        // The most frequent mistake, by keyboard: arrows move, Enter shows.
        let worst = rows.iter().filter(|row| row[0] != row[1]).max_by_key(|row| number(&row[2])).context("no mistake")?;
        let (label, said) = (number(&worst[0]), number(&worst[1]));
        page.js("document.querySelector('[data-cell=\"0-0\"]').focus()").await?;
        let keys: Vec<Key> = (0..label).map(|_| Key::Down).chain((0..said).map(|_| Key::Right)).collect();
        for key in keys {
            page.driver.active_element().await?.send_keys(key).await?;
        }
        let cell = page.js("return document.activeElement.dataset.cell").await?;
        ensure!(cell == format!("{label}-{said}"), "the focus is at {cell}");
        page.driver.active_element().await?.send_keys(Key::Enter).await?;
        page.until("the filter", &format!("document.querySelector('#filter-truth').value === '{}'", label + 1)).await?;
        let listed = "[...document.querySelectorAll('#images figure')].map(f => [f.querySelector('strong').innerText, f.querySelector('.q dd').innerText])";
        let images = page.js(&format!("return {listed}")).await?;
        let images = images.as_array().context("no images")?;
        let expected = usize::try_from(number(&worst[2])).unwrap_or_default().min(24);
        ensure!(images.len() == expected, "{} of {expected} images", images.len());
        let pair = serde_json::json!([label.to_string(), said.to_string()]);
        ensure!(images.iter().all(|image| *image == pair), "{images:?}");
        page.click("#filter-clear").await?;
        page.until("every image", "document.querySelectorAll('#images figure').length === 24").await?;
        page.quiet().await
    })
    .await
}

#[tokio::test]
async fn curves_stay_and_two_points_are_compared() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&w=4").await?;
        page.settled().await?;
        page.until_within("the curve", "document.querySelector('main').dataset.sweep === 'done'", LONG).await?;
        page.click("input[name=w-scale]").await?;
        page.until("another scheme", "location.hash.includes('w-scale=tensor')").await?;
        page.settled().await?;
        // The curve of the scheme before is still there, and says in what it differs.
        page.until("two curves", "document.querySelectorAll('.curves li').length === 2").await?;
        ensure!(page.text(".curves li:nth-child(2)").await?.contains("scale per channel"), "no word about the scale");
        // Along activations.
        page.click("input[name=bits-of]:not(:checked)").await?;
        page.until("the other axis", "document.querySelector('#accuracy-bits h2').innerText.toLowerCase().includes('activation bits')")
            .await?;
        page.rows("accuracy-bits", LONG).await?;
        page.until_within("its curve", "document.querySelectorAll('#accuracy-bits tbody tr').length >= 8", LONG).await?;
        // Accuracy against latency: both recipes were timed.
        page.click("#accuracy-size input[name=cost]:not(:checked)").await?;
        page.until("points of latency", "document.querySelectorAll('#accuracy-size .spot').length === 2").await?;
        page.click("input[name=press]:not(:checked)").await?;
        for spot in [1, 2] {
            page.js(&format!("document.querySelectorAll('#accuracy-size .spot')[{}].click()", spot - 1)).await?;
        }
        let said = page.until("a comparison", "document.querySelector('#two-points table')?.innerText").await?;
        let said = said.as_str().unwrap_or_default().to_owned();
        let verdict = page.text("#two-points .desc").await?;
        println!("{said}\n{verdict}");
        for part in ["accuracy", "size", "latency", "weights: scale per", "channel", "tensor"] {
            ensure!(said.contains(part), "no {part} in {said}");
        }
        ensure!(verdict.contains("10,000 images"), "{verdict}");
        ensure!(page.js("return location.hash.includes('w-scale=tensor')").await? == true, "comparing put a recipe in force");
        // A press restores again.
        page.click("input[name=press]:not(:checked)").await?;
        page.click("#accuracy-size .spot:not(.current)").await?;
        page.until("the recipe before", "!location.hash.includes('w-scale=tensor')").await?;
        page.quiet().await
    })
    .await
}

#[tokio::test]
async fn charts_are_kept_as_files_and_folded() -> Result<()> {
    scenario(|page| async move {
        page.before_load(
            "window.kept = {};
             const make = URL.createObjectURL;
             URL.createObjectURL = (blob) => { window.last = blob; return make.call(URL, blob); };
             HTMLAnchorElement.prototype.click = function () { kept[this.download] = window.last; };",
        )
        .await?;
        page.open_site("model=digits&w=4").await?;
        page.settled().await?;
        page.rows("time", LONG).await?;
        page.rows("layers", LONG).await?;
        // Dark from here on: the files are as well.
        page.click("button[aria-label='Use the dark theme']").await?;
        for chart in ["accuracy-bits", "accuracy-size", "latency", "time", "layers", "confusion"] {
            page.js(&format!("document.querySelectorAll('#{chart} .figures button').forEach(button => button.click())")).await?;
            page.until(chart, &format!("['csv', 'svg', 'png'].every(end => kept['bitdial-{chart}.' + end])")).await?;
            let found = page
                .js(&format!(
                    "const [csv, svg, png] = ['csv', 'svg', 'png'].map(end => kept['bitdial-{chart}.' + end]);
                     const text = await svg.text();
                     const xml = new DOMParser().parseFromString(text, 'image/svg+xml');
                     const picture = await createImageBitmap(png);
                     const canvas = new OffscreenCanvas(picture.width, picture.height), context = canvas.getContext('2d');
                     context.drawImage(picture, 0, 0);
                     const pixels = context.getImageData(0, 0, picture.width, picture.height).data, colours = new Set();
                     for (let at = 0; at < pixels.length; at += 4) colours.add(pixels.slice(at, at + 3).join());
                     return {{ lines: (await csv.text()).trim().split('\\r\\n').length, bad: xml.querySelector('parsererror')?.textContent ?? '',
                              title: xml.querySelector('title')?.textContent ?? '', desc: xml.querySelector('desc')?.textContent ?? '',
                              width: Number(xml.documentElement.getAttribute('width')), picture: picture.width,
                              corner: pixels.slice(0, 3).join(), colours: colours.size }};"
                ))
                .await?;
            println!("{chart}: {found}");
            ensure!(found["lines"].as_u64() > Some(1) && found["bad"] == "" && found["title"] != "" && found["desc"] != "", "{chart}: {found}");
            ensure!(found["picture"].as_u64() == found["width"].as_u64().map(|width| 2 * width), "{chart}: {found}");
            // The dark ground, and something on it.
            ensure!(found["corner"] == "25,28,34" && found["colours"].as_u64() > Some(3), "{chart}: {found}");
        }
        // A folded chart stays folded, and opens again with its drawing.
        page.click("#latency .fold").await?;
        page.until("a folded chart", "document.querySelector('#latency .plot').offsetHeight === 0").await?;
        page.open_site("model=digits&w=4").await?;
        page.settled().await?;
        ensure!(page.js("return document.querySelector('#latency .fold').getAttribute('aria-expanded')").await? == "false", "unfolded");
        page.click("#latency .fold").await?;
        page.until("a drawing", "document.querySelector('#latency .plot svg')?.getBoundingClientRect().width > 200").await?;
        page.quiet().await
    })
    .await
}
