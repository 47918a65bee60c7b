//! Which order of corrections makes sense, and what else happens between them.

use bitdial_protocol::Correction;

use super::{Stage, changes_model};
use crate::error::QuantError;

/// How late a correction must come: what it works on is made by those of smaller rank.
fn rank(correction: Correction) -> u8 {
    match correction {
        Correction::Cle | Correction::Smooth => 0,
        Correction::Adaround | Correction::Gptq => 1,
        Correction::Bias | Correction::Bn => 2,
    }
}

/// Why a correction cannot come after one of a higher rank.
fn reason(correction: Correction) -> &'static str {
    match rank(correction) {
        0 => "it changes the weights that are rounded",
        _ => "it rounds the weights whose error is made up for",
    }
}

/// Refuses what would undo a correction that came before.
pub(super) fn check(corrections: &[Correction]) -> Result<(), QuantError> {
    for (i, &now) in corrections.iter().enumerate() {
        let before = &corrections[..i];
        if before.contains(&now) {
            return Err(QuantError::Twice { correction: now.name() });
        }
        if let Some(&late) = before.iter().find(|&&b| rank(b) > rank(now)) {
            return Err(QuantError::Order { first: now.name(), then: late.name(), reason: reason(now) });
        }
        if rank(now) == 1
            && let Some(&other) = before.iter().find(|&&b| rank(b) == 1)
        {
            return Err(QuantError::RoundedTwice { one: other.name(), other: now.name() });
        }
    }
    Ok(())
}

/// All stages of a recipe: weights are rounded once, before the first correction that works on integers, and ranges are
/// found right before, unless they are known and still true.
pub(super) fn stages(corrections: &[Correction], is_static: bool, known: bool) -> Vec<Stage> {
    let split = corrections.iter().position(|&c| !changes_model(c)).unwrap_or(corrections.len());
    let (first, rest) = corrections.split_at(split);
    let correcting = |c: &[Correction]| c.iter().copied().map(Stage::Correcting).collect::<Vec<_>>();
    let mut stages = correcting(first);
    if is_static && (!known || !first.is_empty()) {
        stages.push(Stage::Calibrating);
    }
    stages.push(Stage::Quantizing);
    stages.extend(correcting(rest));
    stages
}

#[cfg(test)]
mod tests {
    use super::*;
    use Correction::{Adaround, Bias, Bn, Cle, Gptq, Smooth};

    #[test]
    fn what_undoes_is_refused_with_what_to_do() {
        for (corrections, reason) in [
            (&[Bias, Cle][..], "put 'cle' before 'bias' in the recipe's corrections: it changes the weights that are rounded"),
            (&[Gptq, Smooth], "put 'smooth' before 'gptq'"),
            (&[Cle, Bn, Adaround], "put 'adaround' before 'bn' in the recipe's corrections: it rounds the weights"),
            (&[Adaround, Gptq], "choose one of 'adaround' and 'gptq'"),
            (&[Cle, Cle], "'cle' stands twice"),
        ] {
            let error = check(corrections).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        for sound in [&[][..], &[Smooth, Cle, Gptq, Bn, Bias], &Correction::ALL[..3], &[Bias, Bn]] {
            assert_eq!(check(sound), Ok(()));
        }
    }

    #[test]
    fn ranges_are_found_again_after_the_model_has_changed() {
        use Stage::{Calibrating, Correcting, Quantizing};
        for (corrections, is_static, known, expected) in [
            (&[][..], true, false, &[Calibrating, Quantizing][..]),
            (&[], true, true, &[Quantizing]),
            (&[], false, false, &[Quantizing]),
            (&[Bias], true, true, &[Quantizing, Correcting(Bias)]),
            (&[Cle, Bias], true, true, &[Correcting(Cle), Calibrating, Quantizing, Correcting(Bias)]),
            (&[Cle, Smooth], false, true, &[Correcting(Cle), Correcting(Smooth), Quantizing]),
        ] {
            assert_eq!(stages(corrections, is_static, known), expected, "{corrections:?}");
        }
    }
}
