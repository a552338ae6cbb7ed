//! What changes of a cluster's members are asked to do. Invariant: everything but the cluster and whom it is about has a
//! default, and a plan answers with all of it filled in; whether a change is safe is `quorum`'s to say, the steps are made in
//! `operations::kinds`.

mod urls;

pub use urls::{UpdateUrlsParams, listen_urls};

use crate::{
    etcd_conf::Setting,
    ids::{ClusterId, HostId, MemberId},
    install::{BinarySource, InstallMember, check_download_url, check_members, in_range},
    names,
    problem::FieldError,
    wide::Wide,
};
use serde::{Deserialize, Serialize};

/// Parameters of the kind `add_member`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AddMemberParams {
    /// The cluster.
    pub cluster: ClusterId,
    /// The new members, added one after another in this order.
    pub members: Vec<InstallMember>,
    /// Where binaries come from.
    #[serde(default)]
    pub source: BinarySource,
    /// Base of the download URL; the console's setting if empty.
    #[serde(default)]
    pub download_url: String,
    /// They stay learners: they get the log and no vote.
    #[serde(default)]
    pub leave_as_learner: bool,
    /// The other members are restarted afterwards, one at a time. Their configuration only counts when their data is lost,
    /// so they need not be.
    #[serde(default)]
    pub restart_others: bool,
    /// Names what the change keeps on hosts until it is not wanted back; generated if empty.
    #[serde(default)]
    pub token: String,
}

/// Parameters of the kind `remove_member`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RemoveMemberParams {
    /// The cluster.
    pub cluster: ClusterId,
    /// The member that leaves.
    pub member: MemberId,
    /// Names what the change keeps and sets aside on hosts; generated if empty.
    #[serde(default)]
    pub token: String,
}

/// Parameters of the kind `shrink_cluster`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ShrinkParams {
    /// The cluster.
    pub cluster: ClusterId,
    /// How many voters stay; 0: the next lower odd number.
    #[serde(default)]
    pub voters: u32,
    /// Names what the change keeps and sets aside on hosts; generated if empty.
    #[serde(default)]
    pub token: String,
}

/// Parameters of the kind `replace_member`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReplaceMemberParams {
    /// The cluster.
    pub cluster: ClusterId,
    /// The dead member.
    pub member: MemberId,
    /// The host of the new one, and how it is called there.
    pub replacement: InstallMember,
    /// Where binaries come from.
    #[serde(default)]
    pub source: BinarySource,
    /// Base of the download URL; the console's setting if empty.
    #[serde(default)]
    pub download_url: String,
    /// Names what the change keeps and sets aside on hosts; generated if empty.
    #[serde(default)]
    pub token: String,
}

/// Parameters of the kinds `promote_member` and `move_leader`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MemberParams {
    /// The cluster.
    pub cluster: ClusterId,
    /// The member: the learner that gets a vote, the voter that takes the lead. For `move_leader` the console proposes one
    /// if it is left out.
    #[serde(default)]
    pub member: Option<MemberId>,
}

/// Parameters of the kind `rolling_restart`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RestartParams {
    /// The cluster.
    pub cluster: ClusterId,
    /// Only these members; all if empty.
    #[serde(default)]
    pub members: Vec<MemberId>,
}

/// Parameters of the kind `edit_settings`: what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ClusterSettings {
    /// `quota-backend-bytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Wide>,
    /// Hours of history that periodic auto-compaction keeps; 0 switches it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_compaction_hours: Option<u32>,
    /// `heartbeat-interval` in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_millis: Option<u32>,
    /// `election-timeout` in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub election_millis: Option<u32>,
    /// `snapshot-count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_count: Option<u32>,
    /// `log-level`: debug, info, warn, error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,
}

