//! Each rule where it fires and where it does not.

use bitdial_protocol::{Diagnosis, Histogram, LayerDiagnosis, Recipe, TensorDiagnosis};

use super::{Facts, advise};

/// A tensor with nothing to say about it.
fn tensor(sqnr: f32) -> TensorDiagnosis {
    let histogram = Histogram { low: 0.0, high: 1.0, counts: vec![100; 64] };
    TensorDiagnosis { sqnr: Some(sqnr), clipped: 0.0, zeroed: 0.0, range_ratio: 1.5, low: 0.0, high: 1.0, grid: Vec::new(), histogram }
}

fn layer(name: &str) -> LayerDiagnosis {
    LayerDiagnosis { name: name.into(), weights: Some(tensor(35.0)), activations: Some(tensor(35.0)), only: Some(20.0), up_to: Some(18.0) }
}

/// Four layers that are equally bad, for no reason that shows.
fn diagnosis() -> Diagnosis {
    Diagnosis { images: 64, output: Some(14.0), shift: 0.0, layers: ["a", "b", "c", "d"].map(layer).to_vec() }
}

fn weights(diagnosis: &mut Diagnosis) -> &mut TensorDiagnosis {
    diagnosis.layers[2].weights.as_mut().unwrap()
}

fn activations(diagnosis: &mut Diagnosis) -> &mut TensorDiagnosis {
    diagnosis.layers[2].activations.as_mut().unwrap()
}

/// Values of which all but a few lie in the first eighth of the range.
fn outliers(tensor: &mut TensorDiagnosis) {
    tensor.histogram.counts = (0..64).map(|bin| if bin < 8 { 10_000 } else { u32::from(bin == 63) }).collect();
}

struct Case {
    recipe: &'static str,
    measured: fn(&mut Diagnosis),
    /// The sentence's beginning or part, and what the recipe says then.
    expected: &'static [(&'static str, &'static str)],
}

