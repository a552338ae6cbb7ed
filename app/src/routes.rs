//! Paths of the site, as links are written. Invariant: `lib.rs` has the route table, everything else asks here, so
//! that a path is spelled in two places at most.

use quorate_domain::{ClusterId, HostId, HostTaskId, KeyFileId, MemberId, OperationId, SnapshotId, keys::Key};
use std::fmt::Write as _;

pub(crate) const FLEET: &str = "/";
pub(crate) const INSTALL: &str = "/clusters/install";
pub(crate) const ADOPT: &str = "/clusters/adopt";
pub(crate) const HOSTS: &str = "/hosts";
pub(crate) const ADD_HOSTS: &str = "/hosts/add";
pub(crate) const OPERATIONS: &str = "/operations";
pub(crate) const BACKUPS: &str = "/backups";
pub(crate) const AUDIT: &str = "/audit";
pub(crate) const SETTINGS: &str = "/settings";
pub(crate) const USERS: &str = "/settings/users";
pub(crate) const TOKENS: &str = "/settings/tokens";
pub(crate) const SSH_KEY: &str = "/settings/ssh-key";
pub(crate) const LOGIN: &str = "/login";
pub(crate) const SETUP: &str = "/setup";
pub(crate) const INVITE: &str = "/invite";

/// Overview of a cluster.
pub(crate) fn cluster(id: &ClusterId) -> String {
    format!("/clusters/{id}")
}

/// Configuration of a cluster.
pub(crate) fn cluster_config(id: &ClusterId) -> String {
    format!("/clusters/{id}/config")
}

/// The wizard that takes a cluster down to fewer voters.
pub(crate) fn shrink(id: &ClusterId) -> String {
    format!("/clusters/{id}/shrink")
}

/// What the members of a cluster log.
pub(crate) fn cluster_logs(id: &ClusterId) -> String {
    format!("/clusters/{id}/logs")
}

/// The same as a file.
pub(crate) fn cluster_logs_file(id: &ClusterId) -> String {
    format!("/transfers/clusters/{id}/journals")
}

/// Keys of a cluster.
pub(crate) fn cluster_keys(id: &ClusterId) -> String {
    format!("/clusters/{id}/keys")
}

/// One key of a cluster.
pub(crate) fn cluster_key(id: &ClusterId, key: &Key) -> String {
    format!("/clusters/{id}/keys?key={}", escape(&key.to_string()))
}

/// Pages about many keys of a cluster at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Many {
    Import,
    Copy,
    Compare,
    Delete,
}

/// Such a page, for the keys that start with `prefix`.
pub(crate) fn many_keys(id: &ClusterId, page: Many, prefix: &Key) -> String {
    let page = match page {
        Many::Import => "import-keys",
        Many::Copy => "copy-keys",
        Many::Compare => "compare-keys",
        Many::Delete => "delete-keys",
    };
    format!("/clusters/{id}/{page}?prefix={}", escape(&prefix.to_string()))
}

/// Leases of a cluster.
pub(crate) fn cluster_leases(id: &ClusterId) -> String {
    format!("/clusters/{id}/leases")
}

/// A whole value as a file; `reveal` for one that is masked.
pub(crate) fn value_file(id: &ClusterId, key: &Key, reveal: bool) -> String {
    let reveal = if reveal { "&reveal=true" } else { "" };
    format!("/transfers/clusters/{id}/value?key={}{reveal}", escape(&key.to_string()))
}

/// Keys below a prefix as a file; `reveal` for those with masked values, too.
pub(crate) fn export_file(id: &ClusterId, prefix: &Key, format: &str, revision: Option<u64>, reveal: bool) -> String {
    let revision = revision.map_or_else(String::new, |revision| format!("&revision={revision}"));
    let reveal = if reveal { "&reveal=true" } else { "" };
    format!("/transfers/clusters/{id}/export?prefix={}&format={format}{revision}{reveal}", escape(&prefix.to_string()))
}

/// Where a file of keys called `name` is sent.
pub(crate) fn upload_key_file(id: &ClusterId, name: &str) -> String {
    format!("/transfers/clusters/{id}/keys/files?name={}", escape(name))
}

/// A kept file of keys; `reveal` for one with masked values, too.
pub(crate) fn key_file(id: &ClusterId, file: &KeyFileId, reveal: bool) -> String {
    let reveal = if reveal { "?reveal=true" } else { "" };
    format!("/transfers/clusters/{id}/keys/files/{file}{reveal}")
}

/// The wizard that imports a kept file of keys.
pub(crate) fn import_kept(id: &ClusterId, file: &KeyFileId) -> String {
    format!("/clusters/{id}/import-keys?file={file}")
}

/// The wizard that copies keys from one cluster to another one.
pub(crate) fn copy_keys_to(from: &ClusterId, to: &ClusterId, prefix: &Key) -> String {
    format!("{}&to={to}", many_keys(from, Many::Copy, prefix))
}

