//! Sealed secrets by id. Invariant: a secret is bound to its id and its purpose; asking with another purpose, or after
//! the sealed bytes were moved to another row, is an error and never an answer.

use crate::{
    Result, Store, Tx,
    cells::Cells,
    seal::{Place, Sealed},
    tx::{Db, Query},
};
use quorate_domain::{SecretId, Timestamp};
use secrecy::SecretString;
use sqlx::sqlite::SqliteRow;

/// What the access to a cluster is sealed for.
pub const CLUSTER_ACCESS: &str = "access to a cluster";

fn place<'a>(id: &'a SecretId, purpose: &'a str) -> Place<'a> {
    Place { table: "secrets", row: id.as_str(), purpose }
}

fn select(id: &SecretId) -> Query {
    sqlx::query("SELECT key_id, sealed FROM secrets WHERE id = ?").bind(id.as_str())
}

pub(crate) fn sealed(row: &SqliteRow) -> Result<Sealed> {
    Ok(Sealed { key_id: row.cell("key_id")?, bytes: row.cell("sealed")? })
}

impl Store {
    /// Unseals a secret; none when there is none of this id.
    ///
    /// # Errors
    /// `Unseal` when it was sealed for another purpose or row, or was altered; `KeyWrong`.
    pub async fn secret(&self, id: &SecretId, purpose: &str) -> Result<Option<SecretString>> {
        match self.reader().optional(select(id), "reading a secret").await? {
            Some(row) => self.unseal(place(id, purpose), &sealed(&row)?).map(Some),
            None => Ok(None),
        }
    }
}

impl Tx {
    /// Unseals a secret as this change sees it; none when there is none of this id.
    ///
    /// # Errors
    /// `Unseal`, `KeyWrong`.
    pub async fn secret(&mut self, id: &SecretId, purpose: &str) -> Result<Option<SecretString>> {
        match self.optional(select(id), "reading a secret").await? {
            Some(row) => self.unseal(place(id, purpose), &sealed(&row)?).map(Some),
            None => Ok(None),
        }
    }

    /// Seals and keeps a secret; replaces the one of this id.
    ///
    /// # Errors
    /// The database failed.
    pub async fn put_secret(
        &mut self,
        id: &SecretId,
        purpose: &str,
        secret: &SecretString,
        now: Timestamp,
    ) -> Result<()> {
        let sealed = self.seal(place(id, purpose), secret)?;
        let query = sqlx::query(
            "INSERT INTO secrets (id, purpose, key_id, sealed, updated_at) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET purpose = excluded.purpose, key_id = excluded.key_id,
                 sealed = excluded.sealed, updated_at = excluded.updated_at",
        )
        .bind(id.as_str())
        .bind(purpose)
        .bind(sealed.key_id)
        .bind(sealed.bytes)
        .bind(now.0);
        self.execute(query, "keeping a secret").await?;
        Ok(())
    }

    /// Deletes a secret; false when there was none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_secret(&mut self, id: &SecretId) -> Result<bool> {
        let query = sqlx::query("DELETE FROM secrets WHERE id = ?").bind(id.as_str());
        Ok(self.execute(query, "deleting a secret").await? > 0)
    }
}
