//! Errands: a search for widths, and the accuracy with a layer set apart.

use std::rc::Rc;

use bitdial_protocol::{Isolation, LayerAccuracy, Recipe, Target};

use super::desk::Desk;
use super::error::ClientError;
use super::idle::Borrowed;
use super::lab::Lab;
use super::plan::pieces;
use super::pool::Pool;
use super::session::Voice;
use super::task::on_slot;
use super::worker::Progress;
use crate::state::{Errand, Found};

/// Images of an accuracy with a layer set apart.
pub const ISOLATED_IMAGES: usize = 1_000;

/// What an errand is about.
pub struct Subject {
    /// The recipe in force.
    pub recipe: Recipe,
    /// The right class of each image: its label, or where there are none what f32 says.
    pub truth: Vec<u16>,
    /// Multiply-accumulates for one image.
    pub macs: u64,
}

/// Runs an errand to its end.
pub async fn run(errand: &Errand, subject: &Subject, pool: &Pool, voice: &Voice) -> Found {
    let found = match errand {
        Errand::Search(budget) => {
            let watch = || {
                let voice = voice.clone();
                move |progress| voice.found(Found::Progress(progress))
            };
            let search = on_slot(&pool.lab, voice, async |lab: Rc<Lab>| lab.search(&subject.recipe, *budget, watch()).await);
            search.await.map(|frontier| Found::Widths(subject.recipe.clone(), Rc::new(frontier)))
        }
        Errand::Accuracy(layer) => {
            let accuracy = on_slot(pool.helper(), voice, async |desk: Rc<Desk>| isolate(&desk, layer, subject, voice).await);
            accuracy.await.map(Found::Accuracy)
        }
    };
    found.unwrap_or_else(|error| Found::Nothing(error.to_string()))
}

/// Accuracy with only this layer quantized, and with only this layer in f32.
async fn isolate(desk: &Desk, layer: &str, subject: &Subject, voice: &Voice) -> Result<LayerAccuracy, ClientError> {
    let count = subject.truth.len().min(ISOLATED_IMAGES);
    let mut hits = [0; 2];
    for (part, isolation) in [Isolation::Only, Isolation::Except].into_iter().enumerate() {
        let quantized = desk.isolated(&subject.recipe, layer, isolation).await?;
        let _guard = Borrowed { desk, quantized };
        for range in pieces(0..count, subject.macs) {
            let found = desk.evaluate(Target::Quantized(quantized), range.start, range.len()).await?;
            hits[part] += found.top1.iter().zip(&subject.truth[range.clone()]).filter(|(class, truth)| class == truth).count();
            let (done, total) = ((part * count + range.end) as u32, 2 * count as u32);
            voice.found(Found::Progress(Progress { stage: "running images".into(), done, total }));
        }
    }
    Ok(LayerAccuracy { name: layer.to_owned(), count, only: hits[0], except: hits[1] })
}
