//! Text that would like to be HTML, by every way into the page: it is shown as text, or not at all.
//! Other tests do the same with lessons (`lessons.rs`), names in the history and pasted results (`take.rs`), and see what an
//! address may do (`offline.rs`).

use anyhow::{Context, Result, ensure};
use bitdial_e2e::{Page, scenario};
use serde_json::json;

/// As HTML it would tell the page, and be elements of which the page has none.
const HOSTILE: &str = "<img src=x onerror=window.pwned=1><iframe srcdoc='<script>parent.pwned=2</script>'></iframe>";
/// Elements that only that text would make.
const MADE: &str = "[window.pwned ?? 0, document.querySelectorAll('img, iframe, object, embed, [onerror], [onload], main script').length]";

/// Waits until the page says something with that text in it (an address may have it encoded), and sees that nothing was made of it.
async fn is_text(page: &Page, way: &str, place: &str) -> Result<()> {
    let shown = format!("[...document.querySelectorAll({place:?})].some((e) => e.innerText.includes('onerror'))");
    page.until(way, &shown).await?;
    let made = page.js(&format!("return {MADE}")).await?;
    ensure!(made == json!([0, 0]), "{way}: {made}");
    Ok(())
}

#[tokio::test]
async fn what_comes_from_outside_is_text() -> Result<()> {
    scenario(|page| async move {
        let hostile = json!(HOSTILE);
        let notice = "#notices .notice";
        // Each part of a link; an address has no spaces.
        for key in ["model", "w", "w-format", "calibrate", "corrections", "layers", "accuracy", "backend"] {
            let text = page.js(&format!("return encodeURIComponent({hostile})")).await?;
            let text = text.as_str().context("a text")?;
            page.open_site(&format!("{}{key}={text}", if key == "model" { "" } else { "model=digits&" })).await?;
            is_text(&page, key, notice).await?;
        }
        page.open_site("model=digits&w=4").await?;
        page.settled().await?;
        // A file with that name, with that inside, and with a layer of that name.
        let layer = json!({ "weights": { "bits": 4 }, "layers": { HOSTILE: { "weights": { "bits": 2 } } } }).to_string();
        let format = json!({ "weights": { "format": HOSTILE } }).to_string();
        for (way, name, text) in [("a name", HOSTILE, "{"), ("a format", "recipe.json", &*format), ("a layer", "recipe.json", &*layer)] {
            page.js("document.querySelectorAll('#notices [aria-label^=Dismiss]').forEach((button) => button.click())").await?;
            page.until("no notice", &format!("!document.querySelector('{notice}')")).await?;
            page.js(&format!(
                "const data = new DataTransfer(); data.items.add(new File([{}], {}));
                 document.querySelector('.col.recipe').dispatchEvent(new DragEvent('drop', {{ bubbles: true, cancelable: true, dataTransfer: data }}));",
                json!(text), json!(name)
            ))
            .await?;
            is_text(&page, way, notice).await?;
        }
        // A picture of that name, which is none.
        page.js(&format!(
            "const data = new DataTransfer(); data.items.add(new File(['none'], {hostile} + '.png', {{ type: 'image/png' }}));
             document.querySelector('footer').dispatchEvent(new DragEvent('drop', {{ bubbles: true, cancelable: true, dataTransfer: data }}));"
        ))
        .await?;
        page.until("a word about the picture", "document.getElementById('notices').innerText.includes('could not be read as a picture')").await?;
        is_text(&page, "a picture", notice).await?;
        Ok(())
    })
    .await
}
