//! Whose keys are whose, and how a cluster's keys are handled. Invariant: a rule never gives more than keys below its prefix, and
//! only what one may do with keys; without a rule that concerns a cluster, the role says it all; an admin is never
//! narrowed. `access` asks here; nothing else decides.

use super::{KEY_MAX, Key};
use crate::{
    access::{Action, Role, Scope, allows},
    ids::ClusterId,
};
use serde::{Deserialize, Serialize};

/// The most rules that one user has.
pub const RULES_MAX: usize = 100;
/// The most prefixes whose values are masked.
pub const MASKED_MAX: usize = 100;
/// The most hours for which a change can be taken back.
pub const UNDO_HOURS_MAX: u32 = 720;

/// What a user may do with keys below a prefix. If any of a user's rules concerns a cluster, they replace what the role may do
/// with that cluster's keys. Names below the prefix may always be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyRule {
    /// In this cluster; in all of them, if none.
    #[serde(default)]
    pub cluster: Option<ClusterId>,
    /// Keys that start with this; empty for all.
    #[serde(default)]
    pub prefix: Key,
    /// Values may be read.
    #[serde(default)]
    pub read: bool,
    /// Keys may be written, leases made and kept alive.
    #[serde(default)]
    pub write: bool,
    /// Keys may be deleted, leases ended.
    #[serde(default)]
    pub delete: bool,
}

impl KeyRule {
    /// Whether it says something of `cluster`'s keys.
    pub fn concerns(&self, cluster: &ClusterId) -> bool {
        self.cluster.as_ref().is_none_or(|of| of == cluster)
    }

    /// Whether `action` may be done below its prefix.
    pub fn grants(&self, action: Action) -> bool {
        match action {
            Action::ViewKeys => true,
            Action::ReadValues => self.read,
            Action::WriteKeys => self.write,
            Action::DeleteKeys => self.delete,
            _ => false,
        }
    }

    /// What is wrong with it; none for a good one.
    pub fn problem(&self) -> Option<String> {
        (self.prefix.0.len() > KEY_MAX).then(|| format!("A prefix has at most {KEY_MAX} bytes"))
    }
}

/// Whether rules can change who may do `action`.
pub fn about_keys(action: Action) -> bool {
    matches!(action, Action::ViewKeys | Action::ReadValues | Action::WriteKeys | Action::DeleteKeys)
}

/// The prefixes below which `action` may be done in `cluster`; none for everywhere, no prefix for nowhere.
pub fn prefixes(role: Role, rules: &[KeyRule], action: Action, cluster: &ClusterId) -> Option<Vec<Key>> {
    let mut concerning = rules.iter().filter(|rule| rule.concerns(cluster)).peekable();
    if role == Role::Admin || !about_keys(action) || concerning.peek().is_none() {
        let scope = Scope::Cluster(cluster.clone());
        return if allows(role, action, &scope) { None } else { Some(Vec::new()) };
    }
    Some(concerning.filter(|rule| rule.grants(action)).map(|rule| rule.prefix.clone()).collect())
}

/// Whether `action` may be done with every key of `cluster` that starts with `key`, and so with `key` itself.
pub fn may(role: Role, rules: &[KeyRule], action: Action, cluster: &ClusterId, key: &[u8]) -> bool {
    prefixes(role, rules, action, cluster).is_none_or(|all| all.iter().any(|prefix| prefix.is_prefix_of(key)))
}

/// Whether `action` may be done with any key that `cluster` could have.
pub fn may_somewhere(role: Role, rules: &[KeyRule], action: Action, cluster: &ClusterId) -> bool {
    prefixes(role, rules, action, cluster).is_none_or(|all| !all.is_empty())
}

/// The rules of a token: its owner's, of which only what the token's own role may as well. A token with its owner's role
/// may all that the owner may; nothing narrows an admin, so nothing but its own role narrows an admin's token.
pub fn of_token(mut rules: Vec<KeyRule>, token: Role, owner: Role) -> Vec<KeyRule> {
    if owner == Role::Admin {
        return Vec::new();
    }
    if token < owner {
        for rule in &mut rules {
            rule.read &= allows(token, Action::ReadValues, &Scope::Global);
            rule.write &= allows(token, Action::WriteKeys, &Scope::Global);
            rule.delete &= allows(token, Action::DeleteKeys, &Scope::Global);
        }
    }
    rules
}

/// How the keys of a cluster are handled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct KeySettings {
    /// Values below these are shown only after somebody asked for it, which leaves an audit row.
    pub masked: Vec<Key>,
    /// Audit rows hold a hash of a key instead of the key.
    pub hash_in_audit: bool,
    /// For how many hours a change can be taken back; 1 to 720.
    pub undo_hours: u32,
}

impl Default for KeySettings {
    fn default() -> Self {
        // Where Kubernetes keeps its secrets (`--etcd-prefix` is `/registry` unless somebody changed it).
        Self { masked: vec![Key::raw("/registry/secrets/")], hash_in_audit: false, undo_hours: 72 }
    }
}

impl KeySettings {
    /// Whether the value of `key` is masked.
    pub fn masks(&self, key: &[u8]) -> bool {
        self.masked.iter().any(|prefix| prefix.is_prefix_of(key))
    }

