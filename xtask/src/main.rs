//! Every developer command of bitdial: `cargo xtask help` lists them.

mod audit;
mod bench;
mod browser;
mod budget;
mod check;
mod command;
mod exported;
mod files;
mod http;
mod kept_target;
mod lessons;
mod project;
mod python;
mod release;
mod rustup;
mod site;
mod study;
mod tally;
mod test;
mod tools;
mod worker;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::project::Project;
use crate::test::Part;

const HELP: &str = "\
cargo xtask <command>

  serve [--port N]   build the site in release and serve it, default http://127.0.0.1:8080/bitdial/
  build              build the static site into dist/ and hold it against its size budgets
  check              format, clippy and rustdoc, warnings as errors: the quick loop
  lessons            read the lessons and the glossary, and say what is wrong with them: file:line: reason
  test [part]        everything that CI runs, or one part of it: check, native,
                     onnx, wasm, build, e2e; or gpu, which CI does not run: the GPU's
                     tests natively on this machine's own Vulkan driver
  bench [options]    time bitdial beside other runtimes in headless Chromium, one thread each
      --quick            fewer and shorter rounds
      --rounds N         how often every case gets its turn, default 15
      --models A,B       of these models alone
      --only REGEX       of these cases alone, by `<model> <runtime> <build> <scheme>`
      --no-peers         without the other runtimes
      --no-vnni          with Chromium's AVX-VNNI off
      --out DIR          where bench.md and bench.json go, default target/bench
      --kernels [REGEX]  the kernels one by one instead, by `<build> <kernel> | <shape>`
  study [options]    accuracy of schemes and corrections on all test images, in headless Chromium; written into models/
      --model ID         another one than fashion-mobilenet
      --only REGEX       of these recipes alone, by name; nothing is written
  audit              build the site and let Lighthouse judge it on a desktop, under a sub-path
  clean-cache        delete the tools and builds kept in the cache folder
  help               this text

What a command needs and does not find is installed, by version, into $XDG_CACHE_HOME/bitdial or
~/.cache/bitdial, next to what you have installed yourself and never over it.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[&str]) -> Result<ExitCode> {
    match *args {
        [] | ["help" | "-h" | "--help"] => println!("{HELP}"),
        ["serve"] => serve(8080)?,
        ["serve", "--port", port] => {
            let port = port.parse();
            serve(port.context("--port takes a number from 0 to 65535")?)?;
        }
        ["build"] => site::build(&Project::find()?)?,
        ["lessons"] => lessons::check(&Project::find()?)?,
        ["audit"] => audit::run(&Project::find()?)?,
        ["check"] => check::all(&Project::find()?)?,
        ["test"] => return Ok(run_tests(Part::All)),
        ["test", part] => return Ok(run_tests(part.parse()?)),
        ["bench", ref words @ ..] => bench::run(&Project::find()?, &bench::Args::parse(words)?)?,
        ["study", ref words @ ..] => study::run(&Project::find()?, &study::Args::parse(words)?)?,
        ["clean-cache"] => files::remove(&Project::find()?.cache)?,
        _ => bail!("no such command: {}\n\n{HELP}", args.join(" ")),
    }
    Ok(ExitCode::SUCCESS)
}

/// Whatever happens, the last line printed is `N passed, N failed`.
fn run_tests(part: Part) -> ExitCode {
    Project::find().and_then(|project| test::run(&project, part)).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        println!("0 passed, 1 failed");
        ExitCode::FAILURE
    })
}

fn serve(port: u16) -> Result<()> {
    let project = Project::find()?;
    let server = http::listen(port)?;
    site::build(&project)?;
    http::serve(&server, &project.dist());
    Ok(())
}
