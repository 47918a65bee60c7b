//! The device itself.

use super::gpu;

#[test]
fn the_adapter_is_described() {
    let gpu = gpu();
    let info = gpu.info();
    println!("{info:#?}");
    assert!(info.max_buffer >= 1 << 27 && info.max_workgroup_threads >= 256, "{info:?}");
    assert!(info.exact, "a device of today rounds as IEEE 754 has it: {info:?}");
}
