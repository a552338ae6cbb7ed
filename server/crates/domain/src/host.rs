//! Hosts as pages and the API see them. Invariant: facts are what a probe found at `taken_at`, verdicts on them are
//! made in `preflight`; nothing here can hold a password.

use crate::{
    ids::{ClusterId, HostId, OperationId},
    time::Timestamp,
    version::{Arch, Version},
    wide::Wide,
};
use serde::{Deserialize, Serialize};

/// The data directory that a host is looked at for before any install names another (the guide's).
pub const USUAL_DATA_DIR: &str = "/var/lib/etcd";
/// The ports, for clients and for peers, that it is looked at for (the guide's).
pub const USUAL_PORTS: [u16; 2] = [2379, 2380];

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
    /// LoadState of etcd.service as `systemctl show` says it (`loaded`, `masked`, `bad-setting` …); none without such a
    /// unit.
    #[serde(default)]
    pub unit_load: Option<String>,
    /// FragmentPath of etcd.service: the file that systemd reads as the unit; none without one.
    #[serde(default)]
    pub unit_path: Option<String>,
    /// Files of etcd.service.d that change the unit: DropInPaths, and those that wait for a unit of this name.
    #[serde(default)]
    pub unit_drop_ins: Vec<String>,
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

/// Latency of 50 writes of 2 KiB with dsync in a directory's file system, as etcd's WAL writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiskLatency {
    /// Mean, microseconds.
    pub mean_micros: u32,
    /// Worst, microseconds.
    pub max_micros: u32,
    /// How many writes.
    pub writes: u32,
    /// The directory in whose file system it was measured; facts from before this was kept are of the usual one.
    #[serde(default = "usual_data_dir")]
    pub dir: String,
}

fn usual_data_dir() -> String {
    USUAL_DATA_DIR.into()
}

impl DiskLatency {
    /// Whether it says something about `data_dir`: that directory or one below it.
    pub fn is_of(&self, data_dir: &str) -> bool {
        data_dir.strip_prefix(self.dir.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_from_before_a_field_was_kept_are_still_read() {
        let disk: DiskLatency =
            serde_json::from_str(r#"{"mean_micros":1200,"max_micros":2000,"writes":50}"#).expect("old row");
        assert_eq!(disk.dir, USUAL_DATA_DIR);
        let etcd = r#"{"binary_version":null,"binaries":[],"unit_active":"active","unit_enabled":true,"running":true,
            "user_exists":true,"data_dir_exists":true,"data_dir_has_member":true,"data_dir_is_mount":false,
            "conf_dir_exists":true,"conf":null,"unit":null,"drop_in":null}"#;
        let etcd: EtcdFacts = serde_json::from_str(etcd).expect("old row");
        assert_eq!((etcd.unit_load, etcd.unit_path, etcd.unit_drop_ins), (None, None, Vec::new()));
    }

    #[test]
    fn a_latency_is_of_its_directory_and_those_below_only() {
        let disk = DiskLatency { mean_micros: 1, max_micros: 1, writes: 50, dir: "/var/lib/etcd".into() };
        for (dir, of) in
            [("/var/lib/etcd", true), ("/var/lib/etcd/a", true), ("/var/lib/etcd2", false), ("/srv", false)]
        {
            assert_eq!(disk.is_of(dir), of, "{dir}");
        }
    }
}
