//! The digests of a database as it streams by: SHA-256 of all of it, and etcd's own at its end. Invariant: pure; how the bytes are cut
//! into chunks changes nothing; memory does not grow with them.

use crate::{bolt, error::VaultError};
use sha2::{Digest, Sha256};

/// A SHA-256, as etcd puts it behind what it streams.
const SEAL: usize = 32;
/// What bbolt's pages are a multiple of; etcd itself tells by it whether a digest is at the end.
const BLOCK: u64 = 512;

/// What a file must be to become good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// From etcd's Snapshot call: a whole database, with etcd's digest at its end.
    Snapshot,
    /// A database that somebody brought: whole; etcd's digest must be right if it has one. A copied `member/snap/db` has none.
    Database,
    /// Anything.
    Other,
}

/// What a stream was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digested {
    /// Bytes, with etcd's digest.
    pub bytes: u64,
    /// SHA-256 of all of them in hex.
    pub sha256: String,
    /// Whether etcd's own digest was there and right; none if it is missing.
    pub sealed_by_etcd: Option<bool>,
}

impl Digested {
    /// Nothing but the content that the file `name` had.
    pub(crate) fn demand(&self, name: &str, sha256: &str) -> Result<(), VaultError> {
        if self.sha256.eq_ignore_ascii_case(sha256) {
            return Ok(());
        }
        let what = "its bytes are not those that were put into the vault: their SHA-256 is another; use another snapshot and look into the disk or the store";
        Err(VaultError::Corrupt { name: name.to_owned(), what: what.into() })
    }
}

/// Why a stream is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Nothing came.
    #[error("it is empty; take or bring it again")]
    Empty,
    /// It does not begin as a database does.
    #[error(
        "it is no etcd database; bring the file that `etcdctl snapshot save` wrote, or `member/snap/db` of a stopped member"
    )]
    NotADatabase,
    /// Its end is missing.
    #[error("its end is missing: {there} of at least {needed} bytes are there; take or bring it again")]
    Truncated {
        /// Bytes that came.
        there: u64,
        /// Bytes by the database's own first pages.
        needed: u64,
    },
    /// Its length is none that a database has.
    #[error(
        "its length of {there} bytes is none that a database has, so it was cut off or added to; take or bring it again"
    )]
    OddLength {
        /// Bytes that came.
        there: u64,
    },
    /// etcd's digest at its end is not that of what is before it.
    #[error(
        "its bytes are not those that etcd wrote: the SHA-256 at its end is another than theirs; take or bring it again"
    )]
    WrongSeal,
    /// etcd's digest did not come.
    #[error("etcd's SHA-256 at its end is missing, so it did not come to its end; take it again")]
    NoSeal,
}

impl Damage {
    /// As the reason why the file `name` cannot be used.
    pub(crate) fn of(&self, name: &str) -> VaultError {
        VaultError::Corrupt { name: name.to_owned(), what: self.to_string() }
    }
}

/// Feed it the chunks in order, then `finish`.
#[derive(Clone)]
pub struct Digests {
    shape: Shape,
    bytes: u64,
    /// Of all bytes but those in `tail`.
    hash: Sha256,
    /// The last bytes, which may be etcd's digest.
    tail: Vec<u8>,
    head: Vec<u8>,
}

impl Digests {
    /// Of a stream of which nothing came yet.
    pub fn new(shape: Shape) -> Self {
        Self { shape, bytes: 0, hash: Sha256::new(), tail: Vec::with_capacity(2 * SEAL), head: Vec::new() }
    }

