//! What is read back from a vault and proven. Invariant: a fetched file has its final name only when its digest is the wanted one.

use crate::{
    digests::{Digests, Shape},
    error::VaultError,
    local::Folder,
    vault::Vault,
    writer::{Writer, Written},
};
use futures::TryStreamExt;
use std::path::Path;
use tokio::task::spawn_blocking;

impl Vault {
    /// Brings a file of the vault to `to`, decrypted, 0600 and proven; in the place of what is there. Beside it lies `….part` while it
    /// comes, which also a killed console leaves and the next fetch replaces.
    ///
    /// # Errors
    /// When it is not there, its content has another SHA-256 than `sha256`, or a disk or the vault fails; then `to` is as it was.
    pub async fn fetch(&self, name: &str, sha256: &str, to: &Path) -> Result<Written, VaultError> {
        let mut source = self.read_plain(name).await?;
        let path = to.to_owned();
        let sink = spawn_blocking(move || Folder::scratch(&path)).await;
        let sink = sink.unwrap_or_else(|_| Err(VaultError::ended(name)))?;
        let mut writer = Writer::new(name.to_owned(), Shape::Other, sink, None).demanding(sha256);
        loop {
            let step = match source.try_next().await {
                Ok(Some(chunk)) => writer.write(chunk).await,
                Ok(None) => return writer.finish().await,
                Err(error) => Err(error),
            };
            if let Err(error) = step {
                writer.abandon().await;
                return Err(error);
            }
        }
    }

    /// Reads a whole file back, and proves that its content is what it was.
    ///
    /// # Errors
    /// When it is not there, its content has another SHA-256 than `sha256`, or the vault fails.
    pub async fn verify(&self, name: &str, sha256: &str) -> Result<Written, VaultError> {
        let stored = self.size(name).await?;
        let mut source = self.read_plain(name).await?;
        let mut digests = Digests::new(Shape::Other);
        while let Some(chunk) = source.try_next().await? {
            digests.update(&chunk);
        }
        let digested = digests.finish().map_err(|damage| damage.of(name))?;
        digested.demand(name, sha256)?;
        Ok(Written::new(digested, stored))
    }
}
