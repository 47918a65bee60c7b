//! Constants of a file: initializers, `Constant` nodes and what is computed from them and from shapes.

use crate::error::shorten;
use crate::infer::show;
use crate::limits;
use crate::onnx::proto::{TensorProto, data_type};

/// An element of an integer constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Int {
    /// A number.
    Known(i64),
    /// The size of the batch, as `Shape` gives it.
    Batch,
}

/// Elements of a constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Real values.
    Float(Vec<f32>),
    /// Integers: axes, dimensions, pads.
    Int(Vec<Int>),
    /// A type that nothing here reads, by its ONNX name.
    Other(String),
}

/// A constant, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Dimensions.
    pub dims: Vec<usize>,
    /// Elements, as many as the product of the dimensions.
    pub data: Data,
}

impl Constant {
    /// A constant of one dimension.
    pub fn ints(data: Vec<Int>) -> Self {
        Self { dims: vec![data.len()], data: Data::Int(data) }
    }

    /// The integers of a constant of one dimension, which must be as few as a shape has.
    pub fn list(&self) -> Result<&[Int], String> {
        match self.dims.as_slice() {
            &[len] if len <= limits::SHAPE => self.shape(),
            dims => Err(format!("it computes with {}; only lists of up to {} are supported", show(dims), limits::SHAPE)),
        }
    }

    /// Elements.
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// The real values.
    pub fn floats(&self) -> Result<&[f32], String> {
        match &self.data {
            Data::Float(data) => Ok(data),
            Data::Int(_) => Err("it needs float constants and gets integers".to_owned()),
            Data::Other(kind) => Err(format!("it needs float constants and gets type {kind}")),
        }
    }

    /// The integers, the batch among them.
    pub fn shape(&self) -> Result<&[Int], String> {
        match &self.data {
            Data::Int(data) => Ok(data),
            Data::Float(_) => Err("it needs integer constants and gets floats".to_owned()),
            Data::Other(kind) => Err(format!("it needs integer constants and gets type {kind}")),
        }
    }

    /// The integers, as few as a shape has, none of which may be the batch.
    pub fn known_ints(&self) -> Result<Vec<i64>, String> {
        let known = |i: &Int| match i {
            Int::Known(n) => Ok(*n),
            Int::Batch => Err("it computes with the size of the batch".to_owned()),
        };
        if self.len() > limits::SHAPE {
            return Err(format!("it needs a few integers and gets {}", show(&self.dims)));
        }
        self.shape()?.iter().map(known).collect()
    }

    /// The only real value.
    pub fn float(&self) -> Result<f32, String> {
        match self.floats()? {
            [x] => Ok(*x),
            _ => Err(format!("it needs a single number and gets {}", show(&self.dims))),
        }
    }
}

/// Reads a tensor, after checking that its elements are all there.
///
/// # Errors
/// A sentence: elements in another file, negative or huge dimensions, or another number of elements than they say.
pub fn read(tensor: &TensorProto) -> Result<Constant, String> {
    if tensor.data_location.unwrap_or(0) != 0 {
        return Err("its elements lie in another file, which is not supported".to_owned());
    }
    let dims: Option<Vec<usize>> = tensor.dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    let dims = dims.filter(|d| d.len() <= limits::RANK).ok_or_else(|| "its dimensions are negative or too many".to_owned())?;
    let len = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).filter(|&n| n <= limits::CONSTANT_ELEMENTS);
    let len = len.ok_or_else(|| format!("its dimensions {} are too large", show(&dims)))?;
    let kind = tensor.data_type.unwrap_or(0);
    let raw = tensor.raw_data.as_deref().filter(|raw| !raw.is_empty());
    let present = match (raw, kind) {
        (Some(raw), data_type::FLOAT | data_type::INT32) => elements(raw, 4)?,
        (Some(raw), data_type::INT64 | data_type::DOUBLE) => elements(raw, 8)?,
        (Some(raw), data_type::FLOAT16 | data_type::BFLOAT16) => elements(raw, 2)?,
        (None, data_type::FLOAT) => tensor.float_data.len(),
        (None, data_type::INT32 | data_type::FLOAT16 | data_type::BFLOAT16) => tensor.int32_data.len(),
        (None, data_type::INT64) => tensor.int64_data.len(),
        (None, data_type::DOUBLE) => tensor.double_data.len(),
        _ => return Ok(Constant { dims, data: Data::Other(shorten(&data_type::name(kind))) }),
    };
    if present != len {
        return Err(format!("its dimensions {} need {len} elements, and it has {present}", show(&dims)));
    }
    let int = |i: i64| Int::Known(i);
    let half = |bits: u16| if kind == data_type::FLOAT16 { half_to_f32(bits) } else { f32::from_bits(u32::from(bits) << 16) };
    let data = match (raw, kind) {
        (Some(raw), data_type::FLOAT) => Data::Float(chunks(raw).map(f32::from_le_bytes).collect()),
        (Some(raw), data_type::INT32) => Data::Int(chunks(raw).map(|b| int(i32::from_le_bytes(b).into())).collect()),
        (Some(raw), data_type::INT64) => Data::Int(chunks(raw).map(|b| int(i64::from_le_bytes(b))).collect()),
        (Some(raw), data_type::DOUBLE) => Data::Float(chunks(raw).map(|b| f64::from_le_bytes(b) as f32).collect()),
        (Some(raw), _) => Data::Float(chunks(raw).map(|b| half(u16::from_le_bytes(b))).collect()),
        (None, data_type::FLOAT) => Data::Float(tensor.float_data.clone()),
        (None, data_type::INT32) => Data::Int(tensor.int32_data.iter().map(|&i| int(i.into())).collect()),
        (None, data_type::INT64) => Data::Int(tensor.int64_data.iter().map(|&i| int(i)).collect()),
        (None, data_type::DOUBLE) => Data::Float(tensor.double_data.iter().map(|&x| x as f32).collect()),
        // Half floats stand as their bits in the lower half of an i32.
        (None, _) => Data::Float(tensor.int32_data.iter().map(|&bits| half(bits as u16)).collect()),
    };
    Ok(Constant { dims, data })
}

