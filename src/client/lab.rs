//! The lab: a worker that makes quantized models, for all runners.

use std::cell::RefCell;
use std::rc::Rc;

use bitdial_protocol::{
    Advice, Budget, Diagnosis, Frontier, ImagesHandle, Isolation, LabRequest, LabResponse, LayerDetail, Making, ModelHandle,
    QuantizedHandle, Recipe,
};
use futures::FutureExt;
use futures::future::{LocalBoxFuture, OptionFuture, WeakShared};
use js_sys::{ArrayBuffer, Uint8Array};

use super::desk::{Kit, LARGE};
use super::error::ClientError;
use super::pool::Seat;
use super::worker::{self, Progress, Watch, Worker};
use crate::catalogue::Calibration;
use crate::parts::canvas::Pixels;
use crate::state::specimen::Maps;

/// Quantized models that the lab remembers; fewer of a large one.
const KEPT: usize = 24;
const KEPT_LARGE: usize = 3;

/// A lab with a model and calibration images in it.
pub struct Lab {
    kit: Rc<Kit>,
    worker: Worker<worker::Lab>,
    model: ModelHandle,
    /// The model in f32, for runners.
    packed: ArrayBuffer,
    calibration: Option<ImagesHandle>,
    kept: RefCell<Vec<Rc<Made>>>,
    asked: RefCell<Vec<(Recipe, Asked)>>,
}

/// A quantized model.
pub struct Made {
    recipe: Recipe,
    handle: QuantizedHandle,
    packed: ArrayBuffer,
    /// How it came about.
    pub making: Rc<Making>,
}

/// A quantized model to come, as long as somebody waits for it.
type Asked = WeakShared<LocalBoxFuture<'static, Result<Rc<Made>, ClientError>>>;

impl Made {
    /// A copy of the packed model, to give away.
    pub fn packed(&self) -> ArrayBuffer {
        self.packed.slice(0)
    }
}

impl Seat for Lab {
    fn is_gone(&self) -> bool {
        self.worker.is_gone()
    }
}

impl Lab {
    /// Starts a lab and gives it the model and the calibration images.
    pub async fn set_up(kit: Rc<Kit>) -> Result<Rc<Self>, ClientError> {
        let model = kit.library.get(&kit.entry.file, Some(kit.on_progress.clone()));
        let start = Worker::<worker::Lab>::start(&kit.lab_url);
        let (worker, model) = futures::try_join!(start, model)?;
        let load = async {
            let answer = worker.request(&LabRequest::Load {}, vec![model.slice(0)]).await?;
            match (answer.body, answer.buffers.into_iter().next()) {
                (LabResponse::Loaded { model }, Some(packed)) => Ok((model, packed)),
                _ => Err(ClientError::Unexpected("loading the model")),
            }
        };
        let images = OptionFuture::from(match &kit.entry.calibration {
            Calibration::Images { images, labels, .. } => Some(async {
                let files = kit.library.copies(&[images, labels]).await?;
                add(&worker, &LabRequest::AddIdx { normalize: kit.entry.normalize }, files).await
            }),
            Calibration::Photos { .. } => None,
        });
        let photos = OptionFuture::from(kit.photos.clone().map(|photos| async {
            let (pixels, count) = kit.pixels(photos).await?;
            let [channels, height, width] = kit.entry.input;
            let request = LabRequest::AddPixels { count, height, width, channels, normalize: kit.entry.normalize };
            add(&worker, &request, vec![pixels]).await
        }));
        let (loaded, images, photos) = futures::join!(load, images, photos);
        let (model, packed) = loaded?;
        let calibration = images.or(photos).transpose()?;
        let (kept, asked) = (RefCell::default(), RefCell::default());
        Ok(Rc::new(Self { kit: kit.clone(), worker, model, packed, calibration, kept, asked }))
    }

    /// A copy of the packed f32 model, to give away.
    pub fn packed(&self) -> ArrayBuffer {
        self.packed.slice(0)
    }

    /// The model under a recipe: made now, or kept from before. Asking twice makes it once; when nobody waits any longer,
    /// the request is taken back.
    pub async fn make(self: &Rc<Self>, recipe: &Recipe) -> Result<Rc<Made>, ClientError> {
        if let Some(known) = self.recall(recipe) {
            return Ok(known);
        }
        let asked = self.asked.borrow().iter().find(|(of, _)| of == recipe).and_then(|(_, promise)| promise.upgrade());
        let promise = asked.unwrap_or_else(|| {
            let (lab, of) = (Rc::downgrade(self), recipe.clone());
            let make = async move {
                let lab = lab.upgrade().ok_or(ClientError::Cancelled)?;
                let made = Rc::new(lab.quantize(of).await?);
                lab.keep(&made);
                Ok(made)
            };
            let promise = make.boxed_local().shared();
            let mut asked = self.asked.borrow_mut();
            asked.retain(|(_, promise)| promise.upgrade().is_some());
            asked.extend(promise.downgrade().map(|weak| (recipe.clone(), weak)));
            promise
        });
        promise.await
    }

    /// A closer look at one layer of the model under a recipe.
    pub async fn layer(self: &Rc<Self>, recipe: &Recipe, layer: String) -> Result<LayerDetail, ClientError> {
        let quantized = self.make(recipe).await?.handle;
        match self.worker.ask(LabRequest::Layer { quantized, layer }).await? {
            LabResponse::Layer { detail } => Ok(detail),
            _ => Err(ClientError::Unexpected("the layer")),
        }
    }

