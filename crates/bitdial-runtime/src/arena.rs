//! Where values live: buffers that are never alive together share memory.
//!
//! Every buffer has a life, first and last step. Once all lives are known each gets an offset, largest first at the
//! lowest place that no buffer alive with it occupies (Pisarchyk and Lee 2020, 'Efficient memory management for deep
//! neural net inference', greedy by size). Offsets and lengths are for one image; for a chunk of `n` they are
//! multiplied by `n`, so that one placement serves every chunk.

use std::marker::PhantomData;
use std::ops::Range;

use crate::memory::reserve;

/// Elements that offsets are multiples of.
const ALIGN: usize = 16;

/// Names a buffer of elements `T`.
#[derive(Debug)]
pub(crate) struct Buf<T> {
    index: usize,
    element: PhantomData<fn() -> T>,
}

impl<T> Buf<T> {
    /// Its number among the buffers of its kind.
    pub(crate) fn index(self) -> usize {
        self.index
    }
}

impl<T> Clone for Buf<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Buf<T> {}

/// How long a buffer is, and when it is alive.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// Elements for one image.
    pub len: usize,
    /// The first step that uses it.
    pub first: usize,
    /// The last one.
    pub last: usize,
}

/// The buffers of elements `T`, before they have places.
#[derive(Debug)]
pub(crate) struct Lives<T> {
    lives: Vec<Life>,
    element: PhantomData<fn() -> T>,
}

impl<T: Copy + Default> Lives<T> {
    pub(crate) fn new() -> Self {
        Self { lives: Vec::new(), element: PhantomData }
    }

    /// A buffer of `len` elements per image that comes to life at step `at`.
    pub(crate) fn add(&mut self, len: usize, at: usize) -> Buf<T> {
        self.lives.push(Life { len, first: at, last: at });
        Buf { index: self.lives.len() - 1, element: PhantomData }
    }

    /// Keeps a buffer alive until step `at`.
    pub(crate) fn touch(&mut self, buf: Buf<T>, at: usize) {
        let life = &mut self.lives[buf.index];
        life.last = life.last.max(at);
    }

    /// Gives every buffer its place.
    pub(crate) fn place(self) -> Arena<T> {
        let (offsets, per_image) = place(&self.lives);
        let places = offsets.into_iter().zip(&self.lives).map(|(offset, life)| Place { offset, len: life.len }).collect();
        Arena { places, per_image, images: 0, data: Vec::new() }
    }
}

/// An offset for each buffer, such that those that are alive together do not overlap, and where the last one ends.
#[must_use]
pub fn place(lives: &[Life]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..lives.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(lives[i].len), i));
    let mut places = vec![Place::default(); lives.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(order.len()); // by ascending offset
    for i in order {
        let life = &lives[i];
        let len = life.len.next_multiple_of(ALIGN);
        let mut offset = 0usize;
        for &other in &placed {
            let (place, alive) = (&places[other], &lives[other]);
            if alive.first > life.last || alive.last < life.first {
                continue;
            }
            if place.offset >= offset.saturating_add(len) {
                break;
            }
            offset = offset.max(place.end());
        }
        places[i] = Place { offset, len: life.len };
        let at = placed.partition_point(|&other| places[other].offset <= offset);
        placed.insert(at, i);
    }
    let end = places.iter().map(Place::end).max().unwrap_or(0);
    (places.iter().map(|place| place.offset).collect(), end)
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    offset: usize,
    len: usize,
}

impl Place {
    /// Where the next buffer may start; the largest number there is if memory has no such place.
    fn end(&self) -> usize {
        self.offset.saturating_add(self.len.next_multiple_of(ALIGN))
    }
}

/// The buffers of elements `T`, in one piece of memory.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    places: Vec<Place>,
    per_image: usize,
    images: usize,
    data: Vec<T>,
}

impl<T: Copy + Default> Arena<T> {
    /// Elements that one image takes.
    pub(crate) fn per_image(&self) -> usize {
        self.per_image
    }

    /// Makes room for chunks of up to `images`.
    pub(crate) fn reserve(&mut self, images: usize) {
        reserve(&mut self.data, self.per_image * images);
    }

