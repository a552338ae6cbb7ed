//! One-time codes: the first admin's and those of invited users. Invariant: only a code's hash is kept; it ends on
//! use or after 30 minutes; redeeming takes it and makes the change in one transaction, so two who try at once get
//! one account between them.

use crate::{
    audit::AuditDraft, console::Console, error::CoreError, sessions::LoggedIn, users::passwords, users::random,
};
use quorate_domain::{
    Problem, Role, UserId,
    audit::AuditOutcome,
    users::{OneTimeCode, UserState, check_user_name},
};
use quorate_store::{CodePurpose, CodeRow, Tx};
use secrecy::{ExposeSecret, SecretString};

/// How long a code is good.
pub const CODE_MILLIS: i64 = 30 * 60 * 1000;

impl Console {
    /// Whether nobody can log in yet because there is no user at all.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn setup_needed(&self) -> Result<bool, CoreError> {
        Ok(self.0.store.users().await?.is_empty())
    }

    /// A fresh set-up code, which replaces the one before; none once there is a user.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn issue_setup_code(&self) -> Result<Option<OneTimeCode>, CoreError> {
        let mut tx = self.0.store.begin().await?;
        if !tx.users().await?.is_empty() {
            return Ok(None);
        }
        tx.delete_codes_for_setup().await?;
        let code = self.new_code(&mut tx, CodePurpose::Setup, None).await?;
        tx.commit().await?;
        Ok(Some(code))
    }

    /// Makes the first admin out of the set-up code.
    ///
    /// # Errors
    /// `Invalid` at `code` (wrong, used or too old), `name` or `password`; `Throttled`; `Conflict` when somebody else
    /// was first.
    pub async fn redeem_setup(
        &self,
        code: &SecretString,
        name: &str,
        password: SecretString,
        source: &str,
    ) -> Result<LoggedIn, CoreError> {
        check_user_name(name).map_err(|why| Problem::field("name", why))?;
        passwords::check_new(name, &password)?;
        self.begin_try("setup code", source)?;
        let hash = self.0.auth.passwords.hash(&password).await?;
        let now = self.0.clock.now();
        let mut tx = self.0.store.begin().await?;
        if tx.redeem_code(&random::code_hash(code.expose_secret()), CodePurpose::Setup, now).await?.is_none() {
            drop(tx);
            return Err(self.refuse_code("setup.redeem", source).await?);
        }
        if !tx.users().await?.is_empty() {
            return Err(CoreError::conflict("The console is set up already; log in instead"));
        }
        let mut user = self.new_user(name, Role::Admin, UserState::Active, Some(hash));
        user.last_login = Some(now);
        tx.insert_user(&user).await?;
        AuditDraft::of(name, source, "setup.redeem", name).detail("first admin").write(&mut tx, now).await?;
        tx.commit().await?;
        self.0.auth.throttle.succeeded("setup code", source);
        Ok(LoggedIn { user: user.id, auth_epoch: user.auth_epoch })
    }

    /// Lets an invited user, or one whose password was reset, choose a password.
    ///
    /// # Errors
    /// `Invalid` at `code` or `password` (the code stays good then); `Throttled`.
    pub async fn redeem_invite(
        &self,
        code: &SecretString,
        password: SecretString,
        source: &str,
    ) -> Result<LoggedIn, CoreError> {
        passwords::check_new("", &password)?;
        self.begin_try("invite code", source)?;
        let hash = self.0.auth.passwords.hash(&password).await?;
        let now = self.0.clock.now();
        let mut tx = self.0.store.begin().await?;
        let redeemed = tx.redeem_code(&random::code_hash(code.expose_secret()), CodePurpose::Invite, now).await?;
        let invited = match redeemed.and_then(|row| row.user) {
            Some(id) => tx.users().await?.into_iter().find(|row| row.id == id && row.state == UserState::Invited),
            None => None,
        };
        let Some(user) = invited else {
            drop(tx);
            return Err(self.refuse_code("invite.redeem", source).await?);
        };
        passwords::check_new(&user.name, &password)?;
        let auth_epoch = tx.set_user_password(&user.id, Some(&hash)).await?;
        let auth_epoch = tx.set_user_state(&user.id, UserState::Active).await?.max(auth_epoch);
        tx.set_last_login(&user.id, now).await?;
        AuditDraft::of(&user.name, source, "invite.redeem", &user.name).write(&mut tx, now).await?;
        tx.commit().await?;
        self.0.auth.throttle.succeeded("invite code", source);
        Ok(LoggedIn { user: user.id, auth_epoch })
    }

    /// An invite code for `user`, which replaces those before.
    pub(crate) async fn new_invite(&self, tx: &mut Tx, user: &UserId) -> Result<OneTimeCode, CoreError> {
        tx.delete_codes_of(user).await?;
        self.new_code(tx, CodePurpose::Invite, Some(user.clone())).await
    }

    async fn new_code(
        &self,
        tx: &mut Tx,
        purpose: CodePurpose,
        user: Option<UserId>,
    ) -> Result<OneTimeCode, CoreError> {
        let code = random::code();
        let expires_at = self.0.clock.now().plus_millis(CODE_MILLIS);
        tx.insert_code(&CodeRow { hash: random::code_hash(&code), purpose, user, expires_at }).await?;
        Ok(OneTimeCode { code, expires_at })
    }

    async fn refuse_code(&self, action: &str, source: &str) -> Result<CoreError, CoreError> {
        self.record(AuditDraft::of("nobody", source, action, "").outcome(AuditOutcome::Failed)).await?;
        let why = "This code is not right, was used already, or is older than 30 minutes";
        Ok(Problem::field("code", why).into())
    }
}
