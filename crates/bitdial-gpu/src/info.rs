//! What is known about a device.

/// Parts of an adapter's name that say that it is a program and no chip.
const SOFTWARE: &[&str] = &["swiftshader", "llvmpipe", "lavapipe", "warp", "basic render"];

/// The device that kernels run on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GpuInfo {
    /// Its name, as far as it is told; browsers often keep it to themselves.
    pub name: String,
    /// Who made it.
    pub vendor: String,
    /// Its family.
    pub architecture: String,
    /// What WebGPU stands on, e.g. `vulkan`, or `browser`.
    pub backend: String,
    /// Whether it is a program: right for correctness, without meaning for speed.
    pub software: bool,
    /// Largest buffer, in bytes.
    pub max_buffer: u64,
    /// Largest buffer that a kernel sees, in bytes.
    pub max_binding: u64,
    /// Bytes that the threads of a group share.
    pub max_workgroup_bytes: u32,
    /// Threads of a group.
    pub max_workgroup_threads: u32,
    /// Whether WGSL has `dot4I8Packed`.
    pub dot4: bool,
    /// Whether WGSL has `f16`.
    pub f16: bool,
    /// Whether kernels can be timed by the device's own clock.
    pub timestamps: bool,
    /// Whether f32 products, sums and roundings are those of the reference. Where not, integers stand in for them.
    pub exact: bool,
}

impl GpuInfo {
    pub(crate) fn new(adapter: &wgpu::AdapterInfo, limits: &wgpu::Limits, features: wgpu::Features, dot4: bool) -> Self {
        let name = adapter.name.clone();
        let named = |text: &str| {
            let text = text.to_lowercase();
            SOFTWARE.iter().any(|part| text.contains(part))
        };
        Self {
            vendor: if adapter.vendor == 0 { String::new() } else { format!("{:#06x}", adapter.vendor) },
            architecture: adapter.driver.clone(),
            backend: if cfg!(target_arch = "wasm32") { "browser".to_owned() } else { adapter.backend.to_string() },
            software: adapter.device_type == wgpu::DeviceType::Cpu || named(&name) || named(&adapter.driver),
            name,
            max_buffer: limits.max_buffer_size,
            max_binding: limits.max_storage_buffer_binding_size,
            max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
            max_workgroup_threads: limits.max_compute_invocations_per_workgroup,
            dot4,
            f16: features.contains(wgpu::Features::SHADER_F16),
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            exact: false,
        }
    }

    /// Adds what only the browser's own object tells.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn ask(&mut self, device: &wgpu::Device) {
        let Some(device) = device.as_webgpu() else { return };
        let Ok(info) = js_sys::Reflect::get(device, &"adapterInfo".into()) else { return };
        let text = |key: &str| js_sys::Reflect::get(&info, &key.into()).ok().and_then(|value| value.as_string()).unwrap_or_default();
        (self.vendor, self.architecture) = (text("vendor"), text("architecture"));
        if self.name.is_empty() {
            self.name = text("device");
        }
        let all = format!("{} {} {}", self.vendor, self.architecture, self.name).to_lowercase();
        self.software |= SOFTWARE.iter().any(|part| all.contains(part));
    }
}
