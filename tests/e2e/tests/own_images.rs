//! Images of the visitor's own: drawn, dropped, chosen, filmed; and the feature maps of the one that is looked at.

use anyhow::{Context, Result, ensure};
use bitdial_e2e::{Page, scenario, scenario_with};
use serde_json::{Value, json};
use thirtyfour::prelude::*;

/// A camera that shows a test pattern, without asking.
const FAKE_CAMERA: [&str; 2] = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

/// Makes `one(name)`, a file with a picture of a 1, light on black.
const ONE: &str = "
    async function one(name) {
        const canvas = Object.assign(document.createElement('canvas'), { width: 280, height: 280 });
        const pen = canvas.getContext('2d');
        pen.fillRect(0, 0, 280, 280);
        Object.assign(pen, { strokeStyle: 'white', lineWidth: 26, lineCap: 'round' });
        pen.moveTo(150, 60);
        pen.lineTo(130, 220);
        pen.stroke();
        return new File([await new Promise((done) => canvas.toBlob(done))], name, { type: 'image/png' });
    }
    function holding(file) {
        const data = new DataTransfer();
        data.items.add(file);
        return data;
    }";

async fn tab(page: &Page, name: &str) -> Result<()> {
    page.js(&format!("[...document.querySelectorAll('[role=tab]')].find((tab) => tab.textContent.startsWith('{name}')).click()")).await?;
    let selected = format!("document.querySelector('[role=tab][aria-selected=true]').textContent.startsWith('{name}')");
    page.until(name, &selected).await?;
    Ok(())
}

/// Waits until both models have said something about the image of an origin that is shown now, and gives the class of f32.
async fn verdict(page: &Page, origin: &str) -> Result<String> {
    let current = format!(
        "(() => {{ const v = document.getElementById('verdict')?.dataset;
                   return v?.current === 'true' && v.origin === '{origin}' && v.f32; }})()"
    );
    let found = page.until(&format!("a verdict on the {origin}"), &current).await?;
    found.as_str().map(str::to_owned).context("a class")
}

/// Waits until both models say that the image of an origin that is shown now is a 1. What was drawn last may be on its way.
async fn is_a_one(page: &Page, origin: &str) -> Result<()> {
    let read = format!(
        "(() => {{ const v = document.getElementById('verdict')?.dataset;
                   return v?.current === 'true' && v.origin === '{origin}' && v.f32 === '1' && v.quantized === '1'; }})()"
    );
    page.until(&format!("a 1 in the {origin}"), &read).await?;
    Ok(())
}

/// How many points of the canvas are lit.
async fn ink(page: &Page) -> Result<u64> {
    let lit = page
        .js("const board = document.getElementById('board');
             const bytes = board.getContext('2d').getImageData(0, 0, board.width, board.height).data;
             let lit = 0; for (let i = 0; i < bytes.length; i += 4) lit += bytes[i] > 200; return lit;")
        .await?;
    lit.as_u64().context("a count")
}

async fn press(page: &Page, id: &str) -> Result<()> {
    page.js(&format!("document.getElementById('{id}').click()")).await?;
    Ok(())
}

/// Signal to noise of the feature maps, and how many of their differences are none, once they are those of the recipe in force.
async fn maps(page: &Page) -> Result<(f64, Value)> {
    page.until("feature maps", "document.getElementById('maps')?.dataset.current === 'true'").await?;
    let sqnr = page.metric("map-sqnr").await?.context("no signal to noise")?;
    ensure!(sqnr.kind == "measured", "{sqnr:?}");
    let pixels = page
        .js("return [...document.querySelectorAll('.map')].slice(0, 4).map((map) => [...map.querySelectorAll('canvas')].map((canvas) => {
                 const bytes = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
                 return [canvas.width, canvas.height, bytes.join()];
             }))")
        .await?;
    Ok((sqnr.value, pixels))
}

