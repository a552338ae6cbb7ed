//! Where bytes end up while a file is written. Invariant: a sink that is dropped without `commit` leaves nothing behind.

use crate::error::VaultError;
use std::io::Write;

/// Used on a thread that may block.
pub(crate) trait Sink: Write + Send {
    /// Makes what was written durable, then visible under its name; its length.
    fn commit(self: Box<Self>) -> Result<u64, VaultError>;
}
