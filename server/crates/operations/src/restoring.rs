//! What restores share before they change anything: which snapshot, whether these hosts can read it, how revisions go on.
//! Invariant: looks only; what forbids a restore is a failed check with its reason.

use crate::{context::Planner, effect::SnapshotRef, error::PlanError};
use quorate_domain::{
    ClusterId, SnapshotId,
    plan::{Check, Verdict},
    snapshots::{Bump, Snapshot, reckon_bump},
    version::Version,
    wide::Wide,
};

/// The first version whose etcdutl raises revisions.
pub(crate) const BUMPS: Version = Version::new(3, 5, 10);
/// Where nobody knows what was written since the snapshot.
const UNKNOWN: Wide = Wide(1_000_000_000);

/// What etcd allots for its log, whatever the database is: two files of 64 MB.
pub(crate) const LOG_BYTES: u64 = 128 << 20;

/// The snapshot of this id.
///
/// # Errors
/// There is none, at the field `snapshot`; or the store failed.
pub(crate) async fn snapshot(planner: &Planner, id: &SnapshotId) -> Result<Snapshot, PlanError> {
    let found = planner.inventory.snapshot(id).await?;
    found.ok_or_else(|| PlanError::field("snapshot", format!("There is no snapshot {id}")))
}

/// Fills in by how many revisions to go on above `taken`, where that is to be reckoned. `live` is where the cluster is now, as far
/// as somebody can tell.
///
/// # Errors
/// A number that cannot be taken, at the field `bump`; or the store failed.
pub(crate) async fn fill_in_bump(
    planner: &Planner,
    bump: &mut Bump,
    taken: Option<Wide>,
    cluster: Option<&ClusterId>,
    live: Option<Wide>,
) -> Result<(), PlanError> {
    if let Some(why) = bump.refused() {
        return Err(PlanError::field("bump", why));
    }
    if *bump != Bump::Reckoned {
        return Ok(());
    }
    let number = match (cluster, taken) {
        (Some(cluster), Some(revision)) => {
            let (mut marks, now) = (planner.inventory.revision_marks(cluster).await?, planner.inventory.now());
            marks.extend(live.map(|live| (now, live)));
            reckon_bump(&marks, revision, now)
        }
        _ => UNKNOWN,
    };
    *bump = Bump::Revisions { number };
    Ok(())
}

/// Whether the snapshot can be restored, whatever the hosts are.
pub(crate) fn snapshot_checks(snapshot: &Snapshot) -> Vec<Check> {
    let name = &snapshot.name;
    let good = match (snapshot.is_good(), snapshot.problem.is_empty()) {
        (true, _) => Check::new("snapshot", name, Verdict::Pass, format!("whole, {} bytes", snapshot.bytes), ""),
        (false, true) => Check::new("snapshot", name, Verdict::Fail, "it is not whole", "Choose another one"),
        (false, false) => Check::new("snapshot", name, Verdict::Fail, &snapshot.problem, "Choose another one"),
    };
    let seal = match snapshot.sealed_by_etcd {
        Some(true) => Check::new("etcd_digest", name, Verdict::Pass, "etcd's own digest was right", ""),
        Some(false) => {
            Check::new("etcd_digest", name, Verdict::Fail, "etcd's own digest is wrong", "Choose another one")
        }
        None => Check::new(
            "etcd_digest",
            name,
            Verdict::Warn,
            "it has no digest of etcd's own, as a copied database has none",
            "Only the console's digest says that it is as it was brought",
        ),
    };
    let content = match &snapshot.content {
        Some(content) => {
            Check::new("content", name, Verdict::Pass, format!("{} live keys are known", content.keys), "")
        }
        None => Check::new(
            "content",
            name,
            Verdict::Warn,
            "nobody went through what is in it",
            "After the restore only agreement is checked; check its content first to have each key held against it",
        ),
    };
    vec![good, seal, content]
}

/// Whether etcd of this version reads the snapshot.
pub(crate) fn version_check(subject: &str, snapshot: &Snapshot, etcd: Version, bump: Bump) -> Check {
    let newer = snapshot.version.filter(|taken| *taken > etcd);
    let (verdict, answer, advice) = match (snapshot.version, newer) {
        (_, Some(taken)) if (taken.major, taken.minor) > (etcd.major, etcd.minor) => (
            Verdict::Fail,
            format!("the snapshot is of etcd {taken}, here is {etcd}"),
            "Install a version that is not older than the snapshot",
        ),
        _ if etcd < BUMPS && bump != Bump::Not => (
            Verdict::Fail,
            format!("etcd {etcd} cannot raise revisions; from {BUMPS} on it can"),
            "Restore without raising them, and restart everything that watches keys",
        ),
        (_, Some(taken)) => (
            Verdict::Warn,
            format!("the snapshot is of etcd {taken}, here is {etcd}"),
            "Patches of one minor version read each other's data; what they mend is missing here",
        ),
        (None, None) => (
            Verdict::Warn,
            format!("nobody knows which etcd the snapshot is of; here is {etcd}"),
            "A snapshot of a newer minor version does not start",
        ),
        (Some(taken), None) => (Verdict::Pass, format!("the snapshot is of etcd {taken}, here is {etcd}"), ""),
    };
    Check::new("version", subject, verdict, answer, advice)
}

