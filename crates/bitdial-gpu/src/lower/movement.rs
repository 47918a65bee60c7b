//! Reshape, Transpose, Pad, Concat: the same elements in other places, integers on the grid of the output.

use bitdial_ir::{Axis, Node};
use bitdial_runtime::shared::{apply, table_if_needed};

use super::{FloatOutput, Grid, Held, Lowered, Lowering, Params};
use crate::arena::{Buf, Rows};
use crate::error::GpuError;
use crate::kernel::Kernel;

/// Where each element of a result is read.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Dimensions of the result: its length, where what is read begins, how long that is, how far neighbours lie apart.
    dims: Vec<[usize; 4]>,
    border: u32,
    /// Whether what lies beyond stays as it is.
    keep: bool,
}

impl Source {
    /// All elements in order.
    pub fn whole(rows: Rows) -> Self {
        Self { dims: vec![[rows.len(), 0, rows.len(), 1]], border: 0, keep: false }
    }

    /// Dimensions that change places.
    pub fn transposed(dims: &[usize], perm: &[usize]) -> Self {
        let strides = strides(dims);
        Self { dims: perm.iter().map(|&p| [dims[p], 0, dims[p], strides[p]]).collect(), border: 0, keep: false }
    }

    /// An operand that repeats along dimensions that it lacks.
    pub fn spread(from: &[usize], to: &[usize]) -> Self {
        let strides = strides(from);
        let missing = to.len() - from.len().min(to.len());
        let dim = |(i, &n): (usize, &usize)| match i.checked_sub(missing) {
            Some(i) if from[i] != 1 => [n, 0, n, strides[i]],
            _ => [n, 0, n, 0],
        };
        Self { dims: to.iter().enumerate().map(dim).collect(), border: 0, keep: false }
    }

    /// A border around the elements.
    fn padded(dims: &[usize], pads: &[[usize; 2]], border: u32) -> Self {
        let strides = strides(dims);
        let dim = |i: usize| [dims[i] + pads[i][0] + pads[i][1], pads[i][0], dims[i], strides[i]];
        Self { dims: (0..dims.len()).map(dim).collect(), border, keep: false }
    }

    /// A part of a longer axis, at `offset`; the rest stays.
    fn part(dims: &[usize], axis: usize, whole: usize, offset: usize) -> Self {
        let strides = strides(dims);
        let dim = |i: usize| if i == axis { [whole, offset, dims[i], strides[i]] } else { [dims[i], 0, dims[i], strides[i]] };
        Self { dims: (0..dims.len()).map(dim).collect(), border: 0, keep: true }
    }

    /// At most four dimensions that say the same.
    fn four(&self) -> Option<[[usize; 4]; 4]> {
        let mut dims: Vec<[usize; 4]> = Vec::new();
        for &dim in &self.dims {
            let plain = |d: &[usize; 4]| d[1] == 0 && d[0] == d[2];
            match dims.last_mut() {
                _ if dim[0] == 1 && plain(&dim) => {}
                Some(last) if plain(last) && plain(&dim) && last[3] == dim[3] * dim[0] => {
                    *last = [last[0] * dim[0], 0, last[2] * dim[0], dim[3]];
                }
                _ => dims.push(dim),
            }
        }
        let mut four = [[1, 0, 1, 0]; 4];
        let first = 4usize.checked_sub(dims.len())?;
        four[first..].copy_from_slice(&dims);
        Some(four)
    }
}

fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for i in (1..dims.len()).rev() {
        strides[i - 1] = strides[i] * dims[i];
    }
    strides
}

