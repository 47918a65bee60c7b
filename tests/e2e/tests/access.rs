//! Accessibility as axe-core sees it, in both themes: the page with everything unfolded, its dialog, a frame of it, every lesson.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bitdial_e2e::{Page, scenario, variable};
use serde_json::Value;

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
