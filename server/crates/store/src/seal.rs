//! Sealing of secrets. Invariant: a sealed value opens only with the key that made it and only in the place it was
//! made for: table, row and purpose are authenticated with it. The key's file lives in `key`.

use crate::{MasterKey, Result, StoreError};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use zeroize::Zeroize;

/// First byte of every sealed value: which scheme made it.
const SCHEME: u8 = 1;
const NONCE: usize = 24;

/// Where a sealed value stands.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub table: &'a str,
    pub row: &'a str,
    pub purpose: &'a str,
}

impl Place<'_> {
    fn words(self) -> String {
        format!("{} of {} ({})", self.purpose, self.row, self.table)
    }
}

/// A sealed value as it is stored.
pub(crate) struct Sealed {
    pub key_id: String,
    pub bytes: Vec<u8>,
}

/// Seals and unseals with one master key.
pub(crate) struct Sealer {
    cipher: XChaCha20Poly1305,
    key_id: String,
    path: PathBuf,
}

impl Sealer {
    pub(crate) fn new(key: &MasterKey) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"quorate master key id\0");
        hash.update(key.bytes());
        Self {
            cipher: XChaCha20Poly1305::new(key.bytes().into()),
            key_id: hex::encode(&hash.finalize()[..8]),
            path: key.path().to_owned(),
        }
    }

    /// Where the key came from.
    pub(crate) fn key_path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn seal(&self, place: Place<'_>, secret: &SecretString) -> Result<Sealed> {
        let mut nonce = [0u8; NONCE];
        rand::Rng::fill(&mut rand::rng(), &mut nonce[..]);
        let aad = self.associated(place);
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: &aad };
        let text = self.cipher.encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| unseal(place))?;
        let mut bytes = Vec::with_capacity(1 + NONCE + text.len());
        bytes.push(SCHEME);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&text);
        Ok(Sealed { key_id: self.key_id.clone(), bytes })
    }

    pub(crate) fn unseal(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretString> {
        if sealed.key_id != self.key_id {
            return Err(StoreError::KeyWrong { path: self.path.clone() });
        }
        let Some((&[SCHEME], rest)) = sealed.bytes.split_first_chunk::<1>() else { return Err(unseal(place)) };
        let Some((nonce, text)) = rest.split_first_chunk::<NONCE>() else { return Err(unseal(place)) };
        let aad = self.associated(place);
        let plain = self
            .cipher
            .decrypt(XNonce::from_slice(nonce), Payload { msg: text, aad: &aad })
            .map_err(|_| unseal(place))?;
        String::from_utf8(plain).map(SecretString::from).map_err(|error| {
            error.into_bytes().zeroize();
            unseal(place)
        })
    }

    /// Lengths stand before the parts, so that no two places give the same bytes.
    fn associated(&self, place: Place<'_>) -> Vec<u8> {
        let mut bytes = b"quorate".to_vec();
        for part in [self.key_id.as_str(), place.table, place.row, place.purpose] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

fn unseal(place: Place<'_>) -> StoreError {
    StoreError::Unseal { what: place.words() }
}
