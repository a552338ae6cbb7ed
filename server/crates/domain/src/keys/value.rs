//! Values as they are shown: how one looks, what it was, what each member says of it. Invariant: a form is made for the
//! eye, capped, and never what is written back: bytes travel as base64 or as the whole text.

use super::{Key, KeyMeta};
use crate::{ids::MemberId, plan::DiffLine, time::Timestamp, wide::Wide};
use serde::{Deserialize, Serialize};

/// How a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// UTF-8.
    Text,
    /// JSON, indented; its numbers as they are written.
    Json,
    /// JSON as a tree.
    Tree,
    /// YAML as it is.
    Yaml,
    /// Offset, bytes and ASCII.
    Hex,
    /// Base64.
    Base64,
}

impl Form {
    /// All, as offered.
    pub const ALL: [Form; 6] = [Form::Text, Form::Json, Form::Tree, Form::Yaml, Form::Hex, Form::Base64];

    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Form::Text => "text",
            Form::Json => "json",
            Form::Tree => "tree",
            Form::Yaml => "yaml",
            Form::Hex => "hex",
            Form::Base64 => "base64",
        }
    }
}

/// Which value, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ValueQuery {
    /// The key.
    pub key: Key,
    /// As it was at this revision; now, if none.
    #[serde(default)]
    pub revision: Option<Wide>,
    /// How it is shown; as it is detected, if none.
    #[serde(default)]
    pub form: Option<Form>,
    /// All of it, not only the beginning.
    #[serde(default)]
    pub all: bool,
    /// Show a value that is masked; leaves an audit row.
    #[serde(default)]
    pub reveal: bool,
}

/// A value as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ValueView {
    /// The key.
    pub key: Key,
    /// What is known of it; its size is always known here.
    pub meta: KeyMeta,
    /// The revision that was read.
    pub revision: Wide,
    /// Seconds until its lease ends, when it was read.
    pub ttl: Option<i64>,
    /// What the value looks like, once unpacked.
    pub detected: Form,
    /// The forms that it can be shown in.
    pub forms: Vec<Form>,
    /// The form of `text`.
    pub form: Form,
    /// The value in that form; empty when it is masked, or when it is a tree.
    pub text: String,
    /// The lines of the tree.
    pub tree: Vec<TreeLine>,
    /// Only the beginning is shown.
    pub cut: bool,
    /// The key lies where secrets do: nothing is shown before it is revealed.
    pub masked: bool,
    /// It is packed with gzip; what is shown is what is inside.
    pub gzip: bool,
    /// Whether the whole value is text, and so can be edited as text.
    pub is_text: bool,
    /// What Kubernetes keeps there.
    pub kubernetes: Option<KubernetesObject>,
}

impl ValueView {
    /// A value of which nothing is shown.
    pub fn masked(key: Key, meta: KeyMeta, revision: Wide) -> Self {
        Self {
            key,
            meta,
            revision,
            ttl: None,
            detected: Form::Text,
            forms: Vec::new(),
            form: Form::Text,
            text: String::new(),
            tree: Vec::new(),
            cut: false,
            masked: true,
            gzip: false,
            is_text: false,
            kubernetes: None,
        }
    }
}

/// One line of a JSON tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TreeLine {
    /// How deep it is.
    pub depth: u32,
    /// Name of the field, or number of the item.
    pub name: String,
    /// A scalar as it is written in the JSON; `{3}` or `[3]` for what has fields or items.
    pub value: String,
    /// Whether lines below belong to it.
    pub opens: bool,
}

/// What a value of Kubernetes says of itself (`k8s.io/apimachinery/pkg/runtime.Unknown`, then `ObjectMeta`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KubernetesObject {
    /// `v1`, `apps/v1`, …
    pub api_version: String,
    /// `Secret`, `Deployment`, …
    pub kind: String,
    /// Empty for what lies in none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How it is kept: `protobuf`, `json`, or `encrypted`.
    pub encoding: String,
}

