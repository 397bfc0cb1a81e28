//! Where clips for training, evaluation and teaching come from: the procedural world (shapes; people, not trained on yet), what a person
//! draws in it, folders of real videos, and the data sets of the field.

pub mod camera;
pub mod captions;
pub mod cast;
pub mod draw;
pub mod drawing;
pub mod labelled;
pub mod people;
pub mod sets;
pub mod track;
pub mod truth_file;
pub mod world;
pub mod world_video;
