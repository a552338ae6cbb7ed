//! People: listing, inviting, changing and disabling them. Invariant: whatever takes rights away raises the user's
//! `auth_epoch` in the same transaction, which ends every session; the last active admin cannot be taken away.
//! Logging in lives in `sessions`, one-time codes in `setup`, API tokens in `tokens`.

mod common;
pub(crate) mod passwords;
pub(crate) mod random;
pub(crate) mod throttle;

use crate::{
    actor::Actor,
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    permit::{Permit, act},
    sessions::LoggedIn,
};
use quorate_domain::{
    Problem, Role, UserId,
    audit::AuditOutcome,
    users::{OneTimeCode, UserState, UserSummary, check_user_name},
};
use quorate_store::{Tx, UserRow};
use secrecy::SecretString;

/// What logging in needs besides the database: hashing slots and the counts of failed tries.
#[derive(Debug, Default)]
pub(crate) struct Auth {
    pub(crate) passwords: passwords::Passwords,
    pub(crate) throttle: throttle::Throttle,
}

pub(crate) fn summary(row: UserRow) -> UserSummary {
    let UserRow { id, name, role, state, created_at, last_login, .. } = row;
    UserSummary { id, name, role, state, created_at, last_login }
}

impl Console {
    /// All users, by name.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn users(&self, _permit: &Permit<act::ViewUsers>) -> Result<Vec<UserSummary>, CoreError> {
        Ok(self.0.store.users().await?.into_iter().map(summary).collect())
    }

    /// Makes a user who has to redeem the code to choose a password.
    ///
    /// # Errors
    /// `Invalid` name, `Conflict` when it is taken.
    pub async fn invite_user(
        &self,
        permit: &Permit<act::ManageUsers>,
        name: &str,
        role: Role,
    ) -> Result<OneTimeCode, CoreError> {
        check_user_name(name).map_err(|why| Problem::field("name", why))?;
        let mut tx = self.0.store.begin().await?;
        let user = self.new_user(name, role, UserState::Invited, None);
        tx.insert_user(&user).await?;
        let code = self.new_invite(&mut tx, &user.id).await?;
        let draft = AuditDraft::by(permit.actor(), "user.invite", name).detail(&format!("as {role}"));
        draft.write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(code)
    }

    /// Takes a user's password away, ends all sessions, and hands out a code to choose another; also renews the code
    /// of an invitation that ran out. A disabled user stays disabled.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for the last admin who can log in.
    pub async fn reset_password(
        &self,
        permit: &Permit<act::ManageUsers>,
        user: &UserId,
    ) -> Result<OneTimeCode, CoreError> {
        let mut tx = self.0.store.begin().await?;
        let row = user_in(&mut tx, user).await?;
        if row.id == permit.actor().user {
            return Err(CoreError::conflict("Change your own password under Settings instead"));
        }
        if row.state == UserState::Active {
            self.keep_an_admin(&mut tx, &row).await?;
            tx.set_user_state(user, UserState::Invited).await?;
        }
        tx.set_user_password(user, None).await?;
        tx.delete_sessions_of(user).await?;
        let code = self.new_invite(&mut tx, user).await?;
        let draft = AuditDraft::by(permit.actor(), "user.reset_password", &row.name);
        draft.write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(code)
    }

    /// Gives a user another role; all sessions end, tokens keep at most the new role.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for the last active admin.
    pub async fn set_role(
        &self,
        permit: &Permit<act::ManageUsers>,
        user: &UserId,
        role: Role,
    ) -> Result<UserSummary, CoreError> {
        let mut tx = self.0.store.begin().await?;
        let row = user_in(&mut tx, user).await?;
        if row.role != role {
            if role != Role::Admin {
                self.keep_an_admin(&mut tx, &row).await?;
            }
            tx.set_user_role(user, role).await?;
            tx.delete_sessions_of(user).await?;
            let detail = format!("{} to {role}", row.role);
            let draft = AuditDraft::by(permit.actor(), "user.set_role", &row.name).detail(&detail);
            draft.write(&mut tx, self.0.clock.now()).await?;
        }
        tx.commit().await?;
        self.user_summary(user).await
    }

    /// Disables a user (all sessions and tokens are dead at once) or lets one log in again.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for the last active admin.
    pub async fn set_disabled(
        &self,
        permit: &Permit<act::ManageUsers>,
        user: &UserId,
        disabled: bool,
    ) -> Result<UserSummary, CoreError> {
        let mut tx = self.0.store.begin().await?;
        let row = user_in(&mut tx, user).await?;
        let state = match (disabled, &row.password_hash) {
            (true, _) => UserState::Disabled,
            (false, Some(_)) => UserState::Active,
            (false, None) => UserState::Invited,
        };
        if row.state != state {
            if disabled {
                self.keep_an_admin(&mut tx, &row).await?;
            }
            tx.set_user_state(user, state).await?;
            tx.delete_sessions_of(user).await?;
            let verb = if disabled { "user.disable" } else { "user.enable" };
            AuditDraft::by(permit.actor(), verb, &row.name).write(&mut tx, self.0.clock.now()).await?;
        }
        tx.commit().await?;
        self.user_summary(user).await
    }

    /// Changes the actor's own password. Every session of the user ends; the caller starts a new one with the answer.
    ///
    /// # Errors
    /// `Invalid` at `current` or `password`; `Throttled`.
    pub async fn change_password(
        &self,
        actor: &Actor,
        current: SecretString,
        new: SecretString,
    ) -> Result<LoggedIn, CoreError> {
        passwords::check_new(&actor.name, &new)?;
        self.prove_password(actor, &current, "user.change_password", "current").await?;
        let hash = self.0.auth.passwords.hash(&new).await?;
        let mut tx = self.0.store.begin().await?;
        let auth_epoch = tx.set_user_password(&actor.user, Some(&hash)).await?;
        tx.delete_sessions_of(&actor.user).await?;
        AuditDraft::by(actor, "user.change_password", &actor.name).write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(LoggedIn { user: actor.user.clone(), auth_epoch })
    }

    /// The command line's way to make a user who can log in at once.
    ///
    /// # Errors
    /// `Invalid` name or password, `Conflict` when the name is taken.
    pub async fn add_user(&self, name: &str, role: Role, password: SecretString) -> Result<UserSummary, CoreError> {
        check_user_name(name).map_err(|why| Problem::field("name", why))?;
        passwords::check_new(name, &password)?;
        let hash = self.0.auth.passwords.hash(&password).await?;
        let row = self.new_user(name, role, UserState::Active, Some(hash));
        let mut tx = self.0.store.begin().await?;
        tx.insert_user(&row).await?;
        // Whoever got the code first would be a second admin that nobody asked for.
        tx.delete_codes_for_setup().await?;
        let draft = AuditDraft::by(&Actor::cli(), "user.add", name).detail(&format!("as {role}"));
        draft.write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(summary(row))
    }

    /// The command line's way to give a user another password; all sessions end.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` password.
    pub async fn set_password(&self, name: &str, password: SecretString) -> Result<(), CoreError> {
        let row = self.0.store.user_by_name(name).await?.ok_or_else(|| CoreError::not_found("user", name))?;
        passwords::check_new(&row.name, &password)?;
        let hash = self.0.auth.passwords.hash(&password).await?;
        let mut tx = self.0.store.begin().await?;
        tx.set_user_password(&row.id, Some(&hash)).await?;
        if row.state == UserState::Invited {
            tx.set_user_state(&row.id, UserState::Active).await?;
        }
        tx.delete_sessions_of(&row.id).await?;
        AuditDraft::by(&Actor::cli(), "user.set_password", &row.name).write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Proves the actor's password anew, throttled as a login is. A wrong one is an audit row `action`.
    ///
    /// # Errors
    /// `Throttled`, or `Invalid` at `field`.
    pub(crate) async fn prove_password(
        &self,
        actor: &Actor,
        password: &SecretString,
        action: &str,
        field: &str,
    ) -> Result<(), CoreError> {
        self.begin_try(&actor.name, &actor.source)?;
        let row = self.0.store.user(&actor.user).await?;
        let hash = row.as_ref().and_then(|row| row.password_hash.as_deref());
        if self.0.auth.passwords.verify(hash, password).await? {
            self.0.auth.throttle.succeeded(&actor.name, &actor.source);
            return Ok(());
        }
        let draft = AuditDraft::by(actor, action, &actor.name).outcome(AuditOutcome::Failed);
        self.record(draft.detail("wrong password")).await?;
        Err(Problem::field(field, "This is not your current password").into())
    }

    pub(crate) fn new_user(&self, name: &str, role: Role, state: UserState, hash: Option<String>) -> UserRow {
        UserRow {
            id: UserId::from_random(random::bytes()),
            name: name.to_owned(),
            role,
            state,
            password_hash: hash,
            auth_epoch: 1,
            created_at: self.0.clock.now(),
            last_login: None,
        }
    }

    async fn user_summary(&self, user: &UserId) -> Result<UserSummary, CoreError> {
        let row = self.0.store.user(user).await?.ok_or_else(|| CoreError::not_found("user", user))?;
        Ok(summary(row))
    }

    /// Refuses to take rights from `row` when nobody else could give them back.
    async fn keep_an_admin(&self, tx: &mut Tx, row: &UserRow) -> Result<(), CoreError> {
        let active_admin = |user: &UserRow| user.role == Role::Admin && user.state == UserState::Active;
        let others = tx.users().await?.into_iter().any(|user| user.id != row.id && active_admin(&user));
        if active_admin(row) && !others {
            return Err(CoreError::conflict(format!("{} is the only admin; make another one first", row.name)));
        }
        Ok(())
    }
}

async fn user_in(tx: &mut Tx, user: &UserId) -> Result<UserRow, CoreError> {
    tx.users().await?.into_iter().find(|row| &row.id == user).ok_or_else(|| CoreError::not_found("user", user))
}
