//! As much of WebDriver as the bench needs: one browser, windows, scripts in them.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::browser::{ARGUMENTS, Browser};

/// A timed page must not be slowed down for being behind another one.
const UNTHROTTLED: [&str; 5] =
    ["--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-renderer-backgrounding", "--disable-background-timer-throttling"];

/// The longest that a script may run, in milliseconds.
const SCRIPT_MS: u64 = 300_000;

/// Awaits a function of a module and hands over its result or its error.
const CALL: &str = "const [module, name, args, done] = arguments; import(module).then((m) => m[name](...args)).then(\
    (result) => done({ result }), (error) => done({ failed: String(error?.message ?? error) }));";

/// chromedriver and its one browser; both end with this value.
pub struct Session {
    process: Child,
    port: u16,
    /// The path of the session's commands.
    base: String,
    /// The window that is there from the start and stays.
    window: Value,
    /// The browser's name and version.
    pub browser: String,
}

impl Session {
    /// Starts a headless browser, with flags for its V8.
    pub fn start(browser: &Browser, more: Option<&str>) -> Result<Self> {
        let mut process = Command::new(&browser.driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", browser.driver.display()))?;
        let output = BufReader::new(process.stdout.take().context("chromedriver has no output")?);
        let mut session = Self { process, port: 0, base: String::new(), window: Value::Null, browser: String::new() };
        let mut lines = output.lines().map_while(Result::ok);
        let port = lines.find_map(|line| line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok());
        session.port = port.context("chromedriver did not say that it started")?;
        // Its pipe must not fill up.
        std::thread::spawn(move || lines.for_each(drop));

        let arguments: Vec<&str> = ARGUMENTS.into_iter().chain(UNTHROTTLED).chain(more).collect();
        let options = json!({ "binary": browser.chrome, "args": arguments });
        let capabilities = json!({ "goog:chromeOptions": options, "timeouts": { "script": SCRIPT_MS } });
        let started = session.post("/session", &json!({ "capabilities": { "alwaysMatch": capabilities } }))?;
        session.base = format!("/session/{}", started["sessionId"].as_str().context("chromedriver opened no session")?);
        let text = |name: &str| started["capabilities"][name].as_str().unwrap_or("?").to_owned();
        session.browser = format!("{} {}", text("browserName"), text("browserVersion"));
        session.window = session.request("GET", &format!("{}/window", session.base), "")?;
        Ok(session)
    }

    /// Opens a window, in a process of its own, at an address. Not a tab: Linux gives those behind another less time.
    pub fn open(&self, url: &str) -> Result<Page<'_>> {
        let opened = self.post(&format!("{}/window/new", self.base), &json!({ "type": "window" }))?;
        let page = Page { session: self, handle: opened["handle"].clone() };
        page.switch()?;
        self.post(&format!("{}/url", self.base), &json!({ "url": url }))?;
        Ok(page)
    }

    fn switch(&self, handle: &Value) -> Result<()> {
        self.post(&format!("{}/window", self.base), &json!({ "handle": handle })).map(drop)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.request("POST", path, &body.to_string())
    }

    fn request(&self, method: &str, path: &str, body: &str) -> Result<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).context("chromedriver has ended")?;
        stream.set_read_timeout(Some(Duration::from_millis(2 * SCRIPT_MS)))?;
        let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json; charset=utf-8\r\n");
        write!(stream, "{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())?;
        let body = read_body(&mut BufReader::new(stream))?;
        let mut answer: Value = serde_json::from_slice(&body).context("chromedriver did not answer in JSON")?;
        let value = answer["value"].take();
        match value["error"].as_str() {
            Some(error) => bail!("chromedriver: {error}: {}", first_line(value["message"].as_str().unwrap_or_default())),
            None => Ok(value),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.base.is_empty() {
            let _ = self.request("DELETE", &self.base, "");
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A page in its window; it closes with this value.
pub struct Page<'a> {
    session: &'a Session,
    handle: Value,
}

impl Page<'_> {
    /// Calls an exported function of a module and waits for what it promises.
    pub fn call(&self, module: &str, name: &str, args: &Value) -> Result<Value> {
        self.switch()?;
        let body = json!({ "script": CALL, "args": [module, name, args] });
        let mut answer = self.session.post(&format!("{}/execute/async", self.session.base), &body)?;
        match answer["failed"].as_str() {
            Some(error) => bail!("{}", first_line(error)),
            None => Ok(answer["result"].take()),
        }
    }

    fn switch(&self) -> Result<()> {
        self.session.switch(&self.handle)
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        if self.switch().is_ok() {
            let session = self.session;
            let _ = session.request("DELETE", &format!("{}/window", session.base), "");
            // Commands need a window that is there.
            let _ = session.switch(&session.window);
        }
    }
}

/// The body of an HTTP response whose length is given.
fn read_body(stream: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut length = None;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
    }
    let mut body = vec![0; length.context("chromedriver sent no length")?];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_by_their_length() {
        for (response, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore", Some("ok")),
            ("HTTP/1.1 200 OK\r\ncontent-length:0\r\nX: y\r\n\r\n", Some("")),
            ("HTTP/1.1 200 OK\r\n\r\nok", None),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", None),
        ] {
            let found = read_body(&mut response.as_bytes()).ok();
            assert_eq!(found, expected.map(|body| body.as_bytes().to_vec()), "{response}");
        }
    }
}
