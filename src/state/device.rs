//! This device and what was measured on it, as a text that can be copied, and read on another one.

use bitdial_protocol::{Capabilities, GpuInfo, Rooflines};
use serde::{Deserialize, Serialize};

use super::State;
use super::tried::{BUILD, Row, Tried, shortened};

/// What tells a report from other JSON.
const KIND: &str = "bitdial-results";
/// Rows that are taken from a paste.
const MOST_ROWS: usize = 500;
/// Characters of a fact that is taken from a paste.
const LONGEST: usize = 160;

/// What is known of a device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Device {
    /// As it names itself.
    pub browser: String,
    /// Logical cores; 0 if it does not say.
    pub cores: u32,
    /// Workers that run models.
    pub workers: u32,
    /// The backend in use.
    pub backend: String,
    /// Backends of the build in use.
    pub backends: Vec<String>,
    /// What the relaxed 8-bit dot product does.
    pub dot: Option<String>,
    /// The GPU, once it was asked.
    pub gpu: Option<GpuInfo>,
    /// What one thread does at best, once it was measured.
    pub rooflines: Option<Rooflines>,
}

/// A device, and what it gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// [`KIND`].
    pub kind: String,
    /// The page that wrote it.
    pub page: String,
    /// When, as ISO 8601.
    pub date: String,
    /// Where.
    pub device: Device,
    /// What was tried.
    pub recipes: Vec<Row>,
}

impl Device {
    /// What is known here. `browser` and `cores` come from the browser.
    pub fn of(state: &State, browser: String, cores: u32) -> Self {
        let engine = state.engine.as_ref();
        let capabilities: Option<&Capabilities> = engine.map(|engine| &engine.capabilities);
        let runs = || std::iter::once(state.bench.run()).chain(&state.bench.runs);
        let compared = || runs().flat_map(|run| run.compared.iter()).filter_map(|one| one.outcome.as_ref().ok());
        let gpu = capabilities.and_then(|own| own.gpu.as_ref()).or_else(|| compared().find_map(|found| found.capabilities.gpu.as_ref()));
        let rooflines = runs().filter_map(|run| run.profiles.as_ref()?.quantized.rooflines.as_ref()).next();
        Self {
            browser,
            cores,
            workers: engine.map_or(0, |engine| engine.workers as u32),
            backend: capabilities.map(|own| own.backend.clone()).unwrap_or_default(),
            backends: capabilities.map(|own| own.backends.clone()).unwrap_or_default(),
            dot: capabilities.and_then(|own| own.dot.clone()),
            gpu: gpu.cloned(),
            rooflines: rooflines.cloned(),
        }
    }
}

impl Report {
    /// What is known here. `date` comes from the browser.
    pub fn of(state: &State, device: Device, date: String) -> Self {
        let recipes = state.tried.iter().map(Tried::row).collect();
        Self { kind: KIND.to_owned(), page: BUILD.to_owned(), date, device, recipes }
    }

    /// What a paste says, cut to what can be shown; or a sentence that says why it is no report.
    pub fn checked(mut self) -> Result<Self, &'static str> {
        if self.kind != KIND {
            return Err("This is JSON, but no device or results of bitdial. Copy them with \u{201c}Copy JSON\u{201d} on the other page.");
        }
        let fact = |text: &mut String| *text = shortened(text, LONGEST);
        let device = &mut self.device;
        [&mut self.page, &mut self.date, &mut device.browser, &mut device.backend].into_iter().for_each(fact);
        device.dot.iter_mut().for_each(fact);
        device.gpu.iter_mut().for_each(|gpu| fact(&mut gpu.name));
        let sound = |rate: f64| rate > 0.0 && rate < 1e7;
        device.rooflines = device.rooflines.take().filter(|at| [at.dot, at.float, at.bits].into_iter().all(sound));
        self.recipes.truncate(MOST_ROWS);
        Ok(self)
    }

    /// Its rows, as far as they can be.
    pub fn rows(&self) -> Vec<Tried> {
        self.recipes.iter().filter_map(Row::tried).collect()
    }
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::Link;

    use super::*;
    use crate::catalogue;
    use crate::json;

    #[test]
    fn a_report_is_read_on_another_device() {
        let state = State::new(Link::new("digits"), catalogue::Entry::find("digits").unwrap());
        let mut report = Report::of(&state, Device::of(&state, "A browser".into(), 8), "2026-01-01".into());
        report.device.rooflines = Some(Rooflines { dot: 100.0, float: 25.0, bits: 400.0, memory: Vec::new() });
        report.recipes.push(Row { link: "model=digits&w=4".into(), hits: 9.0, images: 10.0, size: 5.0, when: 1.0, ..Row::default() });
        let read: Report = json::read(&json::write(&report).unwrap()).unwrap();
        assert_eq!((read.clone().checked(), read.rows().len()), (Ok(report), 1));
    }

    #[test]
    fn what_is_no_report_is_refused_and_what_is_odd_is_cut() {
        for text in ["{}", r#"{"kind":"recipe"}"#] {
            assert!(json::read::<Report>(text).unwrap().checked().is_err(), "{text}");
        }
        for text in ["", "[", "7", r#"{"kind":7}"#, r#"{"recipes":7}"#] {
            assert!(json::read::<Report>(text).is_err(), "{text}");
        }
        let long =
            format!(r#"{{"kind":"bitdial-results","device":{{"browser":"{}"}},"recipes":[{{"link":"w=99"}},{{}}]}}"#, "x".repeat(9_999));
        let report = json::read::<Report>(&long).unwrap().checked().unwrap();
        assert_eq!((report.device.browser.len(), report.rows().len()), (LONGEST, 0));
        let odd = r#"{"kind":"bitdial-results","device":{"rooflines":{"dot":-1,"float":1,"bits":1,"memory":[]}}}"#;
        assert_eq!(json::read::<Report>(odd).unwrap().checked().unwrap().device.rooflines, None);
    }
}