impl Lowering<'_> {
    fn move_params(
        &self,
        node: &Node,
        source: &Source,
        (x, x_rows): (Buf, Rows),
        (y, y_rows): (Buf, Rows),
        words: [usize; 2],
    ) -> Result<Params, GpuError> {
        let dims = source.four().ok_or_else(|| GpuError::unsupported(node, "it moves more than four dimensions"))?;
        let all = |i: usize| dims.map(|dim| dim[i]);
        Ok(Params::default()
            .at(x)
            .at(y)
            .u(&[words[0], x_rows.last, words[1], y_rows.last])
            .u(&all(0))
            .u(&all(1))
            .u(&all(2))
            .u(&all(3))
            .u(&[source.border as usize, usize::from(source.keep)]))
    }

    /// Moves integers, mapped by a table if there is one.
    pub(super) fn move_u8(
        &mut self,
        node: &Node,
        source: &Source,
        x: (Buf, Rows),
        y: (Buf, Rows),
        table: Option<u32>,
    ) -> Result<(), GpuError> {
        let params = self.move_params(node, source, x, y, [x.1.words(), y.1.words()])?.u(&[table.unwrap_or(0) as usize]);
        let kernel = Kernel::new("move-u8");
        let kernel = if table.is_some() { kernel.with("MAP", 1u32) } else { kernel };
        self.emit(kernel, params, Grid::Items(y.1.words()));
        Ok(())
    }

    /// Moves real numbers.
    pub(super) fn move_f32(&mut self, node: &Node, source: &Source, x: (Buf, Rows), y: (Buf, Rows)) -> Result<(), GpuError> {
        let params = self.move_params(node, source, x, y, [x.1.len(), y.1.len()])?.u(&[0]);
        self.emit(Kernel::new("move-f32"), params, Grid::Items(y.1.len()));
        Ok(())
    }

    /// Quantizes an f32 output whose activation was applied already.
    pub(super) fn finish_plain(&mut self, node: &Node, out: FloatOutput) {
        if let Some((to, grid)) = out.quantized {
            self.quantize(out.buf, to, grid, self.rows(node.output));
        }
    }

    /// Applies the whole activation of a node in f32, where there is one.
    pub(super) fn activation_in_place(&mut self, node: &Node, buf: Buf) -> Result<(), GpuError> {
        if node.activation == bitdial_ir::Activation::None { Ok(()) } else { self.activation(node, buf, buf) }
    }
}

/// Other dimensions for the same elements.
pub(super) fn reshape(l: &mut Lowering, node: &Node) -> Result<Lowered, GpuError> {
    let rows = l.rows(node.inputs[0]);
    moved(l, node, Source::whole(rows), true, 0.0, "reshape")
}

/// Output axis `i` is input axis `perm[i]`.
pub(super) fn transpose(l: &mut Lowering, node: &Node, perm: &[usize]) -> Result<Lowered, GpuError> {
    let dims = l.graph.value(node.inputs[0]).dims.clone();
    let stays = perm.iter().filter(|&&p| dims[p] != 1).is_sorted();
    moved(l, node, Source::transposed(&dims, perm), stays, 0.0, "transpose")
}

/// A border of `value`.
pub(super) fn pad(l: &mut Lowering, node: &Node, pads: &[[usize; 2]], value: f32) -> Result<Lowered, GpuError> {
    let dims = l.graph.value(node.inputs[0]).dims.clone();
    let stays = pads.as_flattened().iter().all(|&p| p == 0);
    moved(l, node, Source::padded(&dims, pads, 0), stays, value, "pad")
}

