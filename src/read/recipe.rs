//! Recipes, as files and advice have them.

use bitdial_protocol::{
    Accumulator, ActivationGranularity, ActivationMode, ActivationOverride, ActivationScheme, Bits, Calibration, CalibrationMethod,
    Correction, Deviations, Exponent, Format, Granularity, GroupSize, LayerOverride, Overflow, Recipe, RecipeError, Rounding,
    WeightOverride, WeightRange, WeightScheme,
};

use super::{Read, Reader, Source, defaults, names};

defaults! {
    Recipe { weights, activations, calibration, corrections, accumulator, layers }
    WeightScheme { format, exponent, bits, granularity, group, symmetric, range, rounding }
    ActivationScheme { format, exponent, bits, granularity, symmetric, mode }
    Calibration { method, samples, seed, deviations }
    WeightOverride { format, bits, granularity, symmetric }
    ActivationOverride { bits }
    LayerOverride { weights, activations }
}

names! {
    Format {
        "int" Int, "ternary" Ternary, "fixed" Fixed, "minifloat" Minifloat, "fp16" Fp16, "bf16" Bf16, "e4m3" E4m3, "e5m2" E5m2,
        "e3m2" E3m2, "e2m3" E2m3, "e2m1" E2m1, "mxfp8-e4m3" Mxfp8E4m3, "mxfp8-e5m2" Mxfp8E5m2, "mxfp6-e3m2" Mxfp6E3m2,
        "mxfp6-e2m3" Mxfp6E2m3, "mxfp4" Mxfp4, "mxint8" Mxint8, "nvfp4" Nvfp4, "codebook" Codebook, "nf4" Nf4, "pot" Pot, "apot" Apot
    }
    Granularity { "tensor" Tensor, "channel" Channel, "group" Group }
    ActivationGranularity { "tensor" Tensor, "row" Row }
    Rounding { "nearest" Nearest, "stochastic" Stochastic, "floor" Floor }
    ActivationMode { "static" Static, "dynamic" Dynamic }
    WeightRange { "minmax" MinMax, "mse" Mse, "lp" Lp }
    CalibrationMethod {
        "minmax" MinMax, "moving-average" MovingAverage, "percentile-99" Percentile99, "percentile-99.9" Percentile999,
        "percentile-99.99" Percentile9999, "percentile-99.999" Percentile99999, "mse" Mse, "entropy" Entropy, "z-score" ZScore
    }
    Correction { "cle" Cle, "smooth" Smooth, "adaround" Adaround, "gptq" Gptq, "bias" Bias, "bn" Bn }
    Overflow { "wrap" Wrap, "saturate" Saturate }
}

impl<S: Source> Reader<'_, S> {
    /// A value, or why it is none.
    fn checked<T>(&self, value: Result<T, RecipeError>, default: T) -> T {
        value.unwrap_or_else(|error| {
            self.fault(&error.to_string());
            default
        })
    }
}

impl Read for Bits {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        from.checked(Self::new(u8::read(from)), Self::MAX)
    }
}

impl Read for GroupSize {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        from.checked(Self::new(u16::read(from)), Self::default())
    }
}

impl Read for Exponent {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        from.checked(Self::new(u8::read(from)), Self::default())
    }
}

impl Read for Deviations {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        from.checked(Self::new(u8::read(from)), Self::default())
    }
}

