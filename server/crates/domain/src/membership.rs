//! What changes of a cluster's members are asked to do. Invariant: everything but the cluster and whom it is about has a
//! default, and a plan answers with all of it filled in; whether a change is safe is `quorum`'s to say, the steps are made in
//! `operations::kinds`.

use crate::{
    ids::{ClusterId, HostId, MemberId},
    install::{BinarySource, InstallMember, check_download_url, check_members},
    names,
    problem::FieldError,
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
