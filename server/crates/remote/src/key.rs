//! The console's own SSH key. Invariant: Ed25519, and the private half leaves this type only as a `SecretString`
//! for sealing; signing happens in `agent`.

use crate::error::RemoteError;
use quorate_domain::host;
use rand::RngCore;
use secrecy::{ExposeSecret, SecretString};
use ssh_agent_lib::ssh_key::{
    HashAlg, LineEnding, PrivateKey,
    private::{Ed25519Keypair, KeypairData},
};
use std::sync::Arc;
use zeroize::Zeroize;

/// The key that the console logs in with. Cheap to clone; has no `Debug`.
#[derive(Clone)]
pub struct ConsoleKey(pub(crate) Arc<PrivateKey>);

fn unusable(error: impl std::fmt::Display) -> RemoteError {
    RemoteError::Key { detail: error.to_string() }
}

impl ConsoleKey {
    /// Makes a new key from the system's randomness. `comment` ends the public line, so that it can be told apart
    /// in an authorized_keys file.
    ///
    /// # Errors
    /// `Key` if the comment cannot stand in a key.
    pub fn generate(comment: &str) -> Result<Self, RemoteError> {
        let mut seed = [0u8; 32];
        rand::rng().fill_bytes(&mut seed);
        let pair = Ed25519Keypair::from_seed(&seed);
        seed.zeroize();
        Ok(Self(Arc::new(PrivateKey::new(KeypairData::Ed25519(pair), comment).map_err(unusable)?)))
    }

    /// Reads what `to_pem` wrote.
    ///
    /// # Errors
    /// `Key` if it is not an unencrypted OpenSSH private key.
    pub fn from_pem(pem: &SecretString) -> Result<Self, RemoteError> {
        let key = PrivateKey::from_openssh(pem.expose_secret()).map_err(unusable)?;
        if key.is_encrypted() {
            return Err(unusable("it is protected by a passphrase"));
        }
        Ok(Self(Arc::new(key)))
    }

    /// The private key in OpenSSH's format, to be sealed.
    ///
    /// # Errors
    /// `Key` if it cannot be written.
    pub fn to_pem(&self) -> Result<SecretString, RemoteError> {
        let pem = self.0.to_openssh(LineEnding::LF).map_err(unusable)?;
        Ok(SecretString::from(pem.as_str()))
    }

    /// `ssh-ed25519 AAAA… comment`.
    pub fn public_line(&self) -> String {
        self.0.public_key().to_openssh().unwrap_or_default()
    }

    /// `SHA256:…` as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// The public half as pages show it, with a line that installs it.
    pub fn describe(&self) -> host::ConsoleKey {
        let public_key = self.public_line();
        let one_liner = format!(
            "install -d -m 700 ~/.ssh && touch ~/.ssh/authorized_keys && chmod 600 ~/.ssh/authorized_keys && \
             (grep -qxF '{public_key}' ~/.ssh/authorized_keys || printf '\\n%s\\n' '{public_key}' >> ~/.ssh/authorized_keys)"
        );
        host::ConsoleKey { public_key, fingerprint: self.fingerprint(), one_liner }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_sealing_and_shows_only_its_public_half() {
        let key = ConsoleKey::generate("quorate").expect("key");
        let again = ConsoleKey::from_pem(&key.to_pem().expect("pem")).expect("key");
        assert_eq!(key.public_line(), again.public_line());
        assert!(key.public_line().starts_with("ssh-ed25519 ") && key.public_line().ends_with(" quorate"));
        assert!(key.fingerprint().starts_with("SHA256:"));
        assert!(!key.describe().one_liner.contains("PRIVATE"));
        assert_ne!(key.fingerprint(), ConsoleKey::generate("quorate").expect("key").fingerprint());
    }

    #[test]
    fn rubbish_is_refused_with_a_reason() {
        let error = ConsoleKey::from_pem(&SecretString::from("-----BEGIN")).err().expect("refused");
        assert!(matches!(error, RemoteError::Key { .. }));
    }
}
