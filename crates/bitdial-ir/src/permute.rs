//! Axes in another order.

/// The elements of a row-major tensor with the axes in another order: output axis `i` is input axis `perm[i]`.
///
/// `perm` must be an order of the axes of `dims`, and `dims` must multiply to the length of `data`.
pub(crate) fn permute<T: Copy>(data: &[T], dims: &[usize], perm: &[usize]) -> Vec<T> {
    let mut strides = vec![1; dims.len()];
    for i in (1..dims.len()).rev() {
        strides[i - 1] = strides[i] * dims[i];
    }
    let mut out = Vec::with_capacity(data.len());
    let mut index = vec![0; perm.len()];
    let mut offset = 0;
    for _ in 0..data.len() {
        out.push(data[offset]);
        for i in (0..perm.len()).rev() {
            let (size, stride) = (dims[perm[i]], strides[perm[i]]);
            index[i] += 1;
            offset += stride;
            if index[i] < size {
                break;
            }
            offset -= stride * size;
            index[i] = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::permute;

    #[test]
    fn matrices_and_images_turn() {
        assert_eq!(permute(&[1, 2, 3, 4, 5, 6], &[2, 3], &[1, 0]), [1, 4, 2, 5, 3, 6]);
        let chw: Vec<u8> = (0..24).collect();
        let hwc = permute(&chw, &[2, 3, 4], &[1, 2, 0]);
        assert_eq!(hwc[..4], [0, 12, 1, 13]);
        assert_eq!(permute(&hwc, &[3, 4, 2], &[2, 0, 1]), chw);
        assert_eq!(permute(&[7], &[], &[]), [7]);
        assert_eq!(permute::<u8>(&[], &[0, 2], &[1, 0]), []);
    }
}
