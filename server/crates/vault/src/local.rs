//! A vault in a folder of the console's machine. Invariant: the folder is 0700 and its files 0600, because a snapshot holds every
//! secret of its cluster; a file gets its name by a rename after it is on the disk, and the folder is synced after that.
//!
//! `object_store` has a local store too, but none that syncs, or sets modes.

use crate::{
    error::{VaultError, carried},
    names::{PART, PROBE},
    sink::Sink,
    vault::ByteStream,
};
use bytes::Bytes;
use futures::{StreamExt, TryFutureExt, stream};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write},
    ops::Range,
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};
use tokio::task::spawn_blocking;

/// The disk is told to write so many bytes while more come, so that the last sync is short.
const FLUSH: u64 = 32 * 1024 * 1024;
/// Read at once; two such are read ahead of whoever takes them.
const READ: u64 = 512 * 1024;
/// Left free besides what is expected: manifests, and the database of a console on the same disk.
const SLACK: u64 = 32 * 1024 * 1024;

/// What a local vault's disk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that the console may still write.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// The folder. Its methods block.
#[derive(Clone, Debug)]
pub(crate) struct Folder(pub(crate) Arc<Path>);

impl Folder {
    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes the folder if it is missing, and demands that nobody else may look into it.
    pub(crate) fn prepare(&self) -> Result<(), VaultError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(|error| VaultError::of_disk(&self.0, "make the folder", &error))?;
        self.private()
    }

    fn private(&self) -> Result<(), VaultError> {
        let meta = fs::metadata(&self.0).map_err(|error| VaultError::of_disk(&self.0, "look at the folder", &error))?;
        let path = self.0.display();
        if !meta.is_dir() {
            return Err(VaultError::Setting { field: "directory", what: format!("{path} is no folder; name another") });
        }
        if meta.mode() & 0o077 != 0 {
            let what = format!(
                "Others may look into {path}, and snapshots hold every secret of their cluster; run `chmod 700 {path}` or name a folder that is not there yet"
            );
            return Err(VaultError::Setting { field: "directory", what });
        }
        Ok(())
    }

    pub(crate) fn room(&self) -> Result<Room, VaultError> {
        let stat = nix::sys::statvfs::statvfs(&*self.0)
            .map_err(|errno| VaultError::of_disk(&self.0, "look at its disk", &errno.into()))?;
        let of = |blocks: u64| stat.fragment_size().saturating_mul(blocks);
        Ok(Room { free: of(stat.blocks_available()), total: of(stat.blocks()) })
    }

    /// A sink for a file that is not there yet.
    pub(crate) fn create(&self, name: &str, expected: Option<u64>) -> Result<Box<dyn Sink>, VaultError> {
        self.private()?;
        if let Some(expected) = expected {
            let free = self.room()?.free;
            if free < expected.saturating_add(SLACK) {
                let detail = format!("{free} bytes are free, the snapshot takes about {expected}");
                return Err(VaultError::Full { place: self.0.display().to_string(), detail });
            }
        }
        let sink = Box::new(Part::new(self, name)?);
        // Not before: whoever wrote under this name a moment ago is through only now.
        if sink.path.exists() { Err(VaultError::Taken { name: name.to_owned() }) } else { Ok(sink) }
    }

    /// A sink for a file anywhere on the console's machine, in the place of what is there.
    pub(crate) fn scratch(path: &Path) -> Result<Box<dyn Sink>, VaultError> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(VaultError::Local { path: path.display().to_string(), what: "it is no path of a file".into() });
        };
        Ok(Box::new(Part::replacing(&Self(folder.into()), &name.to_string_lossy())?))
    }

    /// Writes a small file whole, in the place of one that is there.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        let mut sink = Part::replacing(self, name)?;
        sink.write_all(bytes).map_err(|error| carried(&error).unwrap_or_else(|| sink.error(&error)))?;
        Box::new(sink).commit().map(drop)
    }

    pub(crate) fn size(&self, name: &str) -> Result<u64, VaultError> {
        fs::metadata(self.at(name)).map(|meta| meta.len()).map_err(|error| self.missing(name, &error))
    }

    fn missing(&self, name: &str, error: &io::Error) -> VaultError {
        match error.kind() {
            // A folder that is gone is another matter: its disk is not mounted.
            ErrorKind::NotFound if self.0.is_dir() => VaultError::NotThere { name: name.to_owned() },
            ErrorKind::NotFound => VaultError::of_disk(&self.0, "read", error),
            _ => VaultError::of_disk(&self.at(name), "read", error),
        }
    }

    pub(crate) fn open(&self, name: &str) -> Result<(Arc<File>, u64), VaultError> {
        let file = File::open(self.at(name)).map_err(|error| self.missing(name, &error))?;
        let bytes = file.metadata().map_err(|error| self.missing(name, &error))?.len();
        Ok((Arc::new(file), bytes))
    }

    pub(crate) fn read_whole(&self, name: &str) -> Result<Vec<u8>, VaultError> {
        fs::read(self.at(name)).map_err(|error| self.missing(name, &error))
    }

    /// Names and lengths of all that is there; also of what is being written.
    pub(crate) fn list(&self) -> Result<Vec<(String, u64)>, VaultError> {
        let failed = |error: io::Error| VaultError::of_disk(&self.0, "list the folder", &error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // What is removed while it is listed is not there.
            let Ok(meta) = entry.metadata() else { continue };
            if let (true, Ok(name)) = (meta.is_file(), entry.file_name().into_string()) {
                found.push((name, meta.len()));
            }
        }
        Ok(found)
    }

    pub(crate) fn delete(&self, name: &str) -> Result<(), VaultError> {
        remove(&self.at(name))?;
        self.sync()
    }

    fn sync(&self) -> Result<(), VaultError> {
        let synced = File::open(&self.0).and_then(|folder| folder.sync_all());
        synced.map_err(|error| VaultError::of_disk(&self.0, "sync the folder", &error))
    }

    /// Removes what a killed console left; the names of that.
    pub(crate) fn clean(&self) -> Result<Vec<String>, VaultError> {
        let left = self.list()?.into_iter().map(|(name, _)| name);
        let left: Vec<String> = left.filter(|name| name.ends_with(PART) || name.starts_with(PROBE)).collect();
        left.iter().try_for_each(|name| remove(&self.at(name)))?;
        Ok(left)
    }
}

