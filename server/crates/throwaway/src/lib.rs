//! A snapshot brought to life for a while: a throw-away etcd on the console's own machine. Nothing reads a snapshot as well as
//! the etcd that wrote it, so its format is not read here a second time.
//!
//! Invariant: such an etcd listens on Unix sockets in a directory of mode 0700 and on no port, runs niced, and ends with its
//! value; what a killed console left is ended and removed at the next start (`sweep`). Nothing here touches a cluster: where
//! snapshots come from and who may look at them is `core`'s.

mod binaries;
mod error;
mod leases;
mod room;
mod throwaway;

pub use binaries::Binaries;
pub use error::ThrowawayError;
pub use room::{Room, sweep};
pub use throwaway::Throwaway;
