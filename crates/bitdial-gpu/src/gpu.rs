//! The device: opened once, with the kernels that were compiled so far.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::GpuError;
use crate::info::GpuInfo;
use crate::kernel::{Kernel, PARAMS_BYTES};
use crate::rounding;

/// A WebGPU device. It belongs to the thread, or the worker, that opened it; clones are the same device.
#[derive(Clone)]
pub struct Gpu {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) layout: wgpu::BindGroupLayout,
    pipelines: Rc<RefCell<BTreeMap<Kernel, wgpu::ComputePipeline>>>,
    pipeline_layout: wgpu::PipelineLayout,
    info: GpuInfo,
    lost: Arc<Mutex<Option<String>>>,
    errors: Arc<Mutex<Option<String>>>,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gpu").field("info", &self.info).field("lost", &self.lost()).finish_non_exhaustive()
    }
}

fn held(slot: &Mutex<Option<String>>) -> std::sync::MutexGuard<'_, Option<String>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the first of several messages.
fn keep(slot: &Mutex<Option<String>>, message: String) {
    held(slot).get_or_insert(message);
}

/// Whether the browser has WebGPU at all.
fn has_webgpu() -> bool {
    #[cfg(target_arch = "wasm32")]
    {
        let navigator = js_sys::Reflect::get(&js_sys::global(), &"navigator".into());
        let gpu = navigator.and_then(|navigator| js_sys::Reflect::get(&navigator, &"gpu".into()));
        gpu.is_ok_and(|gpu| !gpu.is_undefined() && !gpu.is_null())
    }
    #[cfg(not(target_arch = "wasm32"))]
    true
}

impl Gpu {
    /// Opens the fastest adapter there is, with the largest buffers that it allows, and checks its arithmetic.
    ///
    /// # Errors
    /// [`GpuError::NoWebGpu`] and [`GpuError::NoAdapter`] where there is nothing to open, [`GpuError::Rounding`] where the
    /// device cannot give the reference's integers.
    pub async fn open() -> Result<Self, GpuError> {
        if !has_webgpu() {
            return Err(GpuError::NoWebGpu);
        }
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let wish = wgpu::RequestAdapterOptions { power_preference: wgpu::PowerPreference::HighPerformance, ..Default::default() };
        let adapter = instance.request_adapter(&wish).await.map_err(|e| GpuError::NoAdapter(e.to_string()))?;
        let features = adapter.features() & (wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::SHADER_F16);
        let offered = adapter.limits();
        let limits = wgpu::Limits {
            max_buffer_size: offered.max_buffer_size,
            max_storage_buffer_binding_size: offered.max_storage_buffer_binding_size,
            max_compute_workgroup_storage_size: offered.max_compute_workgroup_storage_size,
            ..wgpu::Limits::default()
        };
        let descriptor = wgpu::DeviceDescriptor { required_features: features, required_limits: limits, ..Default::default() };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|e| GpuError::NoAdapter(e.to_string()))?;

