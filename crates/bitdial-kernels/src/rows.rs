//! The table of kernels: op, weight bits, activation bits, capability, shape, and the measurement behind each choice.
//!
//! The first row that serves a case gives its kernel; rows below that are its *rivals* are timed against it on the
//! machine at hand. Rates are GMAC/s of one thread in Chromium 156, where nothing else is said on Zen 4, whose dot
//! product V8 lowers to the saturating form.

use crate::api::{ConvF32, ConvI8};
#[cfg(target_feature = "simd128")]
use crate::dot::DotSemantics;
use crate::elementwise::Elementwise;
use crate::grouped::ConvGrouped;
#[cfg(target_feature = "relaxed-simd")]
use crate::relaxed::{
    conv_dot8::{self, Full, Narrow},
    depthwise_dot8,
    dot::{EmulatedSigned, EmulatedUnsigned, ExactDot, Signed, Unsigned},
    fma::RelaxedMulAdd,
};
use crate::scalar;
#[cfg(target_feature = "simd128")]
use crate::simd128::{self, conv_dot16, conv_f32, conv_popcnt, depthwise_f32, depthwise_i8, tile::MulAdd};
use crate::table::{Capability, Cases, Op, Row};

const SCALAR: &[Capability] = &[Capability::Scalar];
#[cfg(target_feature = "relaxed-simd")]
const SATURATING: &[Capability] = &[Capability::Relaxed(DotSemantics::Saturating)];
#[cfg(target_feature = "relaxed-simd")]
const EXACT: &[Capability] = &[Capability::Relaxed(DotSemantics::Signed), Capability::Relaxed(DotSemantics::Unsigned)];
#[cfg(target_feature = "relaxed-simd")]
const RELAXED: &[Capability] = &[EXACT[0], EXACT[1], SATURATING[0]];
#[cfg(target_feature = "simd128")]
const SIMD: &[Capability] = &[
    Capability::Simd128,
    Capability::Relaxed(DotSemantics::Signed),
    Capability::Relaxed(DotSemantics::Unsigned),
    Capability::Relaxed(DotSemantics::Saturating),
];

/// Whether scalar kernels are there: a build with vectors may leave them out, to be smaller.
const HAS_SCALAR: bool = !cfg!(all(feature = "vectors-only", target_feature = "simd128"));

const DEPTHWISE: &[Op] = &[Op::Depthwise];
/// All but depthwise ones.
const DENSE: &[Op] = &[Op::Pointwise, Op::Conv];
const ANY: &[Op] = &[Op::Depthwise, Op::Pointwise, Op::Conv];

/// Groups of rows, from the top.
pub(crate) struct Table {
    pub conv_i8: &'static [&'static [Row<dyn ConvI8>]],
    pub conv_f32: &'static [&'static [Row<dyn ConvF32>]],
}

/// The table.
pub(crate) static TABLE: Table = Table {
    conv_i8: &[
        #[cfg(target_feature = "simd128")]
        BINARY_CONV_I8,
        #[cfg(target_feature = "relaxed-simd")]
        Exact::<Signed>::CONV_I8,
        #[cfg(target_feature = "relaxed-simd")]
        Exact::<Unsigned>::CONV_I8,
        #[cfg(target_feature = "relaxed-simd")]
        RELAXED_CONV_I8,
        #[cfg(target_feature = "simd128")]
        SIMD_CONV_I8,
        if HAS_SCALAR { SCALAR_CONV_I8 } else { &[] },
    ],
    conv_f32: &[
        #[cfg(target_feature = "relaxed-simd")]
        RELAXED_CONV_F32,
        #[cfg(target_feature = "simd128")]
        SIMD_CONV_F32,
        if HAS_SCALAR { SCALAR_CONV_F32 } else { &[] },
    ],
};

/// The same with exact dot products emulated, for tests on machines that have none.
pub(crate) static EMULATED: Table = Table {
    conv_i8: &[
        #[cfg(target_feature = "simd128")]
        BINARY_CONV_I8,
        #[cfg(target_feature = "relaxed-simd")]
        Exact::<EmulatedSigned>::CONV_I8,
        #[cfg(target_feature = "relaxed-simd")]
        Exact::<EmulatedUnsigned>::CONV_I8,
        #[cfg(target_feature = "relaxed-simd")]
        RELAXED_CONV_I8,
        #[cfg(target_feature = "simd128")]
        SIMD_CONV_I8,
    ],
    conv_f32: TABLE.conv_f32,
};

