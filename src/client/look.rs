//! Single images: what both models make of one, and its feature maps. The newest wish wins.

use std::rc::Rc;

use bitdial_protocol::{Classified, Recipe};
use wasm_bindgen_futures::spawn_local;
use yew::AttrValue;

use super::desk::Desk;
use super::error::ClientError;
use super::lab::Lab;
use super::newest::Newest;
use super::session::Session;
use super::task::on_slot;
use crate::state::specimen::Of;
use crate::state::{Action, Specimen, Study};

/// What is wanted of an image.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Which image, under which wish of the page.
    pub of: Of,
    /// The recipe.
    pub recipe: Recipe,
    /// A, where one is pinned that is another.
    pub a: Option<Recipe>,
    /// The image.
    pub specimen: Rc<Specimen>,
    /// The layer, if feature maps are wanted.
    pub layer: Option<String>,
}

impl Session {
    /// Shows the page an image, together with those that follow at once.
    pub fn show(&self, specimen: Specimen) {
        self.outbox.send_soon(Action::Study(Study::Show(specimen)));
    }

    /// Shows the page an image at once.
    pub fn show_at_once(&self, specimen: Specimen) {
        self.outbox.send(Action::Study(Study::Show(specimen)));
    }

    /// Asks what both models make of an image.
    pub fn judge(self: &Rc<Self>, wish: Wish) {
        self.ask(wish, |session| &session.looks, Self::classify, Study::Judged);
    }

    /// Asks for feature maps.
    pub fn map(self: &Rc<Self>, wish: Wish) {
        self.ask(wish, |session| &session.maps, Self::mapped, Study::Mapped);
    }

    /// Answers a wish, and then the newest of those that came meanwhile. What was given up has nothing to say.
    fn ask<T: 'static>(
        self: &Rc<Self>,
        wish: Wish,
        queue: fn(&Self) -> &Newest<Wish>,
        answer: impl AsyncFn(&Self, &Wish) -> Result<T, ClientError> + 'static,
        study: fn(Of, Result<T, AttrValue>) -> Study,
    ) {
        let session = self.clone();
        let Some(mut wish) = queue(&session).ask(wish) else { return };
        spawn_local(async move {
            loop {
                let answer = answer(&session, &wish).await;
                if !matches!(answer, Err(ClientError::Cancelled)) {
                    session.outbox.send(Action::Study(study(wish.of, answer.map_err(|error| error.to_string().into()))));
                }
                let Some(next) = queue(&session).done() else { return };
                wish = next;
            }
        });
    }

    async fn classify(&self, wish: &Wish) -> Result<Rc<[Classified]>, ClientError> {
        let (pool, voice) = self.helper(wish.of.1)?;
        let image = &wish.specimen.pixels;
        on_slot(pool.own(), &voice, async |desk: Rc<Desk>| desk.classify(&wish.recipe, wish.a.as_ref(), image).await).await.map(Rc::from)
    }

    async fn mapped(&self, wish: &Wish) -> Result<Rc<crate::state::specimen::Maps>, ClientError> {
        let (pool, voice) = self.helper(wish.of.1)?;
        let layer = wish.layer.clone().unwrap_or_default();
        let image = &wish.specimen.pixels;
        // A's first, to lie within those of the recipe in force.
        let mut a = None;
        for recipe in wish.a.iter().chain([&wish.recipe]) {
            let mut maps = on_slot(&pool.lab, &voice, async |lab: Rc<Lab>| lab.maps(recipe, layer.clone(), image).await).await?;
            maps.a = a.map(Box::new);
            a = Some(maps);
        }
        a.map(Rc::new).ok_or(ClientError::Cancelled)
    }
}
