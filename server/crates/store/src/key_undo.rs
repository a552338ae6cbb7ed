//! What the console keeps of keys that it overwrote or deleted. Invariant: a value is sealed and bound to its row; a row is
//! there before its change is sent, with revision 0 until etcd has said what became of it. When a change can be taken back
//! is decided in `core::keys`; rows go when their time is over (`prune`), with their cluster, and the oldest ones where a
//! cluster's take too much room.

use crate::{
    Result, Store, StoreError, Tx,
    cells::{self, Cells},
    seal::Place,
    secrets::sealed,
    tx::Db,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use quorate_domain::{
    ClusterId, Timestamp,
    ids::KeyUndoId,
    keys::{Key, KeyUndo},
    wide::Wide,
};
use secrecy::{ExposeSecret, SecretString};
use sqlx::sqlite::SqliteRow;
use zeroize::Zeroizing;

/// The bytes of a value that was kept. No `Debug`: they must not reach a log.
pub struct KeptValue(Zeroizing<Vec<u8>>);

impl KeptValue {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A change that can be taken back, with the value as it was before. No `Debug`, for its value's sake.
pub struct KeptChange {
    /// The cluster.
    pub cluster: ClusterId,
    /// What is shown of it.
    pub undo: KeyUndo,
    /// The value before.
    pub value: KeptValue,
}

/// Bytes that what is kept of one cluster may take.
pub(crate) const ROOM: i64 = 256 << 20;
/// A value of so many bytes makes room at once; for smaller ones `prune` does, because it looks at every row.
const LARGE: usize = 64 << 10;

const READING: &str = "reading changes of keys that can be taken back";

macro_rules! columns {
    ($tail:literal) => {
        concat!("SELECT id, cluster, at, until, actor, key, deleted, revision, meta", $tail)
    };
}

fn place(id: &KeyUndoId) -> Place<'_> {
    Place { table: "key_undo", row: id.as_str(), purpose: "value of a key" }
}

fn undo(row: &SqliteRow) -> Result<KeyUndo> {
    Ok(KeyUndo {
        id: row.parsed("id")?,
        at: row.at("at")?,
        actor: row.cell("actor")?,
        key: Key(row.cell("key")?),
        deleted: row.cell::<i64>("deleted")? != 0,
        revision: Wide(u64::try_from(row.cell::<i64>("revision")?).unwrap_or_default()),
        before: row.json("meta")?,
        until: row.at("until")?,
    })
}

impl Store {
    /// What can be taken back of a cluster at `now`, newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn key_undos(&self, cluster: &ClusterId, now: Timestamp, limit: u32) -> Result<Vec<KeyUndo>> {
        let query = sqlx::query(columns!(
            " FROM key_undo WHERE cluster = ? AND until > ? ORDER BY at DESC, rowid DESC LIMIT ?"
        ));
        let query = query.bind(cluster.as_str()).bind(now.0).bind(limit);
        self.reader().all(query, READING).await?.iter().map(undo).collect()
    }

    /// One of them with its value; none when there is none of this id, or its time is over at `now`.
    ///
    /// # Errors
    /// `Unseal` when it was altered or moved; `KeyWrong`.
    pub async fn key_undo(&self, id: &KeyUndoId, now: Timestamp) -> Result<Option<KeptChange>> {
        let query = sqlx::query(columns!(", key_id, sealed FROM key_undo WHERE id = ? AND until > ?"));
        let row = self.reader().optional(query.bind(id.as_str()).bind(now.0), READING).await?;
        let Some(row) = row else { return Ok(None) };
        let text = self.unseal(place(id), &sealed(&row)?)?;
        let bytes = BASE64_STANDARD
            .decode(text.expose_secret())
            .map_err(|_| StoreError::Corrupt { what: format!("the kept value of {id}") })?;
        let value = KeptValue(Zeroizing::new(bytes));
        Ok(Some(KeptChange { cluster: row.parsed("cluster")?, undo: undo(&row)?, value }))
    }
}

impl Tx {
    /// Seals and keeps the value that a change is about to overwrite or delete.
    ///
    /// # Errors
    /// `NotFound` when the cluster is not registered any more.
    pub async fn insert_key_undo(&mut self, cluster: &ClusterId, new: &KeyUndo, value: &[u8]) -> Result<()> {
        let sealed = self.seal(place(&new.id), &SecretString::from(BASE64_STANDARD.encode(value)))?;
        let query = sqlx::query(
            "INSERT INTO key_undo (id, cluster, at, until, actor, key, deleted, revision, meta, key_id, sealed)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(new.id.as_str())
        .bind(cluster.as_str())
        .bind(new.at.0)
        .bind(new.until.0)
        .bind(new.actor.as_str())
        .bind(new.key.0.clone())
        .bind(i64::from(new.deleted))
        .bind(cell(new.revision))
        .bind(cells::json("meta", &new.before)?)
        .bind(sealed.key_id)
        .bind(sealed.bytes);
        self.execute(query, "keeping what a change overwrites").await?;
        if value.len() >= LARGE {
            self.make_room_for_undos(cluster, ROOM).await?;
        }
        Ok(())
    }

    /// Drops the oldest of a cluster that do not fit into `room` bytes with the younger ones; how many.
    ///
    /// # Errors
    /// The database failed.
    pub async fn make_room_for_undos(&mut self, cluster: &ClusterId, room: i64) -> Result<u64> {
        let query = sqlx::query(
            "DELETE FROM key_undo WHERE rowid IN (SELECT id FROM (
                 SELECT rowid AS id, SUM(LENGTH(sealed)) OVER (ORDER BY at DESC, rowid DESC) AS kept
                 FROM key_undo WHERE cluster = ?) WHERE kept > ?)",
        );
        let query = query.bind(cluster.as_str()).bind(room);
        self.execute(query, "dropping what was kept of the oldest changes").await
    }

    /// Notes the revision of a change that was done.
    ///
    /// # Errors
    /// `NotFound`: its time was over, or its cluster was forgotten.
    pub async fn set_key_undo_revision(&mut self, id: &KeyUndoId, revision: Wide) -> Result<()> {
        let query = sqlx::query("UPDATE key_undo SET revision = ? WHERE id = ?").bind(cell(revision)).bind(id.as_str());
        self.change(query, "noting the revision of a change", || StoreError::not_found("change", id)).await
    }

    /// Drops what was kept: the change was not done, or was taken back. One that is not there is fine.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_key_undo(&mut self, id: &KeyUndoId) -> Result<()> {
        let query = sqlx::query("DELETE FROM key_undo WHERE id = ?").bind(id.as_str());
        self.execute(query, "dropping what was kept of a change").await?;
        Ok(())
    }
}

/// A revision as SQLite's signed number; etcd's are signed too.
fn cell(revision: Wide) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}
