//! What has been computed and need not be again, bounded in bytes: the tokens of each frame, so that overlapping spans
//! encode a frame once, and the answers.

use super::event::Answer;
use super::question::QuestionId;
use crate::video::Crop;
use crate::video::Pts;
use crate::video::SourceId;
use crate::video::preprocess::CropRect;
use lru::LruCache;
use std::hash::Hash;
use std::sync::Arc;

/// Bytes for what has been computed, beside the model itself, and how they are shared out. The player's few pictures and the
/// window's own textures are not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(pub usize);

impl Default for Memory {
    /// 1 GiB.
    fn default() -> Self {
        Self(1 << 30)
    }
}

impl Memory {
    /// Tokens: of 1 GiB about 850 frames of a ViT-B/16, 16,000 of the small model.
    fn frames(self) -> usize {
        self.0 / 2
    }

    /// Answers: thousands of the small model, some hundreds of large ones.
    fn answers(self) -> usize {
        self.0 / 4
    }

    /// Embeddings of one sweep: 20,000 spans of the widest CLIP.
    pub fn sweep(self) -> usize {
        self.0 / 16
    }

    /// Maps of the sweep that the window keeps: 14,000 frames of the small model, 2,500 of a ViT-B/16.
    pub fn maps(self) -> usize {
        self.0 / 16
    }

    /// Scores of a sweep, those that are replaced and their successors together: spans × classes × 24 bytes.
    pub fn scores(self) -> usize {
        self.0 / 32 * 3
    }

    /// Cosines of a sweep, kept between edits: spans × texts × 8 bytes.
    pub fn cosines(self) -> usize {
        self.0 / 32
    }
}

/// A frame of a video, cropped in one way, as one model sees it on one device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FrameKey {
    pub source: SourceId,
    pub pts: Pts,
    pub crop: Crop,
    /// The layer of the patch tokens where it is altered.
    pub motion_layer: Option<u16>,
    /// Identity of the model.
    pub model: Arc<str>,
    pub device: Arc<str>,
}

/// The tokens X of one frame (METHOD §1), (n,D) row by row, and the part of the picture that they were made from. In f32:
/// half precision would hold twice the frames, but then plain CLIP's scores would be reproduced to 1e-3 only.
#[derive(Clone, Debug)]
pub struct Features {
    pub tokens: Arc<[f32]>,
    pub crop: CropRect,
}

/// See the module.
pub struct Store {
    pub frames: Bounded<FrameKey, Features>,
    pub answers: Bounded<QuestionId, Arc<Answer>>,
}

impl Default for Store {
    fn default() -> Self {
        Self::new(Memory::default())
    }
}

impl Store {
    pub fn new(memory: Memory) -> Self {
        Self { frames: Bounded::new(memory.frames()), answers: Bounded::new(memory.answers()) }
    }
}

/// What a held value takes.
pub trait Bytes {
    fn bytes(&self) -> usize;
}

impl Bytes for Features {
    fn bytes(&self) -> usize {
        size_of_val(&*self.tokens)
    }
}

impl Bytes for Arc<Answer> {
    fn bytes(&self) -> usize {
        let Answer { frames, evidence, .. } = &**self;
        let vectors = evidence.embedding.len() + evidence.v_s.len() + evidence.v_m.len();
        evidence.maps.bytes() + vectors * size_of::<f32>() + size_of_val(&**frames) + size_of::<Answer>()
    }
}

/// The newest values up to a number of bytes; what was used longest ago goes first.
pub struct Bounded<K: Hash + Eq, V: Bytes> {
    values: LruCache<K, V>,
    bytes: usize,
    limit: usize,
}

impl<K: Hash + Eq, V: Bytes + Clone> Bounded<K, V> {
    pub fn new(limit: usize) -> Self {
        Self { values: LruCache::unbounded(), bytes: 0, limit }
    }

    pub fn get(&mut self, key: &K) -> Option<V> {
        self.values.get(key).cloned()
    }

    pub fn put(&mut self, key: K, value: V) {
        self.bytes += value.bytes();
        if let Some((_, old)) = self.values.push(key, value) {
            self.bytes -= old.bytes();
        }
        while self.bytes > self.limit
            && let Some((_, old)) = self.values.pop_lru()
        {
            self.bytes -= old.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(value: f32) -> Features {
        let crop = CropRect { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 };
        Features { tokens: vec![value; 10].into(), crop }
    }

    #[test]
    fn keeps_to_its_bytes_and_drops_what_was_used_longest_ago() {
        let mut held = Bounded::new(100);
        held.put(1, features(1.0));
        held.put(2, features(2.0));
        assert!(held.get(&1).is_some());
        held.put(3, features(3.0));
        assert_eq!(held.bytes, 80);
        assert!(held.get(&2).is_none());
        assert_eq!(held.get(&1).map(|f| f.tokens[0]), Some(1.0));
    }

    #[test]
    fn putting_a_value_again_counts_it_once() {
        let mut held = Bounded::new(100);
        held.put(1, features(1.0));
        held.put(1, features(5.0));
        assert_eq!((held.bytes, held.get(&1).map(|f| f.tokens[0])), (40, Some(5.0)));
    }

    #[test]
    fn a_value_larger_than_the_limit_is_not_kept() {
        let mut held = Bounded::new(10);
        held.put(1, features(1.0));
        assert_eq!(held.bytes, 0);
    }
}
