//! Feature maps of a layer for the image that is looked at: f32, quantized, and their difference, channel by channel.

use std::rc::Rc;

use bitdial_protocol::FeatureMaps;
use yew::prelude::*;

use crate::format::{count, significant};
use crate::kinds::names;
use crate::parts::canvas::{Picture, Pixels};
use crate::parts::segmented::{Segment, list, segmented};
use crate::state::rules::way;
use crate::state::specimen::Maps;
use crate::state::{Bench, Page, Study, use_page};

/// Channels shown at first, and added at a time.
const PAGE: usize = 12;
/// From the smallest value to the largest: viridis (van der Walt, Smith 2015), which is told apart with any colour vision, and
/// in grey.
const VALUES: [[u8; 3]; 6] = [[68, 1, 84], [65, 68, 135], [42, 120, 142], [34, 168, 132], [122, 209, 81], [253, 231, 37]];
/// From less than in f32, by the same, to more: blue and orange, which every colour vision tells apart.
const DIFFERENCES: [[u8; 3]; 5] = [[44, 90, 160], [134, 169, 214], [244, 242, 238], [242, 160, 127], [200, 64, 26]];

/// A colour for each byte: evenly spaced stops, blended.
fn ramp(stops: &[[u8; 3]]) -> Vec<[u8; 3]> {
    let blend = |byte: usize| {
        let at = byte as f32 / 255.0 * (stops.len() - 1) as f32;
        let (low, share) = ((at as usize).min(stops.len() - 2), at - (at as usize).min(stops.len() - 2) as f32);
        std::array::from_fn(|i| (f32::from(stops[low][i]) * (1.0 - share) + f32::from(stops[low + 1][i]) * share).round() as u8)
    };
    (0..256).map(blend).collect()
}

/// A ramp as a background.
fn gradient(stops: &[[u8; 3]]) -> String {
    let colours: Vec<String> = stops.iter().map(|[r, g, b]| format!("rgb({r} {g} {b})")).collect();
    format!("background:linear-gradient(90deg,{})", colours.join(","))
}

/// Channels in order: as they are, or those with the most noise first.
fn order(about: &FeatureMaps, worst: bool) -> Vec<usize> {
    let mut channels: Vec<usize> = (0..about.channels.len()).collect();
    if worst {
        channels.sort_by(|&a, &b| {
            let noise = |channel: usize| about.channels[channel].unwrap_or(f32::MAX);
            noise(a).total_cmp(&noise(b))
        });
    }
    channels
}

/// The three pictures of some channels, in colours.
fn colour(maps: &Maps, channels: &[usize]) -> Vec<[Pixels; 3]> {
    let (rows, columns) = (maps.about.rows, maps.about.columns);
    let ramps = [ramp(&VALUES), ramp(&VALUES), ramp(&DIFFERENCES)];
    let picture = |channel: usize, which: usize| {
        let bytes = maps.pictures[which].chunks_exact((rows * columns).max(1)).nth(channel).unwrap_or_default();
        let bytes = Rc::new(bytes.iter().flat_map(|&byte| ramps[which][usize::from(byte)]).collect());
        Pixels { shape: [rows, columns, 3], bytes }
    };
    channels.iter().map(|&channel| std::array::from_fn(|which| picture(channel, which))).collect()
}

fn decibels(db: Option<f32>) -> String {
    db.map_or("no noise".to_owned(), |db| format!("{db:.1} dB"))
}

/// Every layer of the model: its name in the file, and what the page calls it.
fn layers(bench: &Bench) -> Vec<(String, String)> {
    let Some(loaded) = &bench.loaded else { return Vec::new() };
    let layers = &loaded.info.layers;
    let mut short = names(layers.iter().filter(|layer| layer.parameters > 0 && layer.macs > 0).map(|layer| &*layer.op)).into_iter();
    let called = |layer: &bitdial_protocol::LayerInfo| {
        let short = if layer.parameters > 0 && layer.macs > 0 { short.next().map(|name| name.short) } else { None };
        let size = layer.output.iter().map(usize::to_string).collect::<Vec<_>>().join("\u{d7}");
        (layer.name.clone(), format!("{}{} \u{2192} {size}", short.map_or(String::new(), |short| format!("{short} \u{b7} ")), layer.op))
    };
    layers.iter().map(called).collect()
}