    /// What a layer makes of an image in f32 and under a recipe.
    pub async fn maps(self: &Rc<Self>, recipe: &Recipe, layer: String, image: &Pixels) -> Result<Maps, ClientError> {
        let quantized = self.make(recipe).await?.handle;
        let request = LabRequest::Maps { quantized, layer, shape: image.shape, normalize: self.kit.entry.normalize };
        let answer = self.worker.request(&request, vec![image.buffer()]).await?;
        match (answer.body, &answer.buffers[..]) {
            (LabResponse::Mapped { maps: about }, [float, quantized, difference]) => {
                Ok(Maps { about, pictures: [float, quantized, difference].map(|picture| Uint8Array::new(picture).to_vec()), a: None })
            }
            _ => Err(ClientError::Unexpected("feature maps")),
        }
    }

    /// The model under a recipe as an ONNX file.
    pub async fn export(self: &Rc<Self>, recipe: &Recipe) -> Result<ArrayBuffer, ClientError> {
        let quantized = self.make(recipe).await?.handle;
        let answer = self.worker.request(&LabRequest::Export { quantized }, Vec::new()).await?;
        answer.buffers.into_iter().next().ok_or(ClientError::Unexpected("exporting"))
    }

    /// What quantization broke under a recipe, and what to try next.
    pub async fn diagnose(self: &Rc<Self>, recipe: &Recipe) -> Result<(Diagnosis, Vec<Advice>), ClientError> {
        let quantized = self.make(recipe).await?.handle;
        let images = self.calibration.ok_or(ClientError::Unexpected("diagnosing"))?;
        match self.worker.ask(LabRequest::Diagnose { quantized, images }).await? {
            LabResponse::Diagnosed { diagnosis, advice } => Ok((diagnosis, advice)),
            _ => Err(ClientError::Unexpected("diagnosing")),
        }
    }

    /// What to try next under a recipe that was diagnosed; `lost` is the accuracy lost, points.
    pub async fn advise(self: &Rc<Self>, recipe: &Recipe, lost: Option<f64>) -> Result<Vec<Advice>, ClientError> {
        let quantized = self.make(recipe).await?.handle;
        match self.worker.ask(LabRequest::Advise { quantized, lost }).await? {
            LabResponse::Advised { advice } => Ok(advice),
            _ => Err(ClientError::Unexpected("advising")),
        }
    }

    /// The best widths of the layers for a recipe under a budget.
    pub async fn search(
        self: &Rc<Self>,
        recipe: &Recipe,
        budget: Budget,
        watch: impl Fn(Progress) + 'static,
    ) -> Result<Frontier, ClientError> {
        let quantized = self.make(recipe).await?.handle;
        let images = self.calibration.ok_or(ClientError::Unexpected("searching"))?;
        let request = LabRequest::Search { quantized, images, budget };
        match self.worker.request_watched(&request, Vec::new(), Some(Box::new(watch))).await?.body {
            LabResponse::Searched { frontier } => Ok(frontier),
            _ => Err(ClientError::Unexpected("searching")),
        }
    }

    /// The packed model under a recipe with one layer set apart.
    pub async fn isolate(self: &Rc<Self>, recipe: &Recipe, layer: &str, isolation: Isolation) -> Result<ArrayBuffer, ClientError> {
        let quantized = self.make(recipe).await?.handle;
        let request = LabRequest::Isolate { quantized, layer: layer.to_owned(), isolation };
        let answer = self.worker.request(&request, Vec::new()).await?;
        answer.buffers.into_iter().next().ok_or(ClientError::Unexpected("setting a layer apart"))
    }

    async fn quantize(&self, recipe: Recipe) -> Result<Made, ClientError> {
        let request = LabRequest::Quantize { model: self.model, recipe: recipe.clone(), calibration: self.calibration };
        let on_making = self.kit.on_making.clone();
        let watch: Watch = Box::new(move |progress| on_making(Some(progress)));
        let answer = self.worker.request_watched(&request, Vec::new(), Some(watch)).await;
        (self.kit.on_making)(None);
        let answer = answer?;
        match (answer.body, answer.buffers.into_iter().next()) {
            (LabResponse::Quantized { quantized, making }, Some(packed)) => {
                Ok(Made { recipe, handle: quantized, packed, making: Rc::new(making) })
            }
            _ => Err(ClientError::Unexpected("quantizing")),
        }
    }

    fn keep(&self, made: &Rc<Made>) {
        let most = if self.kit.entry.bytes > LARGE { KEPT_LARGE } else { KEPT };
        let mut kept = self.kept.borrow_mut();
        kept.push(made.clone());
        if kept.len() > most {
            self.worker.tell(&LabRequest::DisposeQuantized { quantized: kept.remove(0).handle });
        }
    }

    fn recall(&self, recipe: &Recipe) -> Option<Rc<Made>> {
        let mut kept = self.kept.borrow_mut();
        let at = kept.iter().position(|made| made.recipe == *recipe)?;
        // The least recently used goes first.
        let found = kept.remove(at);
        kept.push(found.clone());
        Some(found)
    }
}

async fn add(worker: &Worker<worker::Lab>, request: &LabRequest, buffers: Vec<ArrayBuffer>) -> Result<ImagesHandle, ClientError> {
    match worker.request(request, buffers).await?.body {
        LabResponse::Images { images, .. } => Ok(images),
        _ => Err(ClientError::Unexpected("keeping images")),
    }
}
