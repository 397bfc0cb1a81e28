//! The window by its accessible names, as a person with a screen reader would use it.

#[path = "../hub_server/mod.rs"]
mod hub_server;

mod altered;
mod casts;
mod comparing;
mod drawing;
mod support;

mod lanes;
mod lessons;
mod live;
mod models;
mod negation;
mod panels;
mod panes;
mod pictures;
mod pixels;
mod prompts;
mod reach;
mod scope;
mod showing;
mod soak;
mod typing;
