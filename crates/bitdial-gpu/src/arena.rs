//! Where values live: all in one buffer, those that are never alive together in the same place.
//!
//! Integers are bytes, four of the last dimension a word; the last word of a row may be filled up. Real numbers are a word
//! each. Images lie one after the other.

use bitdial_runtime::shared::{Life, place};

/// Names a piece of the arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Buf(usize);

/// The pieces before they have places.
#[derive(Debug, Default)]
pub(crate) struct Lives(Vec<Life>);

impl Lives {
    /// One of so many words an image, from step `at` on.
    pub(crate) fn add(&mut self, words: usize, at: usize) -> Buf {
        self.0.push(Life { len: words, first: at, last: at });
        Buf(self.0.len() - 1)
    }

    /// Keeps it alive until step `at`.
    pub(crate) fn touch(&mut self, buf: Buf, at: usize) {
        let life = &mut self.0[buf.0];
        life.last = life.last.max(at);
    }

    /// Gives every one its place.
    pub(crate) fn place(self) -> Arena {
        let (offsets, per_image) = place(&self.0);
        Arena { offsets, lens: self.0.iter().map(|life| life.len).collect(), per_image }
    }
}

/// The places.
#[derive(Debug)]
pub(crate) struct Arena {
    offsets: Vec<usize>,
    lens: Vec<usize>,
    per_image: usize,
}

impl Arena {
    /// Words that an image takes.
    pub(crate) fn per_image(&self) -> usize {
        self.per_image
    }

    /// Words of an image's piece.
    pub(crate) fn len(&self, buf: Buf) -> usize {
        self.lens[buf.0]
    }

    /// The first word of the first image, where there is room for so many.
    pub(crate) fn start(&self, buf: Buf, capacity: usize) -> usize {
        self.offsets[buf.0] * capacity
    }
}

/// How the elements of a value lie: rows of its last dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    /// How many.
    pub rows: usize,
    /// Elements of one.
    pub last: usize,
}

impl Rows {
    /// Of dimensions.
    pub(crate) fn of(dims: &[usize]) -> Self {
        let last = dims.last().copied().unwrap_or(1);
        Self { rows: dims.iter().product::<usize>() / last.max(1), last }
    }

    /// Elements.
    pub(crate) fn len(self) -> usize {
        self.rows * self.last
    }

    /// Words of a row of bytes.
    pub(crate) fn row_words(self) -> usize {
        self.last.div_ceil(4)
    }

    /// Words of all rows of bytes.
    pub(crate) fn words(self) -> usize {
        self.rows * self.row_words()
    }

    /// Whether bytes that lie like this also lie like that.
    pub(crate) fn same(self, other: Self) -> bool {
        let whole = |rows: Self| rows.last.is_multiple_of(4);
        self == other || (self.len() == other.len() && whole(self) && whole(other))
    }
}