    /// The field that is wrong, and why; none for good ones.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        if self.masked.len() > MASKED_MAX {
            return Some(("masked", format!("There are at most {MASKED_MAX} masked prefixes")));
        }
        if self.masked.iter().any(|prefix| prefix.0.len() > KEY_MAX) {
            return Some(("masked", format!("A prefix has at most {KEY_MAX} bytes")));
        }
        if !(1..=UNDO_HOURS_MAX).contains(&self.undo_hours) {
            return Some(("undo_hours", format!("Changes can be taken back for 1 to {UNDO_HOURS_MAX} hours")));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::allows_with;
    use proptest::prelude::*;

    fn cluster(n: u8) -> ClusterId {
        ClusterId::from_random([n; 10])
    }

    fn rule(prefix: &str, read: bool, write: bool, delete: bool) -> KeyRule {
        KeyRule { cluster: None, prefix: Key::raw(prefix), read, write, delete }
    }

    #[test]
    fn rules_of_a_cluster_replace_the_role_there_and_nowhere_else() {
        let rules = [KeyRule { cluster: Some(cluster(1)), ..rule("/app/", true, false, false) }];
        let may = |action, of, key: &str| may(Role::Operator, &rules, action, &cluster(of), key.as_bytes());
        assert!(may(Action::ReadValues, 1, "/app/x") && !may(Action::WriteKeys, 1, "/app/x"));
        assert!(!may(Action::ReadValues, 1, "/other") && !may(Action::ViewKeys, 1, "/app"));
        assert!(may(Action::WriteKeys, 2, "/other"), "the role's rights stay where no rule concerns the cluster");
        assert!(!may_somewhere(Role::Operator, &rules, Action::DeleteKeys, &cluster(1)));
    }

    #[test]
    fn a_rule_widens_what_a_viewer_may_below_its_prefix_only() {
        let rules = [rule("/app/", true, true, false)];
        let may = |action, key: &str| may(Role::Viewer, &rules, action, &cluster(1), key.as_bytes());
        assert!(may(Action::WriteKeys, "/app/") && may(Action::ReadValues, "/app/deep/er"));
        assert!(!may(Action::WriteKeys, "/apple") && !may(Action::DeleteKeys, "/app/x"));
    }

    #[test]
    fn a_token_may_no_more_than_its_own_role_and_its_owner() {
        let rules = vec![rule("/app/", true, true, true)];
        assert_eq!(of_token(rules.clone(), Role::Operator, Role::Operator), rules);
        assert_eq!(of_token(rules.clone(), Role::Viewer, Role::Operator), [rule("/app/", false, false, false)]);
        assert_eq!(of_token(rules.clone(), Role::Viewer, Role::Viewer), rules, "what rules add to a viewer");
        assert_eq!(of_token(rules, Role::Operator, Role::Admin), []);
    }

    #[test]
    fn secrets_of_kubernetes_are_masked_unless_somebody_says_otherwise() {
        let settings = KeySettings::default();
        assert!(settings.masks(b"/registry/secrets/default/token") && !settings.masks(b"/registry/pods/x"));
        assert_eq!(settings.problem(), None);
        let short = KeySettings { undo_hours: 0, ..KeySettings::default() };
        assert_eq!(short.problem().map(|(field, _)| field), Some("undo_hours"));
        let many = KeySettings { masked: vec![Key::raw("a"); MASKED_MAX + 1], ..KeySettings::default() };
        assert_eq!(many.problem().map(|(field, _)| field), Some("masked"));
    }

    fn key() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(b'/'), Just(b'a'), Just(0xff)], 0..4)
    }

    fn any_rule() -> impl Strategy<Value = KeyRule> {
        (proptest::option::of(0..2u8), key(), any::<[bool; 3]>()).prop_map(|(of, prefix, [read, write, delete])| {
            KeyRule { cluster: of.map(cluster), prefix: Key(prefix), read, write, delete }
        })
    }

    proptest! {
        #[test]
        fn a_rule_lets_nobody_do_more_than_it_says_below_its_prefix(
            rules in proptest::collection::vec(any_rule(), 0..5), key in key(), of in 0..2u8,
        ) {
            let of = cluster(of);
            for role in Role::ALL {
                for action in Action::ALL {
                    let scope = Scope::Keys(of.clone(), key.clone());
                    let asked = allows_with(role, &rules, action, &scope);
                    let somewhere = allows_with(role, &rules, action, &Scope::Cluster(of.clone()));
                    let mut concerning = rules.iter().filter(|rule| rule.concerns(&of)).peekable();
                    if role == Role::Admin || concerning.peek().is_none() || !about_keys(action) {
                        prop_assert_eq!(asked, allows(role, action, &scope));
                        prop_assert_eq!(somewhere, allows(role, action, &scope));
                    } else {
                        let said = |rule: &KeyRule| rule.grants(action) && key.starts_with(&rule.prefix.0);
                        prop_assert_eq!(asked, concerning.any(said));
                    }
                    prop_assert!(somewhere || !asked, "what may be done with a key may be done somewhere");
                }
            }
        }

        #[test]
        fn whoever_may_something_with_a_prefix_may_it_with_all_below(
            rules in proptest::collection::vec(any_rule(), 0..5), prefix in key(), rest in key(),
        ) {
            let below = [prefix.clone(), rest].concat();
            for action in Action::ALL {
                let may = |key: &[u8]| may(Role::Operator, &rules, action, &cluster(0), key);
                prop_assert!(!may(&prefix) || may(&below));
            }
        }
    }
}
