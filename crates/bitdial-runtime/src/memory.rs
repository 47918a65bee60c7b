//! What running code reads and writes.

use crate::arena::{Arena, Buf, Lives};
use crate::ranges::Ranges;

/// Activations of a chunk of images, and scratch.
#[derive(Debug)]
pub(crate) struct Memory {
    pub f32s: Arena<f32>,
    pub u8s: Arena<u8>,
    /// Images of the chunk.
    pub images: usize,
    /// Images that there is room for.
    pub reserved: usize,
    /// Whether convolutions compute the residual sums that are left to them, or their own output alone.
    pub sums: bool,
    /// Of values that are quantized on the run.
    pub ranges: Ranges,
    /// Additions and overflows of each layer with an accumulator of its own.
    pub narrow: Vec<(u64, u64)>,
    pub scratch: Scratch,
}

/// Scratch of kernels, as long as the largest use.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Unpacked weights.
    pub panels: Vec<u8>,
    /// What an integer kernel needs for itself.
    pub bytes: Vec<u8>,
    /// An image quantized on the run.
    pub quantized: Vec<u8>,
    /// Scales found on the run.
    pub scales: Vec<f32>,
    /// Weights decoded to f32, as a kernel packs them.
    pub decoded: Vec<f32>,
    /// Results of some channels.
    pub part: Vec<f32>,
    /// What an f32 kernel needs for itself.
    pub floats: Vec<f32>,
}

/// The first `len` elements of a scratch vector, grown if need be: [`Lens`] sees to it that there is none.
pub(crate) fn grown<T: Copy + Default>(scratch: &mut Vec<T>, len: usize) -> &mut [T] {
    #[cfg(test)]
    GROWTHS.set(GROWTHS.get() + usize::from(scratch.len() < len));
    reserve(scratch, len);
    &mut scratch[..len]
}

#[cfg(test)]
thread_local! {
    /// How often [`grown`] had to grow something, in this thread.
    pub(crate) static GROWTHS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Makes a vector at least this long.
pub(crate) fn reserve<T: Copy + Default>(vector: &mut Vec<T>, len: usize) {
    if vector.len() < len {
        vector.reserve_exact(len - vector.len());
        vector.resize(len, T::default());
    }
}

#[cfg(test)]
impl Scratch {
    /// How long it is.
    pub(crate) fn lens(&self) -> Lens {
        Lens {
            panels: self.panels.len(),
            bytes: self.bytes.len(),
            quantized: self.quantized.len(),
            scales: self.scales.len(),
            decoded: self.decoded.len(),
            part: self.part.len(),
            floats: self.floats.len(),
        }
    }
}

/// How long [`Scratch`] must be, by its fields.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lens {
    pub panels: usize,
    pub bytes: usize,
    pub quantized: usize,
    pub scales: usize,
    pub decoded: usize,
    pub part: usize,
    pub floats: usize,
}

/// What a step needs for a chunk of so many images.
pub(crate) type Need = Box<dyn Fn(usize) -> Lens + Send + Sync>;

impl Lens {
    /// Long enough for both.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            panels: self.panels.max(other.panels),
            bytes: self.bytes.max(other.bytes),
            quantized: self.quantized.max(other.quantized),
            scales: self.scales.max(other.scales),
            decoded: self.decoded.max(other.decoded),
            part: self.part.max(other.part),
            floats: self.floats.max(other.floats),
        }
    }

    /// Bytes of weights, unpacked or decoded.
    pub(crate) fn weight_bytes(self) -> usize {
        self.panels + 4 * self.decoded
    }

    /// Bytes of all else.
    pub(crate) fn other_bytes(self) -> usize {
        self.bytes + self.quantized + 4 * (self.scales + self.part + self.floats)
    }
}

impl Memory {
    /// Makes room for chunks of up to `images`.
    pub(crate) fn reserve(&mut self, images: usize, lens: Lens) {
        let Lens { panels, bytes, quantized, scales, decoded, part, floats } = lens;
        self.f32s.reserve(images);
        self.u8s.reserve(images);
        self.ranges.reserve(images);
        reserve(&mut self.scratch.panels, panels);
        reserve(&mut self.scratch.bytes, bytes);
        reserve(&mut self.scratch.quantized, quantized);
        reserve(&mut self.scratch.scales, scales);
        reserve(&mut self.scratch.decoded, decoded);
        reserve(&mut self.scratch.part, part);
        reserve(&mut self.scratch.floats, floats);
        self.reserved = self.reserved.max(images);
    }

    /// Bytes of activations that there is room for.
    #[cfg(test)]
    pub(crate) fn activation_bytes(&self) -> usize {
        4 * self.f32s.capacity() + self.u8s.capacity()
    }

    /// Sets the images of the chunk, for which there is room; what the buffers held is lost.
    pub(crate) fn set_images(&mut self, images: usize) {
        self.images = images;
        self.f32s.set_images(images);
        self.u8s.set_images(images);
    }
}

/// The lives of all buffers, before they have places.
#[derive(Debug)]
pub(crate) struct AllLives {
    pub f32s: Lives<f32>,
    pub u8s: Lives<u8>,
}

/// An element that activations are held in.
pub(crate) trait Element: Copy + Default + Send + Sync + 'static {
    /// The arena of this element.
    fn arena(memory: &mut Memory) -> &mut Arena<Self>;

    /// The lives of the buffers of this element.
    fn lives(lives: &mut AllLives) -> &mut Lives<Self>;
}

impl Element for f32 {
    fn arena(memory: &mut Memory) -> &mut Arena<Self> {
        &mut memory.f32s
    }

    fn lives(lives: &mut AllLives) -> &mut Lives<Self> {
        &mut lives.f32s
    }
}

impl Element for u8 {
    fn arena(memory: &mut Memory) -> &mut Arena<Self> {
        &mut memory.u8s
    }

    fn lives(lives: &mut AllLives) -> &mut Lives<Self> {
        &mut lives.u8s
    }
}

/// Calls `f(image, out)` for each image of a chunk.
pub(crate) fn each_image<T: Element>(memory: &mut Memory, x: Buf<T>, out: Buf<T>, mut f: impl FnMut(&[T], &mut [T])) {
    let arena = T::arena(memory);
    let (x_len, out_len) = (arena.len(x), arena.len(out));
    let (out, others) = arena.write(out);
    for (x, out) in others.get(x).chunks_exact(x_len).zip(out.chunks_exact_mut(out_len)) {
        f(x, out);
    }
}
