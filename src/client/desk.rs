//! A worker with a model and images on it.

use std::cell::RefCell;
use std::rc::Rc;

use bitdial_protocol::{
    BackendChoice, Capabilities, ImagesHandle, ModelHandle, ModelInfo, QuantizedHandle, QuantizedInfo, Recipe, Request, Response, Target,
};
use futures::FutureExt;
use futures::future::{LocalBoxFuture, OptionFuture, Shared, WeakShared};
use js_sys::{ArrayBuffer, Uint8Array};

use super::error::ClientError;
use super::fetch::{Library, OnProgress};
use super::photos::{self, Photos};
use super::worker::Worker;
use crate::catalogue::{Calibration, Entry};

/// Quantized models that a worker keeps: the one in force, the one before, and one more.
const KEPT: usize = 3;

/// A result that several may wait for.
pub type Promise<T> = Shared<LocalBoxFuture<'static, Result<T, ClientError>>>;

/// A quantized model to come, as long as somebody waits for it.
type Asked = WeakShared<LocalBoxFuture<'static, Result<(QuantizedHandle, Rc<QuantizedInfo>), ClientError>>>;

/// What every worker of a pool is set up with.
pub struct Kit {
    /// Where workers come from.
    pub url: String,
    /// The model.
    pub entry: &'static Entry,
    /// The kernels.
    pub backend: BackendChoice,
    /// The files.
    pub library: Rc<Library>,
    /// Told how much of the model's file is here.
    pub on_progress: OnProgress,
    /// The photos, where the model is shown on photos.
    pub photos: Option<Promise<Rc<Photos>>>,
}

impl Kit {
    /// Decodes photos once for all workers, if there are any.
    pub fn photos(entry: &'static Entry, library: &Rc<Library>) -> Option<Promise<Rc<Photos>>> {
        let Calibration::Photos { photos } = &entry.calibration else { return None };
        let library = library.clone();
        let side = entry.input[1];
        Some(async move { photos::load(&library, photos, side).await.map(Rc::new) }.boxed_local().shared())
    }
}

/// Images in a worker.
#[derive(Clone, Debug)]
pub struct Images {
    /// Names them there.
    pub handle: ImagesHandle,
    /// How many.
    pub count: usize,
    /// Their labels, if they have any.
    pub labels: Rc<Vec<u16>>,
}

/// A worker, ready.
pub struct Desk {
    kit: Rc<Kit>,
    /// The worker.
    pub worker: Worker,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The model in it.
    pub model: ModelHandle,
    /// What the model is.
    pub info: ModelInfo,
    /// The images that came first.
    pub first: Images,
    calibration: Option<ImagesHandle>,
    all: RefCell<Option<Promise<Images>>>,
    kept: RefCell<Vec<Kept>>,
    asked: RefCell<Option<(Recipe, Asked)>>,
}

struct Kept {
    recipe: Recipe,
    handle: QuantizedHandle,
    info: Rc<QuantizedInfo>,
}

impl Desk {
    /// Starts a worker and gives it the model, the first images and the calibration images.
    pub async fn set_up(kit: Rc<Kit>) -> Result<Rc<Self>, ClientError> {
        let library = &kit.library;
        let start = async {
            let worker = Worker::start(&kit.url).await?;
            let Response::Ready { capabilities } = worker.ask(Request::Start { backend: kit.backend }).await? else {
                return Err(ClientError::Unexpected("the start"));
            };
            Ok((worker, capabilities))
        };
        let model = library.get(&kit.entry.file, Some(kit.on_progress.clone()));
        let ((worker, capabilities), model) = futures::try_join!(start, model)?;
        let load = async {
            // Whatever follows is decoded while later files are still on their way.
            let Response::Loaded { model, info } = worker.request(Request::Load {}, vec![model.slice(0)]).await?.body else {
                return Err(ClientError::Unexpected("loading the model"));
            };
            Ok((model, info))
        };
        let images = OptionFuture::from(kit.entry.test.as_ref().map(|test| kit.add_idx(&worker, &test.first_images, &test.first_labels)));
        let calibration = OptionFuture::from(match &kit.entry.calibration {
            Calibration::Images { images, labels, .. } => Some(kit.add_idx(&worker, images, labels)),
            Calibration::Photos { .. } => None,
        });
        let photos = OptionFuture::from(kit.photos.clone().map(|photos| kit.add_photos(&worker, photos)));
        let (loaded, images, calibration, photos) = futures::join!(load, images, calibration, photos);
        let ((model, info), images) = (loaded?, images.transpose()?);
        let (calibration, photos) = (calibration.transpose()?, photos.transpose()?);
        let first = images.or_else(|| photos.clone()).ok_or(ClientError::Unexpected("the images"))?;
        let calibration = calibration.or(photos).map(|images| images.handle);
        let (all, kept, asked) = (RefCell::default(), RefCell::default(), RefCell::default());
        Ok(Rc::new(Self { kit: kit.clone(), worker, capabilities, model, info, first, calibration, all, kept, asked }))
    }

