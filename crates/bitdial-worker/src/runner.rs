//! What a runner keeps, and how each request is answered with it.

use std::collections::HashMap;
use std::sync::Arc;

use bitdial_engine::{Backend, Engine, Images, Model, Prediction, Profiling, Progress, Quantized, Race};
use bitdial_protocol::{BackendChoice, Classified, ImagesHandle, ModelHandle, Normalize, QuantizedHandle, Request, Response, Target};
use js_sys::ArrayBuffer;

use crate::session::{Answer, Session, buffer, done, floats, gone};
use crate::turn::{Stop, Turn, now};
use crate::wire;

/// Everything one runner keeps.
pub struct Runner<B: Backend> {
    engine: Option<Engine<B>>,
    models: HashMap<ModelHandle, Model<B>>,
    /// How many images of each model make a good step.
    paces: HashMap<ModelHandle, usize>,
    quantized: HashMap<QuantizedHandle, (ModelHandle, Quantized<B>)>,
    images: HashMap<ImagesHandle, Arc<Images>>,
    handles: u32,
}

impl<B: Backend> Default for Runner<B> {
    fn default() -> Self {
        let (models, paces, quantized, images) = Default::default();
        Self { engine: None, models, paces, quantized, images, handles: 0 }
    }
}

impl<B: Backend> Session for Runner<B> {
    type Request = Request;
    type Response = Response;

    async fn answer(&mut self, request: Request, buffers: &[ArrayBuffer], turn: &mut Turn<'_>) -> Result<Answer<Response>, Stop> {
        let model = self.model_of(&request);
        if let Some(&images) = model.and_then(|model| self.paces.get(&model)) {
            turn.start_with(images);
        }
        let answer = self.compute(request, buffers, turn).await;
        if let Some(model) = model.filter(|model| self.models.contains_key(model)) {
            self.paces.insert(model, turn.images());
        }
        answer
    }
}

impl<B: Backend> Runner<B> {
    async fn compute(&mut self, request: Request, buffers: &[ArrayBuffer], turn: &mut Turn<'_>) -> Result<Answer<Response>, Stop> {
        let response = match request {
            Request::Start { backend } => self.start(backend).await?,
            Request::Load {} => self.load(buffer(buffers, 0, "a model")?).await?,
            Request::AddIdx { normalize } => {
                let (images, labels) = (buffer(buffers, 0, "images")?, buffer(buffers, 1, "labels")?);
                self.keep(Images::from_idx(&wire::bytes(images), &wire::bytes(labels), normalize)?)
            }
            Request::AddPixels { count, height, width, channels, normalize } => {
                self.add_pixels(buffer(buffers, 0, "pixels")?, count, [height, width, channels], normalize)?
            }
            Request::Adopt { model } => self.adopt(model, buffer(buffers, 0, "a quantized model")?).await?,
            Request::Evaluate { target, images, first, count } => self.evaluate(target, images, first, count, turn).await?,
            Request::Run { target, batch } => {
                let input = floats(buffers, "inputs")?;
                return self.run(target, &input, batch, turn).await;
            }
            Request::Classify { targets, shape, normalize } => {
                let images = Images::from_pixels(wire::bytes(buffer(buffers, 0, "pixels")?), 1, shape, normalize)?;
                let mut answers = Vec::new();
                for target in targets {
                    let begin = now();
                    let probabilities = self.target(target)?.classify(&images).await?;
                    answers.push(Classified { probabilities, ms: now() - begin });
                }
                Response::Classified { answers }
            }
            Request::Time { targets, images, runs } => self.time(&targets, images, runs, turn).await?,
            Request::Tune { target } => {
                self.target(target)?.tune(&now).await?;
                Response::Done {}
            }
            Request::Rooflines {} => Response::Rooflines { rooflines: self.engine()?.rooflines(&now).await },
            Request::Profile { target, runs } => {
                let runner = self.target(target)?;
                runner.tune(&now).await?;
                let mut profiling = Profiling::new(runner, runs)?;
                while !profiling.progress().is_done() {
                    let progress = profiling.step(runner, &now).await?;
                    turn.rest(progress).await?;
                }
                let rooflines = self.engine()?.rooflines(&now).await;
                Response::Profiled { profile: profiling.finish(self.target(target)?, rooflines.as_ref()) }
            }
            Request::Verify { quantized, images, count } => {
                let images = self.images(images)?;
                let mut verification = self.quantized(quantized)?.verification(images, count).await?;
                while !verification.progress().is_done() {
                    let progress = verification.step().await?;
                    turn.rest(progress).await?;
                }
                Response::Verified { checks: verification.finish() }
            }
            Request::Pixels { images, indices } => {
                let images = self.images(images)?;
                let pixels = wire::from_bytes(&images.pixels_at(&indices)?);
                return Ok((Response::Pixels { shape: images.shape() }, vec![pixels]));
            }
            Request::DisposeModel { model } => {
                self.paces.remove(&model);
                self.quantized.retain(|_, (of, _)| *of != model);
                done(self.models.remove(&model), "model", Response::Done {})?
            }
            Request::DisposeQuantized { quantized } => done(self.quantized.remove(&quantized), "quantized model", Response::Done {})?,
            Request::DisposeImages { images } => done(self.images.remove(&images), "set of images", Response::Done {})?,
        };
        Ok((response, Vec::new()))
    }

