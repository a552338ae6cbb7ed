//! What is known of a cluster right now, and what happened to it. Invariant: a view is whole (never a patch),
//! carries the moment it was taken, and names every member that is configured, silent ones too.
//! Gathering it lives in `core::live`; only rules that need no IO are here.

mod layout;

pub use layout::{GUIDES_UNIT, Layout};

use crate::{
    ids::{ClusterId, HostId, MemberId, OperationId, SecretId},
    quorum::{Roster, Standing, Tolerance},
    time::Timestamp,
    version::Version,
    wide::Wide,
};
use serde::{Deserialize, Serialize};

/// How the client and peer URLs are spoken to; a property of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Plain text: whoever reaches the ports owns the cluster.
    #[default]
    Http,
    /// Mutual TLS (a later work order installs it).
    Https,
}

impl Scheme {
    /// As in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// How the console reaches a cluster's client ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Straight to each member's client URL.
    #[default]
    Direct,
    /// Through each host's SSH connection, so that the client port need not be open to the console.
    Ssh,
}

/// A member's part in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MemberRole {
    /// Votes.
    Voter,
    /// Receives the log, does not vote.
    Learner,
}

/// The reason of a member that was not asked yet, since the console looks.
pub const NOT_ASKED: &str = "no answer yet";

/// Whether a member answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "state", from = "FlatReachability")]
pub enum Reachability {
    /// It answered the last tick.
    Answering,
    /// It has not answered since then (or never, since the console looks).
    Unreachable {
        /// First missed tick.
        since: Timestamp,
        /// The reason in words.
        reason: String,
    },
}

/// As it is read: flat, because serde's own reader of tagged enums buffers its input and is compiled anew for each type
/// inside (8 KiB of the browser's wasm apiece).
#[derive(Deserialize)]
struct FlatReachability {
    state: ReachabilityState,
    #[serde(default)]
    since: Timestamp,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReachabilityState {
    Answering,
    Unreachable,
}

impl From<FlatReachability> for Reachability {
    fn from(flat: FlatReachability) -> Self {
        match flat.state {
            ReachabilityState::Answering => Self::Answering,
            ReachabilityState::Unreachable => Self::Unreachable { since: flat.since, reason: flat.reason },
        }
    }
}

/// What a member said at its last answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberStatus {
    /// Server version as text (a member may run one this console cannot parse).
    pub version: String,
    /// Bytes of the database file.
    pub db_size: Wide,
    /// Bytes of it in use.
    pub db_size_in_use: Wide,
    /// The leader this member follows; none when it knows none.
    pub leader: Option<MemberId>,
    /// Raft term.
    pub raft_term: Wide,
    /// Raft index.
    pub raft_index: Wide,
    /// Applied index.
    pub raft_applied: Wide,
    /// Revision of the store at the answer.
    pub revision: Wide,
    /// `Status.errors`: alarms and "etcdserver: no leader" in etcd's words.
    pub errors: Vec<String>,
    /// How long the answer took, in microseconds.
    pub answer_micros: u32,
}

/// The etcd unit on a member's host, when the host is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnitState {
    /// systemd's ActiveState (`active`, `activating`, `failed`, …).
    pub active: String,
    /// Whether it starts at boot.
    pub enabled: bool,
    /// When it was asked.
    pub taken_at: Timestamp,
}

/// One member of a cluster as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberView {
    /// Member id.
    pub id: MemberId,
    /// Name; empty for a member that was added and never started.
    pub name: String,
    /// Voter or learner.
    pub role: MemberRole,
    /// Peer URLs.
    pub peer_urls: Vec<String>,
    /// Client URLs; empty for one that never started.
    pub client_urls: Vec<String>,
    /// The host it runs on, where the console knows it.
    pub host: Option<HostId>,
    /// Whether it answers now.
    pub reachability: Reachability,
    /// Its last answer, kept while it is silent.
    pub status: Option<MemberStatus>,
    /// When the last answer came.
    pub last_seen: Option<Timestamp>,
    /// The unit's state, where known.
    pub unit: Option<UnitState>,
}

