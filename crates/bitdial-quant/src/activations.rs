//! In which numbers an activation is held: a grid of integers, or a format that is simulated in f32.

use bitdial_ir::DynamicQuant;
use bitdial_numerics::{
    ActivationParams, Coder, FakeQuant, Minifloat, Numbers, Over, WideGrid, power_of_two_above, round_ties_even, tensor_nvfp4,
};
use bitdial_protocol::{ActivationGranularity, ActivationMode, ActivationScheme, Bits, Format};

use crate::calibrate::Quantizer;

/// What a scheme asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// u8 integers on the grid of a range.
    Grid,
    /// f32, which the layers that read it quantize on each run.
    Dynamic(DynamicQuant),
    /// A simulated format that needs no range.
    Ready(FakeQuant),
    /// Integers of 16 bits on the grid of a range, simulated.
    Wide,
    /// Numbers times a scale that takes the end of a range to the largest of them, simulated.
    Scaled(Numbers),
    /// NVFP4 with the scale of the tensor from a range, simulated.
    Nvfp4,
}

/// How a value is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Held {
    Grid(ActivationParams),
    Simulated(FakeQuant),
}

impl Held {
    /// What becomes of a number.
    pub(crate) fn quantizer(self) -> Quantizer {
        match self {
            Self::Grid(grid) => Box::new(move |x| grid.dequantize(grid.quantize(x))),
            Self::Simulated(format) => {
                let quantizer = format.prepare();
                Box::new(move |x| {
                    let mut one = [x];
                    quantizer.apply(&mut one, 1);
                    one[0]
                })
            }
        }
    }
}

impl Kind {
    /// What a scheme asks for, or why that cannot be: the end of a sentence that begins with 'activations'.
    pub(crate) fn of(scheme: &ActivationScheme) -> Result<Self, String> {
        let dynamic = scheme.mode == ActivationMode::Dynamic;
        let row = scheme.granularity == ActivationGranularity::Row;
        if row && !dynamic {
            return Err("with a scale for each row find it on each run: choose dynamic ones, or one scale for the tensor".to_owned());
        }
        let over = if row { Over::Row } else { Over::Tensor };
        let (bits, symmetric) = (scheme.bits.get(), scheme.symmetric);
        let numbers = match scheme.format {
            Format::Ternary => return Err("cannot be ternary: that is for weights".to_owned()),
            Format::Codebook => return Err("cannot have a codebook: it is found for weights, which do not change".to_owned()),
            Format::Fixed if dynamic => {
                return Err("in fixed point have a scale that calibration finds: choose static ones, or another format".to_owned());
            }
            Format::Int if dynamic && !row && scheme.bits <= Bits::MAX => return Ok(Self::Dynamic(DynamicQuant { bits, symmetric })),
            Format::Int if dynamic => return Ok(Self::Ready(FakeQuant::DynamicGrid { bits, symmetric, over })),
            Format::Int | Format::Fixed if scheme.bits <= Bits::MAX => return Ok(Self::Grid),
            Format::Int | Format::Fixed => return Ok(Self::Wide),
            Format::Fp16 => return Ok(Self::Ready(FakeQuant::Scaled { numbers: Numbers::Minifloat(Minifloat::FP16), scale: 1.0 })),
            Format::Bf16 => return Ok(Self::Ready(FakeQuant::Scaled { numbers: Numbers::Minifloat(Minifloat::BF16), scale: 1.0 })),
            Format::Mxfp8E4m3 => return Ok(mx(Minifloat::E4M3)),
            Format::Mxfp8E5m2 => return Ok(mx(Minifloat::E5M2)),
            Format::Mxfp6E3m2 => return Ok(mx(Minifloat::E3M2)),
            Format::Mxfp6E2m3 => return Ok(mx(Minifloat::E2M3)),
            Format::Mxfp4 => return Ok(mx(Minifloat::E2M1)),
            Format::Mxint8 => return Ok(Self::Ready(FakeQuant::Mx(Numbers::MXINT8))),
            Format::Nvfp4 if dynamic => return Ok(Self::Ready(FakeQuant::Nvfp4(None))),
            Format::Nvfp4 => return Ok(Self::Nvfp4),
            Format::Minifloat => {
                let exponent = scheme.exponent.get();
                let format = bits.checked_sub(1 + exponent).and_then(|mantissa| Minifloat::free(exponent, mantissa));
                Numbers::Minifloat(format.ok_or_else(|| {
                    format!("cannot be minifloats of {bits} bits with {exponent} bits of exponent: choose at most 8 bits, more than the exponent's")
                })?)
            }
            Format::E4m3 => Numbers::Minifloat(Minifloat::E4M3),
            Format::E5m2 => Numbers::Minifloat(Minifloat::E5M2),
            Format::E3m2 => Numbers::Minifloat(Minifloat::E3M2),
            Format::E2m3 => Numbers::Minifloat(Minifloat::E2M3),
            Format::E2m1 => Numbers::Minifloat(Minifloat::E2M1),
            Format::Nf4 => Numbers::Nf4,
            Format::Pot | Format::Apot if !(2..=8).contains(&bits) => {
                return Err(format!("cannot be powers of two of {bits} bits: choose 2 to 8"));
            }
            Format::Pot => Numbers::PowersOfTwo(bits),
            Format::Apot => Numbers::AdditivePowersOfTwo(bits),
        };
        Ok(if dynamic { Self::Ready(FakeQuant::DynamicScaled { numbers, over }) } else { Self::Scaled(numbers) })
    }

