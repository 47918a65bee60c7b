//! The recipe's controls, its file and its link, as a person uses them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bitdial_e2e::{Page, scenario};
use serde_json::{Value, json};
use thirtyfour::prelude::{By, Key};
use tokio::time::sleep;

/// Longer than any model here takes for all of its images.
const LONG: Duration = Duration::from_secs(240);
/// True when all images are counted.
const COUNTED: &str = r#"document.querySelector('[data-metric="accuracy"]')?.dataset.n === "10000"
    && ["idle", "timing"].includes(document.querySelector("main")?.dataset.phase)"#;

async fn counted(page: &Page) -> Result<()> {
    page.until_within("all images counted", COUNTED, LONG).await?;
    let errors = page.console_errors().await?;
    ensure!(errors.is_empty(), "{errors:?}");
    Ok(())
}

/// The link in the address bar.
async fn fragment(page: &Page) -> Result<String> {
    Ok(page.js("return location.hash").await?.as_str().unwrap_or_default().to_owned())
}

async fn until_link(page: &Page, part: &str) -> Result<Value> {
    page.until(&format!("{part} in the link"), &format!("location.hash.includes({part:?})")).await
}

async fn notices(page: &Page) -> Result<String> {
    Ok(page.js("return document.getElementById('notices')?.innerText ?? ''").await?.as_str().unwrap_or_default().to_owned())
}

