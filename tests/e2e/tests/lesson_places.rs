//! What a lesson keeps, and what it points at.

use anyhow::{Result, ensure};
use bitdial_e2e::{Page, scenario};
use serde_json::{Value, json};
use thirtyfour::prelude::By;

const FILE: &str = "/bitdial/assets/lessons/kept.md";

/// A lesson whose question is measured as soon as the model is quantized.
const LESSON: &str = r#"+++
title = "Kept"
+++

## First

```toml step
recipe = "model=digits&w=3"
```

Words.

```toml question
ask = "How large?"
recipe = "model=digits&w=2"
figure = "size"
because = "It is {size}."
answers = [
  { text = "A byte", to = 2.0 },
  { text = "More", from = 2.0 },
]
```

## Second

Words.
"#;

async fn press(page: &Page, selector: &str) -> Result<()> {
    page.driver.find(By::Css(selector)).await?.click().await?;
    Ok(())
}

async fn is_graded(page: &Page) -> Result<Value> {
    page.until("a grade", "document.querySelector('.question[data-state=graded] .grade')?.innerText").await
}

const OPEN: &str = "document.querySelector('.question[data-state=open]')";

#[tokio::test]
async fn answers_outlive_a_reload() -> Result<()> {
    scenario(|page| async move {
        page.server.add_page(FILE, LESSON);
        page.open_site("lesson=kept").await?;
        page.until("the question", OPEN).await?;
        press(&page, ".answer[data-answer='1']").await?;
        let verdict = is_graded(&page).await?;
        ensure!(verdict.as_str().is_some_and(|verdict| verdict.starts_with("Right.")), "{verdict}");
        page.driver.refresh().await?;
        ensure!(is_graded(&page).await? == verdict, "another grade after a reload");
        let chosen = page.js("return document.querySelector('.answer[aria-pressed=true]')?.dataset.answer").await?;
        ensure!(chosen == "1", "answer {chosen} is chosen");
        // Another visit, from the lesson's own address: the grade is there, and the step's recipe.
        page.open_site("lesson=kept").await?;
        ensure!(is_graded(&page).await? == verdict, "another grade on another visit");
        page.until("the recipe of the step", "location.hash.includes('w=3')").await?;
        // A question that is another one by now is open; the same one is answered again.
        page.server.add_page(FILE, &LESSON.replace("More", "Not less than two bytes"));
        page.open_site("lesson=kept").await?;
        page.until("an open question", OPEN).await?;
        page.server.add_page(FILE, LESSON);
        page.open_site("lesson=kept").await?;
        is_graded(&page).await?;
        press(&page, "#lesson-anew").await?;
        page.until("an open question", OPEN).await?;
        page.driver.refresh().await?;
        page.until("an open question", OPEN).await?;
        // A browser that keeps nothing costs only that.
        page.before_load("Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });")
            .await?;
        page.open_site("lesson=kept").await?;
        page.until("the question", OPEN).await?;
        press(&page, ".answer[data-answer='0']").await?;
        let verdict = is_graded(&page).await?;
        ensure!(verdict.as_str().is_some_and(|verdict| verdict.starts_with("Not so.")), "{verdict}");
        let errors = page.console_errors().await?;
        ensure!(errors.is_empty(), "{errors:?}");
        Ok(())
    })
    .await
}

const PARTS: [&str; 18] = [
    "settings",
    "history",
    "recipe",
    "backends",
    "weights",
    "time-split",
    "activations",
    "latency",
    "corrections",
    "images",
    "search",
    "share",
    "strip",
    "accuracy-bits",
    "layer",
    "accuracy-size",
    "layers-chart",
    "readouts",
];

/// What is pointed at, whether it is folded, and whether both ends of its upper edge are seen.
const SEEN: &str = "
    const part = document.querySelector('[data-pointed]');
    if (!part) return null;
    const box = part.getBoundingClientRect();
    const shown = (x, y) => part.contains(document.elementFromPoint(x, y));
    const folded = part.classList.contains('folded') || part.querySelector(':scope > button[aria-expanded=false]') !== null;
    return { part: part.dataset.part, folded, seen: shown(box.left + 20, box.top + 3) && shown(box.right - 20, box.top + 3), top: box.top, height: box.height };";

#[tokio::test]
async fn what_a_step_points_at_is_open_and_in_view() -> Result<()> {
    scenario(|page| async move {
        let steps = PARTS.map(|part| format!("## {part}\n\n```toml step\npoint = \"{part}\"\n```\n\nWords.\n\n"));
        page.server.add_page(FILE, &format!("+++\ntitle = \"Parts\"\n+++\n\n{}", steps.concat()));
        page.before_load("localStorage.setItem('bitdial-folded', 'accuracy-bits,accuracy-size,latency,time,layers,search,confusion');")
            .await?;
        for (width, height) in [(1440, 900), (1700, 1000), (900, 900), (390, 844)] {
            let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
            page.driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", screen).await?;
            page.open_site("model=digits").await?;
            page.until("a model", "document.querySelector('main').dataset.phase === 'idle'").await?;
            page.js("location.hash = '#lesson=kept'").await?;
            for (step, part) in PARTS.iter().enumerate() {
                page.until(part, &format!("document.querySelector('[data-pointed]')?.dataset.part.split(' ').includes('{part}')")).await?;
                let seen = page.js(SEEN).await?;
                ensure!(seen["seen"] == true && seen["folded"] == false, "{part} at {width}: {seen}");
                if step + 1 < PARTS.len() {
                    press(&page, "#step-next").await?;
                }
            }
            let kept = page.js("return localStorage.getItem('bitdial-folded')").await?;
            ensure!(kept.as_str().is_some_and(|kept| kept.contains("time")), "a lesson changed what is folded: {kept}");
        }
        Ok(())
    })
    .await
}
