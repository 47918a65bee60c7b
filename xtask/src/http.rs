//! Serves the finished site on this machine, under a sub-path as GitHub Pages does.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::thread;

use anyhow::{Result, anyhow};
use tiny_http::{Method, Request, Server};

/// Where the site lies on the server. What works here works under any sub-path.
pub const BASE: &str = "/bitdial/";
/// Requests answered at once: a browser opens six connections to a host.
const THREADS: usize = 6;

/// Takes the port, before a build makes the user wait for nothing.
pub fn listen(port: u16) -> Result<Server> {
    Server::http(("127.0.0.1", port)).map_err(|error| anyhow!("cannot listen on port {port}: {error}; choose another with --port"))
}

/// Serves until the process is ended.
pub fn serve(server: &Server, site: &Path) {
    println!("http://{}{BASE}   (Ctrl-C ends it)", server.server_addr());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for request in server.incoming_requests() {
                    // A browser that hangs up is its own business.
                    let _ = answer(request, site);
                }
            });
        }
    });
}

fn answer(request: Request, site: &Path) -> io::Result<()> {
    match route(request.url()) {
        Route::File(name) => match File::open(site.join(&name)) {
            Ok(file) if file.metadata()?.is_file() => {
                // Lengths let a page show how far a download is.
                let length = file.metadata()?.len();
                send(request, "200 OK", &format!("Content-Type: {}\r\nCache-Control: no-store\r\n", content_type(&name)), length, file)
            }
            _ => send_text(request, "404 Not Found", "", "not found"),
        },
        Route::Base => send_text(request, "302 Found", &format!("Location: {BASE}\r\n"), "the site is further down"),
        Route::Nothing => send_text(request, "404 Not Found", "", "not found"),
    }
}

fn send_text(request: Request, status: &str, headers: &str, body: &str) -> io::Result<()> {
    let headers = format!("Content-Type: text/plain; charset=utf-8\r\n{headers}");
    send(request, status, &headers, body.len() as u64, body.as_bytes())
}

/// Sends an answer and lets the connection end. `tiny_http` gives each connection a thread and, when several come at
/// once, may leave one waiting until another is closed, which a browser does not do by itself; and its own responses
/// do not ask for that.
pub fn send(request: Request, status: &str, headers: &str, length: u64, mut body: impl Read) -> io::Result<()> {
    let wants_body = *request.method() != Method::Head;
    let mut writer = request.into_writer();
    write!(writer, "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n")?;
    if wants_body {
        io::copy(&mut body, &mut writer)?;
    }
    writer.flush()
}

/// What a request's target means.
#[derive(Debug, PartialEq)]
enum Route {
    /// A file of the site.
    File(PathBuf),
    /// Above the site.
    Base,
    Nothing,
}

fn route(target: &str) -> Route {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    if path == "/" || path == BASE.trim_end_matches('/') {
        return Route::Base;
    }
    let Some(name) = path.strip_prefix(BASE) else {
        return Route::Nothing;
    };
    let mut file = PathBuf::from(name);
    // Nothing outside of the folder: no `..`, no root, no drive.
    if !file.components().all(|part| matches!(part, Component::Normal(_))) {
        return Route::Nothing;
    }
    if name.is_empty() || name.ends_with('/') {
        file.push("index.html");
    }
    Route::File(file)
}

/// The types that a static host gives. A `.gz` is a file of its own here, not an encoding.
pub fn content_type(file: &Path) -> &'static str {
    match file.extension().and_then(|kind| kind.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("ico") => "image/x-icon",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        Some("gz") => "application/gzip",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_stay_inside_the_site() {
        let file = |name: &str| Route::File(name.into());
        let cases = [
            ("/", Route::Base),
            ("/bitdial", Route::Base),
            ("/bitdial/", file("index.html")),
            ("/bitdial/?a=/../b", file("index.html")),
            ("/bitdial/worker-1/worker.mjs?v=1", file("worker-1/worker.mjs")),
            ("/bitdial/assets/", file("assets/index.html")),
            ("/models/digits.onnx", Route::Nothing),
            ("/bitdial/../Cargo.toml", Route::Nothing),
            ("/bitdial/a/../../Cargo.toml", Route::Nothing),
            ("/bitdial//etc/passwd", Route::Nothing),
        ];
        for (target, expected) in cases {
            assert_eq!(route(target), expected, "{target}");
        }
    }

    #[test]
    fn modules_and_data_have_the_types_browsers_insist_on() {
        let cases = [
            ("index.html", "text/html; charset=utf-8"),
            ("worker.mjs", "text/javascript; charset=utf-8"),
            ("bitdial-1f.js", "text/javascript; charset=utf-8"),
            ("app_bg.wasm", "application/wasm"),
            ("t10k-images-idx3-ubyte.gz", "application/gzip"),
            ("digits.onnx", "application/octet-stream"),
            ("LICENSE", "application/octet-stream"),
        ];
        for (name, expected) in cases {
            assert_eq!(content_type(Path::new(name)), expected, "{name}");
        }
    }
}
