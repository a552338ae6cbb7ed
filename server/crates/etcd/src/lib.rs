//! Everything that speaks to etcd's client port: gRPC, and the few plain-HTTP answers beside it.
//!
//! Invariant: a client talks to ONE member and never balances over several, so an answer is always that member's own;
//! every call ends at its deadline. How a host is reached (tunnels) is `remote`'s and `core`'s business; what the
//! answers of several members mean together is `core::live`'s.

mod access;
mod client;
mod content;
mod endpoint;
mod error;
mod http;
mod key_watch;
mod kv;
mod leases;
mod line;
mod log_line;
mod members;
mod membership;
mod patroni;
mod permissions;
mod snapshot;
mod status;
pub mod stride;
pub mod window;
mod wire;

pub use access::{Access, BadMaterial, Material};
pub use client::MemberClient;
pub use content::{ContentAt, content, content_by};
pub use endpoint::{MemberEndpoint, Via};
pub use error::EtcdError;
pub use etcd_client;
pub use http::HealthAnswer;
pub use key_watch::{Heard, KeyWatch, News, WatchEnd, WatchRange};
pub use kv::{Change, Changed, Pair, PutLease, Range, RangeEnd, RangeReply, Write};
pub use leases::LeaseReply;
pub use log_line::LogLine;
pub use members::{Consistency, ListedMember, MemberList, bootstrap_member_id};
pub use permissions::Granted;
pub use snapshot::{SnapshotChunk, SnapshotStream};
pub use status::{Alarm, StatusReply, alarms};
