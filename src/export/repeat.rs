//! The command that computes an analysis again, as a person types it into a POSIX shell.

use super::json::Record;
use super::report::PROMPTS;
use crate::engine::{ModelSource, Question};
use crate::video::ClipSpec;
use std::path::Path;

/// `motionlens analyze …` with everything that the scores depend on. Paths are whole, but for the prompt set: it lies in the
/// report's folder, which is where to run it.
pub fn command(record: &Record, question: &Question, model: &ModelSource, on_gpu: bool) -> String {
    let whole = |path: &Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        path.display().to_string()
    };
    let mut words = vec!["motionlens".to_owned(), "analyze".into(), whole(Path::new(&record.video.path))];
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    // Plain data with string keys: it always has a JSON form.
    let json = |value: serde_json::Result<String>| value.unwrap_or_default();
    let crop = question.clip.crop;
    if question.clip == (ClipSpec { crop, ..ClipSpec::segments(question.clip.span) }) {
        option("--start-s", record.scope.start_s.to_string());
        option("--end-s", record.scope.end_s.to_string());
        if !crop.is_centre() {
            option("--crop", crop.to_string());
        }
    } else {
        option("--clip", json(serde_json::to_string(&question.clip)));
    }
    if !question.surgery.is_none() {
        option("--surgery", json(serde_json::to_string(&question.surgery)));
    }
    option("--prompts", PROMPTS.to_owned());
    option("--alpha", record.alpha.to_string());
    if let Some(model) = model.argument() {
        option("--model", model);
    }
    option("--device", if on_gpu { "gpu" } else { "cpu" }.to_owned());
    // Only a word with a zero byte cannot be quoted, and no path has one.
    let quoted = words.iter().map(|w| shlex::try_quote(w).unwrap_or_default());
    quoted.collect::<Vec<_>>().join(" ")
}
