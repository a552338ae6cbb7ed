//! Hosts as pages and the API see them. Invariant: facts are what a probe found at `taken_at`, verdicts on them are
//! made in `preflight`; nothing here can hold a password.

use crate::{
    ids::{ClusterId, HostId, OperationId},
    time::Timestamp,
    version::{Arch, Version},
    wide::Wide,
};
use serde::{Deserialize, Serialize};

/// How root is reached on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Elevation {
    /// The login is root.
    #[default]
    Root,
    /// `sudo` without a password.
    Sudo,
    /// `sudo` with a password that is kept sealed.
    SudoPassword,
}

/// A host's public key as offered at first contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostKey {
    /// `ssh-ed25519`, `ecdsa-sha2-nistp256`, `rsa-sha2-512` …
    pub algorithm: String,
    /// `SHA256:…` as `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// The public key line `algorithm base64`, for known_hosts.
    pub public_key: String,
}

/// Whether a host may be connected to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "state", from = "FlatTrust")]
pub enum Trust {
    /// Keys were fetched and wait for a person; empty while the host has not been reached.
    Waiting {
        /// What the host offered.
        offered: Vec<HostKey>,
    },
    /// A person trusted these keys.
    Trusted {
        /// The pinned keys.
        keys: Vec<HostKey>,
    },
    /// The host offers another key than the pinned one: nothing is sent to it until a person decides.
    Changed {
        /// The pinned keys.
        pinned: Vec<HostKey>,
        /// What it offers now.
        offered: Vec<HostKey>,
    },
}

/// As it is read: flat, because serde's own reader of tagged enums buffers its input and is compiled anew for each type
/// inside (8 KiB of the browser's wasm apiece).
#[derive(Deserialize)]
struct FlatTrust {
    state: TrustState,
    #[serde(default)]
    keys: Vec<HostKey>,
    #[serde(default)]
    pinned: Vec<HostKey>,
    #[serde(default)]
    offered: Vec<HostKey>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum TrustState {
    Waiting,
    Trusted,
    Changed,
}

impl From<FlatTrust> for Trust {
    fn from(flat: FlatTrust) -> Self {
        match flat.state {
            TrustState::Waiting => Self::Waiting { offered: flat.offered },
            TrustState::Trusted => Self::Trusted { keys: flat.keys },
            TrustState::Changed => Self::Changed { pinned: flat.pinned, offered: flat.offered },
        }
    }
}

/// What the last contact with a host came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "state", from = "FlatContact")]
pub enum Contact {
    /// Not tried since it was added.
    Never,
    /// It answered.
    Ok {
        /// When.
        at: Timestamp,
    },
    /// It did not.
    Failed {
        /// When.
        at: Timestamp,
        /// Why, and what to do, in words.
        reason: String,
    },
}

/// As it is read; see `FlatTrust`.
#[derive(Deserialize)]
struct FlatContact {
    state: ContactState,
    #[serde(default)]
    at: Timestamp,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ContactState {
    Never,
    Ok,
    Failed,
}

impl From<FlatContact> for Contact {
    fn from(flat: FlatContact) -> Self {
        match flat.state {
            ContactState::Never => Self::Never,
            ContactState::Ok => Self::Ok { at: flat.at },
            ContactState::Failed => Self::Failed { at: flat.at, reason: flat.reason },
        }
    }
}

/// A registered host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostSummary {
    /// Id.
    pub id: HostId,
    /// Name in the console, unique; the address if none was given.
    pub name: String,
    /// Where SSH connects to.
    pub address: String,
    /// SSH port.
    pub port: u16,
    /// Login.
    pub user: String,
    /// How root is reached.
    pub elevation: Elevation,
    /// Whether a sudo password is kept.
    pub has_password: bool,
    /// Whether it may be connected to.
    pub trust: Trust,
    /// Last contact.
    pub contact: Contact,
    /// Facts of the last successful check.
    pub facts: Option<HostFacts>,
    /// The cluster it carries a member of.
    pub cluster: Option<ClusterId>,
    /// The unfinished operation that claims it.
    pub operation: Option<OperationId>,
    /// When it was added.
    pub created_at: Timestamp,
}

impl HostSummary {
    /// `user@address:port`.
    pub fn target(&self) -> String {
        format!("{}@{}:{}", self.user, crate::names::url_host(&self.address), self.port)
    }
}

/// What one host said about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostFacts {
    /// When it was asked.
    pub taken_at: Timestamp,
    /// `hostname`.
    pub hostname: String,
    /// PRETTY_NAME of /etc/os-release.
    pub os: String,
    /// `uname -m`.
    pub machine: String,
    /// The architecture as etcd's releases name it; none for others.
    pub arch: Option<Arch>,
    /// `uname -r`.
    pub kernel: String,
    /// `systemctl --version`'s number; none without systemd as PID 1.
    pub systemd: Option<u32>,
    /// Logical processors.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory: Wide,
    /// `getenforce`, or `absent`.
    pub selinux: String,
    /// SELINUX= of /etc/selinux/config; empty when absent.
    pub selinux_config: String,
    /// Host clock minus console clock in milliseconds, corrected by half the round trip.
    pub clock_offset_millis: i64,
    /// Whether root was reached (directly or by sudo).
    pub root: bool,
    /// Bytes free where the data directory would be.
    pub data_free: Wide,
    /// Bytes free in /usr/bin's file system.
    pub bin_free: Wide,
    /// `curl` is there.
    pub curl: bool,
    /// `tar` and `gzip` are there.
    pub tar: bool,
    /// What there is of etcd already.
    pub etcd: EtcdFacts,
    /// Listening TCP ports among those etcd would use, with the process's name when known.
    pub ports_in_use: Vec<PortInUse>,
    /// Own IP addresses (no loopback, no link-local).
    pub addresses: Vec<String>,
    /// Write latency of the data disk, when measured.
    pub disk: Option<DiskLatency>,
}

