//! The JavaScript API, as other people's pages use it.

use anyhow::{Context, Result, ensure};
use bitdial_e2e::{Page, Server, scenario};
use serde_json::{Value, json};

/// Gives a page the API, the digits model and some of its images as `Bitdial`, `onnx` and `images`.
const PRELUDE: &str = r#"
    const { Bitdial } = await import("/bitdial/bitdial.mjs");
    const onnx = await (await fetch("/bitdial/models/digits.onnx")).arrayBuffer();
    const unzip = async (name) => {
        const file = await fetch(`/bitdial/assets/mnist/${name}.gz`);
        return new Uint8Array(await new Response(file.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
    };
    const pixels = await unzip("calib-images-idx3-ubyte");
    const images = Float32Array.from(pixels.subarray(16, 16 + 784 * 32), (pixel) => pixel / 255);
"#;

/// A page with nothing on it, outside of the site's path.
async fn plain_page(page: &Page) -> Result<()> {
    page.server.add_page("/notebook/", "<!doctype html><meta charset=utf-8><title>A page</title>");
    page.goto("/notebook/").await
}

/// Runs a script after the prelude in a plain page.
async fn in_plain_page(page: &Page, script: &str) -> Result<Value> {
    plain_page(page).await?;
    page.js(&format!("{PRELUDE}{script}")).await
}

/// The example of the README: the first block of HTML in it.
fn readme_example() -> Result<&'static str> {
    let readme = include_str!("../../../README.md");
    let (_, rest) = readme.split_once("```html\n").context("the README has no example")?;
    Ok(rest.split_once("```").context("the README's example has no end")?.0)
}

#[tokio::test]
async fn the_readme_example_runs() -> Result<()> {
    scenario(|page| async move {
        let example = readme_example()?;
        let elsewhere = example.replace("./bitdial.mjs", "/bitdial/bitdial.mjs").replace("\"models/", "\"/bitdial/models/");
        ensure!(elsewhere != example, "the README's example names no paths");
        page.before_load("console.log = (...values) => { window.logged = values; };").await?;
        for (path, html) in [("/bitdial/example.html", example), ("/a/notebook/", &elsewhere)] {
            page.server.add_page(path, html);
            page.goto(path).await?;
            page.until(&format!("the output of the README's example in {path}"), "window.logged").await?;
            let (layers, size) = (page.js("return logged[0].length").await?, page.js("return logged[1]").await?);
            ensure!(layers.as_u64() > Some(4) && size.as_u64() > Some(1000), "{layers} layers, {size} bytes");
            let outputs = page.js("return [logged[2].length, logged[3].length, logged[4] > 0]").await?;
            ensure!(outputs == json!([160, 160, true]), "{outputs}");
            let errors = page.console_errors().await?;
            ensure!(errors.iter().all(|e| e.contains("favicon")), "{errors:?}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn another_origin_can_import_it() -> Result<()> {
    scenario(|page| async move {
        let other = Server::start(std::path::Path::new("/nonexistent"))?;
        other.add_page("/", "<!doctype html><title>Another origin</title>");
        page.goto_url(other.origin()).await?;
        let site = page.server.origin();
        let size = page
            .js(&format!(
                r#"const {{ Bitdial }} = await import("{site}/bitdial/bitdial.mjs");
                   const b = await Bitdial.create();
                   const m = await b.load(await (await fetch("{site}/bitdial/models/digits.onnx")).arrayBuffer());
                   const q = await m.quantize({{ weights: {{ bits: 4 }}, activations: {{ mode: "dynamic" }} }});
                   await b.dispose();
                   return q.size;"#
            ))
            .await?;
        ensure!(size.as_u64() > Some(1000), "{size}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn it_gives_what_the_readme_says() -> Result<()> {
    scenario(|page| async move {
        let found = in_plain_page(
            &page,
            r#"const b = await Bitdial.create({ backend: "auto" });
               const m = await b.load(onnx);
               const q = await m.quantize({ weights: { bits: 4 }, activations: { bits: 8 } }, images);
               const profile = await q.profile({ runs: 5 });
               const [f32, int] = [await m.run(images, 32), await q.run(images, 32)];
               const one = await q.run(images.subarray(784, 2 * 784));
               const top = (logits, i) => { const row = [...logits.subarray(10 * i, 10 * i + 10)]; return row.indexOf(Math.max(...row)); };
               const agree = Array.from({ length: 32 }, (_, i) => top(f32, i) === top(int, i)).filter(Boolean).length;
               await q.dispose(); await m.dispose(); await b.dispose();
               return { info: m.info, size: q.size, qinfo: q.info, profile, agree, given: [images.length, onnx.byteLength],
                        same: one.every((x, i) => x === int[10 + i]), isFloat: int instanceof Float32Array, backend: b.backend };"#,
        )
        .await?;
        ensure!(found["info"]["inputs"][0]["shape"] == json!([null, 1, 28, 28]), "{}", found["info"]["inputs"]);
        ensure!(found["info"]["outputs"][0]["shape"] == json!([null, 10]), "{}", found["info"]["outputs"]);
        for layer in found["info"]["layers"].as_array().context("layers")? {
            ensure!(
                layer["name"].is_string() && layer["op"].is_string() && layer["parameters"].is_u64() && layer["macs"].is_u64(),
                "{layer}"
            );
        }
        ensure!(found["info"]["parameters"] == 35_514, "{}", found["info"]["parameters"]);
        // 35,514 parameters at 4 bits, and what biases, scales and structure take.
        let size = found["size"].as_u64().context("size")?;
        ensure!((17_757..30_000).contains(&size) && found["qinfo"]["size"] == size, "{size}");
        let profile = &found["profile"];
        let time = |name: &str| profile[name].as_f64().with_context(|| format!("no {name}"));
        ensure!(time("p10")? > 0.0 && time("p10")? <= time("median")? && time("median")? <= time("p90")?, "{profile}");
        let layers = profile["layers"].as_array().context("layers of the profile")?;
        ensure!(layers.len() == found["qinfo"]["layers"].as_array().map_or(0, Vec::len), "{profile}");
        for layer in layers {
            ensure!(layer["name"].is_string() && layer["op"].is_string() && layer["kernel"].is_string(), "{layer}");
            ensure!(layer["ms"].is_number() && layer["macs"].is_u64(), "{layer}");
        }
        ensure!(found["agree"].as_u64() >= Some(29), "only {} of 32 predictions agree", found["agree"]);
        ensure!(found["same"] == true && found["isFloat"] == true, "{found}");
        ensure!(found["given"] == json!([784 * 32, 147_395]), "the caller's buffers were taken: {}", found["given"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn backends_give_the_same_integers() -> Result<()> {
    scenario(|page| async move {
        let found = in_plain_page(
            &page,
            r#"const results = {};
               for (const backend of ["scalar", "simd128", "relaxed-simd"]) {
                   const b = await Bitdial.create({ backend });
                   const m = await b.load(onnx);
                   results[backend] = { backend: b.backend, logits: [] };
                   for (const bits of [8, 5, 2]) {
                       const q = await m.quantize({ weights: { bits }, activations: { bits } }, images);
                       results[backend].logits.push([...await q.run(images, 32)]);
                   }
                   await b.dispose();
               }
               return results;"#,
        )
        .await?;
        let scalar = &found["scalar"]["logits"];
        ensure!(scalar[0].as_array().map(Vec::len) == Some(320) && scalar[0] != scalar[2], "no logits");
        for backend in ["scalar", "simd128", "relaxed-simd"] {
            ensure!(found[backend]["backend"] == backend, "{backend} ran {}", found[backend]["backend"]);
            ensure!(found[backend]["logits"] == *scalar, "{backend} differs from scalar");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn errors_are_sentences() -> Result<()> {
    let cases = [
        (r#"Bitdial.create({ backend: "gpu" })"#, "There is no backend \"gpu\""),
        ("b.load(new Uint8Array([1, 2, 3]))", "ONNX"),
        ("b.load(onnx.slice(0, 1000))", ""),
        ("b.load('digits.onnx')", "from the bytes of an ONNX file"),
        ("m.run(images, 31)", "24304"),
        ("m.run(new Float32Array(3))", "784"),
        ("m.run(images, 0)", "at least one input"),
        ("m.run('images')", "must be a Float32Array"),
        ("m.quantize()", "calibration inputs"),
        ("m.quantize({}, images.subarray(0, 100))", "784 numbers each; 100 numbers came"),
        ("m.quantize({ weights: { bits: 9 } }, images)", "9 bits is not possible here"),
        ("m.quantize({ wieghts: {} }, images)", "unknown field `wieghts`"),
        ("m.quantize({ layers: { nowhere: { weights: { bits: 3 } } } }, images)", "nowhere"),
        ("gone.run(images, 32)", "was disposed of"),
        ("gone.dispose()", "was disposed of"),
        ("closed.load(onnx)", "was disposed of"),
    ];
    scenario(|page| async move {
        let calls: Vec<String> = cases.iter().map(|(call, _)| format!("() => {call}")).collect();
        let found = in_plain_page(
            &page,
            &format!(
                r#"const b = await Bitdial.create(), closed = await Bitdial.create();
                   const m = await b.load(onnx);
                   const gone = await m.quantize({{ activations: null }});
                   await gone.dispose(); await closed.dispose();
                   const messages = [];
                   for (const call of [{}]) {{
                       const promise = call();
                       if (!(promise instanceof Promise)) throw new Error("no promise");
                       messages.push(await promise.then(() => "(no error)", (e) => e instanceof Error ? e.message : `(no Error) ${{e}}`));
                   }}
                   // After all that the engine works.
                   messages.push((await m.run(images, 32)).length);
                   return messages;"#,
                calls.join(", ")
            ),
        )
        .await?;
        for (i, (call, expected)) in cases.iter().enumerate() {
            let message = found[i].as_str().unwrap_or_default();
            println!("{call}: {message}");
            ensure!(
                message.contains(expected) && message.ends_with('.') && !message.starts_with(|c: char| c == '(' || c.is_lowercase()),
                "{call}: {message}"
            );
        }
        ensure!(found[cases.len()] == 320, "the engine is of no more use");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_waits_is_rejected_when_the_engine_goes() -> Result<()> {
    scenario(|page| async move {
        // The hook of worker.mjs for tests, on the engine's own worker.
        page.before_load(
            "const Real = Worker; window.workers = [];
             window.Worker = class extends Real { constructor(...args) { super(...args); workers.push(this); } };",
        )
        .await?;
        let found = in_plain_page(
            &page,
            r#"const outcome = async (end) => {
                   const b = await Bitdial.create();
                   const m = await b.load(onnx);
                   const waiting = [m.run(images, 32), m.quantize({}, images)].map((p) => p.then(() => "done", (e) => e.message));
                   await end(b);
                   const late = await m.run(images, 32).then(() => "done", (e) => e.message);
                   return [...await Promise.all(waiting), late];
               };
               // To dispose of what is gone already is no error.
               const b = await Bitdial.create();
               const m = await b.load(onnx);
               await Promise.all([m.dispose(), b.dispose()]);
               await m.dispose();
               const disposed = await outcome((b) => b.dispose());
               const trapped = await outcome(() => workers.at(-1).postMessage({ trap: true }));
               return { disposed, trapped };"#,
        )
        .await?;
        ensure!(found["disposed"] == json!(vec!["This engine was disposed of."; 3]), "{}", found["disposed"]);
        let late = found["trapped"][2].as_str().unwrap_or_default();
        ensure!(late.starts_with("The engine stopped: "), "{}", found["trapped"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_browser_without_simd_is_told() -> Result<()> {
    scenario(|page| async move {
        plain_page(&page).await?;
        for (takes, backend, expected) in [
            ("() => false", "auto", "cannot run WebAssembly with SIMD"),
            ("() => false", "scalar", "cannot run WebAssembly with SIMD"),
            // A probe for relaxed SIMD is the longer one.
            ("(probe) => probe.length < 35", "relaxed-simd", "does not have the relaxed SIMD instructions"),
            ("(probe) => probe.length < 35", "auto", "simd128"),
        ] {
            let message = page
                .js(&format!(
                    r#"const real = WebAssembly.validate;
                       WebAssembly.validate = {takes};
                       try {{
                           const {{ Bitdial }} = await import("/bitdial/bitdial.mjs");
                           const b = await Bitdial.create({{ backend: "{backend}" }});
                           await b.dispose();
                           return b.backend;
                       }} catch (error) {{
                           return error.message;
                       }} finally {{
                           WebAssembly.validate = real;
                       }}"#
                ))
                .await?;
            let message = message.as_str().unwrap_or_default();
            ensure!(message.contains(expected), "{takes} {backend}: {message}");
        }
        Ok(())
    })
    .await
}
