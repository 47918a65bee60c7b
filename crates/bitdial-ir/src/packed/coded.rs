//! Coded weights as bytes and back.

use bitdial_numerics::{MX_BLOCK, NVFP4_BLOCK, Numbers, PackedCodes};

use super::form;
use super::read::Reader;
use super::write::Writer;
use crate::coded::{CodedWeights, Meaning, Scales};

/// First of the three bytes of a meaning that is a codebook: its width, and 1 if each output channel has one, follow.
const CODEBOOK: u8 = 0xFF;

/// The byte of scales.
mod scales {
    pub const ONE: u8 = 0;
    pub const F32: u8 = 1;
    pub const E8M0: u8 = 2;
    pub const E4M3: u8 = 3;
}

/// How coded weights are written, the bias aside.
pub(super) fn form(weights: &CodedWeights) -> u8 {
    let more = match &weights.scales {
        Scales::F32(_, Some(_)) => form::GROUPS,
        Scales::F32(scales, None) if scales.len() > 1 => form::PER_CHANNEL,
        _ => 0,
    };
    form::CODED | more
}

impl Writer {
    /// What the codes mean and what scales there are.
    pub(super) fn meaning(&mut self, weights: &CodedWeights) {
        let bits = weights.codes.bits();
        self.bytes.extend(match &weights.meaning {
            Meaning::Numbers(numbers) => numbers.to_bytes(),
            Meaning::Codebook(values) => [CODEBOOK, bits, u8::from(values.len() > 1 << bits)],
        });
        self.byte(match weights.scales {
            Scales::One => scales::ONE,
            Scales::F32(..) => scales::F32,
            Scales::E8m0(_) => scales::E8M0,
            Scales::E4m3(..) => scales::E4M3,
        });
    }

    /// Codebooks, codes and scales.
    pub(super) fn coded(&mut self, weights: &CodedWeights) {
        if let Meaning::Codebook(values) = &weights.meaning {
            self.floats(values);
        }
        if let Scales::E4m3(_, tensor) = weights.scales {
            self.float(tensor);
        }
        self.bytes.extend(weights.codes.bytes());
        match &weights.scales {
            Scales::One => {}
            Scales::F32(scales, _) => self.floats(scales),
            Scales::E8m0(codes) | Scales::E4m3(codes, _) => self.bytes.extend(codes),
        }
    }
}

impl Reader<'_> {
    /// `len` coded weights of `channels` rows, after the byte of their form and the size of their groups.
    pub(super) fn coded(&mut self, channels: usize, len: usize, form: u8, group: Option<usize>) -> Result<CodedWeights, String> {
        let many = || "it has weights or scales that are too many".to_owned();
        let [what, bits, more] = [self.byte()?, self.byte()?, self.byte()?];
        let kind = self.byte()?;
        let (bits, meaning) = if what == CODEBOOK {
            let books = match (bits, more) {
                (1..=8, 0) => 1,
                (1..=8, 1) => channels,
                _ => return Err(format!("it has a codebook of {bits} bits")),
            };
            (bits, Meaning::Codebook(self.floats(books.checked_mul(1 << bits).ok_or_else(many)?)?))
        } else {
            let numbers =
                Numbers::from_bytes([what, bits, more]).ok_or_else(|| format!("it has a number format {what}, {bits}, {more}"))?;
            (numbers.bits(), Meaning::Numbers(numbers))
        };
        let tensor = if kind == scales::E4M3 { self.float()? } else { 1.0 };
        let codes = self.take(len.checked_mul(usize::from(bits)).ok_or_else(many)?.div_ceil(8))?.to_vec();
        let codes = PackedCodes::from_bytes(codes, len, bits).ok_or("it has weights of the wrong length")?;
        let row = len / channels.max(1);
        let blocks = |block: usize| channels.checked_mul(row.div_ceil(block)).ok_or_else(many);
        let per_channel = form & form::PER_CHANNEL != 0;
        let scales = match (kind, group) {
            (scales::ONE, None) => Scales::One,
            (scales::F32, Some(size)) => Scales::F32(self.floats(blocks(size)?)?, group),
            (scales::F32, None) => Scales::F32(self.floats(if per_channel { channels } else { 1 })?, None),
            (scales::E8M0, None) => Scales::E8m0(self.take(blocks(MX_BLOCK)?)?.to_vec()),
            (scales::E4M3, None) => Scales::E4m3(self.take(blocks(NVFP4_BLOCK)?)?.to_vec(), tensor),
            (other, _) => return Err(format!("it has scales numbered {other}")),
        };
        Ok(CodedWeights { codes, meaning, scales })
    }
}
