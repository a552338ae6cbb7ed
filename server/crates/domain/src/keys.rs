//! Keys of a cluster as pages and the API see them. Invariant: keys and values are bytes, and no form of either loses one;
//! 64-bit numbers are strings; a value goes only where its reader may see values. How keys are found lives in the crate
//! `keys`, who may in `core::keys`.

mod bulk;
mod edit;
mod key;
mod rules;
mod value;

pub use bulk::*;
pub use edit::*;
pub use key::{BadEscape, KEY_MAX, Key, hidden};
pub use rules::*;
pub use value::*;

use crate::{ids::LeaseId, time::Timestamp, wide::Wide};
use serde::{Deserialize, Serialize};

/// The most entries that one page has.
pub const PAGE_MAX: u32 = 1000;

/// Which page of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyQuery {
    /// Keys below this; empty for all.
    #[serde(default)]
    pub prefix: Key,
    /// What separates folders; empty for a flat list.
    #[serde(default)]
    pub separator: Key,
    /// The `next` of the page before.
    #[serde(default)]
    pub after: Option<Key>,
    /// The `revision` of the first page, so that pages belong together; of use where `source` is `etcd`.
    #[serde(default)]
    pub revision: Option<Wide>,
    /// How many; at most 1000.
    pub limit: u32,
    /// From the last name to the first; only from the index.
    #[serde(default)]
    pub descending: bool,
}

/// Where a page came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The console's own index of the cluster's keys, kept by a watch.
    Index,
    /// etcd, asked now.
    Etcd,
}

/// One page of keys and folders, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyPage {
    /// Where it came from.
    pub source: Source,
    /// The revision that it shows.
    pub revision: Wide,
    /// What is there.
    pub entries: Vec<KeyEntry>,
    /// `after` of the page that follows; none on the last one.
    pub next: Option<Key>,
    /// How many keys there are below the prefix, where that is known.
    pub keys: Option<Wide>,
    /// What a reader should know of this page (pages were read anew because of a compaction, only some ranges may be
    /// read, …); empty for nothing.
    pub note: String,
    /// The index now.
    pub index: IndexState,
}

/// A key or a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyEntry {
    /// The whole key; of a folder, what its keys start with, separator included.
    pub name: Key,
    /// What is known of the key; none for a folder.
    pub meta: Option<KeyMeta>,
    /// How many keys lie below a folder, where that is known.
    pub keys: Option<Wide>,
}

/// What is known of a key without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyMeta {
    /// The revision that made the key.
    pub create_revision: Wide,
    /// The revision that changed it last.
    pub mod_revision: Wide,
    /// How often it was written since it was made.
    pub version: Wide,
    /// Its lease.
    pub lease: Option<LeaseId>,
    /// Bytes of its value, where they were seen.
    pub size: Option<Wide>,
    /// When it changed last, where the console was watching.
    pub changed_at: Option<Timestamp>,
}

/// How far an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum IndexPhase {
    /// There is none; `why` may say for what reason.
    #[default]
    Off,
    /// Keys are being listed.
    Building,
    /// It follows the cluster.
    Live,
    /// It is of `revision`; the watch is being taken up again.
    Behind,
    /// The keys do not fit into its budget: pages come from etcd.
    TooLarge,
}

/// What is known of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IndexState {
    /// How far it is.
    pub phase: IndexPhase,
    /// Keys in it; while it is built, those listed so far.
    pub keys: Wide,
    /// How many there will be, while it is built.
    pub expected: Wide,
    /// The revision that it shows.
    pub revision: Wide,
    /// Memory it takes, in bytes.
    pub bytes: Wide,
    /// Since when it can say when keys changed.
    pub since: Option<Timestamp>,
    /// When sizes of values were last scanned.
    pub sizes_at: Option<Timestamp>,
    /// Why it is as it is; empty for no reason to tell.
    pub why: String,
}

/// How a pattern is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// The key starts with it.
    Prefix,
    /// It is anywhere in the key.
    #[default]
    Substring,
    /// `*`, `?` and `[…]` over the whole key.
    Glob,
    /// A regular expression that is found anywhere.
    Regex,
}

impl Match {
    /// All, as offered.
    pub const ALL: [Match; 4] = [Match::Substring, Match::Prefix, Match::Glob, Match::Regex];

    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Match::Prefix => "prefix",
            Match::Substring => "substring",
            Match::Glob => "glob",
            Match::Regex => "regex",
        }
    }
}

/// What is searched for. Asked again and again with `after` set to the `next` of the answer before, until there is none:
/// an answer comes when it has enough hits or has looked for some time, so a search can be shown as it goes and given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct KeySearch {
    /// Only below this prefix.
    pub prefix: Key,
    /// The pattern; empty matches all.
    pub pattern: String,
    /// How it is meant.
    pub how: Match,
    /// Whether upper and lower case are the same.
    pub ignore_case: bool,
    /// Look in values as well as in keys; takes the right to read values.
    pub in_values: bool,
    /// Only keys that changed at this moment or later, as far as the console was watching.
    pub changed_since: Option<Timestamp>,
    /// Only keys of this lease.
    pub lease: Option<LeaseId>,
    /// Only values of at least so many bytes, where sizes were scanned.
    pub min_size: Option<Wide>,
    /// Only values of at most so many bytes, where sizes were scanned.
    pub max_size: Option<Wide>,
    /// The `next` of the answer before.
    pub after: Option<Key>,
    /// The most hits of one answer; at most 1000, and 100 if zero.
    pub limit: u32,
}

/// A key that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hit {
    /// The key.
    pub key: Key,
    /// What is known of it.
    pub meta: KeyMeta,
    /// The place in the value where it was found, with some text around; empty when it was found in the key.
    pub excerpt: String,
}

/// What a search found so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SearchPage {
    /// What was found since the answer before.
    pub hits: Vec<Hit>,
    /// `after` of the next question; none when all was looked at.
    pub next: Option<Key>,
    /// Keys looked at for this answer.
    pub looked: Wide,
    /// Bytes of values read for this answer.
    pub read: Wide,
    /// Keys that are there below the prefix, where that is known.
    pub of: Option<Wide>,
    /// What a reader should know: since when changes are known, how many sizes are not, …
    pub note: String,
}
