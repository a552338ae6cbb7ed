//! The one service layer: pages, server functions, `/api/v1` and SSE call `Console`'s methods and nothing below.
//!
//! Invariant: whoever calls shows a `Permit`; no method acts for "somebody". SQL, SSH and gRPC live in the crates
//! below; HTTP lives above.

pub mod actor;
pub mod audit;
pub mod clock;
pub mod clusters;
pub mod config;
pub mod console;
mod credentials;
pub mod drills;
pub mod error;
mod host_tasks;
pub mod hosts;
mod housekeeping;
mod inventory;
mod journals;
pub mod keys;
pub mod live;
mod opened;
pub mod operations;
pub mod permit;
mod releases;
pub mod sessions;
pub mod setup;
pub mod snapshots;
mod throwaways;
pub mod tokens;
pub mod users;
pub mod vaults;

pub use actor::{Actor, Via};
pub use config::Config;
pub use console::Console;
pub use error::CoreError;
pub use hosts::HostEdit;
pub use permit::{Permit, RunPermit, act};
pub use quorate_etcd::Material;
pub use quorate_store::SnapshotFilter;
pub use sessions::LoggedIn;
