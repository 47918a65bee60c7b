//! What workers answer. Each type is read field by field; the compiler sees to it that none is left out.

use bitdial_protocol::{
    Advice, BackendCheck, Bandwidth, Capabilities, CorrectionReport, Diagnosis, Energy, Execution, Frontier, FrontierPoint, GpuInfo,
    Histogram, ImagesHandle, KernelTime, LayerChange, LayerDetail, LayerDiagnosis, LayerDifference, LayerInfo, LayerOverflows,
    LayerSensitivity, LayerTime, MadeLayer, Making, MeasuredPoint, MemoryUse, ModelHandle, ModelInfo, Normalize, Phases, Profile,
    QuantizedHandle, QuantizedInfo, QuantizedLayer, Rooflines, TensorDiagnosis, TensorInfo, Timing, WidthOption,
};

use crate::state::Evaluated;

use super::{Read, Reader, Source, names, structures};

structures! {
    Normalize { mean, std }
    Capabilities { build, backend, backends, dot, gpu }
    GpuInfo { name, software, features, limits, timestamps }
    TensorInfo { name, shape }
    LayerInfo { name, op, parameters, macs, output }
    ModelInfo { inputs, outputs, layers, parameters, macs, size, energy, memory }
    MemoryUse { activations, weights, scratch }
    Energy { compute, memory }
    QuantizedLayer { name, op, kernel, execution, weight_bits, activation_bits, bytes, weight_sqnr }
    QuantizedInfo { size, layers, energy, memory, corrections }
    Making { layers, corrections }
    MadeLayer { activation_bits, weight_sqnr }
    CorrectionReport { correction, summary, layers, ms }
    LayerChange { name, figure, before, after }
    LayerOverflows { name, additions, overflows }
    Timing { median, p10, p90, runs }
    Profile { total, layers, rooflines }
    LayerTime { name, op, kernel, ms, macs, bytes, limit, phases, alternatives }
    Phases { unpack, moving as "move", multiply, requantize }
    KernelTime { kernel, ms }
    Rooflines { dot, float, bits, memory }
    Bandwidth { bytes, read, copy }
    BackendCheck { backend, images, agreeing, values, differences, steps }
    LayerDifference { layer, most }
    Histogram { low, high, counts }
    LayerDetail { name, weights, grid, grid_channel, scales, range_ratio }
    Diagnosis { images, output, shift, layers }
    LayerDiagnosis { name, weights, activations, only, up_to }
    TensorDiagnosis { sqnr, clipped, zeroed, range_ratio, low, high, grid, histogram }
    Frontier { images, run_images, layers, points, uniform, chosen }
    FrontierPoint { bytes, bits, loss, widths, measured }
    MeasuredPoint { loss, drop }
    LayerSensitivity { name, weights, options }
    WidthOption { bits, bytes, loss }
    Advice { text, recipe }
    Evaluated { first, top1, confidence, overflows }
}

names! {
    Execution {
        "float" Float, "weight-only" WeightOnly, "simulated" Simulated, "integer" Integer, "dynamic-integer" DynamicInteger,
        "movement" Movement
    }
}

macro_rules! handles {
    ($($type:ident)*) => {
        $(impl Read for $type {
            fn read<S: Source>(from: &Reader<S>) -> Self {
                Self(u32::read(from))
            }
        })*
    };
}

