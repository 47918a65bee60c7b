//! What one run of the bench is asked to do.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use regex_lite::Regex;

/// Options with their defaults.
#[derive(Debug)]
pub struct Args {
    pub vnni: bool,
    pub peers: bool,
    pub quick: bool,
    pub rounds: u32,
    /// Identifiers of models.json; empty for all.
    pub models: Vec<String>,
    pub only: Option<Regex>,
    pub out: Option<PathBuf>,
    /// The kernels alone, those that match.
    pub kernels: Option<Regex>,
}

impl Args {
    /// Reads the words after `bench`.
    pub fn parse(words: &[&str]) -> Result<Self> {
        let mut args = Self { vnni: true, peers: true, quick: false, rounds: 0, models: Vec::new(), only: None, out: None, kernels: None };
        let mut words = words.iter().copied().peekable();
        while let Some(word) = words.next() {
            let mut value = |what| words.next().with_context(|| format!("{word} needs {what}"));
            match word {
                "--no-vnni" => args.vnni = false,
                "--no-peers" => args.peers = false,
                "--quick" => args.quick = true,
                "--rounds" => args.rounds = rounds(value("a number")?)?,
                "--models" => args.models = value("names")?.split(',').map(String::from).collect(),
                "--only" => args.only = Some(regex(value("a regular expression")?)?),
                "--out" => args.out = Some(value("a folder")?.into()),
                "--kernels" => args.kernels = Some(regex(words.next_if(|word| !word.starts_with("--")).unwrap_or(""))?),
                _ => bail!("bench has no option {word}: `cargo xtask help` lists them"),
            }
        }
        if args.rounds == 0 {
            args.rounds = if args.quick { 7 } else { 15 };
        }
        ensure!(args.models.iter().all(|model| !model.is_empty()), "--models takes names with commas between them");
        Ok(args)
    }

    /// Whether a model takes part.
    pub fn wants_model(&self, id: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|model| model == id)
    }

    /// Whether a case takes part.
    pub fn wants_case(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.is_match(name))
    }

    /// Milliseconds of warm-up before the first round, and of each case in each round. Many short turns rather than few
    /// long ones: what disturbs a machine for a while then disturbs all cases alike.
    pub fn durations(&self) -> (u32, u32) {
        if self.quick { (1_000, 200) } else { (2_500, 400) }
    }

    /// What Chromium is told besides.
    pub fn browser_argument(&self) -> Option<&'static str> {
        (!self.vnni).then_some(crate::browser::WITHOUT_VNNI)
    }
}

fn rounds(text: &str) -> Result<u32> {
    text.parse().ok().filter(|&rounds| rounds > 0).context("--rounds takes a number from 1 on")
}

fn regex(text: &str) -> Result<Regex> {
    Regex::new(text).with_context(|| format!("{text:?} is not a regular expression"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_their_defaults() {
        let args = Args::parse(&[]).expect("nothing is needed");
        assert!(args.vnni && args.peers && !args.quick && args.rounds == 15 && args.kernels.is_none());
        assert!(args.wants_model("digits") && args.wants_case("digits ort wasm f32"));

        let words = "--no-vnni --quick --models digits,fashion-resnet --only int8$ --out /tmp/x --no-peers";
        let args = Args::parse(&words.split(' ').collect::<Vec<_>>()).expect("they are known");
        assert!(!args.vnni && !args.peers && args.quick && args.rounds == 7);
        assert!(args.wants_model("digits") && !args.wants_model("fashion-mobilenet"));
        assert!(args.wants_case("digits litert relaxed-simd int8") && !args.wants_case("digits litert relaxed-simd f32"));
        assert_eq!(args.out, Some("/tmp/x".into()));
    }

    #[test]
    fn kernels_may_be_named_or_not() {
        for (words, name, matches) in [
            (&["--kernels"][..], "anything", true),
            (&["--kernels", "--no-vnni"], "anything", true),
            (&["--kernels", "dot"], "relaxed-simd conv-dot", true),
            (&["--kernels", "^dot"], "relaxed-simd conv-dot", false),
        ] {
            let args = Args::parse(words).expect("they are known");
            assert_eq!(args.kernels.expect("kernels alone").is_match(name), matches, "{words:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (words, reason) in [
            (&["--fast"][..], "bench has no option --fast"),
            (&["--rounds"], "--rounds needs a number"),
            (&["--rounds", "0"], "--rounds takes a number from 1 on"),
            (&["--only", "("], "\"(\" is not a regular expression"),
            (&["--models", "a,,b"], "--models takes names with commas between them"),
        ] {
            let error = Args::parse(words).expect_err("it is wrong").to_string();
            assert!(error.starts_with(reason), "{words:?}: {error}");
        }
    }
}
