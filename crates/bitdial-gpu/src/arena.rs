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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_fill_their_words_lie_as_one() {
        let rows = |dims: &[usize]| Rows::of(dims);
        assert_eq!((rows(&[2, 3, 5]).words(), rows(&[]).words(), rows(&[7]).words()), (12, 1, 2));
        for (a, b, same) in [
            (rows(&[2, 3, 8]), rows(&[48]), true),
            (rows(&[2, 2, 6]), rows(&[24]), false),
            (rows(&[1, 1, 6]), rows(&[6]), true),
            (rows(&[2, 8]), rows(&[4, 8]), false),
        ] {
            assert_eq!(a.same(b), same, "{a:?} {b:?}");
        }
    }

    #[test]
    fn what_is_alive_together_has_places_of_its_own() {
        let mut lives = Lives::default();
        let (a, b, c) = (lives.add(20, 0), lives.add(40, 1), lives.add(20, 2));
        lives.touch(a, 1);
        lives.touch(b, 2);
        let arena = lives.place();
        assert_eq!(arena.start(a, 3), arena.start(c, 3));
        assert!(arena.start(b, 1).abs_diff(arena.start(a, 1)) >= 20 && arena.per_image() < 100);
        assert_eq!(arena.len(b), 40);
    }
}
