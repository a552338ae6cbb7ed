//! Changes of keys. Invariant: every change names the revision that its author saw, and is done only if the key is still
//! there as seen; what it overwrote can be put back for a while.

use super::{Key, KeyMeta, ValueView};
use crate::{
    ids::{KeyUndoId, LeaseId},
    time::Timestamp,
    wide::Wide,
};
use serde::{Deserialize, Serialize};

/// etcd's default `--max-request-bytes` is 1.5 MiB; some of it is the request around the value.
pub const VALUE_MAX: usize = 1_572_864 - 4096;

/// How the bytes of a new value are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// As they are.
    #[default]
    Text,
    /// As base64 (RFC 4648, with padding).
    Base64,
}

/// What a value is checked for before it is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Syntax {
    /// Nothing.
    #[default]
    Any,
    /// That it is JSON.
    Json,
    /// That it is YAML.
    Yaml,
}

/// What becomes of a key's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LeaseChoice {
    /// As it is.
    #[default]
    Keep,
    /// The key stays for ever.
    Drop,
    /// The one that is given.
    Set,
}

/// Writes one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PutKey {
    /// The key.
    pub key: Key,
    /// Its `mod_revision` as seen; 0 for a key that must not be there yet.
    pub seen: Wide,
    /// The value.
    pub value: String,
    /// How the value is given.
    #[serde(default)]
    pub encoding: Encoding,
    /// What it must be; `any` to save it whatever it is.
    #[serde(default)]
    pub syntax: Syntax,
    /// Its lease.
    #[serde(default)]
    pub lease: LeaseChoice,
    /// The lease of `set`.
    #[serde(default)]
    pub lease_id: Option<LeaseId>,
}

/// Takes one key away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeleteKey {
    /// The key.
    pub key: Key,
    /// Its `mod_revision` as seen.
    pub seen: Wide,
}

/// Renames or copies one key, in one transaction; the lease goes along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MoveKey {
    /// The key.
    pub from: Key,
    /// Its `mod_revision` as seen.
    pub seen: Wide,
    /// The new name; must not be there yet.
    pub to: Key,
    /// Leave the old one.
    #[serde(default)]
    pub keep: bool,
}

/// Makes a key what it was at a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RestoreKey {
    /// The key.
    pub key: Key,
    /// Its value then.
    pub revision: Wide,
    /// Its `mod_revision` now as seen; 0 for a key that is not there.
    pub seen: Wide,
}

/// How a change ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EditOutcome {
    /// It was done.
    Done,
    /// Somebody else was faster; nothing was changed. `theirs` is what is there now.
    Lost,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditAnswer {
    /// How it ended.
    pub outcome: EditOutcome,
    /// The revision of the change, or the one at which it was lost.
    pub revision: Wide,
    /// With what it can be taken back, where something was overwritten or deleted.
    pub undo: Option<KeyUndoId>,
    /// What is there now, after a lost race; none when the key is gone.
    pub theirs: Option<Box<ValueView>>,
    /// What a reader should know: an answer of etcd was lost and the outcome was read instead, …
    pub note: String,
}

/// What the console keeps of a change that can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyUndo {
    /// Its id.
    pub id: KeyUndoId,
    /// When the change was made.
    pub at: Timestamp,
    /// By whom.
    pub actor: String,
    /// The key.
    pub key: Key,
    /// Whether the change took the key away.
    pub deleted: bool,
    /// The revision of the change; the undo is done only if the key is still as it left it.
    pub revision: Wide,
    /// What is known of the key as it was before.
    pub before: KeyMeta,
    /// Until when it is kept.
    pub until: Timestamp,
}

/// A lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Lease {
    /// Its id.
    pub id: LeaseId,
    /// Seconds left when it was asked; -1 when it has ended.
    pub ttl: i64,
    /// Seconds that it is kept alive for.
    pub granted: i64,
    /// The first of its keys that may be seen.
    pub keys: Vec<Key>,
    /// How many it has.
    pub key_count: u64,
}

/// Wants a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GrantLease {
    /// Seconds; 1 to 9,000,000,000 (etcd's limit).
    pub ttl: i64,
}
