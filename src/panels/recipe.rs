//! The recipe: how weights and activations are quantized.

use bitdial_protocol::{ActivationMode, ActivationScheme, Bits, Granularity, GroupSize};
use yew::prelude::*;

use crate::catalogue::Calibration;
use crate::parts::dial::{Dial, Stop};
use crate::parts::row::{effect, help, row};
use crate::parts::segmented::segmented;
use crate::state::{Action, Control, Edit, Page};

/// Calibration images to choose from.
const SAMPLES: [u32; 4] = [64, 128, 256, 512];
/// What may share a scale, from coarse to fine.
const GRANULARITIES: [Granularity; 3] = [Granularity::Tensor, Granularity::Channel, Granularity::Group];
/// Bits that leave an activation as it is, as the dial counts.
const FLOAT_BITS: u8 = 32;

fn noun(bits: Bits) -> &'static str {
    if bits == Bits::MIN { "bit" } else { "bits" }
}

fn bits_stop(bits: Bits) -> Stop {
    let spoken = format!("{bits} {}, {} levels", noun(bits), 1_u32 << bits.get());
    Stop { value: bits.get(), label: bits.to_string().into(), spoken: spoken.into() }
}

fn turn<F: Fn(usize) -> Option<Edit> + 'static>(page: &Page, edit: F) -> Callback<usize> {
    let dispatch = page.dispatch.clone();
    Callback::from(move |stop| {
        if let Some(edit) = edit(stop) {
            dispatch.dispatch(Action::Edit { edit, dragging: true });
        }
    })
}

fn rest(page: &Page) -> Callback<()> {
    let dispatch = page.dispatch.clone();
    Callback::from(move |()| dispatch.dispatch(Action::DragEnd))
}

fn choose<F: Fn(usize) -> Edit + 'static>(page: &Page, edit: F) -> Callback<usize> {
    let page = page.clone();
    Callback::from(move |index| page.edit(edit(index)))
}