impl MemberView {
    /// Whether it was asked and did not answer.
    pub fn silent(&self) -> bool {
        matches!(&self.reachability, Reachability::Unreachable { reason, .. } if reason != NOT_ASKED)
    }

    /// Whether it answers and knows a leader: an isolated member still answers, but its vote is not to be had.
    pub fn healthy(&self) -> bool {
        self.reachability == Reachability::Answering && self.status.as_ref().is_some_and(|s| s.leader.is_some())
    }
}

/// One whole picture of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClusterView {
    /// The cluster.
    pub id: ClusterId,
    /// Its name in the console.
    pub name: String,
    /// Rising number of the view since the console started; a gap means views were skipped, never reordered.
    pub seq: Wide,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// http or https.
    pub scheme: Scheme,
    /// How it is reached.
    pub reach: Reach,
    /// etcd's cluster id in hex, once known.
    pub cluster_id_hex: Option<String>,
    /// All configured members, by name.
    pub members: Vec<MemberView>,
    /// The leader most voters agree on in the newest term.
    pub leader: Option<MemberId>,
    /// Votes.
    pub tolerance: Tolerance,
    /// Alarms in etcd's words (`NOSPACE`, `CORRUPT`), with the member's name.
    pub alarms: Vec<String>,
    /// Backend quota in bytes as installed, if known.
    pub quota: Option<Wide>,
    /// Since when there is no quorum; none while there is.
    pub no_quorum_since: Option<Timestamp>,
    /// The unfinished operation on this cluster, if any.
    pub operation: Option<OperationId>,
    /// Milliseconds between two ticks right now.
    pub tick_millis: u32,
}

/// How a cluster is, worst last, so that sorting descending puts what needs a person first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HealthLevel {
    /// All members answer.
    Healthy,
    /// No answer yet since the console looks.
    Unknown,
    /// Works, and something needs a person.
    AtRisk,
    /// Writes are not possible.
    NoQuorum,
}

/// Health in words first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// The level.
    pub level: HealthLevel,
    /// "Healthy: 3 of 3 voters, can lose 1".
    pub text: String,
}

impl ClusterView {
    /// The health of this view in words (design §7).
    pub fn health(&self) -> Health {
        let t = self.tolerance;
        let (level, text) = if !self.known() {
            (HealthLevel::Unknown, "Not seen yet".to_owned())
        } else if !t.has_quorum() {
            let since =
                self.no_quorum_since.map_or(String::new(), |at| format!(" since {}", &at.to_utc_text()[11..16]));
            (
                HealthLevel::NoQuorum,
                format!("No quorum{since}: {} of {} voters, {} needed", t.healthy, t.voters, t.quorum),
            )
        } else if self.leader.is_none() {
            (HealthLevel::AtRisk, "Electing a leader".to_owned())
        } else if let Some(alarm) = self.alarms.first() {
            (HealthLevel::AtRisk, format!("Alarm: {alarm}"))
        } else if t.healthy < t.voters {
            let next = match t.can_lose() {
                0 => "the next loss stops writes".to_owned(),
                n => format!("can lose {n}"),
            };
            (HealthLevel::AtRisk, format!("At risk: {} of {} voters, {next}", t.healthy, t.voters))
        } else if let Some(learner) =
            self.members.iter().find(|m| m.role == MemberRole::Learner && m.reachability != Reachability::Answering)
        {
            (HealthLevel::AtRisk, format!("Learner {} does not answer", learner.name))
        } else {
            (HealthLevel::Healthy, format!("Healthy: {} of {} voters, can lose {}", t.healthy, t.voters, t.can_lose()))
        };
        Health { level, text }
    }

    /// The members as the rules of `quorum` see them.
    pub fn roster(&self) -> Roster {
        let standing = |m: &MemberView| Standing {
            id: m.id,
            name: m.name.clone(),
            role: m.role,
            healthy: m.healthy() && m.status.as_ref().is_some_and(|s| s.leader == self.leader),
        };
        let old = |m: &MemberView| m.status.as_ref().and_then(|s| s.version.parse::<Version>().ok());
        Roster {
            members: self.members.iter().map(standing).collect(),
            leader: self.leader,
            adds_need_all: self.members.iter().filter_map(old).any(Version::adds_need_all_voters),
        }
    }

