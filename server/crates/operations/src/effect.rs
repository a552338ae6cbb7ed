//! Effects and conditions as data. Invariant: serialisable, complete and free of secrets, so that a plan stored in the
//! database can be resumed by another process, shown and printed; running them lives in `executor`.

mod host_task;
mod keys;
mod member;
mod snapshot;

pub use host_task::HostPart;
pub(crate) use keys::below;
pub use keys::{FileOf, KeysCall};
pub(crate) use member::LEARNER_PROMOTED;
pub use member::{MemberCall, MemberRef};
pub use snapshot::{SnapshotRef, SnapshotWork};

use quorate_domain::{
    HostId, SecretId,
    cluster::{ClusterMemberRecord, ClusterRecord, Layout, Reach, Scheme},
    host::HostSummary,
    snapshots::Content,
    version::{Arch, Version},
    wide::Wide,
};
use serde::{Deserialize, Serialize};

/// Where a lane of a step runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// On one host, by SSH, as root.
    Host {
        /// The host.
        id: HostId,
        /// Its name when the plan was made.
        name: String,
    },
    /// From the console, against the cluster's members.
    Cluster {
        /// The cluster's name.
        name: String,
    },
}

impl Place {
    /// On `host`.
    pub fn of(host: &HostSummary) -> Self {
        Self::Host { id: host.id.clone(), name: host.name.clone() }
    }

    /// The name shown.
    pub fn name(&self) -> &str {
        match self {
            Self::Host { name, .. } | Self::Cluster { name } => name,
        }
    }
}

/// A command on a host. The program and every argument are passed as they are; no shell reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Piped to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// It is ended after this many seconds.
    pub deadline_seconds: u32,
    /// Runs as a transient unit that outlives the connection and is never started twice.
    #[serde(default)]
    pub job: bool,
    /// Exit statuses beside 0 that are fine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_ok: Vec<i32>,
}

impl Run {
    /// A short command with 30 s to end.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            stdin: None,
            deadline_seconds: 30,
            job: false,
            also_ok: Vec::new(),
        }
    }

    /// With this much time.
    #[must_use]
    pub fn within(mut self, seconds: u32) -> Self {
        self.deadline_seconds = seconds;
        self
    }

    /// With `text` on its standard input.
    #[must_use]
    pub fn with_stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// As a detached job.
    #[must_use]
    pub fn as_job(mut self) -> Self {
        self.job = true;
        self
    }

    /// Where `status` is fine too.
    #[must_use]
    pub fn also_ok(mut self, status: i32) -> Self {
        self.also_ok.push(status);
        self
    }
}

/// A member as operations reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberTarget {
    /// Member name.
    pub name: String,
    /// Its host, where it is known.
    #[serde(default)]
    pub host: Option<HostId>,
    /// Its client URL.
    pub client_url: String,
    /// Its peer URL.
    pub peer_url: String,
    /// It serves clients on its host's loopback only, so it is reached through SSH whatever the cluster's reach is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub loopback: bool,
}

impl From<&ClusterMemberRecord> for MemberTarget {
    fn from(record: &ClusterMemberRecord) -> Self {
        let ClusterMemberRecord { name, host, client_url, peer_url, .. } = record.clone();
        Self { name, host, client_url, peer_url, loopback: false }
    }
}

impl MemberTarget {
    /// As the console keeps it, with its data in `data_dir` and all else as the guide has it.
    pub fn record(self, data_dir: impl Into<String>) -> ClusterMemberRecord {
        let Self { name, host, client_url, peer_url, .. } = self;
        let layout = Layout::default();
        ClusterMemberRecord { name, host, client_url, peer_url, data_dir: data_dir.into(), layout }
    }
}

/// How the members of a cluster are reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterTarget {
    /// Name in the console.
    pub name: String,
    /// Directly or through SSH.
    pub reach: Reach,
    /// What it wants from its clients, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<SecretId>,
    /// All members.
    pub members: Vec<MemberTarget>,
}

impl From<&ClusterRecord> for ClusterTarget {
    fn from(record: &ClusterRecord) -> Self {
        Self {
            name: record.name.clone(),
            reach: record.reach,
            access: record.access.clone(),
            members: record.members.iter().map(MemberTarget::from).collect(),
        }
    }
}

impl ClusterTarget {
    /// Where calls to this cluster run: from the console.
    pub fn place(&self) -> Place {
        Place::Cluster { name: self.name.clone() }
    }

