//! What is left of a cluster, member by member: whether its etcd runs, what its data knows, and with which etcd a copy of it can be
//! opened. Invariant: looks only, and asks nothing that needs quorum to be answered.

use crate::{
    context::Planner,
    effect::ClusterTarget,
    error::PlanError,
    kinds::restore_in_place::{
        look::{Site, sites},
        wal_dir,
    },
    membership,
    steps::binaries::Release,
    survivor,
};
use futures::future::join_all;
use quorate_domain::{
    ClusterId, HostId, Timestamp,
    cluster::{ClusterMemberRecord, ClusterRecord},
    snapshots::{Presence, Remains, Snapshot, Survivor, Survivors, comes_back, rank, ways_out},
    version::{Arch, OFFERED, Version},
    wide::Wide,
};
use quorate_remote::{Command, releases};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(15);
/// A source that takes longer counts as one that does not hold the version.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is left.
pub(super) struct Left {
    /// Members with hosts that the console knows.
    pub sites: Vec<Site>,
    /// All members, the one that knows most first.
    pub survivors: Vec<Survivor>,
    /// Architectures of the hosts that are reached.
    pub archs: BTreeMap<HostId, Arch>,
    /// A majority answers after all.
    pub quorum: bool,
    /// The newest good snapshot.
    pub snapshot: Option<Snapshot>,
    /// Revisions that the console saw, oldest first.
    pub marks: Vec<(Timestamp, Wide)>,
    /// When this was seen.
    pub now: Timestamp,
}

/// What a person is shown before a plan is made.
///
/// # Errors
/// No such cluster, or the store failed.
pub async fn survivors(planner: &Planner, id: &ClusterId) -> Result<Survivors, PlanError> {
    let record = membership::record(planner, id).await?;
    let left = look(planner, &record, "").await?;
    let ways = ways_out(&left.survivors, left.snapshot.as_ref(), &left.marks, left.now);
    let comes_back = match left.quorum {
        true => Some("A majority of its members answers: there is nothing to rescue".to_owned()),
        false => comes_back(&left.survivors),
    };
    Ok(Survivors { cluster: record.id, members: left.survivors, comes_back, ways })
}

/// Looks at the cluster and at all hosts.
///
/// # Errors
/// The store failed.
pub(super) async fn look(planner: &Planner, record: &ClusterRecord, token: &str) -> Result<Left, PlanError> {
    let target = ClusterTarget::from(record);
    let (seen, sites) = tokio::join!(planner.observe(&target), sites(planner, record, token));
    let (sites, _) = sites?;
    let found = join_all(record.members.iter().map(|member| {
        let site = sites.iter().find(|site| site.member.name == member.name);
        survivor_of(planner, member, site)
    }));
    let (mut survivors, mut archs) = (Vec::new(), BTreeMap::new());
    for (survivor, arch) in found.await {
        if let (Some(host), Some(arch)) = (&survivor.host, arch) {
            archs.insert(host.clone(), arch);
        }
        survivors.push(survivor);
    }
    rank(&mut survivors);
    Ok(Left {
        sites,
        survivors,
        archs,
        quorum: seen.is_ok(),
        snapshot: planner.inventory.newest_snapshot(&record.id).await?,
        marks: planner.inventory.revision_marks(&record.id).await?,
        now: planner.inventory.now(),
    })
}

/// $1 unit
const PRESENCE: &str = r#"systemctl show --property=ActiveState --property=SubState --property=Result --property=LoadState "$1"
echo "machine=$(uname -m)"
"#;