        let (lost, errors) = (Arc::<Mutex<Option<String>>>::default(), Arc::<Mutex<Option<String>>>::default());
        let slot = Arc::clone(&lost);
        device.set_device_lost_callback(move |reason, message| {
            let message = if message.is_empty() { format!("{reason:?}").to_lowercase() } else { message };
            keep(&slot, message);
        });
        let slot = Arc::clone(&errors);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| keep(&slot, error.to_string())));

        let dot4 = instance.wgsl_language_features().contains(wgpu::WgslLanguageFeatures::Packed4x8IntegerDotProduct);
        let info = GpuInfo::new(&adapter.get_info(), &device.limits(), features, dot4);
        #[cfg(target_arch = "wasm32")]
        let info = {
            let mut info = info;
            info.ask(&device);
            info
        };
        let (layout, pipeline_layout) = layouts(&device);
        let mut gpu = Self { device, queue, layout, pipelines: Rc::default(), pipeline_layout, info, lost, errors };
        gpu.info.exact = rounding::check(&gpu).await?;
        Ok(gpu)
    }

    /// What is known about the device.
    #[must_use]
    pub fn info(&self) -> &GpuInfo {
        &self.info
    }

    /// Why the device is gone, if it is.
    #[must_use]
    pub fn lost(&self) -> Option<String> {
        held(&self.lost).clone()
    }

    /// Loses the device on purpose.
    pub fn destroy(&self) {
        self.device.destroy();
        keep(&self.lost, "it was destroyed".to_owned());
    }

    /// Fails if the device is gone, or has complained outside of any scope since the last time.
    pub(crate) fn check(&self) -> Result<(), GpuError> {
        if let Some(reason) = self.lost() {
            return Err(GpuError::DeviceLost(reason));
        }
        match held(&self.errors).take() {
            Some(reason) => Err(GpuError::Device(reason)),
            None => Ok(()),
        }
    }

    /// Makes a buffer of so many bytes.
    pub(crate) async fn buffer(&self, what: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer, GpuError> {
        let bytes = bytes.max(16).next_multiple_of(16);
        let limit = match usage.contains(wgpu::BufferUsages::STORAGE) {
            true => self.info.max_buffer.min(self.info.max_binding),
            false => self.info.max_buffer,
        };
        if bytes > limit {
            return Err(GpuError::TooLarge { what: what.to_owned(), needs: bytes, limit });
        }
        self.check()?;
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let valid = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let buffer =
            self.device.create_buffer(&wgpu::BufferDescriptor { label: Some(what), size: bytes, usage, mapped_at_creation: false });
        let (valid, memory) = (valid.pop(), memory.pop());
        match (valid.await, memory.await) {
            (None, None) => Ok(buffer),
            (_, Some(error)) | (Some(error), None) => {
                self.check()?;
                Err(GpuError::caught(error, what))
            }
        }
    }

    /// Compiles a kernel, unless it is compiled already.
    pub(crate) async fn compile(&self, kernel: &Kernel) -> Result<(), GpuError> {
        if self.pipelines.borrow().contains_key(kernel) {
            return Ok(());
        }
        self.check()?;
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let source = wgpu::ShaderSource::Wgsl(kernel.source().into());
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(kernel.name), source });
        let constants: Vec<(&str, f64)> = kernel.constants.iter().map(|&(name, value)| (name, f64::from(value))).collect();
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.name),
            layout: Some(&self.pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions { constants: &constants, zero_initialize_workgroup_memory: false },
            cache: None,
        });
        let (internal, scope) = (internal.pop(), scope.pop());
        if let (Some(error), _) | (None, Some(error)) = (internal.await, scope.await) {
            self.check()?;
            return Err(GpuError::Shader { kernel: kernel.name.to_owned(), reason: error.to_string() });
        }
        self.pipelines.borrow_mut().insert(kernel.clone(), pipeline);
        Ok(())
    }

    /// A kernel that was compiled.
    pub(crate) fn pipeline(&self, kernel: &Kernel) -> Result<wgpu::ComputePipeline, GpuError> {
        let pipelines = self.pipelines.borrow();
        pipelines
            .get(kernel)
            .cloned()
            .ok_or_else(|| GpuError::Shader { kernel: kernel.name.to_owned(), reason: "it was not compiled".to_owned() })
    }

    /// Binds the buffers that every kernel has: what is written, what stays, and the numbers of a dispatch.
    pub(crate) fn bind(&self, arena: &wgpu::Buffer, constants: &wgpu::Buffer, params: &wgpu::Buffer) -> wgpu::BindGroup {
        let params = wgpu::BufferBinding { buffer: params, offset: 0, size: std::num::NonZeroU64::new(PARAMS_BYTES) };
        let entries = [
            wgpu::BindGroupEntry { binding: 0, resource: arena.as_entire_binding() },
            wgpu::BindGroupEntry { binding: 1, resource: constants.as_entire_binding() },
            wgpu::BindGroupEntry { binding: 2, resource: wgpu::BindingResource::Buffer(params) },
        ];
        self.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &self.layout, entries: &entries })
    }
}

/// The bindings that all kernels have in common.
fn layouts(device: &wgpu::Device) -> (wgpu::BindGroupLayout, wgpu::PipelineLayout) {
    let entry = |binding, ty, has_dynamic_offset, min: u64| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: std::num::NonZeroU64::new(min) },
        count: None,
    };
    let entries = [
        entry(0, wgpu::BufferBindingType::Storage { read_only: false }, false, 4),
        entry(1, wgpu::BufferBindingType::Storage { read_only: true }, false, 16),
        entry(2, wgpu::BufferBindingType::Uniform, true, PARAMS_BYTES),
    ];
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
    let pipelines = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    (layout, pipelines)
}

#[cfg(all(test, feature = "device-tests", not(target_arch = "wasm32")))]
mod tests {
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn a_kernel_that_does_not_compile_says_so() {
        let gpu = block_on(Gpu::open()).unwrap_or_else(|e| panic!("{e}"));
        for kernel in [Kernel::new("no such kernel"), Kernel::new("quantize").with("NO_SUCH_CONSTANT", 1u32)] {
            let error = block_on(gpu.compile(&kernel)).unwrap_err();
            assert!(matches!(&error, GpuError::Shader { kernel: name, reason } if name == kernel.name && !reason.is_empty()), "{error:?}");
            assert!(gpu.pipeline(&kernel).is_err());
        }
        // The device goes on.
        assert_eq!(gpu.check(), Ok(()));
        assert_eq!(block_on(gpu.compile(&Kernel::new("quantize"))), Ok(()));
    }
}
