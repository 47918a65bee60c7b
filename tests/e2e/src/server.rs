//! A static server as GitHub Pages is one: the site under a sub-path, readable from other origins.
//!
//! Tests can add pages of their own and make paths fail.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Result, anyhow};
use tiny_http::Request;

/// The sub-path of the site.
const SITE: &str = "/bitdial/";

/// A server on a free port of this machine, for as long as it lives.
pub struct Server {
    http: Arc<tiny_http::Server>,
    shared: Arc<Mutex<Shared>>,
    origin: String,
}

#[derive(Default)]
struct Shared {
    dist: PathBuf,
    pages: HashMap<String, (String, &'static str)>,
    failing: HashSet<String>,
    /// Every path that was asked for.
    seen: Vec<String>,
}

impl Server {
    /// Serves the site in `dist` under `/bitdial/`.
    ///
    /// # Errors
    /// If there is no free port.
    pub fn start(dist: &Path) -> Result<Self> {
        let http = tiny_http::Server::http("127.0.0.1:0").map_err(|e| anyhow!("no server: {e}"))?;
        let port = http.server_addr().to_ip().map(|address| address.port()).ok_or_else(|| anyhow!("the server has no port"))?;
        let http = Arc::new(http);
        let shared = Arc::new(Mutex::new(Shared { dist: dist.to_owned(), ..Shared::default() }));
        // A browser asks for several files at a time.
        for _ in 0..4 {
            let (http, shared) = (Arc::clone(&http), Arc::clone(&shared));
            thread::spawn(move || {
                while let Ok(request) = http.recv() {
                    answer(request, &shared);
                }
            });
        }
        Ok(Self { http, shared, origin: format!("http://127.0.0.1:{port}") })
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Serves this text as a page at `path` (with its leading slash).
    pub fn add_page(&self, path: &str, html: &str) {
        self.add_file(path, "text/html; charset=utf-8", html);
    }

    /// Serves this text as a file of this type at `path` (with its leading slash).
    pub fn add_file(&self, path: &str, kind: &'static str, text: &str) {
        self.shared().pages.insert(path.to_owned(), (text.to_owned(), kind));
    }

    /// Makes every path that ends like this answer 404, or no longer.
    pub fn set_failing(&self, ending: &str, fails: bool) {
        let mut shared = self.shared();
        if fails {
            shared.failing.insert(ending.to_owned());
        } else {
            shared.failing.remove(ending);
        }
    }

    /// How often a path that ends like this was asked for.
    #[must_use]
    pub fn requests(&self, ending: &str) -> usize {
        self.shared().seen.iter().filter(|path| path.ends_with(ending)).count()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for _ in 0..4 {
            self.http.unblock();
        }
    }
}

fn answer(request: Request, shared: &Mutex<Shared>) {
    let path = request.url().split(['?', '#']).next().unwrap_or_default().to_owned();
    let found = find(&path, &mut shared.lock().unwrap_or_else(PoisonError::into_inner));
    let (status, kind, body) = match found {
        Some((body, kind)) => ("200 OK", kind, body),
        None => ("404 Not Found", "text/plain", b"not found".to_vec()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Access-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // Written by hand because of the last line: tiny_http gives each connection a thread and, when several come at
    // once, may leave one waiting until another is closed, which a browser does not do by itself.
    let mut writer = request.into_writer();
    // A browser that goes away in the middle of an answer is none of our business.
    let _ = writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&body)).and_then(|()| writer.flush());
}

fn find(path: &str, shared: &mut Shared) -> Option<(Vec<u8>, &'static str)> {
    shared.seen.push(path.to_owned());
    if shared.failing.iter().any(|ending| path.ends_with(ending)) {
        return None;
    }
    if let Some((text, kind)) = shared.pages.get(path) {
        return Some((text.clone().into_bytes(), kind));
    }
    let mut name = path.strip_prefix(SITE)?;
    if name.is_empty() {
        name = "index.html";
    }
    if name.split('/').any(|part| part == "..") {
        return None;
    }
    let kind = match name.rsplit('.').next()? {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "json" | "webmanifest" => "application/json",
        "svg" => "image/svg+xml",
        "jpg" => "image/jpeg",
        "png" => "image/png",
        "txt" | "md" => "text/plain; charset=utf-8",
        "gz" => "application/gzip",
        _ => "application/octet-stream",
    };
    Some((fs::read(shared.dist.join(name)).ok()?, kind))
}
