//! Everything that does not change from run to run, in one buffer of vectors of four words.

/// The constants of a plan.
#[derive(Debug, Default)]
pub(crate) struct Constants(Vec<u32>);

impl Constants {
    /// Adds words and says at which vector they start.
    pub(crate) fn push(&mut self, words: &[u32]) -> u32 {
        let start = self.0.len() / 4;
        self.0.extend_from_slice(words);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        start as u32
    }

    /// The same for f32.
    pub(crate) fn push_f32(&mut self, numbers: &[f32]) -> u32 {
        self.push(&numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>())
    }

    /// The same for bytes, a multiple of four.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) -> u32 {
        self.push(&bytes.as_chunks::<4>().0.iter().map(|&b| u32::from_le_bytes(b)).collect::<Vec<_>>())
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        4 * self.0.len()
    }

    /// All words as bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}
