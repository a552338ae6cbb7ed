//! Work on many keys, as data. Invariant: it names ranges, revisions and files, never a value; every call passes over what is so
//! already, so that one that was cut off is begun anew and ends the same.

use quorate_domain::{
    KeyFileId, OperationId,
    keys::{ImportMode, Key},
    wide::Wide,
};
use serde::{Deserialize, Serialize};

/// A file of keys as a plan names it: what an operation keeps has its name from the operation, which has none before it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileOf {
    /// One that was there before.
    Kept(KeyFileId),
    /// What the operation took from where it copies.
    Taken,
    /// What was there before the operation changed it.
    Before,
}

impl FileOf {
    /// Its id in an operation.
    ///
    /// # Errors
    /// The operation's id is none of this console's; in words.
    pub fn id(&self, operation: &OperationId) -> Result<KeyFileId, String> {
        let part = operation.as_str().strip_prefix(OperationId::PREFIX).unwrap_or_default();
        let name = match self {
            Self::Kept(id) => return Ok(id.clone()),
            Self::Taken => format!("{}{part}-taken", KeyFileId::PREFIX),
            Self::Before => format!("{}{part}", KeyFileId::PREFIX),
        };
        name.parse().map_err(|_| format!("the operation {operation} cannot name a file"))
    }

    /// As a person reads it.
    pub fn words(&self) -> String {
        match self {
            Self::Kept(id) => format!("the file {id}"),
            Self::Taken => "the keys that were taken".into(),
            Self::Before => "the keys that were kept".into(),
        }
    }
}

/// One piece of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeysCall {
    /// Keys as they were at a revision go into a file.
    Take {
        /// Those that start so.
        prefix: Key,
        /// What they start with in the file, and then without lease and revisions; as they are, if none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        renamed: Option<Key>,
        /// The revision.
        revision: Wide,
        /// Which file.
        into: FileOf,
        /// What it is kept for: `before delete_keys`.
        why: String,
    },
    /// What there is under the keys of a file goes into the file of before.
    Keep {
        /// The file.
        file: FileOf,
        /// What it is kept for.
        why: String,
    },
    /// The keys of a file are written.
    Put {
        /// The file.
        file: FileOf,
        /// What becomes of those that are there.
        mode: ImportMode,
        /// Those that changed after it stay.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<Wide>,
    },
    /// The undo of `Put`: keys that are as it left them become what they were before, or go.
    PutBack {
        /// The file that was written.
        file: FileOf,
    },
    /// The keys of the file of before go, if they are as they were then.
    Delete {
        /// As people read it.
        prefix: Key,
    },
    /// The undo of `Delete`: keys of that file that are not there are made again.
    Restore,
}

impl KeysCall {
    /// What it does, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Take { prefix, renamed, revision, .. } => {
                let named = renamed.as_ref().map_or_else(String::new, |to| format!(", named {to}…,"));
                let what = below(prefix);
                format!("get {what} at revision {revision}{named} into a sealed file of the console")
            }
            Self::Keep { file, .. } => {
                format!("get what there is under the keys of {} into a sealed file of the console", file.words())
            }
            Self::Put { file, mode, revision } => {
                let there = match mode {
                    ImportMode::Skip => "keys that are there stay".to_owned(),
                    ImportMode::Overwrite => match revision {
                        Some(revision) => {
                            format!("keys that are there are replaced unless they changed after {revision}")
                        }
                        None => "keys that are there are replaced".to_owned(),
                    },
                    ImportMode::OnlyIfUnchanged => {
                        "keys that are there are replaced if their mod_revision is the file's".to_owned()
                    }
                };
                format!("put {}; {there}", file.words())
            }
            Self::PutBack { file } => {
                format!(
                    "put back what was there under the keys of {}, where they are as the put left them",
                    file.words()
                )
            }
            Self::Delete { prefix } => {
                format!("del each key of {} that is as it was kept", below(prefix))
            }
            Self::Restore => "put the kept keys that are not there, with their leases where those live".into(),
        }
    }
}

/// Keys with a prefix, in words.
pub(crate) fn below(prefix: &Key) -> String {
    if prefix.is_empty() { "all keys".into() } else { format!("the keys that start with {prefix}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_names_its_files_and_names_them_again() {
        let operation = OperationId::from_random([7; 10]);
        let (before, taken) = (FileOf::Before.id(&operation), FileOf::Taken.id(&operation));
        assert!(before.is_ok() && taken.is_ok() && before != taken);
        assert_eq!(before, FileOf::Before.id(&operation));
        let kept = KeyFileId::from_random([1; 10]);
        assert_eq!(FileOf::Kept(kept.clone()).id(&operation), Ok(kept));
    }
}