    /// Whether anything is known of it: somebody answered since the console looks, or all were waited for in vain.
    pub fn known(&self) -> bool {
        known(&self.members)
    }

    /// The leader's view.
    pub fn leader_member(&self) -> Option<&MemberView> {
        self.members.iter().find(|m| Some(m.id) == self.leader)
    }

    /// Raft entries `member` is behind the leader; none when either is silent.
    pub fn lag(&self, member: &MemberView) -> Option<u64> {
        let leader = self.leader_member()?.status.as_ref()?;
        let own = member.status.as_ref()?;
        (member.reachability == Reachability::Answering).then(|| leader.raft_index.0.saturating_sub(own.raft_applied.0))
    }
}

/// See [`ClusterView::known`]; for members that are not in a view yet.
pub fn known(members: &[MemberView]) -> bool {
    let waited_in_vain = !members.is_empty() && members.iter().all(MemberView::silent);
    waited_in_vain || members.iter().any(|m| m.last_seen.is_some())
}

/// A cluster's row on the fleet page: the whole view, which the page sorts by health.
pub type FleetEntry = ClusterView;

/// The kind of a thing that happened to a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClusterEventKind {
    /// Another member leads.
    LeaderChanged,
    /// There is no leader.
    LeaderLost,
    /// A member stopped answering.
    MemberLost,
    /// A member answers again.
    MemberBack,
    /// A member joined the configuration.
    MemberAdded,
    /// A member left the configuration.
    MemberRemoved,
    /// A learner became a voter.
    MemberPromoted,
    /// An alarm was raised.
    AlarmRaised,
    /// An alarm went.
    AlarmCleared,
    /// Quorum was lost.
    QuorumLost,
    /// Quorum is there again.
    QuorumBack,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClusterEvent {
    /// Rising number within the console.
    pub seq: i64,
    /// The cluster.
    pub cluster: ClusterId,
    /// When the console noticed.
    pub at: Timestamp,
    /// What.
    pub kind: ClusterEventKind,
    /// In words: "lab2 leads (term 5)".
    pub text: String,
}

/// What the console keeps about a cluster it manages (no live data).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClusterRecord {
    /// Id.
    pub id: ClusterId,
    /// Name, unique.
    pub name: String,
    /// http or https.
    pub scheme: Scheme,
    /// How it is reached.
    pub reach: Reach,
    /// Version it was installed with, or ran when it was adopted.
    pub version: Version,
    /// `initial-cluster-token`; empty for an adopted cluster that does not tell it.
    pub token: String,
    /// Quota in bytes; 0 where it is not known.
    pub quota: Wide,
    /// Where its members are expected.
    pub members: Vec<ClusterMemberRecord>,
    /// When it came under management.
    pub created_at: Timestamp,
    /// Somebody else installed it, so that its files need not be the guide's.
    #[serde(default)]
    pub adopted: bool,
    /// What it wants from its clients, sealed.
    #[serde(default)]
    pub access: Option<SecretId>,
}

/// One expected member of a recorded cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClusterMemberRecord {
    /// Member name.
    pub name: String,
    /// Host it runs on; none where the console knows no host of that address.
    pub host: Option<HostId>,
    /// Client URL.
    pub client_url: String,
    /// Peer URL.
    pub peer_url: String,
    /// Data directory; empty where it is not known.
    #[serde(default)]
    pub data_dir: String,
    /// How etcd lies on its host.
    #[serde(default)]
    pub layout: Layout,
}

impl ClusterMemberRecord {
    /// Whether its host can be laid to rest here: its etcd stopped for good, its data set aside.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn can_rest(&self) -> Result<(), String> {
        self.layout.steerable()?;
        if self.data_dir.is_empty() { Err("its data directory is not known".into()) } else { Ok(()) }
    }
}
