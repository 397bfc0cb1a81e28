//! The motion scale of a model whose folder has none: measured on still footage while nobody waits, and kept between runs.

use super::{Running, Worker, guarded};
use crate::engine::event::Event;
use crate::files::write_atomic;
use crate::model::Surgery;
use crate::model::folder::MotionScale;
use crate::session::WorkError;
use std::path::PathBuf;
use std::sync::Arc;

impl Worker {
    /// The scale of a model whose folder has none, measured while nobody waits.
    pub(super) fn measure_scale(&mut self) {
        let Some(running) = self.running.take() else { return };
        self.measure_scale_of(&running);
        self.running = Some(running);
    }

    fn measure_scale_of(&mut self, running: &Running) {
        let identity = running.session.info.identity.clone();
        let measured = guarded(|| match self.floor(running) {
            Ok(scale) => Ok(Some(scale)),
            Err(WorkError::Interrupted) => Ok(None),
            Err(WorkError::Failed(message)) => Err(message),
        });
        let scale = match measured {
            Ok(Some(scale)) => scale,
            // Somebody waits; next time that nobody does.
            Ok(None) => return,
            Err(message) => {
                log::warn!("the motion scale cannot be measured: {message}");
                self.scaled = true;
                return;
            }
        };
        self.scaled = true;
        self.footage = Vec::new();
        if let Some(path) = self.scale_file(&identity) {
            let json = serde_json::to_vec_pretty(&scale).unwrap_or_default();
            let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            // A cache that cannot be written costs time and nothing else.
            if let Err(e) = written.and_then(|()| write_atomic(&path, &json)) {
                log::warn!("cannot keep {}: {e}", path.display());
            }
        }
        self.queue.emit(Event::Scale { model: identity, scale: Arc::new(scale) });
    }

    /// Where the scale of a model is kept once it has been measured.
    fn scale_file(&self, identity: &str) -> Option<PathBuf> {
        Some(self.cache.as_ref()?.join("scales").join(format!("{identity}.json")))
    }

    /// The scale that was measured earlier.
    pub(super) fn kept_scale(&self, identity: &str) -> Option<MotionScale> {
        serde_json::from_slice(&std::fs::read(self.scale_file(identity)?).ok()?).ok()
    }

    /// One frame at a time, so that whoever comes waits for no more than that; what was computed is kept for the next try.
    fn floor(&mut self, running: &Running) -> Result<MotionScale, WorkError> {
        let (queue, footage, mut seen) = (self.queue.clone(), &mut self.footage, 0);
        running.session.measure_floor(&mut |session, pixels| {
            let wanted = seen..seen + pixels.len();
            seen = wanted.end;
            for frame in pixels.get(footage.len().saturating_sub(wanted.start)..).unwrap_or_default() {
                if queue.is_busy() {
                    return Err(WorkError::Interrupted);
                }
                footage.extend(session.encode_frames(std::slice::from_ref(frame), &Surgery::default())?);
            }
            Ok(footage[wanted].to_vec())
        })
    }
}
