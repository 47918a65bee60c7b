//! What `i32x4.relaxed_dot_i8x16_i7x16_add_s` does with an eighth bit in its second operand.

/// How a machine multiplies i8 with 8-bit integers whose highest bit is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DotSemantics {
    /// They are signed (ARM's `sdot`, x86's `vpdpbssd`).
    Signed,
    /// They are unsigned (x86's `vpdpbusd`).
    Unsigned,
    /// They are unsigned, and sums of two products saturate at 16 bits (x86's `pmaddubsw`), or something else still.
    Saturating,
}

/// What this machine does; `None` in a build without the instruction.
#[must_use]
pub fn dot_semantics() -> Option<DotSemantics> {
    #[cfg(target_feature = "relaxed-simd")]
    return Some(crate::relaxed::probe());
    #[cfg(not(target_feature = "relaxed-simd"))]
    return None;
}