/// Removes a file; well if it is not there.
pub(crate) fn remove(path: &Path) -> Result<(), VaultError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(VaultError::of_disk(path, "delete", &error)),
        _ => Ok(()),
    }
}

/// The bytes of `range`, two chunks ahead of whoever takes them; no thread is held while nobody does.
pub(crate) fn chunks(file: Arc<File>, name: &str, range: Range<u64>) -> ByteStream {
    let name = name.to_owned();
    let starts = stream::iter((range.start..range.end).step_by(READ as usize));
    let chunks = starts.map(move |start| {
        let (file, name, end) = (Arc::clone(&file), name.clone(), range.end.min(start + READ));
        spawn_blocking(move || {
            let mut chunk = vec![0; usize::try_from(end - start).unwrap_or_default()];
            file.read_exact_at(&mut chunk, start).map(|()| Bytes::from(chunk)).map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => {
                    VaultError::Corrupt { name, what: "it became shorter while it was read".into() }
                }
                _ => VaultError::of_disk(Path::new(&name), "read", &error),
            })
        })
        .unwrap_or_else(|_| Err(VaultError::Source { what: "the console is ending".into() }))
    });
    chunks.buffered(2).boxed()
}

/// A file without its name yet.
struct Part {
    file: File,
    part: PathBuf,
    path: PathBuf,
    bytes: u64,
    /// Up to where the disk was told to write.
    told: u64,
    flushing: Option<thread::JoinHandle<io::Result<()>>>,
    committed: bool,
}

impl Part {
    fn new(folder: &Folder, name: &str) -> Result<Self, VaultError> {
        let (path, part) = (folder.at(name), folder.at(&format!("{name}{PART}")));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
        let file = file.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => VaultError::Taken { name: name.to_owned() },
            _ => VaultError::of_disk(&part, "write", &error),
        })?;
        Ok(Self { file, part, path, bytes: 0, told: 0, flushing: None, committed: false })
    }

    /// For what one writer at a time writes again and again: what a killed console left is no hindrance.
    fn replacing(folder: &Folder, name: &str) -> Result<Self, VaultError> {
        remove(&folder.at(&format!("{name}{PART}")))?;
        Self::new(folder, name)
    }

    fn error(&self, error: &io::Error) -> VaultError {
        VaultError::of_disk(&self.part, "write", error)
    }

    /// Lets the disk begin with what came, unless it still has to do with what came before.
    fn flush_some(&mut self) -> io::Result<()> {
        if self.bytes - self.told < FLUSH || self.flushing.as_ref().is_some_and(|flushing| !flushing.is_finished()) {
            return Ok(());
        }
        self.flushed()?;
        let file = self.file.try_clone()?;
        self.flushing = Some(thread::Builder::new().name("vault-flush".into()).spawn(move || file.sync_data())?);
        self.told = self.bytes;
        Ok(())
    }

    /// The kernel tells a failed write-back once: what a flush saw must not be lost.
    fn flushed(&mut self) -> io::Result<()> {
        let Some(flushing) = self.flushing.take() else { return Ok(()) };
        flushing.join().unwrap_or_else(|_| Err(io::Error::other("a flush broke off")))
    }

    fn settle(&mut self) -> io::Result<()> {
        self.flushed()?;
        self.file.sync_all()?;
        fs::rename(&self.part, &self.path)?;
        self.committed = true;
        Ok(())
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes).and_then(|written| {
            self.bytes += written as u64;
            self.flush_some().map(|()| written)
        });
        written.map_err(|error| match error.kind() {
            ErrorKind::Interrupted => error,
            _ => io::Error::other(self.error(&error)),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Part {
    fn commit(mut self: Box<Self>) -> Result<u64, VaultError> {
        self.settle().map_err(|error| self.error(&error))?;
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        // What may be gone after a power cut is not good.
        Folder(folder.into()).sync().inspect_err(|_| drop(remove(&self.path)))?;
        Ok(self.bytes)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.flushed();
        if !self.committed
            && let Err(error) = remove(&self.part)
        {
            tracing::warn!(%error, "an unfinished file is left in a vault");
        }
    }
}
