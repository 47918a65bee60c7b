//! What crosses between page, worker, link and file: recipes, requests, results.
//!
//! Types with serde and nothing else: no computation, no DOM, no engine. The page depends on this crate alone;
//! the worker translates it into calls of the engine.

mod diagnosis;
mod lab;
mod lesson;
mod link;
mod maps;
mod message;
mod recipe;
mod result;
mod runner;
mod scheme;

pub use diagnosis::{
    Advice, Budget, Diagnosis, Frontier, FrontierPoint, Isolation, LayerAccuracy, LayerDiagnosis, LayerSensitivity, MeasuredPoint,
    TensorDiagnosis, WidthOption,
};
pub use lab::{CorrectionReport, LabRequest, LabResponse, LayerChange, MadeLayer, Making};
pub use lesson::{
    Answer, Block, Fault, Figure, Glossary, GlossaryEntry, Inline, Lesson, LessonRequest, LessonResponse, LessonStep, PARTS, Question, TABS,
};
pub use link::{Expected, Link, LinkIssue};
pub use maps::{Classified, FeatureMaps};
pub use message::{FromWorker, ImagesHandle, ModelHandle, Normalize, QuantizedHandle, ToWorker};
pub use recipe::{
    Accumulator, ActivationOverride, Calibration, CalibrationMethod, Correction, Deviations, LayerOverride, Overflow, Recipe, RecipeError,
    WeightOverride,
};
pub use result::{
    BackendCheck, Bandwidth, Capabilities, Energy, Execution, GpuInfo, Histogram, KernelTime, LayerDetail, LayerDifference, LayerInfo,
    LayerOverflows, LayerTime, MemoryUse, ModelInfo, Phases, Profile, QuantizedInfo, QuantizedLayer, Rooflines, TensorInfo, Timing,
};
pub use runner::{BackendChoice, Request, Response, Target};
pub use scheme::{
    ActivationGranularity, ActivationMode, ActivationScheme, Bits, Exponent, Format, Granularity, GroupSize, Rounding, WeightRange,
    WeightScheme,
};
