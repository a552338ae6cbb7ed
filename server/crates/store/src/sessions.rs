//! Browser sessions. Invariant: the id, which is what the cookie proves, is kept as a hash only; expiry is a number,
//! never text. What a session means and when it ends lives in `core::sessions` and the server.

use crate::{Result, Store, Tx, cells::Cells, tx::Db};
use quorate_domain::{Timestamp, UserId};
use sha2::{Digest, Sha256};

/// A session.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The cookie's id. Only its SHA-256 is stored.
    pub id: String,
    /// Who is logged in.
    pub user: Option<UserId>,
    /// Whatever the server keeps in it.
    pub data: Vec<u8>,
    /// When it began.
    pub created_at: Timestamp,
    /// Good while this is later than now.
    pub expires_at: Timestamp,
}

fn id_hash(id: &str) -> String {
    hex::encode(Sha256::digest(id.as_bytes()))
}

impl Store {
    /// The session of this id, expired or not.
    ///
    /// # Errors
    /// The database failed.
    pub async fn session(&self, id: &str) -> Result<Option<SessionRow>> {
        let query = sqlx::query("SELECT user, data, created_at, expires_at FROM sessions WHERE id_hash = ?");
        let row = self.reader().optional(query.bind(id_hash(id)), "reading a session").await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(SessionRow {
            id: id.to_owned(),
            user: row.parsed_opt("user")?,
            data: row.cell("data")?,
            created_at: row.at("created_at")?,
            expires_at: row.at("expires_at")?,
        }))
    }
}

impl Tx {
    /// Keeps a new session.
    ///
    /// # Errors
    /// `Conflict` for an id that is there; `NotFound` when its user is gone.
    pub async fn insert_session(&mut self, session: &SessionRow) -> Result<()> {
        let query =
            sqlx::query("INSERT INTO sessions (id_hash, user, data, created_at, expires_at) VALUES (?, ?, ?, ?, ?)")
                .bind(id_hash(&session.id))
                .bind(session.user.as_ref().map(UserId::as_str))
                .bind(session.data.as_slice())
                .bind(session.created_at.0)
                .bind(session.expires_at.0);
        self.execute(query, "keeping a session").await?;
        Ok(())
    }

    /// Updates a session; false when it was deleted meanwhile, and it stays deleted.
    ///
    /// # Errors
    /// `NotFound` when its user is gone.
    pub async fn update_session(&mut self, session: &SessionRow) -> Result<bool> {
        let query = sqlx::query("UPDATE sessions SET user = ?, data = ?, expires_at = ? WHERE id_hash = ?")
            .bind(session.user.as_ref().map(UserId::as_str))
            .bind(session.data.as_slice())
            .bind(session.expires_at.0)
            .bind(id_hash(&session.id));
        Ok(self.execute(query, "updating a session").await? > 0)
    }

    /// Ends a session; false when there was none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_session(&mut self, id: &str) -> Result<bool> {
        let query = sqlx::query("DELETE FROM sessions WHERE id_hash = ?").bind(id_hash(id));
        Ok(self.execute(query, "ending a session").await? > 0)
    }

    /// Ends all sessions of a user; answers how many.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_sessions_of(&mut self, user: &UserId) -> Result<u64> {
        let query = sqlx::query("DELETE FROM sessions WHERE user = ?").bind(user.as_str());
        self.execute(query, "ending sessions").await
    }

    /// Deletes the sessions that have run out; answers how many.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_expired_sessions(&mut self, now: Timestamp) -> Result<u64> {
        let query = sqlx::query("DELETE FROM sessions WHERE expires_at <= ?").bind(now.0);
        self.execute(query, "ending sessions").await
    }
}
