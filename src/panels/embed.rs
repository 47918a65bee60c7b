//! The page inside another one: which parts it shows, and what it tells its host.

use bitdial_protocol::Link;
use js_sys::{Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use yew::prelude::*;

use super::{
    activations, promise::promise, readouts, use_all_settings, use_backends, use_corrections, use_feature_maps, use_images, use_model,
    weights,
};
use crate::charts::{
    use_bits_chart, use_confusion_chart, use_latency_chart, use_layers_chart, use_search_chart, use_size_chart, use_time_chart,
};
use crate::parts::region::region;
use crate::parts::resize::on_resize;
use crate::state::{Page, State, Tab, address, shared};

/// Every part, by the name that `show` has for it, with what people call it; in the order in which they stand.
pub const NAMES: [(&str, &str); 20] = [
    ("readouts", "Readouts"),
    ("weights", "Weight bits"),
    ("activations", "Activation bits"),
    ("corrections", "Corrections"),
    ("settings", "All settings"),
    ("recipe", "The whole recipe"),
    ("strip", "Layers"),
    ("layers-chart", "What each layer costs"),
    ("confusion", "Confusion"),
    ("images", "Images"),
    ("draw", "A board to draw on"),
    ("picture", "Pictures of one's own"),
    ("camera", "Camera"),
    ("maps", "Feature maps"),
    ("accuracy-bits", "Accuracy against bits"),
    ("accuracy-size", "Accuracy against size"),
    ("latency", "Latency"),
    ("time-split", "Where the time goes"),
    ("backends", "Backends"),
    ("search", "Search for widths"),
];

/// What is shown if `show` does not say.
pub const DEFAULT: [&str; 4] = ["readouts", "weights", "activations", "accuracy-bits"];

/// Parts that change the recipe: they stand beside the others where there is room.
const CONTROLS: [&str; 5] = ["weights", "activations", "corrections", "settings", "recipe"];

/// Parts that are tabs of one.
const IMAGES: [&str; 4] = ["images", "draw", "picture", "camera"];

/// What another page asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embed {
    /// Parts to show, in the order of [`NAMES`].
    pub show: Vec<&'static str>,
    /// What `show` says that cannot be: a sentence.
    pub issue: Option<String>,
}

impl Embed {
    /// What a query asks for; `None` if it does not ask to be embedded.
    pub fn of(query: &str) -> Option<Self> {
        let value = |name: &str| query.trim_start_matches('?').split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        value("embed").filter(|embed| *embed == "1")?;
        let asked = value("show").unwrap_or_default().replace("%2C", ",").replace("%2c", ",");
        let asked: Vec<&str> = asked.split(',').filter(|name| !name.is_empty()).collect();
        let known = |name: &&str| NAMES.iter().any(|(known, _)| known == name);
        let (good, bad): (Vec<&str>, Vec<&str>) = asked.iter().partition(|name| known(name));
        let named = |name: &&'static str| if good.is_empty() { DEFAULT.contains(name) } else { good.contains(name) };
        let show: Vec<&str> = NAMES.iter().map(|(name, _)| *name).filter(named).collect();
        let issue = (!bad.is_empty()).then(|| {
            let names = NAMES.map(|(name, _)| name).join(", ");
            let shown: String = bad.join(", ").chars().take(60).collect();
            let end = if good.is_empty() { " The usual parts are shown." } else { "" };
            format!("\u{201c}show\u{201d} names a part that there is not: {shown}. There are {names}.{end}")
        });
        Some(Self { show, issue })
    }

    /// Opens what is asked for.
    pub fn open(&self, state: &mut State) {
        let tab = self.show.iter().filter(|name| IMAGES.contains(name)).find_map(|name| Tab::named(name));
        state.view.tab = tab.unwrap_or_default();
        state.closer.mapped = self.show.contains(&"maps");
    }

