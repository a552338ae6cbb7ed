//! What is known of a snapshot, in words. Invariant: whatever is not known says so.

use super::super::list::origin_cell;
use crate::{
    components::{facts::fact_list, icon::Icon, table::Cell},
    data::Boxed,
    format, routes,
};
use leptos::prelude::*;
use quorate_domain::snapshots::{Origin, Snapshot, Vault, VaultPlace};

/// `12 MiB of 40 MiB`.
pub(super) fn progress_words(snapshot: &Snapshot) -> String {
    let (now, of) = (snapshot.bytes.0, snapshot.expected.0);
    match (snapshot.origin == Origin::Upload, of) {
        (true, 0) => format!("Being brought: {}", format::bytes(now)),
        (true, of) => format!("Being brought: {} of {}", format::bytes(now), format::bytes(of.max(now))),
        (false, 0) => "Being taken: asking a member for it".to_owned(),
        (false, of) => format!("Being taken: {} of {}", format::bytes(now), format::bytes(of.max(now))),
    }
}

fn place(vault: &Vault) -> String {
    match &vault.place {
        VaultPlace::Local { directory } => format!("{}: {directory}", vault.name),
        VaultPlace::S3 { bucket, .. } => format!("{}: bucket {bucket}", vault.name),
    }
}

fn facts(snapshot: &Snapshot, vault: Option<&Vault>) -> Vec<(&'static str, Cell)> {
    let cluster = match &snapshot.cluster {
        Some(id) => Cell::Link { href: routes::cluster(id), text: snapshot.cluster_name.clone() },
        None => Cell::text_or_dash(snapshot.cluster_name.clone()),
    };
    let vault = vault.map_or(Cell::Empty, |vault| Cell::Text(place(vault)));
    let encrypted = if snapshot.encrypted { "yes, by age" } else { "no: it holds every secret of its cluster" };
    vec![
        ("Cluster", cluster),
        ("Taken", Cell::Ago(snapshot.at)),
        ("Why", origin_cell(snapshot)),
        ("From member", Cell::text_or_dash(snapshot.member.clone())),
        ("Revision", snapshot.revision.map_or(Cell::Empty, |revision| Cell::count(revision.0))),
        ("etcd", snapshot.version.map_or(Cell::Empty, |version| Cell::Text(version.to_string()))),
        (
            "Cluster id",
            if snapshot.etcd_cluster.is_empty() { Cell::Empty } else { Cell::Id(snapshot.etcd_cluster.clone()) },
        ),
        ("Size", Cell::Text(format::bytes(snapshot.bytes.0))),
        ("Vault", vault),
        ("Encrypted", Cell::Text(encrypted.into())),
        ("Protected", Cell::Text(if snapshot.protected { "yes: nothing deletes it" } else { "no" }.into())),
        ("Console’s id", Cell::Id(snapshot.id.to_string())),
    ]
}

/// What it is.
pub(super) fn about(snapshot: &Snapshot, vault: Option<&Vault>) -> AnyView {
    fact_list(facts(snapshot, vault))
}

/// Whether etcd's own digest was right.
fn seal_words(snapshot: &Snapshot) -> &'static str {
    match snapshot.sealed_by_etcd {
        Some(true) => "there, and right",
        Some(false) => "wrong: it is not what etcd sent",
        None if snapshot.is_good() => "none, as a copied database has none",
        None => "not known yet",
    }
}

/// How it is known to be whole, and what is in it.
pub(super) fn proof(snapshot: &Snapshot) -> AnyView {
    let id = |text: &str| if text.is_empty() { Cell::Empty } else { Cell::Id(text.to_owned()) };
    let content = snapshot.content.as_ref();
    let facts = vec![
        ("SHA-256", id(&snapshot.sha256)),
        ("etcd’s digest", Cell::Text(seal_words(snapshot).into())),
        ("Live keys", content.map_or(Cell::Muted("not gone through yet".into()), |c| Cell::count(c.keys.0))),
        ("Their digest", content.map_or(Cell::Empty, |c| id(&c.digest))),
    ];
    let problem = (!snapshot.problem.is_empty()).then(|| {
        let (class, icon) =
            if snapshot.is_good() { ("note tone-risk", Icon::Risk) } else { ("note tone-bad", Icon::Bad) };
        view! { <div class=class>{icon.view()}<p>{snapshot.problem.clone()}</p></div> }.boxed()
    });
    view! {
        {problem}
        {fact_list(facts)}
        <p class="muted snapshot-proof">
            "The keys’ digest is reckoned over each key, its value and its revision in a throw-away etcd. A restore is held against it on every member before anybody is let in."
        </p>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::{snapshots::SnapshotState, wide::Wide};

    #[test]
    fn one_on_its_way_says_how_far_it_is() {
        let mut snapshot = sample::snapshot();
        (snapshot.bytes, snapshot.expected) = (Wide(1 << 20), Wide(4 << 20));
        assert_eq!(progress_words(&snapshot), "Being taken: 1 MiB of 4 MiB");
        (snapshot.origin, snapshot.expected) = (Origin::Upload, Wide(0));
        assert_eq!(progress_words(&snapshot), "Being brought: 1 MiB");
    }

    #[test]
    fn a_copied_database_has_no_digest_of_etcds_and_says_so() {
        let mut snapshot = sample::snapshot();
        assert_eq!(seal_words(&snapshot), "there, and right");
        snapshot.sealed_by_etcd = None;
        assert!(seal_words(&snapshot).starts_with("none"));
        snapshot.state = SnapshotState::Taking;
        assert_eq!(seal_words(&snapshot), "not known yet");
    }

    #[test]
    fn a_snapshot_of_nobodys_has_no_link() {
        let mut snapshot = sample::snapshot();
        assert!(matches!(facts(&snapshot, None)[0].1, Cell::Link { .. }));
        (snapshot.cluster, snapshot.cluster_name) = (None, String::new());
        assert_eq!(facts(&snapshot, None)[0].1, Cell::Empty);
    }
}
