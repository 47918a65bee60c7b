//! The camera, live: one frame after the other, as fast as the workers answer.

use std::collections::VecDeque;
use std::rc::Rc;

use gloo::events::EventListener;
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlVideoElement;
use yew::prelude::*;

use super::verdict;
use crate::client::picture::{Cut, cut, frame};
use crate::client::{Device, now, sleep};
use crate::format::significant;
use crate::parts::canvas::Pixels;
use crate::state::compared::Rate;
use crate::state::rules::way;
use crate::state::{Origin, Page, Specimen, use_page};

/// How long to wait for a video that has no frame yet, in milliseconds.
const WAIT_MS: u32 = 50;
/// Frames that the rate of the loop is taken from.
const FRAMES: usize = 20;

/// What becomes of the camera.
#[derive(Clone, Debug, PartialEq)]
enum Live {
    /// It is off, with what there is to say about it.
    Off(AttrValue),
    /// The browser asks.
    Asking,
    /// It runs.
    On,
}

/// The next frame, as the model of the page takes it.
async fn next(page: &Page, video: &HtmlVideoElement) -> Option<Specimen> {
    let [channels, side, _] = page.state.bench.entry.input;
    let bitmap = frame(video).await.ok()?;
    let bytes = cut(&bitmap, Cut { side, grey: channels == 1, invert: false });
    bitmap.close();
    let pixels = Pixels { shape: [side, side, channels], bytes: Rc::new(bytes.ok()?) };
    Some(Specimen { origin: Origin::Camera, title: "The camera".into(), pixels })
}

/// Things a second, by the moments of the last ones.
fn rate(moments: &VecDeque<f64>) -> Option<f64> {
    let span = moments.back()? - moments.front()?;
    (span > 0.0).then(|| 1e3 * (moments.len() - 1) as f64 / span)
}

