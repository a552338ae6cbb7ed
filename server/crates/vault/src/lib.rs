//! Vaults: where snapshots are kept, in a folder or a bucket, encrypted or not.
//!
//! Invariants: a file has no name in its vault before all its bytes are there, durable, and its digests right; a whole database is
//! never in memory; nobody but the console's user reads a local vault. What is kept for how long, and who may do what, is `core`'s.

mod bolt;
mod digests;
mod error;
mod fetch;
mod local;
pub mod names;
mod probe;
mod s3;
mod seal;
mod sink;
mod vault;
mod writer;

pub use digests::{Damage, Digested, Digests, Shape};
pub use error::VaultError;
pub use local::Room;
pub use seal::recipient_of;
pub use vault::{ByteStream, Entry, Reading, Vault, VaultSecrets};
pub use writer::{Writer, Written};
