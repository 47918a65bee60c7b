//! Which schemes of weights cannot be.

use bitdial_protocol::{Format, Granularity, WeightScheme};

/// Why weights cannot be stored so, and what to choose instead.
pub(crate) fn check(scheme: &WeightScheme) -> Result<(), String> {
    let bits = scheme.bits.get();
    let narrow = |what: &str, from: u8| match bits {
        32 => Ok(()),
        bits if (from..=8).contains(&bits) => Ok(()),
        bits => Err(format!("{what} of {bits} bits is not possible here: choose {from} to 8")),
    };
    match scheme.format {
        Format::Fixed if bits == 1 => {
            Err("a fixed point of 1 bit is not possible here: choose 2 to 8 bits or 16, or plain integers".to_owned())
        }
        Format::Minifloat => {
            narrow("a free minifloat", 2)?;
            if bits < 32 && scheme.exponent.get() >= bits {
                return Err(format!(
                    "a sign and {} exponent bits do not fit {bits} bits: choose {} exponent bits at most, or more bits",
                    scheme.exponent,
                    bits - 1
                ));
            }
            Ok(())
        }
        Format::Codebook if scheme.granularity == Granularity::Group => {
            Err("groups of weights have no codebooks of their own: choose one for the layer or for each channel".to_owned())
        }
        Format::Codebook => narrow("a codebook", 1),
        Format::Pot => narrow("a power of two", 2),
        Format::Apot => narrow("a sum of powers of two", 2),
        _ => Ok(()),
    }
}