/// The tab.
#[hook]
pub fn use_camera() -> Html {
    let page = use_page();
    let live = use_state(|| Live::Off("".into()));
    let device = use_mut_ref(|| None::<Device>);
    // Counts starts and stops: what was asked for before is of no use.
    let attempt = use_mut_ref(|| 0_u32);
    let moments = use_mut_ref(VecDeque::<f64>::new);
    let video = use_node_ref();
    let stop = {
        let (live, device, attempt, video) = (live.clone(), device.clone(), attempt.clone(), video.clone());
        Callback::from(move |why: AttrValue| {
            *attempt.borrow_mut() += 1;
            device.take();
            if let Some(video) = video.cast::<HtmlVideoElement>() {
                video.set_src_object(None);
            }
            live.set(Live::Off(why));
        })
    };
    let start = {
        let (live, device, attempt, video, stop, moments) =
            (live.clone(), device.clone(), attempt.clone(), video.clone(), stop.clone(), moments.clone());
        Callback::from(move |_: MouseEvent| {
            *attempt.borrow_mut() += 1;
            let mine = *attempt.borrow();
            moments.borrow_mut().clear();
            live.set(Live::Asking);
            let (live, device, attempt, video, stop) = (live.clone(), device.clone(), attempt.clone(), video.clone(), stop.clone());
            spawn_local(async move {
                let ended = {
                    let stop = stop.clone();
                    move || stop.emit("The camera has gone.".into())
                };
                let opened = Device::open(ended).await;
                if *attempt.borrow() != mine {
                    return;
                }
                match (opened, video.cast::<HtmlVideoElement>()) {
                    (Ok(camera), Some(video)) => {
                        video.set_src_object(Some(camera.stream()));
                        // It plays by itself where it may; without playing there are no frames, which is seen.
                        let _ = video.play();
                        device.replace(Some(camera));
                        live.set(Live::On);
                    }
                    (Err(why), _) => stop.emit(why.into()),
                    (Ok(_), None) => stop.emit("".into()),
                }
            });
        })
    };
    {
        // Another tab of the panel, another page of the browser: nobody looks.
        let (attempt, device, stop) = (attempt.clone(), device.clone(), stop.clone());
        use_effect_with((), move |()| {
            let asked = device.clone();
            let listener = EventListener::new(&gloo::utils::document(), "visibilitychange", move |_| {
                if gloo::utils::document().hidden() && asked.borrow().is_some() {
                    stop.emit("Stopped, as the page was out of sight.".into());
                }
            });
            move || {
                drop(listener);
                *attempt.borrow_mut() += 1;
                device.take();
            }
        });
    }
    {
        let (stop, device) = (stop.clone(), device.clone());
        use_effect_with(page.state.bench.entry.id.clone(), move |_| {
            if device.borrow().is_some() {
                stop.emit("Stopped, as another model was opened.".into());
            }
        });
    }
    let closer = &page.state.closer;
    // The last frame is answered, or there was none.
    let answered = [closer.verdict.as_ref().map(|(of, _)| *of), closer.trouble.as_ref().map(|(of, _)| *of)];
    let waits = closer.specimen.as_ref().is_some_and(|specimen| specimen.origin == Origin::Camera)
        && !answered.iter().flatten().any(|of| of.0 == closer.serial);
    let on = *live == Live::On;
    {
        let (page, video, attempt, moments) = (page.clone(), video.clone(), attempt.clone(), moments.clone());
        use_effect_with((on && !waits, closer.serial), move |(free, _)| {
            let Some(video) = video.cast::<HtmlVideoElement>().filter(|_| *free) else { return };
            let mine = *attempt.borrow();
            spawn_local(async move {
                while *attempt.borrow() == mine {
                    match next(&page, &video).await {
                        Some(specimen) if *attempt.borrow() == mine => {
                            let mut moments = moments.borrow_mut();
                            moments.push_back(now());
                            if moments.len() > FRAMES {
                                moments.pop_front();
                            }
                            return page.session.show_at_once(specimen);
                        }
                        Some(_) => return,
                        None => sleep(WAIT_MS).await,
                    }
                }
            });
        });
    }
    let said = match &*live {
        Live::Off(why) => why.clone(),
        Live::Asking => "The browser asks whether this page may use the camera.".into(),
        Live::On => "".into(),
    };
    let rates = closer.rates().filter(|_| on);
    let figure = |name: AttrValue, target: &'static str, rate: Option<f64>, spread: Option<Rate>| {
        let spread = spread.map_or("\u{a0}".to_owned(), |rate| format!("{}\u{2013}{}", significant(rate.p10), significant(rate.p90)));
        html! {
            <div>
                <dt>{name}</dt>
                <dd data-metric="frame-rate" data-target={target} data-unit="1/s" data-kind="measured" data-value={rate.map(|rate| rate.to_string())}>
                    {rate.map_or("\u{2013}".to_owned(), significant)}
                </dd>
                <dd class="spread">{spread}</dd>
            </div>
        }
    };
    let toggle = if live_is_off(&live) { start } else { stop.reform(|_: MouseEvent| "".into()) };
    html! {
        <div class="own">
            <div class="source">
                <div class="board">
                    <video ref={video} id="camera" playsinline=true muted=true autoplay=true aria-label="What the camera sees"></video>
                    if !on {
                        <p aria-hidden="true">{"Camera off"}</p>
                    }
                </div>
                <div class="tools">
                    <button class="btn" type="button" id="toggle-camera" onclick={toggle} title="The pictures stay in this browser">
                        {if live_is_off(&live) { "Start the camera" } else { "Stop" }}
                    </button>
                </div>
                <dl class="speeds" title="Frames a second that each model could take by itself, as the last 30 went, in turn: median, p10 to p90; and how many were shown">
                    { figure("f32".into(), "f32", rates.map(|rates| rates[0].median), rates.map(|rates| rates[0])) }
                    { figure(way(&page.state.bench.run().recipe).tag().into(), "quantized", rates.map(|rates| rates[1].median), rates.map(|rates| rates[1])) }
                    { figure("shown".into(), "shown", rate(&moments.borrow()).filter(|_| on), None) }
                </dl>
                <p class="desc" id="camera-says" aria-live="polite">
                    {if said.is_empty() { "Frames a second. It stops when the page, or this tab of it, is out of sight.".into() } else { said }}
                </p>
            </div>
            { verdict(&page, "The camera is off: bars come with its first frame.") }
        </div>
    }
}

fn live_is_off(live: &Live) -> bool {
    matches!(live, Live::Off(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_count_the_gaps() {
        for (moments, expected) in [(vec![], None), (vec![7.0], None), (vec![0.0, 100.0], Some(10.0)), (vec![0.0, 50.0, 100.0], Some(20.0))]
        {
            assert_eq!(rate(&moments.clone().into()), expected, "{moments:?}");
        }
    }
}