    /// Elements that there is room for.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.data.len()
    }

    /// Lays the buffers out for a chunk of `images`, for which there must be room; what they held is lost.
    pub(crate) fn set_images(&mut self, images: usize) {
        self.images = images;
    }

    fn range(&self, buf: Buf<T>) -> Range<usize> {
        let place = self.places[buf.index];
        place.offset * self.images..(place.offset + place.len) * self.images
    }

    /// Elements of one image.
    pub(crate) fn len(&self, buf: Buf<T>) -> usize {
        self.places[buf.index].len
    }

    /// A buffer to read: the images one after the other.
    pub(crate) fn get(&self, buf: Buf<T>) -> &[T] {
        &self.data[self.range(buf)]
    }

    /// A buffer to write.
    pub(crate) fn get_mut(&mut self, buf: Buf<T>) -> &mut [T] {
        let range = self.range(buf);
        &mut self.data[range]
    }

    /// A buffer to write and all that live with it to read.
    pub(crate) fn write(&mut self, out: Buf<T>) -> (&mut [T], Others<'_, T>) {
        let range = self.range(out);
        let (before, rest) = self.data.split_at_mut(range.start);
        let (out, after) = rest.split_at_mut(range.len());
        (out, Others { places: &self.places, images: self.images, before, after, end: range.end })
    }
}

/// What lies before and after a buffer that is being written.
#[derive(Debug)]
pub(crate) struct Others<'a, T> {
    places: &'a [Place],
    images: usize,
    before: &'a [T],
    after: &'a [T],
    end: usize,
}

impl<T> Others<'_, T> {
    /// A buffer to read. It is alive together with the one being written, so it lies on one side of it.
    pub(crate) fn get(&self, buf: Buf<T>) -> &[T] {
        let place = self.places[buf.index];
        let (start, len) = (place.offset * self.images, place.len * self.images);
        if start >= self.end { &self.after[start - self.end..][..len] } else { &self.before[start..][..len] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arena(lives: &[(usize, usize, usize)]) -> Arena<u8> {
        let mut all = Lives::new();
        for &(len, first, last) in lives {
            let buf = all.add(len, first);
            all.touch(buf, last);
        }
        all.place()
    }

    #[test]
    fn a_chain_needs_its_two_largest_neighbours() {
        // Lengths are multiples of the alignment, so that the peak is exact.
        let chain = arena(&[(160, 0, 1), (320, 1, 2), (64, 2, 3), (320, 3, 4)]);
        assert_eq!(chain.per_image(), 480);
        let residual = arena(&[(160, 0, 3), (320, 1, 2), (160, 2, 3), (160, 3, 4)]);
        assert_eq!(residual.per_image(), 640);
    }

    #[test]
    fn buffers_alive_together_never_overlap() {
        // A few hundred lives from a fixed linear congruential sequence.
        let mut state = 1u32;
        let mut next = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        let lives: Vec<(usize, usize, usize)> = (0..300)
            .map(|_| {
                let first = next(100) as usize;
                (1 + next(500) as usize, first, first + next(20) as usize)
            })
            .collect();
        let arena = arena(&lives);
        for (i, a) in lives.iter().enumerate() {
            for (j, b) in lives.iter().enumerate().skip(i + 1) {
                let (p, q) = (arena.places[i], arena.places[j]);
                let together = a.1 <= b.2 && b.1 <= a.2;
                let apart = p.offset + p.len <= q.offset || q.offset + q.len <= p.offset;
                assert!(!together || apart, "{i} {a:?} and {j} {b:?}");
            }
        }
        let sum: usize = lives.iter().map(|l| l.0).sum();
        assert!(arena.per_image() < sum / 3, "{} of {sum}", arena.per_image());
    }

    #[test]
    fn what_is_written_is_read_for_any_chunk() {
        let mut arena = arena(&[(3, 0, 1), (5, 1, 1), (2, 0, 1)]);
        let buf = |index| Buf { index, element: PhantomData };
        for images in [1, 4, 2] {
            arena.reserve(images);
            arena.set_images(images);
            arena.get_mut(buf(0)).fill(1);
            arena.get_mut(buf(2)).fill(2);
            let (out, others) = arena.write(buf(1));
            assert_eq!((out.len(), others.get(buf(0)).len(), others.get(buf(2)).len()), (5 * images, 3 * images, 2 * images));
            assert!(others.get(buf(0)).iter().all(|&x| x == 1) && others.get(buf(2)).iter().all(|&x| x == 2));
            out.fill(3);
            assert!(arena.get(buf(0)).iter().all(|&x| x == 1) && arena.get(buf(2)).iter().all(|&x| x == 2));
        }
    }
}