fn options(labels: &[&'static str]) -> Vec<AttrValue> {
    labels.iter().copied().map(AttrValue::Static).collect()
}

/// How weights are stored.
pub fn weights(page: &Page) -> Html {
    let scheme = page.state.link.recipe.weights;
    let widths: Vec<Bits> = Bits::all().collect();
    let selected = widths.iter().position(|bits| *bits == scheme.bits).unwrap_or_default();
    let stops: Vec<Stop> = widths.iter().copied().map(bits_stop).collect();
    let onturn = turn(page, move |stop| widths.get(stop).copied().map(Edit::WeightBits));
    let scale = segmented(
        "w-scale",
        "Scale of the weights per",
        &options(&["tensor", "channel", "group"]),
        GRANULARITIES.iter().position(|granularity| *granularity == scheme.granularity),
        &choose(page, |i| Edit::WeightScale(GRANULARITIES[i])),
    );
    let sizes: Vec<AttrValue> = GroupSize::ALL.iter().map(|size| size.to_string().into()).collect();
    let size = segmented(
        "w-group",
        "Weights of a group",
        &sizes,
        GroupSize::ALL.iter().position(|size| *size == scheme.group),
        &choose(page, |i| Edit::WeightGroup(GroupSize::ALL[i])),
    );
    let range = segmented(
        "w-range",
        "Range of the weights",
        &options(&["symmetric", "affine"]),
        Some(usize::from(!scheme.symmetric)),
        &choose(page, |i| Edit::WeightRange(i == 0)),
    );
    html! {
        <section aria-labelledby="weights-title">
            <h2 id="weights-title">{"Weights"}</h2>
            <div class="dial">
                <div class="top">
                    <div class="n">{scheme.bits.to_string()}<small>{format!("{} \u{b7} {} levels", noun(scheme.bits), 1_u32 << scheme.bits.get())}</small></div>
                    { effect(page, &Control::WeightBits) }
                </div>
                <Dial id="weight-bits" label="Weight bits" {stops} {selected} {onturn} onrest={rest(page)} />
                { ticks(scheme.bits.get(), scheme.symmetric) }
            </div>
            { row(page, "w-scale", "Scale per", SCALE, &Control::WeightScale, scale) }
            if scheme.granularity == Granularity::Group {
                { row(page, "w-group", "Group of", GROUP, &Control::WeightGroup, size) }
            }
            if scheme.bits == Bits::MIN {
                <p class="aside">{BINARY}</p>
            } else {
                { row(page, "w-range", "Range", WEIGHT_RANGE, &Control::WeightRange, range) }
            }
        </section>
    }
}

const SCALE: &str = "A scale turns integers back into weights. One per output channel follows each channel's own range; one for the whole layer is coarser where channels differ; one per group of weights is finer still, and takes more bytes.";
const GROUP: &str = "How many neighbouring weights of an output channel share a scale. Each group is summed in integers, and its sum is scaled and added in f32: smaller groups follow the weights more closely, and are more to store and to add.";
const WEIGHT_RANGE: &str = "A symmetric range keeps zero in the middle and needs no zero point. An affine one follows the smallest and largest weight, and pays for a zero point in every product.";
const BINARY: &str = "A weight of 1 bit is its sign: the scale, or minus the scale. There is no zero, and no zero point.";
const ACTIVATION_RANGE: &str = "After ReLU activations are never negative, and a symmetric range leaves half of its integers unused. An affine one spends them all on what occurs.";
const MODE: &str = "Static ranges are found once, on calibration images, and everything stays in integers. Dynamic ones are found for every image anew: no calibration, more work per image.";
const IMAGES: &str =
    "How many training images are looked at to find the smallest and largest value of each activation. Test images are never used for it.";
const PHOTOS: &str = "This model has no training images here, so its ranges are found on the sample photos themselves.";

/// Every level that so many bits can tell apart, on a line; the taller one is zero.
fn ticks(bits: u8, symmetric: bool) -> Html {
    let levels = 1_u32 << bits;
    let place = |level: u32| 4.0 + 272.0 * f64::from(level) / f64::from(levels - 1);
    let path: String = (0..levels).map(|level| format!("M{:.2} 5V16", place(level))).collect();
    // Thin enough to stay apart as long as they can.
    let width = (136.0 / f64::from(levels)).clamp(0.5, 2.0);
    let zero = place(levels / 2);
    html! {
        <svg class="ticks" viewBox="0 0 280 26" aria-hidden="true">
            <path class="level" d={path} style={format!("stroke-width:{width:.2}")} />
            <line class="base" x1="0" x2="280" y1="16.5" y2="16.5" />
            if symmetric && bits > 1 {
                <path class="zero" d={format!("M{zero:.2} 2V20")} />
            }
        </svg>
    }
}

/// How activations are represented between layers.
pub fn activations(page: &Page) -> Html {
    let scheme = page.state.link.recipe.activations;
    let widths: Vec<Option<Bits>> = Bits::all().map(Some).chain([None]).collect();
    let stop = |bits: &Option<Bits>| match bits {
        Some(bits) => bits_stop(*bits),
        None => Stop { value: FLOAT_BITS, label: "f32".into(), spoken: "f32, not quantized".into() },
    };
    let stops: Vec<Stop> = widths.iter().map(stop).collect();
    let selected = widths.iter().position(|bits| *bits == scheme.map(|scheme| scheme.bits)).unwrap_or_default();
    let (number, unit) = match scheme {
        Some(scheme) => (scheme.bits.to_string(), format!("{} \u{b7} {}", noun(scheme.bits), mode_name(scheme.mode))),
        None => ("f32".to_owned(), "weight-only".to_owned()),
    };
    let onturn = turn(page, move |stop| widths.get(stop).copied().map(Edit::ActivationBits));
    html! {
        <section aria-labelledby="activations-title">
            <h2 id="activations-title">{"Activations"}</h2>
            <div class="dial">
                <div class="top">
                    <div class="n">{number}<small>{unit}</small></div>
                    { effect(page, &Control::ActivationBits) }
                </div>
                <Dial id="activation-bits" class="a" label="Activation bits" {stops} {selected} {onturn} onrest={rest(page)} />
            </div>
            {
                match scheme {
                    Some(scheme) => ranges(page, scheme),
                    None => html! {
                        <p class="aside">
                            {"Weights are stored in "}{page.state.link.recipe.weights.bits.to_string()}{" "}{noun(page.state.link.recipe.weights.bits)}
                            {" and decoded to f32; everything in between stays f32."}
                        </p>
                    },
                }
            }
        </section>
    }
}

fn mode_name(mode: ActivationMode) -> &'static str {
    match mode {
        ActivationMode::Static => "static",
        ActivationMode::Dynamic => "dynamic",
    }
}

/// Where the ranges of activations come from.
fn ranges(page: &Page, scheme: ActivationScheme) -> Html {
    let range = segmented(
        "a-range",
        "Range of the activations",
        &options(&["symmetric", "affine"]),
        Some(usize::from(!scheme.symmetric)),
        &choose(page, |i| Edit::ActivationRange(i == 0)),
    );
    let mode = segmented(
        "a-mode",
        "When ranges are found",
        &options(&["static", "dynamic"]),
        Some(usize::from(scheme.mode == ActivationMode::Dynamic)),
        &choose(page, |i| Edit::Mode(if i == 0 { ActivationMode::Static } else { ActivationMode::Dynamic })),
    );
    html! {
        <>
            { row(page, "a-range", "Range", ACTIVATION_RANGE, &Control::ActivationRange, range) }
            { row(page, "a-mode", "Found", MODE, &Control::Mode, mode) }
            if scheme.mode == ActivationMode::Static {
                { calibration(page) }
            }
        </>
    }
}

/// Which images static ranges are found on.
fn calibration(page: &Page) -> Html {
    match &page.state.bench.entry.calibration {
        Calibration::Images { count, .. } => {
            let samples = page.state.link.recipe.calibration.samples;
            let labels: Vec<AttrValue> = SAMPLES.iter().filter(|n| **n as usize <= *count).map(|n| n.to_string().into()).collect();
            let selected = SAMPLES.iter().position(|n| *n == samples);
            let choice = segmented("samples", "Calibration images", &labels, selected, &choose(page, |i| Edit::Samples(SAMPLES[i])));
            row(page, "samples", "Images", IMAGES, &Control::Samples, choice)
        }
        Calibration::Photos { .. } => html! {
            <div class="row">{ help("samples", "Images", PHOTOS) }<span class="fact">{"the sample photos"}</span></div>
        },
    }
}