/// The region.
#[component]
pub fn FeatureMapsOf() -> Html {
    let page = use_page();
    let worst = use_state(|| false);
    let shown = use_state(|| PAGE);
    let closer = &page.state.closer;
    let layer = page.state.mapped_layer().cloned();
    let found = closer.maps.clone().filter(|(_, maps)| Some(&maps.about.layer) == layer.as_ref());
    {
        let shown = shown.clone();
        use_effect_with((layer.clone(), *worst), move |_| shown.set(PAGE));
    }
    let drawn = {
        let maps = found.as_ref().map(|(_, maps)| maps.clone());
        let of = found.as_ref().map(|(of, _)| *of);
        // Colouring takes longer than everything else here: only where something has changed.
        use_memo((of, layer.clone(), *worst, *shown), move |(_, _, worst, shown)| {
            let maps = maps?;
            let mut channels = order(&maps.about, *worst);
            channels.truncate(*shown);
            let pictures = colour(&maps, &channels);
            Some((channels, pictures))
        })
    };
    let toggle = {
        let page = page.clone();
        Callback::from(move |_: MouseEvent| page.study(Study::Map(!page.state.closer.mapped)))
    };
    let head = html! {
        <button type="button" id="toggle-maps" aria-expanded={closer.mapped.to_string()} aria-controls="maps" onclick={toggle}
            title="What each channel of a layer makes of one image, in f32 and quantized">
            <span>{"Feature maps"}</span><small>{"of one image, layer by layer"}</small>
        </button>
    };
    if !closer.mapped {
        return html! { <section class="all maps" aria-label="Feature maps">{head}</section> };
    }
    let known = layers(&page.state.bench);
    let at = known.iter().position(|(name, _)| Some(name) == layer.as_ref());
    let onlayer = {
        let (page, known) = (page.clone(), known.clone());
        Callback::from(move |index: usize| {
            if let Some((name, _)) = known.get(index) {
                page.study(Study::Layer(name.clone()));
            }
        })
    };
    let options: Vec<Segment> = known.iter().map(|(_, called)| (called.clone().into(), None)).collect();
    let onorder = {
        let worst = worst.clone();
        Callback::from(move |index: usize| worst.set(index == 1))
    };
    let late = found.as_ref().is_some_and(|(of, _)| *of != (closer.serial, page.state.generation));
    html! {
        <section class="all maps" aria-label="Feature maps">
            {head}
            <div id="maps" class={classes!(late.then_some("late"))} data-current={(found.is_some() && !late).to_string()}>
                <div class="row"><span>{"Layer"}</span>{ list("maps-layer", "Layer whose feature maps are shown", &options, at, &onlayer) }</div>
                {
                    match (&closer.specimen, &found, &*drawn) {
                        (None, ..) => html! {
                            <p class="empty">{"Click on an image above, draw a digit, or choose a picture: its feature maps come here."}</p>
                        },
                        (Some(_), Some((_, maps)), Some((channels, pictures))) => html! {
                            <>
                                { facts(&page, &maps.about, *worst, &onorder) }
                                { cards(&page, &maps.about, channels, pictures) }
                                { more(&maps.about, channels.len(), &shown) }
                            </>
                        },
                        _ => html! { <p class="empty" aria-busy="true">{waiting(&page)}</p> },
                    }
                }
            </div>
        </section>
    }
}

/// Why there are no maps yet.
fn waiting(page: &Page) -> AttrValue {
    let closer = &page.state.closer;
    match &closer.unmapped {
        Some((of, why)) if *of == (closer.serial, page.state.generation) => why.clone(),
        _ => "The lab is about to draw them.".into(),
    }
}

