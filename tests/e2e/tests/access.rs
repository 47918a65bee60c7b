//! Accessibility: what axe-core sees, in both themes, of the page with everything unfolded, its dialog, a frame of it and every
//! lesson; a screen of 320 pixels; the way of the focus.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bitdial_e2e::{Page, scenario, variable};
use serde_json::{Value, json};
use thirtyfour::prelude::Key;

const LONG: Duration = Duration::from_secs(180);
/// True when the recipe was counted and timed.
const IDLE: &str = "document.querySelector('main')?.dataset.phase === 'idle'";

/// What axe-core finds in either theme, a line for each kind of finding.
async fn findings(page: &Page, view: &str) -> Result<Vec<String>> {
    let source = std::fs::read_to_string(variable("BITDIAL_AXE")?).context("axe-core cannot be read")?;
    page.driver.execute(source, Vec::new()).await?;
    let mut all = Vec::new();
    for theme in ["light", "dark"] {
        let found = page
            .js(&format!(
                "document.documentElement.dataset.theme = {theme:?};
                 // What moves or fades is looked at when it has arrived.
                 await Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {{}})));
                 const {{ violations, passes }} = await axe.run(document, {{ resultTypes: ['violations'] }});
                 if (passes.length < 10) throw new Error(`axe looked at ${{passes.length}} rules only`);
                 return violations.map(({{ id, help, nodes }}) =>
                     `${{id}}: ${{help}}: ` + nodes.map(({{ target, failureSummary }}) => `${{target.join(' ')}} (${{failureSummary.split('\\n')[1]}})`).join('; '));"
            ))
            .await
            .with_context(|| view.to_owned())?;
        let found = found.as_array().into_iter().flatten().filter_map(Value::as_str).map(|line| format!("{view}, {theme}: {line}"));
        all.extend(found);
    }
    Ok(all)
}

#[tokio::test]
async fn axe_finds_nothing_on_the_page() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&w=4").await?;
        page.until_within("the end of it", IDLE, LONG).await?;
        let mut all = findings(&page, "the page").await?;
        page.js("for (const details of document.querySelectorAll('details')) details.open = true").await?;
        page.js("document.querySelector('[data-layer] button, [data-layer]')?.click()").await?;
        page.until("a layer", "document.querySelector('#layer dl')").await?;
        all.extend(findings(&page, "everything unfolded").await?);
        let tabs = page.js("return document.querySelectorAll('[role=tab]').length").await?.as_u64().unwrap_or_default();
        for tab in 0..tabs {
            page.js(&format!("document.querySelectorAll('[role=tab]')[{tab}].click()")).await?;
            all.extend(findings(&page, &format!("tab {tab}")).await?);
        }
        let dialogs = page.js("return document.querySelectorAll('dialog').length").await?.as_u64().unwrap_or_default();
        for dialog in 0..dialogs {
            page.js(&format!("document.querySelectorAll('dialog')[{dialog}].showModal()")).await?;
            all.extend(findings(&page, &format!("dialog {dialog}")).await?);
            page.js(&format!("document.querySelectorAll('dialog')[{dialog}].close()")).await?;
        }
        ensure!(tabs > 1 && dialogs > 0, "{tabs} tabs and {dialogs} dialogs");
        page.goto("/bitdial/?embed=1#model=digits&w=4").await?;
        page.until_within("the end of it", IDLE, LONG).await?;
        all.extend(findings(&page, "a frame").await?);
        // The list of lessons, and the first step of each: what it points at is on the page too.
        page.open_site("lesson=").await?;
        page.until("the list", "document.querySelectorAll('.toc b').length > 5").await?;
        all.extend(findings(&page, "the lessons").await?);
        let names = page.js("return (await fetch('assets/lessons/index.json')).json()").await?;
        let names: Vec<&str> = names.as_array().context("a list")?.iter().filter_map(Value::as_str).collect();
        for name in names {
            page.open_site(&format!("lesson={name}")).await?;
            page.until(name, &format!("location.hash.includes('{name}') && document.querySelector('.foot .way')")).await?;
            page.until_within("the end of it", IDLE, LONG).await?;
            all.extend(findings(&page, name).await?);
        }
        ensure!(all.is_empty(), "{}", all.join("\n"));
        Ok(())
    })
    .await
}

/// What is wider than the window: the page, or what lies over it.
const WIDE: &str = "const all = [document.documentElement, ...document.querySelectorAll('dialog[open], .lessons .body, .badge[open] .sheet')];
    return all.filter((e) => e.scrollWidth > e.clientWidth || e.getBoundingClientRect().left < 0 || e.getBoundingClientRect().right > innerWidth)
        .map((e) => `${e.tagName} ${e.className} ${e.scrollWidth}`)";