    /// What each photo shows; empty for a test set.
    pub async fn titles(&self) -> Result<Vec<String>, ClientError> {
        match &self.kit.photos {
            Some(photos) => Ok(photos.clone().await?.titles.clone()),
            None => Ok(Vec::new()),
        }
    }

    /// All images; fetched and moved to the worker when first asked for.
    pub async fn all(&self) -> Result<Images, ClientError> {
        let Some(test) = &self.kit.entry.test else { return Ok(self.first.clone()) };
        let known = self.all.borrow().clone();
        let promise = known.filter(|all| !matches!(all.peek(), Some(Err(_)))).unwrap_or_else(|| {
            let (kit, worker) = (self.kit.clone(), self.worker.clone());
            let all = async move { kit.add_idx(&worker, &test.images, &test.labels).await }.boxed_local().shared();
            self.all.borrow_mut().replace(all.clone());
            all
        });
        promise.await
    }

    /// The images that hold a range.
    pub async fn holding(&self, end: usize) -> Result<Images, ClientError> {
        if end <= self.first.count { Ok(self.first.clone()) } else { self.all().await }
    }

    /// The model under a recipe: quantized now, or kept from before. Asking twice quantizes once; when nobody waits any
    /// longer, the request is taken back.
    pub async fn quantized(self: &Rc<Self>, recipe: &Recipe) -> Result<(QuantizedHandle, Rc<QuantizedInfo>), ClientError> {
        if let Some(known) = self.recall(recipe) {
            return Ok(known);
        }
        let asked = self.asked.borrow().as_ref().filter(|(of, _)| of == recipe).and_then(|(_, promise)| promise.upgrade());
        let promise = asked.unwrap_or_else(|| {
            let (desk, of) = (Rc::downgrade(self), recipe.clone());
            let quantize = async move {
                let desk = desk.upgrade().ok_or(ClientError::Cancelled)?;
                let (handle, info) = desk.quantize(&of).await?;
                Ok(desk.keep(of, handle, info))
            };
            let promise = quantize.boxed_local().shared();
            self.asked.replace(promise.downgrade().map(|weak| (recipe.clone(), weak)));
            promise
        });
        promise.await
    }

    fn keep(&self, recipe: Recipe, handle: QuantizedHandle, info: QuantizedInfo) -> (QuantizedHandle, Rc<QuantizedInfo>) {
        let info = Rc::new(info);
        let mut kept = self.kept.borrow_mut();
        kept.push(Kept { recipe, handle, info: info.clone() });
        if kept.len() > KEPT {
            self.worker.tell(Request::DisposeQuantized { quantized: kept.remove(0).handle });
        }
        (handle, info)
    }

    fn recall(&self, recipe: &Recipe) -> Option<(QuantizedHandle, Rc<QuantizedInfo>)> {
        let mut kept = self.kept.borrow_mut();
        let at = kept.iter().position(|kept| kept.recipe == *recipe)?;
        // The least recently used goes first.
        let found = kept.remove(at);
        let known = (found.handle, found.info.clone());
        kept.push(found);
        Some(known)
    }

    /// The model under a recipe; the caller disposes of it.
    pub async fn quantize(&self, recipe: &Recipe) -> Result<(QuantizedHandle, QuantizedInfo), ClientError> {
        let request = Request::Quantize { model: self.model, recipe: recipe.clone(), calibration: self.calibration };
        match self.worker.ask(request).await? {
            Response::Quantized { quantized, info } => Ok((quantized, info)),
            _ => Err(ClientError::Unexpected("quantizing")),
        }
    }

    /// Classes of some images, and how sure the model is.
    pub async fn evaluate(&self, target: Target, first: usize, count: usize) -> Result<(Vec<u16>, Vec<f32>), ClientError> {
        let images = self.holding(first + count).await?.handle;
        match self.worker.ask(Request::Evaluate { target, images, first, count }).await? {
            Response::Evaluated { top1, confidence, .. } => Ok((top1, confidence)),
            _ => Err(ClientError::Unexpected("running images")),
        }
    }
}

impl Kit {
    async fn add_idx(&self, worker: &Worker, images: &str, labels: &str) -> Result<Images, ClientError> {
        let files = self.library.copies(&[images, labels]).await?;
        add(worker, Request::AddIdx { normalize: self.entry.normalize }, files).await
    }

    async fn add_photos(&self, worker: &Worker, photos: Promise<Rc<Photos>>) -> Result<Images, ClientError> {
        let photos = photos.await?;
        let [channels, height, width] = self.entry.input;
        let normalize = self.entry.normalize;
        let request = Request::AddPixels { count: photos.titles.len(), height, width, channels, normalize };
        let pixels: ArrayBuffer = Uint8Array::from(photos.pixels.as_slice()).buffer();
        add(worker, request, vec![pixels]).await
    }
}

async fn add(worker: &Worker, request: Request, buffers: Vec<ArrayBuffer>) -> Result<Images, ClientError> {
    match worker.request(request, buffers).await?.body {
        Response::Images { images, count, labels, .. } => Ok(Images { handle: images, count, labels: Rc::new(labels) }),
        _ => Err(ClientError::Unexpected("keeping images")),
    }
}
