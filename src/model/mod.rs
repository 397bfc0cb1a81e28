//! The model of METHOD §1–§5 on Burn: two CLIP towers, the motion head, and the folder they are kept in.
//! This module knows tensors, files of weights and the hub that they come from; it knows neither video nor windows.

pub mod adapter;
pub mod config;
mod cpu;
pub mod dense;
pub mod encoder;
pub mod folder;
pub mod head;
pub mod hub;
pub mod mab;
pub mod msm;
pub mod surgery;
pub mod text;
pub mod towers;
pub mod vision;
pub mod weights;

pub use config::ClipConfig;
pub use folder::{Model, ModelError, ModelFiles};
pub use hub::{Hub, HubError, HubId, HubModel};
pub use surgery::{GateClamp, Surgery};
pub use towers::Towers;
