//! A browser tab, and what a test does in it.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use serde_json::{Value, json};
use thirtyfour::{By, WebDriver};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::browser::{Driver, variable};
use crate::server::Server;

/// One browser at a time: two would disturb each other's times.
static BROWSER: Mutex<()> = Mutex::const_new(());

/// How long a condition is waited for before it counts as missed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than any small model takes for all of its images.
const LONG: Duration = Duration::from_secs(300);

/// A tab of a fresh browser beside a fresh server.
#[derive(Clone)]
pub struct Page {
    /// The browser.
    pub driver: WebDriver,
    /// The server of the site.
    pub server: Arc<Server>,
}

/// A figure on the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// `data-value`.
    pub value: f64,
    /// `data-n`, where there is one.
    pub n: Option<u64>,
    /// `data-kind`.
    pub kind: String,
}

/// Runs a test in a desktop-sized browser and closes it, however the test ends.
///
/// # Errors
/// What the test returns, or why there is no browser.
pub async fn scenario<F, Fut>(test: F) -> Result<()>
where
    F: FnOnce(Page) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    scenario_with(&[], test).await
}

/// What gives the browser WebGPU on `SwiftShader`, a program that it brings.
pub const SOFTWARE_GPU: [&str; 2] = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/// The same in a browser that is started with more arguments.
///
/// # Errors
/// As [`scenario`].
pub async fn scenario_with<F, Fut>(arguments: &[&str], test: F) -> Result<()>
where
    F: FnOnce(Page) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    let _alone = BROWSER.lock().await;
    let server = Arc::new(Server::start(&variable("BITDIAL_DIST")?)?);
    let driver = Driver::start()?;
    let browser = driver.open(1440, 1000, arguments).await?;
    let ended = browser.run_and_quit(|driver| test(Page { driver, server })).await;
    ended.map_err(|error| anyhow!("{error:#}"))
}

impl Page {
    /// Goes to a path of the server, with its leading slash.
    ///
    /// # Errors
    /// If the browser cannot.
    pub async fn goto(&self, path: &str) -> Result<()> {
        self.goto_url(&format!("{}{path}", self.server.origin())).await
    }

    /// Goes to an address and waits until its document is parsed. It is always a new document, even where only the
    /// fragment differs from the one before.
    ///
    /// # Errors
    /// If the browser cannot.
    pub async fn goto_url(&self, url: &str) -> Result<()> {
        self.driver.goto("about:blank").await?;
        self.until("an empty page", "location.href === 'about:blank'").await?;
        self.driver.goto(url).await?;
        self.until("a page", "location.href !== 'about:blank' && document.readyState !== 'loading'").await?;
        Ok(())
    }

    /// Goes to the site; `fragment` follows the `#`, if it is not empty.
    ///
    /// # Errors
    /// If the browser cannot.
    pub async fn open_site(&self, fragment: &str) -> Result<()> {
        let hash = if fragment.is_empty() { "" } else { "#" };
        self.goto(&format!("/bitdial/{hash}{fragment}")).await
    }

