//! Formats of activations that are simulated.
//!
//! | byte | then |
//! |---|---|
//! | 2 | scale; zero point, smallest and largest integer, two bytes each |
//! | 3 | bit-width, whether symmetric, whether over rows: a byte each |
//! | 4 | format, three bytes; scale |
//! | 5 | format; whether over rows |
//! | 6 | format: blocks of MX |
//! | 7 | scale of the tensor: NVFP4 |
//! | 8 | nothing: NVFP4 whose scale of the tensor is found on each run |

use bitdial_numerics::{FakeQuant, Numbers, Over, WideGrid};

use crate::packed::held;

/// Writes how a value is held.
pub(super) fn write(format: FakeQuant, to: &mut Vec<u8>) {
    let row = |over: Over| u8::from(over == Over::Row);
    match format {
        FakeQuant::Grid(WideGrid { scale, zero_point, low, high }) => {
            to.push(held::WIDE_GRID);
            to.extend(scale.to_le_bytes());
            [zero_point, low, high].into_iter().for_each(|n| to.extend(n.to_le_bytes()));
        }
        FakeQuant::DynamicGrid { bits, symmetric, over } => to.extend([held::DYNAMIC_GRID, bits, u8::from(symmetric), row(over)]),
        FakeQuant::Scaled { numbers, scale } => {
            to.push(held::SCALED);
            to.extend(numbers.to_bytes());
            to.extend(scale.to_le_bytes());
        }
        FakeQuant::DynamicScaled { numbers, over } => {
            to.push(held::DYNAMIC_SCALED);
            to.extend(numbers.to_bytes());
            to.push(row(over));
        }
        FakeQuant::Mx(numbers) => {
            to.push(held::MX);
            to.extend(numbers.to_bytes());
        }
        FakeQuant::Nvfp4(Some(scale)) => {
            to.push(held::NVFP4);
            to.extend(scale.to_le_bytes());
        }
        FakeQuant::Nvfp4(None) => to.push(held::DYNAMIC_NVFP4),
    }
}

/// Bytes that follow the byte `how`, if that is one of a simulated format.
pub(super) fn len(how: u8) -> Option<usize> {
    Some(match how {
        held::WIDE_GRID => 10,
        held::DYNAMIC_GRID | held::MX => 3,
        held::SCALED => 7,
        held::DYNAMIC_SCALED | held::NVFP4 => 4,
        held::DYNAMIC_NVFP4 => 0,
        _ => return None,
    })
}

/// Reads what [`write`] wrote: the byte, and as many as [`len`] says.
pub(super) fn read(how: u8, bytes: &[u8]) -> Option<FakeQuant> {
    let float = |at: usize| Some(f32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let short = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let numbers = || Numbers::from_bytes(bytes.get(..3)?.try_into().ok()?);
    let flag = |at: usize| bytes.get(at).filter(|byte| **byte < 2).map(|byte| *byte == 1);
    let over = |at: usize| flag(at).map(|row| if row { Over::Row } else { Over::Tensor });
    let format = match how {
        held::WIDE_GRID => FakeQuant::Grid(WideGrid { scale: float(0)?, zero_point: short(4)?, low: short(6)?, high: short(8)? }),
        held::DYNAMIC_GRID => FakeQuant::DynamicGrid { bits: *bytes.first()?, symmetric: flag(1)?, over: over(2)? },
        held::SCALED => FakeQuant::Scaled { numbers: numbers()?, scale: float(3)? },
        held::DYNAMIC_SCALED => FakeQuant::DynamicScaled { numbers: numbers()?, over: over(3)? },
        held::MX => FakeQuant::Mx(numbers()?),
        held::NVFP4 => FakeQuant::Nvfp4(Some(float(0)?)),
        held::DYNAMIC_NVFP4 => FakeQuant::Nvfp4(None),
        _ => return None,
    };
    format.is_sound().then_some(format)
}

#[cfg(test)]
mod tests {
    use bitdial_numerics::Minifloat;

    use super::*;

    #[test]
    fn every_format_is_written_and_read() {
        let numbers = Numbers::Minifloat(Minifloat::E4M3);
        for format in [
            FakeQuant::Grid(WideGrid::affine(-1.0, 2.0, 16)),
            FakeQuant::DynamicGrid { bits: 8, symmetric: true, over: Over::Row },
            FakeQuant::DynamicGrid { bits: 16, symmetric: false, over: Over::Tensor },
            FakeQuant::Scaled { numbers, scale: 0.5 },
            FakeQuant::Scaled { numbers: Numbers::Nf4, scale: 1.0 },
            FakeQuant::DynamicScaled { numbers: Numbers::PowersOfTwo(4), over: Over::Row },
            FakeQuant::Mx(Numbers::MXINT8),
            FakeQuant::Nvfp4(Some(0.25)),
            FakeQuant::Nvfp4(None),
        ] {
            let mut bytes = Vec::new();
            write(format, &mut bytes);
            let (how, rest) = bytes.split_first().unwrap();
            assert_eq!(len(*how), Some(rest.len()), "{format:?}");
            assert_eq!(read(*how, rest), Some(format));
            // Cut off, it is nothing.
            assert!((0..rest.len()).all(|n| read(*how, &rest[..n]).is_none()), "{format:?}");
        }
        for (how, bytes) in [
            (held::NVFP4, &f32::NAN.to_le_bytes()[..]),
            (held::DYNAMIC_GRID, &[17, 0, 0]),
            (held::DYNAMIC_GRID, &[8, 2, 0]),
            (held::MX, &[9, 9, 9]),
            (9, &[]),
        ] {
            assert_eq!(read(how, bytes), None, "{how} {bytes:?}");
        }
    }
}