/// `text` as a part of a query (RFC 3986: all but unreserved bytes are escaped; `/` and `:` may stay and are easier to read).
pub(crate) fn escape(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string never fails.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// The wizard that changes settings of a cluster.
pub(crate) fn cluster_settings(id: &ClusterId) -> String {
    format!("/clusters/{id}/settings")
}

/// Backups of a cluster.
pub(crate) fn cluster_backups(id: &ClusterId) -> String {
    format!("/clusters/{id}/backups")
}

/// A snapshot's page.
pub(crate) fn snapshot(id: &SnapshotId) -> String {
    format!("/snapshots/{id}")
}

/// The keys in a snapshot.
pub(crate) fn snapshot_keys(id: &SnapshotId) -> String {
    format!("/snapshots/{id}/keys")
}

/// A snapshot as a file.
pub(crate) fn snapshot_file(id: &SnapshotId) -> String {
    format!("/transfers/snapshots/{id}")
}

/// Where a database is sent: of a cluster of the console, or else called `name`; `vault` is the id of where it goes.
pub(crate) fn upload_snapshot(cluster: &str, name: &str, vault: &str) -> String {
    let of = if cluster.is_empty() { format!("name={}", escape(name)) } else { format!("cluster={}", escape(cluster)) };
    format!("/transfers/snapshots?{of}&vault={}", escape(vault))
}

/// The wizard that puts a snapshot in the place of a cluster's data.
pub(crate) fn restore_in_place(id: &ClusterId, snapshot: &SnapshotId) -> String {
    format!("/clusters/{id}/restore?snapshot={snapshot}")
}

/// The wizard that makes a new cluster of a snapshot.
pub(crate) fn restore_new(snapshot: &SnapshotId) -> String {
    format!("/snapshots/{snapshot}/restore-new")
}

/// Operations of a cluster.
pub(crate) fn cluster_operations(id: &ClusterId) -> String {
    format!("/clusters/{id}/operations")
}

/// The comparison of an opened snapshot with a cluster or another one.
pub(crate) fn compare_snapshot(id: &SnapshotId, prefix: &Key) -> String {
    format!("/snapshots/{id}/compare?prefix={}", escape(&prefix.to_string()))
}

/// The wizard that brings a cluster without quorum back.
pub(crate) fn rescue(id: &ClusterId) -> String {
    format!("/clusters/{id}/rescue")
}

/// The wizard that adds members to a cluster.
pub(crate) fn add_member(id: &ClusterId) -> String {
    format!("/clusters/{id}/add-member")
}

/// The wizard of `kind` for a member, or for all.
pub(crate) fn change(id: &ClusterId, kind: &str, member: Option<MemberId>) -> String {
    let member = member.map_or_else(|| "all".to_owned(), |id| id.to_string());
    match kind {
        "replace_member" => format!("/clusters/{id}/replace/{member}"),
        "update_member_urls" => format!("/clusters/{id}/addresses/{member}"),
        kind => format!("/clusters/{id}/change/{kind}/{member}"),
    }
}

/// The review that brings back what the restore with this token set aside.
pub(crate) fn return_from_restore(id: &ClusterId, token: &str) -> String {
    format!("/clusters/{id}/change/return_from_restore/{}", escape(token))
}

/// A host's page.
pub(crate) fn host(id: &HostId) -> String {
    format!("/hosts/{id}")
}

/// The review of what is left to be done on a host.
pub(crate) fn finish_removal(host: &HostId, task: &HostTaskId) -> String {
    format!("/hosts/{host}/change/finish_removal/{task}")
}

/// An operation's page.
pub(crate) fn operation(id: &OperationId) -> String {
    format!("/operations/{id}")
}

/// Whether a page stands alone: one card, no rail, nobody logged in.
pub(crate) fn stands_alone(path: &str) -> bool {
    [LOGIN, SETUP, INVITE].contains(&path)
}

/// Where a login goes on to: a path of this site, never another one.
pub(crate) fn safe_next(next: &str) -> &str {
    let own = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    if own && !stands_alone(next) { next } else { FLEET }
}

/// Whether the rail's entry `entry` is the place where `path` is.
pub(crate) fn is_below(entry: &str, path: &str) -> bool {
    match entry {
        FLEET => path == FLEET || path.starts_with("/clusters"),
        BACKUPS => path == BACKUPS || path.starts_with("/snapshots"),
        entry => path == entry || path.strip_prefix(entry).is_some_and(|rest| rest.starts_with('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rail_marks_one_entry() {
        for (path, entry) in [
            ("/", FLEET),
            ("/clusters/c-1", FLEET),
            ("/hosts/add", HOSTS),
            ("/settings/users", SETTINGS),
            ("/snapshots/sn-1/keys", BACKUPS),
        ] {
            let marked: Vec<&str> = [FLEET, HOSTS, OPERATIONS, BACKUPS, AUDIT, SETTINGS]
                .into_iter()
                .filter(|e| is_below(e, path))
                .collect();
            assert_eq!(marked, [entry], "{path}");
        }
        assert!(!is_below(HOSTS, "/hosts-x"));
    }

    #[test]
    fn a_prefix_goes_into_a_path_as_it_is_written() {
        let path = many_keys(&ClusterId::from_random([1; 10]), Many::Delete, &Key(b"/a b+\xff/".to_vec()));
        assert!(path.ends_with("/delete-keys?prefix=/a%20b%2B%5Cxff/"), "{path}");
    }

    #[test]
    fn files_of_keys_have_paths_that_say_what_is_in_them() {
        let (id, prefix) = (ClusterId::from_random([1; 10]), Key::raw("/a b/"));
        let export = export_file(&id, &prefix, "yaml", Some(7), true);
        assert!(export.ends_with("/export?prefix=/a%20b/&format=yaml&revision=7&reveal=true"), "{export}");
        assert!(upload_key_file(&id, "a&b.json").ends_with("/keys/files?name=a%26b.json"));
        let copy = copy_keys_to(&id, &ClusterId::from_random([2; 10]), &prefix);
        assert!(copy.contains("/copy-keys?prefix=/a%20b/&to=c-"), "{copy}");
    }

    #[test]
    fn a_login_never_leads_to_another_site() {
        assert_eq!(safe_next("/hosts?x=1"), "/hosts?x=1");
        for bad in ["", "https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "/login"] {
            assert_eq!(safe_next(bad), "/", "{bad:?}");
        }
    }
}
