//! What makes built files a release: the page's Content-Security-Policy, what a first visit weighs, and the service worker's
//! list of files. It comes last: hashes are of what will be sent.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::budget::gzip_len;
use crate::files;

/// The service worker: its source in `www`, and its address.
const SERVICE_WORKER: &str = "sw.js";
/// Finishes a site.
pub fn finish(root: &Path, site: &Path, worker_dir: &str) -> Result<()> {
    let page = site.join("index.html");
    let weight = first_visit(site, worker_dir)?;
    let html = with_head(&files::read(&page)?, weight)?;
    fs::write(&page, html)?;

    let files = hashes(site)?;
    let needed: Vec<&str> = files.keys().map(String::as_str).filter(|name| is_needed(name, worker_dir)).collect();
    let list = serde_json::to_string(&files)?;
    let source = files::read(&root.join("www").join(SERVICE_WORKER))?;
    let script = fill(
        &source,
        &[
            ("\"__RELEASE__\"", &format!("{:?}", short(list.as_bytes()))),
            ("__FILES__", &list),
            ("__NEEDED__", &serde_json::to_string(&needed)?),
        ],
    )?;
    fs::write(site.join(SERVICE_WORKER), script)?;
    println!("a first visit weighs {} as it is sent", megabytes(weight));
    Ok(())
}

/// Puts values where their names stand, each of which must be there.
fn fill(source: &str, values: &[(&str, &str)]) -> Result<String> {
    let mut text = source.to_owned();
    for (name, value) in values {
        ensure!(text.contains(name), "{SERVICE_WORKER} has no place for {name}");
        text = text.replacen(name, value, 1);
    }
    Ok(text)
}

/// Every file that a visit may ask for, by its path with `/`, and the first 16 digits of its SHA-256.
fn hashes(site: &Path) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for file in files::below(site)? {
        let name = file.strip_prefix(site)?.to_string_lossy().replace('\\', "/");
        // The library for other people's pages is read from there, where no service worker of this site is.
        if name != SERVICE_WORKER && name != "bitdial.mjs" {
            all.insert(name, short(&fs::read(&file)?));
        }
    }
    Ok(all)
}

fn short(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether no visit can do without a file: the page, what makes and explains models, and texts. Which kind of runner is used,
/// and which models are looked at, is known when it has happened.
fn is_needed(name: &str, worker_dir: &str) -> bool {
    let Some(in_worker) = name.strip_prefix(worker_dir).and_then(|rest| rest.strip_prefix('/')) else {
        let top = !name.contains('/');
        return top || ["snippets/", "assets/icons/", "assets/lessons/", "assets/glossary"].iter().any(|start| name.starts_with(start));
    };
    !in_worker.contains('/') || in_worker.starts_with("lab/") || in_worker.starts_with("lessons/")
}

/// Bytes that a first visit fetches until all images of the model that it opens with are counted, as servers send them.
fn first_visit(site: &Path, worker_dir: &str) -> Result<usize> {
    let models: Value = serde_json::from_str(&files::read(&site.join("models/models.json"))?)?;
    let first = models.get(0).context("models.json names no model")?;
    let mut paths = crate::budget::page_code(site)?;
    paths.extend(["index.html", "models/models.json"].map(|name| site.join(name)));
    let worker = site.join(worker_dir);
    for module in ["lab", "relaxed-simd"] {
        paths.extend(files::below(&worker.join(module))?);
    }
    paths.push(worker.join("worker.mjs"));
    let named = [&first["file"], &first["labels"]].into_iter();
    let data = ["test", "calibration"].into_iter().flat_map(|set| first[set].as_object().into_iter().flat_map(|set| set.values()));
    paths.extend(named.chain(data).filter_map(Value::as_str).map(|name| site.join(name)));
    paths.sort();
    paths.dedup();
    let sizes = paths
        .iter()
        .map(|path: &PathBuf| -> Result<usize> { gzip_len(&fs::read(path).with_context(|| format!("cannot read {}", path.display()))?) });
    sizes.sum()
}

fn megabytes(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// The page with its policy, with what a first visit weighs, and with the sign that a service worker is there. A policy holds
/// from where it stands; before it is the encoding alone.
fn with_head(html: &str, weight: usize) -> Result<String> {
    let (policy, weight) = (policy(html), megabytes(weight));
    let head =
        format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\"><meta name=\"bitdial-release\" content=\"{weight}\">");
    let html = insert(html, &["<meta charset=utf-8>", "<meta charset=\"utf-8\">"], &head)?;
    insert(&html, &["<span id=weight>", "<span id=\"weight\">"], &format!("A first visit loads {weight}."))
}

/// Puts text behind the first of several spellings of a tag; minifying chooses one.
fn insert(html: &str, tags: &[&str], text: &str) -> Result<String> {
    let tag = tags.iter().find(|tag| html.contains(**tag)).with_context(|| format!("index.html has no {}", tags[0]))?;
    Ok(html.replacen(tag, &format!("{tag}{text}"), 1))
}

/// What the page may load and run: what lies beside it, and the scripts that the build has written into it, by their hashes.
/// Components set `style` attributes, whose values are the page's own numbers and colours.
fn policy(html: &str) -> String {
    let hashes: String = inline_scripts(html).map(|script| format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(script)))).collect();
    [
        "default-src 'none'",
        &format!("script-src 'self' 'wasm-unsafe-eval'{hashes}"),
        "style-src 'self'",
        "style-src-attr 'unsafe-inline'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'self'",
        "form-action 'none'",
    ]
    .join("; ")
}

