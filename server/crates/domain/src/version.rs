//! etcd versions as data: which ones exist, what is known against them, what they need. Invariant: rules about a
//! version stand in this table or in a function that takes a `Version`, never in an `if` elsewhere.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// An etcd release, `3.5.16`. Ordered by number. A string in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 3
    pub major: u16,
    /// 5
    pub minor: u16,
    /// 16
    pub patch: u16,
}

impl Version {
    /// The version of these numbers.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// The name of upstream's archive without its ending: `etcd-v3.5.16-linux-amd64`.
    pub fn archive_stem(self, arch: Arch) -> String {
        format!("etcd-v{self}-linux-{}", arch.release_name())
    }

    /// What stands against installing it; empty for a good one.
    pub fn marks(self) -> Vec<Mark> {
        MARKS.iter().filter(|(from, fixed, _)| *from <= self && self < *fixed).map(|(_, _, mark)| *mark).collect()
    }

    /// Whether this console installs it (design: 3.5 and later lines of 3; older ones can only be looked at).
    pub fn installable(self) -> bool {
        self.major == 3 && self.minor >= 5
    }

    /// Whether it adds a member only while all voters are connected (fixed in 3.5.30 and 3.6.11; CHANGELOG-3.5).
    pub fn adds_need_all_voters(self) -> bool {
        self < Self::new(3, 5, 30) || (self >= Self::new(3, 6, 0) && self < Self::new(3, 6, 11))
    }

    /// Whether a learner's peer URL may be updated: before 3.5.31 and 3.6.12 that silently makes it a voter.
    pub fn updates_learners_safely(self) -> bool {
        (self >= Self::new(3, 5, 31) && self < Self::new(3, 6, 0)) || self >= Self::new(3, 6, 12)
    }

    /// `--snapshot-count` when nothing is configured: 100 000 in 3.5, 10 000 from 3.6 (etcd's CHANGELOG-3.6).
    pub fn default_snapshot_count(self) -> u64 {
        if self >= Self::new(3, 6, 0) { 10_000 } else { 100_000 }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("“{text}” is not a version; write it as 3.5.16");
        let mut parts = text
            .strip_prefix('v')
            .unwrap_or(text)
            .split('.')
            .map(|p| if p.len() > 1 && p.starts_with('0') { None } else { p.parse::<u16>().ok() });
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Some(major)), Some(Some(minor)), Some(Some(patch)), None) => Ok(Self { major, minor, patch }),
            _ => Err(wrong()),
        }
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Version {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        crate::wide::string_schema("An etcd version such as 3.5.16.")
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Version {}

/// A processor architecture that etcd has releases for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Arch {
    /// x86_64
    Amd64,
    /// aarch64
    Arm64,
}