handles! { ModelHandle QuantizedHandle ImagesHandle }

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use bitdial_protocol::{Correction, Recipe};
    use serde::Serialize;
    use serde_json::{json, to_value};

    use super::super::read;
    use super::*;

    /// What is written is read as it was, and has no names that are not read.
    fn comes_back<T: Read + Serialize + PartialEq + Debug>(value: T) {
        assert_eq!(read(to_value(&value).unwrap(), true, T::read), Ok(value));
    }

    #[test]
    fn models_come_back() {
        let limits = vec![("buffer".to_owned(), 1 << 40)];
        let gpu = GpuInfo { name: "g".into(), software: true, features: vec!["f16".into()], limits, timestamps: false };
        let (build, backend, backends) = ("simd128".into(), "scalar".into(), vec!["scalar".into()]);
        comes_back(Capabilities { build, backend, backends, dot: Some("signed".into()), gpu: Some(gpu) });
        let (energy, memory) = (Energy { compute: 1.5, memory: 2.5 }, MemoryUse { activations: 1, weights: 2, scratch: 3 });
        let tensor = || vec![TensorInfo { name: "x".into(), shape: vec![None, Some(28)] }];
        let layers = vec![LayerInfo { name: "a".into(), op: "Conv".into(), parameters: 4, macs: 1 << 40, output: vec![8, 7, 7] }];
        comes_back(ModelInfo { inputs: tensor(), outputs: tensor(), layers, parameters: 5, macs: 6, size: 7, energy, memory });
        let layers = [
            Execution::Float,
            Execution::WeightOnly,
            Execution::Simulated,
            Execution::Integer,
            Execution::DynamicInteger,
            Execution::Movement,
        ];
        let layers = layers.map(|execution| QuantizedLayer {
            name: "a".into(),
            op: "Conv".into(),
            kernel: "k".into(),
            execution,
            weight_bits: Some(4),
            activation_bits: None,
            bytes: 9,
            weight_sqnr: Some(20.5),
        });
        let change = LayerChange { name: "a".into(), figure: "f".into(), before: 1.0, after: 0.5 };
        let report = CorrectionReport { correction: Correction::Bn, summary: "s".into(), layers: vec![change], ms: 3.0 };
        comes_back(QuantizedInfo { size: 1, layers: layers.into(), energy, memory, corrections: vec![report.clone()] });
        comes_back(Making { layers: vec![MadeLayer { activation_bits: Some(8), weight_sqnr: None }], corrections: vec![report] });
        comes_back((QuantizedHandle(3), ModelHandle(4), ImagesHandle(5)).0);
        comes_back(LayerOverflows { name: "a".into(), additions: 10, overflows: 1 });
    }

    #[test]
    fn times_and_checks_come_back() {
        let total = Timing { median: 1.0, p10: 0.5, p90: 2.0, runs: 9 };
        let phases = Phases { unpack: 0.1, moving: 0.2, multiply: 0.3, requantize: 0.4 };
        let alternatives = vec![KernelTime { kernel: "k".into(), ms: 0.1 }];
        let layer = |phases, limit| LayerTime {
            name: "a".into(),
            op: "o".into(),
            kernel: "k".into(),
            ms: 1.0,
            macs: 2,
            bytes: 3,
            limit,
            phases,
            alternatives: alternatives.clone(),
        };
        let memory = vec![Bandwidth { bytes: 1, read: 2.0, copy: 3.0 }];
        let rooflines = Some(Rooflines { dot: 1.0, float: 2.0, bits: 3.0, memory });
        comes_back(Profile { total, layers: vec![layer(Some(phases), Some(0.5)), layer(None, None)], rooflines });
        comes_back(Profile { total, layers: vec![], rooflines: None });
        let differences = vec![LayerDifference { layer: "a".into(), most: 3 }];
        comes_back(BackendCheck { backend: "b".into(), images: 4, agreeing: 3, values: 5, differences, steps: 1 });
    }

    #[test]
    fn diagnoses_and_searches_come_back() {
        let histogram = Histogram { low: -1.0, high: 1.0, counts: vec![0, 7] };
        let detail = LayerDetail {
            name: "a".into(),
            weights: histogram.clone(),
            grid: vec![0.5],
            grid_channel: Some(2),
            scales: 3,
            range_ratio: 4.0,
        };
        comes_back(detail);
        let tensor = TensorDiagnosis {
            sqnr: Some(20.0),
            clipped: 0.25,
            zeroed: 0.5,
            range_ratio: 3.0,
            low: -1.0,
            high: 1.0,
            grid: vec![-1.0, 1.0],
            histogram,
        };
        let layer = LayerDiagnosis { name: "a".into(), weights: Some(tensor), activations: None, only: Some(30.0), up_to: None };
        comes_back(Diagnosis { images: 64, output: Some(20.0), shift: 0.5, layers: vec![layer] });
        let point =
            FrontierPoint { bytes: 9, bits: 3.5, loss: 0.25, widths: vec![3, 4], measured: Some(MeasuredPoint { loss: 0.5, drop: -0.25 }) };
        let layers = vec![LayerSensitivity { name: "a".into(), weights: 4, options: vec![WidthOption { bits: 2, bytes: 3, loss: 0.5 }] }];
        let points = vec![FrontierPoint { measured: None, ..point.clone() }];
        comes_back(Frontier { images: 1, run_images: 2, layers, points, uniform: None, chosen: Some(point) });
        comes_back(Advice { text: "t".into(), recipe: Recipe::default() });
    }

    #[test]
    fn lists_have_their_length() {
        assert_eq!(read(json!([3, 4]), true, <[usize; 2]>::read), Ok([3, 4]));
        assert_eq!(read(json!([3]), true, <[usize; 2]>::read), Err("expected a list of another length".to_owned()));
        assert_eq!(read(json!("a"), true, <(String, u64)>::read), Err("expected a list of another length".to_owned()));
    }

    #[test]
    fn the_first_fault_is_told_and_nothing_else() {
        for (value, why) in [
            (json!({"low": 0, "high": 1, "counts": [1, "2"]}), "counts: expected a whole number from 0 to 4294967295"),
            (json!({"low": "0", "high": "1"}), "low: expected a number"),
            (json!({"low": 0, "high": 1}), "counts: expected a list"),
            (json!({"low": 0, "high": 1, "counts": [], "more": 1}), "unknown name \u{201c}more\u{201d}, expected low, high, counts"),
            (json!(null), "expected an object"),
        ] {
            assert_eq!(read(value.clone(), true, Histogram::read), Err(why.to_owned()), "{value}");
        }
    }
}
