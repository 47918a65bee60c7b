//! The camera: asked for, and given back.

use gloo::events::EventListener;
use js_sys::{Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{MediaStream, MediaStreamConstraints, MediaStreamTrack};

use super::error::said;

/// A camera that runs. Dropping it switches it off.
#[derive(Debug)]
pub struct Camera {
    stream: MediaStream,
    _ended: Option<EventListener>,
}

impl Camera {
    /// Asks for the camera; or a sentence that says why there is none. `onend` is told when the camera goes by itself.
    pub async fn open(onend: impl Fn() + 'static) -> Result<Self, String> {
        // Browsers give none to pages that others could have changed on their way.
        let devices = gloo::utils::window().navigator().media_devices().ok().filter(|devices| devices.is_object());
        let devices = devices.ok_or("This browser gives the page no camera: it needs a page that was fetched over https.")?;
        let (constraints, video) = (MediaStreamConstraints::new(), Object::new());
        for (key, value) in [("facingMode", JsValue::from("environment")), ("width", JsValue::from(640))] {
            // A new object takes properties.
            let _ = Reflect::set(&video, &key.into(), &value);
        }
        constraints.set_video(&video);
        let asked = async { JsFuture::from(devices.get_user_media_with_constraints(&constraints)?).await };
        let stream: MediaStream = asked.await.map_err(|error| refusal(&error))?.unchecked_into();
        let track = stream.get_video_tracks().get(0).dyn_into::<MediaStreamTrack>().ok();
        let ended = track.map(|track| EventListener::once(&track, "ended", move |_| onend()));
        Ok(Self { stream, _ended: ended })
    }

    /// What to show.
    pub fn stream(&self) -> &MediaStream {
        &self.stream
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        for track in self.stream.get_tracks().iter() {
            track.unchecked_into::<MediaStreamTrack>().stop();
        }
    }
}

fn refusal(error: &JsValue) -> String {
    let name = Reflect::get(error, &"name".into()).ok().and_then(|name| name.as_string()).unwrap_or_default();
    sentence(&name, &said(error))
}

/// What to do about an error of `getUserMedia`, by its name (W3C Media Capture and Streams, 10.2).
fn sentence(name: &str, said: &str) -> String {
    match name {
        "NotAllowedError" | "SecurityError" => "The camera was refused. Allow it for this page in the browser, and start again.".to_owned(),
        "NotFoundError" | "OverconstrainedError" => "There is no camera. Connect one, and start again.".to_owned(),
        "NotReadableError" | "AbortError" => "The camera is in use by something else. Close that, and start again.".to_owned(),
        _ => format!("The camera could not be started: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do() {
        for (name, part) in
            [("NotAllowedError", "Allow it"), ("NotFoundError", "no camera"), ("NotReadableError", "in use"), ("Odd", "odd: no")]
        {
            assert!(sentence(name, "odd: no").contains(part), "{name}");
        }
    }
}
