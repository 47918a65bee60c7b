//! What a profile says about a layer's speed: its rate, its share of the roofline, its parts, the kernels tried.

use bitdial_protocol::{KernelTime, LayerTime, Phases};

use crate::format::{significant, time};

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

#[cfg(test)]
mod tests {
    use super::*;

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
