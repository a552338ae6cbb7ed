//! What members write to their hosts' journals, as pages and the API see it. Invariant: a line is text from a host and
//! never markup; what it means (`Explanation`) is the console's own words. Reading journald lives in `remote`, etcd's own
//! format and what its messages mean in `etcd`.

use crate::{ids::HostId, time::Timestamp};
use serde::{Deserialize, Serialize};

/// How grave a line is, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LineLevel {
    /// For developers.
    Debug,
    /// In the course of things.
    Info,
    /// Something to know of.
    Warn,
    /// Something failed.
    Error,
}

impl LineLevel {
    /// All, mildest first.
    pub const ALL: [LineLevel; 4] = [LineLevel::Debug, LineLevel::Info, LineLevel::Warn, LineLevel::Error];

    /// As shown, and as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            LineLevel::Debug => "debug",
            LineLevel::Info => "info",
            LineLevel::Warn => "warn",
            LineLevel::Error => "error",
        }
    }
}

/// One line of a member's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JournalLine {
    /// When the journal took it, by the host's clock.
    pub at: Timestamp,
    /// How grave it is.
    pub level: LineLevel,
    /// The message.
    pub text: String,
    /// What etcd adds to it, as `name=value` pairs; empty for none.
    pub fields: String,
    /// What it means, where the console knows.
    pub explanation: Option<Explanation>,
}

/// What a known message means and what helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// Why etcd says that.
    pub cause: String,
    /// What to do.
    pub advice: String,
    /// The page whose button does it.
    pub remedy: Option<Remedy>,
}

/// Where the button is that helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Replace the member.
    ReplaceMember,
    /// The members and what can be done with each.
    Members,
    /// The configuration, its drift and settings.
    Configuration,
    /// The host and its checks.
    Host,
}

/// What was read of one member's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberJournal {
    /// Name of the member.
    pub member: String,
    /// Its host, where it is known.
    pub host: Option<HostId>,
    /// The lines, oldest first.
    pub lines: Vec<JournalLine>,
    /// Where to go on reading; none when nothing was read yet.
    pub cursor: Option<String>,
    /// Why its journal cannot be read now, in words.
    pub problem: Option<String>,
}
