//! What an install of a cluster is asked to do, with its defaults and its rules. Invariant: `validate` is the one
//! judge, in the browser while typing and on the server before planning; the steps themselves are made in
//! `operations::kinds::install_cluster`.

use crate::{
    cluster::{Reach, Scheme},
    ids::HostId,
    names,
    problem::FieldError,
    version::Version,
    wide::Wide,
};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Where the binaries come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum BinarySource {
    /// Each host downloads the archive from the download URL.
    #[default]
    Download,
    /// The console downloads it once, verifies it, and pushes it to the hosts (hosts without internet).
    Push,
    /// The wanted version is in /usr/bin on every host already.
    Installed,
}

/// One member to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InstallMember {
    /// The host.
    pub host: HostId,
    /// Member name; the host's name if empty.
    #[serde(default)]
    pub name: String,
    /// The IP address its peers and clients use; the host's own if empty.
    #[serde(default)]
    pub address: String,
}

/// Parameters of the kind `install_cluster`. Everything but `name` and `members` has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct InstallParams {
    /// The cluster's name in the console.
    pub name: String,
    /// Its members.
    pub members: Vec<InstallMember>,
    /// etcd's version.
    #[serde(default = "default_version")]
    pub version: Version,
    /// Where binaries come from.
    #[serde(default)]
    pub source: BinarySource,
    /// Base of the download URL, upstream's layout below it; the console's setting if empty.
    #[serde(default)]
    pub download_url: String,
    /// Data directory.
    #[serde(default = "default_data_dir")]
    pub data_dir: String,
    /// Port for clients.
    #[serde(default = "default_client_port")]
    pub client_port: u16,
    /// Port for peers.
    #[serde(default = "default_peer_port")]
    pub peer_port: u16,
    /// `initial-cluster-token`; generated if empty.
    #[serde(default)]
    pub token: String,
    /// http in this release.
    #[serde(default)]
    pub scheme: Scheme,
    /// How the console reaches the client ports.
    #[serde(default)]
    pub reach: Reach,
    /// `quota-backend-bytes`.
    #[serde(default = "default_quota")]
    pub quota: Wide,
    /// Hours of history that periodic auto-compaction keeps; 0 switches it off (for Kubernetes, which compacts itself).
    #[serde(default = "default_compaction")]
    pub auto_compaction_hours: u32,
    /// `heartbeat-interval` in milliseconds.
    #[serde(default = "default_heartbeat")]
    pub heartbeat_millis: u32,
    /// `election-timeout` in milliseconds.
    #[serde(default = "default_election")]
    pub election_millis: u32,
    /// `snapshot-count`; the version's default if left out.
    #[serde(default)]
    pub snapshot_count: Option<u32>,
}

fn default_version() -> Version {
    Version::new(3, 5, 16)
}
fn default_data_dir() -> String {
    "/var/lib/etcd".into()
}
fn default_client_port() -> u16 {
    2379
}
fn default_peer_port() -> u16 {
    2380
}
fn default_quota() -> Wide {
    Wide(2 << 30)
}
fn default_compaction() -> u32 {
    1
}
fn default_heartbeat() -> u32 {
    100
}
fn default_election() -> u32 {
    1000
}

impl InstallParams {
    /// The defaults for a cluster `name` on `members`.
    pub fn new(name: impl Into<String>, members: Vec<InstallMember>) -> Self {
        Self {
            name: name.into(),
            members,
            version: default_version(),
            source: BinarySource::default(),
            download_url: String::new(),
            data_dir: default_data_dir(),
            client_port: default_client_port(),
            peer_port: default_peer_port(),
            token: String::new(),
            scheme: Scheme::default(),
            reach: Reach::default(),
            quota: default_quota(),
            auto_compaction_hours: default_compaction(),
            heartbeat_millis: default_heartbeat(),
            election_millis: default_election(),
            snapshot_count: None,
        }
    }

    /// Everything that is wrong as far as it can be told without looking at a host; empty when fine.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut check = |field: &str, result: Result<(), String>| {
            if let Err(message) = result {
                errors.push(FieldError { field: field.to_owned(), message });
            }
        };
        check("name", names::check_name(&self.name));
        check("members", check_members(&self.members));
        for (i, member) in self.members.iter().enumerate() {
            if !member.name.is_empty() {
                check(&format!("members.{i}.name"), names::check_name(&member.name));
            }
            if !member.address.is_empty() {
                check(&format!("members.{i}.address"), check_member_address(&member.address));
            }
        }
        check("version", check_version(self.version));
        if !self.download_url.is_empty() {
            check("download_url", check_download_url(&self.download_url));
        }
        check("data_dir", names::check_data_dir(&self.data_dir));
        check("client_port", check_port(self.client_port));
        check("peer_port", check_port(self.peer_port));
        if self.client_port == self.peer_port {
            check("peer_port", Err("Peers and clients need two ports".into()));
        }
        if !self.token.is_empty() {
            check("token", names::check_name(&self.token));
        }
        if self.scheme == Scheme::Https {
            check("scheme", Err("This release installs http; mutual TLS comes with a later one".into()));
        }
        check("quota", in_range(self.quota.0, 16 << 20, 8 << 30, "16 MiB to 8 GiB (etcd advises at most 8 GiB)"));
        check("auto_compaction_hours", in_range(self.auto_compaction_hours.into(), 0, 720, "0 (off) to 720 hours"));
        check("heartbeat_millis", in_range(self.heartbeat_millis.into(), 10, 5000, "10 to 5000 ms"));
        check("election_millis", in_range(self.election_millis.into(), 100, 50_000, "100 to 50000 ms"));
        if self.election_millis < self.heartbeat_millis.saturating_mul(5) {
            check("election_millis", Err("etcd refuses less than 5 times the heartbeat; 10 times is advised".into()));
        }
        if let Some(count) = self.snapshot_count {
            check("snapshot_count", in_range(count.into(), 1000, 1_000_000, "1000 to 1000000 entries"));
        }
        errors
    }
}

