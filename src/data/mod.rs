//! Where clips for training, evaluation and teaching come from: the procedural world (shapes; people, not trained on yet), folders of
//! real videos, and the data sets of the field.

pub mod camera;
pub mod captions;
pub mod cast;
pub mod draw;
pub mod labelled;
pub mod people;
pub mod sets;
pub mod truth_file;
pub mod world;
pub mod world_video;