    /// Whether a part is within another one that is shown.
    fn is_inside(&self, name: &str) -> bool {
        let first = |names: &[&str]| self.show.iter().find(|shown| names.contains(shown)).copied();
        match name {
            name if IMAGES.contains(&name) => first(&IMAGES) != Some(name),
            "recipe" => false,
            name => CONTROLS.contains(&name) && self.show.contains(&"recipe"),
        }
    }
}

/// What the address asks for.
pub fn asked() -> Option<Embed> {
    Embed::of(&gloo::utils::window().location().search().unwrap_or_default())
}

/// HTML that embeds a link of the page at `base`. What a link holds needs no more escaping than `&`.
pub fn snippet(base: &str, link: &Link, show: &[&str], height: u32) -> String {
    let camera = if show.iter().any(|name| ["images", "camera"].contains(name)) { "; camera" } else { "" };
    let show = if show.is_empty() { String::new() } else { format!("&show={}", show.join(",")) };
    let address = format!("{base}?embed=1{show}#{}", link.to_fragment());
    let address = address.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    format!(
        "<iframe src=\"{address}\" title=\"bitdial\" width=\"100%\" height=\"{height}\" style=\"border:0\" loading=\"lazy\" \
         allow=\"clipboard-write{camera}\"></iframe>"
    )
}

/// One part.
fn part(page: &Page, name: &str) -> Html {
    match name {
        "recipe" => html! { <>{ weights(page) }{ activations(page) }{ region!(use_corrections) }{ region!(use_all_settings) }</> },
        "weights" => weights(page),
        "activations" => activations(page),
        "corrections" => region!(use_corrections),
        "settings" => region!(use_all_settings),
        "strip" => region!(use_model),
        name if IMAGES.contains(&name) => region!(use_images),
        "maps" => region!(use_feature_maps),
        "readouts" => html! { <>{ promise(page) }{ readouts(page) }</> },
        "accuracy-bits" => region!(use_bits_chart),
        "accuracy-size" => region!(use_size_chart),
        "latency" => region!(use_latency_chart),
        "time-split" => region!(use_time_chart),
        "layers-chart" => region!(use_layers_chart),
        "confusion" => region!(use_confusion_chart),
        "backends" => region!(use_backends),
        "search" => region!(use_search_chart),
        _ => Html::default(),
    }
}

/// The parts, and the way back to the whole page.
pub fn embedded(page: &Page, embed: &Embed) -> Html {
    let shown = embed.show.iter().filter(|name| !embed.is_inside(name));
    let (controls, rest): (Vec<&str>, Vec<&str>) = shown.partition(|name| CONTROLS.contains(name));
    let parts = |class: &'static str, names: Vec<&'static str>| {
        html! {
            if !names.is_empty() {
                <div {class}>{ for names.into_iter().map(|name| html! { <div key={name} class="part" data-part={name}>{ part(page, name) }</div> }) }</div>
            }
        }
    };
    html! {
        <>
            <h1 class="sr">{"bitdial"}</h1>
            { for embed.issue.iter().map(|issue| html! { <p class="refused" role="alert" id="embed-issue">{issue}</p> }) }
            { parts("side", controls) }
            { parts("rest", rest) }
            <p class="note home">
                <a href={address::full(&page.state.link)} target="_blank" rel="noopener" id="open-whole">{"Open in bitdial"}</a>
            </p>
        </>
    }
}

fn set(object: &Object, key: &str, value: impl Into<JsValue>) {
    let _ = Reflect::set(object, &key.into(), &value.into());
}

/// What a host is told: `docs/embedding.md` says what each part means.
fn message(page: &Page) -> Object {
    let state = &page.state;
    let (told, figures) = (Object::new(), Object::new());
    let known = shared::figures(&state.bench);
    if let Some((hits, images)) = known.hits {
        set(&figures, "hits", hits);
        set(&figures, "images", images);
    }
    if let Some(size) = known.size {
        set(&figures, "size", size);
    }
    if let Some(us) = known.latency {
        set(&figures, "latency", f64::from(us) / 1e3);
    }
    set(&told, "type", "bitdial");
    set(&told, "version", 1);
    set(&told, "phase", state.phase.name());
    set(&told, "link", state.link.to_fragment());
    set(&told, "figures", figures);
    told
}

