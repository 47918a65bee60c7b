//! A runner with a model and images on it.

use std::cell::RefCell;
use std::rc::Rc;

use bitdial_protocol::{
    BackendChoice, Capabilities, Classified, ImagesHandle, Isolation, ModelHandle, ModelInfo, QuantizedHandle, QuantizedInfo, Recipe,
    Request, Response, Target,
};
use futures::FutureExt;
use futures::future::{LocalBoxFuture, OptionFuture, Shared, WeakShared};
use js_sys::{ArrayBuffer, Uint8Array};

use super::error::ClientError;
use super::fetch::{Library, OnProgress};
use super::lab::{Lab, Made};
use super::photos::{self, Photos};
use super::pool::{MOST_LOSSES, Seat, Slot};
use super::worker::{Progress, Runner, Worker};
use crate::catalogue::{Calibration, Entry};
use crate::parts::canvas::Pixels;
use crate::state::Evaluated;

/// A model over so many bytes is held by few workers, and under few recipes: each holds it in f32 too.
pub const LARGE: usize = 8_000_000;
/// Quantized models that a worker keeps: the one in force, the one before, and one more.
const KEPT: usize = 3;

/// A result that several may wait for.
pub type Promise<T> = Shared<LocalBoxFuture<'static, Result<T, ClientError>>>;

/// A quantized model to come, as long as somebody waits for it.
type Asked = WeakShared<LocalBoxFuture<'static, Result<(QuantizedHandle, Rc<QuantizedInfo>), ClientError>>>;

/// What every worker of a pool is set up with.
#[derive(Clone)]
pub struct Kit {
    /// Where runners come from.
    pub url: String,
    /// Where the lab comes from.
    pub lab_url: String,
    /// The model.
    pub entry: &'static Entry,
    /// The kernels.
    pub backend: BackendChoice,
    /// The files.
    pub library: Rc<Library>,
    /// Told how much of the model's file is here.
    pub on_progress: OnProgress,
    /// Told how far a quantization is, and of its end.
    pub on_making: Rc<dyn Fn(Option<Progress>)>,
    /// Told why a lab was lost.
    pub on_trapped: Rc<dyn Fn(String)>,
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

/// A runner, ready.
pub struct Desk {
    kit: Rc<Kit>,
    lab: Rc<Slot<Lab>>,
    /// The worker.
    pub worker: Worker<Runner>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The model in it.
    pub model: ModelHandle,
    /// What the model is.
    pub info: ModelInfo,
    /// The images that came first.
    pub first: Images,
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
    /// Starts a runner and gives it the model and the first images.
    pub async fn set_up(kit: Rc<Kit>, lab: Rc<Slot<Lab>>) -> Result<Rc<Self>, ClientError> {
        let start = async {
            let worker = Worker::<Runner>::start(&kit.url).await?;
            let Response::Ready { capabilities } = worker.ask(Request::Start { backend: kit.backend }).await? else {
                return Err(ClientError::Unexpected("the start"));
            };
            Ok((worker, capabilities))
        };
        let packed = in_lab(&kit, &lab, async |lab: Rc<Lab>| Ok(lab.packed()));
        let ((worker, capabilities), packed) = futures::try_join!(start, packed)?;
        let load = async {
            // Whatever follows is decoded while later files are still on their way.
            let Response::Loaded { model, info } = worker.request(&Request::Load {}, vec![packed]).await?.body else {
                return Err(ClientError::Unexpected("loading the model"));
            };
            Ok((model, info))
        };
        let images = OptionFuture::from(kit.entry.test.as_ref().map(|test| kit.add_idx(&worker, &test.first_images, &test.first_labels)));
        let photos = OptionFuture::from(kit.photos.clone().map(|photos| kit.add_photos(&worker, photos)));
        let (loaded, images, photos) = futures::join!(load, images, photos);
        let (model, info) = loaded?;
        let first = images.or(photos).transpose()?.ok_or(ClientError::Unexpected("the images"))?;
        let (all, kept, asked) = (RefCell::default(), RefCell::default(), RefCell::default());
        Ok(Rc::new(Self { kit: kit.clone(), lab, worker, capabilities, model, info, first, all, kept, asked }))
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
            self.worker.tell(&Request::DisposeQuantized { quantized: kept.remove(0).handle });
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
        let made = in_lab(&self.kit, &self.lab, async |lab: Rc<Lab>| lab.make(recipe).await).await?;
        self.adopt(&made).await
    }

    /// The model under a recipe with one layer set apart; the caller disposes of it.
    pub async fn isolated(&self, recipe: &Recipe, layer: &str, isolation: Isolation) -> Result<QuantizedHandle, ClientError> {
        let packed = in_lab(&self.kit, &self.lab, async |lab: Rc<Lab>| lab.isolate(recipe, layer, isolation).await).await?;
        Ok(self.take(packed).await?.0)
    }

