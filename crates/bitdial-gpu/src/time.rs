//! How long steps take: by the device's own clock where it has one, else by that of the wall.

use crate::error::GpuError;
use crate::plan::Plan;

/// A clock in milliseconds.
pub type Now<'a> = &'a dyn Fn() -> f64;

/// What told the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The device, at the start and the end of each step; browsers round it to 100 microseconds.
    Timestamps,
    /// The caller's clock, around steps that were submitted one by one and waited for.
    Wall,
}

/// How long one step took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepTime {
    /// Index of the step.
    pub step: usize,
    /// Milliseconds for all images of the run.
    pub ms: f64,
}

/// How long each step took.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// What told the time.
    pub clock: Clock,
    /// Images of the run.
    pub images: usize,
    /// One for each step of the plan.
    pub steps: Vec<StepTime>,
}

/// Queries of a set at most.
const QUERIES: usize = 4096;

impl Plan {
    /// Runs every step `repeat` times on what is in memory, and divides. What is in memory then is of no use.
    ///
    /// # Errors
    /// [`GpuError::DeviceLost`], or what the device says.
    pub async fn profile(&mut self, repeat: usize, now: Now<'_>) -> Result<Profile, GpuError> {
        let (repeat, count) = (repeat.max(1), self.steps().len());
        let images = self.prepare_all()?;
        let timestamps = self.gpu().info().timestamps && 2 * count <= QUERIES && count > 0;
        let steps = match timestamps {
            true => self.by_timestamps(0..count, repeat).await?,
            false => self.by_wall(repeat, now).await?,
        };
        let steps = steps.into_iter().enumerate().map(|(step, ms)| StepTime { step, ms: ms / repeat as f64 }).collect();
        Ok(Profile { clock: if timestamps { Clock::Timestamps } else { Clock::Wall }, images, steps })
    }

    /// Runs one step `times` times on what the last run left in memory, and waits for it. Gives the milliseconds that all of
    /// it took by the device's own clock, if it has one. What is in memory then is of no use.
    ///
    /// # Errors
    /// As [`Plan::profile`].
    pub async fn repeat(&mut self, step: usize, times: usize) -> Result<Option<f64>, GpuError> {
        self.prepare_some()?;
        if self.gpu().info().timestamps {
            let all = self.by_timestamps(step..step + 1, times).await?;
            return Ok(all.first().copied());
        }
        self.submit(step, times)?;
        self.gpu().finish().await?;
        Ok(None)
    }

    async fn by_timestamps(&self, steps: std::ops::Range<usize>, repeat: usize) -> Result<Vec<f64>, GpuError> {
        let gpu = self.gpu();
        let queries = 2 * steps.len() as u32;
        let bytes = 8 * u64::from(queries);
        let resolved = gpu.buffer("timestamps", bytes, wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC).await?;
        let read = gpu.buffer("timestamps", bytes, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST).await?;
        let set = gpu.device.create_query_set(&wgpu::QuerySetDescriptor { label: None, ty: wgpu::QueryType::Timestamp, count: queries });
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        for (i, step) in steps.enumerate() {
            let first = 2 * i as u32;
            let writes = wgpu::ComputePassTimestampWrites {
                query_set: &set,
                beginning_of_pass_write_index: Some(first),
                end_of_pass_write_index: Some(first + 1),
            };
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(writes) });
            for _ in 0..repeat {
                self.record(&mut pass, step)?;
            }
        }
        encoder.resolve_query_set(&set, 0..queries, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &read, 0, bytes);
        gpu.queue.submit([encoder.finish()]);
        let words = gpu.read(&read, 2 * queries as usize).await?;
        let ticks: Vec<u64> = words.as_chunks::<2>().0.iter().map(|&[low, high]| u64::from(low) | u64::from(high) << 32).collect();
        let period = f64::from(gpu.queue.get_timestamp_period()) / 1e6;
        Ok(ticks.as_chunks::<2>().0.iter().map(|[start, end]| end.saturating_sub(*start) as f64 * period).collect())
    }

    async fn by_wall(&self, repeat: usize, now: Now<'_>) -> Result<Vec<f64>, GpuError> {
        let gpu = self.gpu();
        let mut all = Vec::with_capacity(self.steps().len());
        for step in 0..self.steps().len() {
            let start = now();
            self.submit(step, repeat)?;
            gpu.finish().await?;
            all.push(now() - start);
        }
        Ok(all)
    }

    /// Submits a step.
    fn submit(&self, step: usize, times: usize) -> Result<(), GpuError> {
        let mut encoder = self.gpu().device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for _ in 0..times {
                self.record(&mut pass, step)?;
            }
        }
        self.gpu().queue.submit([encoder.finish()]);
        Ok(())
    }

    /// Milliseconds of one run of as many images as there is room for, without the way of inputs and outputs: `runs` of
    /// them are submitted at once, and their time is divided.
    ///
    /// # Errors
    /// As [`Plan::profile`].
    pub async fn time(&mut self, runs: usize, now: Now<'_>) -> Result<f64, GpuError> {
        self.prepare_all()?;
        self.gpu().finish().await?;
        let start = now();
        for _ in 0..runs.max(1) {
            let commands = self.commands(None)?;
            self.gpu().queue.submit([commands]);
        }
        self.gpu().finish().await?;
        Ok((now() - start) / runs.max(1) as f64)
    }
}
