//! Serves the finished site on this machine, under a sub-path as GitHub Pages does.

use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::thread;

use anyhow::{Result, anyhow};
use tiny_http::{Header, Request, Response, Server};

/// Where the site lies on the server. What works here works under any sub-path.
const BASE: &str = "/bitdial/";
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
                let response = Response::from_file(file)
                    // Lengths let a page show how far a download is.
                    .with_chunked_threshold(usize::MAX)
                    .with_header(header("Content-Type", content_type(&name)))
                    .with_header(header("Cache-Control", "no-store"));
                request.respond(response)
            }
            _ => request.respond(text(404, "not found")),
        },
        Route::Base => request.respond(text(302, "the site is further down").with_header(header("Location", BASE))),
        Route::Nothing => request.respond(text(404, "not found")),
    }
}

fn text(status: u16, body: &str) -> Response<io::Cursor<Vec<u8>>> {
    Response::from_string(body).with_status_code(status)
}

/// Both parts are constants of this file.
fn header(field: &'static str, value: &'static str) -> Header {
    Header::from_bytes(field, value).expect("an ASCII header")
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
fn content_type(file: &Path) -> &'static str {
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