    /// Takes a packed model.
    async fn take(&self, packed: ArrayBuffer) -> Result<(QuantizedHandle, QuantizedInfo), ClientError> {
        match self.worker.request(&Request::Adopt { model: self.model }, vec![packed]).await?.body {
            Response::Quantized { quantized, info } => Ok((quantized, info)),
            _ => Err(ClientError::Unexpected("quantizing")),
        }
    }

    /// Takes a quantized model from the lab.
    async fn adopt(&self, made: &Made) -> Result<(QuantizedHandle, QuantizedInfo), ClientError> {
        let (quantized, mut info) = self.take(made.packed()).await?;
        for (layer, made) in info.layers.iter_mut().zip(&made.making.layers) {
            layer.activation_bits = made.activation_bits;
            layer.weight_sqnr = made.weight_sqnr;
        }
        info.corrections.clone_from(&made.making.corrections);
        Ok((quantized, info))
    }

    /// What f32, the model under a recipe, and A if there is one, make of one image.
    pub async fn classify(self: &Rc<Self>, recipe: &Recipe, a: Option<&Recipe>, image: &Pixels) -> Result<Vec<Classified>, ClientError> {
        let mut targets = vec![Target::F32(self.model)];
        for recipe in std::iter::once(recipe).chain(a) {
            targets.push(Target::Quantized(self.quantized(recipe).await?.0));
        }
        let asked = targets.len();
        let request = Request::Classify { targets, shape: image.shape, normalize: self.kit.entry.normalize };
        match self.worker.request(&request, vec![image.buffer()]).await?.body {
            Response::Classified { answers } if answers.len() == asked => Ok(answers),
            _ => Err(ClientError::Unexpected("an image")),
        }
    }

    /// Classes of some images, and how sure the model is.
    pub async fn evaluate(&self, target: Target, first: usize, count: usize) -> Result<Evaluated, ClientError> {
        let images = self.holding(first + count).await?.handle;
        match self.worker.ask(Request::Evaluate { target, images, first, count }).await? {
            Response::Evaluated { first, top1, confidence, overflows } => Ok(Evaluated { first, top1, confidence, overflows }),
            _ => Err(ClientError::Unexpected("running images")),
        }
    }
}

impl Seat for Desk {
    fn is_gone(&self) -> bool {
        self.worker.is_gone()
    }
}

/// Something for the lab, which is replaced when it is lost.
pub async fn in_lab<T>(kit: &Kit, slot: &Slot<Lab>, work: impl AsyncFn(Rc<Lab>) -> Result<T, ClientError>) -> Result<T, ClientError> {
    let mut losses = 0;
    loop {
        let lost = match slot.desk().await {
            Ok(lab) => match work(lab).await {
                Err(ClientError::Lost(message)) => message,
                other => return other,
            },
            Err(ClientError::Lost(message)) => message,
            Err(error) => return Err(error),
        };
        slot.replace(&lost)?;
        (kit.on_trapped)(lost.clone());
        losses += 1;
        if losses > MOST_LOSSES {
            return Err(ClientError::KeepsFailing(lost));
        }
    }
}

impl Kit {
    async fn add_idx(&self, worker: &Worker<Runner>, images: &str, labels: &str) -> Result<Images, ClientError> {
        let files = self.library.copies(&[images, labels]).await?;
        add(worker, Request::AddIdx { normalize: self.entry.normalize }, files).await
    }

    async fn add_photos(&self, worker: &Worker<Runner>, photos: Promise<Rc<Photos>>) -> Result<Images, ClientError> {
        let (pixels, count) = self.pixels(photos).await?;
        let [channels, height, width] = self.entry.input;
        add(worker, Request::AddPixels { count, height, width, channels, normalize: self.entry.normalize }, vec![pixels]).await
    }

    /// Pixels of the photos, to give away, and how many photos there are.
    pub async fn pixels(&self, photos: Promise<Rc<Photos>>) -> Result<(ArrayBuffer, usize), ClientError> {
        let photos = photos.await?;
        Ok((Uint8Array::from(photos.pixels.as_slice()).buffer(), photos.titles.len()))
    }
}

async fn add(worker: &Worker<Runner>, request: Request, buffers: Vec<ArrayBuffer>) -> Result<Images, ClientError> {
    match worker.request(&request, buffers).await?.body {
        Response::Images { images, count, labels, .. } => Ok(Images { handle: images, count, labels: Rc::new(labels) }),
        _ => Err(ClientError::Unexpected("keeping images")),
    }
}
