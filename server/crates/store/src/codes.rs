//! One-time codes. Invariant: only hashes are kept; redeeming deletes and answers in one statement, so that of two
//! who try at once one gets it. How long a code is good is decided in `core::setup`.

use crate::{
    Result, Tx,
    cells::{self, Cells},
    tx::Db,
};
use quorate_domain::{Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// What a code is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodePurpose {
    /// Makes the first admin.
    Setup,
    /// Lets its user choose a password.
    Invite,
}

/// A code that was handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeRow {
    /// Hash of the code.
    pub hash: String,
    /// What it is good for.
    pub purpose: CodePurpose,
    /// Whose it is; none for set-up.
    pub user: Option<UserId>,
    /// Good while this is later than now.
    pub expires_at: Timestamp,
}

impl Tx {
    /// Keeps a new code.
    ///
    /// # Errors
    /// `NotFound` when its user is gone; `Conflict` for a hash that is there.
    pub async fn insert_code(&mut self, code: &CodeRow) -> Result<()> {
        let query = sqlx::query("INSERT INTO codes (hash, purpose, user, expires_at) VALUES (?, ?, ?, ?)")
            .bind(code.hash.as_str())
            .bind(cells::word("purpose", &code.purpose)?)
            .bind(code.user.as_ref().map(UserId::as_str))
            .bind(code.expires_at.0);
        self.execute(query, "keeping a code").await?;
        Ok(())
    }

    /// Takes a code that is good for `purpose` at `now`; none for an unknown, used, expired or other one. It is used
    /// once this change is committed.
    ///
    /// # Errors
    /// The database failed.
    pub async fn redeem_code(&mut self, hash: &str, purpose: CodePurpose, now: Timestamp) -> Result<Option<CodeRow>> {
        let query = sqlx::query(
            "DELETE FROM codes WHERE hash = ? AND purpose = ? AND expires_at > ? RETURNING hash, user, expires_at",
        )
        .bind(hash)
        .bind(cells::word("purpose", &purpose)?)
        .bind(now.0);
        let Some(row) = self.optional(query, "redeeming a code").await? else { return Ok(None) };
        Ok(Some(CodeRow {
            hash: row.cell("hash")?,
            purpose,
            user: row.parsed_opt("user")?,
            expires_at: row.at("expires_at")?,
        }))
    }

    /// Ends all set-up codes.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_codes_for_setup(&mut self) -> Result<u64> {
        let query =
            sqlx::query("DELETE FROM codes WHERE purpose = ?").bind(cells::word("purpose", &CodePurpose::Setup)?);
        self.execute(query, "ending codes").await
    }

    /// Ends all codes of a user.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_codes_of(&mut self, user: &UserId) -> Result<u64> {
        self.execute(sqlx::query("DELETE FROM codes WHERE user = ?").bind(user.as_str()), "ending codes").await
    }
}
