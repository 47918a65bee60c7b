//! From logits to a class and how sure it is.

/// The class of one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Index of the largest logit; the first of several.
    pub class: u16,
    /// The softmax of that logit, 0..=1; 0 if the logits are not numbers.
    pub confidence: f32,
}

/// The prediction from one image's output: logits, or `probabilities` that went through a softmax already.
///
/// Exponentials are libm's, so that every build gives the same confidence.
#[must_use]
pub fn classify(output: &[f32], probabilities: bool) -> Prediction {
    let mut best = 0;
    for (i, &x) in output.iter().enumerate() {
        // NaN never wins, and never keeps a place it had from the start.
        if x > output[best] || (output[best].is_nan() && !x.is_nan()) {
            best = i;
        }
    }
    let class = u16::try_from(best).unwrap_or(u16::MAX);
    let Some(&top) = output.get(best).filter(|x| !x.is_nan()) else { return Prediction { class, confidence: 0.0 } };
    let confidence = if probabilities { top } else { 1.0 / output.iter().map(|&x| libm::expf(x - top)).sum::<f32>() };
    Prediction { class, confidence: if confidence.is_nan() { 0.0 } else { confidence.clamp(0.0, 1.0) } }
}

/// How sure a model is of each class, 0..=1, from one image's output: logits, or `probabilities` that went through a softmax
/// already. What is not a number counts as 0.
#[must_use]
pub fn certainties(output: &[f32], probabilities: bool) -> Vec<f32> {
    let top = output.iter().copied().filter(|x| x.is_finite()).fold(f32::NEG_INFINITY, f32::max);
    let exp = |&x: &f32| if x.is_finite() { libm::expf(x - top) } else { 0.0 };
    let sum = output.iter().map(exp).sum::<f32>();
    let certainty = |x: &f32| if probabilities { *x } else { exp(x) / sum.max(f32::MIN_POSITIVE) };
    output.iter().map(|x| Some(certainty(x)).filter(|p| p.is_finite()).unwrap_or(0.0).clamp(0.0, 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let cases: [(&[f32], bool, u16, f32); 9] = [
            (&[0.0, 0.0], false, 0, 0.5),
            (&[1.0, 3.0, 3.0], false, 1, 0.468_310_54),
            (&[-1000.0, 1000.0], false, 1, 1.0),
            (&[0.25, 0.75], true, 1, 0.75),
            (&[5.0], false, 0, 1.0),
            (&[nan, 1.0, 2.0], false, 2, 0.0),
            (&[nan, nan], false, 0, 0.0),
            (&[0.0, inf], false, 1, 0.0),
            (&[], false, 0, 0.0),
        ];
        for (output, probabilities, class, confidence) in cases {
            let found = classify(output, probabilities);
            assert_eq!(found.class, class, "{output:?}");
            assert!((found.confidence - confidence).abs() < 1e-6, "{output:?}: {}", found.confidence);
        }
    }

    #[test]
    fn certainties_of_classes() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let cases: [(&[f32], bool, &[f32]); 7] = [
            (&[0.0, 0.0], false, &[0.5, 0.5]),
            (&[1000.0, -1000.0], false, &[1.0, 0.0]),
            (&[0.25, 0.75], true, &[0.25, 0.75]),
            (&[nan, 1.0, 1.0], false, &[0.0, 0.5, 0.5]),
            (&[inf, 0.0], false, &[0.0, 1.0]),
            (&[nan], true, &[0.0]),
            (&[], false, &[]),
        ];
        for (output, probabilities, expected) in cases {
            assert_eq!(certainties(output, probabilities), expected, "{output:?}");
        }
    }
}
