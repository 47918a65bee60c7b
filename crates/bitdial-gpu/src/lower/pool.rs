//! Maxima and means: of windows, and over whole axes.

use bitdial_ir::{Axis, Node, Pool};
use bitdial_kernels::PoolShape;
use bitdial_numerics::ActivationParams;
use bitdial_runtime::shared::{clamped, pool_shape, split, table_if_needed};

use super::movement::Source;
use super::{Grid, Held, Lowered, Lowering, Params};
use crate::arena::{Buf, Rows};
use crate::error::GpuError;
use crate::kernel::Kernel;

/// Taps of a window, for the mean of which there is a factor for each number of them.
const MOST_TAPS: usize = 1 << 20;

/// What a mean of integers becomes.
struct Means {
    from: ActivationParams,
    to: ActivationParams,
}

impl Lowering<'_> {
    /// Emits a pool of integers: of the largest, or of means.
    fn pool_u8(&mut self, shape: &PoolShape, x: Buf, y: Buf, means: Option<&Means>) {
        let words = shape.input[2].div_ceil(4);
        let taps = shape.kernel[0] * shape.kernel[1];
        let mut factors = 0;
        let mut grid = [0; 4];
        if let Some(Means { from, to }) = means {
            // As the reference divides: `s_in / (s_out * n)`.
            let factor = |n: usize| if n == 0 { 0.0 } else { from.scale / (to.scale * n as f32) };
            let all = match shape.count_include_pad {
                true => [vec![0.0; taps], vec![factor(taps)]].concat(),
                false => (0..=taps).map(factor).collect(),
            };
            factors = self.constants.push_f32(&all);
            grid = [from.zero_point, to.zero_point, to.low, to.high].map(i32::from);
        }
        let params = pool_params(shape, x, y, words, means.is_some()).u(&[factors as usize]).i(&grid).f(&[0.0, 0.0]);
        let kernel = Kernel::new("pool-u8");
        let kernel = if self.mode.exact { kernel.with("EXACT", 1u32) } else { kernel };
        self.emit(kernel, params, Grid::Items(shape.output[0] * shape.output[1] * words));
    }

    fn pool_f32(&mut self, shape: &PoolShape, x: Buf, y: Buf, mean: bool, (low, high): (f32, f32)) {
        let channels = shape.input[2];
        let params = pool_params(shape, x, y, channels, mean).u(&[0]).i(&[0; 4]).f(&[low, high]);
        self.emit(Kernel::new("pool-f32"), params, Grid::Items(shape.output[0] * shape.output[1] * channels));
    }
}

fn pool_params(shape: &PoolShape, x: Buf, y: Buf, words: usize, mean: bool) -> Params {
    Params::default()
        .at(x)
        .at(y)
        .u(&[shape.input[0], shape.input[1], words])
        .u(&shape.output)
        .u(&shape.kernel)
        .u(&shape.stride)
        .u(&shape.pad)
        .u(&shape.dilation)
        .u(&[usize::from(mean), usize::from(shape.count_include_pad)])
}

/// Largest of each window, on the grid of the input.
pub(super) fn largest(l: &mut Lowering, node: &Node, pool: &Pool) -> Result<Lowered, GpuError> {
    let shape = pool_shape(l.graph, node, pool)?;
    let to = l.rows(node.output);
    if let (Held::U8(x, from), Some(grid)) = (l.input(node, 0), l.graph.value(node.output).quant) {
        let table = table_if_needed(&from, node.activation, &grid);
        let Held::U8(y, _) = l.hold(node.output) else { return Err(GpuError::unsupported(node, "its output has no grid")) };
        let pooled = if table.is_some() { l.temporary(to.words()) } else { y };
        l.pool_u8(&shape, x, pooled, None);
        if let Some(table) = table {
            let table = l.constants.push_bytes(&table);
            l.move_u8(node, &Source::whole(to), (pooled, to), (y, to), Some(table))?;
        }
        return Ok(Lowered::new("max-pool-u8"));
    }
    let x = l.float_input(node, 0);
    let out = l.float_output(node);
    l.pool_f32(&shape, x, out.buf, false, (0.0, 0.0));
    l.activation_in_place(node, out.buf)?;
    l.finish_plain(node, out);
    Ok(Lowered::new("max-pool-f32"))
}

