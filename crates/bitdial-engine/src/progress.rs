//! How far a long request is.

/// Parts done and parts in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Parts done.
    pub done: usize,
    /// Parts in all; may be 0.
    pub total: usize,
}

impl Progress {
    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_done(self) -> bool {
        self.done >= self.total
    }
}
