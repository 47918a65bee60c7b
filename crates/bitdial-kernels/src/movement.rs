//! Copies between layouts: transpose, pad, concatenate. Any element type, the same code on every backend.

/// A prepared transpose.
#[derive(Clone, Debug)]
pub struct Transpose {
    /// Dimensions of the result.
    to: Vec<usize>,
    /// How far their neighbours lie apart in what is read.
    by: Vec<usize>,
}

impl Transpose {
    /// The one in which dimension `i` of the result is dimension `perm[i]` of what is read.
    ///
    /// # Panics
    /// If `perm` is no permutation of the dimensions.
    #[must_use]
    pub fn new(dims: &[usize], perm: &[usize]) -> Self {
        let mut strides = vec![1; dims.len()];
        for i in (1..dims.len()).rev() {
            strides[i - 1] = strides[i] * dims[i];
        }
        let (mut to, mut by): (Vec<usize>, Vec<usize>) = perm.iter().map(|&p| (dims[p], strides[p])).unzip();
        // Neighbouring dimensions that stay neighbours are one.
        let mut i = 1;
        while i < to.len() {
            if by[i - 1] == by[i] * to[i] {
                to[i - 1] *= to[i];
                by[i - 1] = by[i];
                to.remove(i);
                by.remove(i);
            } else {
                i += 1;
            }
        }
        Self { to, by }
    }

    /// Writes all of `x`, row-major.
    ///
    /// # Panics
    /// If a slice is shorter than the dimensions say.
    pub fn run<T: Copy>(&self, x: &[T], out: &mut [T]) {
        copy_strided(x, 0, &self.to, &self.by, out);
    }
}

/// Fills `out` row-major from `x[start + sum of index * by]`.
fn copy_strided<T: Copy>(x: &[T], start: usize, to: &[usize], by: &[usize], out: &mut [T]) {
    match (to, by) {
        ([], _) | (_, []) => out[0] = x[start],
        ([n], [1]) => out[..*n].copy_from_slice(&x[start..start + n]),
        ([n], [step]) => {
            for (i, y) in out[..*n].iter_mut().enumerate() {
                *y = x[start + i * step];
            }
        }
        // What a transpose ends with: as quick as it can be where images have three channels.
        ([n, 3], [1, step]) => interleave([&x[start..], &x[start + step..], &x[start + 2 * step..]], &mut out[..3 * n]),
        ([n, to @ ..], [step, by @ ..]) => {
            let len: usize = to.iter().product();
            for i in 0..*n {
                copy_strided(x, start + i * step, to, by, &mut out[i * len..][..len]);
            }
        }
    }
}

/// The elements of some slices in turn.
fn interleave<T: Copy, const N: usize>(x: [&[T]; N], out: &mut [T]) {
    let (out, _) = out.as_chunks_mut::<N>();
    let x = x.map(|x| &x[..out.len()]);
    for (i, out) in out.iter_mut().enumerate() {
        *out = std::array::from_fn(|c| x[c][i]);
    }
}

/// Surrounds `x` with `border`: for each dimension, as many elements before and after as `pads` says.
///
/// # Panics
/// If a slice is shorter than the dimensions say.
pub fn pad<T: Copy>(x: &[T], dims: &[usize], pads: &[[usize; 2]], border: T, out: &mut [T]) {
    let [n, inner_dims @ ..] = dims else {
        out[0] = x[0];
        return;
    };
    let [before, after] = pads[0];
    if inner_dims.is_empty() {
        out[..before].fill(border);
        out[before..before + n].copy_from_slice(&x[..*n]);
        out[before + n..before + n + after].fill(border);
        return;
    }
    let from: usize = inner_dims.iter().product();
    let to: usize = inner_dims.iter().zip(&pads[1..]).map(|(n, [before, after])| n + before + after).product();
    out[..before * to].fill(border);
    for i in 0..*n {
        pad(&x[i * from..][..from], inner_dims, &pads[1..], border, &mut out[(before + i) * to..][..to]);
    }
    out[(before + n) * to..(before + n + after) * to].fill(border);
}

/// Copies one part of a concatenation: `x` is rows of `part` elements, which go to `offset` in rows of `whole`.
///
/// # Panics
/// If a slice is shorter than the rows say.
pub fn concat_part<T: Copy>(x: &[T], part: usize, whole: usize, offset: usize, out: &mut [T]) {
    if part == 0 {
        return;
    }
    for (from, to) in x.chunks_exact(part).zip(out.chunks_exact_mut(whole)) {
        to[offset..offset + part].copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposes() {
        let x: Vec<u8> = (0..24).collect();
        for (dims, perm) in [
            (vec![2, 3, 4], vec![0, 1, 2]),
            (vec![2, 3, 4], vec![0, 2, 1]),
            (vec![2, 3, 4], vec![2, 0, 1]),
            (vec![2, 3, 4], vec![1, 0, 2]),
            (vec![4, 6], vec![1, 0]),
            (vec![3, 2, 4], vec![1, 2, 0]),
            (vec![2, 3, 4], vec![0, 2, 1]),
            (vec![24], vec![0]),
            (vec![2, 1, 3, 2, 2], vec![4, 1, 0, 3, 2]),
        ] {
            let mut y = vec![0; 24];
            Transpose::new(&dims, &perm).run(&x, &mut y);
            let to: Vec<usize> = perm.iter().map(|&p| dims[p]).collect();
            for (i, &q) in y.iter().enumerate() {
                let (mut rest, mut index) = (i, vec![0; dims.len()]);
                for d in (0..dims.len()).rev() {
                    index[perm[d]] = rest % to[d];
                    rest /= to[d];
                }
                let from = dims.iter().zip(&index).fold(0, |at, (n, i)| at * n + i);
                assert_eq!(q, x[from], "{dims:?} {perm:?} at {i}");
            }
        }
        let mut y = [0];
        Transpose::new(&[], &[]).run(&[7], &mut y);
        assert_eq!(y, [7]);
    }

    #[test]
    fn pads() {
        let mut y = [0; 12];
        pad(&[1, 2, 3, 4], &[2, 2], &[[1, 0], [0, 2]], 9, &mut y);
        assert_eq!(y, [9, 9, 9, 9, 1, 2, 9, 9, 3, 4, 9, 9]);
        let mut y = [0; 4];
        pad(&[1, 2], &[2], &[[1, 1]], 5, &mut y);
        assert_eq!(y, [5, 1, 2, 5]);
    }

    #[test]
    fn concatenates() {
        let mut y = [0; 10];
        concat_part(&[1, 2, 3, 4], 2, 5, 0, &mut y);
        concat_part(&[5, 6, 7, 8, 9, 10], 3, 5, 2, &mut y);
        assert_eq!(y, [1, 2, 5, 6, 7, 3, 4, 8, 9, 10]);
    }
}
