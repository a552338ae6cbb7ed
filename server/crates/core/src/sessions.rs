//! Logging in and staying logged in. Invariant: a session is good only while its user is active and its `auth_epoch`
//! is the user's; an unknown name and a wrong password get the same answer after the same work. The cookie and the
//! idle and absolute limits are the server's (`server::session`), which keeps its rows through here.

use crate::{
    actor::{Actor, Via},
    audit::AuditDraft,
    console::Console,
    error::CoreError,
};
use quorate_domain::{Problem, ProblemKind, Timestamp, UserId, audit::AuditOutcome, users::UserState};
use quorate_store::SessionRow;
use secrecy::SecretString;

/// How long a password given again counts.
pub const REAUTHENTICATION_MILLIS: i64 = 5 * 60 * 1000;

/// Who just proved to be whom; the server puts it into a fresh session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// The user.
    pub user: UserId,
    /// The session ends when the user's epoch moves on from this.
    pub auth_epoch: i64,
}

impl Console {
    /// Checks a name and a password. Both outcomes are audit rows.
    ///
    /// # Errors
    /// `Throttled` with the seconds to wait; `Unauthenticated`, the same for an unknown, invited or disabled user and
    /// for a wrong password.
    pub async fn login(&self, name: &str, password: SecretString, source: &str) -> Result<LoggedIn, CoreError> {
        self.begin_try(name, source)?;
        let row = self.0.store.user_by_name(name).await?;
        let hash = row.as_ref().and_then(|row| row.password_hash.as_deref());
        let right = self.0.auth.passwords.verify(hash, &password).await?;
        let now = self.0.clock.now();
        let Some(row) = row.filter(|row| right && row.state == UserState::Active) else {
            // The name typed is not written: people type their password into the wrong field.
            let known = self.0.store.user_by_name(name).await?.map_or_else(|| "an unknown name".into(), |row| row.name);
            let draft = AuditDraft::of(&known, source, "session.login", &known).outcome(AuditOutcome::Failed);
            self.record(draft).await?;
            return Err(Problem::new(ProblemKind::Unauthenticated, "The name or the password is not right").into());
        };
        self.0.auth.throttle.succeeded(name, source);
        let mut tx = self.0.store.begin().await?;
        tx.set_last_login(&row.id, now).await?;
        AuditDraft::of(&row.name, source, "session.login", &row.name).write(&mut tx, now).await?;
        tx.commit().await?;
        Ok(LoggedIn { user: row.id, auth_epoch: row.auth_epoch })
    }

    /// Writes that the actor logged out; the server deletes the session.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn logout(&self, actor: &Actor) -> Result<(), CoreError> {
        self.record(AuditDraft::by(actor, "session.logout", &actor.name)).await
    }

    /// The actor behind a session; none when the user is gone, disabled, or was changed since the login.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn actor_for_session(
        &self,
        user: &UserId,
        auth_epoch: i64,
        reauthenticated_until: Option<Timestamp>,
        source: &str,
    ) -> Result<Option<Actor>, CoreError> {
        let row = self.0.store.user(user).await?;
        let row = row.filter(|row| row.state == UserState::Active && row.auth_epoch == auth_epoch);
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Actor {
            key_rules: self.0.store.key_rules(&row.id).await?,
            user: row.id,
            name: row.name,
            role: row.role,
            via: Via::Session,
            source: source.to_owned(),
            reauthenticated_until: reauthenticated_until.filter(|until| *until > self.0.clock.now()),
        }))
    }

    /// Takes the password again and says until when it counts. The server keeps the answer in the session.
    ///
    /// # Errors
    /// `Throttled`, or `Invalid` at the field `password`.
    pub async fn reauthenticate(&self, actor: &Actor, password: SecretString) -> Result<Timestamp, CoreError> {
        self.prove_password(actor, &password, "session.reauthenticate", "password").await?;
        self.record(AuditDraft::by(actor, "session.reauthenticate", &actor.name)).await?;
        Ok(self.0.clock.now().plus_millis(REAUTHENTICATION_MILLIS))
    }

    /// Counts a try of `name` from `source`.
    pub(crate) fn begin_try(&self, name: &str, source: &str) -> Result<(), CoreError> {
        self.0.auth.throttle.begin(name, source, self.0.clock.now()).map_err(|seconds| {
            Problem::new(ProblemKind::Throttled, format!("Too many tries; try again in {seconds} seconds"))
                .with_detail(seconds.to_string())
                .into()
        })
    }

    /// A kept session that has not run out.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn session(&self, id: &str) -> Result<Option<SessionRow>, CoreError> {
        let row = self.0.store.session(id).await?;
        Ok(row.filter(|row| row.expires_at > self.0.clock.now()))
    }

    /// Keeps a new session.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn create_session(&self, row: &SessionRow) -> Result<(), CoreError> {
        let mut tx = self.0.store.begin().await?;
        tx.insert_session(row).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Updates a session; one that was deleted meanwhile stays deleted.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn update_session(&self, row: &SessionRow) -> Result<(), CoreError> {
        let mut tx = self.0.store.begin().await?;
        tx.update_session(row).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn delete_session(&self, id: &str) -> Result<(), CoreError> {
        let mut tx = self.0.store.begin().await?;
        tx.delete_session(id).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The moment it is now by the console's clock.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}