impl Arch {
    /// From `uname -m`; none for one without official etcd releases.
    pub fn from_uname(machine: &str) -> Option<Self> {
        match machine {
            "x86_64" => Some(Self::Amd64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// As it stands in the archive's name.
    pub fn release_name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// Something known against a range of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// How bad.
    pub severity: Severity,
    /// What happens, in a sentence.
    pub text: &'static str,
}

/// How much a mark weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Note,
    /// Choose another unless there is a reason.
    Avoid,
    /// Data can be lost.
    DataLoss,
}

/// (first affected, first fixed, mark). Sources: etcd CHANGELOG-3.5/3.6 and the advisories named in each text.
const MARKS: [(Version, Version, Mark); 9] = [
    (
        Version::new(3, 5, 0),
        Version::new(3, 5, 3),
        Mark { severity: Severity::DataLoss, text: "Members can disagree after a crash (fixed in 3.5.3)" },
    ),
    (
        Version::new(3, 5, 0),
        Version::new(3, 5, 5),
        Mark {
            severity: Severity::DataLoss,
            text: "A one-member cluster can lose an acknowledged write (fixed in 3.5.5)",
        },
    ),
    (
        Version::new(3, 5, 0),
        Version::new(3, 5, 6),
        Mark {
            severity: Severity::DataLoss,
            text: "A crash during defragmentation can make revisions drift (fixed in 3.5.6)",
        },
    ),
    (
        Version::new(3, 5, 1),
        Version::new(3, 5, 20),
        Mark {
            severity: Severity::Avoid,
            text: "A promoted learner is not saved in the v3 store: go to 3.5.32 or later before 3.6 (fixed in 3.5.20)",
        },
    ),
    (
        Version::new(3, 5, 0),
        Version::new(3, 5, 22),
        Mark { severity: Severity::Note, text: "--force-new-cluster can leave old members behind (fixed in 3.5.22)" },
    ),
    (
        Version::new(3, 5, 0),
        Version::new(3, 5, 25),
        Mark { severity: Severity::Note, text: "--force-new-cluster can leave learners behind (fixed in 3.5.25)" },
    ),
    (
        Version::new(3, 5, 0),
        Version::new(3, 5, 30),
        Mark { severity: Severity::Note, text: "A member cannot be added while another is down (fixed in 3.5.30)" },
    ),
    (
        Version::new(3, 5, 0),
        Version::new(3, 5, 30),
        Mark {
            severity: Severity::Avoid,
            text: "Authentication bypass, CVE-2026-33413 and CVE-2026-44283 (fixed in 3.5.30)",
        },
    ),
    (
        Version::new(3, 6, 0),
        Version::new(3, 6, 11),
        Mark { severity: Severity::Avoid, text: "Authentication bypass, CVE-2026-44283 (fixed in 3.6.11)" },
    ),
];

/// Versions the install wizard offers, newest of the proposed line first. Others can be typed.
pub const OFFERED: [Version; 4] =
    [Version::new(3, 5, 33), Version::new(3, 5, 30), Version::new(3, 5, 16), Version::new(3, 6, 14)];

/// One of them, as a source has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Offer {
    /// The version.
    pub version: Version,
    /// Whether the source holds it, as far as the console can see.
    pub held: bool,
    /// What stands against it, a sentence each.
    pub marks: Vec<String>,
}

impl Offer {
    /// The offer of `version`.
    pub fn new(version: Version, held: bool) -> Self {
        Self { version, held, marks: version.marks().iter().map(|mark| mark.text.to_owned()).collect() }
    }
}

/// What to propose of what a source holds: the newest 3.5 (design §6); none when it holds none of the offered ones.
pub fn proposed(held: &[Version]) -> Option<Version> {
    held.iter().copied().filter(|v| (v.major, v.minor) == (3, 5)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_parse_order_and_print() {
        let v: Version = "v3.5.16".parse().expect("version");
        assert_eq!(v.to_string(), "3.5.16");
        assert!(v < Version::new(3, 5, 30) && Version::new(3, 5, 9) < v);
        for bad in ["3.5", "3.5.16.1", "3.5.x", "", "3.05.1", "-3.5.1", "3.5.16-rc1"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_newest_3_5_that_a_source_holds_is_proposed() {
        let (guide, newest) = (Version::new(3, 5, 16), Version::new(3, 5, 33));
        assert_eq!(proposed(&OFFERED), Some(newest));
        assert_eq!(proposed(&[Version::new(3, 6, 14), guide]), Some(guide));
        assert_eq!(proposed(&[Version::new(3, 6, 14)]), None);
        assert!(!Offer::new(guide, true).marks.is_empty());
    }

    #[test]
    fn the_guides_version_is_selectable_with_its_marks() {
        let guide = Version::new(3, 5, 16);
        assert!(OFFERED.contains(&guide) && guide.installable());
        assert!(guide.marks().iter().any(|m| m.text.contains("3.5.32")));
        let forced = |v: Version| v.marks().iter().filter(|m| m.text.contains("--force-new-cluster")).count();
        let patches = [16, 21, 22, 24, 25].map(|patch| forced(Version::new(3, 5, patch)));
        assert_eq!(patches, [2, 2, 1, 1, 0], "old members before 3.5.22, learners before 3.5.25");
        assert!(Version::new(3, 5, 33).marks().is_empty());
        assert!(!Version::new(3, 4, 23).installable());
    }
}
