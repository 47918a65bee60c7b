//! A look over the bytes before they are decoded: how many messages there are.
//!
//! An empty message is two bytes in the file and some hundred in memory, so the counts are limited first.

use prost::encoding::{WireType, decode_key, decode_varint};

use crate::error::IrError;
use crate::limits;

/// Longest declaration of a graph input or output, in bytes.
const LONGEST_END: usize = 1 << 16;

/// Counts nodes, attributes, constants and ends of a model.
///
/// # Errors
/// [`IrError::TooLarge`] if there are too many, [`IrError::Protobuf`] if the bytes are no messages.
pub fn check_counts(model: &[u8]) -> Result<(), IrError> {
    let [mut nodes, mut attributes, mut constants, mut ends, mut opsets] = [0usize; 5];
    fields(model, &mut |tag, model_field| match tag {
        7 => fields(model_field, &mut |tag, graph_field| match tag {
            1 => {
                nodes += 1;
                fields(graph_field, &mut |tag, _| {
                    attributes += usize::from(tag == 5);
                    Ok(())
                })
            }
            5 | 15 => {
                constants += 1;
                Ok(())
            }
            11 | 12 => {
                ends += 1;
                if graph_field.len() > LONGEST_END { Err("an input or output takes more than 64 KiB".to_owned()) } else { Ok(()) }
            }
            _ => Ok(()),
        }),
        8 => {
            opsets += 1;
            Ok(())
        }
        _ => Ok(()),
    })
    .map_err(IrError::Protobuf)?;
    let limits = [
        (nodes, limits::NODES, "nodes"),
        (attributes, limits::ATTRIBUTES, "attributes"),
        (constants, limits::INITIALIZERS, "initializers"),
        (ends, limits::ENDS, "inputs and outputs"),
        (opsets, limits::ENDS, "operator sets"),
    ];
    match limits.into_iter().find(|(count, most, _)| count > most) {
        Some((count, most, what)) => Err(IrError::TooLarge(format!("it has {count} {what}, and at most {most} can be read"))),
        None => Ok(()),
    }
}

/// What is done with the tag and the bytes of a field.
type See<'a> = dyn FnMut(u32, &[u8]) -> Result<(), String> + 'a;

/// Calls `see` with the tag and bytes of every length-delimited field.
fn fields(mut bytes: &[u8], see: &mut See) -> Result<(), String> {
    let short = || "it ends in the middle of a field".to_owned();
    while !bytes.is_empty() {
        let (tag, wire) = decode_key(&mut bytes).map_err(|e| e.to_string())?;
        let skip = match wire {
            WireType::Varint => {
                decode_varint(&mut bytes).map_err(|e| e.to_string())?;
                0
            }
            WireType::ThirtyTwoBit => 4,
            WireType::SixtyFourBit => 8,
            WireType::LengthDelimited => {
                let len = decode_varint(&mut bytes).map_err(|e| e.to_string())?;
                let len = usize::try_from(len).map_err(|_| short())?;
                see(tag, bytes.get(..len).ok_or_else(short)?)?;
                len
            }
            WireType::StartGroup | WireType::EndGroup => return Err("it has groups, which ONNX has not".to_owned()),
        };
        bytes = bytes.get(skip..).ok_or_else(short)?;
    }
    Ok(())
}
