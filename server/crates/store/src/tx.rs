//! A change: one transaction that holds the database's only writer. Invariant: it is begun IMMEDIATE, so what it reads
//! stays true until it ends; it lands whole or not at all; after a fault of the database nothing more goes through it.

use crate::{
    Result, StoreError,
    seal::{Place, Sealed, Sealer},
};
use secrecy::SecretString;
use sqlx::{
    Executor, Sqlite,
    pool::PoolConnection,
    sqlite::{SqliteArguments, SqliteRow},
};
use std::sync::Arc;

/// A statement with its values.
pub(crate) type Query = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

/// What can be read from: a reader of the store, or a transaction, which sees its own changes.
pub(crate) trait Db {
    fn all(&mut self, query: Query, doing: &'static str) -> impl Future<Output = Result<Vec<SqliteRow>>> + Send;
    fn optional(&mut self, query: Query, doing: &'static str)
    -> impl Future<Output = Result<Option<SqliteRow>>> + Send;
}

/// A change that has not landed yet. Dropping it takes everything back.
///
/// Refusals (`Conflict`, `Claimed`, `NotFound`, `IllegalOrder`) have written nothing and leave it usable; after any
/// other error, or after a call was cancelled, it is spoiled and cannot be committed. While a task holds one it must
/// not begin another, nor call a method of `Store` that writes: it would wait for itself.
#[must_use = "dropping a transaction takes its changes back"]
pub struct Tx {
    conn: PoolConnection<Sqlite>,
    sealer: Arc<Sealer>,
    spoiled: bool,
}

impl Tx {
    pub(crate) async fn begin(conn: PoolConnection<Sqlite>, sealer: Arc<Sealer>) -> Result<Self> {
        let mut tx = Self { conn, sealer, spoiled: false };
        // sqlx's own transactions lose count when SQLite ends one by itself (a full disk), and the writer with it.
        tx.raw("BEGIN IMMEDIATE", "beginning a change").await?;
        Ok(tx)
    }

    /// Makes the change land. Cancelling this call leaves it open whether it has.
    ///
    /// # Errors
    /// `Spoiled`, `Busy`, `DiskFull`, `Driver`; nothing was kept then.
    pub async fn commit(mut self) -> Result<()> {
        self.raw("COMMIT", "committing a change").await
    }

    /// Takes everything back and waits until that is done; dropping does the same later.
    ///
    /// # Errors
    /// `Driver`; nothing was kept then either.
    pub async fn rollback(mut self) -> Result<()> {
        if self.spoiled {
            return Ok(());
        }
        self.raw("ROLLBACK", "taking a change back").await
    }

    async fn raw(&mut self, sql: &'static str, doing: &'static str) -> Result<()> {
        self.enter()?;
        let result = self.conn.execute(sql).await;
        self.leave(result, doing).map(drop)
    }

    /// Runs a statement and says how many rows it changed.
    pub(crate) async fn execute(&mut self, query: Query, doing: &'static str) -> Result<u64> {
        self.enter()?;
        let result = query.execute(&mut *self.conn).await;
        Ok(self.leave(result, doing)?.rows_affected())
    }

    /// Runs a statement that must change one row; `missing` makes the error when it changed none.
    pub(crate) async fn change(
        &mut self,
        query: Query,
        doing: &'static str,
        missing: impl FnOnce() -> StoreError,
    ) -> Result<()> {
        match self.execute(query, doing).await? {
            0 => Err(missing()),
            _ => Ok(()),
        }
    }

    /// Begins a part that lands whole or not at all although it has several statements.
    pub(crate) async fn part(&mut self) -> Result<()> {
        self.raw("SAVEPOINT part", "beginning a part of a change").await
    }

    /// Ends the part: keeps it when `result` is good, else takes it back.
    pub(crate) async fn end_part<T>(&mut self, result: Result<T>) -> Result<T> {
        match result {
            Ok(value) => {
                self.raw("RELEASE part", "ending a part of a change").await?;
                Ok(value)
            }
            Err(error) if self.spoiled => Err(error),
            Err(error) => {
                self.raw("ROLLBACK TO part", "taking a part of a change back").await?;
                self.raw("RELEASE part", "taking a part of a change back").await?;
                Err(error)
            }
        }
    }

    pub(crate) fn seal(&self, place: Place<'_>, secret: &SecretString) -> Result<Sealed> {
        self.sealer.seal(place, secret)
    }

    pub(crate) fn unseal(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretString> {
        self.sealer.unseal(place, sealed)
    }

    /// Spoiled until `leave` says otherwise, so that a cancelled call spoils it too.
    fn enter(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.spoiled, true) { Err(StoreError::Spoiled) } else { Ok(()) }
    }

    fn leave<T>(&mut self, result: sqlx::Result<T>, doing: &'static str) -> Result<T> {
        let result = result.map_err(|error| StoreError::driver(doing, error));
        self.spoiled = result.as_ref().is_err_and(|error| !error.is_refusal());
        result
    }
}

impl Db for Tx {
    async fn all(&mut self, query: Query, doing: &'static str) -> Result<Vec<SqliteRow>> {
        self.enter()?;
        let result = query.fetch_all(&mut *self.conn).await;
        self.leave(result, doing)
    }

    async fn optional(&mut self, query: Query, doing: &'static str) -> Result<Option<SqliteRow>> {
        self.enter()?;
        let result = query.fetch_optional(&mut *self.conn).await;
        self.leave(result, doing)
    }
}

#[cfg(test)]
mod tests;