    /// `--endpoints` as etcdctl takes them.
    pub fn endpoints(&self) -> String {
        self.members.iter().map(|m| m.client_url.as_str()).collect::<Vec<_>>().join(",")
    }
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A command as root.
    Run(Run),
    /// A file written whole: beside its place first, then renamed over.
    PutFile {
        /// Path.
        path: String,
        /// Owner.
        owner: String,
        /// Group.
        group: String,
        /// Permission bits.
        mode: u32,
        /// Content.
        content: String,
        /// What was there when the plan was made, for the shown difference.
        before: Option<String>,
    },
    /// The release archive, brought from the console's cache (filled first if need be).
    PushArchive {
        /// Version.
        version: Version,
        /// Architecture.
        arch: Arch,
        /// SHA-256 of the archive in hex.
        sha256: String,
        /// Base of the download URL.
        base_url: String,
        /// Path on the host.
        path: String,
    },
    /// The step goes on only if this holds now, whatever the survey saw when the plan was made.
    Guard {
        /// What must hold.
        condition: Condition,
        /// What is wrong otherwise, and what to do, in words.
        otherwise: String,
    },
    /// A condition waited for.
    Wait {
        /// What.
        condition: Condition,
        /// For so long at most.
        deadline_seconds: u32,
    },
    /// A key is written, read linearizably through every member, and deleted.
    Canary {
        /// The cluster.
        cluster: ClusterTarget,
        /// The key.
        key: String,
    },
    /// Who is in the cluster or who leads it changes: looked at first, judged by the rules of quorum right before, asked for
    /// again while etcd refuses for what passes by itself, and seen in the confirmed list afterwards.
    Member {
        /// The cluster, with every member that the console knows of by then.
        cluster: ClusterTarget,
        /// What.
        call: MemberCall,
        /// For so long at most.
        deadline_seconds: u32,
    },
    /// Work on many keys: looked at first, guarded by what was seen, and passed over where it is done.
    Keys {
        /// The cluster.
        cluster: ClusterTarget,
        /// What.
        call: KeysCall,
    },
    /// Snapshots are taken, and brought where they are restored.
    Snapshot(SnapshotWork),
    /// The console notes where the cluster's members are expected.
    RecordMembers {
        /// All of them, in their order.
        members: Vec<ClusterMemberRecord>,
    },
    /// The console notes the quota that the members have.
    RecordQuota {
        /// In bytes.
        quota: Wide,
    },
    /// The console notes the cluster's token.
    RecordToken {
        /// `initial-cluster-token`.
        token: String,
    },
    /// The console notes what is to be done on a host that is not reached, and does it once the host is back.
    LeaveHostTask(HostPart),
    /// Nothing is left to be done there. The undo of the other, and its end.
    CloseHostTask(HostPart),
    /// The console takes the cluster into its inventory.
    RegisterCluster(NewCluster),
    /// The console takes it out again; nothing is done on hosts. The undo of the other.
    ForgetCluster {
        /// Its name.
        name: String,
    },
}

/// A cluster that an operation made or found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCluster {
    /// Name.
    pub name: String,
    /// http or https.
    pub scheme: Scheme,
    /// Directly or through SSH.
    pub reach: Reach,
    /// Version.
    pub version: Version,
    /// Token.
    pub token: String,
    /// Quota in bytes.
    pub quota: Wide,
    /// Members.
    pub members: Vec<ClusterMemberRecord>,
    /// It was found.
    #[serde(default)]
    pub adopted: bool,
    /// What it wants from its clients, sealed.
    #[serde(default)]
    pub access: Option<SecretId>,
}

/// Something that can be observed without changing anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// A command exits 0.
    Succeeds {
        /// Program and arguments.
        argv: Vec<String>,
    },
    /// A command exits 0 and prints this.
    Prints {
        /// Program and arguments.
        argv: Vec<String>,
        /// Part of its standard output.
        text: String,
    },
    /// Exactly these members are in the cluster, have started, answer, and follow one leader.
    MembersAgree {
        /// The cluster.
        cluster: ClusterTarget,
        /// Names of those that were down when the plan was made, and need not answer.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        down: Vec<String>,
    },
    /// A learner has nearly all of the leader's log: by etcd's own ratio, and by an absolute number, because nine tenths
    /// of a long log is far behind.
    CaughtUp {
        /// The cluster.
        cluster: ClusterTarget,
        /// The learner.
        member: MemberRef,
        /// It may be this many raft entries behind.
        entries: u64,
    },
    /// What a member has is what a snapshot had.
    ContentIs {
        /// The cluster.
        cluster: ClusterTarget,
        /// The member's name.
        member: String,
        /// Live keys and their digest.
        content: Content,
    },
    /// The others keep quorum while this member is down.
    CanStop {
        /// The cluster.
        cluster: ClusterTarget,
        /// The member.
        member: MemberRef,
    },
}

/// One effect with what makes it unnecessary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What is done.
    pub effect: Effect,
    /// Observed first; when it holds already, nothing is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<Condition>,
}

impl From<Effect> for Action {
    fn from(effect: Effect) -> Self {
        Self { effect, unless: None }
    }
}

impl From<Run> for Action {
    fn from(run: Run) -> Self {
        Effect::Run(run).into()
    }
}

impl Action {
    /// Left out when `condition` holds.
    #[must_use]
    pub fn unless(mut self, condition: Condition) -> Self {
        self.unless = Some(condition);
        self
    }
}

impl Condition {
    /// `argv` exits 0.
    pub fn succeeds<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self::Succeeds { argv: argv.into_iter().map(Into::into).collect() }
    }

    /// A file or directory is there.
    pub fn exists(path: &str) -> Self {
        Self::succeeds(["test", "-e", path])
    }

    /// No such file or directory is there.
    pub fn absent(path: &str) -> Self {
        Self::succeeds(["test", "!", "-e", path])
    }
}
