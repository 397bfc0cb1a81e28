//! What has been computed once and need not be again: the tokens of each frame, so that overlapping windows encode a
//! frame once.

use super::types::CropRect;
use crate::video::{Pts, VideoDigest};
use lru::LruCache;
use std::sync::Arc;

/// Bytes of tokens that are kept: about 850 frames of a ViT-B/16, 16,000 of the small model.
pub const FEATURE_BYTES: usize = 512 << 20;

/// A frame of a video as one model sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FrameKey {
    pub video: VideoDigest,
    pub pts: Pts,
    /// Digest of the model.
    pub model: Arc<str>,
}

/// The tokens X of one frame (METHOD §1), (n,D) row by row, and the part of the picture that they were made from. In f32:
/// half precision would hold twice the frames, but then plain CLIP's scores would be reproduced to 1e-3 only.
#[derive(Clone, Debug)]
pub struct Features {
    pub tokens: Arc<[f32]>,
    pub crop: CropRect,
}

/// The newest features up to a number of bytes; what was used longest ago goes first.
pub struct FeatureCache {
    frames: LruCache<FrameKey, Features>,
    bytes: usize,
    limit: usize,
}

impl FeatureCache {
    pub fn new(limit: usize) -> Self {
        Self { frames: LruCache::unbounded(), bytes: 0, limit }
    }

    pub fn get(&mut self, key: &FrameKey) -> Option<Features> {
        self.frames.get(key).cloned()
    }

    pub fn put(&mut self, key: FrameKey, features: Features) {
        self.bytes += size(&features);
        if let Some((_, old)) = self.frames.push(key, features) {
            self.bytes -= size(&old);
        }
        while self.bytes > self.limit
            && let Some((_, old)) = self.frames.pop_lru()
        {
            self.bytes -= size(&old);
        }
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.bytes
    }
}

fn size(features: &Features) -> usize {
    size_of_val(&*features.tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(pts: i64) -> FrameKey {
        FrameKey { video: VideoDigest("v".into()), pts: Pts(pts), model: "m".into() }
    }

    fn features(value: f32) -> Features {
        let crop = CropRect { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 };
        Features { tokens: vec![value; 10].into(), crop }
    }

    #[test]
    fn keeps_to_its_bytes_and_drops_what_was_used_longest_ago() {
        let mut cache = FeatureCache::new(100);
        cache.put(key(1), features(1.0));
        cache.put(key(2), features(2.0));
        assert!(cache.get(&key(1)).is_some());
        cache.put(key(3), features(3.0));
        assert_eq!(cache.bytes(), 80);
        assert!(cache.get(&key(2)).is_none());
        assert_eq!(cache.get(&key(1)).map(|f| f.tokens[0]), Some(1.0));
    }

    #[test]
    fn putting_a_frame_again_counts_it_once() {
        let mut cache = FeatureCache::new(100);
        cache.put(key(1), features(1.0));
        cache.put(key(1), features(5.0));
        assert_eq!((cache.bytes(), cache.get(&key(1)).map(|f| f.tokens[0])), (40, Some(5.0)));
    }

    #[test]
    fn a_frame_larger_than_the_limit_is_not_kept() {
        let mut cache = FeatureCache::new(10);
        cache.put(key(1), features(1.0));
        assert_eq!(cache.bytes(), 0);
    }
}
