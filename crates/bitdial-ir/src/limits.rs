//! How large a model may be: what keeps a small file from asking for much memory or time.

/// Most nodes of a graph.
pub(crate) const NODES: usize = 1 << 14;
/// Most constants of a file.
pub(crate) const INITIALIZERS: usize = 1 << 16;
/// Most attributes of a file.
pub(crate) const ATTRIBUTES: usize = 1 << 18;
/// Most declarations of graph inputs and outputs in a file; old files declare every constant.
pub(crate) const ENDS: usize = 1 << 16;
/// Most graph inputs, and most graph outputs.
pub(crate) const INPUTS: usize = 1 << 8;
/// Most elements of a shape that a file computes.
pub(crate) const SHAPE: usize = 1 << 8;
/// Most dimensions of a tensor.
pub(crate) const RANK: usize = 8;
/// Most elements that all values of one image have together: 512 MiB of f32.
pub(crate) const VALUE_ELEMENTS: usize = 1 << 27;
/// Most elements that all constants have together: 256 MiB of f32.
pub(crate) const CONSTANT_ELEMENTS: usize = 1 << 26;
/// Most multiplications, or taps of pooling windows, of one image: a hundred times EfficientNet-Lite0.
pub(crate) const WORK: u64 = 1 << 36;
/// Largest entry of a window: kernel, stride, padding or dilation.
pub(crate) const WINDOW: usize = 1 << 15;

/// Number of elements; `None` if there are too many of them or of the dimensions, or none at all.
pub(crate) fn elements(dims: &[usize]) -> Option<usize> {
    if dims.len() > RANK {
        return None;
    }
    let n = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
    (1..=VALUE_ELEMENTS).contains(&n).then_some(n)
}

/// Adds up sizes until there are too many.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    left: usize,
    what: &'static str,
}

impl Budget {
    /// For the elements of constants.
    pub(crate) fn constants() -> Self {
        Self { left: CONSTANT_ELEMENTS, what: "its constants have more than 67 million elements" }
    }

    /// For the elements of values.
    pub(crate) fn values() -> Self {
        Self { left: VALUE_ELEMENTS, what: "its activations have more than 134 million elements per image" }
    }

    /// Takes `n`, or says what ran out.
    pub(crate) fn take(&mut self, n: usize) -> Result<(), &'static str> {
        self.left = self.left.checked_sub(n).ok_or(self.what)?;
        Ok(())
    }
}