    /// Whether a value must have a range.
    pub(crate) fn needs_range(&self) -> bool {
        matches!(self, Self::Grid | Self::Wide | Self::Scaled(_) | Self::Nvfp4)
    }

    /// Whether both ends of a range are as far from 0 as the farther one.
    pub(crate) fn is_symmetric(&self, scheme: &ActivationScheme) -> bool {
        scheme.symmetric || matches!(self, Self::Scaled(_) | Self::Nvfp4)
    }

    /// Whether what becomes of a number depends on where it stands among others.
    pub(crate) fn has_neighbours(&self) -> bool {
        match self {
            Self::Nvfp4 => true,
            Self::Ready(format) => matches!(
                format,
                FakeQuant::Mx(_)
                    | FakeQuant::Nvfp4(_)
                    | FakeQuant::DynamicGrid { over: Over::Row, .. }
                    | FakeQuant::DynamicScaled { over: Over::Row, .. }
            ),
            Self::Grid | Self::Dynamic(_) | Self::Wide | Self::Scaled(_) => false,
        }
    }

    /// How a value of this range is held; `None` where its readers quantize it.
    pub(crate) fn held(&self, scheme: &ActivationScheme, (low, high): (f32, f32)) -> Option<Held> {
        let magnitude = low.abs().max(high.abs());
        Some(match *self {
            Self::Dynamic(_) => return None,
            Self::Ready(format) => Held::Simulated(format),
            Self::Grid => Held::Grid(grid(scheme, low, high)),
            Self::Wide => Held::Simulated(FakeQuant::Grid(wide_grid(scheme, low, high))),
            Self::Scaled(numbers) => {
                let scale = magnitude / Coder::new(numbers).max();
                let scale = if scale > 0.0 { scale.clamp(1e-30, f32::MAX) } else { 1.0 };
                Held::Simulated(FakeQuant::Scaled { numbers, scale })
            }
            Self::Nvfp4 => Held::Simulated(FakeQuant::Nvfp4(Some(tensor_nvfp4(magnitude)))),
        })
    }
}

fn mx(format: Minifloat) -> Kind {
    Kind::Ready(FakeQuant::Mx(Numbers::Minifloat(format)))
}

fn grid(scheme: &ActivationScheme, low: f32, high: f32) -> ActivationParams {
    let of = if scheme.symmetric { ActivationParams::symmetric } else { ActivationParams::affine };
    let grid = of(low, high, scheme.bits.get());
    if scheme.format != Format::Fixed {
        return grid;
    }
    let scale = power_of_two_above(grid.scale);
    // A symmetric grid's zero point is in the middle whatever the scale.
    let free = !scheme.symmetric || scheme.bits == Bits::MIN;
    let zero_point = if free { round_ties_even(-low.min(0.0) / scale).clamp(0.0, f32::from(grid.high)) as u8 } else { grid.zero_point };
    ActivationParams { scale, zero_point, ..grid }
}

