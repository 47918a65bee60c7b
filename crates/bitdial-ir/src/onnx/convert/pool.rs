//! `MaxPool` and `AveragePool`.

use crate::onnx::call::{Call, Made};
use crate::onnx::convert::window;
use crate::op::{Op, Pool};

pub fn max_pool(call: &mut Call) -> Result<Made, String> {
    let input = call.value(0)?;
    // The order of storage is about the second output only.
    call.attributes.ignore(&["storage_order"]);
    let kernel = window::kernel(call)?.ok_or("its kernel_shape is missing")?;
    let ceil = call.attributes.flag("ceil_mode", false)?;
    let window = window::window(call, input, kernel, ceil)?.window;
    Ok(Made::op(Op::MaxPool(Pool { window, count_include_pad: false }), input))
}

pub fn average_pool(call: &mut Call) -> Result<Made, String> {
    let mut input = call.value(0)?;
    let kernel = window::kernel(call)?.ok_or("its kernel_shape is missing")?;
    let ceil = call.attributes.flag("ceil_mode", false)?;
    let counted = call.attributes.flag("count_include_pad", false)?;
    let placed = window::window(call, input, kernel, ceil)?;
    let (mut window, added) = (placed.window, placed.added);
    let [top, left, bottom, right] = window.pad;
    let own = [top, left, bottom - added[0], right - added[1]];
    let mut count_include_pad = counted && own != [0; 4];
    if count_include_pad && added != [0; 2] {
        // What `ceil_mode` adds never counts, the rest does: the rest becomes zeros of the image.
        let pads = vec![[0, 0], [own[0], own[2]], [own[1], own[3]]];
        input = call.before("pad", Op::Pad { pads, value: 0.0 }, input)?;
        window.pad = [0, 0, added[0], added[1]];
        count_include_pad = false;
    }
    Ok(Made::op(Op::AveragePool(Pool { window, count_include_pad }), input))
}
