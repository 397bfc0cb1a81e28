//! Where clips for training, evaluation and teaching come from: the procedural world (shapes; people, not trained on yet), and
//! folders of real videos.

pub mod camera;
pub mod captions;
pub mod cast;
pub mod draw;
pub mod labelled;
pub mod people;
pub mod world;
pub mod world_video;