#[tokio::test]
async fn a_digit_is_read_while_it_is_drawn() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits").await?;
        page.until("the images", "document.querySelector('.look:not([disabled])')").await?;
        tab(&page, "Draw").await?;
        page.js("document.getElementById('board').scrollIntoView({ block: 'center' })").await?;
        let frame = page.js("const r = document.getElementById('board').getBoundingClientRect(); return [r.left, r.top, r.width]").await?;
        let [left, top, width] = [0, 1, 2].map(|i| frame[i].as_f64().unwrap_or_default());
        let at = |x: f64, y: f64| ((left + width * x) as i64, (top + width * y) as i64);
        let (x, y) = at(0.54, 0.15);
        page.driver.action_chain().move_to(x, y).click_and_hold().perform().await?;
        for step in 1..=8 {
            let (x, y) = at(0.54 - 0.01 * f64::from(step), 0.15 + 0.085 * f64::from(step));
            page.driver.action_chain().move_to(x, y).perform().await?;
        }
        // The button is still down.
        is_a_one(&page, "drawing").await?;
        page.driver.action_chain().release().perform().await?;
        let rows = page.js("return document.querySelectorAll('.bars tbody tr').length").await?;
        ensure!(rows == json!(10), "{rows} classes");
        let one = ink(&page).await?;

        // A second stroke comes and goes; then everything does.
        let (x, y) = at(0.2, 0.5);
        page.driver.action_chain().move_to(x, y).click_and_hold().move_by_offset(120, 0).release().perform().await?;
        ensure!(ink(&page).await? > one, "no second stroke");
        press(&page, "undo-stroke").await?;
        ensure!(ink(&page).await? == one, "the second stroke is still there");
        is_a_one(&page, "drawing").await?;

        // Feature maps of the drawing, and of fewer bits.
        press(&page, "toggle-maps").await?;
        let (eight, before) = maps(&page).await?;
        page.js("location.hash = '#model=digits&w=2'").await?;
        let other = format!("document.querySelector('[data-metric=map-sqnr]')?.dataset.value !== '{eight}'");
        page.until("2 bits", &format!("location.hash.includes('w=2') && {other}")).await?;
        let (two, after) = maps(&page).await?;
        ensure!(two < eight - 5.0, "{eight} dB at 8 bits, {two} dB at 2");
        ensure!(before[0][0][2] != before[0][2][2] && before != after, "the maps do not change");

        press(&page, "clear-strokes").await?;
        page.until("no drawing", "!document.getElementById('verdict').dataset.origin").await?;
        ensure!(ink(&page).await? == 0, "ink is left");

        // The same by keys.
        page.js("location.hash = '#model=digits'").await?;
        let board = page.driver.find(By::Id("board")).await?;
        board.send_keys(" ").await?;
        for _ in 0..16 {
            board.send_keys(Key::Down).await?;
        }
        is_a_one(&page, "drawing").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_picture_is_dropped_pasted_and_chosen() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits").await?;
        page.until("the images", "document.querySelector('.look:not([disabled])')").await?;
        // Where recipes are dropped, and where nothing is.
        for place in [".col.recipe", "footer"] {
            tab(&page, "All images").await?;
            page.js(&format!(
                "{ONE} const dataTransfer = holding(await one('one.png'));
                 document.querySelector('{place}').dispatchEvent(new DragEvent('drop', {{ dataTransfer, bubbles: true, cancelable: true }}))"
            ))
            .await?;
            is_a_one(&page, "picture").await?;
        }
        // What is none loses nothing, and a name is no markup.
        page.js(
            "const input = document.getElementById('picture-file');
             const data = new DataTransfer();
             data.items.add(new File(['no picture'], '<b>broken</b>.png', { type: 'image/png' }));
             input.files = data.files;
             input.dispatchEvent(new Event('change', { bubbles: true }));",
        )
        .await?;
        let said = page.until("a reason", "document.getElementById('notices')?.innerText").await?;
        ensure!(said.as_str().is_some_and(|said| said.contains("<b>broken</b>.png could not be read as a picture")), "{said}");
        is_a_one(&page, "picture").await?;
        // Inverted it is something else to the model, and back.
        let seen = "document.querySelector('#verdict canvas').getContext('2d').getImageData(0, 0, 1, 1).data[0]";
        press(&page, "invert").await?;
        page.until("a light corner", &format!("{seen} === 255")).await?;
        press(&page, "invert").await?;
        page.until("a dark corner", &format!("{seen} === 0")).await?;
        is_a_one(&page, "picture").await?;

        tab(&page, "All images").await?;
        page.js(&format!(
            "{ONE} const clipboardData = holding(await one('pasted.png'));
             document.body.dispatchEvent(new ClipboardEvent('paste', {{ clipboardData, bubbles: true, cancelable: true }}))"
        ))
        .await?;
        is_a_one(&page, "picture").await?;

        // One of the page's own images.
        tab(&page, "All images").await?;
        page.until("images", "document.querySelector('.look:not([disabled])')").await?;
        page.js("document.querySelector('.look').click()").await?;
        let float = verdict(&page, "image").await?;
        ensure!(float == "7", "the first test image is {float}");
        let large = page.js("return performance.getEntriesByType('resource').some((file) => file.name.includes('efficientnet'))").await?;
        ensure!(large == json!(false), "the large model was fetched without being chosen");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_camera_runs_while_somebody_looks() -> Result<()> {
    scenario_with(&FAKE_CAMERA, |page| async move {
        page.before_load(
            "window.streams = [];
             const devices = navigator.mediaDevices, ask = devices?.getUserMedia.bind(devices);
             // An empty page has none.
             if (devices) devices.getUserMedia = async (wish) => {
                 if (window.refuse) throw new DOMException('no', window.refuse);
                 const stream = await ask(wish);
                 streams.push(stream);
                 return stream;
             };",
        )
        .await?;
        page.open_site("model=digits").await?;
        page.until("the images", "document.querySelector('.look:not([disabled])')").await?;
        let ended = "streams.length > 0 && streams.every((stream) => stream.getTracks().every((track) => track.readyState === 'ended'))";
        let rate = "[...document.querySelectorAll('[data-metric=frame-rate]')].every((rate) => rate.dataset.value > 0)";
        let off = "document.getElementById('toggle-camera').innerText.startsWith('Start')";
        tab(&page, "Camera").await?;
        for (end, how) in [
            ("by its button", "document.getElementById('toggle-camera').click()"),
            ("with its tab", "[...document.querySelectorAll('[role=tab]')][0].click()"),
            (
                "out of sight",
                "Object.defineProperty(document, 'hidden', { value: true, configurable: true });
                 document.dispatchEvent(new Event('visibilitychange')); delete document.hidden;",
            ),
            ("with its model", "location.hash = '#model=fashion-resnet'"),
        ] {
            tab(&page, "Camera").await?;
            page.until("a camera that is off", off).await?;
            press(&page, "toggle-camera").await?;
            page.until("frames", rate).await?;
            page.js(how).await?;
            page.until(&format!("the camera to end {end}"), ended).await?;
        }
        tab(&page, "Camera").await?;
        for (error, said) in [("NotAllowedError", "Allow it"), ("NotFoundError", "no camera"), ("NotReadableError", "in use")] {
            page.until("a camera that is off", off).await?;
            page.js(&format!("window.refuse = '{error}'")).await?;
            press(&page, "toggle-camera").await?;
            page.until(error, &format!("document.getElementById('camera-says').innerText.includes('{said}')")).await?;
        }
        let errors = page.console_errors().await?;
        ensure!(errors.is_empty(), "{errors:?}");
        Ok(())
    })
    .await
}
