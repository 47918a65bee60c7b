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

#[cfg(test)]
mod tests {
    use bitdial_protocol::{Bits, Exponent};

    use super::*;

    #[test]
    fn what_cannot_be_says_what_to_choose() {
        let exponent = |exponent| Exponent::new(exponent).unwrap();
        let of = |format, bits, exponent, granularity| WeightScheme {
            format,
            bits: Bits::new(bits).unwrap(),
            exponent,
            granularity,
            ..WeightScheme::default()
        };
        for (format, bits, most, granularity, reason) in [
            (Format::Fixed, 1, 1, Granularity::Tensor, "choose 2 to 8 bits or 16"),
            (Format::Minifloat, 16, 4, Granularity::Tensor, "a free minifloat of 16 bits is not possible here: choose 2 to 8"),
            (Format::Minifloat, 1, 1, Granularity::Tensor, "a free minifloat of 1 bits"),
            (Format::Minifloat, 4, 4, Granularity::Tensor, "a sign and 4 exponent bits do not fit 4 bits: choose 3 exponent bits at most"),
            (Format::Codebook, 16, 1, Granularity::Channel, "a codebook of 16 bits is not possible here: choose 1 to 8"),
            (Format::Codebook, 4, 1, Granularity::Group, "choose one for the layer or for each channel"),
            (Format::Pot, 1, 1, Granularity::Tensor, "a power of two of 1 bits"),
            (Format::Apot, 16, 1, Granularity::Tensor, "a sum of powers of two of 16 bits"),
        ] {
            let refused = check(&of(format, bits, exponent(most), granularity)).unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
        for format in Format::ALL {
            for bits in [2, 8, 32] {
                assert_eq!(check(&of(format, bits, exponent(1), Granularity::Channel)), Ok(()), "{format:?}");
            }
        }
        for (format, bits) in [(Format::Int, 1), (Format::Int, 16), (Format::Fixed, 16), (Format::Codebook, 1), (Format::Nf4, 16)] {
            assert_eq!(check(&of(format, bits, exponent(7), Granularity::Channel)), Ok(()), "{format:?}");
        }
    }
}