/// Moves what a node reads. If it `stays`, the elements keep their order.
fn moved(l: &mut Lowering, node: &Node, source: Source, stays: bool, border: f32, name: &str) -> Result<Lowered, GpuError> {
    let (from, to) = (l.rows(node.inputs[0]), l.rows(node.output));
    let held = l.input(node, 0);
    match (held, l.graph.value(node.output).quant) {
        (Held::U8(x, x_grid), Some(grid)) => {
            let table = table_if_needed(&x_grid, node.activation, &grid);
            if stays && table.is_none() && from.same(to) {
                l.output_is(node, held);
                return Ok(Lowered::new("view"));
            }
            let border = if table.is_some() { apply(node.activation, border) } else { border };
            let source = Source { border: u32::from(grid.quantize(border)), ..source };
            let table = table.map(|table| l.constants.push_bytes(&table));
            let Held::U8(y, _) = l.hold(node.output) else { return Err(GpuError::unsupported(node, "its output has no grid")) };
            l.move_u8(node, &source, (x, from), (y, to), table)?;
            Ok(Lowered::new(&format!("{name}-u8")))
        }
        (Held::F32(_), None) if stays && node.activation == bitdial_ir::Activation::None => {
            l.output_is(node, held);
            Ok(Lowered::new("view"))
        }
        _ => {
            let x = l.float_input(node, 0);
            let out = l.float_output(node);
            let source = Source { border: border.to_bits(), ..source };
            l.move_f32(node, &source, (x, from), (out.buf, to))?;
            l.activation_in_place(node, out.buf)?;
            l.finish_plain(node, out);
            Ok(Lowered::new(&format!("{name}-f32")))
        }
    }
}

/// Along one axis, one input after the other.
pub(super) fn concat(l: &mut Lowering, node: &Node, axis: Axis) -> Result<Lowered, GpuError> {
    let to = l.rows(node.output);
    let whole = l.graph.value(node.output).dims[axis];
    let held: Vec<Held> = (0..node.inputs.len()).map(|i| l.input(node, i)).collect();
    let integers: Option<Vec<_>> = held.iter().map(|h| if let Held::U8(x, grid) = *h { Some((x, grid)) } else { None }).collect();
    let mut offset = 0;
    let mut part = |l: &Lowering, i: usize| {
        let dims = &l.graph.value(node.inputs[i]).dims;
        let source = Source::part(dims, axis, whole, offset);
        offset += dims[axis];
        (source, Rows::of(dims))
    };
    if let (Some(inputs), Some(grid)) = (integers, l.graph.value(node.output).quant) {
        let Held::U8(y, _) = l.hold(node.output) else { return Err(GpuError::unsupported(node, "its output has no grid")) };
        for (i, (x, from)) in inputs.into_iter().enumerate() {
            let (source, rows) = part(l, i);
            let table = table_if_needed(&from, node.activation, &grid).map(|table| l.constants.push_bytes(&table));
            l.move_u8(node, &source, (x, rows), (y, to), table)?;
        }
        return Ok(Lowered::new("concat-u8"));
    }
    let inputs: Vec<Buf> = (0..held.len()).map(|i| l.float_input(node, i)).collect();
    let out = l.float_output(node);
    for (i, x) in inputs.into_iter().enumerate() {
        let (source, rows) = part(l, i);
        l.move_f32(node, &source, (x, rows), (out.buf, to))?;
    }
    l.activation_in_place(node, out.buf)?;
    l.finish_plain(node, out);
    Ok(Lowered::new("concat-f32"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_are_joined_where_they_can_be() {
        let one = [1, 0, 1, 0];
        assert_eq!(Source::whole(Rows::of(&[2, 3, 4])).four(), Some([one, one, one, [24, 0, 24, 1]]));
        // NCHW to NHWC: rows and columns stay together.
        assert_eq!(Source::transposed(&[3, 4, 5], &[1, 2, 0]).four(), Some([one, one, [20, 0, 20, 1], [3, 0, 3, 20]]));
        let padded = Source::padded(&[4, 5], &[[1, 2], [0, 0]], 7);
        assert_eq!(padded.four(), Some([one, one, [7, 1, 4, 5], [5, 0, 5, 1]]));
        let repeated = Source::spread(&[5, 1], &[2, 5, 3]).four();
        assert_eq!(repeated, Some([one, [2, 0, 2, 0], [5, 0, 5, 1], [3, 0, 3, 0]]));
        let five = Source::transposed(&[2, 3, 4, 5, 6], &[4, 3, 2, 1, 0]).four();
        assert_eq!(five, None);
    }
}
