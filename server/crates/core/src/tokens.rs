//! API tokens. Invariant: the token itself is shown once and never kept; its role counts at most as much as its
//! owner's does right now, and it is dead while its owner cannot log in.

use crate::{
    actor::{Actor, Via},
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    permit::{Permit, act},
    users::random,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use quorate_domain::{
    Action, Problem, Role, Scope, TokenId, access, keys, names,
    users::{TokenSummary, UserState},
};
use quorate_store::{TokenRow, UserRow};
use secrecy::SecretString;

/// What every token starts with, so that scanners of repositories recognise one.
pub const PREFIX: &str = "quorate_";
/// The time of last use is written at most this often.
const USE_GRAIN_MILLIS: u64 = 60_000;

impl Console {
    /// The actor's own tokens; an admin sees everybody's.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn tokens(&self, permit: &Permit<act::ManageOwnTokens>) -> Result<Vec<TokenSummary>, CoreError> {
        let actor = permit.actor();
        let all = access::allows(actor.role, Action::ManageUsers, &Scope::Global);
        let users = self.0.store.users().await?;
        let rows = self.0.store.tokens().await?.into_iter();
        let live = rows.filter(|row| row.revoked_at.is_none() && (all || row.owner == actor.user));
        Ok(live.filter_map(|row| summary(row, &users)).collect())
    }

    /// Makes a token of the actor's own. The second half of the answer is the token, to be shown once. A token with
    /// the scope `destructive` stands for the password it was made with, so making one asks for it again.
    ///
    /// # Errors
    /// `Invalid` at `name` or `role`; `Reauthenticate`.
    pub async fn create_token(
        &self,
        permit: &Permit<act::ManageOwnTokens>,
        name: &str,
        role: Role,
        destructive: bool,
    ) -> Result<(TokenSummary, SecretString), CoreError> {
        let actor = permit.actor();
        let owner = self.0.store.user(&actor.user).await?;
        let mut owner = owner.ok_or_else(|| Problem::field("owner", "A token needs a user as its owner"))?;
        if destructive {
            self.check_dangerous(actor, &format!("destructive token {name}")).await?;
        }
        // A token that makes a token hands on at most what it has itself.
        owner.role = owner.role.min(actor.role);
        self.mint(actor, owner, name, role, destructive, false).await
    }

    /// The command line's way: for `owner`, or for the oldest user whose role is enough. Such a token may also manage
    /// users and tokens.
    ///
    /// # Errors
    /// `NotFound` when there is no such user; `Invalid` at `name` or `role`.
    pub async fn create_token_for(
        &self,
        owner: Option<&str>,
        name: &str,
        role: Role,
        destructive: bool,
    ) -> Result<(TokenSummary, SecretString), CoreError> {
        let mut users = self.0.store.users().await?;
        users.retain(|user| user.state == UserState::Active);
        users.sort_by_key(|user| user.created_at);
        let found = match owner {
            Some(owner) => users.into_iter().find(|user| user.name.eq_ignore_ascii_case(owner)),
            None => users.into_iter().find(|user| user.role >= role),
        };
        let found = found.ok_or_else(|| match owner {
            Some(owner) => CoreError::not_found("active user", owner),
            None => CoreError::from(
                Problem::field("role", format!("There is no active user with the role {role} to own the token"))
                    .with_detail("Make one with `quorate user add`."),
            ),
        })?;
        self.mint(&Actor::cli(), found, name, role, destructive, true).await
    }

    /// Ends a token: one's own, or as an admin anybody's.
    ///
    /// # Errors
    /// `NotFound`, also for somebody else's.
    pub async fn revoke_token(&self, permit: &Permit<act::ManageOwnTokens>, token: &TokenId) -> Result<(), CoreError> {
        let missing = || CoreError::not_found("token", token);
        let name = self.tokens(permit).await?.into_iter().find(|row| &row.id == token).ok_or_else(missing)?.name;
        let now = self.0.clock.now();
        let mut tx = self.0.store.begin().await?;
        tx.revoke_token(token, now).await?;
        AuditDraft::by(permit.actor(), "token.revoke", &name).write(&mut tx, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The actor behind a bearer token; none for one that is unknown, revoked, or whose owner cannot log in.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn actor_for_token(&self, token: &str, source: &str) -> Result<Option<Actor>, CoreError> {
        if !token.starts_with(PREFIX) || token.len() > 100 {
            return Ok(None);
        }
        let row = self.0.store.token_by_hash(&random::sha256_hex(token)).await?;
        let Some(row) = row.filter(|row| row.revoked_at.is_none()) else { return Ok(None) };
        let owner = self.0.store.user(&row.owner).await?.filter(|owner| owner.state == UserState::Active);
        let Some(owner) = owner else { return Ok(None) };
        let key_rules = keys::of_token(self.0.store.key_rules(&owner.id).await?, row.role, owner.role);
        let now = self.0.clock.now();
        if row.last_used.is_none_or(|used| now.since(used) >= USE_GRAIN_MILLIS) {
            self.note_use(&row.id).await;
        }
        Ok(Some(Actor {
            user: owner.id,
            name: owner.name,
            role: row.role.min(owner.role),
            key_rules,
            via: Via::Token { id: row.id, name: row.name, destructive: row.destructive, cli: row.cli },
            source: source.to_owned(),
            reauthenticated_until: None,
        }))
    }

    async fn mint(
        &self,
        actor: &Actor,
        owner: UserRow,
        name: &str,
        role: Role,
        destructive: bool,
        cli: bool,
    ) -> Result<(TokenSummary, SecretString), CoreError> {
        names::check_name(name).map_err(|why| Problem::field("name", why))?;
        if role > owner.role {
            let why = format!("{} is {}; a token's role is at most its owner's", owner.name, owner.role);
            return Err(Problem::field("role", why).into());
        }
        let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random::bytes::<32>()));
        let row = TokenRow {
            id: TokenId::from_random(random::bytes()),
            name: name.to_owned(),
            owner: owner.id.clone(),
            role,
            destructive,
            cli,
            hash: random::sha256_hex(&token),
            created_at: self.0.clock.now(),
            last_used: None,
            revoked_at: None,
        };
        let mut tx = self.0.store.begin().await?;
        tx.insert_token(&row).await?;
        let detail = format!("{role} for {}{}", owner.name, if destructive { ", destructive" } else { "" });
        AuditDraft::by(actor, "token.create", name).detail(&detail).write(&mut tx, row.created_at).await?;
        tx.commit().await?;
        let summary = summary(row, &[owner]).ok_or_else(|| CoreError::internal("a fresh token has no owner"))?;
        Ok((summary, SecretString::from(token)))
    }

    /// Best effort: a full disk must not lock scripts out that only read.
    async fn note_use(&self, token: &TokenId) {
        let noted = async {
            let mut tx = self.0.store.begin().await?;
            tx.set_token_used(token, self.0.clock.now()).await?;
            tx.commit().await
        };
        if let Err(error) = noted.await {
            tracing::warn!(error = %error, "a token's last use could not be noted");
        }
    }
}

fn summary(row: TokenRow, users: &[UserRow]) -> Option<TokenSummary> {
    let owner = users.iter().find(|user| user.id == row.owner)?.name.clone();
    let TokenRow { id, name, role, destructive, created_at, last_used, .. } = row;
    Some(TokenSummary { id, name, owner, role, destructive, created_at, last_used })
}
