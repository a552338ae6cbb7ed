//! The handle of a vault. Invariant: a name that is not safe never reaches a disk or a store, and what has a name that ends in `.age`
//! is encrypted, nothing else is.

use crate::{
    digests::Shape,
    error::VaultError,
    local::{self, Folder, Room},
    names, s3,
    s3::Bucket,
    seal,
    writer::{Writer, Written},
};
use age::x25519::{Identity, Recipient};
use bytes::Bytes;
use futures::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use quorate_domain::snapshots::VaultPlace;
use secrecy::SecretString;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Display, ops::Range, path::Path, sync::Arc};
use tokio::task::spawn_blocking;

/// Bytes as they come; after an error nothing more comes.
pub type ByteStream = BoxStream<'static, Result<Bytes, VaultError>>;

/// Manifests and configurations are small; what is larger is none.
const JSON: u64 = 64 * 1024 * 1024;

/// What of a vault is sealed in the store.
#[derive(Clone, Default)]
pub struct VaultSecrets {
    /// The secret half of the access key; a bucket needs it.
    pub secret_access_key: Option<SecretString>,
    /// The age identity, `AGE-SECRET-KEY-1…`; nothing that is encrypted can be read without.
    pub identity: Option<SecretString>,
}

/// A file in a vault.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its length there.
    pub bytes: u64,
}

/// A file as it is read.
pub struct Reading {
    /// Bytes of the stream.
    pub bytes: u64,
    /// Bytes of the file.
    pub total: u64,
    /// The bytes.
    pub stream: ByteStream,
}

