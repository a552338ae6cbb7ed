//! What the data directory of a member knows, read while etcd may be down: how far its log goes (`wal`), how far its database
//! (`bolt`), fetched from its host in slices (`read`). Invariant: looks only; nothing here starts etcd or holds a whole file.
//! What follows from it is `domain::snapshots`' to say.

mod bolt;
mod read;
mod wal;

pub use read::{remains, wal_dir_of};

/// Reads parts of one file.
#[async_trait::async_trait]
pub trait Parts: Sync {
    /// At most `bytes` from `offset`; fewer where the file ends.
    ///
    /// # Errors
    /// In words.
    async fn part(&self, offset: u64, bytes: usize) -> Result<Vec<u8>, String>;
}

#[cfg(test)]
mod tests;