impl Read for Option<Accumulator> {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        if from.value.is_nothing() {
            return None;
        }
        from.structure(&["bits", "overflow"]);
        from.checked(Accumulator::new(from.field("bits"), from.field_or("overflow", Overflow::default())).map(Some), None)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_str, to_value};

    use super::super::read;
    use super::*;

    fn recipe(value: Value) -> Result<Recipe, String> {
        read(value, true, Recipe::read)
    }

    #[test]
    fn every_name_is_read_as_it_is_written() {
        let whole = Recipe::default();
        let scheme = |weights| Recipe { weights, ..Recipe::default() };
        let calibration = |calibration| Recipe { calibration, ..Recipe::default() };
        let w = WeightScheme::default();
        let a = ActivationScheme::default();
        let mut all = vec![whole.clone(), Recipe { activations: None, ..whole.clone() }];
        all.extend(Format::ALL.map(|format| scheme(WeightScheme { format, ..w })));
        for granularity in [Granularity::Tensor, Granularity::Channel, Granularity::Group] {
            all.push(scheme(WeightScheme { granularity, group: GroupSize::ALL[2], symmetric: false, ..w }));
        }
        for rounding in [Rounding::Nearest, Rounding::Stochastic, Rounding::Floor] {
            all.push(scheme(WeightScheme { rounding, exponent: Exponent::new(2).unwrap(), ..w }));
        }
        all.extend([WeightRange::MinMax, WeightRange::Mse, WeightRange::Lp].map(|range| scheme(WeightScheme { range, ..w })));
        for (granularity, mode) in
            [(ActivationGranularity::Tensor, ActivationMode::Static), (ActivationGranularity::Row, ActivationMode::Dynamic)]
        {
            all.push(Recipe {
                activations: Some(ActivationScheme { granularity, mode, symmetric: true, bits: Bits::FLOAT, ..a }),
                ..whole.clone()
            });
        }
        for method in [
            "minmax",
            "moving-average",
            "percentile-99",
            "percentile-99.9",
            "percentile-99.99",
            "percentile-99.999",
            "mse",
            "entropy",
            "z-score",
        ] {
            let method = serde_json::from_value(Value::String(method.into())).unwrap();
            all.push(calibration(Calibration { method, samples: 7, seed: 3, deviations: Deviations::new(9).unwrap() }));
        }
        all.push(Recipe { corrections: Correction::ALL.to_vec(), ..whole.clone() });
        all.extend(
            [Overflow::Wrap, Overflow::Saturate].map(|o| Recipe { accumulator: Some(Accumulator::new(12, o).unwrap()), ..whole.clone() }),
        );
        all.push(Recipe::from_json(r#"{"layers":{"a":{"weights":{"bits":2,"format":"nf4","granularity":"tensor","symmetric":false}},"b":{"activations":{"bits":32}}}}"#).unwrap());
        for expected in all {
            assert_eq!(recipe(to_value(&expected).unwrap()), Ok(expected));
        }
    }

    #[test]
    fn what_is_missing_takes_its_default() {
        for text in ["{}", r#"{"weights":{"bits":4}}"#, r#"{"activations":null,"accumulator":{"bits":9}}"#, r#"{"layers":{"x":{}}}"#] {
            assert_eq!(recipe(from_str(text).unwrap()), Ok(Recipe::from_json(text).unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_no_recipe_is_refused_with_its_place() {
        for (text, why) in [
            (r#"{"weights":{"bits":9}}"#, "weights: bits: 9 bits is not possible here: choose 1 to 8, 16, or 32 for f32"),
            (r#"{"weights":{"bits":4.5}}"#, "weights: bits: expected a whole number from 0 to 255"),
            (r#"{"weights":{"bits":-1}}"#, "weights: bits: expected a whole number from 0 to 255"),
            (
                r#"{"weights":{"granularity":"group","group":48}}"#,
                "weights: group: groups of 48 weights are not possible here: choose 16, 32, 64 or 128",
            ),
            (
                r#"{"fly":1}"#,
                "unknown name \u{201c}fly\u{201d}, expected weights, activations, calibration, corrections, accumulator, layers",
            ),
            (
                r#"{"corrections":["luck"]}"#,
                "corrections: unknown name \u{201c}luck\u{201d}, expected cle, smooth, adaround, gptq, bias, bn",
            ),
            (r#"{"corrections":{}}"#, "corrections: expected a list"),
            (
                r#"{"layers":{"fc":{"weights":{"bits":0}}}}"#,
                "layers: fc: weights: bits: 0 bits is not possible here: choose 1 to 8, 16, or 32 for f32",
            ),
            (r#"{"weights":{"exponent":0}}"#, "weights: exponent: 0 exponent bits are not possible here: choose 1 to 7"),
            (r#"{"accumulator":{"bits":7}}"#, "accumulator: sums of 7 bits are not possible here: choose 8 to 32"),
            (r#"{"accumulator":{"overflow":"wrap"}}"#, "accumulator: bits: expected a whole number from 0 to 255"),
            (
                r#"{"calibration":{"deviations":0}}"#,
                "calibration: deviations: a range of 0 standard deviations is not possible here: choose 1 to 20",
            ),
            (r#"{"weights":{"symmetric":1}}"#, "weights: symmetric: expected true or false"),
            (r#"{"weights":null}"#, "weights: expected an object"),
            ("[]", "expected an object"),
            ("7", "expected an object"),
        ] {
            assert_eq!(recipe(from_str(text).unwrap()), Err(why.to_owned()), "{text}");
        }
    }
}