#[cfg(target_feature = "simd128")]
const BINARY_CONV_I8: &[Row<dyn ConvI8>] = &[
    // 1-bit activations too, against `conv_dot16` with 8 bits: 1x1 of 64 to 64 80 / 38, of 128 to 128 98 / 39, of 320 to
    // 1280 143 / 42, of 16 to 64 25 / 23; 3x3 of 16 to 16 71 / 40, of 32 to 32 110 / 42, of 64 to 64 140 / 43, in 4 groups
    // 41 / 36; fully connected 1280 to 1000 117 / 27. Bytes of few channels are mostly empty: RGB stem 17 / 25, grey stem
    // 6 / 13.
    Row::new(Cases { weights: [1, 1], activations: 1, run: 16, ..Cases::of(SIMD, DENSE) }, &conv_popcnt::Conv),
];

/// Rows for machines whose 8-bit dot product is exact: one signedness each.
#[cfg(target_feature = "relaxed-simd")]
struct Exact<D>(std::marker::PhantomData<D>);

#[cfg(target_feature = "relaxed-simd")]
impl<D: ExactDot + Sync + 'static> Exact<D> {
    const ON: &[Capability] = &[EXACT[if D::SIGNED { 0 } else { 1 }]];

    const CONV_I8: &[Row<dyn ConvI8>] = &[
        // As fast as `depthwise_i8` where V8 takes three instructions for the product (Zen 4, with wrong sums): 3x3 of 112x112x32
        // 14 / 14, 5x5 of 28x28x240 18 / 18. On the machines it is for it takes one; but weights with zero points take two
        // passes, so the other one is timed too.
        Row::new(Cases::of(Self::ON, DEPTHWISE), &depthwise_dot8::Conv::<D>::NEW),
        Row::new(Cases { rival: true, ..Cases::of(Self::ON, DEPTHWISE) }, &depthwise_i8::Conv),
        // One instruction for 16 products: 67-77 on an AVX-VNNI Xeon, where `conv_dot16` makes 37-45.
        Row::new(Cases::of(Self::ON, DENSE), &conv_dot8::Conv::<Full<D>>::NEW),
        // Counting bits was only measured on Zen 4; where 16 products take one instruction it is timed against that.
        Row::new(
            Cases { weights: [1, 1], activations: 1, run: 16, rival: true, ..Cases::of(Self::ON, DENSE) },
            &conv_dot8::Conv::<Full<D>>::NEW,
        ),
    ];
}

#[cfg(target_feature = "relaxed-simd")]
const RELAXED_CONV_I8: &[Row<dyn ConvI8>] = &[
    // `Narrow<4>` / `Narrow<5>` / `conv_dot16`, by run and output channels: 320 to 1280: 62 / 51 / 42; 3 rows of 192 to
    // 64: 61 / 51 / 43; 3 of 96 to 32: 56 / 47 / 42; 128 to 128: 53 / 46 / 39; 64 to 64: 46 / 40 / 36; 144 to 24:
    // 49 / 43 / 38; 32 to 64: 35 / 32 / 31; 3 of 48 to 16: 42 / 38 / 40; 64 to 16: 37 / 33 / 34; 24 to 64: 30 / 27 / 28.
    // Below that `conv_dot16` wins: 32 to 16: 27 / 26 / 28; 3 of 36 to 16: 36 / 33 / 38; 16 to 16: 17 / 17 / 22; 3 of 3 to
    // 16: 8 / 8 / 13.
    Row::new(Cases { weights: [1, 4], run: 24, products: 768, ..Cases::of(SATURATING, DENSE) }, &conv_dot8::Conv::<Narrow<4>>::NEW),
    Row::new(Cases { weights: [5, 5], run: 32, products: 2048, ..Cases::of(SATURATING, DENSE) }, &conv_dot8::Conv::<Narrow<5>>::NEW),
    // `conv_dot16` is no rival: timed by itself it seems close (3x3 of 64 to 64 44 / 43), but its panels are twice as large, and
    // EfficientNet-Lite0 with 4-bit weights takes 13.2 ms where it was picked and 11.6 ms without it.
    // Where the dot product is exact, `Full` makes 67-77 in the inner loop alone and `Narrow<4>` 79-87 (AVX-VNNI Xeon), but
    // `Full` has less to do at the end of a run.
    Row::new(Cases { weights: [1, 4], run: 24, products: 768, rival: true, ..Cases::of(EXACT, DENSE) }, &conv_dot8::Conv::<Narrow<4>>::NEW),
];

#[cfg(target_feature = "simd128")]
const SIMD_CONV_I8: &[Row<dyn ConvI8>] = &[
    // 8-bit weights: 3x3 of 112x112x32 14, of 56x56x144 13; 5x5 of 28x28x240 19, of 14x14x672 15, of 7x7x1152 12; with stride
    // 2 9 and 16; where the matrix kernels make less than 1.
    Row::new(Cases::of(SIMD, DEPTHWISE), &depthwise_i8::Conv),
    // 8-bit weights: 1x1 of 64 to 64 channels 36, of 320 to 1280 42, of 16 to 64 24; 3x3 of 16 to 16 40, of 32 to 32 42,
    // of 64 to 64 43; RGB stem 25; grey stem 13.
    Row::new(Cases::of(SIMD, ANY), &conv_dot16::Conv),
];

