//! Which part of their work kernels do: all of it, unless a profile asks how long one part takes.
//!
//! A convolution *moves* (copies its image with a border, packs strips of it), *multiplies*, and *requantizes* (or
//! rescales, clamps and stores). It can do the first alone, and the last alone on sums of nothing; its results are then
//! of no use, but its time is. Before it, whoever calls it may have to *unpack* weights.

use std::cell::Cell;

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything.
    All,
    /// Unpacking of weights, by whoever calls kernels.
    Unpack,
    /// Copies of the image.
    Move,
    /// From sums to results.
    Requantize,
    /// None of these: what remains is preparation.
    Nothing,
}

thread_local!(static PART: Cell<Part> = const { Cell::new(Part::All) });

impl Part {
    /// Lets all kernels that `work` calls do this part only.
    pub fn only<T>(self, work: impl FnOnce() -> T) -> T {
        let before = PART.replace(self);
        let done = work();
        PART.set(before);
        done
    }

    /// Whether weights are to be unpacked.
    #[must_use]
    pub fn unpacks() -> bool {
        matches!(PART.get(), Self::All | Self::Unpack)
    }

    /// Whether the image is to be copied.
    pub(crate) fn moves() -> bool {
        matches!(PART.get(), Self::All | Self::Move)
    }

    /// Whether to multiply.
    pub(crate) fn multiplies() -> bool {
        PART.get() == Self::All
    }

    /// Whether sums become results.
    pub(crate) fn requantizes() -> bool {
        matches!(PART.get(), Self::All | Self::Requantize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_holds_as_long_as_its_work() {
        let all = || [Part::unpacks(), Part::moves(), Part::multiplies(), Part::requantizes()];
        assert_eq!(all(), [true; 4]);
        for (part, expected) in [
            (Part::Unpack, [true, false, false, false]),
            (Part::Move, [false, true, false, false]),
            (Part::Requantize, [false, false, false, true]),
            (Part::Nothing, [false; 4]),
        ] {
            assert_eq!(part.only(all), expected);
            assert_eq!(Part::Nothing.only(|| part.only(all)), expected);
        }
        assert_eq!(all(), [true; 4]);
    }
}