/// The text of every script that has no address.
fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    html.split("<script").skip(1).filter_map(|rest| {
        let (tag, rest) = rest.split_once('>')?;
        let (script, _) = rest.split_once("</script")?;
        (!tag.contains("src=")).then_some(script)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Scratch;

    const PAGE: &str = "<!doctype html><html><head><meta charset=utf-8><script src=theme.js></script>\
        <script type=module>start()</script></head><body><div id=app><p class=wait>Wait. <span id=weight></span></p><p>More.</p></div></body></html>";

    /// A site with one file of each kind.
    fn site() -> Scratch {
        let scratch = Scratch::new("release");
        for (name, content) in [
            ("www/sw.js", "const R = \"__RELEASE__\"; const F = __FILES__; const N = __NEEDED__;"),
            ("site/index.html", PAGE),
            ("site/app.js", "1"),
            ("site/bitdial.mjs", "2"),
            (
                "site/models/models.json",
                r#"[{"file":"models/a.onnx","labels":"assets/l.txt","test":{"images":"assets/i.gz","count":1},"calibration":{}}]"#,
            ),
            ("site/models/a.onnx", "3"),
            ("site/models/b.onnx", "4"),
            ("site/assets/l.txt", "5"),
            ("site/assets/i.gz", "6"),
            ("site/assets/icons/i.png", "7"),
            ("site/assets/lessons/01.md", "8"),
            ("site/w/worker.mjs", "9"),
            ("site/w/lab/a.wasm", "10"),
            ("site/w/relaxed-simd/a.wasm", "11"),
            ("site/w/webgpu/a.wasm", "12"),
        ] {
            scratch.write(name, content);
        }
        scratch
    }

    #[test]
    fn a_release_lists_its_files() {
        let scratch = site();
        let at = scratch.0.join("site");
        finish(&scratch.0, &at, "w").expect("it is finished");
        let script = files::read(&at.join("sw.js")).expect("there is a service worker");
        for name in ["index.html", "app.js", "models/b.onnx", "w/webgpu/a.wasm"] {
            let hash = short(&fs::read(at.join(name)).expect("it is there"));
            assert!(script.contains(&format!("\"{name}\":\"{hash}\"")), "{name}: {script}");
        }
        assert!(!script.contains("bitdial.mjs") && !script.contains("__"), "{script}");
        let needed = script.split("const N = ").nth(1).expect("a list");
        assert_eq!(needed, r#"["app.js","assets/icons/i.png","assets/lessons/01.md","index.html","w/lab/a.wasm","w/worker.mjs"];"#);
        // Other contents, another release.
        scratch.write("site/models/b.onnx", "changed");
        scratch.write("site/index.html", PAGE);
        finish(&scratch.0, &at, "w").expect("it is finished");
        assert_ne!(files::read(&at.join("sw.js")).expect("there is a service worker")[..30], script[..30]);
    }

    #[test]
    fn a_page_gets_a_policy_and_a_weight() {
        let html = with_head(PAGE, 1_440_000).expect("it has a head");
        // echo -n 'start()' | openssl dgst -sha256 -binary | base64
        assert!(html.contains("script-src 'self' 'wasm-unsafe-eval' 'sha256-DIm7WJS6ZKDYe5qFLPy+h4JFI9Bol5QmYC57mt3Fb00=';"), "{html}");
        assert!(html.contains("<p class=wait>Wait. <span id=weight>A first visit loads 1.4 MB.</span></p><p>More.</p>"), "{html}");
        assert!(html.contains("name=\"bitdial-release\" content=\"1.4 MB\""), "{html}");
        with_head("<span id=weight></span>", 1).expect_err("it has no head");
        with_head("<meta charset=utf-8>", 1).expect_err("it says nothing");
        fill("nothing", &[("__FILES__", "")]).expect_err("it has no place");
    }
}
