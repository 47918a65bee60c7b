//! A strip of an image for depthwise convolutions: sixteen channels of some rows, the taps of a column packed together.
//!
//! An *element* is the 4 bytes that a step of the inner loop multiplies for one channel: as many taps of neighbouring
//! rows as fit, one f32, two i16 or four 8-bit integers. So a 3x3 window of bytes is three elements, and windows that
//! slide along a row share them whatever the stride. Elements of a row lie at a fixed distance, with the border around
//! them, so that the inner loop computes no addresses and tests for nothing.

use crate::api::ConvShape;
use crate::part::Part;
use crate::scratch::{Bits, Scratch, bytes_of};
use core::arch::wasm32::{v128, v128_store};

/// Channels of a strip.
pub(crate) const STRIP: usize = 16;

/// Bytes from one column of a strip to the next: an element of each channel.
pub(crate) const COLUMN: usize = 4 * STRIP;

/// The elements of sixteen channels.
pub(crate) type Column = [u8; COLUMN];

/// Outputs of a tile.
pub(crate) const TILE: usize = 4;

/// How taps are packed into elements.
pub(crate) trait Pack {
    /// What images hold.
    type Value: Bits + Default + 'static;
    /// Taps of an element.
    const TAPS: usize;

    /// Writes the elements of sixteen channels of a column, from each row's values.
    ///
    /// # Safety
    /// Sixteen values are readable at each of the `TAPS` first pointers.
    unsafe fn pack(&self, rows: [*const Self::Value; 4], column: &mut Column);
}

/// Where the elements of a depthwise convolution lie.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    /// Elements of a window's column.
    pub elements: usize,
    /// Rows of the image from an element's first tap to the first of the next one below.
    step: usize,
    /// Rows of elements that a row of outputs spans: as many are kept.
    kept: usize,
    /// Columns of a kept row.
    columns: usize,
}

impl Layout {
    /// For elements of `taps` taps.
    pub fn new(shape: &ConvShape, taps: usize) -> Self {
        let elements = shape.kernel[0].div_ceil(taps);
        let step = taps * shape.dilation[0];
        let outputs = shape.output[1].next_multiple_of(TILE).max(TILE);
        let columns = (outputs - 1) * shape.stride[1] + (shape.kernel[1] - 1) * shape.dilation[1] + 1;
        Self { elements, step, kept: (elements - 1) * step + 1, columns }
    }

    /// Whether what is kept is no more than a few megabytes, as it is for all but odd shapes.
    pub fn is_small(&self) -> bool {
        const MOST: u64 = 1 << 23;
        [self.columns, COLUMN].iter().fold(self.kept as u64, |n, &m| n.saturating_mul(m as u64)) <= MOST
    }

    /// Bytes of scratch for a strip of values `V`.
    pub fn scratch_len<V: Bits>(&self) -> usize {
        bytes_of::<u8>(self.kept * self.columns * COLUMN)
            + bytes_of::<usize>(self.kept)
            + bytes_of::<usize>(self.elements)
            + bytes_of::<V>(STRIP)
    }
}

/// The kept rows of sixteen channels.
pub(crate) struct Strip<'a, P: Pack> {
    shape: &'a ConvShape,
    layout: Layout,
    pack: P,
    elements: &'a mut [u8],
    /// For each kept row, 1 more than the bordered row whose elements it holds, or 0.
    holds: &'a mut [usize],
    /// First byte of each row of elements of the current row of outputs.
    offsets: &'a mut [usize],
    border: &'a mut [P::Value],
}

impl<'a, P: Pack> Strip<'a, P> {
    /// A strip of an image whose border holds `border`.
    pub fn new(shape: &'a ConvShape, layout: Layout, pack: P, border: P::Value, scratch: &mut Scratch<'a>) -> Self {
        let elements = scratch.take(layout.kept * layout.columns * COLUMN);
        let (holds, offsets, fill) = (scratch.take(layout.kept), scratch.take(layout.elements), scratch.take(STRIP));
        fill.fill(border);
        Self { shape, layout, pack, elements, holds, offsets, border: fill }
    }

