//! The kernels: which files make one, and the constants it is compiled with.

/// Bytes of the numbers of a dispatch: what offsets of uniforms are multiples of on every device.
pub(crate) const PARAMS_BYTES: u64 = 256;

const COMMON: &str = include_str!("wgsl/common.wgsl");
const NUMBERS: &str = include_str!("wgsl/numbers.wgsl");
const DIVISION: &str = include_str!("wgsl/division.wgsl");
const CONV: &str = include_str!("wgsl/conv_params.wgsl");
const STORE_INT: &str = include_str!("wgsl/store_int.wgsl");
const STORE_REAL: &str = include_str!("wgsl/store_real.wgsl");
const CONV_INT: &str = include_str!("wgsl/conv_int.wgsl");
const CONV_REAL: &str = include_str!("wgsl/conv_real.wgsl");
const MOVE: &str = include_str!("wgsl/move_params.wgsl");
const POOL: &str = include_str!("wgsl/pool_params.wgsl");

/// The files of each kernel, whole, in order.
const FILES: &[(&str, &[&str])] = &[
    ("conv-dot4", &[COMMON, NUMBERS, CONV, STORE_REAL, STORE_INT, include_str!("wgsl/dot_packed.wgsl"), CONV_INT]),
    ("conv-plain", &[COMMON, NUMBERS, CONV, STORE_REAL, STORE_INT, include_str!("wgsl/dot_plain.wgsl"), CONV_INT]),
    ("conv-bits", &[COMMON, NUMBERS, CONV, STORE_REAL, STORE_INT, include_str!("wgsl/conv_bits.wgsl")]),
    ("depthwise-int", &[COMMON, NUMBERS, CONV, STORE_REAL, STORE_INT, include_str!("wgsl/depthwise_int.wgsl")]),
    ("direct-int", &[COMMON, NUMBERS, CONV, STORE_REAL, STORE_INT, include_str!("wgsl/direct_int.wgsl")]),
    ("conv-f32", &[include_str!("wgsl/real_f32.wgsl"), COMMON, NUMBERS, CONV, STORE_REAL, CONV_REAL]),
    ("conv-f16", &[include_str!("wgsl/real_f16.wgsl"), COMMON, NUMBERS, CONV, STORE_REAL, CONV_REAL]),
    ("direct-f32", &[COMMON, NUMBERS, CONV, STORE_REAL, include_str!("wgsl/direct_f32.wgsl")]),
    ("quantize", &[COMMON, NUMBERS, DIVISION, include_str!("wgsl/quantize.wgsl")]),
    ("dequantize", &[COMMON, include_str!("wgsl/dequantize.wgsl")]),
    ("move-u8", &[COMMON, MOVE, include_str!("wgsl/move_u8.wgsl")]),
    ("move-f32", &[COMMON, MOVE, include_str!("wgsl/move_f32.wgsl")]),
    ("binary-u8", &[COMMON, NUMBERS, include_str!("wgsl/binary_u8.wgsl")]),
    ("binary-f32", &[COMMON, NUMBERS, include_str!("wgsl/binary_f32.wgsl")]),
    ("pool-u8", &[COMMON, NUMBERS, POOL, include_str!("wgsl/pool_u8.wgsl")]),
    ("pool-f32", &[COMMON, NUMBERS, DIVISION, POOL, include_str!("wgsl/pool_f32.wgsl")]),
    ("activation-f32", &[COMMON, NUMBERS, include_str!("wgsl/activation_f32.wgsl")]),
    ("range", &[COMMON, DIVISION, include_str!("wgsl/range.wgsl")]),
    ("self-test", &[COMMON, NUMBERS, DIVISION, include_str!("wgsl/selftest.wgsl")]),
];

/// A kernel as it is compiled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kernel {
    /// Which files.
    pub name: &'static str,
    /// Values of `override` constants; those that are not here have their defaults.
    pub constants: Vec<(&'static str, u32)>,
}

impl Kernel {
    /// One without constants.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, constants: Vec::new() }
    }

    /// With a constant.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<u32>) -> Self {
        self.constants.push((name, value.into()));
        self
    }

    /// What the compiler reads. A name without files is refused by it.
    pub(crate) fn source(&self) -> String {
        FILES.iter().find(|(name, _)| *name == self.name).map_or_else(String::new, |(_, files)| files.concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a kernel's `Params` declares, in words; vectors have four.
    #[test]
    fn the_numbers_of_every_kernel_fit_a_slot() {
        for (name, files) in FILES {
            let source = files.concat();
            let members = source.split("struct Params {").nth(1).and_then(|rest| rest.split('}').next()).unwrap_or_default();
            let words: usize = members
                .lines()
                .filter(|line| !line.trim_start().starts_with("//") && line.contains(':'))
                .map(|line| if line.contains("vec4") { 4 } else { 1 })
                .sum();
            assert!((3..=PARAMS_BYTES as usize / 4).contains(&words), "{name}: {words}");
            assert!(source.contains("fn main("), "{name}");
        }
    }
}
