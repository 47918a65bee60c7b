//! What is taken along: links that promise figures, files, pages inside other pages, the history of recipes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bitdial_e2e::{Page, scenario};
use serde_json::{Value, json};
use thirtyfour::prelude::{By, Key};

/// Longer than any model here takes for all of its images.
const LONG: Duration = Duration::from_secs(240);
/// Keeps the text of every file that the page gives to the browser.
const SAVED: &str = "const make = URL.createObjectURL; window.saved = [];
    URL.createObjectURL = (blob) => { blob.text().then((text) => saved.push(text)); return make.call(URL, blob); };";
const ROWS: &str = "document.querySelectorAll('#history .again').length";

async fn text(page: &Page, expression: &str) -> Result<String> {
    Ok(page.js(&format!("return String({expression} ?? '')")).await?.as_str().unwrap_or_default().to_owned())
}

/// Presses the button of a file and gives its text.
async fn file(page: &Page, selector: &str) -> Result<String> {
    page.js("window.saved.length = 0").await?;
    page.click(selector).await?;
    let text = page.until(selector, "window.saved[0]").await?;
    Ok(text.as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_shared_link_is_reproduced_or_says_what_differs() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&w=4").await?;
        page.settled().await?;
        ensure!(text(&page, "document.getElementById('promise')?.innerText").await?.is_empty(), "a promise that nobody made");
        page.click("#share").await?;
        let url = page.until("a link", "document.getElementById('share-link')?.value").await?;
        let url = url.as_str().context("a link")?.to_owned();
        println!("{url}");
        for part in ["accuracy=", "size=", "latency="] {
            ensure!(url.contains(part), "no {part} in {url}");
        }
        let modal = "return document.getElementById('share-dialog').matches(':modal') && document.querySelector('#share-dialog .qr path').getAttribute('d').length > 500";
        ensure!(page.js(modal).await? == true, "no dialog with a code");
        page.click("#share-figures").await?;
        page.until("a link without figures", "!document.getElementById('share-link').value.includes('accuracy')").await?;
        // What is to be pasted into another page embeds this one.
        page.click("#embedding summary").await?;
        let code = text(&page, "document.getElementById('embed-code').value").await?;
        ensure!(code.starts_with("<iframe src=\"http") && code.contains("?embed=1&amp;show=readouts,weights"), "{code}");
        page.driver.active_element().await?.send_keys(Key::Escape).await?;
        let focus = page.until("the dialog closed", "!document.getElementById('share-dialog').open && document.activeElement.id").await?;
        ensure!(focus == "share", "the focus went to {focus}");

        page.goto_url(&url).await?;
        page.until_within("a verdict", "document.querySelector('#promise[data-verdict=good]')", LONG).await?;
        ensure!(text(&page, "document.getElementById('promise').innerText").await?.contains("Reproduced"), "not reproduced");
        ensure!(text(&page, "location.hash").await?.contains("accuracy="), "the promise is not in the address");
        // Another recipe is promised nothing, and the way back is offered.
        page.driver.find(By::Id("weight-bits")).await?.send_keys(Key::Left).await?;
        page.until("the recipe left", "document.querySelector('#promise[data-verdict=left]') && !location.hash.includes('accuracy')").await?;
        page.click("#back-to-link").await?;
        page.until_within("the recipe again", "document.querySelector('#promise[data-verdict=good]')", LONG).await?;

        let part = |name: &str| url.split('&').find_map(|part| part.strip_prefix(name)?.split('/').next()).map(str::to_owned);
        let (hits, size) = (part("accuracy=").context("hits")?, part("size=").context("size")?);
        let wrong = url.replace(&format!("accuracy={hits}/"), "accuracy=1234/").replace(&format!("size={size}"), "size=99");
        page.goto_url(&wrong).await?;
        page.until_within("a verdict", "document.querySelector('#promise[data-verdict=bad]')", LONG).await?;
        page.until_within("both figures", "document.getElementById('promise').innerText.includes('1,234')", LONG).await?;
        let said = text(&page, "document.getElementById('promise').innerText").await?;
        ensure!(said.contains("the link says 1,234.") && said.contains("the link says 99."), "{said}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn hostile_figures_and_parts_are_reported() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&w=4&accuracy=<img/src/onerror=alert(1)>&size=1e99&latency=-1us").await?;
        page.until("notices", "document.querySelectorAll('#notices .notice').length >= 3").await?;
        let said = text(&page, "document.getElementById('notices').innerText").await?;
        for name in ["accuracy", "size", "latency"] {
            ensure!(said.contains(name), "no word about {name}: {said}");
        }
        let made = page.js("return document.querySelectorAll('#notices img, #promise').length").await?;
        ensure!(made == 0, "something was made of it");
        page.goto("/bitdial/?embed=1&show=%3Cscript%3E,strip#model=digits").await?;
        let issue = page.until("a word about show", "document.getElementById('embed-issue')?.innerText").await?;
        ensure!(issue.as_str().is_some_and(|issue| issue.contains("there is not") && issue.contains("accuracy-bits")), "{issue}");
        let parts = page.js("return [...document.querySelectorAll('main .part')].map((part) => part.dataset.part)").await?;
        ensure!(parts == json!(["strip"]), "{parts}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn results_are_files_that_can_be_read() -> Result<()> {
    scenario(|page| async move {
        page.before_load(SAVED).await?;
        page.open_site("model=digits&w=4").await?;
        page.settled().await?;
        page.rows("time", LONG).await?;
        page.until("a row", ROWS).await?;
        let accuracy = page.metric("accuracy").await?.context("no accuracy")?;
        let size = page.metric("size").await?.context("no size")?;

        let results: Value = serde_json::from_str(&file(&page, "#export-json").await?)?;
        let row = &results["recipes"][0];
        let share = row["hits"].as_f64().context("hits")? / row["images"].as_f64().context("images")?;
        ensure!((share * 100.0 - accuracy.value).abs() < 0.01 && row["size"].as_f64() == Some(size.value), "{row}");
        ensure!(results["kind"] == "bitdial-results" && results["device"]["cores"].as_u64() > Some(0), "{results}");
        let run = &results["runs"][0];
        ensure!(run["profile"]["layers"].as_array().is_some_and(|layers| layers.len() > 3), "{run}");
        ensure!(run["recipe"]["weights"]["bits"] == 4 && run["current"] == true && run["latency"]["median"].as_f64() > Some(0.0), "{run}");

        let csv = file(&page, "#export-csv").await?;
        let lines: Vec<&str> = csv.lines().collect();
        ensure!(lines.len() == 2 && lines[0].starts_with("model,name,recipe") && lines[1].starts_with("digits,,"), "{csv}");
        ensure!(lines[1].contains(&format!(",{},", size.value)), "{csv}");

        // A name is text in the report.
        page.click("#history [aria-label^=Name]").await?;
        page.until("a field", "document.activeElement.className === 'naming'").await?;
        page.driver.active_element().await?.send_keys("<img src=x onerror=alert(1)>").await?;
        page.driver.active_element().await?.send_keys(Key::Enter).await?;
        page.until("the name", "document.querySelector('#history .again b').innerText.includes('<img')").await?;
        let html = file(&page, "#export-report").await?;
        let read = page
            .js(&format!(
                "const made = new DOMParser().parseFromString({}, 'text/html');
                 const count = (what) => made.querySelectorAll(what).length;
                 return {{ scripts: count('script, img, link, iframe, object, [onerror], [onload]'), charts: count('figure svg'),
                           tables: count('table'), text: made.body.innerText, marks: count('figure svg circle, figure svg rect, figure svg path') }};",
                json!(html)
            ))
            .await?;
        ensure!(read["scripts"] == 0 && read["tables"] == 3 && !html.contains("src=\"http"), "{read}");
        println!("report: {} bytes, {} charts, {} marks", html.len(), read["charts"], read["marks"]);
        ensure!(read["charts"].as_u64() >= Some(3) && read["marks"].as_u64() > Some(10), "{read}");
        let said = read["text"].as_str().unwrap_or_default();
        for part in ["<img src=x onerror=alert(1)>", "McNemar", "10,000 images", "Browser", "Version of the page"] {
            ensure!(said.contains(part), "no {part} in {said}");
        }

        // The same JSON, pasted on another page, is compared.
        let mut theirs = results.clone();
        theirs["device"]["browser"] = json!("<b onclick=alert(1)>Mine</b>");
        theirs["recipes"][0]["latency"] = json!(123.0);
        let paste = |text: &str| {
            format!(
                "document.querySelector('#device-card details').open = true; const field = document.getElementById('paste');
                 field.value = {}; field.dispatchEvent(new InputEvent('input', {{ bubbles: true }}));",
                json!(text)
            )
        };
        page.js(&paste(&theirs.to_string())).await?;
        let table = page.until("a comparison", "document.getElementById('beside')?.innerText").await?;
        for part in ["<b onclick", "123 ms", "equal: "] {
            ensure!(table.as_str().is_some_and(|table| table.contains(part)), "no {part} in {table}");
        }
        for (bad, why) in [("nonsense", "no report"), ("{}", "no device or results")] {
            page.js(&paste(bad)).await?;
            page.until(why, &format!("document.getElementById('paste-issue')?.innerText.includes({why:?})")).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_embedded_page_tells_its_host() -> Result<()> {
    scenario(|page| async move {
        // The same server under its other name is another origin.
        let other = page.server.origin().replace("127.0.0.1", "localhost");
        page.server.add_page(
            "/host.html",
            &format!(
                "<!doctype html><title>host</title><script>window.told = []; addEventListener('message', (event) => \
                 told.push({{ ...event.data, origin: event.origin }}));</script>\
                 <iframe src=\"{other}/bitdial/?embed=1&amp;show=readouts,accuracy-bits#model=digits&amp;w=4\" width=\"420\" height=\"300\"></iframe>"
            ),
        );
        page.goto("/host.html").await?;
        let last = "window.told.filter((told) => told.type === 'bitdial' && told.phase === 'idle' && told.figures.images === 10000).at(-1)";
        let told = page.until_within("news of the end", last, LONG).await?;
        println!("{told}");
        ensure!(told["origin"] == json!(other) && told["version"] == 1, "{told}");
        ensure!(told["link"] == "v=1&model=digits&w=4" && told["figures"]["size"].as_u64() > Some(1_000), "{told}");
        ensure!(told["height"].as_u64() > Some(300) && told["figures"]["hits"].as_u64() > Some(9_000), "{told}");
        // It is as high as it says, and has nothing of the whole page.
        page.js(&format!("document.querySelector('iframe').height = {}", told["height"])).await?;
        page.driver.enter_frame(0).await?;
        page.until("no scroll bar", "document.scrollingElement.scrollHeight <= innerHeight + 1").await?;
        let inside = page.js("return [document.querySelectorAll('header, footer, #history').length, document.getElementById('open-whole').href]").await?;
        ensure!(inside[0] == 0 && inside[1] == json!(format!("{other}/bitdial/#v=1&model=digits&w=4")), "{inside}");
        // Tabs of the images, and feature maps, are parts too.
        page.driver.enter_default_frame().await?;
        page.goto("/bitdial/?embed=1&show=maps,draw,images#model=digits").await?;
        page.until("a board and maps", "document.querySelector('.board canvas') && document.getElementById('maps')").await?;
        ensure!(page.js("return document.querySelectorAll('[role=tablist]').length").await? == 1, "the images are there twice");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_history_survives_a_reload_and_can_be_cleared() -> Result<()> {
    scenario(|page| async move {
        page.open_site("model=digits&w=4").await?;
        page.settled().await?;
        page.until("a row", &format!("{ROWS} === 1")).await?;
        page.click("#history [aria-label^=Name]").await?;
        page.until("a field", "document.activeElement.className === 'naming'").await?;
        page.driver.active_element().await?.send_keys("four bits").await?;
        page.driver.active_element().await?.send_keys(Key::Enter).await?;
        page.driver.find(By::Id("weight-bits")).await?.send_keys(Key::Left).await?;
        page.settled().await?;
        page.until("two rows", &format!("{ROWS} === 2")).await?;
        // Written when the database says so, which a page may watch.
        let kept = "(await new Promise((done) => { const open = indexedDB.open('bitdial'); open.onsuccess = () => {
            const all = open.result.transaction('tried').objectStore('tried').getAll(); all.onsuccess = () => { open.result.close(); done(all.result.join()); }; }; }))";
        page.until("both in the database", &format!("{kept}.split('\"link\"').length === 3 && {kept}.includes('four bits')")).await?;

        page.open_site("model=digits").await?;
        page.until("the rows of before", &format!("{ROWS} >= 2")).await?;
        let names = text(&page, "[...document.querySelectorAll('#history .again b')].map((b) => b.innerText).join('|')").await?;
        ensure!(names.contains("four bits"), "{names}");
        page.js("[...document.querySelectorAll('#history .again')].find((row) => row.innerText.includes('four bits')).click()").await?;
        page.until("its recipe", "location.hash.includes('w=4')").await?;
        page.settled().await?;
        ensure!(text(&page, "document.querySelector('#history .current b').innerText").await? == "four bits", "another row is in force");
        page.click("#ask-clear").await?;
        page.click("#clear-history").await?;
        page.until("no rows", &format!("{ROWS} === 0")).await?;
        page.until("an empty database", &format!("{kept} === ''")).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_browser_that_keeps_nothing_costs_only_that() -> Result<()> {
    let forbidden = "IDBFactory.prototype.open = () => { throw new DOMException('not in this window', 'SecurityError'); };
        Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('not in this window', 'SecurityError'); } });";
    // Rows are written when they have their figures.
    let full = "IDBObjectStore.prototype.put = function () { this.transaction.abort(); return {}; };
        Storage.prototype.setItem = () => { throw new DOMException('no room', 'QuotaExceededError'); };";
    for (what, storage) in [("forbidden", forbidden), ("full", full)] {
        scenario(|page| async move {
            page.before_load(storage).await?;
            page.open_site("model=digits").await?;
            page.until("a notice", "document.getElementById('notices')?.innerText.includes('forgotten when the page is closed')").await?;
            page.settled().await?;
            page.until("a row all the same", &format!("{ROWS} === 1")).await?;
            page.driver.find(By::Id("weight-bits")).await?.send_keys(Key::Left).await?;
            page.settled().await?;
            page.until("a second row", &format!("{ROWS} === 2")).await?;
            page.click("#latency .fold").await?;
            page.until("a folded chart", "document.querySelector('#latency.folded')").await?;
            let notices = page.js("return document.querySelectorAll('#notices .notice').length").await?;
            ensure!(notices == 1, "{what}: {notices} notices: {}", page.text("#notices").await?);
            Ok(())
        })
        .await
        .context(what)?;
    }
    Ok(())
}

#[tokio::test]
async fn the_browsers_own_way_to_share_is_offered_where_there_is_one() -> Result<()> {
    let without = "delete Navigator.prototype.share;";
    let with = "window.shared = []; Navigator.prototype.share = function (data) {
        if (this !== navigator) throw new TypeError('Illegal invocation'); shared.push(data); return Promise.reject(new DOMException('closed', 'AbortError')); };";
    for (script, offered) in [(without, false), (with, true)] {
        scenario(|page| async move {
            page.before_load(script).await?;
            page.open_site("model=digits&w=4").await?;
            page.click("#share").await?;
            page.until("a link", "document.getElementById('share-link')?.value").await?;
            ensure!(page.js("return !!document.getElementById('share-native')").await? == offered, "offered: not {offered}");
            if offered {
                page.click("#share-native").await?;
                let shared = page.until("what is shared", "window.shared[0]").await?;
                let link = page.js("return document.getElementById('share-link').value").await?;
                ensure!(shared["title"].as_str().is_some_and(|title| title.starts_with("Digits")) && shared["url"] == link, "{shared}");
            }
            // Who closes that dialog again has not failed at anything.
            page.quiet().await
        })
        .await?;
    }
    Ok(())
}
