//! Lessons and the glossary, as a student uses them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bitdial_e2e::{Page, scenario};
use serde_json::Value;
use thirtyfour::prelude::{By, Key};

/// Longer than any question of a lesson takes to be measured.
const LONG: Duration = Duration::from_secs(240);
const GRADED: &str = "document.querySelector('.question')?.dataset.state === 'graded'";

async fn text(page: &Page, selector: &str) -> Result<String> {
    let text = page.js(&format!("return document.querySelector({selector:?})?.innerText ?? ''")).await?;
    Ok(text.as_str().unwrap_or_default().to_owned())
}

async fn press(page: &Page, selector: &str) -> Result<()> {
    page.driver.find(By::Css(selector)).await.with_context(|| selector.to_owned())?.click().await?;
    Ok(())
}

async fn until_step(page: &Page, step: usize) -> Result<()> {
    // The first step need not stand in the address.
    let place = if step == 1 { String::new() } else { format!("/[#&]step={step}(&|$)/.test(location.hash) && ") };
    let here = format!("{place}document.querySelector('.foot .way')?.innerText.startsWith('{step} of ')");
    page.until(&format!("step {step}"), &here).await?;
    Ok(())
}

/// Answers the open question with its first answer, and gives what the page says then.
async fn answer(page: &Page) -> Result<String> {
    press(page, ".question[data-state=open] .answer").await?;
    page.until_within("a grade", GRADED, LONG).await?;
    text(page, ".grade").await
}

#[tokio::test]
async fn every_lesson_is_walked_to_its_end() -> Result<()> {
    scenario(|page| async move {
        page.open_site("lesson=").await?;
        let names = page.js("return (await fetch('assets/lessons/index.json')).json()").await?;
        let names: Vec<&str> = names.as_array().context("a list")?.iter().filter_map(Value::as_str).collect();
        page.until("the list", &format!("document.querySelectorAll('.toc b').length === {}", names.len())).await?;
        for name in &names {
            page.open_site(&format!("lesson={name}")).await?;
            let mut step = 1;
            loop {
                until_step(&page, step).await?;
                let part = page.js("return document.querySelector('[data-pointed]')?.dataset.part ?? ''").await?;
                if page.js("return !!document.querySelector('.question')").await? == true {
                    let verdict = answer(&page).await.with_context(|| format!("{name}, step {step}"))?;
                    println!("{name} {step} ({part}): {verdict}");
                    ensure!(verdict.contains("You said \u{201c}") && !verdict.contains("None of these"), "{name} {step}: {verdict}");
                }
                ensure!(!text(&page, ".prose").await?.is_empty(), "{name} {step} says nothing");
                if page.js("return !!document.getElementById('step-finish')").await? == true {
                    break;
                }
                press(&page, "#step-next").await?;
                step += 1;
            }
            press(&page, "#step-finish").await?;
            let done = format!("document.querySelector('.toc [data-lesson={name:?}]')?.innerText.includes('finished')");
            page.until(&format!("{name} finished"), &done).await?;
            ensure!(
                page.js("return document.querySelectorAll('.notice.error').length").await? == 0,
                "{name}: {}",
                text(&page, "#notices").await?
            );
        }
        // Finished lessons stay so.
        page.open_site("lesson=").await?;
        page.until("all of them", &format!("document.querySelectorAll('.toc em').length === {}", names.len())).await?;
        let errors = page.console_errors().await?;
        ensure!(errors.is_empty(), "{errors:?}");
        Ok(())
    })
    .await
}

const HOSTILE: &str = r#"+++
title = "<img src=x onerror=window.pwned=1>"
+++

## <script>window.pwned = 2</script>

```toml step
recipe = "model=digits&w=3"
point = "camera-that-is-not-there"
```

words
"#;

const RAW: &str = r#"+++
title = "<img src=x onerror=window.pwned=1>"
summary = "<script>window.pwned=2</script>"
+++

<script>window.pwned = 3</script>

## A step <b onclick="window.pwned=4">bold</b>

```toml step
recipe = "model=digits&w=3"
point = "history"
layer = "/no/such/layer"
tab = "camera"
```

<iframe src="javascript:window.top.pwned=5"></iframe>

