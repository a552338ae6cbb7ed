//! Names of files in a vault. Invariant: every name that is made here is safe in a path, a URL, a shell and a header; the name of an
//! encrypted file, and only that, ends in `.age`.

use quorate_domain::Timestamp;

/// Ends the names of what is still being written.
pub(crate) const PART: &str = ".part";
/// Begins the names of what `try_out` writes; nothing else in a vault begins with a dot.
pub(crate) const PROBE: &str = ".quorate-probe-";
/// Ends the names of what is encrypted.
pub(crate) const AGE: &str = ".age";

/// The name of a snapshot by the guide's pattern: `20261123-181702-billing-etcd-backup.db`, and `.age` behind it where it is
/// encrypted. What is not safe in the cluster's name becomes a dash.
pub fn snapshot(at: Timestamp, cluster: &str, encrypted: bool) -> String {
    let safe: String = cluster
        .chars()
        .take(60)
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
        .collect();
    let safe = match safe.trim_matches(['.', '-']) {
        "" => "cluster",
        safe => safe,
    };
    format!("{}-{safe}-etcd-backup.db{}", at.to_compact(), if encrypted { AGE } else { "" })
}

/// The name of a snapshot's manifest, which is never encrypted: it holds ids, sizes and digests.
pub fn manifest(snapshot: &str) -> String {
    format!("{snapshot}.manifest.json")
}

/// The name of the members' configurations beside a snapshot; encrypted as it is, because they may hold secrets.
pub fn configurations(snapshot: &str) -> String {
    match snapshot.strip_suffix(AGE) {
        Some(plain) => format!("{plain}.configurations.json{AGE}"),
        None => format!("{snapshot}.configurations.json"),
    }
}

/// Whether the bytes behind the name are encrypted.
pub fn is_encrypted(name: &str) -> bool {
    name.ends_with(AGE)
}

/// Whether a file of a vault may have that name.
pub fn is_safe(name: &str) -> bool {
    (1..=200).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && !name.starts_with(['.', '-'])
        && !name.ends_with(PART)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AT: Timestamp = Timestamp(1_709_210_096_000);

    #[test]
    fn names_follow_the_guide() {
        let plain = snapshot(AT, "billing", false);
        assert_eq!(plain, "20240229-123456-billing-etcd-backup.db");
        assert_eq!(manifest(&plain), "20240229-123456-billing-etcd-backup.db.manifest.json");
        assert_eq!(configurations(&plain), "20240229-123456-billing-etcd-backup.db.configurations.json");
        let sealed = snapshot(AT, "bil/ling..", true);
        assert_eq!(sealed, "20240229-123456-bil-ling-etcd-backup.db.age");
        assert_eq!(configurations(&sealed), "20240229-123456-bil-ling-etcd-backup.db.configurations.json.age");
        assert!(is_encrypted(&configurations(&sealed)) && !is_encrypted(&manifest(&sealed)));
    }

    #[test]
    fn names_that_leave_the_vault_are_not_safe() {
        for bad in ["", ".", "..", "a/b", "../x", ".hidden", "-rf", "x.part", "a b", "ä", "a\0"] {
            assert!(!is_safe(bad), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn every_clusters_snapshots_have_safe_names(cluster in ".{0,300}", sealed in any::<bool>()) {
            let name = snapshot(AT, &cluster, sealed);
            prop_assert!(is_safe(&name) && is_safe(&manifest(&name)) && is_safe(&configurations(&name)), "{}", name);
        }
    }
}
