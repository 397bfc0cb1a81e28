//! (to be written)
pub mod video_paint;
