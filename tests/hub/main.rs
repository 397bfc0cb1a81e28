//! Models of the hub, from a hub on loopback: what is fetched, resumed, checked and refused, and what a filled cache is good for
//! without any.

#[path = "../hub_server/mod.rs"]
mod hub_server;
#[path = "../common/mutate.rs"]
mod mutate;

mod command;
mod library;
mod mutated;
#[cfg(target_os = "linux")]
mod terminal;
