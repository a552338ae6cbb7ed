//! What restores and rescues are asked for. Invariant: what is typed to confirm is not part of these; a plan fills in every default.

use crate::{
    ids::{ClusterId, HostId, SnapshotId},
    install::InstallParams,
    wide::Wide,
};
use serde::{Deserialize, Serialize};

/// Revisions are raised by so much after a restore, so that no watcher or cache takes an old revision for a new one, and what was
/// before is marked as compacted, so that watchers read anew (`etcdutl snapshot restore --bump-revision --mark-compacted`, from 3.5.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "by", deny_unknown_fields)]
pub enum Bump {
    /// As many as the cluster can have written since, reckoned from what the console saw of its revision, with slack; the plan
    /// fills in the number.
    Reckoned,
    /// Exactly so many.
    Revisions {
        /// How many.
        number: Wide,
    },
    /// Not at all: for clusters that nobody watches.
    Not,
}

/// The most that revisions are raised by: etcd's are signed numbers of 64 bits, and some room must be left.
const MOST: u64 = i64::MAX.unsigned_abs() / 2;
impl Bump {
    /// How many revisions are added; none if none are.
    pub fn number(self) -> Option<Wide> {
        match self {
            Self::Revisions { number } => Some(number),
            Self::Reckoned | Self::Not => None,
        }
    }

    /// Why it cannot be done, in words; none if it can.
    pub fn refused(self) -> Option<String> {
        let number = self.number()?.0;
        match number {
            0 => Some("Say how many, or choose not to raise them".into()),
            n if n > MOST => Some(format!("At most {MOST}")),
            _ => None,
        }
    }
}

/// Parameters of `restore_in_place`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RestoreInPlaceParams {
    /// The cluster.
    pub cluster: ClusterId,
    /// What all its members get.
    pub snapshot: SnapshotId,
    /// How revisions go on.
    #[serde(default = "reckoned")]
    pub bump: Bump,
    /// `initial-cluster-token` from then on, and the name of what is set aside; generated if empty.
    #[serde(default)]
    pub token: String,
}

/// Parameters of `return_from_restore`: what a restore in place set aside comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReturnParams {
    /// The cluster.
    pub cluster: ClusterId,
    /// The token that the restore gave it; the one it has if empty.
    #[serde(default)]
    pub restored: String,
    /// Names what is set aside now; generated if empty.
    #[serde(default)]
    pub token: String,
}

/// Parameters of `restore_new`: an install whose members begin with a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RestoreNewParams {
    /// What all members get.
    pub snapshot: SnapshotId,
    /// How revisions go on; a cluster of its own needs no bump unless clients move over to it.
    #[serde(default = "not")]
    pub bump: Bump,
    /// The cluster.
    pub install: InstallParams,
}

/// What a lost cluster begins again from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "from", deny_unknown_fields)]
pub enum RescueWay {
    /// The data of the survivor that knows most, with its log: a copy of it is opened by a throw-away etcd.
    Survivor {
        /// The survivor's host.
        host: HostId,
    },
    /// The database file of a survivor, without its log.
    Database {
        /// The survivor's host.
        host: HostId,
    },
    /// A good snapshot.
    Snapshot {
        /// Which.
        snapshot: SnapshotId,
    },
}

/// Parameters of `rescue_cluster`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RescueParams {
    /// The cluster without quorum.
    pub cluster: ClusterId,
    /// What it begins again from; the one that loses least if none.
    #[serde(default)]
    pub way: Option<RescueWay>,
    /// Hosts that are not reached, which a person says are off or cut off from the others.
    #[serde(default)]
    pub unfenced: Vec<HostId>,
    /// How revisions go on.
    #[serde(default = "reckoned")]
    pub bump: Bump,
    /// As with a restore in place.
    #[serde(default)]
    pub token: String,
}

fn reckoned() -> Bump {
    Bump::Reckoned
}

fn not() -> Bump {
    Bump::Not
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_and_too_many_are_refused() {
        let by = |number| Bump::Revisions { number: Wide(number) };
        assert!(by(0).refused().is_some() && by(u64::MAX).refused().is_some());
        assert_eq!((by(1).refused(), Bump::Not.refused(), Bump::Reckoned.refused()), (None, None, None));
        assert_eq!((by(7).number(), Bump::Not.number()), (Some(Wide(7)), None));
    }
}
