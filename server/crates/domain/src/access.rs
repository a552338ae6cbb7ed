//! Who may do what: the one table. Invariant: nothing else decides about roles; the server asks it to make a
//! `Permit`, the page asks it to hide a button, a test holds it complete against the API. What a user's rules change of it
//! is reckoned in `keys`.

use crate::{
    ids::ClusterId,
    keys::{self, KeyRule},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A person's or token's role; each one may all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees status and key names, no values.
    Viewer,
    /// Reads values and does the guarded writes (re-checking hosts, cancelling, snapshots, moving a leader).
    Operator,
    /// Does the dangerous ones; manages users, hosts and secrets.
    Admin,
}

impl Role {
    /// All roles, weakest first.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

    /// The word stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("'{text}' is not a role; use viewer, operator or admin"))
    }
}

/// Everything the console can be asked to do. One variant a permit type in `core::permit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// See clusters, members, health and events.
    ViewClusters,
    /// See hosts, their facts and the console's public SSH key.
    ViewHosts,
    /// See operations, their plans and their output.
    ViewOperations,
    /// See the audit trail.
    ViewAudit,
    /// Read now what is on hosts: facts, configurations, journals.
    CheckHosts,
    /// Add, trust, edit and forget hosts, and give their sudo passwords.
    ManageHosts,
    /// Make plans and run operations of the guarded class.
    RunGuarded,
    /// Make plans and run operations of the dangerous class (install among them).
    RunDangerous,
    /// Cancel a running operation, or retry one that is stuck.
    SteerOperations,
    /// Skip a step, undo, or hand an operation over.
    OverrideOperations,
    /// Take a cluster out of the console (hosts are not touched).
    ForgetClusters,
    /// See names of keys, how many there are, and leases.
    ViewKeys,
    /// See values, what they were, and each change as it comes.
    ReadValues,
    /// Write keys, make leases and keep them alive, take own and others' changes back.
    WriteKeys,
    /// Delete keys, and end leases.
    DeleteKeys,
    /// Say whose keys are whose, which values are masked, and how long changes can be taken back.
    ManageKeys,
    /// See snapshots, vaults, schedules and drills.
    ViewSnapshots,
    /// Take snapshots, check them, and try out restores.
    TakeSnapshots,
    /// Download a snapshot, or open it and read what is in it: every secret of its cluster.
    ReadSnapshots,
    /// Make vaults and schedules; upload, protect and delete snapshots.
    ManageSnapshots,
    /// See users and tokens.
    ViewUsers,
    /// Invite, change, disable and delete users; end their sessions.
    ManageUsers,
    /// Make and revoke own API tokens.
    ManageOwnTokens,
}

impl Action {
    /// Every action, for tests and pages that list them.
    pub const ALL: [Action; 23] = [
        Action::ViewClusters,
        Action::ViewHosts,
        Action::ViewOperations,
        Action::ViewAudit,
        Action::CheckHosts,
        Action::ManageHosts,
        Action::RunGuarded,
        Action::RunDangerous,
        Action::SteerOperations,
        Action::OverrideOperations,
        Action::ForgetClusters,
        Action::ViewKeys,
        Action::ReadValues,
        Action::WriteKeys,
        Action::DeleteKeys,
        Action::ManageKeys,
        Action::ViewSnapshots,
        Action::TakeSnapshots,
        Action::ReadSnapshots,
        Action::ManageSnapshots,
        Action::ViewUsers,
        Action::ManageUsers,
        Action::ManageOwnTokens,
    ];

    /// The weakest role that may do it.
    pub fn least_role(self) -> Role {
        match self {
            Action::ViewClusters
            | Action::ViewHosts
            | Action::ViewOperations
            | Action::ViewKeys
            | Action::ViewSnapshots
            | Action::ManageOwnTokens => Role::Viewer,
            Action::CheckHosts
            | Action::RunGuarded
            | Action::SteerOperations
            | Action::ReadValues
            | Action::WriteKeys
            | Action::DeleteKeys
            | Action::TakeSnapshots
            | Action::ViewAudit => Role::Operator,
            Action::ManageHosts
            | Action::RunDangerous
            | Action::OverrideOperations
            | Action::ForgetClusters
            | Action::ManageKeys
            | Action::ReadSnapshots
            | Action::ManageSnapshots
            | Action::ViewUsers
            | Action::ManageUsers => Role::Admin,
        }
    }
}

/// What an action is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The whole console.
    Global,
    /// One cluster.
    Cluster(ClusterId),
    /// Keys of one cluster that start with a prefix (bytes).
    Keys(ClusterId, Vec<u8>),
}

/// Whether `role` may do `action` in `scope`, for somebody without rules. Roles are global: the scope does not narrow them.
pub fn allows(role: Role, action: Action, _scope: &Scope) -> bool {
    role >= action.least_role()
}

/// Whether somebody of `role` with these rules may do `action` in `scope`. About a cluster's keys, [`Scope::Cluster`] asks
/// for "somewhere in it" and [`Scope::Keys`] for every key that starts so; rules change nothing else.
pub fn allows_with(role: Role, rules: &[KeyRule], action: Action, scope: &Scope) -> bool {
    match scope {
        Scope::Global => allows(role, action, scope),
        Scope::Cluster(cluster) => keys::may_somewhere(role, rules, action, cluster),
        Scope::Keys(cluster, key) => keys::may(role, rules, action, cluster, key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stronger_role_may_all_a_weaker_may() {
        for action in Action::ALL {
            let allowed: Vec<bool> = Role::ALL.iter().map(|&r| allows(r, action, &Scope::Global)).collect();
            assert!(allowed.windows(2).all(|w| w[0] <= w[1]), "{action:?}");
            assert!(allowed[2], "an admin may {action:?}");
        }
    }

    #[test]
    fn a_viewer_changes_nothing_but_own_tokens() {
        let may: Vec<Action> = Action::ALL.into_iter().filter(|&a| allows(Role::Viewer, a, &Scope::Global)).collect();
        let seen =
            [Action::ViewClusters, Action::ViewHosts, Action::ViewOperations, Action::ViewKeys, Action::ViewSnapshots];
        assert_eq!(may, [&seen[..], &[Action::ManageOwnTokens]].concat());
    }

    #[test]
    fn without_rules_every_role_may_what_it_may_and_an_admin_does_with_them_too() {
        let cluster = ClusterId::from_random([1; 10]);
        let nothing = KeyRule { cluster: None, prefix: keys::Key::raw("/"), read: false, write: false, delete: false };
        let scopes = [Scope::Global, Scope::Cluster(cluster.clone()), Scope::Keys(cluster, b"/a".to_vec())];
        for (action, scope) in Action::ALL.into_iter().flat_map(|action| scopes.iter().map(move |s| (action, s))) {
            for role in Role::ALL {
                assert_eq!(allows_with(role, &[], action, scope), allows(role, action, scope), "{role} {action:?}");
            }
            assert!(allows_with(Role::Admin, std::slice::from_ref(&nothing), action, scope), "{action:?}");
        }
    }

    #[test]
    fn roles_parse_from_what_they_print() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().is_err());
    }
}
