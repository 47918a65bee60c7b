//! Serves the finished site on this machine, under a sub-path as GitHub Pages does.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::SystemTime;

use anyhow::{Result, anyhow};
use flate2::Compression;
use flate2::write::GzEncoder;
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
    let site = Site { folder: site.to_owned(), packed: Mutex::default() };
    println!("http://{}{BASE}   (Ctrl-C ends it)", server.server_addr());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for request in server.incoming_requests() {
                    // A browser that hangs up is its own business.
                    let _ = answer(request, &site);
                }
            });
        }
    });
}

/// A file compressed, and when it was written.
type Packed = (SystemTime, Arc<[u8]>);

/// A folder of files, with what was compressed of them.
struct Site {
    folder: PathBuf,
    packed: Mutex<HashMap<PathBuf, Packed>>,
}

impl Site {
    /// A file as gzip, compressed when it is first asked for and when it has changed.
    fn packed(&self, path: &Path, modified: SystemTime) -> io::Result<Arc<[u8]>> {
        let known = || self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = known().get(path).filter(|(then, _)| *then == modified) {
            return Ok(bytes.clone());
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&fs::read(path)?)?;
        let bytes: Arc<[u8]> = encoder.finish()?.into();
        known().insert(path.to_owned(), (modified, bytes.clone()));
        Ok(bytes)
    }
}

fn answer(request: Request, site: &Site) -> io::Result<()> {
    match route(request.url()) {
        Route::File(name) => {
            let path = site.folder.join(&name);
            match File::open(&path).and_then(|file| Ok((file.metadata()?, file))) {
                Ok((about, file)) if about.is_file() => {
                    let kind = content_type(&name);
                    let headers = format!("Content-Type: {kind}\r\nCache-Control: no-store\r\nVary: Accept-Encoding\r\n");
                    if is_packed(kind) && accepts_gzip(&request) {
                        let bytes = site.packed(&path, about.modified()?)?;
                        return send(request, "200 OK", &format!("{headers}Content-Encoding: gzip\r\n"), bytes.len() as u64, &*bytes);
                    }
                    // Lengths let a page show how far a download is.
                    send(request, "200 OK", &headers, about.len(), file)
                }
                _ => send_text(request, "404 Not Found", "", "not found"),
            }
        }
        Route::Base => send_text(request, "302 Found", &format!("Location: {BASE}\r\n"), "the site is further down"),
        Route::Nothing => send_text(request, "404 Not Found", "", "not found"),
    }
}

/// Whether files of this type are sent compressed, as GitHub Pages sends them: text and code, not what is compressed
/// already and not models.
fn is_packed(kind: &str) -> bool {
    kind.starts_with("text/") || matches!(kind, "application/json" | "application/manifest+json" | "application/wasm" | "image/svg+xml")
}

fn accepts_gzip(request: &Request) -> bool {
    let header = request.headers().iter().find(|header| header.field.equiv("Accept-Encoding"));
    header.is_some_and(|header| allows_gzip(header.value.as_str()))
}

/// Whether gzip is among the encodings of an `Accept-Encoding` and not refused by a weight of 0.
fn allows_gzip(encodings: &str) -> bool {
    encodings.split(',').any(|encoding| {
        let mut parts = encoding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        is_gzip && weight.is_none_or(|weight| weight > 0.0)
    })
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
    fn gzip_is_for_browsers_that_take_it_and_files_that_shrink() {
        let cases = [
            ("gzip, deflate, br", true),
            ("br;q=1, GZIP ; q=0.5", true),
            ("gzip;q=0", false),
            ("br", false),
            ("", false),
            ("x-gzip", false),
        ];
        for (encodings, expected) in cases {
            assert_eq!(allows_gzip(encodings), expected, "{encodings}");
        }
        for (name, expected) in [("a.html", true), ("a.wasm", true), ("a.svg", true), ("a.png", false), ("a.onnx", false), ("a.gz", false)]
        {
            assert_eq!(is_packed(content_type(Path::new(name))), expected, "{name}");
        }
    }

    #[test]
    fn a_file_is_compressed_once_and_again_when_it_changes() {
        let path = std::env::temp_dir().join(format!("bitdial-http-{}.txt", std::process::id()));
        fs::write(&path, "bits ".repeat(1_000)).expect("a file");
        let site = Site { folder: PathBuf::new(), packed: Mutex::default() };
        let [first, again, later] = [0, 0, 1].map(|second| {
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second);
            site.packed(&path, time).expect("it can be read")
        });
        fs::remove_file(&path).expect("it was there");
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*first).read_to_string(&mut text).expect("gzip");
        assert!(text == "bits ".repeat(1_000) && first.len() < 100, "{} bytes", first.len());
        assert!(Arc::ptr_eq(&first, &again) && !Arc::ptr_eq(&first, &later));
    }

    #[test]
    fn browsers_that_take_gzip_get_it_over_the_wire() {
        let folder = std::env::temp_dir().join(format!("bitdial-site-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("index.html"), "bits ".repeat(1_000)).expect("a file");
        let server = listen(0).expect("a port");
        let address = server.server_addr().to_ip().expect("an address");
        let site = folder.clone();
        // It serves until the tests end.
        thread::spawn(move || serve(&server, &site));
        for (accepted, packed) in [("gzip, br", true), ("identity", false)] {
            let mut stream = std::net::TcpStream::connect(address).expect("it listens");
            write!(stream, "GET {BASE} HTTP/1.1\r\nHost: here\r\nAccept-Encoding: {accepted}\r\n\r\n").expect("it takes requests");
            // Whoever has nothing more to ask lets the connection end.
            stream.shutdown(std::net::Shutdown::Write).expect("it is open");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).expect("an answer");
            let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("an end of the headers");
            let (head, body) = (String::from_utf8_lossy(&answer[..end]), &answer[end + 4..]);
            assert!(head.starts_with("HTTP/1.1 200") && head.contains(&format!("Content-Length: {}", body.len())), "{head}");
            assert_eq!((head.contains("Content-Encoding: gzip"), body.len() < 100), (packed, packed), "{head}");
        }
        fs::remove_dir_all(&folder).expect("it was there");
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