async fn fits(page: &Page, view: &str) -> Result<()> {
    let wide = page.js(WIDE).await?;
    ensure!(wide == json!([]), "{view}: {wide}");
    Ok(())
}

#[tokio::test]
async fn nothing_is_wider_than_320_pixels() -> Result<()> {
    scenario(|page| async move {
        page.resize(320, 700).await?;
        // The longest names of a model and of its classes.
        page.open_site("model=fashion-mobilenet&w=4").await?;
        page.settled().await?;
        fits(&page, "the page").await?;
        let tabs = page.js("return document.querySelectorAll('[role=tab]').length").await?.as_u64().unwrap_or_default();
        ensure!(tabs > 1, "{tabs} tabs");
        for tab in 0..tabs {
            page.js(&format!("document.querySelectorAll('[role=tab]')[{tab}].click()")).await?;
            page.until("the tab", &format!("document.querySelectorAll('[role=tab]')[{tab}].getAttribute('aria-selected') === 'true'"))
                .await?;
            fits(&page, &format!("tab {tab}")).await?;
        }
        page.js("for (const details of document.querySelectorAll('details')) details.open = true").await?;
        page.click("#all-settings").await?;
        page.click("#pin").await?;
        page.rows("layers", LONG).await?;
        page.until("the sheet", "document.querySelector('.badge[open] .sheet')").await?;
        fits(&page, "everything unfolded").await?;
        page.js("document.querySelector('.badge').open = false").await?;
        page.click("#share").await?;
        page.until("the dialog", "document.querySelector('#share-dialog[open] .qr')").await?;
        page.js("document.getElementById('embedding').open = true").await?;
        fits(&page, "the dialog").await?;
        page.goto("/bitdial/?embed=1#model=digits&w=4").await?;
        page.until_within("the end of it", IDLE, LONG).await?;
        fits(&page, "a frame").await?;
        page.open_site("lesson=scale-and-zero-point").await?;
        page.until("the lesson", "document.querySelector('.foot .way')").await?;
        page.until_within("the end of it", IDLE, LONG).await?;
        fits(&page, "a lesson").await?;
        page.click(".prose .term").await?;
        page.until("an entry", "document.querySelector('#glossary[open] .prose p')").await?;
        fits(&page, "the glossary").await?;
        Ok(())
    })
    .await
}

/// Where the focus is, and what is wrong with it there: it is on what cannot be seen, or nothing shows it.
const STOP: &str = "const e = document.activeElement;
    if (e === document.body) return null;
    const { left, top, width, height } = e.getBoundingClientRect();
    const over = document.elementFromPoint(left + width / 2, top + height / 2);
    const rings = [e, e.parentElement, e.parentElement.parentElement, e.nextElementSibling].filter(Boolean).map((e) => getComputedStyle(e));
    const wrong = !e.checkVisibility({ visibilityProperty: true }) || width < 2 || height < 2 ? 'is hidden'
        : !over || !(e.parentElement.contains(over) || over.contains(e)) ? `lies under ${over?.outerHTML.slice(0, 60)}`
        : rings.some(({ outlineStyle, outlineWidth }) => outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) ? '' : 'has no ring';
    return [`${e.tagName} ${e.id} ${e.getAttribute('aria-label') ?? e.innerText.slice(0, 40)}`, wrong]";

#[tokio::test]
async fn the_focus_is_seen_wherever_it_goes() -> Result<()> {
    scenario(|page| async move {
        for (width, least) in [(1440, 100), (390, 80)] {
            page.resize(width, 900).await?;
            page.open_site("model=digits&w=4").await?;
            page.settled().await?;
            page.rows("layers", LONG).await?;
            let (mut stops, mut wrong) = (0, Vec::new());
            loop {
                page.driver.action_chain().send_keys(Key::Tab).perform().await?;
                let stop = page.js(STOP).await?;
                let Some([name, fault]) = stop.as_array().map(Vec::as_slice) else { break };
                stops += 1;
                if fault != "" {
                    wrong.push(format!("{name} {fault}"));
                }
                ensure!(stops < 400, "the focus goes round at {name}");
            }
            println!("{width} px: {stops} stops");
            ensure!(stops > least && wrong.is_empty(), "{width} px, {stops} stops:\n{}", wrong.join("\n"));
        }
        Ok(())
    })
    .await
}
