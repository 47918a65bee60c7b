//! The reducer: every change of the state.

use std::rc::Rc;

use bitdial_protocol::{BackendCheck, BackendChoice, Link, LinkIssue};
use yew::Reducible;

use super::bench::Bench;
use super::change::Figures;
use super::wording::refusal;
use super::{Action, Before, BenchReport, Control, Edit, Notice, Phase, RunReport, Severity, State, Step, Store};
use crate::catalogue::Entry;
use crate::client::probe;

impl Reducible for Store {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut state = State::clone(&self.0);
        state.take(action);
        Rc::new(Self(Rc::new(state)))
    }
}

impl State {
    pub(super) fn take(&mut self, action: Action) {
        match action {
            Action::Edit { edit, dragging } => self.edit(edit, dragging),
            Action::DragEnd => self.dragging = None,
            Action::Navigate(link, issues) => {
                self.tell_issues(&issues);
                self.hear(&link);
                if link != self.link {
                    self.before = None;
                    self.chosen.learn(&link.recipe, None);
                    self.go_to(link, if issues.is_empty() { Step::Keep } else { Step::Replace });
                } else if !issues.is_empty() {
                    // What is asked for is in force; only the address says it wrongly.
                    self.mend += 1;
                }
            }
            Action::Open(layer) => self.open_layer(layer),
            Action::Look(look) => self.look(look),
            Action::Study(study) => self.study(study),
            Action::Learn(learn) => self.learn(learn),
            Action::Pin(pin) => self.pin(pin),
            Action::Retry => {
                self.notices.retain(|notice| !notice.retry);
                self.epoch += 1;
                self.begin(Step::Keep);
            }
            Action::Stop => {
                self.phase = Phase::Failed;
                self.making = None;
                self.tell(Severity::Info, "Stopped: this recipe has no figures yet.".to_owned(), true);
            }
            Action::Begin(generation, errand) if generation == self.generation => self.begin_errand(errand),
            Action::GiveUp => self.errand = None,
            Action::Found(generation, found) if generation == self.generation => self.take_found(found),
            Action::Dismiss(id) => self.notices.retain(|notice| notice.id != id),
            Action::Tell(severity, text) => self.tell(severity, text, false),
            Action::Forgive => self.forgive(),
            Action::History(change) => self.remember(change),
            Action::Several(actions) => actions.into_iter().for_each(|action| self.take(action)),
            Action::Bench(epoch, report) if epoch == self.epoch => self.take_bench(report),
            Action::Run(generation, report) if generation == self.generation => self.take_run(report),
            Action::Beside(epoch, recipe, report) if epoch == self.epoch => self.take_beside(&recipe, report),
            // Late news about something that nobody asks for any more.
            Action::Bench(..) | Action::Run(..) | Action::Beside(..) | Action::Begin(..) | Action::Found(..) => {}
        }
    }

    pub(super) fn edit(&mut self, edit: Edit, dragging: bool) {
        let control = edit.control();
        let mut link = self.link.clone();
        edit.apply(&mut link, &self.chosen);
        if link == self.link {
            return;
        }
        self.chosen.learn(&link.recipe, Some(&control));
        let whole = control == Control::Recipe;
        let goes_on = dragging && self.dragging.as_ref() == Some(&control);
        self.dragging = dragging.then(|| control.clone());
        // A drag is one change: what it did counts from where it began.
        let begun = self.before.take().filter(|before| goes_on && before.control == control);
        let predictions = &self.bench.run().predictions;
        let fresh = (predictions.n() >= self.bench.enough()).then(|| {
            let (predictions, figures) = (predictions.clone(), Figures::of(&self.bench));
            Before { control, predictions, figures }
        });
        self.before = begun.or(fresh);
        self.go_to(link, if goes_on { Step::Replace } else { Step::Push });
        if whole {
            // A file may be of another model.
            self.drop_unknown_layers();
        }
    }

