//! Hashing and judging passwords. Invariant: hashing never runs on an async worker, never more than two at a time
//! (each takes 19 MiB), and a check against "no such user" costs what a real one costs.

use crate::{error::CoreError, users::common};
use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version,
    password_hash::{SaltString, rand_core::OsRng},
};
use quorate_domain::{Problem, users::check_password_length};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OnceCell, Semaphore};

/// OWASP's Argon2id setting: 19 MiB, two passes, one lane. Stored hashes carry their own.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

/// Hashes and verifies.
#[derive(Debug)]
pub(crate) struct Passwords {
    slots: Semaphore,
    nobody: OnceCell<String>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { slots: Semaphore::new(2), nobody: OnceCell::new() }
    }
}

impl Passwords {
    /// The PHC string of a new password.
    pub(crate) async fn hash(&self, password: &SecretString) -> Result<String, CoreError> {
        let password = password.clone();
        self.work(move || {
            let salt = SaltString::generate(&mut OsRng);
            argon2()?
                .hash_password(password.expose_secret().as_bytes(), &salt)
                .map(|hash| hash.to_string())
                .map_err(|error| CoreError::internal(format!("a password could not be hashed: {error}")))
        })
        .await
    }

    /// Whether `password` is the one behind `stored`; with nothing stored the same work is done and it is not.
    pub(crate) async fn verify(&self, stored: Option<&str>, password: &SecretString) -> Result<bool, CoreError> {
        let hash_nobody = async || self.hash(&SecretString::from("nobody has this one")).await;
        let nobody = self.nobody.get_or_try_init(hash_nobody).await?;
        let known = stored.is_some();
        let phc = stored.unwrap_or(nobody).to_owned();
        let password = password.clone();
        self.work(move || {
            let parsed = PasswordHash::new(&phc)
                .map_err(|error| CoreError::internal(format!("a stored password hash cannot be read: {error}")))?;
            let right = argon2()?.verify_password(password.expose_secret().as_bytes(), &parsed).is_ok();
            Ok(right && known)
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, CoreError> + Send + 'static,
    ) -> Result<T, CoreError> {
        let _slot =
            self.slots.acquire().await.map_err(|error| CoreError::caused("hashing has been shut down", error))?;
        tokio::task::spawn_blocking(work).await.map_err(|error| CoreError::caused("hashing broke off", error))?
    }
}

fn argon2() -> Result<Argon2<'static>, CoreError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None)
        .map_err(|error| CoreError::internal(format!("argon2 refuses its parameters: {error}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Judges a new password of the user `name`.
///
/// # Errors
/// `Invalid` at the field `password`.
pub(crate) fn check_new(name: &str, password: &SecretString) -> Result<(), CoreError> {
    let password = password.expose_secret();
    check_password_length(password)
        .and_then(|()| common::check(name, password))
        .map_err(|why| Problem::field("password", why).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_says_how_it_was_made_and_verifies() {
        let passwords = Passwords::default();
        let secret = SecretString::from("correct horse battery");
        let phc = passwords.hash(&secret).await.expect("hash");
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(passwords.verify(Some(&phc), &secret).await.expect("verify"));
        assert!(!passwords.verify(Some(&phc), &SecretString::from("another one")).await.expect("verify"));
    }

    #[tokio::test]
    async fn nobody_can_log_in_with_the_password_of_nobody() {
        let passwords = Passwords::default();
        assert!(!passwords.verify(None, &SecretString::from("nobody has this one")).await.expect("verify"));
    }

    #[test]
    fn short_and_common_ones_are_refused_at_their_field() {
        for bad in ["short", "password1234", "correct-anna-horse"] {
            let error = check_new("anna", &SecretString::from(bad)).expect_err(bad);
            assert!(matches!(error, CoreError::Problem(p) if p.message_for("password").is_some()), "{bad}");
        }
        assert!(check_new("anna", &SecretString::from("tide lamp orbit fig")).is_ok());
    }
}
