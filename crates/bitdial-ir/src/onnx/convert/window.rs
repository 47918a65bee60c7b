//! The window of convolutions and pools: strides, pads, dilations, `auto_pad`, `ceil_mode`.

use crate::graph::{Layout, ValueId};
use crate::infer::image;
use crate::limits::WINDOW;
use crate::onnx::call::Call;
use crate::op::Window;

/// A window, and what was added to its pads below and to the right for the sake of `ceil_mode`.
pub struct Placed {
    /// Geometry, with what was added.
    pub window: Window,
    /// Rows and columns that were added.
    pub added: [usize; 2],
}

/// The attribute `kernel_shape`.
pub fn kernel(call: &mut Call) -> Result<Option<[usize; 2]>, String> {
    call.attributes.ints("kernel_shape")?.map(|k| entries("kernel_shape", k)).transpose()
}

/// The window of a node over its input image. Takes the attributes.
pub fn window(call: &mut Call, input: ValueId, kernel: [usize; 2], ceil: bool) -> Result<Placed, String> {
    let [_, rows, columns] = image(call.dims(input), Layout::Nchw)?;
    let mut pair = |name| Ok::<_, String>(call.attributes.ints(name)?.map(|v| entries(name, v)).transpose()?.unwrap_or([1, 1]));
    let (stride, dilation) = (pair("strides")?, pair("dilations")?);
    if kernel.iter().chain(&stride).chain(&dilation).any(|n| !(1..=WINDOW).contains(n)) {
        return Err(format!("its window has an entry below 1 or above {WINDOW}"));
    }
    let pads = call.attributes.ints("pads")?.map(|v| entries("pads", v)).transpose()?;
    let auto = call.attributes.text("auto_pad")?.unwrap_or_else(|| "NOTSET".to_owned());
    let mut pad = pads.unwrap_or([0; 4]);
    let reach = [0, 1].map(|i| (kernel[i] - 1) * dilation[i] + 1);
    let size = [rows, columns];
    let mut added = [0; 2];
    match auto.as_str() {
        "NOTSET" => {}
        _ if pad != [0; 4] => return Err(format!("it has both pads and auto_pad = {auto}")),
        "VALID" => {}
        "SAME_UPPER" | "SAME_LOWER" => {
            for i in 0..2 {
                // As many positions as steps fit into the image; an odd pad goes to the end or to the start.
                let steps = size[i].div_ceil(stride[i]) - 1;
                let total = (steps * stride[i] + reach[i]).saturating_sub(size[i]);
                let less = total / 2;
                let start = if auto == "SAME_UPPER" { less } else { total - less };
                (pad[i], pad[i + 2]) = (start, total - start);
            }
            return Ok(Placed { window: Window { kernel, stride, pad, dilation }, added });
        }
        _ => return Err(format!("its auto_pad is `{auto}`")),
    }
    if ceil {
        for i in 0..2 {
            let Some(room) = (size[i] + pad[i] + pad[i + 2]).checked_sub(reach[i]) else { continue };
            // A last window that would start behind the image is left out, as onnxruntime and PyTorch have it.
            let mut last = room.div_ceil(stride[i]) * stride[i];
            if last >= size[i] + pad[i] {
                last = last.saturating_sub(stride[i]);
            }
            added[i] = last.saturating_sub(room);
            pad[i + 2] += added[i];
        }
    }
    Ok(Placed { window: Window { kernel, stride, pad, dilation }, added })
}

/// An attribute with as many entries as a window has, none of which is negative or huge.
fn entries<const N: usize>(name: &str, values: &[i64]) -> Result<[usize; N], String> {
    let small = |&v: &i64| usize::try_from(v).ok().filter(|&v| v <= WINDOW);
    let values: &[i64; N] = values.try_into().map_err(|_| format!("its {name} has {} entries and needs {N}", values.len()))?;
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(values) {
        *to = small(from).ok_or_else(|| format!("its {name} has the entry {from}; 0 to {WINDOW} are supported"))?;
    }
    Ok(out)
}
