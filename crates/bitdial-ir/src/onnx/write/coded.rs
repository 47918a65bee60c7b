//! Weights that are kept as codes: a type of ONNX where it has one that onnxruntime reads, else places in a table of
//! values; then their scales. All of it is constant, so that a runtime computes it once.

use bitdial_numerics::{Minifloat, Numbers, PackedCodes};

use crate::coded::{CodedWeights, Meaning, Scales};
use crate::onnx::proto::data_type;
use crate::onnx::write::file::{File, Step, int};

/// Writes codes, `channels` rows of them; gives the name of the codes and the steps that make `[channels, row]` real
/// numbers of them. Their operations are those of [`CodedWeights::dequantize`].
///
/// # Errors
/// A sentence about a format that ONNX has no type for.
pub fn rows(file: &mut File, layer: &str, weights: &CodedWeights, channels: usize) -> Result<(String, Vec<Step>), String> {
    let row = weights.codes.len() / channels.max(1);
    let dims = [channels, row];
    let codes: Vec<u16> = weights.codes.iter().collect();
    let bits = weights.codes.bits();
    let constant = |file: &mut File, kind: i32, codes: &[u16], width: u8| {
        file.constant(format!("{layer}/codes"), kind, &dims, PackedCodes::pack(codes, width).bytes().to_vec())
    };
    let to_float = || Step::new("Cast").set(int("to", data_type::FLOAT as usize));
    let (from, mut steps, stored) = match &weights.meaning {
        Meaning::Numbers(Numbers::Int { bits: 9..=16, fraction }) => {
            let widened: Vec<u16> = codes.iter().map(|&q| ((q << (16 - bits)).cast_signed() >> (16 - bits)).cast_unsigned()).collect();
            let unit = file.floats(format!("{layer}/unit"), &[], &[1.0 / (1u32 << fraction) as f32]);
            (constant(file, data_type::INT16, &widened, 16), vec![to_float(), Step::with("Mul", vec![unit])], "INT16")
        }
        Meaning::Numbers(numbers) => match (typed(*numbers), &weights.scales) {
            // Two of them have scales of their own.
            (Some((kind @ (data_type::FLOAT8E4M3FN | data_type::FLOAT8E5M2), stored)), Scales::F32(scales, group)) => {
                let from = constant(file, kind, &codes, bits);
                file.note(format!("bitdial.weights.{layer}"), note(weights, stored));
                return Ok((from, vec![dequantize(file, layer, scales, *group, dims)]));
            }
            (Some((kind, stored)), _) => (constant(file, kind, &codes, bits), vec![to_float()], stored),
            (None, _) if bits > 8 => return Err(format!("its weights are in a format of {bits} bits that ONNX has no type for")),
            (None, _) => looked_up(file, layer, weights, &codes, dims),
        },
        Meaning::Codebook(_) => looked_up(file, layer, weights, &codes, dims),
    };
    file.note(format!("bitdial.weights.{layer}"), note(weights, stored));
    steps.extend(scaled(file, layer, &weights.scales, dims));
    Ok((from, steps))
}

/// ONNX's type for a format, if onnxruntime reads it. It does not read FLOAT4E2M1.
fn typed(numbers: Numbers) -> Option<(i32, &'static str)> {
    match numbers {
        Numbers::Minifloat(Minifloat::FP16) => Some((data_type::FLOAT16, "FLOAT16")),
        Numbers::Minifloat(Minifloat::BF16) => Some((data_type::BFLOAT16, "BFLOAT16")),
        Numbers::Minifloat(Minifloat::E4M3) => Some((data_type::FLOAT8E4M3FN, "FLOAT8E4M3FN")),
        Numbers::Minifloat(Minifloat::E5M2) => Some((data_type::FLOAT8E5M2, "FLOAT8E5M2")),
        _ => None,
    }
}

/// What a file says about the format.
fn note(weights: &CodedWeights, stored: &str) -> String {
    let bits = weights.codes.bits();
    let format = match &weights.meaning {
        Meaning::Codebook(values) => format!("places of {bits} bits in lists of values, {} of them", values.len() >> bits),
        Meaning::Numbers(Numbers::Minifloat(f)) => {
            format!("floats of {bits} bits, {} of the exponent and {} of the mantissa", f.exponent(), f.mantissa())
        }
        Meaning::Numbers(Numbers::Int { fraction, .. }) => format!("integers of {bits} bits, {fraction} of them behind the point"),
        Meaning::Numbers(Numbers::Nf4) => "normal quantiles of 4 bits (NF4)".to_owned(),
        Meaning::Numbers(Numbers::PowersOfTwo(_)) => format!("powers of two of {bits} bits"),
        Meaning::Numbers(Numbers::AdditivePowersOfTwo(_)) => format!("additive powers of two of {bits} bits"),
    };
    let scales = match (&weights.scales, weights.scales.block()) {
        (Scales::One, _) => "no scale".to_owned(),
        (Scales::E8m0(_), Some(block)) => format!("an E8M0 scale for each {block} of a row"),
        (Scales::E4m3(..), Some(block)) => format!("an E4M3 scale for each {block} of a row and one for all"),
        (_, Some(group)) => format!("a scale for each {group} of a row"),
        (scales, None) if scales.len() == 1 => "one scale".to_owned(),
        (_, None) => "a scale for each output channel".to_owned(),
    };
    format!("{format}, {scales}, in {stored}")
}

