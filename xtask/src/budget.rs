//! How large the parts of the site are, and how large they may be.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::files;
use crate::worker::MODULES;

/// The page's wasm, JavaScript and CSS, in bytes of gzip.
const PAGE_LIMIT: usize = 600_000;
/// One runner module with its JavaScript, in bytes of gzip.
pub const RUNNER_LIMIT: usize = 400_000;
/// The lab with its JavaScript: every format, calibration and correction is in it.
const LAB_LIMIT: usize = 500_000;
/// What reads lessons: Markdown, TOML, links.
const LESSONS_LIMIT: usize = 230_000;

/// A part of the site with its sizes in bytes.
struct Part {
    name: String,
    raw: usize,
    gzip: usize,
    limit: usize,
}

/// Prints the sizes and fails if one is over its limit.
pub fn check(site: &Path, worker_dir: &str) -> Result<()> {
    let mut parts = vec![Part::new("page", PAGE_LIMIT, page_code(site)?)?];
    for module in &MODULES {
        let files = files::below(&site.join(worker_dir).join(module.name))?;
        let name = format!("{} worker", module.name);
        let limit = match module.name {
            "lab" => LAB_LIMIT,
            "lessons" => LESSONS_LIMIT,
            _ => RUNNER_LIMIT,
        };
        parts.push(Part::new(&name, limit, files)?);
    }
    print!("{}", table(&parts));
    let total = files::below(site)?;
    let mut bytes = 0;
    for file in &total {
        bytes += fs::metadata(file)?.len();
    }
    println!("{:<22} {bytes:>10}  in {} files\n", "site, all of it", total.len());

    let over: Vec<&str> = parts.iter().filter(|part| part.gzip > part.limit).map(|part| part.name.as_str()).collect();
    ensure!(over.is_empty(), "over the size budget: {}", over.join(", "));
    Ok(())
}

/// The code that opening the page loads before any worker: Trunk's files at the top of the site
/// and the snippets of wasm-bindgen.
pub fn page_code(site: &Path) -> Result<Vec<PathBuf>> {
    let mut code = files::below(site)?;
    code.retain(|file| {
        let name = file.strip_prefix(site).unwrap_or(file);
        let top = name.components().count() == 1 || name.starts_with("snippets");
        let kind = name.extension().and_then(OsStr::to_str);
        // A service worker is fetched when the page has nothing left to do.
        top && name != Path::new("sw.js") && matches!(kind, Some("wasm" | "js" | "css"))
    });
    Ok(code)
}

impl Part {
    /// Measures files that are sent one by one, each compressed for itself.
    fn new(name: &str, limit: usize, files: Vec<PathBuf>) -> Result<Self> {
        ensure!(!files.is_empty(), "the {name} has no files");
        let mut part = Self { name: name.to_owned(), raw: 0, gzip: 0, limit };
        for file in files {
            let bytes = fs::read(file)?;
            part.raw += bytes.len();
            part.gzip += gzip_len(&bytes)?;
        }
        Ok(part)
    }
}

/// At level 6, zlib's default and what static hosts send.
pub fn gzip_len(bytes: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

fn table(parts: &[Part]) -> String {
    let mut table = format!("\n{:<22} {:>10} {:>10} {:>10}\n", "bytes", "raw", "gzip", "limit");
    for part in parts {
        let mark = if part.gzip > part.limit { "  OVER" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{:<22} {:>10} {:>10} {:>10}{mark}", part.name, part.raw, part.gzip, part.limit);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Scratch;

    #[test]
    fn the_page_is_its_own_code_and_not_the_workers() {
        let scratch = Scratch::new("budget");
        let counted = ["app.css", "app.js", "app_bg.wasm", "snippets/yew/inline0.js"];
        let not = ["index.html", "sw.js", "bitdial.mjs", "worker-1/simd128/w.js", "assets/x.js"];
        for name in counted.iter().chain(&not) {
            scratch.write(name, "");
        }
        let found = page_code(&scratch.0).expect("it lists");
        assert_eq!(found, counted.map(|name| scratch.0.join(name)));
    }

    #[test]
    fn sizes_are_held_against_the_limits() {
        // Bytes that gzip cannot shrink.
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b' ' + (state >> 24) as u8 % 95)
        };
        // 95 values leave gzip 0.83 of the bytes at best.
        let over = |limit: usize| limit * 5 / 4;
        let text: String = (0..over(PAGE_LIMIT.max(LAB_LIMIT))).map(|_| noise()).collect();
        let workers = "over the size budget: simd128 worker, relaxed-simd worker, webgpu worker, lab worker, lessons worker";
        for (page, worker, over) in [
            (100_000, 100_000, None),
            (over(PAGE_LIMIT), LESSONS_LIMIT, Some("over the size budget: page")),
            (100_000, over(LAB_LIMIT), Some(workers)),
        ] {
            let scratch = Scratch::new("limits");
            scratch.write("app.js", &text[..page]);
            for module in &MODULES {
                scratch.write(&format!("w/{}/w.wasm", module.name), &text[..worker]);
            }
            let result = check(&scratch.0, "w");
            assert_eq!(result.err().map(|e| e.to_string()).as_deref(), over);
        }
    }

    #[test]
    fn a_part_without_files_is_an_error() {
        let scratch = Scratch::new("empty");
        check(&scratch.0, "w").expect_err("there is no page");
    }
}