const CASES: &[Case] = &[
    Case { recipe: "{}", measured: |_| (), expected: &[] },
    // Channels with one scale.
    Case {
        recipe: r#"{"weights":{"granularity":"tensor"}}"#,
        measured: |d| weights(d).range_ratio = 80.0,
        expected: &[
            ("The channel ranges of 'c' differ 80-fold, so that its narrowest channel is left with 6 bits less", r#"{}"#),
            ("cross-layer equalization", r#"{"weights":{"granularity":"tensor"},"corrections":["cle"]}"#),
        ],
    },
    Case {
        recipe: r#"{"weights":{"granularity":"tensor"},"corrections":["cle"]}"#,
        measured: |d| weights(d).range_ratio = 8.0,
        expected: &[("give each channel a scale", r#"{"corrections":["cle"]}"#)],
    },
    Case {
        recipe: r#"{"layers":{"c":{"weights":{"granularity":"tensor"}}},"corrections":["cle"]}"#,
        measured: |d| weights(d).range_ratio = 9.0,
        expected: &[("'c' differ 9-fold", r#"{"layers":{"c":{"weights":{}}},"corrections":["cle"]}"#)],
    },
    Case { recipe: r#"{"weights":{"granularity":"tensor"}}"#, measured: |d| weights(d).range_ratio = 7.9, expected: &[] },
    Case { recipe: "{}", measured: |d| weights(d).range_ratio = 80.0, expected: &[] },
    // Clipped activations.
    Case {
        recipe: r#"{"calibration":{"method":"percentile-99"}}"#,
        measured: |d| activations(d).clipped = 0.03,
        expected: &[("3.0 % of the activations of 'c' are clipped", "{}")],
    },
    Case { recipe: r#"{"calibration":{"method":"percentile-99"}}"#, measured: |d| activations(d).clipped = 0.009, expected: &[] },
    Case { recipe: "{}", measured: |d| activations(d).clipped = 0.03, expected: &[] },
    Case {
        recipe: r#"{"calibration":{"method":"mse"},"activations":{"mode":"dynamic"}}"#,
        measured: |d| activations(d).clipped = 0.03,
        expected: &[],
    },
    // Activations with outliers.
    Case {
        recipe: "{}",
        measured: |d| {
            activations(d).sqnr = Some(29.0);
            outliers(activations(d));
        },
        expected: &[("8.0 times as wide as 99.9 % of them need, which costs 3 bits", r#"{"calibration":{"method":"mse"}}"#)],
    },
    Case { recipe: "{}", measured: |d| outliers(activations(d)), expected: &[] },
    Case { recipe: "{}", measured: |d| activations(d).sqnr = Some(29.0), expected: &[] },
    Case {
        recipe: r#"{"calibration":{"method":"entropy"}}"#,
        measured: |d| {
            activations(d).sqnr = Some(29.0);
            outliers(activations(d));
        },
        expected: &[],
    },
    // Activations whose channels differ.
    Case {
        recipe: r#"{"corrections":["bias"]}"#,
        measured: |d| {
            activations(d).sqnr = Some(29.0);
            activations(d).range_ratio = 30.0;
        },
        expected: &[("of 'c' differ 30-fold and must share a scale", r#"{"corrections":["smooth","bias"]}"#)],
    },
    Case { recipe: "{}", measured: |d| activations(d).range_ratio = 30.0, expected: &[] },
    Case {
        recipe: r#"{"corrections":["smooth"]}"#,
        measured: |d| {
            activations(d).sqnr = Some(29.0);
            activations(d).range_ratio = 30.0;
        },
        expected: &[],
    },
    // One layer that brings most of the noise.
    Case {
        recipe: r#"{"weights":{"bits":4},"corrections":["gptq"]}"#,
        measured: |d| {
            d.layers[1].only = Some(10.0);
            d.layers[1].weights = Some(tensor(20.0));
        },
        expected: &[(
            "'b' alone brings 77 % of the noise of all layers (10.0 dB at the output by itself): give its weights 8 bits.",
            r#"{"weights":{"bits":4},"layers":{"b":{"weights":{"bits":8}}},"corrections":["gptq"]}"#,
        )],
    },
    Case {
        recipe: r#"{"activations":{"bits":3}}"#,
        measured: |d| {
            d.layers[1].only = Some(10.0);
            d.layers[1].activations = Some(tensor(30.0));
        },
        expected: &[("give its activations 6 bits", r#"{"activations":{"bits":3},"layers":{"b":{"activations":{"bits":6}}}}"#)],
    },
    Case { recipe: "{}", measured: |d| d.layers[1].only = Some(10.0), expected: &[] },
    Case { recipe: r#"{"weights":{"bits":6}}"#, measured: |d| d.layers[1].only = Some(16.0), expected: &[] },
    // Weights with outliers.
    Case {
        recipe: r#"{"weights":{"bits":3},"corrections":["gptq"]}"#,
        measured: |d| weights(d).zeroed = 0.4,
        expected: &[(
            "40 % of the weights of 'c' become 0, where it would be 14 %",
            r#"{"weights":{"bits":3,"range":"mse"},"corrections":["gptq"]}"#,
        )],
    },
    Case { recipe: r#"{"weights":{"bits":3},"corrections":["gptq"]}"#, measured: |d| weights(d).zeroed = 0.2, expected: &[] },
    Case { recipe: r#"{"weights":{"bits":3,"range":"lp"},"corrections":["gptq"]}"#, measured: |d| weights(d).zeroed = 0.4, expected: &[] },
    Case { recipe: r#"{"weights":{"bits":8}}"#, measured: |d| weights(d).zeroed = 0.4, expected: &[] },
    // An error that all images share.
    Case {
        recipe: "{}",
        measured: |d| d.shift = 0.3,
        expected: &[("30 % of the noise at the output is the same for every image", r#"{"corrections":["bias"]}"#)],
    },
    Case { recipe: "{}", measured: |d| d.shift = 0.19, expected: &[] },
    Case { recipe: r#"{"corrections":["bn"]}"#, measured: |d| d.shift = 0.3, expected: &[] },
    // Rounding of narrow weights.
    Case {
        recipe: r#"{"weights":{"bits":4},"corrections":["bias"]}"#,
        measured: |d| d.layers.iter_mut().for_each(|layer| layer.weights = Some(tensor(20.0))),
        expected: &[(
            "Weights of 4 bits have 20 dB on average, activations more, and the output has 14 dB: let AdaRound",
            r#"{"weights":{"bits":4},"corrections":["adaround","bias"]}"#,
        )],
    },
    Case {
        recipe: r#"{"weights":{"bits":4},"corrections":["adaround"]}"#,
        measured: |d| d.layers.iter_mut().for_each(|layer| layer.weights = Some(tensor(20.0))),
        expected: &[],
    },
    Case { recipe: r#"{"weights":{"bits":4}}"#, measured: |_| (), expected: &[] },
    // Activations that are the narrower ones.
    Case {
        recipe: r#"{"activations":{"bits":4}}"#,
        measured: |d| d.layers.iter_mut().for_each(|layer| layer.activations = Some(tensor(25.0))),
        expected: &[("Activations of 4 bits have 25 dB on average, weights 35 dB", "{}")],
    },
    Case {
        recipe: r#"{"activations":{"bits":4}}"#,
        measured: |d| d.layers.iter_mut().for_each(|layer| layer.activations = Some(tensor(30.0))),
        expected: &[],
    },
    Case { recipe: "{}", measured: |d| d.layers.iter_mut().for_each(|layer| layer.activations = Some(tensor(25.0))), expected: &[] },
    // Nothing is broken.
    Case { recipe: "{}", measured: |d| d.output = Some(31.0), expected: &[("The output has 31 dB", r#"{"weights":{"bits":6}}"#)] },
    Case {
        recipe: r#"{"weights":{"bits":4}}"#,
        measured: |d| d.output = Some(31.0),
        expected: &[("weights of 3 bits", r#"{"weights":{"bits":3}}"#)],
    },
    Case { recipe: r#"{"weights":{"bits":2}}"#, measured: |d| d.output = Some(31.0), expected: &[] },
    Case { recipe: r#"{"weights":{"format":"nf4"}}"#, measured: |d| d.output = Some(31.0), expected: &[] },
];

#[test]
fn rules_fire_on_their_evidence_only() {
    for (i, Case { recipe, measured, expected }) in CASES.iter().enumerate() {
        let recipe = Recipe::from_json(recipe).unwrap();
        let mut diagnosis = diagnosis();
        measured(&mut diagnosis);
        let found = advise(&Facts { recipe: &recipe, diagnosis: &diagnosis, lost: None });
        assert_eq!(found.len(), expected.len(), "case {i}: {found:#?}");
        for (advice, (text, then)) in found.iter().zip(*expected) {
            assert!(advice.text.contains(text), "case {i}: {}", advice.text);
            assert_eq!(advice.recipe, Recipe::from_json(then).unwrap(), "case {i}");
        }
    }
}

#[test]
fn measured_accuracy_overrules_noise() {
    let recipe = Recipe::default();
    let (mut loud, mut quiet) = (diagnosis(), diagnosis());
    loud.shift = 0.5;
    (quiet.shift, quiet.output) = (0.5, Some(40.0));
    for (diagnosis, lost, text) in [
        (&loud, None, "is the same for every image"),
        (&quiet, None, "The output has 40 dB"),
        (&quiet, Some(2.0), "is the same for every image"),
        (&loud, Some(0.15), "Only 0.15 points of accuracy are lost"),
        (&loud, Some(-0.1), "No accuracy is lost: there is room for weights of 6 bits."),
    ] {
        let found = advise(&Facts { recipe: &recipe, diagnosis, lost });
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].text.contains(text), "{}", found[0].text);
    }
}