    /// The model whose inputs a request runs batch by batch.
    fn model_of(&self, request: &Request) -> Option<ModelHandle> {
        match *request {
            Request::Evaluate { target, .. } | Request::Run { target, .. } => match target {
                Target::F32(model) => Some(model),
                Target::Quantized(quantized) => self.quantized.get(&quantized).map(|(model, _)| *model),
            },
            _ => None,
        }
    }

    async fn start(&mut self, backend: BackendChoice) -> Result<Response, Stop> {
        let engine = self.engine.insert(Engine::new(backend).await?);
        Ok(Response::Ready { capabilities: engine.capabilities() })
    }

    async fn load(&mut self, packed: &ArrayBuffer) -> Result<Response, Stop> {
        let model = self.engine()?.load(&wire::bytes(packed)).await?;
        let info = model.info().clone();
        let handle = ModelHandle(self.handle());
        self.models.insert(handle, model);
        Ok(Response::Loaded { model: handle, info })
    }

    fn add_pixels(&mut self, pixels: &ArrayBuffer, count: usize, shape: [usize; 3], normalize: Normalize) -> Result<Response, Stop> {
        Ok(self.keep(Images::from_pixels(wire::bytes(pixels), count, shape, normalize)?))
    }

    fn keep(&mut self, images: Images) -> Response {
        let handle = ImagesHandle(self.handle());
        let response = Response::Images { images: handle, count: images.count(), labels: images.labels().to_vec(), shape: images.shape() };
        self.images.insert(handle, Arc::new(images));
        response
    }

    async fn adopt(&mut self, model: ModelHandle, packed: &ArrayBuffer) -> Result<Response, Stop> {
        let quantized = self.model(model)?.adopt(&wire::bytes(packed)).await?;
        let info = quantized.info().clone();
        let handle = QuantizedHandle(self.handle());
        self.quantized.insert(handle, (model, quantized));
        Ok(Response::Quantized { quantized: handle, info })
    }

    async fn evaluate(
        &mut self,
        target: Target,
        images: ImagesHandle,
        first: usize,
        count: usize,
        turn: &mut Turn<'_>,
    ) -> Result<Response, Stop> {
        let images = self.images(images)?;
        let runner = self.target(target)?;
        let (mut top1, mut confidence) = (Vec::new(), Vec::new());
        runner.take_overflows();
        while top1.len() < count {
            let next = turn.images().max(runner.chunk()).min(count - top1.len());
            let predictions = runner.evaluate(&images, first.saturating_add(top1.len()), next).await?;
            for Prediction { class, confidence: sure } in predictions {
                top1.push(class);
                confidence.push(sure);
            }
            turn.rest(Progress { done: top1.len(), total: count }).await?;
        }
        let overflows = runner.take_overflows();
        Ok(Response::Evaluated { first, top1, confidence, overflows })
    }