async fn survivor_of(planner: &Planner, member: &ClusterMemberRecord, site: Option<&Site>) -> (Survivor, Option<Arch>) {
    let mut survivor = Survivor {
        member: member.name.clone(),
        host: None,
        host_name: member.name.clone(),
        presence: Presence::Unknown,
        remains: None,
        problem: "the console does not know its host".into(),
    };
    let Some(site) = site else { return (survivor, None) };
    (survivor.host, survivor.host_name) = (Some(site.host.id.clone()), site.host.name.clone());
    survivor.presence = Presence::Silent;
    match looked_at(planner, member, site).await {
        Err(why) => {
            survivor.problem = why;
            (survivor, None)
        }
        Ok((presence, arch, remains)) => {
            survivor.presence = presence;
            (survivor.remains, survivor.problem) = match remains {
                Ok(remains) => (remains, String::new()),
                Err(why) => (None, why),
            };
            (survivor, arch)
        }
    }
}

/// How its unit is, what its machine is, and what its data knows or why that was not read.
type Seen = (Presence, Option<Arch>, Result<Option<Remains>, String>);

async fn looked_at(planner: &Planner, member: &ClusterMemberRecord, site: &Site) -> Result<Seen, String> {
    let host = planner.connect(&site.host.id, &site.host.name).await.map_err(|error| error.to_string())?;
    let ask = Command::script(PRESENCE, &[&member.layout.unit]).root().deadline(DEADLINE);
    let said = host.run(ask).await.map_err(|error| error.to_string())?.text().into_owned();
    let (presence, arch) = parse(&said);
    if member.data_dir.is_empty() {
        return Ok((presence, arch, Err("the console does not know its data directory".into())));
    }
    let wal = site.found.as_ref().ok().and_then(|found| wal_dir(&found.conf));
    Ok((presence, arch, survivor::remains(&host, &member.data_dir, wal).await))
}

/// Reads `name=value` lines.
fn parse(text: &str) -> (Presence, Option<Arch>) {
    let said: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let word = |name: &str| said.get(name).copied().unwrap_or_default();
    let presence = match (word("ActiveState"), word("SubState"), word("Result")) {
        _ if word("LoadState") == "not-found" => Presence::Absent,
        ("active" | "reloading", ..) | ("activating", "start", _) => Presence::Runs,
        // Without quorum it never says that it is ready; where systemd does not wait for that for ever, it starts it anew.
        (_, _, "timeout") => Presence::Runs,
        ("inactive", ..) => Presence::Stopped,
        _ => Presence::Fails,
    };
    (presence, Arch::from_uname(word("machine")))
}

/// The newest patch of the line of `version` that the console can bring; none if only what is installed is at hand.
pub(super) async fn newest_patch(planner: &Planner, version: Version, arch: Arch) -> Option<Release> {
    let base = planner.inventory.download_url().trim_end_matches('/').to_owned();
    let same = |other: &Version| (other.major, other.minor) == (version.major, version.minor) && *other >= version;
    let mut wanted: Vec<Version> = OFFERED.into_iter().chain([version]).filter(same).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let held = join_all(wanted.iter().map(async |version| {
        let holds = timeout(PATIENCE, releases::holds(&base, *version, arch)).await.unwrap_or(false);
        holds.then_some(*version)
    }));
    let version = held.await.into_iter().flatten().max()?;
    let (sha256, _) = releases::fetch_digest(&base, version, arch).await.ok()?;
    Some(Release { version, arch, sha256, base_url: base })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_waits_for_others_runs_and_one_that_ended_by_itself_fails() {
        let of = |active: &str, sub: &str, result: &str| {
            parse(&format!("ActiveState={active}\nSubState={sub}\nResult={result}\nmachine=x86_64\n"))
        };
        assert_eq!(of("active", "running", "success"), (Presence::Runs, Some(Arch::Amd64)));
        assert_eq!(of("activating", "start", "success").0, Presence::Runs);
        assert_eq!(of("activating", "auto-restart", "timeout").0, Presence::Runs);
        assert_eq!(of("activating", "auto-restart", "exit-code").0, Presence::Fails);
        assert_eq!(of("failed", "failed", "core-dump").0, Presence::Fails);
        assert_eq!(of("inactive", "dead", "success").0, Presence::Stopped);
        assert_eq!(parse("ActiveState=inactive\nLoadState=not-found\n").0, Presence::Absent);
    }
}