/// Mean of each window.
pub(super) fn average(l: &mut Lowering, node: &Node, pool: &Pool) -> Result<Lowered, GpuError> {
    let shape = pool_shape(l.graph, node, pool)?;
    means(l, node, &shape, None, "average-pool")
}

/// Mean over axes: of the rows of a matrix, so the axes go first.
pub(super) fn mean(l: &mut Lowering, node: &Node, axes: &[Axis]) -> Result<Lowered, GpuError> {
    let dims = l.graph.value(node.inputs[0]).dims.clone();
    let kept: Vec<Axis> = (0..dims.len()).filter(|a| !axes.contains(a)).collect();
    let (rows, columns): (usize, usize) = (axes.iter().map(|&a| dims[a]).product(), kept.iter().map(|&a| dims[a]).product());
    let perm: Vec<Axis> = axes.iter().copied().chain(kept).collect();
    let shape = PoolShape {
        input: [rows, 1, columns],
        output: [1, 1],
        kernel: [rows, 1],
        stride: [1, 1],
        pad: [0, 0],
        dilation: [1, 1],
        count_include_pad: true,
    };
    means(l, node, &shape, Some(&perm), "mean")
}

/// Means of windows over the input, whose axes are put into another order first if there is one.
fn means(l: &mut Lowering, node: &Node, shape: &PoolShape, perm: Option<&[Axis]>, name: &str) -> Result<Lowered, GpuError> {
    if shape.kernel[0] * shape.kernel[1] > MOST_TAPS {
        return Err(GpuError::unsupported(node, "its window is too large"));
    }
    let (from, to) = (l.rows(node.inputs[0]), l.rows(node.output));
    // The matrix whose rows are averaged, and its mean.
    let [rows, columns, channels] = shape.input;
    let matrix = Rows { rows: rows * columns, last: channels };
    let averaged = Rows { rows: shape.output[0] * shape.output[1], last: channels };
    let dims = &l.graph.value(node.inputs[0]).dims;
    let source = perm.map(|perm| (Source::transposed(dims, perm), perm.is_sorted()));
    let grid = l.graph.value(node.output).quant.and_then(|grid| clamped(grid, node.activation));
    if let (Held::U8(mut x, from_grid), Some(grid)) = (l.input(node, 0), grid) {
        if let Some((source, sorted)) = &source
            && !(*sorted && from.same(matrix))
        {
            let moved = l.temporary(matrix.words());
            l.move_u8(node, source, (x, from), (moved, matrix), None)?;
            x = moved;
        }
        let Held::U8(y, _) = l.hold(node.output) else { return Err(GpuError::unsupported(node, "its output has no grid")) };
        let direct = averaged.same(to);
        let mean = if direct { y } else { l.temporary(averaged.words()) };
        l.pool_u8(shape, x, mean, Some(&Means { from: from_grid, to: grid }));
        if !direct {
            l.move_u8(node, &Source::whole(to), (mean, averaged), (y, to), None)?;
        }
        return Ok(Lowered::new(&format!("{name}-u8")));
    }
    let mut x = l.float_input(node, 0);
    if let Some((source, false)) = &source {
        let moved = l.temporary(matrix.len());
        l.move_f32(node, source, (x, from), (moved, matrix))?;
        x = moved;
    }
    let out = l.float_output(node);
    let (low, high, _) = split(node.activation);
    l.pool_f32(shape, x, out.buf, true, (low, high));
    l.finish_float(node, out)?;
    Ok(Lowered::new(&format!("{name}-f32")))
}
