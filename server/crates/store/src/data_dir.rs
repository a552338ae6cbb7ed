//! The data directory and who uses it. Invariant: it is made with mode 0700, files in it that this crate makes with
//! 0600; one `serve` at a time holds its lock, command line tools work beside it.

use crate::{Result, StoreError};
use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Name of the database in the data directory.
pub const DATABASE_FILE: &str = "quorate.db";
/// Name of the master key's file in the data directory.
pub const KEY_FILE: &str = "master.key";
const SERVE_LOCK: &str = "serve.lock";
const OPEN_LOCK: &str = "open.lock";

/// Held by `serve` for as long as it runs; free again when dropped or when the process dies, however it dies.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

impl DataDirLock {
    /// Takes the lock; makes the directory if it is not there.
    ///
    /// # Errors
    /// `Locked` with the holder's process id; `ReadOnly`, `DiskFull` or `Io` when the directory cannot be used.
    pub fn acquire(data_dir: &Path) -> Result<Self> {
        prepare(data_dir)?;
        let path = data_dir.join(SERVE_LOCK);
        let mut file = lock_file(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { path: data_dir.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(StoreError::io("locking", &path)(source)),
        }
        write_holder(&mut file).map_err(StoreError::io("writing", &path))?;
        Ok(Self { _file: file })
    }
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(20).read_to_string(&mut text).ok().and_then(|_| text.trim().parse::<u32>().ok()) {
        Some(pid) => format!("process {pid}"),
        None => "unknown process".to_owned(),
    }
}

fn lock_file(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(StoreError::io("opening", path))
}

/// Makes the directory unless it is there.
pub(crate) fn prepare(data_dir: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(StoreError::io("making the directory", data_dir))
}

/// Lets one process at a time migrate; two that find an empty directory would make the same tables.
/// Waits for the other one, so it belongs on a blocking thread.
pub(crate) fn lock_for_open(data_dir: &Path) -> Result<File> {
    let path = data_dir.join(OPEN_LOCK);
    let file = lock_file(&path)?;
    file.lock().map_err(StoreError::io("locking", &path))?;
    Ok(file)
}

/// Makes the database file with mode 0600 unless it is there; SQLite gives its WAL the same mode.
pub(crate) fn prepare_database(data_dir: &Path) -> Result<PathBuf> {
    let path = data_dir.join(DATABASE_FILE);
    if !path.exists() {
        lock_file(&path)?;
    }
    Ok(path)
}

/// Flushes the directory, so that a file made in it is there after a power cut.
pub(crate) fn sync(data_dir: &Path) -> Result<()> {
    fs::File::open(data_dir).and_then(|dir| dir.sync_all()).map_err(StoreError::io("flushing", data_dir))
}
