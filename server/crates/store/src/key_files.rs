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

/// Why a file is kept that somebody brought.
pub const UPLOADED: &str = "uploaded";

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

/// Of (id, bytes, whether it may go), oldest first: which go so that `bytes` more fit into `most`, and how many bytes are missing
/// if all that may go did.
fn too_many(files: &[(String, u64, bool)], bytes: u64, most: u64) -> (Vec<&str>, u64) {
    let kept = files.iter().fold(bytes, |sum, (_, bytes, _)| sum.saturating_add(*bytes));
    let mut over = kept.saturating_sub(most);
    let mut dropped = Vec::new();
    for (id, bytes, _) in files.iter().filter(|(_, _, free)| *free) {
        if over == 0 {
            break;
        }
        over = over.saturating_sub(*bytes);
        dropped.push(id.as_str());
    }
    if over > 0 { (Vec::new(), over) } else { (dropped, 0) }
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

/// A file whose keys an unfinished operation writes, or that one kept before it changed some.
macro_rules! needed {
    () => {
        "EXISTS (SELECT 1 FROM operations o WHERE o.state NOT IN ('done', 'unwound', 'handed_over')
         AND (instr(o.plan_json, key_files.id) > 0 OR instr(key_files.why, o.id) > 0))"
    };
}

impl Tx {
    /// Drops the oldest uploaded files of a cluster until `bytes` more fit into `most` with those that stay; how many bytes are
    /// missing even then, and in that case none is dropped. Files of the operation `by` are not counted; those that an unfinished
    /// operation needs, and those that operations kept, stay until their time is over.
    ///
    /// # Errors
    /// The database failed.
    pub async fn make_room_for_key_file(
        &mut self,
        cluster: &ClusterId,
        by: &str,
        (bytes, most): (u64, u64),
        now: Timestamp,
    ) -> Result<u64> {
        let query = sqlx::query(concat!(
            "SELECT id, bytes, why = ? AND NOT ",
            needed!(),
            " AS free FROM key_files
             WHERE cluster = ? AND parts IS NOT NULL AND until > ? AND actor <> ? ORDER BY at, rowid"
        ));
        let query = query.bind(UPLOADED).bind(cluster.as_str()).bind(now.0).bind(by.to_owned());
        let rows = self.all(query, READING).await?;
        let mut files: Vec<(String, u64, bool)> = Vec::with_capacity(rows.len());
        for row in &rows {
            let bytes = u64::try_from(row.cell::<i64>("bytes")?).unwrap_or_default();
            files.push((row.cell("id")?, bytes, row.cell::<i64>("free")? != 0));
        }
        let (dropped, missing) = too_many(&files, bytes, most);
        for id in dropped {
            let query = sqlx::query("DELETE FROM key_files WHERE id = ?").bind(id.to_owned());
            self.execute(query, "dropping an old file of keys").await?;
        }
        Ok(missing)
    }

    /// Whether an unfinished operation needs a file.
    ///
    /// # Errors
    /// The database failed.
    pub async fn key_file_is_needed(&mut self, id: &KeyFileId) -> Result<bool> {
        let query = sqlx::query(concat!("SELECT 1 FROM key_files WHERE id = ? AND ", needed!()));
        Ok(self.optional(query.bind(id.as_str()), READING).await?.is_some())
    }

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

#[cfg(test)]
mod tests {
    use super::too_many;

    #[test]
    fn the_oldest_that_may_go_make_room_and_none_goes_in_vain() {
        let file = |id: &str, bytes, free| (id.to_owned(), bytes, free);
        let files = [file("before", 40, false), file("a", 30, true), file("b", 20, true)];
        assert_eq!(too_many(&files, 10, 100), (vec![], 0));
        assert_eq!(too_many(&files, 11, 100), (vec!["a"], 0));
        assert_eq!(too_many(&files, 60, 100), (vec!["a", "b"], 0));
        assert_eq!(too_many(&files, 61, 100), (vec![], 1), "nothing goes when that does not help");
        assert_eq!(too_many(&[], u64::MAX, 5), (vec![], u64::MAX - 5));
    }
}