const SCALAR_CONV_I8: &[Row<dyn ConvI8>] = &[
    // The reference; its order is for clarity, not for speed.
    Row::new(Cases::of(SCALAR, DEPTHWISE), &scalar::DepthwiseI8),
    // Bits are counted 64 at a time, against the row below: 1x1 of 64 to 64 11 / 4, of 320 to 1280 41 / 6, of 16 to 64 3 / 2;
    // 3x3 of 64 to 64 56 / 6; fully connected 1280 to 1000 78 / 4, where counting 128 at a time makes 115.
    Row::new(Cases { weights: [1, 1], activations: 1, ..Cases::of(SCALAR, DENSE) }, &scalar::ConvPopcnt),
    Row::new(Cases::of(SCALAR, ANY), &scalar::ConvI8),
];

#[cfg(target_feature = "relaxed-simd")]
const RELAXED_CONV_F32: &[Row<dyn ConvF32>] = &[
    // `RelaxedMulAdd` / `MulAdd`: 5x5 of 28x28x240: 15 / 14; 3x3 of 56x56x144: 12 / 10.
    Row::new(Cases::of(RELAXED, DEPTHWISE), &depthwise_f32::Conv::<RelaxedMulAdd>::NEW),
    // The same: 3 rows of 96 to 32: 27 / 22; 320 to 1280: 25 / 22; a single pixel of 1280 to 1000, where one sum waits
    // for the other: 7 / 10.
    // No rival: which one runs shows in the last bits of logits, and those must not depend on what was timed.
    Row::new(Cases::of(RELAXED, DENSE), &conv_f32::Conv::<RelaxedMulAdd>::NEW),
];

#[cfg(target_feature = "simd128")]
const SIMD_CONV_F32: &[Row<dyn ConvF32>] = &[
    // 3x3 of 112x112x32 11, of 56x56x144 10; 5x5 of 28x28x240 14, of 14x14x672 12; where the matrix kernels make less than 1.
    Row::new(Cases::of(SIMD, DEPTHWISE), &depthwise_f32::Conv::<MulAdd>::NEW),
    // 1x1 of 64 to 64 21, of 320 to 1280 22, of 16 to 64 17; 3x3 of 16 to 16 22, of 32 to 32 22, of 64 to 64 21; RGB stem
    // 18; grey stem 13.
    Row::new(Cases::of(SIMD, ANY), &conv_f32::Conv::<MulAdd>::NEW),
];

const SCALAR_CONV_F32: &[Row<dyn ConvF32>] = &[
    // The reference; its order is for clarity, not for speed.
    Row::new(Cases::of(SCALAR, DEPTHWISE), &scalar::DepthwiseF32),
    Row::new(Cases::of(SCALAR, ANY), &scalar::ConvF32),
];

/// The kernel for weights in groups; `None` if this build does not have the capability.
///
/// There is one for each backend, on the 16-bit product. With groups of 16 / 32 / 128, against `conv_dot16` without: 1x1 of
/// 64 to 64 29 / 32 / 34 / 37, of 320 to 1280 31 / 36 / 40 / 42, of 16 to 64 21 / 21 / 20 / 24; 3x3 of 16 to 16
/// 30 / 34 / 36 / 40, of 64 to 64 31 / 36 / 42 / 43; fully connected 1280 to 1000 20 / 23 / 26 / 27.
pub(crate) fn conv_grouped(on: Capability) -> Option<&'static dyn ConvGrouped> {
    match on {
        Capability::Scalar if HAS_SCALAR => Some(&scalar::ConvGrouped),
        Capability::Scalar => None,
        #[cfg(target_feature = "simd128")]
        Capability::Simd128 => Some(&simd128::conv_grouped::Conv),
        #[cfg(target_feature = "relaxed-simd")]
        Capability::Relaxed(_) => Some(&simd128::conv_grouped::Conv),
        #[cfg(not(target_feature = "relaxed-simd"))]
        _ => None,
    }
}

/// Everything that is not a convolution; `None` if this build does not have the capability.
pub(crate) fn elementwise(on: Capability) -> Option<&'static dyn Elementwise> {
    match on {
        Capability::Scalar if HAS_SCALAR => Some(&scalar::Plain),
        Capability::Scalar => None,
        #[cfg(target_feature = "simd128")]
        Capability::Simd128 => Some(&simd128::elementwise::Simd),
        #[cfg(target_feature = "relaxed-simd")]
        Capability::Relaxed(_) => Some(&simd128::elementwise::Simd),
        #[cfg(not(target_feature = "relaxed-simd"))]
        _ => None,
    }
}
