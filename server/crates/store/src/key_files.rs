//! Files of keys that the console keeps. Invariant: a part is sealed and bound to its file and its place in it; a file is there
//! for readers only once all of its parts are; files go when their time is over (`prune`), and with their cluster. What is in
//! a part, whole lines of NDJSON, is `quorate_keys`' business.

use crate::{Result, Store, StoreError, Tx, cells::Cells, seal::Place, secrets::sealed, tx::Db};
use quorate_domain::{ClusterId, Timestamp, ids::KeyFileId, keys::KeyFile, wide::Wide};
use secrecy::SecretString;
use sqlx::sqlite::SqliteRow;

/// A file that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptKeyFile {
    /// What is shown of it.
    pub file: KeyFile,
    /// How many parts it has, numbered from 0.
    pub parts: u32,
}

const READING: &str = "reading files of keys";

macro_rules! select {
    ($tail:literal) => {
        sqlx::query(concat!(
            "SELECT id, cluster, name, bytes, keys, at, actor, why, until, parts FROM key_files
             WHERE parts IS NOT NULL AND until > ? AND ",
            $tail
        ))
    };
}

fn kept(row: &SqliteRow) -> Result<KeptKeyFile> {
    let number = |column| row.cell::<i64>(column).map(|number| Wide(u64::try_from(number).unwrap_or_default()));
    let file = KeyFile {
        id: row.parsed("id")?,
        cluster: row.parsed("cluster")?,
        name: row.cell("name")?,
        bytes: number("bytes")?,
        keys: number("keys")?,
        at: row.at("at")?,
        actor: row.cell("actor")?,
        why: row.cell("why")?,
        until: row.at("until")?,
    };
    Ok(KeptKeyFile { file, parts: row.count("parts")? })
}

/// Which row a part is, in words that no other part has.
fn row_of(file: &KeyFileId, number: u32) -> String {
    format!("{file}/{number}")
}

fn place(row: &str) -> Place<'_> {
    Place { table: "key_file_parts", row, purpose: "part of a file of keys" }
}

fn cell(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Store {
    /// The files of a cluster at `now`, newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn key_files(&self, cluster: &ClusterId, now: Timestamp, limit: u32) -> Result<Vec<KeyFile>> {
        let query = select!("cluster = ? ORDER BY at DESC, rowid DESC LIMIT ?");
        let rows = self.reader().all(query.bind(now.0).bind(cluster.as_str()).bind(limit), READING).await?;
        rows.iter().map(|row| kept(row).map(|kept| kept.file)).collect()
    }

    /// One of them; none when there is none of this id, it is not whole (yet), or its time is over at `now`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn key_file(&self, id: &KeyFileId, now: Timestamp) -> Result<Option<KeptKeyFile>> {
        let query = select!("id = ?").bind(now.0).bind(id.as_str());
        self.reader().optional(query, READING).await?.as_ref().map(kept).transpose()
    }

    /// A part of a file.
    ///
    /// # Errors
    /// `NotFound` when it was dropped meanwhile; `Unseal` when it was altered or moved; `KeyWrong`.
    pub async fn key_file_part(&self, id: &KeyFileId, number: u32) -> Result<SecretString> {
        let query = sqlx::query("SELECT key_id, sealed FROM key_file_parts WHERE file = ? AND number = ?");
        let row = self.reader().optional(query.bind(id.as_str()).bind(number), READING).await?;
        let row = row.ok_or_else(|| StoreError::not_found("part of the file", row_of(id, number)))?;
        self.unseal(place(&row_of(id, number)), &sealed(&row)?)
    }
}

impl Tx {
    /// Begins a file; one of the same id that was begun before goes. Without an end it is dropped when `until` is over.
    ///
    /// # Errors
    /// `NotFound` when the cluster is not registered any more.
    pub async fn begin_key_file(&mut self, new: &KeyFile) -> Result<()> {
        self.delete_key_file(&new.id).await?;
        let query = sqlx::query(
            "INSERT INTO key_files (id, cluster, name, bytes, keys, at, actor, why, until) VALUES (?, ?, ?, 0, 0, ?, ?, ?, ?)",
        )
        .bind(new.id.as_str())
        .bind(new.cluster.as_str())
        .bind(new.name.clone())
        .bind(new.at.0)
        .bind(new.actor.clone())
        .bind(new.why.clone())
        .bind(new.until.0);
        self.execute(query, "beginning a file of keys").await?;
        Ok(())
    }

    /// Seals a part and puts it at its place.
    ///
    /// # Errors
    /// `NotFound` when the file was dropped; `Conflict` when the part is there already.
    pub async fn insert_key_file_part(&mut self, id: &KeyFileId, number: u32, text: &SecretString) -> Result<()> {
        let sealed = self.seal(place(&row_of(id, number)), text)?;
        let query = sqlx::query("INSERT INTO key_file_parts (file, number, key_id, sealed) VALUES (?, ?, ?, ?)")
            .bind(id.as_str())
            .bind(number)
            .bind(sealed.key_id)
            .bind(sealed.bytes);
        self.execute(query, "keeping a part of a file of keys").await?;
        Ok(())
    }

    /// Ends a file: from now on, until `until`, it is there, with so many parts, bytes and keys.
    ///
    /// # Errors
    /// `NotFound`: it was dropped, or not all of its parts were kept.
    pub async fn end_key_file(
        &mut self,
        id: &KeyFileId,
        parts: u32,
        (bytes, keys): (u64, u64),
        until: Timestamp,
    ) -> Result<()> {
        let query = sqlx::query(
            "UPDATE key_files SET parts = ?, bytes = ?, keys = ?, until = ? WHERE id = ?
             AND (SELECT count(*) FROM key_file_parts WHERE file = id) = ?",
        )
        .bind(parts)
        .bind(cell(bytes))
        .bind(cell(keys))
        .bind(until.0)
        .bind(id.as_str())
        .bind(parts);
        self.change(query, "ending a file of keys", || StoreError::not_found("whole file", id)).await
    }

    /// Drops a file. One that is not there is fine.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_key_file(&mut self, id: &KeyFileId) -> Result<()> {
        let query = sqlx::query("DELETE FROM key_files WHERE id = ?").bind(id.as_str());
        self.execute(query, "dropping a file of keys").await?;
        Ok(())
    }
}
