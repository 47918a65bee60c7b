//! Waiting for the device, and what it wrote.

use futures::channel::oneshot;

use crate::error::GpuError;
use crate::gpu::Gpu;

impl Gpu {
    /// Lets the device work; in a browser it does so by itself.
    fn poll(&self) {
        // An error here is that of a lost device, which its own callback reports.
        let _ = self.device.poll(wgpu::PollType::wait_indefinitely());
    }

    /// Waits until all that was submitted is done.
    pub(crate) async fn finish(&self) -> Result<(), GpuError> {
        let (done, waits) = oneshot::channel();
        self.queue.on_submitted_work_done(move || {
            // Whoever waited may be gone.
            let _ = done.send(());
        });
        self.poll();
        let gone = waits.await.is_err();
        self.check()?;
        if gone { Err(GpuError::DeviceLost("it stopped answering".to_owned())) } else { Ok(()) }
    }

    /// The first `words` of a buffer that can be mapped.
    pub(crate) async fn read(&self, buffer: &wgpu::Buffer, words: usize) -> Result<Vec<u32>, GpuError> {
        let bytes = 4 * words as u64;
        if bytes == 0 {
            return Ok(Vec::new());
        }
        self.check()?;
        let (done, waits) = oneshot::channel();
        buffer.map_async(wgpu::MapMode::Read, 0..bytes, move |result| {
            let _ = done.send(result.is_ok());
        });
        self.poll();
        let mapped = waits.await.unwrap_or(false);
        self.check()?;
        if !mapped {
            return Err(GpuError::DeviceLost("its memory cannot be read".to_owned()));
        }
        let view = buffer.get_mapped_range(0..bytes).map_err(|e| GpuError::Device(e.to_string()))?;
        let found = view.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        drop(view);
        buffer.unmap();
        Ok(found)
    }
}
