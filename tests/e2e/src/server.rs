//! A static server as GitHub Pages is one: the site under a sub-path, readable from other origins.
//!
//! Tests can add pages of their own and make paths fail.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Result, anyhow};
use tiny_http::Request;

/// The sub-path of the site.
const SITE: &str = "/bitdial/";

/// A server on a free port of this machine, for as long as it lives.
pub struct Server {
    http: Arc<tiny_http::Server>,
    shared: Arc<Mutex<Shared>>,
    released: Arc<Condvar>,
    origin: String,
}

#[derive(Default)]
struct Shared {
    dist: PathBuf,
    pages: HashMap<String, (String, &'static str)>,
    failing: HashSet<String>,
    /// Which part of a file is sent, by the end of its path; the rest waits.
    held: HashMap<String, f64>,
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
        let released = Arc::new(Condvar::new());
        // A browser asks for several files at a time.
        for _ in 0..4 {
            let (http, shared, released) = (Arc::clone(&http), Arc::clone(&shared), Arc::clone(&released));
            thread::spawn(move || {
                while let Ok(request) = http.recv() {
                    answer(request, &shared, &released);
                }
            });
        }
        Ok(Self { http, shared, released, origin: format!("http://127.0.0.1:{port}") })
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

    /// Sends only this part (0 to 1) of the bytes of every path that ends like this, and the rest when there is another
    /// call for it: a network as slow as a test needs it.
    pub fn hold(&self, ending: &str, part: f64) {
        self.shared().held.insert(ending.to_owned(), part);
        self.released.notify_all();
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
        self.shared().held.clear();
        self.released.notify_all();
        for _ in 0..4 {
            self.http.unblock();
        }
    }
}

fn answer(request: Request, shared: &Mutex<Shared>, released: &Condvar) {
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
    let mut written = writer.write_all(head.as_bytes());
    let mut sent = 0;
    while written.is_ok() && sent < body.len() {
        let upto = allowed(&path, body.len(), sent, shared, released);
        written = writer.write_all(&body[sent..upto]).and_then(|()| writer.flush());
        sent = upto;
    }
    let _ = written.and_then(|()| writer.flush());
}

/// Waits until more than `sent` bytes of `all` may be sent, and says how many.
fn allowed(path: &str, all: usize, sent: usize, shared: &Mutex<Shared>, released: &Condvar) -> usize {
    let limit = |shared: &Shared| {
        let part = shared.held.iter().find(|(ending, _)| path.ends_with(*ending)).map_or(1.0, |(_, part)| *part);
        ((all as f64 * part) as usize).min(all)
    };
    let shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let shared = released.wait_while(shared, |shared| limit(shared) <= sent).unwrap_or_else(PoisonError::into_inner);
    limit(&shared)
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