async fn press(page: &Page, selector: &str, keys: &[Key]) -> Result<()> {
    let element = page.driver.find(By::Css(selector)).await?;
    for key in keys {
        element.send_keys(key.clone()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn every_setting_is_reached_by_keyboard() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits").await?;
        page.until("the settings", "document.getElementById('all-settings')").await?;
        press(&page, "#all-settings", &[Key::Enter]).await?;
        page.until("all settings", "document.getElementById('settings')").await?;
        press(&page, "input[name=w-scale]:checked", &[Key::Left]).await?;
        until_link(&page, "w-scale=tensor").await?;
        press(&page, "input[name=w-round]:checked", &[Key::Right]).await?;
        until_link(&page, "w-round=stochastic").await?;
        press(&page, "#calibrate", &[Key::Down]).await?;
        until_link(&page, "calibrate=average").await?;
        press(&page, "[data-correction=bias] [role=switch]", &[Key::Enter]).await?;
        until_link(&page, "corrections=bias").await?;
        press(&page, "[data-correction=bn] [role=switch]", &[Key::Enter]).await?;
        until_link(&page, "corrections=bias,bn").await?;
        press(&page, "#grip-bn", &[Key::Up]).await?;
        until_link(&page, "corrections=bn,bias").await?;
        let focus = page.js("return document.activeElement.id").await?;
        ensure!(focus == "grip-bn", "the focus went to {focus}");
        // What cannot be says why, and cannot be chosen.
        let row = "document.querySelector('[data-setting=a-scale]')";
        let refused = page.js(&format!("return [{row}.querySelectorAll('input')[1].disabled, {row}.innerText]")).await?;
        ensure!(refused[0] == true && refused[1].as_str().is_some_and(|text| text.contains("dynamic ranges")), "{refused}");
        // Open settings stay open.
        page.open_site("model=digits").await?;
        page.until("the settings that were open", "document.getElementById('settings')").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_format_without_integer_kernels_is_called_simulated() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits").await?;
        counted(&page).await?;
        let way = "document.getElementById('way').dataset.way";
        ensure!(page.js(&format!("return {way}")).await? == "on integers", "not on integers");
        page.driver.find(By::Css("[data-setting=w-format] label:nth-child(2) input")).await?.click().await?;
        until_link(&page, "w-format=e4m3").await?;
        counted(&page).await?;
        ensure!(page.js(&format!("return {way}")).await? == "simulated here", "not simulated");
        let accuracy = page.metric("accuracy").await?.context("no accuracy")?;
        let size = page.metric("size").await?.context("no size")?;
        println!("FP8 E4M3 weights: {accuracy:?}, {size:?}");
        ensure!(accuracy.kind == "simulated" && accuracy.value > 95.0, "{accuracy:?}");
        ensure!(size.kind == "measured" && size.value < 60_000.0, "{size:?}");
        let shown = page.js("return document.querySelector('.readouts').innerText").await?;
        ensure!(shown.as_str().is_some_and(|text| text.contains("Simulated:")), "nothing says so: {shown}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn bits_of_a_layer_are_pulled_in_the_strip() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits").await?;
        counted(&page).await?;
        let handle = "document.querySelector('.cell [role=slider]')";
        // By the browser's own pointer, which events made here would not be.
        let element = page.driver.find(By::Css(".cell [role=slider]")).await?;
        let pull = page.driver.action_chain().move_to_element_center(&element).click_and_hold();
        let pull = (0..11).fold(pull, |pull, _| pull.move_by_offset(0, 4));
        pull.release().perform().await?;
        let now = page.js(&format!("return {handle}.getAttribute('aria-valuenow')")).await?;
        ensure!(now == "4", "8 bits pulled down by 4 are {now}");
        until_link(&page, "~w4").await?;
        press(&page, ".cell [role=slider]", &[Key::Up]).await?;
        until_link(&page, "~w5").await?;
        ensure!(page.js("return document.querySelectorAll('#exceptions .chip').length").await? == 2, "no list of exceptions");
        // A pull is one step of the history.
        page.driver.find(By::Id("clear-exceptions")).await?.click().await?;
        page.until("no exception", "!location.hash.includes('layers')").await?;
        counted(&page).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_recipe_goes_into_a_file_and_comes_back() -> Result<()> {
    scenario(|page| async move {
        page.before_load(
            "const make = URL.createObjectURL; window.saved = [];
             URL.createObjectURL = (blob) => { blob.text().then((text) => saved.push(text)); return make.call(URL, blob); };",
        )
        .await?;
        page.open_site("model=digits&w=4&w-clip=mse&corrections=bias").await?;
        page.until("the buttons", "document.getElementById('save-recipe')").await?;
        page.driver.find(By::Id("save-recipe")).await?.click().await?;
        let text = page.until("a file", "window.saved[0]").await?;
        let recipe: Value = serde_json::from_str(text.as_str().context("text")?)?;
        ensure!(recipe["weights"]["bits"] == 4 && recipe["corrections"] == json!(["bias"]), "{recipe}");
        let open = |text: &str| {
            format!(
                "const data = new DataTransfer(); data.items.add(new File([{}], 'mine.json'));
                 const input = document.getElementById('recipe-file'); input.files = data.files;
                 input.dispatchEvent(new Event('change', {{ bubbles: true }}));",
                json!(text)
            )
        };
        page.js(&open(r#"{"weights":{"bits":3},"activations":null}"#)).await?;
        until_link(&page, "w=3&a=f32").await?;
        page.js(&open(text.as_str().unwrap_or_default())).await?;
        until_link(&page, "w-clip=mse").await?;
        let before = fragment(&page).await?;
        for (bad, why) in [("{", "not a recipe"), (r#"{"weights":{"bits":9}}"#, "9 bits"), ("[]", "a list")] {
            page.js(&open(bad)).await?;
            page.until(why, &format!("document.getElementById('notices').innerText.includes({why:?})")).await?;
        }
        ensure!(fragment(&page).await? == before, "a bad file changed the recipe");
        ensure!(notices(&page).await?.contains("mine.json cannot be opened"), "{}", notices(&page).await?);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn hostile_links_are_reported_part_by_part() -> Result<()> {
    scenario(|page| async move {
        let hostile = "model=digits&w-format=int9&a-exponent=0&calibrate=luck&corrections=cle,cle&sums=7&deviations=99&layers=a~w12&w=4";
        page.open_site(hostile).await?;
        page.until("notices", "document.getElementById('notices')?.innerText").await?;
        let text = notices(&page).await?;
        for part in ["w-format", "a-exponent", "calibrate", "corrections", "sums", "deviations", "layers"] {
            ensure!(text.contains(part), "no word about {part}: {text}");
        }
        let link = fragment(&page).await?;
        ensure!(link.ends_with("model=digits&w=4"), "{link}");
        // What goes together nowhere is said beside the settings, and the page stays usable.
        page.open_site("model=digits&w-format=codebook&w-scale=group&w=4").await?;
        page.until("the reason", "document.querySelector('.refused[role=alert]')?.innerText.includes('codebook')").await?;
        sleep(Duration::from_millis(200)).await;
        page.driver.find(By::Css("[data-setting=w-scale] label:nth-child(2) input")).await?.click().await?;
        page.until("no reason", "!document.querySelector('.refused[role=alert]')").await?;
        ensure!(!fragment(&page).await?.contains("w-scale"), "still in groups");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn sums_that_overflow_are_counted() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&sums=14").await?;
        counted(&page).await?;
        let text = |of: &str| format!("return document.{of}?.textContent ?? ''");
        let all = page.js(&text("getElementById('overflows')")).await?;
        let share: f64 = all.as_str().and_then(|all| all.split(' ').next()?.parse().ok()).context("a share")?;
        ensure!(all.as_str().is_some_and(|all| all.contains("of all sums overflow")) && share > 0.0 && share < 50.0, "{all}");
        let layer = page.js(&text("getElementById('layer')")).await?;
        ensure!(layer.as_str().is_some_and(|layer| layer.contains("Sums overflow")), "{layer}");
        page.open_site("model=digits&sums=32").await?;
        counted(&page).await?;
        let all = page.js(&text("getElementById('overflows')")).await?;
        ensure!(all == json!("No sum overflows."), "sums of 32 bits: {all}");
        Ok(())
    })
    .await
}