    async fn run(&mut self, target: Target, input: &[f32], batch: usize, turn: &mut Turn<'_>) -> Result<Answer<Response>, Stop> {
        let runner = self.target(target)?;
        let len = runner.input_len()?;
        // In slices where the input is what it should be; as a whole where the engine is to say what is wrong with it.
        let whole = batch == 0 || len.checked_mul(batch) != Some(input.len());
        let mut outputs = Vec::new();
        let mut done = 0;
        while done < batch || whole {
            let next = if whole { batch } else { turn.images().min(batch - done) };
            let part = if whole { input } else { &input[done * len..(done + next) * len] };
            let found = runner.run(part, next).await?;
            outputs.resize_with(found.len(), Vec::new);
            for (all, part) in outputs.iter_mut().zip(found) {
                all.extend(part);
            }
            done += next;
            turn.rest(Progress { done, total: batch }).await?;
        }
        let shapes = runner.output_shapes(batch);
        Ok((Response::Ran { shapes }, outputs.iter().map(|output| wire::from_floats(output)).collect()))
    }

    async fn time(&mut self, targets: &[Target], images: Option<ImagesHandle>, runs: u32, turn: &mut Turn<'_>) -> Result<Response, Stop> {
        let images = images.map(|handle| self.images(handle)).transpose()?;
        let mut inputs = Vec::new();
        for &target in targets {
            self.target(target)?.tune(&now).await?;
            inputs.push(wire::from_floats(&match &images {
                Some(images) => images.inputs(0..1)?,
                None => vec![0.0; self.target(target)?.input_len()?],
            }));
        }
        let mut race = Race::new(targets.len(), runs);
        while !race.progress().is_done() {
            // From JavaScript's numbers to JavaScript's numbers, as whoever uses a model pays for it.
            let mut run = async |i: usize, times: u32| {
                for _ in 0..times {
                    let input = wire::floats(&inputs[i]).map_err(|reason| Stop::because(&reason))?;
                    for output in self.target(targets[i])?.run(&input, 1).await? {
                        drop(wire::from_floats(output));
                    }
                }
                Ok::<_, Stop>(None)
            };
            let progress = race.step(&mut run, &now).await?;
            turn.rest(progress).await?;
        }
        Ok(Response::Timed { timings: race.finish() })
    }

    fn engine(&self) -> Result<&Engine<B>, Stop> {
        self.engine.as_ref().ok_or_else(|| Stop::because("the engine was not started"))
    }

    fn handle(&mut self) -> u32 {
        self.handles += 1;
        self.handles
    }

    fn images(&self, handle: ImagesHandle) -> Result<Arc<Images>, Stop> {
        self.images.get(&handle).cloned().ok_or_else(|| gone("set of images"))
    }

    fn model(&self, handle: ModelHandle) -> Result<&Model<B>, Stop> {
        self.models.get(&handle).ok_or_else(|| gone("model"))
    }

    fn quantized(&self, handle: QuantizedHandle) -> Result<&Quantized<B>, Stop> {
        self.quantized.get(&handle).map(|(_, quantized)| quantized).ok_or_else(|| gone("quantized model"))
    }

    fn target(&mut self, target: Target) -> Result<&mut bitdial_engine::Runner<B::Plan>, Stop> {
        match target {
            Target::F32(handle) => self.models.get_mut(&handle).map(Model::runner).ok_or_else(|| gone("model")),
            Target::Quantized(handle) => {
                let quantized = self.quantized.get_mut(&handle).map(|(_, quantized)| quantized);
                quantized.map(Quantized::runner).ok_or_else(|| gone("quantized model"))
            }
        }
    }
}