fn wide_grid(scheme: &ActivationScheme, low: f32, high: f32) -> WideGrid {
    let of = if scheme.symmetric { WideGrid::symmetric } else { WideGrid::affine };
    let grid = of(low, high, scheme.bits.get());
    if scheme.format != Format::Fixed {
        return grid;
    }
    let scale = power_of_two_above(grid.scale);
    let zero_point =
        if scheme.symmetric { grid.zero_point } else { round_ties_even(-low.min(0.0) / scale).clamp(0.0, f32::from(grid.high)) as u16 };
    WideGrid { scale, zero_point, ..grid }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheme(json: &str) -> ActivationScheme {
        bitdial_protocol::Recipe::from_json(&format!(r#"{{"activations":{json}}}"#)).unwrap().activations.unwrap()
    }

    #[test]
    fn schemes_and_ranges_of_known_numbers() {
        let e4m3 = Numbers::Minifloat(Minifloat::E4M3);
        for (json, range, expected) in [
            (r#"{"bits":8}"#, (-1.0, 2.0), Held::Grid(ActivationParams::affine(-1.0, 2.0, 8))),
            (
                r#"{"format":"fixed","bits":8}"#,
                (0.0, 6.0),
                Held::Grid(ActivationParams { scale: 1.0 / 32.0, zero_point: 0, low: 0, high: 255 }),
            ),
            (
                r#"{"format":"fixed","bits":4,"symmetric":true}"#,
                (-1.0, 2.0),
                Held::Grid(ActivationParams { scale: 0.5, zero_point: 8, low: 1, high: 15 }),
            ),
            (r#"{"format":"fixed","bits":4}"#, (-3.0, 3.0), Held::Grid(ActivationParams { scale: 0.5, zero_point: 6, low: 0, high: 15 })),
            (r#"{"bits":16}"#, (-1.0, 2.0), Held::Simulated(FakeQuant::Grid(WideGrid::affine(-1.0, 2.0, 16)))),
            (r#"{"format":"e4m3"}"#, (-1.0, 224.0), Held::Simulated(FakeQuant::Scaled { numbers: e4m3, scale: 0.5 })),
            (r#"{"format":"nf4"}"#, (-3.0, 1.0), Held::Simulated(FakeQuant::Scaled { numbers: Numbers::Nf4, scale: 3.0 })),
            (r#"{"format":"mxfp8-e4m3"}"#, (0.0, 0.0), Held::Simulated(FakeQuant::Mx(e4m3))),
            (r#"{"format":"nvfp4"}"#, (0.0, 2688.0), Held::Simulated(FakeQuant::Nvfp4(Some(1.0)))),
            (
                r#"{"mode":"dynamic","granularity":"row","bits":7}"#,
                (0.0, 0.0),
                Held::Simulated(FakeQuant::DynamicGrid { bits: 7, symmetric: false, over: Over::Row }),
            ),
        ] {
            let scheme = scheme(json);
            let kind = Kind::of(&scheme).unwrap();
            assert_eq!(kind.held(&scheme, range), Some(expected), "{json}");
        }
        let dynamic = scheme(r#"{"mode":"dynamic","bits":5,"symmetric":true}"#);
        assert_eq!(Kind::of(&dynamic), Ok(Kind::Dynamic(DynamicQuant { bits: 5, symmetric: true })));
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_reason() {
        for (json, reason) in [
            (r#"{"format":"ternary"}"#, "cannot be ternary"),
            (r#"{"format":"codebook"}"#, "cannot have a codebook"),
            (r#"{"granularity":"row"}"#, "choose dynamic ones"),
            (r#"{"format":"fixed","mode":"dynamic"}"#, "choose static ones"),
            (r#"{"format":"minifloat","exponent":4,"bits":4}"#, "minifloats of 4 bits with 4 bits of exponent"),
            (r#"{"format":"minifloat","bits":16}"#, "minifloats of 16 bits"),
            (r#"{"format":"apot","bits":1}"#, "powers of two of 1 bits"),
        ] {
            let error = Kind::of(&scheme(json)).unwrap_err();
            assert!(error.contains(reason), "{json}: {error}");
        }
    }
}