/// Tells the host, whoever it is: nothing of it is private.
fn tell(told: &Object) {
    let window = gloo::utils::window();
    let Ok(Some(host)) = window.parent() else { return };
    if host == window {
        return;
    }
    let height = gloo::utils::document().get_element_by_id("main").map_or(0, |main| main.scroll_height() + 1);
    set(told, "height", height);
    // A host that is gone needs no news.
    let _ = host.post_message(told, "*");
}

/// Tells the host whenever what it is told, or the height, changes.
#[hook]
pub fn use_host(page: &Page, embedded: bool) {
    let state = &page.state;
    let what = embedded.then(|| (state.phase, state.link.clone(), shared::figures(&state.bench)));
    let last = use_mut_ref(Object::new);
    {
        let (page, last) = (page.clone(), last.clone());
        use_effect_with(what, move |what| {
            if what.is_some() {
                let told = message(&page);
                tell(&told);
                last.replace(told);
            }
        });
    }
    use_effect_with((), move |()| {
        let main = gloo::utils::document().get_element_by_id("main").filter(|_| embedded);
        on_resize(main.and_then(|main| main.dyn_into().ok()), move |_| tell(&last.borrow()))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_what_is_shown_and_a_bad_one_is_told() {
        for (query, show, issue) in [
            ("?embed=1", &DEFAULT[..], None),
            ("?embed=1&show=", &DEFAULT, None),
            ("?embed=1&show=accuracy-bits,readouts", &["readouts", "accuracy-bits"], None),
            ("?embed=1&show=strip%2Cimages", &["strip", "images"], None),
            ("?embed=1&show=strip,fire", &["strip"], Some("there is not: fire.")),
            ("?embed=1&show=<script>", &DEFAULT, Some("The usual parts are shown.")),
            ("?show=strip&embed=1", &["strip"], None),
            ("?embed=1&show=maps,camera,draw", &["draw", "camera", "maps"], None),
        ] {
            let embed = Embed::of(query).unwrap();
            let mut expected = show.to_vec();
            expected.sort_by_key(|name| NAMES.iter().position(|(known, _)| known == name));
            assert_eq!(embed.show, expected, "{query}");
            assert_eq!(embed.issue.is_some(), issue.is_some(), "{query}");
            assert!(embed.issue.unwrap_or_default().contains(issue.unwrap_or_default()), "{query}");
        }
        assert_eq!((Embed::of(""), Embed::of("?embed=0"), Embed::of("?embed")), (None, None, None));
    }

    #[test]
    fn tabs_of_one_part_are_one_part() {
        let entry = &crate::catalogue::all()[0];
        for (show, parts, tab, mapped) in [
            ("images,draw,maps", "images maps", Tab::Draw, true),
            ("camera,picture", "picture", Tab::Picture, false),
            ("images", "images", Tab::Flipped, false),
            ("recipe,weights,camera", "recipe camera", Tab::Camera, false),
        ] {
            let embed = Embed::of(&format!("?embed=1&show={show}")).unwrap();
            let mut state = State::new(Link::new(&entry.id), entry);
            embed.open(&mut state);
            let shown: Vec<&str> = embed.show.iter().copied().filter(|name| !embed.is_inside(name)).collect();
            assert_eq!((shown.join(" "), state.view.tab, state.closer.mapped), (parts.to_owned(), tab, mapped), "{show}");
        }
    }

    #[test]
    fn a_snippet_is_one_element() {
        let link = Link::new("digits");
        let text = snippet("https://example.org/a\"b<c/", &link, &["strip", "images"], 300);
        let address = "https://example.org/a&quot;b&lt;c/?embed=1&amp;show=strip,images#v=1&amp;model=digits";
        assert!(text.contains(address) && text.matches('<').count() == 2 && text.contains("clipboard-write; camera"), "{text}");
        assert!(Embed::of("?embed=1").is_some_and(|embed| embed.show.iter().all(|name| DEFAULT.contains(name))));
    }
}