    /// Gives the page a window of this size, in CSS pixels, smaller than a browser's own can be.
    ///
    /// # Errors
    /// If the browser cannot.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", size).await?;
        Ok(())
    }

    /// Runs a script in every page from now on, before the page's own.
    ///
    /// # Errors
    /// If the browser cannot.
    pub async fn before_load(&self, script: &str) -> Result<()> {
        self.driver.cdp().send_raw("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await?;
        Ok(())
    }

    /// Runs the body of an async function in the page and gives what it returns. What it throws is the error.
    ///
    /// # Errors
    /// If it throws.
    pub async fn js(&self, body: &str) -> Result<Value> {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             (async () => {{ {body} }})().then((value) => done({{ value }}), (error) => done({{ error: String(error?.message ?? error) }}));"
        );
        let mut answer: Value = self.driver.execute_async(script, Vec::new()).await?.json().clone();
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(anyhow!("{error}")),
            None => Ok(answer["value"].take()),
        }
    }

    /// Waits until an expression is truthy and gives its value.
    ///
    /// # Errors
    /// If a minute goes by.
    pub async fn until(&self, what: &str, expression: &str) -> Result<Value> {
        self.until_within(what, expression, PATIENCE).await
    }

    /// Waits until an expression is truthy and gives its value.
    ///
    /// # Errors
    /// If the time goes by.
    pub async fn until_within(&self, what: &str, expression: &str, patience: Duration) -> Result<Value> {
        let start = Instant::now();
        loop {
            // A document that is just going away cannot answer.
            let value = self.js(&format!("return ({expression})")).await.unwrap_or_default();
            if !matches!(value, Value::Null | Value::Bool(false)) && value != json!(0) && value != json!("") {
                return Ok(value);
            }
            if start.elapsed() > patience {
                bail!("{what}: not within {} s", patience.as_secs());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Unfolds the figures of a chart and gives the text of their cells, row by row, once there are any.
    ///
    /// # Errors
    /// If the time goes by.
    pub async fn rows(&self, chart: &str, patience: Duration) -> Result<Vec<Vec<String>>> {
        let unfold = format!("const details = document.querySelector('#{chart} .figures details'); if (details) details.open = true;");
        let cells = format!(
            "Array.from(document.querySelectorAll('#{chart} .figures tbody tr'), (row) => Array.from(row.cells, (cell) => cell.textContent))"
        );
        let rows = self
            .until_within(chart, &format!("(() => {{ {unfold} const rows = {cells}; return rows.length && rows; }})()"), patience)
            .await?;
        Ok(serde_json::from_value(rows)?)
    }

    /// Waits until the page has done what it put off when a key or a pointer turned something.
    ///
    /// # Errors
    /// If the time goes by.
    pub async fn caught_up(&self) -> Result<()> {
        self.js("window.caughtUp = false; setTimeout(() => setTimeout(() => { caughtUp = true; }));").await?;
        self.until("what was put off", "caughtUp").await?;
        Ok(())
    }

    /// Waits until all images of a small model are counted, the recipe is timed and nothing is left to do.
    ///
    /// # Errors
    /// If that takes minutes, or the console has an error.
    pub async fn settled(&self) -> Result<()> {
        self.caught_up().await?;
        let settled =
            "document.querySelector('main')?.dataset.phase === 'idle' && document.querySelector('#metric-accuracy')?.dataset.n === '10000'
            && document.querySelector('#metric-latency')?.dataset.value";
        self.until_within("all images counted and the recipe timed", settled, LONG).await?;
        self.quiet().await
    }

    /// Clicks what a selector finds first, in the middle of the window, once it is there and enabled.
    ///
    /// # Errors
    /// If it does not come, or something lies over it.
    pub async fn click(&self, selector: &str) -> Result<()> {
        let found = format!("document.querySelector({selector:?})");
        self.until(selector, &format!("{found} && !{found}.disabled")).await?;
        self.js(&format!("{found}.scrollIntoView({{ block: 'center' }})")).await?;
        Ok(self.driver.find(By::Css(selector)).await?.click().await?)
    }

    /// The text of what a selector finds first, as it is seen; empty if there is nothing.
    ///
    /// # Errors
    /// If the browser cannot be asked.
    pub async fn text(&self, selector: &str) -> Result<String> {
        let text = self.js(&format!("return document.querySelector({selector:?})?.innerText ?? ''")).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// The figure with this `data-metric`, if it has a value.
    ///
    /// # Errors
    /// If the browser cannot be asked.
    pub async fn metric(&self, name: &str) -> Result<Option<Metric>> {
        let found = self
            .js(&format!(
                "const e = document.querySelector('[data-metric=\"{name}\"]');
                 if (!e?.dataset.value) return null;
                 return {{ value: Number(e.dataset.value), n: e.dataset.n ? Number(e.dataset.n) : null, kind: e.dataset.kind ?? '' }};"
            ))
            .await?;
        let value = found["value"].as_f64().filter(|value| value.is_finite());
        Ok(value.map(|value| Metric { value, n: found["n"].as_u64(), kind: found["kind"].as_str().unwrap_or_default().to_owned() }))
    }

    /// Sees that the console has no error that was not read yet.
    ///
    /// # Errors
    /// If it has one.
    pub async fn quiet(&self) -> Result<()> {
        let errors = self.console_errors().await?;
        ensure!(errors.is_empty(), "{errors:?}");
        Ok(())
    }

    /// What the browser's console said at the level of errors since the last call.
    ///
    /// # Errors
    /// If the browser cannot be asked.
    pub async fn console_errors(&self) -> Result<Vec<String>> {
        let log = self.driver.browser_log().await?;
        Ok(log.into_iter().filter(|entry| entry.level == "SEVERE").map(|entry| entry.message).collect())
    }
}
