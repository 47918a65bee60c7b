//! The reader of lessons: it keeps nothing.

use bitdial_protocol::{LessonRequest, LessonResponse};
use js_sys::ArrayBuffer;

use crate::session::{Answer, Session};
use crate::turn::{Stop, Turn};

/// Reads lessons and the glossary.
#[derive(Default)]
pub struct Reader;

impl Session for Reader {
    type Request = LessonRequest;
    type Response = LessonResponse;

    async fn answer(&mut self, request: LessonRequest, _: &[ArrayBuffer], _: &mut Turn<'_>) -> Result<Answer<LessonResponse>, Stop> {
        let read = match request {
            LessonRequest::Lesson { file, text, models } => {
                let models: Vec<&str> = models.iter().map(String::as_str).collect();
                bitdial_lessons::lesson(&file, &text, &models).map(LessonResponse::Lesson)
            }
            LessonRequest::Glossary { file, text } => bitdial_lessons::glossary(&file, &text).map(LessonResponse::Glossary),
        };
        Ok((read.unwrap_or_else(LessonResponse::Faults), Vec::new()))
    }
}
