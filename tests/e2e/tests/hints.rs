//! Every control says what it is for, and after a change what it changed.

use std::time::Duration;

use anyhow::{Result, ensure};
use bitdial_e2e::{Page, scenario};
use serde_json::{Value, json};
use thirtyfour::prelude::{By, Key};

const LONG: Duration = Duration::from_secs(180);

/// Controls that can be seen and have neither a title, nor a description, nor a sentence that shows when they are pointed at.
const UNEXPLAINED: &str = "
    const described = (e) => (e.getAttribute('aria-describedby') ?? '').split(' ').some((id) => document.getElementById(id)?.textContent.trim());
    const explained = (e) => e.closest('[title]:not([title=\"\"])') || e.dataset.tip || described(e) || described(e.closest('[role=radiogroup]') ?? e);
    const controls = 'button, input, select, textarea, summary, [role=slider], [role=tab], [role=switch]';
    const all = [...document.querySelectorAll(controls)].filter((e) => e.checkVisibility() && !e.matches('.sr, .skip, .notice *, .term'));
    return { count: all.length, without: all.filter((e) => !explained(e)).map((e) => `${e.tagName} ${e.id} ${e.getAttribute('aria-label') ?? e.innerText}`) };";

async fn ensure_explained(page: &Page, place: &str, least: u64) -> Result<()> {
    let found = page.js(UNEXPLAINED).await?;
    ensure!(found["without"] == json!([]), "{place}: {}", found["without"]);
    ensure!(found["count"].as_u64() >= Some(least), "{place}: only {} controls", found["count"]);
    Ok(())
}

async fn idle(page: &Page) -> Result<()> {
    page.until_within("figures", "document.querySelector('main').dataset.phase === 'idle'", LONG).await?;
    Ok(())
}

#[tokio::test]
async fn every_control_explains_itself() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&w=4&layers=3~w6").await?;
        idle(&page).await?;
        page.driver.find(By::Id("all-settings")).await?.click().await?;
        page.driver.find(By::Id("toggle-maps")).await?.click().await?;
        page.until("a row of the history", "document.querySelector('#history .again')").await?;
        page.click("#pin").await?;
        page.js("location.hash = location.hash.replace('w=4', 'w=5')").await?;
        page.until("A beside B", "document.getElementById('ab-said') && document.querySelector('[name=confusion-before]')").await?;
        ensure_explained(&page, "page", 150).await?;
        for tab in 1..5 {
            page.js(&format!("document.querySelectorAll('[role=tab]')[{tab}].click()")).await?;
            page.until("the tab", &format!("document.querySelectorAll('[role=tab]')[{tab}].ariaSelected === 'true'")).await?;
            ensure_explained(&page, &format!("tab {tab}"), 100).await?;
        }
        // Other formats have other settings.
        page.open_site("model=digits&w=4&w-format=mxfp4&a=f32").await?;
        idle(&page).await?;
        ensure_explained(&page, "blocks", 100).await?;
        // Keys show what a pointer reads.
        page.driver.find(By::Id("model")).await?.focus().await?;
        page.driver.action_chain().send_keys(Key::Tab).perform().await?;
        let shown = "document.querySelector('.keyhint:not([hidden])')?.innerText";
        let said = page.until("a hint", shown).await?;
        let title = page.js("return document.activeElement.closest('[title]').title").await?;
        ensure!(said == title, "{said} is shown, not {title}");
        page.driver.action_chain().send_keys(Key::Escape).perform().await?;
        page.until("no hint", &format!("!({shown})")).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_change_says_what_it_changed() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&backend=simd128").await?;
        idle(&page).await?;
        let changed = "document.getElementById('changed').innerText";
        ensure!(page.js(&format!("return {changed}")).await? == "", "a change before there is one");
        // Fewer bits: another accuracy and another size, each as it was and as it is.
        let before = page.metric("size").await?;
        page.driver.find(By::Id("weight-bits")).await?.send_keys(Key::Home).await?;
        page.caught_up().await?;
        idle(&page).await?;
        let said = page.until("both", &format!("{changed}.includes('%') && {changed}.includes('kB') && {changed}")).await?;
        let metrics = [before, page.metric("size").await?].map(|metric| metric.map_or(0.0, |metric| metric.value));
        ensure!(said.as_str().is_some_and(|said| said.matches('\u{2192}').count() >= 2), "{said}");
        ensure!(metrics[0] > metrics[1] && metrics[1] > 0.0, "{metrics:?}");
        let effect: Value = page.js("return document.querySelector('.dial .effect[title]')?.title").await?;
        ensure!(effect.as_str().is_some_and(|effect| effect.contains("points (") && effect.contains("kB")), "{effect}");
        // Other kernels: another latency, and nothing else.
        page.js("const list = document.getElementById('backend'); list.value = 'scalar'; list.dispatchEvent(new Event('change', { bubbles: true }));")
            .await?;
        page.until("other kernels", "document.querySelector('main').dataset.backend === 'scalar'").await?;
        idle(&page).await?;
        let said = page.until("a latency", changed).await?;
        ensure!(said.as_str().is_some_and(|said| said.ends_with('s') && !said.contains('%') && !said.contains("kB")), "{said}");
        Ok(())
    })
    .await
}
