//! Serves everything that the bench's pages ask for, and remembers what that was.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;
use tiny_http::{Request, Server};

use crate::budget;
use crate::http;

/// Requests answered at once: a browser opens six connections to a host, and there may be two workers beside a page.
const THREADS: usize = 8;

/// Without these two a browser's clock ticks every 0.1 ms instead of every 5 us.
const ISOLATED: &str = "Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Embedder-Policy: require-corp\r\n";

/// What is at the beginning of an address, the folder that it means, and whether the files count as the runtime's
/// download, the model's, or as the bench's own.
pub struct Root {
    pub prefix: &'static str,
    pub folder: PathBuf,
    pub kind: Kind,
}

/// To whom a file belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Runtime,
    Model,
    Bench,
}

/// A server on a free port.
pub struct Bench {
    pub address: String,
    served: Arc<Mutex<Vec<(Kind, PathBuf)>>>,
}

/// Bytes as they are and compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    pub raw: usize,
    pub gzip: usize,
}

impl Bench {
    /// Serves these folders as long as the process lives.
    pub fn start(roots: Vec<Root>) -> Result<Self> {
        let server = Arc::new(http::listen(0)?);
        let roots = Arc::new(roots);
        let served = Arc::new(Mutex::new(Vec::new()));
        let address = format!("http://{}", server.server_addr());
        for _ in 0..THREADS {
            let (server, roots, served) = (Arc::clone(&server), Arc::clone(&roots), Arc::clone(&served));
            thread::spawn(move || serve(&server, &roots, &served));
        }
        Ok(Self { address, served })
    }

    /// The sizes of what a runtime and a model made the browser fetch since this was last asked.
    pub fn fetched(&self) -> Result<(Size, Size)> {
        let mut files = std::mem::take(&mut *self.served.lock().unwrap_or_else(PoisonError::into_inner));
        files.sort_by(|(_, a), (_, b)| a.cmp(b));
        files.dedup();
        let size = |wanted| -> Result<Size> {
            let mut size = Size::default();
            for (_, file) in files.iter().filter(|(kind, _)| *kind == wanted) {
                let bytes = fs::read(file)?;
                size.raw += bytes.len();
                size.gzip += budget::gzip_len(&bytes)?;
            }
            Ok(size)
        };
        Ok((size(Kind::Runtime)?, size(Kind::Model)?))
    }
}

fn serve(server: &Server, roots: &[Root], served: &Mutex<Vec<(Kind, PathBuf)>>) {
    for request in server.incoming_requests() {
        let found = find(roots, request.url());
        if let Some((Kind::Runtime | Kind::Model, _)) = &found {
            served.lock().unwrap_or_else(PoisonError::into_inner).extend(found.clone());
        }
        // A browser that hangs up is its own business.
        let _ = answer(request, found.as_ref().map(|(_, file)| file.as_path()));
    }
}

fn answer(request: Request, file: Option<&Path>) -> std::io::Result<()> {
    match file.and_then(|file| Some((file, fs::read(file).ok()?))) {
        Some((file, bytes)) => {
            let headers = format!("Content-Type: {}\r\nCache-Control: no-store\r\n{ISOLATED}", http::content_type(file));
            http::send(request, "200 OK", &headers, bytes.len() as u64, &bytes[..])
        }
        None => http::send(request, "404 Not Found", ISOLATED, 0, &[][..]),
    }
}

/// The file that an address means.
fn find(roots: &[Root], url: &str) -> Option<(Kind, PathBuf)> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    roots.iter().find_map(|root| {
        let name = Path::new(path.strip_prefix(root.prefix)?);
        let inside = name.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        Some((root.kind, root.folder.join(name))).filter(|(_, file)| inside && file.is_file())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Scratch;

    #[test]
    fn addresses_find_files_below_their_folders() {
        let scratch = Scratch::new("bench-server");
        for name in ["a/one.mjs", "b/models/two.onnx", "secret"] {
            scratch.write(name, name);
        }
        let root = |prefix, folder: &str, kind| Root { prefix, folder: scratch.0.join(folder), kind };
        let roots = [root("/run/", "a", Kind::Runtime), root("/models/", "b/models", Kind::Model)];
        for (url, expected) in [
            ("/run/one.mjs", Some((Kind::Runtime, "a/one.mjs"))),
            ("/run/one.mjs?build=x#y", Some((Kind::Runtime, "a/one.mjs"))),
            ("/models/two.onnx", Some((Kind::Model, "b/models/two.onnx"))),
            ("/run/two.onnx", None),
            ("/run/", None),
            ("/run/../secret", None),
            ("/models//etc/passwd", None),
            ("/", None),
        ] {
            assert_eq!(find(&roots, url), expected.map(|(kind, name)| (kind, scratch.0.join(name))), "{url}");
        }
    }

    #[test]
    fn what_was_fetched_is_counted_once() {
        let scratch = Scratch::new("bench-fetched");
        scratch.write("runtime.wasm", &"x".repeat(1000));
        scratch.write("model", "12345");
        let served = vec![
            (Kind::Runtime, scratch.0.join("runtime.wasm")),
            (Kind::Model, scratch.0.join("model")),
            (Kind::Runtime, scratch.0.join("runtime.wasm")),
        ];
        let bench = Bench { address: String::new(), served: Arc::new(Mutex::new(served)) };
        let (runtime, model) = bench.fetched().expect("the files are there");
        assert_eq!((runtime.raw, model.raw), (1000, 5));
        assert!(runtime.gzip < 100, "{runtime:?}");
        assert_eq!(bench.fetched().expect("nothing to read"), (Size::default(), Size::default()));
    }
}
