//! The master key. Invariant: it is made once, before there is a database, and never written again; a database
//! without its key is an error and nothing is overwritten. Sealing with it lives in `seal`.

use crate::{
    Result, StoreError,
    data_dir::{self, DATABASE_FILE, KEY_FILE},
};
use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The 32 bytes that seal every secret of the console. No `Debug`: it must not reach a log.
pub struct MasterKey {
    bytes: Zeroizing<[u8; 32]>,
    path: PathBuf,
}

/// 64 hex digits and room for white space around them.
const FILE_MAX: u64 = 256;

impl MasterKey {
    /// Reads the key from `credential` (systemd's `LoadCredential=`) if given, else from `master.key` in `data_dir`,
    /// which is made with mode 0600 when there is neither a key nor a database yet.
    ///
    /// # Errors
    /// `KeyMissing` when there is a database without its key; `KeyInvalid`, `KeyExposed`; `Io`, `ReadOnly`, `DiskFull`.
    pub fn load_or_create(data_dir: &Path, credential: Option<&Path>) -> Result<Self> {
        if let Some(path) = credential {
            return read(path)?.ok_or_else(|| {
                StoreError::io("reading the master key", path)(io::Error::from(io::ErrorKind::NotFound))
            });
        }
        data_dir::prepare(data_dir)?;
        let path = data_dir.join(KEY_FILE);
        if let Some(key) = read(&path)? {
            check_mode(&path)?;
            return Ok(key);
        }
        let database = data_dir.join(DATABASE_FILE);
        if database.exists() {
            return Err(StoreError::KeyMissing { path, database });
        }
        create(data_dir, path)
    }

    /// The raw key.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Where it came from.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn read(path: &Path) -> Result<Option<MasterKey>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("reading the master key", path)(error)),
    };
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_MAX as usize));
    file.take(FILE_MAX).read_to_end(&mut text).map_err(StoreError::io("reading the master key", path))?;
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim_ascii(), bytes.as_mut_slice())
        .map_err(|_| StoreError::KeyInvalid { path: path.to_owned() })?;
    Ok(Some(MasterKey { bytes, path: path.to_owned() }))
}

fn check_mode(path: &Path) -> Result<()> {
    let mode = fs::metadata(path).map_err(StoreError::io("reading", path))?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(StoreError::KeyExposed { path: path.to_owned(), mode }) }
}

fn create(data_dir: &Path, path: PathBuf) -> Result<MasterKey> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    rand::Rng::fill(&mut rand::rng(), bytes.as_mut_slice());
    let mut text = Zeroizing::new(hex::encode(bytes.as_slice()));
    text.push('\n');

    let draft = data_dir.join(format!("{KEY_FILE}.{}.part", std::process::id()));
    let written = write_draft(&draft, text.as_bytes()).map_err(StoreError::io("writing the master key", &path));
    // A hard link never overwrites: of two processes that start at once, one makes the key and both use it.
    let linked = written.and_then(|()| match fs::hard_link(&draft, &path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(StoreError::io("writing the master key", &path)(error)),
    });
    let removed = fs::remove_file(&draft).map_err(StoreError::io("removing", &draft));
    let made = linked?;
    removed?;
    data_dir::sync(data_dir)?;
    if made {
        return Ok(MasterKey { bytes, path });
    }
    read(&path)?.ok_or_else(|| StoreError::KeyInvalid { path })
}

fn write_draft(draft: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(draft)?;
    file.write_all(text)?;
    file.sync_all()
}