/// What there is of etcd on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EtcdFacts {
    /// Version of /usr/bin/etcd.
    pub binary_version: Option<Version>,
    /// Which of etcd, etcdctl, etcdutl are in /usr/bin, with the SHA-256 of each in hex.
    pub binaries: Vec<(String, String)>,
    /// ActiveState of etcd.service; none without such a unit.
    pub unit_active: Option<String>,
    /// Whether the unit is enabled.
    pub unit_enabled: bool,
    /// Whether a process named etcd runs.
    pub running: bool,
    /// The user etcd exists.
    pub user_exists: bool,
    /// The data directory exists.
    pub data_dir_exists: bool,
    /// It holds `member/` (or a WAL): never touched.
    pub data_dir_has_member: bool,
    /// The data directory is a mount point.
    pub data_dir_is_mount: bool,
    /// /etc/etcd exists.
    pub conf_dir_exists: bool,
    /// Content of /etc/etcd/etcd.conf, at most 64 KiB.
    pub conf: Option<String>,
    /// Content of /usr/lib/systemd/system/etcd.service, at most 64 KiB.
    pub unit: Option<String>,
    /// Content of /etc/systemd/system/etcd.service.d/quorate.conf, at most 64 KiB.
    pub drop_in: Option<String>,
}

/// A listening port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PortInUse {
    /// Port.
    pub port: u16,
    /// Process name, if it could be seen.
    pub process: Option<String>,
}

/// Latency of 50 writes of 2 KiB with dsync in the data directory's file system, as etcd's WAL writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiskLatency {
    /// Mean, microseconds.
    pub mean_micros: u32,
    /// Worst, microseconds.
    pub max_micros: u32,
    /// How many writes.
    pub writes: u32,
}

/// Whether one host reaches another's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PortReach {
    /// Something listens there.
    Open,
    /// Refused: nothing listens yet, and nothing filters.
    Refused,
    /// No answer in time: a firewall is likely.
    Filtered,
    /// No route, or the name does not resolve.
    NoRoute,
}

impl PortReach {
    /// Whether a member that listens there would be reached.
    pub fn reachable(self) -> bool {
        matches!(self, Self::Open | Self::Refused)
    }
}

/// One line of "add hosts".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewHost {
    /// `user@address:port`.
    pub target: String,
    /// Name; the address if empty.
    #[serde(default)]
    pub name: String,
    /// How root is reached; guessed from the login (root → root, else sudo) if left out.
    #[serde(default)]
    pub elevation: Option<Elevation>,
}

/// The console's own SSH key, as a person installs it on hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConsoleKey {
    /// `ssh-ed25519 AAAA… quorate`.
    pub public_key: String,
    /// `SHA256:…`.
    pub fingerprint: String,
    /// A shell line that adds it to the login's authorized_keys.
    pub one_liner: String,
}
