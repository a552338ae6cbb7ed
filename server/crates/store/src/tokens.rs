//! API tokens. Invariant: only hashes are kept; a token goes with its owner. What a token may lives in `core::tokens`.

use crate::{Result, Store, StoreError, Tx, cells::Cells, tx::Db};
use quorate_domain::{Role, Timestamp, TokenId, UserId};
use sqlx::sqlite::SqliteRow;

/// A token that was handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Id.
    pub id: TokenId,
    /// Name given by its owner.
    pub name: String,
    /// Whose it is.
    pub owner: UserId,
    /// Its role; at most the owner's counts.
    pub role: Role,
    /// Whether it may start destructive operations.
    pub destructive: bool,
    /// Whether the command line made it.
    pub cli: bool,
    /// Hash of the token.
    pub hash: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
    /// When it was revoked; dead since then.
    pub revoked_at: Option<Timestamp>,
}

macro_rules! select {
    ($tail:literal) => {
        sqlx::query(concat!(
            "SELECT id, name, owner, role, destructive, cli, hash, created_at, last_used, revoked_at FROM tokens ",
            $tail
        ))
    };
}

fn token(row: &SqliteRow) -> Result<TokenRow> {
    Ok(TokenRow {
        id: row.parsed("id")?,
        name: row.cell("name")?,
        owner: row.parsed("owner")?,
        role: row.parsed("role")?,
        destructive: row.cell("destructive")?,
        cli: row.cell("cli")?,
        hash: row.cell("hash")?,
        created_at: row.at("created_at")?,
        last_used: row.at_opt("last_used")?,
        revoked_at: row.at_opt("revoked_at")?,
    })
}

impl Store {
    /// All tokens, revoked ones too, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>> {
        let rows = self.reader().all(select!("ORDER BY created_at, id"), "reading tokens").await?;
        rows.iter().map(token).collect()
    }

    /// The token of this hash, revoked or not.
    ///
    /// # Errors
    /// The database failed.
    pub async fn token_by_hash(&self, hash: &str) -> Result<Option<TokenRow>> {
        let row = self.reader().optional(select!("WHERE hash = ?").bind(hash), "reading a token").await?;
        row.as_ref().map(token).transpose()
    }
}

impl Tx {
    /// Keeps a new token.
    ///
    /// # Errors
    /// `NotFound` when its owner is gone; `Conflict` for a hash that is there.
    pub async fn insert_token(&mut self, token: &TokenRow) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO tokens (id, name, owner, role, destructive, cli, hash, created_at, last_used, revoked_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(token.id.as_str())
        .bind(token.name.as_str())
        .bind(token.owner.as_str())
        .bind(token.role.as_str())
        .bind(token.destructive)
        .bind(token.cli)
        .bind(token.hash.as_str())
        .bind(token.created_at.0)
        .bind(token.last_used.map(|at| at.0))
        .bind(token.revoked_at.map(|at| at.0));
        self.execute(query, "keeping a token").await?;
        Ok(())
    }

    /// Ends a token; the first time of revoking stays.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revoke_token(&mut self, id: &TokenId, now: Timestamp) -> Result<()> {
        let query = sqlx::query("UPDATE tokens SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?");
        let query = query.bind(now.0).bind(id.as_str());
        self.change(query, "revoking a token", || StoreError::not_found("token", id)).await
    }

    /// Notes that a token was used.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_token_used(&mut self, id: &TokenId, now: Timestamp) -> Result<()> {
        let query = sqlx::query("UPDATE tokens SET last_used = ? WHERE id = ?").bind(now.0).bind(id.as_str());
        self.change(query, "noting a token's use", || StoreError::not_found("token", id)).await
    }
}
