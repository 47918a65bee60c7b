//! What a profile says about a layer's speed: its rate, its share of the roofline, its parts, the kernels tried.

use bitdial_protocol::{KernelTime, LayerTime, Phases, Profile};

use crate::format::{percent, significant, time};

/// Where a figure is not known.
pub const UNKNOWN: &str = "\u{2013}";

/// Multiply-accumulates in a second, in thousands of millions.
pub fn gmacs(macs: u64, ms: f64) -> String {
    if ms > 0.0 && macs > 0 { significant(macs as f64 / ms / 1e6) } else { UNKNOWN.to_owned() }
}

/// How near a layer comes to what the device's rooflines allow.
pub fn share(layer: &LayerTime) -> Option<f64> {
    layer.limit.filter(|_| layer.ms > 0.0).map(|limit| limit / layer.ms)
}

/// The parts of a time with their names, in the order of the work.
pub fn parts(phases: &Phases) -> [(&'static str, f64); 4] {
    let Phases { unpack, moving, multiply, requantize } = *phases;
    [("unpack", unpack), ("move", moving), ("multiply", multiply), ("requantize", requantize)]
}

/// Kernels and their times, each called by what is different in its name; `None` unless several were tried.
pub fn tried(kernels: &[KernelTime]) -> Option<String> {
    let names: Vec<Vec<&str>> = kernels.iter().map(|kernel| kernel.kernel.split('-').collect()).collect();
    let own = |name: &[&str]| {
        let differs = |(at, part): &(usize, &&str)| names.iter().any(|other| other.get(*at) != Some(*part));
        name.iter().enumerate().filter(differs).map(|(_, part)| *part).collect::<Vec<_>>().join("-")
    };
    let line = |(name, kernel): (&Vec<&str>, &KernelTime)| format!("{} {}", own(name), time(kernel.ms));
    (kernels.len() > 1).then(|| names.iter().zip(kernels).map(line).collect::<Vec<_>>().join(" \u{b7} "))
}

/// Milliseconds of all layers, and how much of what the rooflines allow those come to whose least time is known.
fn whole(profile: &Profile) -> (f64, Option<f64>) {
    let ms = profile.layers.iter().map(|layer| layer.ms).sum();
    let known = profile.layers.iter().filter_map(|layer| Some((layer.limit?, layer.ms)));
    let (limit, timed) = known.fold((0.0, 0.0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1));
    (ms, (timed > 0.0 && limit > 0.0).then(|| limit / timed))
}

/// Time that is no multiplication, as a share of the layers whose parts are known.
fn overhead(profile: &Profile) -> Option<f64> {
    let phases: Vec<&Phases> = profile.layers.iter().filter_map(|layer| layer.phases.as_ref()).collect();
    let all: f64 = phases.iter().flat_map(|phases| parts(phases)).map(|(_, ms)| ms).sum();
    let multiply: f64 = phases.iter().map(|phases| phases.multiply).sum();
    (all > 0.0).then(|| 1.0 - multiply / all)
}

/// Why weights of so many bits are, or are not, faster than f32, derived from the rooflines of this device and from how near
/// both models come to them; empty where the device's clock is too coarse. `integers` says whether integers are multiplied.
pub fn reason(float: &Profile, quantized: &Profile, integers: bool, bits: u8) -> String {
    let Some(at) = quantized.rooflines.as_ref().filter(|at| at.float > 0.0 && at.dot > 0.0) else { return String::new() };
    let ((all_float, reached_float), (all, reached)) = (whole(float), whole(quantized));
    if all <= 0.0 || all_float <= 0.0 {
        return String::new();
    }
    if !integers {
        return " Why: weights are decoded and multiplied in f32, so that the arithmetic is as fast as before; what is saved is memory."
            .to_owned();
    }
    let (possible, actual) = (at.dot / at.float, all_float / all);
    let narrow = if bits < 8 { format!(", and {bits} bits no faster than 8: there is no narrower product") } else { String::new() };
    let much = |ratio: f64| format!("{ratio:.1}\u{d7}");
    let peak = format!(" Why: one thread here multiplies 8-bit integers at most {} as fast as f32{narrow}.", much(possible));
    let near = match (reached, reached_float) {
        (Some(quantized), Some(float)) => {
            format!(" The integers come to {} % of their roofline, f32 to {} % of its", percent(quantized, 0), percent(float, 0))
        }
        _ => " Neither runs at its peak".to_owned(),
    };
    let rest = overhead(quantized).map_or(String::new(), |share| format!("; {} % of their time is no multiplication", percent(share, 0)));
    format!("{peak}{near}{rest}: {} is what remains.", much(actual))
}

#[cfg(test)]
mod tests {
    use bitdial_protocol::{Rooflines, Timing};

    use super::*;

    #[test]
    fn the_reason_is_that_of_the_figures() {
        let layer = |ms: f64, limit: f64| LayerTime {
            name: String::new(),
            op: String::new(),
            kernel: String::new(),
            ms,
            macs: 0,
            bytes: 0,
            limit: Some(limit),
            phases: Some(Phases { unpack: 0.2 * ms, moving: 0.1 * ms, multiply: 0.6 * ms, requantize: 0.1 * ms }),
            alternatives: Vec::new(),
        };
        let profile = |ms: f64, limit: f64, dot: f64| Profile {
            total: Timing::default(),
            layers: vec![layer(ms, limit)],
            rooflines: Some(Rooflines { dot, float: 10.0, bits: 100.0, memory: Vec::new() }),
        };
        let (float, quantized) = (profile(3.0, 1.5, 30.0), profile(2.0, 0.5, 30.0));
        for (integers, bits, parts) in [
            (
                true,
                8,
                vec!["at most 3.0\u{d7} as fast as f32.", "25 % of their roofline", "f32 to 50 %", "40 % of their time", "1.5\u{d7} is"],
            ),
            (true, 4, vec!["and 4 bits no faster than 8"]),
            (false, 4, vec!["multiplied in f32"]),
        ] {
            let text = reason(&float, &quantized, integers, bits);
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        }
        assert_eq!(reason(&float, &Profile { rooflines: None, ..quantized }, true, 4), "");
    }

    #[test]
    fn kernels_are_told_apart_by_what_differs() {
        let kernels = |names: &[&str]| names.iter().map(|name| KernelTime { kernel: (*name).to_owned(), ms: 0.0125 }).collect::<Vec<_>>();
        for (names, expected) in [
            (&["conv-u8i8-4x8-usdot", "conv-u8i4-4x8-dot8x2"][..], Some("u8i8-usdot 12.5 \u{b5}s \u{b7} u8i4-dot8x2 12.5 \u{b5}s")),
            (&["conv-f32-4x8-fma", "conv-f32-4x8-mul-add"], Some("fma 12.5 \u{b5}s \u{b7} mul-add 12.5 \u{b5}s")),
            (&["conv-f32-4x8-fma"], None),
            (&[], None),
        ] {
            assert_eq!(tried(&kernels(names)).as_deref(), expected);
        }
        assert_eq!((gmacs(2_000_000, 0.05), gmacs(0, 1.0), gmacs(1, 0.0)), ("40.0".into(), UNKNOWN.into(), UNKNOWN.into()));
    }
}
