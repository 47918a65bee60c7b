//! What this browser can run, and which build of the worker follows from it.

use bitdial_protocol::BackendChoice;

/// `(module (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt))`
const SIMD: &[u8] = &[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
/// As above, with `i16x8.relaxed_dot_i8x16_i7x16_s` of two such vectors.
const RELAXED: &[u8] =
    &[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 146, 2, 11];

/// Which SIMD instructions the browser compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Support {
    /// 128-bit SIMD; without it there is no worker to start.
    pub simd: bool,
    /// The relaxed instructions.
    pub relaxed: bool,
    /// WebGPU's interface; whether there is a GPU behind it is known when it is asked for.
    pub gpu: bool,
}

/// Asks the browser.
pub fn support() -> Support {
    let compiles = |module: &[u8]| js_sys::WebAssembly::validate(&js_sys::Uint8Array::from(module)).unwrap_or(false);
    let gpu = gloo::utils::window().navigator();
    let gpu = js_sys::Reflect::get(&gpu, &"gpu".into()).is_ok_and(|gpu| gpu.is_object());
    Support { simd: compiles(SIMD), relaxed: compiles(RELAXED), gpu }
}

impl Support {
    /// What may be chosen, the best first.
    pub fn choices(self) -> Vec<BackendChoice> {
        let mut choices = vec![BackendChoice::Auto, BackendChoice::RelaxedSimd, BackendChoice::Simd128, BackendChoice::Scalar];
        choices.retain(|choice| self.relaxed || *choice != BackendChoice::RelaxedSimd);
        if self.gpu {
            choices.extend([BackendChoice::WebGpu, BackendChoice::WebGpuF16]);
        }
        choices
    }

    /// The build of the worker that has a backend; `None` if this browser cannot run it.
    pub fn build(self, choice: BackendChoice) -> Option<&'static str> {
        match choice {
            _ if !self.simd => None,
            BackendChoice::RelaxedSimd if !self.relaxed => None,
            BackendChoice::Simd128 => Some("simd128"),
            BackendChoice::WebGpu | BackendChoice::WebGpuF16 => Some("webgpu").filter(|_| self.gpu),
            _ if self.relaxed => Some("relaxed-simd"),
            _ => Some("simd128"),
        }
    }
}

/// A backend's name in links and reports.
pub fn backend_name(choice: BackendChoice) -> &'static str {
    match choice {
        BackendChoice::Auto => "auto",
        BackendChoice::Scalar => "scalar",
        BackendChoice::Simd128 => "simd128",
        BackendChoice::RelaxedSimd => "relaxed-simd",
        BackendChoice::WebGpu => "webgpu",
        BackendChoice::WebGpuF16 => "webgpu-f16",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_browser_gets_the_build_it_can_run() {
        use BackendChoice::{Auto, RelaxedSimd, Scalar, Simd128};
        let cases = [
            ((true, true), [Some("relaxed-simd"), Some("relaxed-simd"), Some("simd128"), Some("relaxed-simd")]),
            ((true, false), [Some("simd128"), None, Some("simd128"), Some("simd128")]),
            ((false, false), [None; 4]),
        ];
        for ((simd, relaxed), builds) in cases {
            let support = Support { simd, relaxed, gpu: false };
            assert_eq!([Auto, RelaxedSimd, Simd128, Scalar].map(|choice| support.build(choice)), builds, "{support:?}");
            assert_eq!(support.choices().contains(&RelaxedSimd), relaxed);
        }
    }
}
