//! What `quorate serve` was told. Invariant: read once at start; nothing here changes while the console runs.

use std::path::PathBuf;

/// Where upstream keeps its releases, unless an install or the settings name another place.
pub use quorate_remote::releases::OFFICIAL_BASE as UPSTREAM_RELEASES;

/// The console's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The database, keys and caches of this console.
    pub data_dir: PathBuf,
    /// Base of the download URL unless an install names another.
    pub etcd_download_url: String,
    /// The console's version, shown and compared by open tabs.
    pub version: String,
    /// Ends the process right after this many log entries of operations: the crash tests' way to die at an exact
    /// place. Only debug builds can set it.
    pub abort_after_log_entries: Option<u32>,
    /// Bytes of memory that the index of one cluster's keys may take.
    pub key_index_bytes: usize,
    /// Bytes that the indexes of all clusters may take together.
    pub key_indexes_bytes: usize,
    /// Bytes of files of keys that are kept for one cluster. An operation's own file may go beyond; no other is taken then.
    pub key_files_bytes: u64,
}

impl Config {
    /// Defaults for a data directory.
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            etcd_download_url: UPSTREAM_RELEASES.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            abort_after_log_entries: None,
            key_index_bytes: 256 << 20,
            key_indexes_bytes: 1 << 30,
            key_files_bytes: 1 << 30,
        }
    }

    /// Where archives for pushing are kept.
    pub fn release_cache(&self) -> PathBuf {
        self.data_dir.join("releases")
    }
}
