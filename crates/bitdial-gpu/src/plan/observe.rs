//! Looking at every value of a run.

use bitdial_ir::ValueId;
use bitdial_runtime::{Observed, See};

use super::Plan;
use crate::error::GpuError;
use crate::lower::Held;

/// Bytes that are read back at once.
const OBSERVED_BYTES: usize = 64 << 20;

impl Plan {
    /// Runs a batch and shows every value as it was right after it was written, some images at a time; inputs of the graph
    /// too. For checks: everything is read back.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub async fn observe(&mut self, inputs: &[&[f32]], batch: usize, see: See<'_>) -> Result<(), GpuError> {
        self.check_inputs(inputs, batch)?;
        let order: Vec<ValueId> = self.inputs.iter().map(|port| port.value).chain(self.code.iter().map(|code| code.output)).collect();
        let per_image: usize = order.iter().map(|&id| self.words(id)).sum();
        let most = (OBSERVED_BYTES / (4 * per_image.max(1))).clamp(1, self.capacity);
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let read = self.gpu.buffer("all values", 4 * (per_image * most) as u64, usage).await?;
        let mut first = 0;
        while first < batch {
            let images = most.min(batch - first);
            self.give(inputs, first, images)?;
            let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                self.record_range(&mut pass, self.head.clone(), false);
            }
            let mut at = 0;
            let mut copy = |encoder: &mut wgpu::CommandEncoder, id: ValueId| {
                if let Some(Held::F32(buf) | Held::U8(buf, _)) = self.held[id.0] {
                    let (start, len) = (self.arena.start(buf, self.capacity), self.arena.len(buf) * images);
                    encoder.copy_buffer_to_buffer(&self.buffer, 4 * start as u64, &read, 4 * at as u64, 4 * len as u64);
                    at += len;
                }
            };
            for port in &self.inputs {
                copy(&mut encoder, port.value);
            }
            for code in &self.code {
                let sums = self.dispatches[code.dispatches.clone()].iter().any(|dispatch| dispatch.alone.is_some());
                for alone in [true, false] {
                    if alone || sums {
                        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                        self.record_range(&mut pass, code.dispatches.clone(), alone);
                    }
                    if alone {
                        copy(&mut encoder, code.output);
                    }
                }
            }
            self.gpu.queue.submit([encoder.finish()]);
            let all = self.gpu.read(&read, per_image * images).await?;
            let mut rest = &all[..];
            for &id in &order {
                let (own, others) = rest.split_at(self.words(id) * images);
                self.show(id, own, see);
                rest = others;
            }
            first += images;
        }
        Ok(())
    }

    /// Words of a value of one image.
    fn words(&self, id: ValueId) -> usize {
        match self.held[id.0] {
            Some(Held::F32(buf) | Held::U8(buf, _)) => self.arena.len(buf),
            None => 0,
        }
    }

    /// Shows a value without what fills its words up.
    fn show(&self, id: ValueId, words: &[u32], see: &mut dyn FnMut(ValueId, Observed<'_>)) {
        match self.held[id.0] {
            Some(Held::F32(_)) => {
                let numbers: Vec<f32> = words.iter().map(|&bits| f32::from_bits(bits)).collect();
                see(id, Observed::F32(&numbers));
            }
            Some(Held::U8(..)) => {
                let rows = self.rows[id.0];
                let row = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).take(rows.last).collect::<Vec<u8>>();
                let bytes: Vec<u8> = words.chunks_exact(rows.row_words()).flat_map(row).collect();
                see(id, Observed::U8(&bytes));
            }
            None => {}
        }
    }
}
