//! The reader of lessons: files of the site, read by a worker that is started when the first one is asked for.

use std::cell::RefCell;
use std::rc::Rc;

use bitdial_protocol::{Glossary, Lesson, LessonRequest, LessonResponse};
use futures::FutureExt;

use super::desk::Promise;
use super::error::ClientError;
use super::session::{Session, module};
use super::worker::{self, Worker};
use crate::catalogue;
use crate::json;
use crate::state::lessons::{Read, Unread};

/// The folder of lessons, and what is beside it.
const FOLDER: &str = "assets/lessons";
const GLOSSARY: &str = "assets/glossary.md";

/// The worker, once it is asked for.
#[derive(Default)]
pub struct Reader {
    worker: RefCell<Option<Promise<Worker<worker::Reader>>>>,
}

impl Reader {
    async fn ask(&self, request: LessonRequest) -> Result<LessonResponse, ClientError> {
        let known = self.worker.borrow().clone();
        let usable = |worker: &Promise<Worker<_>>| !matches!(worker.peek(), Some(Err(_))) && !worker.peek().is_some_and(is_gone);
        let worker = known.filter(usable).unwrap_or_else(|| {
            let start = async { Worker::start(&module("lessons")?).await };
            let worker = start.boxed_local().shared();
            self.worker.replace(Some(worker.clone()));
            worker
        });
        worker.await?.ask(request).await
    }
}

fn is_gone(worker: &Result<Worker<worker::Reader>, ClientError>) -> bool {
    worker.as_ref().is_ok_and(Worker::is_gone)
}

/// What a file that did not come is to a reader.
fn unread(error: &ClientError) -> Unread {
    match error {
        ClientError::Fetch { reason, .. } if reason.contains("answered 404") => Unread::Absent,
        error => Unread::Failed(error.to_string()),
    }
}

impl Session {
    /// Names of the lessons, in order.
    pub async fn lessons(&self) -> Read<Vec<String>> {
        let file = format!("{FOLDER}/index.json");
        let text = self.library.text(&file).await.map_err(|error| unread(&error))?;
        json::read(&text).map(Rc::new).map_err(|reason| Unread::Failed(format!("{file} is no list of names: {reason}.")))
    }

    /// A lesson.
    pub async fn lesson(&self, name: &str) -> Read<Lesson> {
        let file = format!("{FOLDER}/{name}.md");
        let text = self.library.text(&file).await.map_err(|error| unread(&error))?;
        let models = catalogue::ids().into_iter().map(str::to_owned).collect();
        match self.reader.ask(LessonRequest::Lesson { file, text, models }).await {
            Ok(LessonResponse::Lesson(lesson)) => Ok(Rc::new(lesson)),
            answer => Err(refused(answer)),
        }
    }

    /// The glossary.
    pub async fn glossary(&self) -> Read<Glossary> {
        let text = self.library.text(GLOSSARY).await.map_err(|error| unread(&error))?;
        match self.reader.ask(LessonRequest::Glossary { file: GLOSSARY.to_owned(), text }).await {
            Ok(LessonResponse::Glossary(glossary)) => Ok(Rc::new(glossary)),
            answer => Err(refused(answer)),
        }
    }
}

fn refused(answer: Result<LessonResponse, ClientError>) -> Unread {
    match answer {
        Ok(LessonResponse::Faults(faults)) => Unread::Faulty(faults),
        Ok(_) => Unread::Failed(ClientError::Unexpected("reading a lesson").to_string()),
        Err(error) => Unread::Failed(error.to_string()),
    }
}
