//! Everything that speaks SSH to a host: connections, commands, files, detached jobs, tunnels, facts, and the etcd
//! releases that are brought to hosts.
//!
//! Invariants: a host is only spoken to with a pinned key (`KnownHosts` strict, own files, never the user's own
//! configuration); no private key and no password lies on a disk; no command line is built from text, every argument
//! arrives literally; each call has a deadline that also ends the remote process. Whether a host is fit for etcd is
//! judged in `domain::preflight`, what is done to it is decided in `operations`.

pub mod agent;
mod classify;
pub mod command;
mod connection;
pub mod disk;
pub mod error;
pub mod facts;
mod files;
mod host;
mod job;
mod journal;
pub mod key;
mod pool;
pub mod ports;
pub mod releases;
mod root_shell;
pub mod scan;
mod ssh_config;
pub mod target;
mod tunnel;

pub use command::{Command, Output};
pub use error::RemoteError;
pub use files::{FileContent, PushTo, PutFile};
pub use host::Host;
pub use job::{JobEnd, JobSpec, JobState, StartedJob};
pub use journal::{JournalEntry, JournalFrom};
pub use key::ConsoleKey;
pub use pool::HostPool;
pub use scan::{host_key, scan_keys};
pub use target::Target;
