//! The few matrix operations that methods of quantization take their time with, in one order of operations on every
//! machine: plain loops that vectorize.

/// Columns of a matrix that is multiplied from the right come in multiples of this.
pub const LANES: usize = 8;
/// Rows that share what was loaded.
const ROWS: usize = 4;

/// `c = a b`, or `c += a b` if `add`: `a` is `[m][inner]` with `stride` numbers a row, `b` is `[inner][n]`, `c` is
/// `[m][n]`, `n` a multiple of [`LANES`]. Products are added in the order of `inner`.
pub fn multiply(a: &[f32], stride: usize, b: &[f32], inner: usize, c: &mut [f32], n: usize, add: bool) {
    debug_assert!(n.is_multiple_of(LANES) && stride >= inner && b.len() >= inner * n);
    let mut rows = c.chunks_exact_mut(ROWS * n);
    let mut first = 0;
    for c in &mut rows {
        for column in (0..n).step_by(LANES) {
            block::<ROWS, LANES>(&a[first * stride..], stride, b, inner, c, n, column, add);
        }
        first += ROWS;
    }
    for c in rows.into_remainder().chunks_exact_mut(n) {
        let a = &a[first * stride..];
        let mut column = 0;
        while column + ROWS * LANES <= n {
            block::<1, { ROWS * LANES }>(a, stride, b, inner, c, n, column, add);
            column += ROWS * LANES;
        }
        while column < n {
            block::<1, LANES>(a, stride, b, inner, c, n, column, add);
            column += LANES;
        }
        first += 1;
    }
}

/// `R` rows and `L` columns of a product, in registers.
#[expect(clippy::too_many_arguments, reason = "three matrices and where to look in them")]
#[inline]
fn block<const R: usize, const L: usize>(
    a: &[f32],
    stride: usize,
    b: &[f32],
    inner: usize,
    c: &mut [f32],
    n: usize,
    column: usize,
    add: bool,
) {
    let rows: [&[f32]; R] = std::array::from_fn(|r| &a[r * stride..][..inner]);
    let mut sums = [[0.0f32; L]; R];
    for (k, b) in b.chunks_exact(n).take(inner).enumerate() {
        let b: &[f32; L] = b[column..column + L].try_into().unwrap_or(&[0.0; L]);
        for r in 0..R {
            let factor = rows[r][k];
            for l in 0..L {
                sums[r][l] += factor * b[l];
            }
        }
    }
    for (sums, c) in sums.iter().zip(c.chunks_exact_mut(n)) {
        for (to, sum) in c[column..column + L].iter_mut().zip(sums) {
            *to = if add { *to + sum } else { *sum };
        }
    }
}

/// The sum of products, in four interleaved parts.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    const PARTS: usize = 2 * LANES;
    let mut sums = [0.0f32; PARTS];
    let (pairs, rest) = (a.chunks_exact(PARTS).zip(b.chunks_exact(PARTS)), a.len().min(b.len()) / PARTS * PARTS);
    for (a, b) in pairs {
        for i in 0..PARTS {
            sums[i] += a[i] * b[i];
        }
    }
    for (i, (a, b)) in a[rest..].iter().zip(&b[rest..]).enumerate() {
        sums[i] += a * b;
    }
    let mut width = PARTS / 2;
    while width > 0 {
        for i in 0..width {
            sums[i] += sums[i + width];
        }
        width /= 2;
    }
    sums[0]
}

/// Factors a symmetric positive definite matrix (`[n][n]`, its lower triangle is read) as `H = U D U^T`, `U` upper
/// triangular with ones on its diagonal. Gives the columns of `U` as rows: `[j][i]` is `U_ij`, for `i < j`; other
/// elements are 0. Where the matrix is not positive definite to working precision, the column is left 0.
///
/// Source: Golub and Van Loan, 'Matrix computations', section 4.1.2, from the last column to the first.
pub fn udu(matrix: &[f32], n: usize) -> Vec<f32> {
    // Lower triangle of what is left to factor, row by row: element (i, j), j <= i.
    let mut left: Vec<f64> = matrix.iter().map(|&x| f64::from(x)).collect();
    let mut columns = vec![0.0f32; n * n];
    for j in (0..n).rev() {
        let (above, row) = left.split_at_mut(j * n);
        let pivot = row[j];
        if !(pivot > 0.0 && pivot.is_finite()) {
            continue;
        }
        // Row j of the lower triangle is column j of the upper one.
        let column = &row[..j];
        for (i, row) in above.chunks_exact_mut(n).enumerate() {
            let factor = column[i] / pivot;
            columns[j * n + i] = factor as f32;
            for (to, c) in row[..=i].iter_mut().zip(column) {
                *to -= factor * c;
            }
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that are not regular.
    fn numbers(len: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9);
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 - 0.5
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn products_are_those_of_the_plain_loop() {
        for (m, inner, n) in [(1, 1, 8), (1, 9, 64), (3, 5, 40), (4, 16, 8), (5, 24, 72), (9, 0, 16)] {
            let stride = inner + 3;
            let (a, b) = (numbers(m * stride, 1), numbers(inner * n, 2));
            let before = numbers(m * n, 3);
            for add in [false, true] {
                let mut c = before.clone();
                multiply(&a, stride, &b, inner, &mut c, n, add);
                for i in 0..m {
                    for j in 0..n {
                        let sum = (0..inner).fold(0.0, |sum, k| sum + a[i * stride + k] * b[k * n + j]);
                        // The same bits: the order of the sum does not depend on blocks.
                        assert_eq!(c[i * n + j], if add { before[i * n + j] + sum } else { sum }, "{m} {inner} {n} at {i} {j}");
                    }
                }
            }
        }
    }

    #[test]
    fn dots_are_sums_of_products() {
        for len in [0, 1, 15, 16, 17, 100] {
            let (a, b) = (numbers(len, 1), numbers(len, 2));
            let expected: f64 = a.iter().zip(&b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            assert!((f64::from(dot(&a, &b)) - expected).abs() < 1e-5, "{len}");
        }
    }

    #[test]
    fn factors_multiply_to_the_matrix() {
        for n in [1, 2, 7, 30] {
            // U D U^T of a known U and D.
            let entries = numbers(n * n, 5);
            let u = |i: usize, j: usize| {
                if i == j {
                    1.0
                } else if i < j {
                    entries[i * n + j] / 4.0
                } else {
                    0.0
                }
            };
            let d = |j: usize| 1.0 + j as f32 / 3.0;
            let element = |i: usize, j: usize| (0..n).map(|k| u(i, k) * d(k) * u(j, k)).sum::<f32>();
            let matrix: Vec<f32> = (0..n * n).map(|at| element(at / n, at % n)).collect();
            let columns = udu(&matrix, n);
            for j in 0..n {
                for i in 0..n {
                    let expected = if i < j { u(i, j) } else { 0.0 };
                    assert!((columns[j * n + i] - expected).abs() < 1e-4, "{n}: {i} {j}");
                }
            }
        }
        assert_eq!(udu(&[0.0, 0.0, 0.0, f32::NAN], 2), [0.0; 4]);
    }
}