    /// Puts another link in force.
    fn go_to(&mut self, mut link: Link, mut step: Step) {
        let name = probe::backend_name(link.backend);
        if self.bad.iter().any(|bad| bad == name) {
            self.tell(Severity::Warning, refusal(name), false);
            link.backend = BackendChoice::Scalar;
            step = if step == Step::Keep { Step::Replace } else { step };
        }
        link.expected = self.promise(&link);
        let old = std::mem::replace(&mut self.link, link);
        if old.model == self.link.model && old.backend == self.link.backend {
            self.bench.select(&self.link.recipe);
        } else {
            let entry = Entry::find(&self.link.model).unwrap_or(self.bench.entry);
            let key = |link: &Link| (link.model.clone(), probe::backend_name(link.backend));
            let known = self.shelf.iter().position(|(of, _)| *of == key(&self.link)).map(|at| self.shelf.swap_remove(at).1);
            let mut next = known.unwrap_or_else(|| Bench::new(entry, &self.link.recipe));
            next.select(&self.link.recipe);
            next.pin_from(&self.bench);
            let before = std::mem::replace(&mut self.bench, next);
            self.shelf.retain(|(of, _)| *of != key(&old));
            self.shelf.push((key(&old), before));
            self.epoch += 1;
            self.engine = None;
            self.dragging = None;
            self.hand_out();
            if old.model != self.link.model {
                (self.layer, self.detail, self.view.filter) = Default::default();
                self.closer.leave(entry);
            }
        }
        self.begin(step);
    }

    pub(super) fn begin(&mut self, step: Step) {
        self.step = step;
        self.generation += 1;
        self.download = None;
        self.making = None;
        self.errand = None;
        self.comparing = None;
        let usable = self.bench.loaded.is_some() && self.engine.is_some();
        self.phase = if usable { Phase::Quantizing } else { Phase::Loading };
    }

    fn take_bench(&mut self, report: BenchReport) {
        match report {
            BenchReport::Download(download) => self.download = download,
            BenchReport::Making(making) => self.making = making,
            BenchReport::Engine(engine) => {
                let name = engine.capabilities.backend.clone();
                self.engine = Some(engine);
                self.hand_out();
                // Auto says what it is only now.
                if self.bad.contains(&name) {
                    self.tell(Severity::Warning, refusal(&name), false);
                    self.leave_backend();
                }
            }
            BenchReport::Loaded(loaded) => {
                self.bench.loaded = Some(loaded);
                self.drop_unknown_layers();
            }
            BenchReport::Truth(truth) => {
                if truth.len() > self.bench.truth.len() {
                    self.bench.truth = truth;
                }
            }
            BenchReport::Baseline(found) => Rc::make_mut(&mut self.bench.baseline).put(found.first, &found.top1, &found.confidence),
            BenchReport::Sweep { recipe, size, classes } => self.bench.add_swept(&recipe, size, &classes),
            BenchReport::Trapped(message) => {
                self.tell(
                    Severity::Warning,
                    format!("A worker stopped and was replaced; its part is run again. It said: {message}"),
                    false,
                );
            }
        }
    }

    pub(super) fn take_run(&mut self, report: RunReport) {
        match report {
            RunReport::Phase(phase) => self.phase = phase,
            RunReport::Quantized(info) => {
                self.bench.run_mut().info = Some(info);
                self.open_known_layer();
            }
            RunReport::Evaluated(found) => {
                let run = self.bench.run_mut();
                Rc::make_mut(&mut run.predictions).put(found.first, &found.top1, &found.confidence);
                run.overflows.add(&found.overflows);
            }
            RunReport::Timed(latency) => self.bench.run_mut().latency = Some(latency),
            RunReport::Profiled(profiles) => self.bench.run_mut().profiles = Some(profiles),
            RunReport::Verified(checks) => self.verified(&checks),
            RunReport::Diagnosed(diagnosis, advice) => {
                let run = self.bench.run_mut();
                (run.diagnosis, run.advice) = (Some(diagnosis), advice);
            }
            RunReport::Advised(advice) => self.bench.run_mut().advice = advice,
            RunReport::Layer(detail) => {
                if self.layer.as_ref() == Some(&detail.name) {
                    self.detail = Some((self.link.recipe.clone(), detail));
                }
            }
            RunReport::Comparing(Some(backend)) => self.comparing = Some(backend),
            // What was interrupted for it goes on.
            RunReport::Comparing(None) => self.begin(Step::Keep),
            RunReport::Compared(found) => {
                let check = found.outcome.as_ref().ok().and_then(|found| found.check.clone());
                let compared = Rc::make_mut(&mut self.bench.run_mut().compared);
                compared.retain(|known| known.backend != found.backend);
                compared.push(Rc::unwrap_or_clone(found));
                if let Some(check) = check {
                    self.verified(&[check]);
                }
            }
            RunReport::Over => {}
            RunReport::Failed { message, .. } if self.link.backend.is_gpu() => self.leave_gpu(&message),
            RunReport::Failed { message, retry } => {
                self.phase = Phase::Failed;
                self.download = None;
                self.tell(Severity::Error, message, retry);
            }
            RunReport::Incomplete(message) => {
                let text = format!("{message} The figures count the first images only.");
                self.tell(Severity::Error, text, true);
            }
        }
    }