/// Which part of a key's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// The key.
    pub key: Key,
    /// Changes before this revision; the newest ones, if none.
    #[serde(default)]
    pub before: Option<Wide>,
    /// How many; at most 200.
    pub limit: u32,
}

/// A part of a key's history, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryPage {
    /// The changes.
    pub changes: Vec<KeyChange>,
    /// `before` of the next question; none when nothing older is kept.
    pub next: Option<Wide>,
    /// Changes at this revision and before may be gone, because etcd was compacted there; 0 when it never was.
    pub compacted: Wide,
}

/// One change of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyChange {
    /// The key.
    pub key: Key,
    /// The revision of the change.
    pub revision: Wide,
    /// Whether it took the key away.
    pub deleted: bool,
    /// What is known of it after the change; of a deleted one before.
    pub meta: KeyMeta,
    /// The beginning of the value where it may be read and is text; empty otherwise.
    pub text: String,
    /// The same of the value before, where it is known.
    pub before: Option<String>,
}

/// What happened below a prefix that a tab watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyNews {
    /// The prefix.
    pub prefix: Key,
    /// The changes, oldest first.
    pub changes: Vec<KeyChange>,
    /// The revision up to which all is told.
    pub revision: Wide,
    /// Changes that nobody will tell, because etcd was compacted or too many came at once; in words, empty for none.
    pub missed: String,
    /// Why nothing comes at the moment; empty while it does.
    pub problem: String,
}

/// Two revisions of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DiffQuery {
    /// The key.
    pub key: Key,
    /// As it was at this revision.
    pub from: Wide,
    /// Against this revision; now, if none.
    #[serde(default)]
    pub to: Option<Wide>,
}

/// How two values differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ValueDiff {
    /// Line by line; JSON is indented first, bytes are shown as hex.
    pub lines: Vec<DiffLine>,
    /// The bytes are the same.
    pub same: bool,
    /// The bytes differ and the JSON says the same.
    pub same_json: bool,
    /// Only the beginnings were compared.
    pub cut: bool,
}

/// The most bytes that each text of a merge has: what etcd takes at most by default (`--max-request-bytes`).
pub const MERGE_MAX: usize = 1_572_864;

/// Two changes of one text that are to be brought together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MergeQuery {
    /// What both began with.
    pub base: String,
    /// What one made of it.
    pub mine: String,
    /// What the other made of it.
    pub theirs: String,
}

/// Two changes of one text brought together, line by line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Merged {
    /// The text with both changes. Where both changed the same lines, both stand between [`Merged::BEGIN`],
    /// [`Merged::BETWEEN`] and [`Merged::END`], each a line.
    pub text: String,
    /// How many such places there are.
    pub conflicts: u32,
}

impl Merged {
    /// The line before mine.
    pub const BEGIN: &'static str = "<<<<<<< mine";
    /// The line between mine and theirs.
    pub const BETWEEN: &'static str = "=======";
    /// The line after theirs.
    pub const END: &'static str = ">>>>>>> theirs";
}

/// One key on every member (the guide's check of replication), each asked by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EveryMember {
    /// What each says.
    pub members: Vec<MemberReading>,
    /// Whether all that answered say the same; none when fewer than two did.
    pub agree: Option<bool>,
    /// The verdict in words.
    pub words: String,
    /// When they were asked.
    pub at: Timestamp,
}

/// What one member says of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberReading {
    /// The member.
    pub member: MemberId,
    /// Its name.
    pub name: String,
    /// Its own revision.
    pub revision: Wide,
    /// The revision that changed the key last; none when it has no such key.
    pub mod_revision: Option<Wide>,
    /// Bytes of the value.
    pub size: Option<Wide>,
    /// SHA-256 of the value, the first 16 digits. Of a masked one it is salted anew for each answer, so that it tells whether
    /// members agree and nothing of the value.
    pub digest: String,
    /// Why it does not answer; empty if it does.
    pub problem: String,
}