impl ClusterSettings {
    /// Everything that is wrong as far as it can be told without looking.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut check = |field: &str, result: Result<(), String>| {
            if let Err(message) = result {
                errors.push(FieldError { field: field.to_owned(), message });
            }
        };
        let mut number = |field: &str, value: Option<u64>, least, most, words: &str| {
            check(field, value.map_or(Ok(()), |value| in_range(value, least, most, words)));
        };
        number("quota", self.quota.map(|q| q.0), 16 << 20, 8 << 30, "16 MiB to 8 GiB (etcd advises at most 8 GiB)");
        number("auto_compaction_hours", self.auto_compaction_hours.map(u64::from), 0, 720, "0 (off) to 720 hours");
        number("heartbeat_millis", self.heartbeat_millis.map(u64::from), 10, 5000, "10 to 5000 ms");
        number("election_millis", self.election_millis.map(u64::from), 100, 50_000, "100 to 50000 ms");
        number("snapshot_count", self.snapshot_count.map(u64::from), 1000, 1_000_000, "1000 to 1000000 entries");
        let known = ["debug", "info", "warn", "error"];
        let level = self.log_level.as_deref().is_none_or(|level| known.contains(&level));
        check("log_level", if level { Ok(()) } else { Err(format!("Use one of {}", known.join(", "))) });
        if *self == Self::default() {
            check("settings", Err("Change at least one setting".into()));
        }
        errors
    }

    /// As `etcd.conf` has them.
    pub fn lines(&self) -> Vec<(&'static str, Setting)> {
        let number = |key, value: Option<u64>| value.map(|n| (key, Setting::Number(n)));
        let text = |key, value: Option<&str>| value.map(|t| (key, Setting::Text(t.to_owned())));
        // Off is a retention of 0 whatever the mode.
        let hours = self.auto_compaction_hours.map(|h| if h == 0 { "0".to_owned() } else { format!("{h}h") });
        [
            number("quota-backend-bytes", self.quota.map(|q| q.0)),
            text("auto-compaction-mode", hours.as_ref().map(|_| "periodic")),
            text("auto-compaction-retention", hours.as_deref()),
            number("heartbeat-interval", self.heartbeat_millis.map(u64::from)),
            number("election-timeout", self.election_millis.map(u64::from)),
            number("snapshot-count", self.snapshot_count.map(u64::from)),
            text("log-level", self.log_level.as_deref()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Parameters of the kind `edit_settings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SettingsParams {
    /// The cluster.
    pub cluster: ClusterId,
    /// What changes.
    pub settings: ClusterSettings,
    /// Names what is kept on hosts; generated if empty.
    #[serde(default)]
    pub token: String,
}

/// Parameters of the kind `repair_drift`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RepairParams {
    /// The cluster.
    pub cluster: ClusterId,
    /// Only these members; all if empty.
    #[serde(default)]
    pub members: Vec<MemberId>,
    /// Names what is kept on hosts; generated if empty.
    #[serde(default)]
    pub token: String,
}

/// Parameters of the kind `uninstall_cluster`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UninstallParams {
    /// The cluster.
    pub cluster: ClusterId,
    /// Names what is set aside on hosts; generated if empty.
    #[serde(default)]
    pub token: String,
}

/// What is wrong with new members as far as it can be told without looking.
pub fn check_new_members(members: &[InstallMember], download_url: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut check = |field: String, result: Result<(), String>| {
        if let Err(message) = result {
            errors.push(FieldError { field, message });
        }
    };
    check("members".into(), check_members(members));
    for (i, member) in members.iter().enumerate() {
        if !member.name.is_empty() {
            check(format!("members.{i}.name"), names::check_name(&member.name));
        }
        if !member.address.is_empty() {
            check(format!("members.{i}.address"), crate::install::check_member_address(&member.address));
        }
    }
    if !download_url.is_empty() {
        check("download_url".into(), check_download_url(download_url));
    }
    errors
}

impl AddMemberParams {
    /// One new member on `host`, with every default.
    pub fn new(cluster: ClusterId, hosts: impl IntoIterator<Item = HostId>) -> Self {
        let member = |host| InstallMember { host, name: String::new(), address: String::new() };
        Self {
            cluster,
            members: hosts.into_iter().map(member).collect(),
            source: BinarySource::default(),
            download_url: String::new(),
            leave_as_learner: false,
            restart_others: false,
            token: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked_and_written_as_etcd_reads_them() {
        assert_eq!(ClusterSettings::default().validate()[0].field, "settings");
        let wrong =
            ClusterSettings { quota: Some(Wide(1)), log_level: Some("loud".into()), ..ClusterSettings::default() };
        let fields: Vec<String> = wrong.validate().into_iter().map(|e| e.field).collect();
        assert_eq!(fields, ["quota", "log_level"]);
        let right =
            ClusterSettings { auto_compaction_hours: Some(0), snapshot_count: Some(5000), ..Default::default() };
        assert_eq!(right.validate(), []);
        let keys: Vec<&str> = right.lines().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["auto-compaction-mode", "auto-compaction-retention", "snapshot-count"]);
    }

    #[test]
    fn wrong_members_are_named_at_their_fields() {
        let member = |name: &str, address: &str| InstallMember {
            host: HostId::from_random([1; 10]),
            name: name.into(),
            address: address.into(),
        };
        let fields = |members: &[InstallMember], url: &str| {
            check_new_members(members, url).into_iter().map(|e| e.field).collect::<Vec<_>>()
        };
        assert!(fields(&[member("lab4", "10.77.0.14")], "").is_empty());
        assert_eq!(fields(&[], "ftp://x"), ["members", "download_url"]);
        assert_eq!(fields(&[member("a b", "localhost")], ""), ["members.0.name", "members.0.address"]);
    }
}
