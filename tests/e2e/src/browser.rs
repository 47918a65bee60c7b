//! A headless browser behind its WebDriver.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use thirtyfour::{CapabilitiesHelper, ChromiumLikeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel, PageLoadStrategy, WebDriver};

/// What keeps a headless browser quiet, off the network, and running as root in a container.
const ARGUMENTS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/// A chromedriver process; it ends with this value.
pub struct Driver {
    process: Child,
    url: String,
}

impl Driver {
    /// Starts chromedriver on a free port.
    pub fn start() -> Result<Self> {
        let program = variable("CHROMEDRIVER")?;
        let mut process = Command::new(&program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let output = BufReader::new(process.stdout.take().context("chromedriver has no output")?);
        let mut driver = Self { process, url: String::new() };
        let mut lines = output.lines();
        let port = lines.by_ref().find_map(|line| {
            let line = line.ok()?;
            line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
        });
        driver.url = format!("http://127.0.0.1:{}", port.context("chromedriver did not say that it started")?);
        // Its pipe must not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(driver)
    }

    /// Opens a browser window of this size, in CSS pixels, with more arguments.
    pub async fn open(&self, width: u32, height: u32, more: &[&str]) -> Result<WebDriver> {
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(&variable("CHROME")?.to_string_lossy())?;
        for &argument in ARGUMENTS.iter().chain(more) {
            capabilities.add_arg(argument)?;
        }
        capabilities.add_arg(&format!("--window-size={width},{height}"))?;
        capabilities.set_browser_log_level(LoggingPrefsLogLevel::All)?;
        // chromedriver waits for a page's end of loading in vain when the page changes its own address meanwhile.
        capabilities.set_page_load_strategy(PageLoadStrategy::None)?;
        Ok(WebDriver::new(&self.url, capabilities).await?)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A path that `cargo xtask test e2e` gives.
///
/// # Errors
/// Without it.
pub fn variable(name: &str) -> Result<PathBuf> {
    env::var_os(name).map(PathBuf::from).with_context(|| format!("{name} is not set: start these tests with `cargo xtask test e2e`"))
}