    /// Forgets the rows: another strip, or another part of the image, comes next.
    pub fn clear(&mut self) {
        self.holds.fill(0);
    }

    /// Packs the rows that output row `y` needs, of the channels from `channel` on, as far as they are not there yet.
    /// Gives all kept rows, and the first byte of each that the output row needs.
    pub fn fill(&mut self, image: &[P::Value], channel: usize, y: usize) -> (&[u8], &[usize]) {
        for element in 0..self.layout.elements {
            let row = y * self.shape.stride[0] + element * self.layout.step;
            let slot = row % self.layout.kept;
            if self.holds[slot] != row + 1 && Part::moves() {
                self.holds[slot] = row + 1;
                self.row(image, channel, row, slot);
            }
            self.offsets[element] = slot * self.layout.columns * COLUMN;
        }
        (self.elements, self.offsets)
    }

    /// Packs the elements that start at bordered row `row`.
    fn row(&mut self, image: &[P::Value], channel: usize, row: usize, slot: usize) {
        let [height, width, channels] = self.shape.input;
        let (top, left) = (self.shape.pad[0], self.shape.pad[1]);
        let border = self.border.as_ptr();
        // A last element may reach beyond the window; those taps have no weight there, but may have one in the next row.
        let rows: [Option<usize>; 4] = std::array::from_fn(|tap| {
            let y = (row + tap * self.shape.dilation[0]).checked_sub(top)?;
            (tap < P::TAPS && y < height).then_some(y * width * channels + channel)
        });
        let out = &mut self.elements[slot * self.layout.columns * COLUMN..][..self.layout.columns * COLUMN];
        let (columns, _) = out.as_chunks_mut::<COLUMN>();
        let mut empty = [0; COLUMN];
        // SAFETY: sixteen values are readable in the border.
        unsafe { self.pack.pack([border; 4], &mut empty) };
        let (before, rest) = columns.split_at_mut(left.min(columns.len()));
        let (inside, after) = rest.split_at_mut(width.min(rest.len()));
        before.iter_mut().chain(after).for_each(|column| *column = empty);
        // The columns at which sixteen values can be read from every row.
        let last = rows.iter().flatten().max().copied().unwrap_or(0);
        let whole = (image.len().saturating_sub(last + STRIP) / channels + usize::from(image.len() >= last + STRIP)).min(inside.len());
        let (whole, cut) = inside.split_at_mut(whole);
        let mut from = rows.map(|row| row.map_or(border, |at| image[at..].as_ptr()));
        let step = rows.map(|row| if row.is_some() { channels } else { 0 });
        for column in whole.iter_mut() {
            // SAFETY: `whole` ends where the last row's values do.
            unsafe { self.pack.pack(from, column) };
            from = std::array::from_fn(|tap| from[tap].wrapping_add(step[tap]));
        }
        let first = whole.len();
        for (i, column) in cut.iter_mut().enumerate() {
            let elements = rows.map(|row| {
                let Some(at) = row else { return [P::Value::default(); STRIP] };
                let values = &image[at + (first + i) * channels..];
                std::array::from_fn(|c| values.get(c).copied().unwrap_or_default())
            });
            let from: [*const P::Value; 4] = std::array::from_fn(|tap| if rows[tap].is_some() { elements[tap].as_ptr() } else { border });
            // SAFETY: sixteen values are in each.
            unsafe { self.pack.pack(from, column) };
        }
    }
}

/// Stores an element of four channels.
#[inline(always)]
pub(crate) fn store<const QUAD: usize>(column: &mut Column, element: v128) {
    const { assert!(QUAD < STRIP / 4) }
    // SAFETY: a vector is writable there.
    unsafe { v128_store(column.as_mut_ptr().add(16 * QUAD).cast(), element) }
}
