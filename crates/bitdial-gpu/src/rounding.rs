//! Whether the device's f32 is that of the reference: numbers that are hard to round, computed by a kernel.

use crate::error::GpuError;
use crate::gpu::Gpu;
use crate::kernel::{Kernel, PARAMS_BYTES};

/// Numbers of a case: an integer, and three f32.
type Case = [u32; 4];
/// Results of a case.
const RESULTS: usize = 5;

/// Cases: products next to halves, sums that a contraction would round otherwise, integers beyond 2^24, quotients.
fn cases() -> Vec<Case> {
    let integers = [0, 1, -1, 3, 255, -255, 4095, 16_777_215, 16_777_217, 16_777_219, -33_554_437, 33_554_435, 2_000_000_011, i32::MIN];
    let factors = [0.5f32, 0.1, 1.0 / 3.0, 0.000_123_456_7, 1.5, 0.003_921_569, 2.384_186e-7, 7.450_581e-9, 0.999_999_94, 0.012_5];
    let mut all = Vec::new();
    let mut seed = 1u32;
    let mut next = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed
    };
    for integer in integers {
        for factor in factors {
            let b = f32::from_bits(0x3F80_0000 | next() >> 9);
            all.push([i32::cast_unsigned(integer), factor.to_bits(), b.to_bits(), (-factor * b).to_bits()]);
        }
    }
    // Halves: `n + 1/2` over the factor, and its neighbours.
    for n in 0..100u32 {
        let sum = next() >> 9;
        let near = (n as f32 + 0.5) / sum.max(1) as f32;
        for bits in [near.to_bits() - 1, near.to_bits(), near.to_bits() + 1] {
            let b = f32::from_bits(0x3F00_0000 | next() >> 9);
            all.push([sum, bits, b.to_bits(), (b - 1.25 * n as f32).to_bits()]);
        }
    }
    all
}

/// What the reference makes of a case.
fn expected([sum, a, b, c]: Case) -> [u32; RESULTS] {
    let (sum, a, b, c) = (sum.cast_signed(), f32::from_bits(a), f32::from_bits(b), f32::from_bits(c));
    let rounded = (sum as f32 * a).clamp(-4096.0, 4096.0).round_ties_even() as i32;
    [(a * b).to_bits(), rounded.cast_unsigned(), (a * b + c).to_bits(), (sum as f32).to_bits(), (c / a.abs()).to_bits()]
}

/// Results of all cases, with requantization in f32 or in integers.
async fn results(gpu: &Gpu, cases: &[Case], exact: bool) -> Result<Vec<u32>, GpuError> {
    let kernel = Kernel::new("self-test");
    let kernel = if exact { kernel.with("EXACT", 1u32) } else { kernel };
    gpu.compile(&kernel).await?;
    let storage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
    let words = RESULTS * cases.len();
    let out = gpu.buffer("the self-test", 4 * words as u64, storage).await?;
    let constants = gpu.buffer("the self-test", 16 * cases.len() as u64, storage).await?;
    let params = gpu.buffer("the self-test", PARAMS_BYTES, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST).await?;
    let read = gpu.buffer("the self-test", 4 * words as u64, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST).await?;
    let bytes: Vec<u8> = cases.as_flattened().iter().flat_map(|word| word.to_le_bytes()).collect();
    gpu.queue.write_buffer(&constants, 0, &bytes);
    let mut numbers = vec![0; PARAMS_BYTES as usize];
    numbers[8..12].copy_from_slice(&(cases.len() as u32).to_le_bytes());
    gpu.queue.write_buffer(&params, 0, &numbers);
    let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&gpu.pipeline(&kernel)?);
        pass.set_bind_group(0, &gpu.bind(&out, &constants, &params), &[0]);
        pass.dispatch_workgroups(cases.len().div_ceil(64) as u32, 1, 1);
    }
    encoder.copy_buffer_to_buffer(&out, 0, &read, 0, 4 * words as u64);
    gpu.queue.submit([encoder.finish()]);
    gpu.read(&read, words).await
}

/// Whether f32 products and their rounding can be trusted with requantization.
///
/// # Errors
/// [`GpuError::Rounding`] if not even integers give the reference's results, or if sums or quotients do not.
pub(crate) async fn check(gpu: &Gpu) -> Result<bool, GpuError> {
    let cases = cases();
    let differs = |found: &[u32], result: usize| {
        let pairs = found.chunks_exact(RESULTS).zip(&cases);
        pairs.map(|(found, case)| (found[result], expected(*case)[result], *case)).find(|(found, expected, _)| {
            // Zero has two signs, and which one does not matter.
            found != expected && (found | expected) << 1 != 0
        })
    };
    let found = results(gpu, &cases, false).await?;
    for (result, what) in [(0, "a product"), (2, "a sum of a product"), (4, "a quotient")] {
        if let Some((found, expected, case)) = differs(&found, result) {
            let [found, expected] = [found, expected].map(f32::from_bits);
            return Err(GpuError::Rounding(format!("{what} is {found:e} where it should be {expected:e} (of {case:x?})")));
        }
    }
    if differs(&found, 1).is_none() && differs(&found, 3).is_none() {
        return Ok(true);
    }
    match differs(&results(gpu, &cases, true).await?, 1) {
        None => Ok(false),
        Some((found, expected, case)) => Err(GpuError::Rounding(format!("{found} where it should be {expected} (of {case:x?})"))),
    }
}