/// Whether there is room where the data lies: for the old database, for the one that is brought and the one that is restored.
pub(crate) fn disk_check(subject: &str, snapshot: &Snapshot, free: u64) -> Check {
    let needed = (snapshot.bytes.0.saturating_mul(5) / 2).saturating_add(LOG_BYTES);
    let verdict = if free >= needed { Verdict::Pass } else { Verdict::Fail };
    let answer = format!("{} MiB free, {} needed", free >> 20, needed >> 20);
    Check::new("disk", subject, verdict, answer, "Make room where the data lies: old data stays beside the new")
}

/// How revisions go on, and why, in words.
pub(crate) fn bump_words(bump: Bump) -> String {
    match bump.number() {
        Some(number) => format!(
            "Revisions go on {number} above the snapshot's, and all before that is marked as compacted: so no watch or cache \
             takes an old revision for a new one, and everything that watches reads anew. The number is what can have been \
             written since the snapshot, and more."
        ),
        None => "Revisions go on at the snapshot's: whoever watches keys (Kubernetes, Patroni, caches) must be restarted, or \
                 it misses changes without a word."
            .to_owned(),
    }
}

/// What is lost, in words.
pub(crate) fn loss_words(snapshot: &Snapshot, live: Option<Wide>) -> String {
    let at = snapshot.at.to_utc_text();
    match (snapshot.revision, live) {
        (Some(taken), Some(live)) if live > taken => format!(
            "Everything written after {at} is lost: {} revisions, from {taken} to {live}.",
            live.0.saturating_sub(taken.0)
        ),
        _ => format!("Everything written after {at} is lost."),
    }
}

/// As plans name it, and whether etcdutl can hold it against etcd's own digest.
pub(crate) fn named(snapshot: &Snapshot) -> (SnapshotRef, bool) {
    (SnapshotRef::from(snapshot), snapshot.sealed_by_etcd == Some(true))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use quorate_domain::{
        Timestamp, VaultId,
        snapshots::{Content, Origin, SnapshotState},
    };

    /// A good one of etcd 3.5.16 at revision 1000.
    pub(crate) fn sample() -> Snapshot {
        Snapshot {
            id: SnapshotId::from_random([5; 10]),
            vault: VaultId::from_random([6; 10]),
            cluster: Some(ClusterId::from_random([9; 10])),
            cluster_name: "demo".into(),
            name: "20261123-181702-demo-etcd-backup.db".into(),
            state: SnapshotState::Good,
            at: Timestamp(1_795_000_000_000),
            actor: "ada".into(),
            origin: Origin::Asked,
            member: "lab1".into(),
            etcd_cluster: "7".into(),
            version: Some(Version::new(3, 5, 16)),
            revision: Some(Wide(1000)),
            bytes: Wide(1 << 30),
            expected: Wide(1 << 30),
            sha256: "ab".into(),
            sealed_by_etcd: Some(true),
            content: Some(Content { keys: Wide(7), digest: "cd".into() }),
            encrypted: false,
            protected: false,
            problem: String::new(),
        }
    }

    #[test]
    fn a_newer_minor_version_and_one_that_cannot_raise_revisions_are_refused() {
        let verdict = |etcd, bump| version_check("lab1", &sample(), etcd, bump).verdict;
        let bump = Bump::Revisions { number: Wide(5) };
        assert_eq!(verdict(Version::new(3, 5, 16), bump), Verdict::Pass);
        assert_eq!(verdict(Version::new(3, 6, 0), bump), Verdict::Pass);
        assert_eq!(verdict(Version::new(3, 5, 12), bump), Verdict::Warn);
        assert_eq!(verdict(Version::new(3, 4, 30), Bump::Not), Verdict::Fail);
        let old = Snapshot { version: Some(Version::new(3, 5, 1)), ..sample() };
        assert_eq!(version_check("lab1", &old, Version::new(3, 5, 9), bump).verdict, Verdict::Fail);
        assert_eq!(version_check("lab1", &old, Version::new(3, 5, 9), Bump::Not).verdict, Verdict::Pass);
    }

    #[test]
    fn a_snapshot_that_is_not_whole_is_refused_and_one_that_is_not_known_well_is_said() {
        let verdicts = |snapshot: &Snapshot| snapshot_checks(snapshot).iter().map(|c| c.verdict).collect::<Vec<_>>();
        assert_eq!(verdicts(&sample()), [Verdict::Pass; 3]);
        let cut = Snapshot { state: SnapshotState::Failed, problem: "cut off".into(), ..sample() };
        assert_eq!(verdicts(&cut)[0], Verdict::Fail);
        let copied = Snapshot { sealed_by_etcd: None, content: None, ..sample() };
        assert_eq!(verdicts(&copied), [Verdict::Pass, Verdict::Warn, Verdict::Warn]);
    }

    #[test]
    fn what_is_lost_is_a_number_where_the_cluster_answers() {
        assert!(loss_words(&sample(), Some(Wide(1500))).contains("500 revisions"));
        assert!(!loss_words(&sample(), None).contains("revisions"));
    }
}
