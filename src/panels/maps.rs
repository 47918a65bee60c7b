//! Feature maps of a layer for the image that is looked at: f32, quantized, and their difference, channel by channel.

use std::rc::Rc;

use bitdial_protocol::FeatureMaps;
use yew::prelude::*;

use crate::format::{count, decibels, significant};
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

/// The same colours for bytes that stand for `own` range, where the colours stand for another.
fn shifted(colours: &[[u8; 3]], own: [f32; 2], all: [f32; 2]) -> Vec<[u8; 3]> {
    let last = colours.len().saturating_sub(1) as f32;
    let at = |byte: usize| {
        let value = own[0] + (own[1] - own[0]) * byte as f32 / last;
        (last * (value - all[0]) / (all[1] - all[0]).max(f32::MIN_POSITIVE)).round() as usize
    };
    if own == all { colours.to_vec() } else { (0..colours.len()).map(|byte| colours[at(byte).min(last as usize)]).collect() }
}

/// The least and the largest value, and the largest difference, of all that is shown.
fn scales(maps: &Maps, with_a: bool) -> [f32; 3] {
    let all = std::iter::once(maps).chain(maps.a.as_deref().filter(|_| with_a)).map(|maps| &maps.about);
    all.fold([f32::MAX, f32::MIN, 0.0], |[low, high, most], about| [low.min(about.low), high.max(about.high), most.max(about.most)])
}

/// The pictures of some channels, in colours: f32, quantized, difference, and A's quantized and difference if it is shown.
fn colour(maps: &Maps, channels: &[usize], with_a: bool) -> Vec<Vec<Pixels>> {
    let (rows, columns) = (maps.about.rows, maps.about.columns);
    let [low, high, most] = scales(maps, with_a);
    let (values, differences) = (ramp(&VALUES), ramp(&DIFFERENCES));
    let pictures = |of: &Maps, first: usize| -> Vec<(Vec<u8>, Vec<[u8; 3]>)> {
        let values = shifted(&values, [of.about.low, of.about.high], [low, high]);
        let differences = shifted(&differences, [-of.about.most, of.about.most], [-most, most]);
        let ramps = [values.clone(), values, differences];
        of.pictures.iter().cloned().zip(ramps).skip(first).collect()
    };
    let mut all = pictures(maps, 0);
    all.extend(maps.a.iter().filter(|_| with_a).flat_map(|a| pictures(a, 1)));
    let picture = |channel: usize, (bytes, ramp): &(Vec<u8>, Vec<[u8; 3]>)| {
        let bytes = bytes.chunks_exact((rows * columns).max(1)).nth(channel).unwrap_or_default();
        let bytes = Rc::new(bytes.iter().flat_map(|&byte| ramp[usize::from(byte)]).collect());
        Pixels { shape: [rows, columns, 3], bytes }
    };
    channels.iter().map(|&channel| all.iter().map(|of| picture(channel, of)).collect()).collect()
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
#[hook]
pub fn use_feature_maps() -> Html {
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
    let late = found.as_ref().is_some_and(|(of, _)| *of != (closer.serial, page.state.generation));
    // Another A may have given those of before.
    let with_a = page.state.bench.a().is_some() && !late && found.as_ref().is_some_and(|(_, maps)| maps.a.is_some());
    let drawn = {
        let maps = found.as_ref().map(|(_, maps)| maps.clone());
        let of = found.as_ref().map(|(of, _)| *of);
        // Colouring takes longer than everything else here: only where something has changed.
        use_memo((of, layer.clone(), *worst, *shown, with_a), move |(_, _, worst, shown, with_a)| {
            let maps = maps?;
            let mut channels = order(&maps.about, *worst);
            channels.truncate(*shown);
            let pictures = colour(&maps, &channels, *with_a);
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
                                { facts(&page, maps, with_a, *worst, &onorder) }
                                { cards(&page, maps, with_a, channels, pictures) }
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
fn facts(page: &Page, maps: &Maps, with_a: bool, worst: bool, onorder: &Callback<usize>) -> Html {
    let (about, [low, high, most]) = (&maps.about, scales(maps, with_a));
    let of_a = maps.a.as_ref().filter(|_| with_a).map(|a| format!(", under A {}", decibels(a.about.sqnr)));
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
                {of_a}{"; all models have one scale of colours."}
            </p>
            <div class="scales">
                { scale(&VALUES, low, high, "values") }
                { scale(&DIFFERENCES, -most, most, "difference") }
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

fn cards(page: &Page, maps: &Maps, with_a: bool, channels: &[usize], pictures: &[Vec<Pixels>]) -> Html {
    let about = &maps.about;
    let vector = about.rows == 1;
    let tag = way(&page.state.bench.run().recipe).tag();
    // Which picture stands where; below f32's nothing does.
    let order: &[(&'static str, usize)] = match with_a {
        true => &[("f32", 0), ("A", 3), ("A \u{2212} f32", 4), ("", usize::MAX), ("B", 1), ("B \u{2212} f32", 2)],
        false => &[("f32", 0), (tag, 1), ("difference", 2)],
    };
    let card = |(channel, pictures): (&usize, &Vec<Pixels>)| {
        let name = if vector { "All values".to_owned() } else { format!("Channel {channel}") };
        let sqnr = |about: &FeatureMaps| decibels(about.channels.get(*channel).copied().flatten());
        let of_a = maps.a.as_ref().filter(|_| with_a).map(|a| format!("A {} \u{b7} B ", sqnr(&a.about).trim_end_matches(" dB")));
        html! {
            <figure key={*channel} class="map">
                { for order.iter().map(|(what, which)| match pictures.get(*which) {
                    Some(pixels) => html! {
                        <div><Picture pixels={pixels.clone()} label={format!("{name}, {what}")} /><small aria-hidden="true">{*what}</small></div>
                    },
                    None => html! { <div></div> },
                }) }
                <figcaption><span>{name.clone()}</span><b>{of_a}{sqnr(about)}</b></figcaption>
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
        let mut maps = Maps { about, pictures: [vec![0, 255, 255, 0], vec![0; 4], vec![0; 4]], a: None };
        let found = colour(&maps, &[1, 7], false);
        assert_eq!(*found[0][0].bytes, [VALUES[5], VALUES[0]].concat());
        assert!(found[1][0].bytes.is_empty() && found[0].len() == 3);
        // A reaches twice as high: what was the brightest is in the middle now.
        (maps.about.high, maps.about.most) = (1.0, 0.5);
        let about = FeatureMaps { high: 2.0, most: 1.0, ..maps.about.clone() };
        maps.a = Some(Box::new(Maps { about, pictures: [vec![0; 4], vec![255; 4], vec![0; 4]], a: None }));
        let found = colour(&maps, &[1], true);
        let expected = [ramp(&VALUES)[128], VALUES[0], VALUES[5], VALUES[5]].concat();
        assert_eq!((scales(&maps, true), [&**found[0][0].bytes, &**found[0][3].bytes].concat()), ([0.0, 2.0, 1.0], expected));
        assert_eq!((found[0].len(), scales(&maps, false)), (5, [0.0, 1.0, 0.5]));
    }
}
