//! The lessons and the glossary of this site are whole: no faults, and what they name is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bitdial_kernels::Backend;
use bitdial_lab::Model;
use bitdial_lessons::{Folder, check};
use bitdial_protocol::{Lesson, Link};

const MODELS: [&str; 4] = ["fashion-mobilenet", "digits", "fashion-resnet", "efficientnet-lite0"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Every recipe of a lesson with the layers that are named beside it, in order.
fn layers(lesson: &Lesson) -> Vec<(Link, Vec<String>)> {
    let mut link = Link::new(MODELS[0]);
    let mut all = Vec::new();
    for step in &lesson.steps {
        let asked = step.question.as_ref().and_then(|question| question.recipe.as_deref());
        for recipe in [step.recipe.as_deref(), asked].into_iter().flatten() {
            link = Link::from_fragment(recipe, &MODELS).0;
            all.push((link.clone(), link.recipe.layers.keys().cloned().collect()));
        }
        // A layer is opened in the model of the step, before the question.
        let before = step.recipe.as_deref().map_or(link.clone(), |recipe| Link::from_fragment(recipe, &MODELS).0);
        all.extend(step.layer.clone().map(|layer| (before, vec![layer])));
    }
    all
}

#[test]
fn every_lesson_is_whole_and_listed() {
    let mut files: Vec<String> = fs::read_dir(root().join("assets/lessons"))
        .expect("a folder of lessons")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .filter(|name| name.ends_with(".md"))
        .collect();
    files.sort();
    let texts: Vec<(String, String)> = files.iter().map(|name| (name.clone(), read(&format!("assets/lessons/{name}")))).collect();
    let (index, glossary) = (read("assets/lessons/index.json"), read("assets/glossary.md"));
    let folder = Folder { index: ("index.json", &index), lessons: &texts, glossary: ("glossary.md", &glossary), models: &MODELS };
    let (faults, lessons) = check(&folder);
    assert_eq!(faults, []);
    let mut listed: Vec<String> = serde_json::from_str(&index).expect("a list");
    listed.sort();
    assert_eq!(listed, lessons.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), "index.json lists every file");

    let mut models: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, lesson) in &lessons {
        for (link, layers) in layers(lesson) {
            let known = models.entry(link.model.clone()).or_insert_with(|| {
                let bytes = fs::read(root().join(format!("models/{}.onnx", link.model))).expect("a model");
                let model = Model::load(&bytes, Backend::best()).expect("it loads");
                model.graph().nodes.iter().map(|node| node.name.clone()).collect()
            });
            for layer in layers {
                assert!(known.contains(&layer), "{name}: {} has no layer {layer}; it has {known:?}", link.model);
            }
        }
    }
}
