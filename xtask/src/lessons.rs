//! What is wrong with the lessons and the glossary.

use anyhow::{Context, Result, ensure};
use bitdial_lessons::{Folder, check as check_folder};

use crate::files;
use crate::project::Project;

const FOLDER: &str = "assets/lessons";
const INDEX: &str = "assets/lessons/index.json";
const GLOSSARY: &str = "assets/glossary.md";
const MODELS: &str = "models/models.json";

/// Reads all of them and prints `file:line: reason` for everything that is wrong.
pub fn check(project: &Project) -> Result<()> {
    let read = |file: &str| files::read(&project.root.join(file));
    let mut lessons = Vec::new();
    for path in files::below(&project.root.join(FOLDER))? {
        if path.extension().is_some_and(|end| end == "md") {
            let name = path.strip_prefix(&project.root)?.to_string_lossy().replace('\\', "/");
            lessons.push((name, files::read(&path)?));
        }
    }
    let catalogue: serde_json::Value = serde_json::from_str(&read(MODELS)?).context(MODELS)?;
    let models: Vec<&str> = catalogue.as_array().into_iter().flatten().filter_map(|entry| entry["id"].as_str()).collect();
    let (index, glossary) = (read(INDEX)?, read(GLOSSARY)?);
    let folder = Folder { index: (INDEX, &index), lessons: &lessons, glossary: (GLOSSARY, &glossary), models: &models };
    let (faults, sound) = check_folder(&folder);
    for fault in &faults {
        println!("{}:{}: {}", fault.file, fault.line, fault.reason);
    }
    println!("{} lessons and the glossary read", sound.len());
    ensure!(faults.is_empty(), "{} of these lines have to be mended", faults.len());
    Ok(())
}