An <img src=x onerror="window.pwned=6"> image, [elsewhere](https://example.org/a), [no such term]().

```toml question
ask = "<svg onload=window.pwned=7>"
figure = "size"
because = "<style>body { display: none }</style> {size}"
answers = [
  { text = "<i>small</i>", to = 1 },
  { text = "large", from = 1 },
]
```
"#;

#[tokio::test]
async fn hostile_and_broken_lessons_break_nothing() -> Result<()> {
    scenario(|page| async move {
        let add = |name: &str, text: &str| page.server.add_page(&format!("/bitdial/assets/lessons/{name}.md"), text);
        add("hostile", HOSTILE);
        add("raw", RAW);
        // A lesson with HTML in it is a lesson: the HTML is text.
        page.open_site("lesson=raw").await?;
        until_step(&page, 1).await?;
        let shown = text(&page, "#lessons").await?;
        for part in ["<script>window.pwned = 3</script>", "<iframe src=", "<b onclick=", "<svg onload", "<i>small</i>"] {
            ensure!(shown.contains(part), "{part} is not shown as text: {shown}");
        }
        let link = page.js("const a = document.querySelector('.prose a'); return [a.rel, a.target, a.href]").await?;
        ensure!(link[0] == "noopener noreferrer" && link[1] == "_blank", "{link}");
        let verdict = answer(&page).await?;
        ensure!(verdict.contains("Not so."), "{verdict}");
        press(&page, ".prose .term").await?;
        page.until("a sentence", "document.getElementById('glossary').innerText.includes('no entry')").await?;
        page.driver.action_chain().send_keys(Key::Escape).perform().await?;
        // A layer that is not there gives way to one that is.
        page.until("a layer", "document.querySelector('#layer h3')").await?;
        let pwned = page
            .js("return [window.pwned ?? null, document.querySelectorAll('aside script, aside iframe, aside svg, aside style').length]")
            .await?;
        ensure!(pwned[0].is_null() && pwned[1] == 0, "{pwned}");
        // A broken one says file, line and reason; the page goes on.
        page.open_site("lesson=hostile").await?;
        page.until("the fault", "document.querySelector('#lessons .wrong')").await?;
        let wrong = text(&page, "#lessons .wrong").await?;
        ensure!(wrong.contains("assets/lessons/hostile.md:9") && wrong.contains("camera-that-is-not-there"), "{wrong}");
        page.until("the list below it", "document.querySelectorAll('.toc b').length > 5").await?;
        page.until("a model", "document.querySelector('main').dataset.phase === 'idle'").await?;
        // No such lesson: a sentence and the list.
        page.open_site("lesson=nowhere&model=digits").await?;
        page.until(
            "a sentence",
            "document.querySelector('#lessons .wrong')?.innerText.includes('\u{201c}nowhere\u{201d} is not on this site')",
        )
        .await?;
        page.until("the list", "document.querySelectorAll('.toc b').length > 5").await?;
        page.open_site("lesson=../../secret&w=3").await?;
        page.until("the list", "document.querySelectorAll('.toc b').length > 5 && !document.querySelector('.foot')").await?;
        ensure!(
            page.server.requests("secret.md") == 0 && page.js("return window.pwned ?? null").await?.is_null(),
            "the name was asked for"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_lesson_keeps_its_place() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&w=6").await?;
        page.until("the button", "document.getElementById('open-lessons')").await?;
        press(&page, "#open-lessons").await?;
        page.until("a lesson", "document.querySelector('.toc [data-lesson=what-a-bit-is-worth]')").await?;
        ensure!(
            page.js("return location.hash").await?.as_str().is_some_and(|hash| hash.contains("w=6")),
            "opening the list changed the recipe"
        );
        press(&page, ".toc [data-lesson=what-a-bit-is-worth]").await?;
        until_step(&page, 1).await?;
        let focus = page.js("return document.activeElement.id").await?;
        ensure!(focus == "step-title", "the focus is at {focus}");
        page.until("the recipe of the step", "location.hash.includes('a=f32')").await?;
        page.until("what it points at", "document.querySelector('[data-pointed]')?.dataset.part === 'layer'").await?;
        page.driver.action_chain().send_keys(Key::Right).perform().await?;
        until_step(&page, 2).await?;
        let there = page.js("return location.hash").await?;
        page.driver.refresh().await?;
        until_step(&page, 2).await?;
        ensure!(page.js("return location.hash").await? == there, "a reload changed the address");
        page.js("history.back()").await?;
        until_step(&page, 1).await?;
        page.js("history.forward()").await?;
        until_step(&page, 2).await?;
        ensure!(page.js("return location.hash").await? == there, "going back and forward changed the address");
        // A dial turned in the lesson is one more entry, and the place stays.
        page.driver.find(By::Id("weight-bits")).await?.send_keys(Key::Down).await?;
        page.until("the dial's value with the place", "location.hash.includes('w=4') && location.hash.includes('&step=2&')").await?;
        // A term opens, and gives the focus back.
        press(&page, ".prose .term").await?;
        page.until("an entry", "document.getElementById('glossary').open && document.querySelector('#glossary .prose p')").await?;
        page.driver.action_chain().send_keys(Key::Escape).perform().await?;
        page.until("the focus back", "!document.getElementById('glossary').open && document.activeElement.className === 'term'").await?;
        press(&page, "#close-lessons").await?;
        page.until("no lesson", "!document.getElementById('lessons') && !location.hash.includes('lesson')").await?;
        ensure!(page.js("return location.hash").await?.as_str().is_some_and(|hash| hash.contains("w=4")), "closing changed the recipe");
        page.until("nothing pointed at", "!document.querySelector('[data-pointed]')").await?;
        // From the page itself.
        press(&page, "[data-setting=w-scale] .help button").await?;
        page.until("its entry", "document.querySelector('#glossary h2')?.innerText === 'granularity'").await?;
        let errors = page.console_errors().await?;
        ensure!(errors.is_empty(), "{errors:?}");
        Ok(())
    })
    .await
}