    /// Keeps what the comparison found; a backend that computes something else is not used any longer.
    fn verified(&mut self, checks: &[BackendCheck]) {
        let wrong: Vec<_> = checks.iter().filter(|check| !check.agrees()).collect();
        let in_use = self.engine.as_ref().map(|engine| engine.capabilities.backend.clone());
        let stop = wrong.iter().any(|check| Some(&check.backend) == in_use.as_ref());
        for check in wrong {
            if check.backend == REFERENCE || self.bad.contains(&check.backend) {
                continue;
            }
            self.bad.push(check.backend.clone());
            let (off, layer) = check.worst();
            let text = format!(
                "The backend {} computes something else than the reference on this device: up to {off} off, most in {}.{}",
                check.backend,
                layer.unwrap_or("f32"),
                match stop {
                    true if self.link.backend.is_gpu() => " The page goes on with wasm.",
                    true => " The reference kernels are used instead.",
                    false => "",
                }
            );
            self.tell(Severity::Error, text, false);
        }
        let known = &mut self.bench.run_mut().checks;
        let mut all: Vec<BackendCheck> = known.iter().flat_map(|known| known.iter()).cloned().collect();
        all.retain(|known| checks.iter().all(|check| check.backend != known.backend));
        all.extend_from_slice(checks);
        *known = Some(Rc::new(all));
        let bad = &self.bad;
        self.shelf.retain(|((_, backend), _)| !bad.iter().any(|bad| bad == backend));
        if stop {
            self.leave_backend();
        }
    }

    /// Goes on with wasm, with what was found so far: it is the same there. The GPU can be chosen again.
    fn leave_gpu(&mut self, reason: &str) {
        let text = format!("WebGPU cannot go on: {reason} The page goes on with wasm; choose WebGPU again to try once more.");
        self.tell(Severity::Warning, text, false);
        let left = self.bench.clone();
        let backend = probe::backend_name(BackendChoice::Auto);
        if !self.shelf.iter().any(|(of, _)| *of == (self.link.model.clone(), backend)) {
            self.shelf.push(((self.link.model.clone(), backend), left.moved()));
        }
        let link = Link { backend: BackendChoice::Auto, ..self.link.clone() };
        self.before = None;
        self.go_to(link, Step::Replace);
    }

    /// Goes on with the reference kernels, or with wasm where it was a GPU. Whatever the backend in force gave is no result.
    fn leave_backend(&mut self) {
        let left = probe::backend_name(self.link.backend);
        let backend = if self.link.backend.is_gpu() { BackendChoice::Auto } else { BackendChoice::Scalar };
        let link = Link { backend, ..self.link.clone() };
        self.before = None;
        self.go_to(link, Step::Replace);
        self.shelf.retain(|((_, backend), _)| *backend != left);
    }

    /// A link may name layers that its model has not.
    fn drop_unknown_layers(&mut self) {
        let Some(loaded) = &self.bench.loaded else { return };
        let mut link = self.link.clone();
        link.recipe.layers.retain(|name, _| loaded.info.layers.iter().any(|layer| layer.name == *name));
        if link != self.link {
            let gone: Vec<_> = self.link.recipe.layers.keys().filter(|name| !link.recipe.layers.contains_key(*name)).cloned().collect();
            self.tell(Severity::Warning, format!("The model has no layer named {}; its exception is left out.", gone.join(", ")), false);
            self.rewrite(&link);
            self.go_to(link, Step::Replace);
        }
    }

    /// Says what could not be taken from a link.
    pub fn tell_issues(&mut self, issues: &[LinkIssue]) {
        for issue in issues {
            self.tell(Severity::Warning, issue.to_string(), false);
        }
    }

    pub(super) fn tell(&mut self, severity: Severity, text: String, retry: bool) {
        if let Some(told) = self.notices.iter_mut().find(|notice| notice.text == text) {
            told.retry |= retry;
            return;
        }
        self.noticed += 1;
        self.notices.push(Notice { id: self.noticed, severity, text, retry });
    }
}

/// The backend that the others are compared with.
const REFERENCE: &str = "scalar";

#[cfg(test)]
mod tests {
    use bitdial_protocol::Bits;

    use super::*;
    use crate::catalogue;
    use crate::state::Evaluated;
    use crate::state::bench::ENOUGH;

