//! numpy's broadcasting: which operands can be read as they are, and copies of those that cannot.

/// How an operand covers a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    /// Element by element.
    Full,
    /// Again and again in order: one value per channel, or a scalar.
    Repeats,
    /// It must be spread out first.
    Spread,
}

/// How an operand with dimensions `from` covers a result with dimensions `to`; `None` if it does not.
#[must_use]
pub fn cover(from: &[usize], to: &[usize]) -> Option<Cover> {
    let offset = to.len().checked_sub(from.len())?;
    if from.iter().zip(&to[offset..]).any(|(&f, &t)| f != t && f != 1) {
        return None;
    }
    let leading = from.iter().take_while(|&&d| d == 1).count();
    let suffix = &from[leading..];
    Some(if !to.ends_with(suffix) {
        Cover::Spread
    } else if suffix.iter().product::<usize>() == to.iter().product() {
        Cover::Full
    } else {
        Cover::Repeats
    })
}

/// Writes `x` of dimensions `from` over `out` of dimensions `to`, which it must cover.
pub fn spread<T: Copy>(x: &[T], from: &[usize], to: &[usize], out: &mut [T]) {
    let Some((&n, inner_to)) = to.split_first() else {
        out[0] = x[0];
        return;
    };
    let len = out.len() / n;
    // A dimension that the operand lacks counts as 1.
    let (m, inner_from) = if from.len() == to.len() { (from[0], &from[1..]) } else { (1, from) };
    let step = if m == 1 { 0 } else { x.len() / m };
    for (i, out) in out.chunks_exact_mut(len).enumerate() {
        let part = if step == 0 { x } else { &x[i * step..][..step] };
        spread(part, inner_from, inner_to, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_cover_results() {
        for (from, to, expected) in [
            (&[2, 3, 4][..], &[2, 3, 4][..], Some(Cover::Full)),
            (&[1, 4], &[1, 1, 4], Some(Cover::Full)),
            (&[4], &[2, 3, 4], Some(Cover::Repeats)),
            (&[1, 3, 4], &[2, 3, 4], Some(Cover::Repeats)),
            (&[], &[2, 3, 4], Some(Cover::Repeats)),
            (&[1, 1, 1], &[2, 3, 4], Some(Cover::Repeats)),
            (&[2, 1, 4], &[2, 3, 4], Some(Cover::Spread)),
            (&[3, 1], &[2, 3, 4], Some(Cover::Spread)),
            (&[3], &[2, 3, 4], None),
            (&[2, 3, 4], &[3, 4], None),
        ] {
            assert_eq!(cover(from, to), expected, "{from:?} over {to:?}");
        }
    }

    #[test]
    fn spreading_repeats_along_ones() {
        let mut out = [0; 12];
        spread(&[1, 2, 3, 4], &[2, 1, 2], &[2, 3, 2], &mut out);
        assert_eq!(out, [1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4]);
        spread(&[1, 2, 3], &[3, 1], &[2, 3, 2], &mut out);
        assert_eq!(out, [1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3]);
        spread(&[9], &[], &[12], &mut out);
        assert_eq!(out, [9; 12]);
    }
}