pub(crate) fn check_members(members: &[InstallMember]) -> Result<(), String> {
    if members.is_empty() {
        return Err("Choose at least one host; three is the usual number".into());
    }
    if members.len() > 9 {
        return Err("Choose at most 9 hosts".into());
    }
    let mut hosts = HashSet::new();
    if members.iter().any(|m| !hosts.insert(&m.host)) {
        return Err("The same host is chosen twice".into());
    }
    let repeated = |values: Vec<&str>| {
        let mut seen = HashSet::new();
        values.into_iter().find(|v| !v.is_empty() && !seen.insert(*v)).map(str::to_owned)
    };
    if let Some(name) = repeated(members.iter().map(|m| m.name.as_str()).collect()) {
        return Err(format!("Two members are named {name}"));
    }
    if let Some(address) = repeated(members.iter().map(|m| m.address.as_str()).collect()) {
        return Err(format!("Two members have the address {address}"));
    }
    Ok(())
}

/// A member listens on its address, and etcd listens on IP addresses only; unspecified and loopback ones would be
/// advertised to peers that cannot use them.
pub(crate) fn check_member_address(address: &str) -> Result<(), String> {
    match address.parse::<std::net::IpAddr>() {
        Ok(ip) if ip.is_unspecified() || ip.is_loopback() => {
            Err("Peers cannot reach this address; give the one the other hosts use".into())
        }
        Ok(_) => Ok(()),
        Err(_) => Err("etcd listens on IP addresses only; give one such as 10.0.0.11".into()),
    }
}

fn check_version(version: Version) -> Result<(), String> {
    if version.installable() {
        Ok(())
    } else {
        Err(format!("etcd {version} is not installed by this console; use 3.5 or later"))
    }
}

/// Checks the base of a download URL.
///
/// # Errors
/// A sentence for the field.
pub fn check_download_url(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let plain = url.chars().all(|c| c.is_ascii_alphanumeric() || ":/._-~%[]@".contains(c));
    match rest {
        Some(rest) if plain && !rest.is_empty() && !rest.contains('@') && url.len() <= 300 => Ok(()),
        Some(rest) if rest.contains('@') => Err("Leave user and password out of the URL".into()),
        _ => Err("Give an http or https URL, such as https://mirror.example.net/etcd".into()),
    }
}

pub(crate) fn check_port(port: u16) -> Result<(), String> {
    if port >= 1024 { Ok(()) } else { Err("Use a port from 1024 to 65535; etcd does not run as root".into()) }
}

pub(crate) fn in_range(value: u64, least: u64, most: u64, words: &str) -> Result<(), String> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(format!("Use {words}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(n: u8) -> InstallMember {
        InstallMember { host: HostId::from_random([n; 10]), name: format!("lab{n}"), address: format!("10.77.0.1{n}") }
    }

    fn fields(p: &InstallParams) -> Vec<String> {
        p.validate().into_iter().map(|e| e.field).collect()
    }

    #[test]
    fn defaults_are_valid_and_the_guides() {
        let p = InstallParams::new("demo", vec![member(1), member(2), member(3)]);
        assert_eq!(p.validate(), []);
        assert_eq!((p.version.to_string().as_str(), p.client_port, p.peer_port), ("3.5.16", 2379, 2380));
    }

    #[test]
    fn a_request_may_leave_out_everything_with_a_default_and_nothing_else() {
        let json = r#"{"name":"demo","members":[{"host":"h-abc"}]}"#;
        let p: InstallParams = serde_json::from_str(json).expect("defaults");
        assert_eq!(p.data_dir, "/var/lib/etcd");
        assert!(serde_json::from_str::<InstallParams>(r#"{"name":"demo"}"#).is_err());
        assert!(serde_json::from_str::<InstallParams>(r#"{"name":"d","members":[],"x":1}"#).is_err());
    }

    #[test]
    fn each_wrong_field_is_named() {
        let mut p = InstallParams::new("a b", vec![member(1), member(1)]);
        p.data_dir = "/etc".into();
        p.peer_port = p.client_port;
        p.election_millis = 120;
        p.download_url = "ftp://x".into();
        p.members[0].address = "localhost".into();
        assert_eq!(
            fields(&p),
            ["name", "members", "members.0.address", "download_url", "data_dir", "peer_port", "election_millis"]
        );
    }
}