    fn state() -> State {
        let entry = &catalogue::all()[0];
        State::new(Link::new(&entry.id), entry)
    }

    fn bits(n: u8) -> Edit {
        Edit::WeightBits(Bits::new(n).unwrap())
    }

    fn evaluated(state: &mut State, generation: u32, class: u16, n: usize) {
        let report = RunReport::Evaluated(Evaluated { top1: vec![class; n], ..Evaluated::default() });
        state.take(Action::Run(generation, report));
    }

    #[test]
    fn results_of_an_older_generation_are_dropped() {
        let mut state = state();
        state.take(Action::Edit { edit: bits(4), dragging: false });
        evaluated(&mut state, 0, 1, 3);
        assert_eq!(state.bench.run().predictions.n(), 0);
        evaluated(&mut state, 1, 1, 3);
        assert_eq!(state.bench.run().predictions.n(), 3);
        state.take(Action::Edit { edit: Edit::Model(catalogue::all()[1].id.clone()), dragging: false });
        state.take(Action::Bench(0, BenchReport::Truth(Rc::new(vec![1]))));
        assert!(state.bench.truth.is_empty());
    }

    #[test]
    fn what_was_known_of_a_model_is_known_when_it_comes_back() {
        let mut state = state();
        evaluated(&mut state, 0, 1, 7);
        let (here, there) = (&catalogue::all()[0].id, &catalogue::all()[1].id);
        for id in [there, here] {
            state.take(Action::Edit { edit: Edit::Model(id.clone()), dragging: false });
        }
        assert_eq!((state.bench.run().predictions.n(), state.generation, state.epoch), (7, 2, 2));
    }

    #[test]
    fn a_drag_is_one_step_of_the_history_and_one_change() {
        let mut state = state();
        state.take(Action::Bench(0, BenchReport::Truth(Rc::new(vec![1; ENOUGH]))));
        evaluated(&mut state, 0, 1, ENOUGH);
        let mut steps = Vec::new();
        // The finger comes down where the dial is.
        state.take(Action::Edit { edit: bits(8), dragging: true });
        for b in [7, 6, 5] {
            state.take(Action::Edit { edit: bits(b), dragging: true });
            steps.push(state.step);
            // Each stop on the way is evaluated, and half of it is wrong.
            let generation = state.generation;
            evaluated(&mut state, generation, 0, ENOUGH / 2);
            let rest = RunReport::Evaluated(Evaluated { first: ENOUGH / 2, top1: vec![1; ENOUGH / 2], ..Evaluated::default() });
            state.take(Action::Run(generation, rest));
        }
        state.take(Action::DragEnd);
        assert_eq!(steps, [Step::Push, Step::Replace, Step::Replace]);
        assert_eq!(state.effect(&Control::WeightBits), Some(Some(-0.5)));
        assert_eq!(state.effect_may_be_chance(&Control::WeightBits), Some(false));
        assert_eq!(state.effect(&Control::ActivationBits), None);
        state.take(Action::Edit { edit: bits(4), dragging: true });
        assert_eq!((state.step, state.effect(&Control::WeightBits)), (Step::Push, Some(None)));
    }

    #[test]
    fn a_bad_link_is_reported_once_and_the_address_is_mended() {
        let mut state = state();
        let (link, issues) = Link::from_fragment("w=4&a=9", &catalogue::ids());
        state.take(Action::Navigate(link.clone(), issues.clone()));
        state.take(Action::Navigate(link, issues));
        assert_eq!((state.notices.len(), state.step), (1, Step::Replace));
        state.take(Action::Dismiss(state.notices[0].id));
        assert!(state.notices.is_empty());
    }

    #[test]
    fn a_bad_address_that_asks_for_what_is_in_force_is_mended_too() {
        let mut state = state();
        let (_, issues) = Link::from_fragment("w=99", &catalogue::ids());
        let link = state.link.clone();
        state.take(Action::Navigate(link.clone(), Vec::new()));
        assert_eq!(state.mend, 0);
        state.take(Action::Navigate(link, issues));
        assert_eq!((state.mend, state.generation, state.notices.len()), (1, 0, 1));
    }