    /// The next chunk.
    pub fn update(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        if self.shape != Shape::Other && self.head.len() < bolt::HEAD {
            let wanted = (bolt::HEAD - self.head.len()).min(chunk.len());
            self.head.extend(chunk.iter().take(wanted));
        }
        let (body, end) = chunk.split_at(chunk.len().saturating_sub(SEAL));
        if !body.is_empty() {
            self.hash.update(&self.tail);
            self.tail.clear();
            self.hash.update(body);
        }
        self.tail.extend_from_slice(end);
        let settled = self.tail.len().saturating_sub(SEAL);
        self.hash.update(self.tail.drain(..settled).as_slice());
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the whole stream was.
    ///
    /// # Errors
    /// When it is not what its shape demands.
    pub fn finish(mut self) -> Result<Digested, Damage> {
        let sealed_by_etcd = match self.shape {
            Shape::Other => None,
            Shape::Snapshot => Some(self.seal()?.ok_or(Damage::NoSeal)?),
            Shape::Database => self.seal()?,
        };
        self.hash.update(&self.tail);
        Ok(Digested { bytes: self.bytes, sha256: hex::encode(self.hash.finalize()), sealed_by_etcd })
    }

    /// Whether etcd's digest is there and right; none if it is missing.
    fn seal(&self) -> Result<Option<bool>, Damage> {
        if self.bytes == 0 {
            return Err(Damage::Empty);
        }
        let needed = bolt::needed(&self.head).ok_or(Damage::NotADatabase)?;
        let sealed = self.bytes % BLOCK == SEAL as u64;
        let there = if sealed { self.bytes - SEAL as u64 } else { self.bytes };
        if there < needed {
            return Err(Damage::Truncated { there, needed });
        }
        if !sealed {
            return if self.bytes.is_multiple_of(BLOCK) { Ok(None) } else { Err(Damage::OddLength { there }) };
        }
        let right = self.hash.clone().finalize().as_slice() == self.tail.as_slice();
        if right { Ok(Some(true)) } else { Err(Damage::WrongSeal) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digested(shape: Shape, bytes: &[u8], chunk: usize) -> Result<Digested, Damage> {
        let mut digests = Digests::new(shape);
        bytes.chunks(chunk.max(1)).for_each(|chunk| digests.update(chunk));
        digests.finish()
    }

    fn sealed(pages: u64) -> Vec<u8> {
        let mut bytes = bolt::database(pages);
        bytes.extend(Sha256::digest(&bytes));
        bytes
    }

    #[test]
    fn etcds_digest_is_looked_for_where_etcd_puts_it() {
        let (plain, sealed) = (bolt::database(3), sealed(3));
        let of = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
        let right = Digested { bytes: 3 * 4096 + 32, sha256: of(&sealed), sealed_by_etcd: Some(true) };
        assert_eq!(digested(Shape::Snapshot, &sealed, 1000), Ok(right.clone()));
        assert_eq!(digested(Shape::Database, &sealed, 1000), Ok(right));
        let copied = Digested { bytes: 3 * 4096, sha256: of(&plain), sealed_by_etcd: None };
        assert_eq!(digested(Shape::Database, &plain, 1000), Ok(copied));
        assert_eq!(digested(Shape::Snapshot, &plain, 1000), Err(Damage::NoSeal));
    }

    #[test]
    fn damage_is_named() {
        assert_eq!(digested(Shape::Database, &[], 1), Err(Damage::Empty));
        assert_eq!(digested(Shape::Database, b"hello", 1), Err(Damage::NotADatabase));
        let mut bytes = sealed(4);
        let cut = Damage::Truncated { there: 2 * 4096, needed: 4 * 4096 };
        assert_eq!(digested(Shape::Database, &bytes[..2 * 4096], 700), Err(cut));
        assert_eq!(
            digested(Shape::Database, &bytes[..4 * 4096 + 31], 700),
            Err(Damage::OddLength { there: 4 * 4096 + 31 })
        );
        bytes[3 * 4096 + 5] ^= 4;
        assert_eq!(digested(Shape::Database, &bytes, 700), Err(Damage::WrongSeal));
        assert!(digested(Shape::Other, &[], 1).is_ok_and(|whole| whole.bytes == 0));
    }

    proptest! {
        #[test]
        fn chunks_change_nothing(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000), cuts in proptest::collection::vec(0_usize..90, 0..40),
        ) {
            let mut digests = Digests::new(Shape::Other);
            let mut rest = bytes.as_slice();
            for cut in cuts {
                let (chunk, after) = rest.split_at(cut.min(rest.len()));
                digests.update(chunk);
                rest = after;
            }
            digests.update(rest);
            let whole = digests.finish().expect("anything is well");
            prop_assert_eq!(whole.bytes, bytes.len() as u64);
            prop_assert_eq!(whole.sha256, hex::encode(Sha256::digest(&bytes)));
        }

        #[test]
        fn a_sealed_database_is_right_however_it_is_cut_and_wrong_with_any_bit_flipped(
            chunk in 1_usize..9000, at in 0_usize..(2 * 4096 + 32), bit in 0_u8..8,
        ) {
            let mut bytes = sealed(2);
            prop_assert!(digested(Shape::Snapshot, &bytes, chunk).is_ok());
            bytes[at] ^= 1 << bit;
            prop_assert!(digested(Shape::Snapshot, &bytes, chunk).is_err());
        }

        #[test]
        fn a_cut_database_is_never_taken_for_a_whole_one(left in 0_usize..(3 * 4096)) {
            prop_assert!(digested(Shape::Database, &sealed(3)[..left], 4000).is_err());
        }
    }
}