/// A vault. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    pub(crate) place: Place,
    recipient: Option<Recipient>,
    identity: Option<Arc<Identity>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Place {
    Local(Folder),
    S3(Bucket),
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Vault {
    /// The handle; nothing is read or written yet. New snapshots are encrypted for `recipient` if there is one.
    ///
    /// # Errors
    /// When a setting is wrong in itself; the error names its field.
    pub fn open(place: &VaultPlace, recipient: Option<&str>, secrets: &VaultSecrets) -> Result<Self, VaultError> {
        let place = match place {
            VaultPlace::Local { directory } => Place::Local(Folder(Path::new(directory).into())),
            VaultPlace::S3 { endpoint, region, bucket, prefix, access_key_id } => {
                let Some(secret_access_key) = &secrets.secret_access_key else {
                    let what = "Give the secret half of the access key".to_owned();
                    return Err(VaultError::Setting { field: "secret_access_key", what });
                };
                let settings = s3::Settings { endpoint, region, bucket, prefix, access_key_id, secret_access_key };
                Place::S3(Bucket::new(&settings)?)
            }
        };
        let recipient = recipient.map(seal::recipient).transpose()?;
        let identity = secrets.identity.as_ref().map(seal::identity).transpose()?.map(Arc::new);
        Ok(Self { place, recipient, identity })
    }

    /// Whether new snapshots are encrypted, so have names that end in `.age`.
    pub fn encrypts(&self) -> bool {
        self.recipient.is_some()
    }

    /// Whether it has an identity, so that encrypted files can be read.
    pub fn can_decrypt(&self) -> bool {
        self.identity.is_some()
    }

    /// Room on the disk of a local vault; none for a bucket, which tells nobody.
    ///
    /// # Errors
    /// When the folder is not there or cannot be looked at.
    pub async fn room(&self) -> Result<Option<Room>, VaultError> {
        match &self.place {
            Place::Local(folder) => self.blocking(folder, |folder| folder.room().map(Some)).await,
            Place::S3(_) => Ok(None),
        }
    }

    /// Begins a file of about `expected` bytes. Its name ends in `.age` exactly if the vault encrypts.
    ///
    /// # Errors
    /// When the vault is not reached or not allowed, has no room for `expected`, or holds a file of that name.
    pub async fn writer(&self, name: &str, shape: Shape, expected: Option<u64>) -> Result<Writer, VaultError> {
        safe(name)?;
        if names::is_encrypted(name) != self.encrypts() {
            let what = format!("{name} does not say whether it is encrypted; only encrypted files end in .age");
            return Err(VaultError::Setting { field: "name", what });
        }
        let of = name.to_owned();
        let sink = match &self.place {
            Place::Local(folder) => self.blocking(folder, move |folder| folder.create(&of, expected)).await?,
            Place::S3(bucket) => bucket.create(name).await?,
        };
        Ok(Writer::new(name.to_owned(), shape, sink, self.recipient.clone()))
    }

    /// Writes a whole stream; as `writer` and `finish`. Dropped, it leaves nothing.
    ///
    /// # Errors
    /// As theirs, and when `source` breaks off, in its words.
    pub async fn put<S, E>(
        &self,
        name: &str,
        shape: Shape,
        expected: Option<u64>,
        mut source: S,
    ) -> Result<Written, VaultError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + Unpin,
        E: Display,
    {
        let mut writer = self.writer(name, shape, expected).await?;
        while let Some(chunk) = source.next().await {
            let written = match chunk {
                Ok(chunk) => writer.write(chunk).await,
                Err(error) => Err(VaultError::Source { what: error.to_string() }),
            };
            if let Err(error) = written {
                writer.abandon().await;
                return Err(error);
            }
        }
        writer.finish().await
    }

    /// Writes a value as JSON, in the place of what has that name; encrypted if the name ends in `.age`.
    ///
    /// # Errors
    /// When the vault is not reached, not allowed or full; then what was there is as it was.
    pub async fn put_json<T: Serialize + Sync>(&self, name: &str, value: &T) -> Result<(), VaultError> {
        safe(name)?;
        let failed = |what: String| VaultError::Local { path: name.to_owned(), what };
        let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| failed(error.to_string()))?;
        if names::is_encrypted(name) {
            let recipient = self.recipient.as_ref().ok_or_else(|| VaultError::Setting {
                field: "recipient",
                what: format!("{name} is to be encrypted and the vault has no recipient"),
            })?;
            bytes = age::encrypt(recipient, &bytes).map_err(|error| failed(error.to_string()))?;
        }
        let of = name.to_owned();
        match &self.place {
            Place::Local(folder) => self.blocking(folder, move |folder| folder.replace(&of, &bytes)).await,
            Place::S3(bucket) => bucket.replace(name, bytes).await,
        }
    }

    /// Reads such a value; none if nothing has that name.
    ///
    /// # Errors
    /// When the vault is not reached, or what is there is no such value or cannot be decrypted.
    pub async fn get_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, VaultError> {
        let stored = match self.size(name).await {
            Err(VaultError::NotThere { .. }) => return Ok(None),
            other => other?,
        };
        let corrupt = |what: String| VaultError::Corrupt { name: name.to_owned(), what };
        if stored > JSON {
            return Err(corrupt("it is too large for what it is to be".into()));
        }
        let stream = self.read_plain(name).await?;
        let bytes: Vec<u8> = stream
            .try_fold(Vec::new(), async |mut all, chunk| {
                all.extend_from_slice(&chunk);
                Ok(all)
            })
            .await?;
        let value = serde_json::from_slice(&bytes);
        value.map(Some).map_err(|error| corrupt(format!("it is not what this console wrote ({error})")))
    }

    /// Bytes of a file as it is stored.
    ///
    /// # Errors
    /// When it is not there or the vault is not reached.
    pub async fn size(&self, name: &str) -> Result<u64, VaultError> {
        safe(name)?;
        let of = name.to_owned();
        match &self.place {
            Place::Local(folder) => self.blocking(folder, move |folder| folder.size(&of)).await,
            Place::S3(bucket) => bucket.size(name).await,
        }
    }

    /// A file as it is stored, or a part of it; what of `range` is behind its end is left out.
    ///
    /// # Errors
    /// When it is not there or the vault is not reached; what happens later is an item of the stream.
    pub async fn read(&self, name: &str, range: Option<Range<u64>>) -> Result<Reading, VaultError> {
        safe(name)?;
        let of = name.to_owned();
        match &self.place {
            Place::Local(folder) => {
                let (file, total) = self.blocking(folder, move |folder| folder.open(&of)).await?;
                let range = clamp(range, total);
                let bytes = range.end - range.start;
                Ok(Reading { bytes, total, stream: local::chunks(file, name, range) })
            }
            Place::S3(bucket) => {
                if let Some(asked) = &range {
                    let (total, range) = (bucket.size(name).await?, asked.clone());
                    let range = clamp(Some(range), total);
                    if range.is_empty() {
                        // A store refuses to read nothing.
                        return Ok(Reading { bytes: 0, total, stream: stream::empty().boxed() });
                    }
                }
                let s3::Found { bytes, total, stream } = bucket.read(name, range).await?;
                Ok(Reading { bytes, total, stream })
            }
        }
    }

    /// The content of a file, decrypted where its name ends in `.age`.
    ///
    /// # Errors
    /// When it is not there, cannot be decrypted, or the vault is not reached; what happens later is an item of the stream.
    pub async fn read_plain(&self, name: &str) -> Result<ByteStream, VaultError> {
        let identity = match (names::is_encrypted(name), &self.identity) {
            (false, _) => None,
            (true, Some(identity)) => Some(identity),
            (true, None) => return Err(VaultError::NoIdentity { name: name.to_owned() }),
        };
        let stream = self.read(name, None).await?.stream;
        match identity {
            Some(identity) => seal::open(name, identity, stream).await,
            None => Ok(stream),
        }
    }

    /// All files of the vault by name, without what is still being written.
    ///
    /// # Errors
    /// When the vault is not reached or not allowed.
    pub async fn list(&self) -> Result<Vec<Entry>, VaultError> {
        let found = match &self.place {
            Place::Local(folder) => self.blocking(folder, |folder| folder.list()).await?,
            Place::S3(bucket) => bucket.list().await?,
        };
        let safe = found.into_iter().filter(|(name, _)| names::is_safe(name));
        let mut entries: Vec<Entry> = safe.map(|(name, bytes)| Entry { name, bytes }).collect();
        entries.sort_unstable();
        Ok(entries)
    }

    /// Deletes a file; well if it is not there. Whoever reads it from a local vault reads on to its end.
    ///
    /// # Errors
    /// When the vault is not reached or not allowed.
    pub async fn delete(&self, name: &str) -> Result<(), VaultError> {
        safe(name)?;
        let of = name.to_owned();
        match &self.place {
            Place::Local(folder) => self.blocking(folder, move |folder| folder.delete(&of)).await,
            Place::S3(bucket) => bucket.delete(name).await,
        }
    }

    /// Deletes a snapshot with what is beside it. The manifest goes last: as long as it is there, a second try knows what to do.
    ///
    /// # Errors
    /// As `delete`; calling it again goes on.
    pub async fn delete_bundle(&self, snapshot: &str) -> Result<(), VaultError> {
        self.delete(snapshot).await?;
        self.delete(&names::configurations(snapshot)).await?;
        self.delete(&names::manifest(snapshot)).await
    }

    /// Removes what a killed console left in the vault, and names it. Only to be called while no writer of this vault is open. What is
    /// left in a bucket are invisible parts, which a rule of the bucket for incomplete multipart uploads removes: another console may be
    /// uploading there.
    ///
    /// # Errors
    /// When the vault is not reached or not allowed. A local folder that was never made is clean.
    pub async fn clean(&self) -> Result<Vec<String>, VaultError> {
        match &self.place {
            Place::Local(folder) => {
                self.blocking(folder, |folder| if folder.0.exists() { folder.clean() } else { Ok(Vec::new()) }).await
            }
            Place::S3(_) => Ok(Vec::new()),
        }
    }

    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        folder: &Folder,
        job: impl FnOnce(&Folder) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let folder = folder.clone();
        let done = spawn_blocking(move || job(&folder)).await;
        done.unwrap_or_else(|_| Err(VaultError::Source { what: "the console is ending".into() }))
    }
}

fn clamp(range: Option<Range<u64>>, total: u64) -> Range<u64> {
    let Range { start, end } = range.unwrap_or(0..total);
    let end = end.min(total);
    start.min(end)..end
}

fn safe(name: &str) -> Result<(), VaultError> {
    if names::is_safe(name) {
        return Ok(());
    }
    let what =
        "A file's name in a vault has letters, digits, dots, dashes and underscores, and begins with a letter or digit";
    Err(VaultError::Setting { field: "name", what: what.into() })
}