    #[test]
    fn an_open_layer_shows_the_levels_of_the_recipe_in_force_only() {
        let mut state = state();
        let detail = bitdial_protocol::LayerDetail {
            name: "fc".into(),
            weights: bitdial_protocol::Histogram { low: -1.0, high: 1.0, counts: vec![1, 2] },
            grid: vec![-1.0, 0.0, 1.0],
            grid_channel: None,
            scales: 1,
            range_ratio: 1.0,
        };
        state.take(Action::Open("fc".into()));
        state.take(Action::Run(0, RunReport::Layer(Rc::new(detail.clone()))));
        assert_eq!(state.layer_detail().as_deref(), Some(&detail));
        state.take(Action::Edit { edit: bits(4), dragging: false });
        let late = state.layer_detail().unwrap();
        assert_eq!((late.weights.clone(), late.grid.len()), (detail.weights.clone(), 0));
        state.take(Action::Edit { edit: bits(8), dragging: false });
        assert_eq!(state.layer_detail().as_deref(), Some(&detail));
    }

    #[test]
    fn a_backend_that_disagrees_is_switched_off() {
        let mut state = state();
        let capabilities =
            bitdial_protocol::Capabilities { build: "simd128".into(), backend: "simd128".into(), backends: vec![], dot: None, gpu: None };
        state.take(Action::Bench(0, BenchReport::Engine(super::super::Engine { capabilities, workers: 1 })));
        let check = |most| {
            let differences = (most > 0).then(|| bitdial_protocol::LayerDifference { layer: "conv".into(), most });
            let differences = differences.into_iter().collect();
            BackendCheck { backend: "simd128".into(), values: 9, differences, ..Default::default() }
        };
        state.take(Action::Run(0, RunReport::Verified(Rc::new(vec![check(0)]))));
        assert_eq!((state.notices.len(), state.epoch), (0, 0));
        state.take(Action::Run(0, RunReport::Verified(Rc::new(vec![check(3)]))));
        assert_eq!((state.notices.len(), state.epoch, state.link.backend), (1, 1, BackendChoice::Scalar));
        assert!(state.shelf.is_empty());
        // The reference's own comparison finds the same; it was told.
        let generation = state.generation;
        state.take(Action::Run(generation, RunReport::Verified(Rc::new(vec![check(3)]))));
        assert_eq!(state.notices.len(), 1);
    }

    #[test]
    fn a_gpu_that_fails_gives_way_to_wasm_and_may_be_tried_again() {
        let mut state = state();
        state.take(Action::Edit { edit: bits(4), dragging: false });
        state.take(Action::Edit { edit: Edit::Backend(BackendChoice::WebGpu), dragging: false });
        let generation = state.generation;
        evaluated(&mut state, generation, 1, 7);
        let failed = |generation| Action::Run(generation, RunReport::Failed { message: "the GPU was lost.".into(), retry: false });
        state.take(failed(generation));
        assert_eq!((state.link.backend, state.step, state.phase), (BackendChoice::Auto, Step::Replace, Phase::Loading));
        assert_eq!((state.link.recipe.weights.bits.get(), state.notices.len()), (4, 1));
        assert!(state.notices[0].text.contains("the GPU was lost."), "{}", state.notices[0].text);
        state.take(Action::Edit { edit: Edit::Backend(BackendChoice::WebGpu), dragging: false });
        assert_eq!((state.link.backend, state.bench.run().predictions.n()), (BackendChoice::WebGpu, 7));
        // Without a bench of its own, wasm begins with what the GPU found.
        let mut state = self::state();
        state.link.backend = BackendChoice::WebGpu;
        evaluated(&mut state, 0, 1, 7);
        state.take(failed(0));
        assert_eq!((state.bench.run().predictions.n(), state.bench.run().latency), (7, None));
    }

    #[test]
    fn a_backend_that_was_switched_off_does_not_come_back() {
        let mut state = state();
        state.bad.push("simd128".into());
        let link = Link { backend: BackendChoice::Simd128, ..state.link.clone() };
        state.take(Action::Navigate(link, Vec::new()));
        assert_eq!((state.link.backend, state.step, state.notices.len()), (BackendChoice::Scalar, Step::Replace, 1));
        state.take(Action::Edit { edit: Edit::Backend(BackendChoice::Auto), dragging: false });
        assert_eq!(state.link.backend, BackendChoice::Auto);
        let capabilities =
            bitdial_protocol::Capabilities { build: "simd128".into(), backend: "simd128".into(), backends: vec![], dot: None, gpu: None };
        state.take(Action::Bench(state.epoch, BenchReport::Engine(super::super::Engine { capabilities, workers: 1 })));
        assert_eq!((state.link.backend, state.engine.is_none()), (BackendChoice::Scalar, true));
    }
}
