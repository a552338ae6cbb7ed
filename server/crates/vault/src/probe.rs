//! Whether a vault can be used, tried out before it is saved. Invariant: exactly what snapshots need is tried, with a probe that is
//! removed again; the first thing that fails is told.

use crate::{
    error::VaultError,
    names::PROBE,
    vault::{Place, Vault},
};
use futures::TryStreamExt;
use rand::RngCore;

impl Vault {
    /// Makes the folder of a local vault if it is missing, then writes, reads, lists and deletes a probe. It takes a few seconds at
    /// most while a store does not answer.
    ///
    /// # Errors
    /// What is wrong: the folder, the credentials, the bucket, the network, a permission, the disk.
    pub async fn try_out(&self) -> Result<(), VaultError> {
        let mut content = vec![0; 4096];
        rand::rng().fill_bytes(&mut content);
        let id: String = content.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let name = format!("{PROBE}{id}");
        match &self.place {
            Place::Local(folder) => {
                self.blocking(folder, move |folder| {
                    folder.prepare()?;
                    folder.replace(&name, &content)?;
                    let tried = folder.read_whole(&name).and_then(|read| same(&name, &read, &content));
                    folder.delete(&name)?;
                    tried
                })
                .await
            }
            Place::S3(bucket) => {
                let bucket = bucket.brisk();
                // First: its answer tells a missing bucket or a wrong key from all else, and it changes nothing.
                bucket.list().await?;
                bucket.try_upload(&name, content.clone()).await?;
                let tried = async {
                    let read: Vec<u8> =
                        bucket.read(&name, None).await?.stream.map_ok(|bytes| bytes.to_vec()).try_concat().await?;
                    same(&name, &read, &content)
                }
                .await;
                // The first reason is the better one.
                let deleted = bucket.delete(&name).await;
                tried.and(deleted)
            }
        }
    }
}

fn same(name: &str, read: &[u8], written: &[u8]) -> Result<(), VaultError> {
    if read == written {
        return Ok(());
    }
    let what = "other bytes were read back than were written; the disk or the store is not sound".into();
    Err(VaultError::Corrupt { name: name.to_owned(), what })
}
