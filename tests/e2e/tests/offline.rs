//! Without a network, and with an address that means no good: the page comes, computes, and runs nothing that is not its own.

use std::time::Duration;

use anyhow::{Result, ensure};
use bitdial_e2e::{Page, scenario};
use serde_json::json;

const LONG: Duration = Duration::from_secs(180);
/// True when all images are counted and nothing is left to do.
const COUNTED: &str = r#"document.querySelector('[data-metric="accuracy"]')?.dataset.n === "10000"
    && document.querySelector("main")?.dataset.phase === "idle""#;
/// True when everything that the page used is kept.
const KEPT: &str = "'kept' in document.documentElement.dataset";

async fn accuracy(page: &Page) -> Result<f64> {
    page.until_within("all images counted", COUNTED, LONG).await?;
    Ok(page.metric("accuracy").await?.map_or(0.0, |metric| metric.value))
}

/// Nothing reaches the server any longer, from the page, its workers or the service worker.
fn cut_off(page: &Page) {
    page.server.set_failing("", true);
}

#[tokio::test]
async fn a_visited_page_works_without_a_network() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&w=4").await?;
        let before = accuracy(&page).await?;
        page.until_within("everything kept", KEPT, LONG).await?;
        cut_off(&page);
        // Another recipe, so that it is computed and not remembered.
        page.open_site("model=digits&w=5").await?;
        let after = accuracy(&page).await?;
        ensure!(before > 95.0 && after > 95.0, "{before} {after}");
        let footer = page.js("return document.querySelector('footer').innerText").await?;
        ensure!(footer.as_str().is_some_and(|text| text.contains("A first visit loads")), "{footer}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_new_release_is_offered_and_taken() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&w=4").await?;
        page.until_within("everything kept", KEPT, LONG).await?;
        let old = page.js("return await (await fetch('sw.js')).text()").await?;
        let old = old.as_str().unwrap_or_default();
        // A release whose licences read otherwise: that file is fetched anew, all others are taken over.
        let text = "Of another release.";
        let digest = "const d = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode('Of another release.')));
            return [...d.subarray(0, 8)].map((b) => b.toString(16).padStart(2, '0')).join('')";
        let digest = page.js(digest).await?;
        let name = "\"assets/icons/bitdial.svg\":\"";
        let at = old.find(name).map_or(0, |at| at + name.len());
        ensure!(at > 0, "the icon is not listed");
        let new = [&old[..at], digest.as_str().unwrap_or_default(), &old[at + 16..]].concat().replacen(
            "const RELEASE = \"",
            "const RELEASE = \"new",
            1,
        );
        page.server.add_page("/bitdial/assets/icons/bitdial.svg", text);
        page.server.add_file("/bitdial/sw.js", "text/javascript", &new);
        let fetched = page.server.requests("/bitdial/models/digits.onnx");
        page.open_site("model=digits&w=4").await?;
        page.until_within("the offer", "document.querySelector('#update button')", LONG).await?;
        page.js("document.querySelector('#update button').click()").await?;
        let taken = "caches.keys().then((names) => names.length === 1 && names[0].includes(' new'))";
        page.until_within("the new release alone", &format!("await {taken}"), LONG).await?;
        page.until("no offer", "!document.getElementById('update') && document.querySelector('main')").await?;
        let icon = page.js("return await (await fetch('assets/icons/bitdial.svg')).text()").await?;
        ensure!(icon == text, "{icon}");
        ensure!(page.server.requests("/bitdial/models/digits.onnx") == fetched, "what did not change was fetched again");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_the_build_did_not_write_does_not_run() -> Result<()> {
    scenario(|page| async move {
        page.before_load("addEventListener('securitypolicyviolation', (e) => (window.refused ??= []).push(e.effectiveDirective));").await?;
        page.open_site("model=digits&w=4").await?;
        ensure!(accuracy(&page).await? > 95.0, "the policy is in the way of the page");
        let refused = page.js("return window.refused ?? []").await?;
        ensure!(refused == json!([]), "{refused}");
        let ran = page
            .js("const script = document.createElement('script');
                script.textContent = 'window.injected = 1';
                document.body.append(script);
                const link = document.createElement('a');
                link.href = 'javascript:window.injected = 2';
                document.body.append(link);
                link.click();
                const image = document.createElement('div');
                image.innerHTML = '<img src=x onerror=\"window.injected = 3\">';
                document.body.append(image);
                await fetch('https://example.invalid/').catch(() => {});
                await new Promise((done) => setTimeout(done, 300));
                return [window.injected ?? null, [...new Set(window.refused)].sort()]")
            .await?;
        ensure!(ran == json!([null, ["connect-src", "script-src-attr", "script-src-elem"]]), "{ran}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_hostile_address_is_only_an_address() -> Result<()> {
    scenario(|page| async move {
        let long = "x".repeat(30_000);
        let hostile = [
            "model=digits&w=4&layers=%3Cimg%20src%3Dx%20onerror%3D%22window.injected%3D1%22%3E".to_owned(),
            "javascript:window.injected=1".to_owned(),
            "model=%00%ff%c0%af%&w=%&a=%zz&&&===".to_owned(),
            format!("model=digits&w=4&note={long}"),
            "model=digits&w=99999999999999999999&lesson=../../../index.html".to_owned(),
            "model=__proto__&backend=constructor&w=4".to_owned(),
        ];
        for fragment in hostile {
            page.open_site(&fragment).await?;
            let said = &fragment[..fragment.len().min(60)];
            page.until_within(said, r#"document.querySelector('[data-metric="accuracy"]')?.dataset.value"#, LONG).await?;
            let harm = page
                .js("return [window.injected ?? null, !!document.querySelector('img[src=x]'), !!document.getElementById('failure')]")
                .await?;
            ensure!(harm == json!([null, false, false]), "{said}: {harm}");
        }
        Ok(())
    })
    .await
}
