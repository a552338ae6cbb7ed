//! The HTTP half of the console: router, cookies, event streams, API, assets, and the command line.
//!
//! Invariant: handlers translate; whatever decides, remembers or reaches out is a method of `core::Console`. The
//! binary is `main.rs`, which does nothing but call [`cli::run`]; this library exists so that tests can start the
//! very same console in their own process.

pub mod api;
pub mod assets;
pub mod cli;
pub mod events;
pub mod health;
pub mod http;
pub mod pages;
pub mod router;
pub mod serve;
pub mod session;
pub mod settings;
pub mod setup_link;
pub mod state;
mod transfers;
