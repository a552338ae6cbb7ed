//! Files of keys: what an export writes and an import reads. Invariants: no byte of a key or value is lost in any format;
//! a writer holds one record, a reader one line or a document of bounded size; what is wrong is told with its line and
//! never repeats a value. Which keys go out and what becomes of those that come in is decided elsewhere.

mod entry;
mod read;
mod write;

pub use read::{Records, at_record, read};
pub use write::{EtcdctlHeader, ExportError, Writer};

use quorate_domain::{ids::LeaseId, keys::Key, wide::Wide};
use quorate_etcd::Pair;
use std::str::FromStr;

/// How a file of keys is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// One JSON object a line: `{"key": …, "value": …}`, or `value_base64` where the value is no UTF-8.
    Ndjson,
    /// A list of the same objects.
    Json,
    /// The same list as YAML.
    Yaml,
    /// What `etcdctl get -w json` prints: keys and values in base64.
    Etcdctl,
    /// What `etcdctl get` prints: a line with the key, a line with the value.
    EtcdctlSimple,
}

impl FileFormat {
    /// All, as offered.
    pub const ALL: [FileFormat; 5] =
        [FileFormat::Ndjson, FileFormat::Json, FileFormat::Yaml, FileFormat::Etcdctl, FileFormat::EtcdctlSimple];

    /// As in requests.
    pub fn as_str(self) -> &'static str {
        match self {
            FileFormat::Ndjson => "ndjson",
            FileFormat::Json => "json",
            FileFormat::Yaml => "yaml",
            FileFormat::Etcdctl => "etcdctl",
            FileFormat::EtcdctlSimple => "etcdctl-simple",
        }
    }

    /// What the name of such a file ends with, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            FileFormat::Ndjson => "ndjson",
            FileFormat::Json | FileFormat::Etcdctl => "json",
            FileFormat::Yaml => "yaml",
            FileFormat::EtcdctlSimple => "txt",
        }
    }

    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            FileFormat::Ndjson => "application/x-ndjson",
            FileFormat::Json | FileFormat::Etcdctl => "application/json",
            FileFormat::Yaml => "application/yaml",
            FileFormat::EtcdctlSimple => "text/plain; charset=utf-8",
        }
    }
}

/// The text names no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Choose one of the formats ndjson, json, yaml, etcdctl and etcdctl-simple")]
pub struct UnknownFormat;

impl FromStr for FileFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        FileFormat::ALL.into_iter().find(|format| format.as_str() == text).ok_or(UnknownFormat)
    }
}

/// What a file with these first bytes (some hundred are enough) most likely is.
pub fn detect(first: &[u8]) -> FileFormat {
    let first = String::from_utf8_lossy(first);
    let text = first.trim_start_matches('\u{feff}').trim_start();
    let begins = |text: &str, name: &str| {
        let rest = text.trim_start_matches(|c: char| c == '{' || c.is_whitespace());
        rest.strip_prefix('"').is_some_and(|rest| rest.starts_with(name))
    };
    let yaml = ["- ", "-\n", "---", "#"].iter().any(|start| text.starts_with(start));
    if text.starts_with('[') {
        FileFormat::Json
    } else if text.starts_with('{') {
        // etcdctl writes the header first, and a list or a count where it leaves that out.
        let etcdctl = ["header\"", "kvs\"", "count\""].iter().any(|name| begins(text, name));
        if etcdctl { FileFormat::Etcdctl } else { FileFormat::Ndjson }
    } else if yaml {
        FileFormat::Yaml
    } else if text.is_empty() {
        FileFormat::Ndjson
    } else {
        FileFormat::EtcdctlSimple
    }
}

/// A key in a file. Has no `Debug`: it holds a value.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The key.
    pub key: Key,
    /// Its value.
    pub value: Vec<u8>,
    /// The lease it had.
    pub lease: Option<LeaseId>,
    /// The revision that made it, where the file tells it.
    pub create_revision: Option<Wide>,
    /// The revision that changed it last, where the file tells it.
    pub mod_revision: Option<Wide>,
    /// How often it was written, where the file tells it.
    pub version: Option<Wide>,
    /// The line where it began in the file that was uploaded; only files that the console keeps tell it.
    pub line: Option<Wide>,
}

impl From<Pair> for Record {
    fn from(pair: Pair) -> Self {
        let known = |number: i64| u64::try_from(number).ok().filter(|number| *number > 0).map(Wide);
        Self {
            key: Key(pair.key),
            value: pair.value,
            lease: (pair.lease != 0).then(|| LeaseId(pair.lease.cast_unsigned())),
            create_revision: known(pair.create_revision),
            mod_revision: known(pair.mod_revision),
            version: known(pair.version),
            line: None,
        }
    }
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Line {line}: {message}")]
pub struct ImportError {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong and what would be right; nothing of the file is repeated.
    pub message: String,
}

#[cfg(test)]
mod tests;
