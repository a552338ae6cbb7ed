//! Many keys at once: files of keys, imports, copies, deletions of a prefix, comparisons. Invariant: what an operation is to do
//! is pinned to a revision that was reviewed; no type here holds a value.

use super::{Key, KeyMeta};
use crate::{
    ids::{ClusterId, KeyFileId},
    time::Timestamp,
    wide::Wide,
};
use serde::{Deserialize, Serialize};

/// The largest file of keys that is taken.
pub const FILE_MAX: u64 = 256 << 20;

/// What becomes of a key that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ImportMode {
    /// It stays as it is.
    #[default]
    Skip,
    /// It is replaced.
    Overwrite,
    /// It is replaced if its `mod_revision` is the one in the file, and else stays.
    OnlyIfUnchanged,
}

impl ImportMode {
    /// All, as offered.
    pub const ALL: [ImportMode; 3] = [ImportMode::Skip, ImportMode::Overwrite, ImportMode::OnlyIfUnchanged];

    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            ImportMode::Skip => "skip",
            ImportMode::Overwrite => "overwrite",
            ImportMode::OnlyIfUnchanged => "only_if_unchanged",
        }
    }
}

/// Parameters of `delete_keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeleteKeysParams {
    /// The cluster.
    pub cluster: ClusterId,
    /// Keys that start so; empty for all.
    pub prefix: Key,
    /// Only what was there at this revision, and is unchanged since; the plan fills it in.
    #[serde(default)]
    pub revision: Option<Wide>,
}

/// Parameters of `import_keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ImportKeysParams {
    /// The cluster.
    pub cluster: ClusterId,
    /// A file of keys that the console keeps for this cluster.
    pub file: KeyFileId,
    /// What becomes of keys that are there already.
    pub mode: ImportMode,
    /// Keys that changed after this revision stay as they are; the plan fills it in.
    #[serde(default)]
    pub revision: Option<Wide>,
}

/// Parameters of `copy_keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CopyKeysParams {
    /// The cluster that they are copied to.
    pub cluster: ClusterId,
    /// The cluster that they are copied from.
    pub from: ClusterId,
    /// Keys that start so; empty for all.
    pub prefix: Key,
    /// What they start with instead; the same, if none.
    #[serde(default)]
    pub to_prefix: Option<Key>,
    /// What becomes of keys that are there already.
    pub mode: ImportMode,
    /// As they were at this revision of `from`; the plan fills it in.
    #[serde(default)]
    pub revision: Option<Wide>,
}

impl CopyKeysParams {
    /// What the copies start with.
    pub fn target(&self) -> &Key {
        self.to_prefix.as_ref().unwrap_or(&self.prefix)
    }
}

/// A file of keys that the console keeps, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyFile {
    /// Its id.
    pub id: KeyFileId,
    /// The cluster whose keys it is for.
    pub cluster: ClusterId,
    /// What it was called.
    pub name: String,
    /// Bytes, as it is kept.
    pub bytes: Wide,
    /// Keys in it.
    pub keys: Wide,
    /// When it came.
    pub at: Timestamp,
    /// Who brought it.
    pub actor: String,
    /// Why it is kept: `uploaded`, `before delete_keys op-…`.
    pub why: String,
    /// It is dropped then.
    pub until: Timestamp,
}

/// What an import would do with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ImportWhat {
    /// It is not there, and is made.
    Add,
    /// It is replaced.
    Change,
    /// It has the value already.
    Same,
    /// It is there with another value, and stays.
    Skip,
}

impl ImportWhat {
    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            ImportWhat::Add => "add",
            ImportWhat::Change => "change",
            ImportWhat::Same => "same",
            ImportWhat::Skip => "skip",
        }
    }
}

/// A key of a file, and what would become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportChange {
    /// The key.
    pub key: Key,
    /// What would be done.
    pub what: ImportWhat,
    /// The line of the file where it stands, from 1.
    pub line: Wide,
}

/// What an import would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportPreview {
    /// Keys that would be made.
    pub adds: Wide,
    /// Keys that would be replaced.
    pub changes: Wide,
    /// Keys that have their value already.
    pub same: Wide,
    /// Keys that are there with another value, and would stay.
    pub skipped: Wide,
    /// Records that cannot be written: the line of each in the file that was uploaded, from 1, and why; the first 100.
    pub problems: Vec<(Wide, String)>,
    /// The first 100 keys that differ from what is there.
    pub sample: Vec<ImportChange>,
    /// `from` of the question for the next 100; none when these are the last ones.
    pub next: Option<Wide>,
}

/// The value of a key of a comparison, on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CompareValueQuery {
    /// The key.
    pub key: Key,
    /// As it was at this revision; now, if none.
    #[serde(default)]
    pub revision: Option<Wide>,
    /// With one of this cluster; the same, if none.
    #[serde(default)]
    pub other: Option<ClusterId>,
    /// With this key; the same, if none.
    #[serde(default)]
    pub other_key: Option<Key>,
    /// As the other one was at this revision; now, if none.
    #[serde(default)]
    pub other_revision: Option<Wide>,
}

impl CompareValueQuery {
    /// The other side, seen from `cluster`: which cluster, and which key.
    pub fn there<'a>(&'a self, cluster: &'a ClusterId) -> (&'a ClusterId, &'a Key) {
        (self.other.as_ref().unwrap_or(cluster), self.other_key.as_ref().unwrap_or(&self.key))
    }
}

/// What is compared. Asked again with `after`, `revision` and `other_revision` of the answer before until there is no `next`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CompareQuery {
    /// Keys that start so; empty for all.
    pub prefix: Key,
    /// As they were at this revision; now, if none.
    #[serde(default)]
    pub revision: Option<Wide>,
    /// With those of this cluster; the same, if none.
    #[serde(default)]
    pub other: Option<ClusterId>,
    /// With those that start so; the same, if none.
    #[serde(default)]
    pub other_prefix: Option<Key>,
    /// With those that were there at this revision; now, if none.
    #[serde(default)]
    pub other_revision: Option<Wide>,
    /// The `next` of the answer before.
    #[serde(default)]
    pub after: Option<Key>,
}

impl CompareQuery {
    /// The other side, seen from `cluster`: which cluster, and what its keys start with.
    pub fn there<'a>(&'a self, cluster: &'a ClusterId) -> (&'a ClusterId, &'a Key) {
        (self.other.as_ref().unwrap_or(cluster), self.other_prefix.as_ref().unwrap_or(&self.prefix))
    }
}

/// How a key differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The other side does not have it.
    OnlyHere,
    /// Only the other side has it.
    OnlyThere,
    /// Both have it, with different values.
    Differs,
}

/// A key that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyDifference {
    /// The key without the prefix.
    pub key: Key,
    /// How it differs.
    pub kind: DifferenceKind,
    /// What is known of it here.
    pub here: Option<KeyMeta>,
    /// What is known of it there.
    pub there: Option<KeyMeta>,
}

/// What a comparison found in one slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComparePage {
    /// Keys that differ, in order.
    pub differences: Vec<KeyDifference>,
    /// Keys of this slice that have the same value on both sides.
    pub same: Wide,
    /// `after` of the next question; none when all was compared.
    pub next: Option<Key>,
    /// The revision here.
    pub revision: Wide,
    /// The revision there.
    pub other_revision: Wide,
}