/// Number of elements of `size` bytes.
fn elements(raw: &[u8], size: usize) -> Result<usize, String> {
    if raw.len().is_multiple_of(size) {
        Ok(raw.len() / size)
    } else {
        Err(format!("it has {} bytes, which is no multiple of {size}", raw.len()))
    }
}

fn chunks<const N: usize>(raw: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    raw.as_chunks::<N>().0.iter().copied()
}

/// The value of an IEEE 754 binary16.
fn half_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, fraction) = (u32::from(bits >> 10) & 0x1F, u32::from(bits) & 0x3FF);
    match exponent {
        // A subnormal is fraction * 2^-24, which f32 holds exactly.
        0 => f32::from_bits(sign | (fraction as f32 * 2f32.powi(-24)).to_bits()),
        0x1F => f32::from_bits(sign | 0x7F80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_floats_have_their_values() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x7BFF, 65504.0),
            (0x0001, 2f32.powi(-24)),
            (0x83FF, -1023.0 * 2f32.powi(-24)),
            (0x0400, 2f32.powi(-14)),
            (0x3555, 0.333_251_95),
            (0xFC00, f32::NEG_INFINITY),
        ] {
            assert_eq!(half_to_f32(bits), value, "{bits:#06x}");
        }
        assert!(half_to_f32(0x7E00).is_nan());
        assert!(half_to_f32(0x8000).is_sign_negative());
    }

    #[test]
    fn every_stored_form_is_read() {
        let of = |kind, dims: &[i64]| TensorProto { dims: dims.to_vec(), data_type: Some(kind), ..Default::default() };
        let raw = |kind, dims: &[i64], bytes: Vec<u8>| TensorProto { raw_data: Some(bytes), ..of(kind, dims) };
        let floats = Data::Float(vec![1.0, -2.0]);
        let ints = Data::Int(vec![Int::Known(3), Int::Known(-4)]);
        let bytes = |of: &[&[u8]]| of.concat();
        for (tensor, data) in [
            (raw(data_type::FLOAT, &[2], bytes(&[&1f32.to_le_bytes(), &(-2f32).to_le_bytes()])), &floats),
            (raw(data_type::DOUBLE, &[2], bytes(&[&1f64.to_le_bytes(), &(-2f64).to_le_bytes()])), &floats),
            (raw(data_type::FLOAT16, &[2], vec![0x00, 0x3C, 0x00, 0xC0]), &floats),
            (raw(data_type::BFLOAT16, &[2], vec![0x80, 0x3F, 0x00, 0xC0]), &floats),
            (raw(data_type::INT32, &[2], bytes(&[&3i32.to_le_bytes(), &(-4i32).to_le_bytes()])), &ints),
            (raw(data_type::INT64, &[2], bytes(&[&3i64.to_le_bytes(), &(-4i64).to_le_bytes()])), &ints),
            (TensorProto { float_data: vec![1.0, -2.0], ..of(data_type::FLOAT, &[2]) }, &floats),
            (TensorProto { double_data: vec![1.0, -2.0], ..of(data_type::DOUBLE, &[2]) }, &floats),
            (TensorProto { int32_data: vec![0x3C00, 0xC000], ..of(data_type::FLOAT16, &[2]) }, &floats),
            (TensorProto { int32_data: vec![3, -4], ..of(data_type::INT32, &[2]) }, &ints),
            (TensorProto { int64_data: vec![3, -4], ..of(data_type::INT64, &[1, 2]) }, &ints),
        ] {
            assert_eq!(&read(&tensor).unwrap().data, data, "{tensor:?}");
        }
        assert_eq!(read(&of(data_type::FLOAT, &[0])).unwrap().data, Data::Float(vec![]));
        assert_eq!(read(&of(9, &[2])).unwrap().data, Data::Other("bool".to_owned()));
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let of = |dims: &[i64], bytes| TensorProto {
            dims: dims.to_vec(),
            data_type: Some(data_type::FLOAT),
            raw_data: Some(vec![0; bytes]),
            ..Default::default()
        };
        for (tensor, reason) in [
            (of(&[2], 4), "need 2 elements, and it has 1"),
            (of(&[2], 7), "7 bytes, which is no multiple of 4"),
            (of(&[-1], 4), "negative"),
            (of(&[i64::MAX, i64::MAX], 4), "too large"),
            (of(&[1 << 40], 4), "too large"),
            (of(&[1; 9], 4), "too many"),
            (TensorProto { data_location: Some(1), ..of(&[1], 4) }, "another file"),
        ] {
            let error = read(&tensor).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