/// Numbers of 8 bits with scales, as ONNX has them.
fn dequantize(file: &mut File, layer: &str, scales: &[f32], group: Option<usize>, [channels, row]: [usize; 2]) -> Step {
    let dims = match group {
        Some(group) => vec![channels, row.div_ceil(group)],
        None if scales.len() == 1 => Vec::new(),
        None => vec![channels],
    };
    let scales = file.floats(format!("{layer}/scales"), &dims, scales);
    let mut step = Step::with("DequantizeLinear", vec![scales]).set(int("axis", usize::from(group.is_some())));
    step.attributes.extend(group.map(|group| int("block_size", group)));
    step
}

/// Codes of at most 8 bits as places in a table, or in one for each channel.
fn looked_up(file: &mut File, layer: &str, weights: &CodedWeights, codes: &[u16], dims: [usize; 2]) -> (String, Vec<Step>, &'static str) {
    let bits = weights.codes.bits();
    let (kind, width, stored) = match bits {
        1 | 2 => (data_type::UINT2, 2, "UINT2"),
        3 | 4 => (data_type::UINT4, 4, "UINT4"),
        _ => (data_type::UINT8, 8, "UINT8"),
    };
    let from = file.constant(format!("{layer}/codes"), kind, &dims, PackedCodes::pack(codes, width).bytes().to_vec());
    let table = weights.table();
    let size = 1 << bits;
    let (op, table_dims, axis) = if table.len() > size { ("GatherElements", vec![dims[0], size], 1) } else { ("Gather", vec![size], 0) };
    let table = file.floats(format!("{layer}/values"), &table_dims, &table);
    let places = Step::new("Cast").set(int("to", data_type::INT32 as usize));
    let gather = Step { first: Some(table), ..Step::new(op) }.set(int("axis", axis));
    (from, vec![places, gather], stored)
}

/// The step that multiplies rows with their scales.
fn scaled(file: &mut File, layer: &str, scales: &Scales, [channels, row]: [usize; 2]) -> Option<Step> {
    let base = format!("{layer}/scales");
    let blocks = |block: usize| [channels, row.div_ceil(block), 1];
    let cast = || Step::new("Cast").set(int("to", data_type::FLOAT as usize));
    let (from, mut steps, block) = match scales {
        Scales::One => return None,
        Scales::F32(scales, None) => {
            let dims = if scales.len() == 1 { vec![] } else { vec![channels, 1] };
            return Some(Step::with("Mul", vec![file.floats(base, &dims, scales)]));
        }
        Scales::F32(scales, Some(group)) => (file.floats(base, &blocks(*group), scales), Vec::new(), *group),
        Scales::E8m0(codes) => {
            let block = scales.block()?;
            (file.constant(base, data_type::FLOAT8E8M0, &blocks(block), codes.clone()), vec![cast()], block)
        }
        Scales::E4m3(codes, tensor) => {
            let block = scales.block()?;
            let from = file.constant(base, data_type::FLOAT8E4M3FN, &blocks(block), codes.clone());
            let tensor = file.floats(format!("{layer}/scale"), &[], &[*tensor]);
            (from, vec![cast(), Step::with("Mul", vec![tensor])], block)
        }
    };
    // Each scale as often as there are weights of its block, without those behind the end of a row.
    let count = row.div_ceil(block);
    let mut list = |what: &str, data: &[usize]| {
        let data: Vec<i64> = data.iter().map(|&d| d as i64).collect();
        file.ints(format!("{layer}/{what}"), &data)
    };
    steps.push(Step::with("Expand", vec![list("blocks", &[channels, count, block])]));
    steps.push(Step::with("Reshape", vec![list("rows", &[channels, count * block])]));
    if count * block != row {
        let ends = vec![list("start", &[0]), list("end", &[row]), list("axis", &[1])];
        steps.push(Step::with("Slice", ends));
    }
    Some(Step::with("Mul", vec![file.before(layer, "spread", from, steps)]))
}