/// The image, the noise, and what colours mean.
fn facts(page: &Page, about: &FeatureMaps, worst: bool, onorder: &Callback<usize>) -> Html {
    let title = page.state.closer.specimen.as_ref().map(|specimen| specimen.title.clone()).unwrap_or_default();
    let scale = |stops: &[[u8; 3]], low: f32, high: f32, what: &'static str| {
        html! {
            <span class="scale">
                <small>{what}</small><b>{number(low)}</b><i style={gradient(stops)} aria-hidden="true"></i><b>{number(high)}</b>
            </span>
        }
    };
    html! {
        <>
            <p class="desc">
                {"Of "}<strong>{title}</strong>{": signal to noise "}
                <span data-metric="map-sqnr" data-unit="dB" data-kind="measured" data-value={about.sqnr.map(|db| db.to_string())} title="Energy of the f32 values over energy of the difference, of this layer for this image">
                    {decibels(about.sqnr)}
                </span>
                {"; both models have one scale of colours."}
            </p>
            <div class="scales">
                { scale(&VALUES, about.low, about.high, "values") }
                { scale(&DIFFERENCES, -about.most, about.most, "difference") }
                if about.channels.len() > 1 {
                    { segmented("maps-order", "Order of the channels", &[("in order".into(), None), ("noisiest first".into(), None)], Some(usize::from(worst)), onorder) }
                }
            </div>
        </>
    }
}

fn number(value: f32) -> String {
    let text = significant(f64::from(value.abs()));
    if value < 0.0 { format!("\u{2212}{text}") } else { text }
}

fn cards(page: &Page, about: &FeatureMaps, channels: &[usize], pictures: &[[Pixels; 3]]) -> Html {
    let vector = about.rows == 1;
    let tag = way(&page.state.bench.run().recipe).tag();
    let card = |(channel, pictures): (&usize, &[Pixels; 3])| {
        let name = if vector { "All values".to_owned() } else { format!("Channel {channel}") };
        let sqnr = about.channels.get(*channel).copied().flatten();
        html! {
            <figure key={*channel} class="map">
                { for ["f32", tag, "difference"].into_iter().zip(pictures).map(|(what, pixels)| html! {
                    <div><Picture pixels={pixels.clone()} label={format!("{name}, {what}")} /><small aria-hidden="true">{what}</small></div>
                }) }
                <figcaption><span>{name.clone()}</span><b>{decibels(sqnr)}</b></figcaption>
            </figure>
        }
    };
    html! { <div class={classes!("mapped", vector.then_some("vector"))}>{ for channels.iter().zip(pictures).map(card) }</div> }
}

fn more(about: &FeatureMaps, now: usize, shown: &UseStateHandle<usize>) -> Html {
    let rest = about.channels.len() - now;
    let shown = shown.clone();
    let onclick = Callback::from(move |_: MouseEvent| shown.set(*shown + PAGE));
    html! {
        if rest > 0 {
            <button class="btn more" type="button" {onclick} title="More channels of this layer">{format!("Show {} more of {}", PAGE.min(rest), count(about.channels.len()))}</button>
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_begin_and_end_with_their_stops() {
        let values = ramp(&VALUES);
        assert_eq!((values.len(), values[0], values[255]), (256, VALUES[0], VALUES[5]));
        let differences = ramp(&DIFFERENCES);
        assert_eq!((differences[0], differences[255]), (DIFFERENCES[0], DIFFERENCES[4]));
        // No difference is all but white.
        assert!(differences[128].iter().all(|light| *light > 236), "{:?}", differences[128]);
    }

    #[test]
    fn the_noisiest_channel_comes_first() {
        let about = FeatureMaps { channels: vec![Some(20.0), None, Some(3.0)], ..FeatureMaps::default() };
        assert_eq!((order(&about, false), order(&about, true)), (vec![0, 1, 2], vec![2, 0, 1]));
    }

    #[test]
    fn pictures_are_cut_channel_by_channel() {
        let about = FeatureMaps { rows: 1, columns: 2, channels: vec![None; 2], ..FeatureMaps::default() };
        let maps = Maps { about, pictures: [vec![0, 255, 255, 0], vec![0; 4], vec![0; 4]] };
        let found = colour(&maps, &[1, 7]);
        assert_eq!(*found[0][0].bytes, [VALUES[5], VALUES[0]].concat());
        assert!(found[1][0].bytes.is_empty());
    }
}
