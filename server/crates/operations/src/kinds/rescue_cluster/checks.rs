//! What is held against a rescue before it starts, and what a person is told of it. Invariant: pure.

use super::{
    Chosen, Fate, Left,
    steps::{Rescue, Source},
    way_host,
};
use crate::{
    kinds::restore_in_place::{
        Work,
        look::{Found, Site},
    },
    restoring,
};
use quorate_domain::{
    HostId,
    cluster::{ClusterMemberRecord, ClusterRecord},
    plan::{Check, Verdict},
    snapshots::{Bump, RescueParams, RescueWay, Survivor, comes_back, ways_out},
};

/// What becomes of a member, and whether that is agreed to.
pub(super) fn member_check(params: &RescueParams, left: &Left, member: &ClusterMemberRecord, fate: &Fate<'_>) -> Check {
    let name = &member.name;
    let said = |host: &HostId| params.unfenced.contains(host);
    match fate {
        Fate::GoesOn(site, _) | Fate::LeftOut(site, _) if said(&site.host.id) => {
            let answer = format!("{} is reached, and was said to be off or cut off", site.host.name);
            Check::new("fenced", name, Verdict::Fail, answer, "Take it out of that list: its data counts too")
        }
        Fate::GoesOn(..) => {
            let knows = left.survivor(name).map_or_else(String::new, knows);
            Check::new("survivor", name, Verdict::Pass, format!("goes on; {knows}"), "")
        }
        Fate::LeftOut(_, why) => {
            let advice = "It is stopped, its data kept; add it as a new member afterwards";
            Check::new("survivor", name, Verdict::Warn, format!("is left out: {why}"), advice)
        }
        Fate::Unfenced(site, why) if said(&site.host.id) => {
            let answer = format!("{why}; a person says that it is off or cut off");
            let advice = "Until the console reaches it, its old etcd can start and serve old data to clients";
            Check::new("fenced", name, Verdict::Warn, answer, advice)
        }
        Fate::Unfenced(_, why) => {
            let advice = "Make sure that it is off or cut off from the others and from clients, then confirm it";
            Check::new("fenced", name, Verdict::Fail, why, advice)
        }
        Fate::Unknown => Check::new(
            "fenced",
            name,
            Verdict::Warn,
            "the console does not know its host, and cannot fence it",
            "Make sure that its etcd is stopped and disabled before this starts",
        ),
    }
}

/// What a host that goes on needs.
pub(super) fn site_checks(
    site: &Site,
    found: &Found,
    bump: Bump,
    way: &RescueWay,
    left: &Left,
    chosen: &Chosen,
) -> Vec<Check> {
    let name = &site.host.name;
    let mut checks = Vec::new();
    if let (Some(snapshot), Some(etcd)) = (&chosen.snapshot, found.etcd) {
        checks.push(restoring::version_check(name, snapshot, etcd, bump));
    } else if let Some(etcd) = found.etcd.filter(|etcd| *etcd < restoring::BUMPS && bump != Bump::Not) {
        let answer = format!("etcd {etcd} cannot raise revisions; from {} on it can", restoring::BUMPS);
        let advice = "Rescue without raising them, and restart everything that watches keys";
        checks.push(Check::new("version", name, Verdict::Fail, answer, advice));
    }
    let own = left.remains(Some(&site.host.id)).map_or(0, |remains| remains.bytes.0);
    let of = chosen
        .snapshot
        .as_ref()
        .map(|snapshot| snapshot.bytes)
        .or_else(|| left.remains(way_host(way)).map(|r| r.db_bytes));
    // What is opened is copied once more, and etcd allots a log of its own for it.
    let opened = if way_host(way) == Some(&site.host.id) { own + restoring::LOG_BYTES } else { 0 };
    // Beside those a cold copy, and what comes of it twice and a half.
    let database = of.map_or(0, |bytes| bytes.0.saturating_mul(5) / 2);
    let needed = own + opened + database + restoring::LOG_BYTES;
    let verdict = if found.free >= needed { Verdict::Pass } else { Verdict::Fail };
    let answer = format!("{} MiB free, {} needed", found.free >> 20, needed >> 20);
    let advice = "Make room where the data lies: the old data and a copy of it stay beside the new";
    checks.push(Check::new("disk", name, verdict, answer, advice));
    checks
}

/// Whether a majority can come back without a rescue.
pub(super) fn majority(left: &Left) -> Check {
    if left.quorum {
        let advice = "Repair or replace the members that are down, or restore the cluster in place";
        return Check::new("no_quorum", "", Verdict::Fail, "a majority answers: there is nothing to rescue", advice);
    }
    match comes_back(&left.survivors) {
        Some(advice) => Check::new("no_quorum", "", Verdict::Fail, "a majority can come back by itself", advice),
        None => Check::new("no_quorum", "", Verdict::Pass, "no majority can come back with what is reached", ""),
    }
}

/// What a member's data knows, in words.
fn knows(survivor: &Survivor) -> String {
    let Some(remains) = &survivor.remains else { return "there is no data".into() };
    let log = match remains.last {
        Some(last) => format!("its log ends at entry {} of term {}", last.index, last.term),
        None => "its log cannot be read".to_owned(),
    };
    match remains.revision {
        Some(revision) => format!("{log}, its database is at revision {revision}"),
        None => log,
    }
}

/// Whether the way is open, and what it loses.
pub(super) fn way_check(way: &RescueWay, left: &Left, chosen: &Chosen, works: &[Work<'_>]) -> Check {
    let snapshot = chosen.snapshot.as_ref().or(left.snapshot.as_ref());
    let ways = ways_out(&left.survivors, snapshot, &left.marks, left.now);
    let out = ways.iter().find(|out| out.way == *way);
    let taking_part = |host: &HostId| works.iter().any(|work| work.site.host.id == *host);
    let (verdict, answer) = match (out, way_host(way)) {
        (Some(out), _) if !out.refused.is_empty() => (Verdict::Fail, out.refused.clone()),
        (None, _) => (Verdict::Fail, "there is no data of that host".into()),
        (Some(_), Some(host)) if !taking_part(host) => (Verdict::Fail, "that host cannot take part".into()),
        (Some(_), None) if works.is_empty() => (Verdict::Fail, "no host is left to begin on".into()),
        (Some(out), _) => (Verdict::Pass, format!("from {}: {}", out.from, out.loses)),
    };
    Check::new("way", "", verdict, answer, "Choose another way; the survivors' page says what each would lose")
}

/// What the cluster begins again from, for a title.
pub(super) fn source_words(way: &RescueWay, left: &Left, chosen: &Chosen) -> String {
    let host =
        || way_host(way).and_then(|host| left.site(host)).map_or_else(String::new, |site| site.host.name.clone());
    match (way, &chosen.snapshot) {
        (_, Some(snapshot)) => snapshot.name.clone(),
        (RescueWay::Survivor { .. }, _) => format!("the data and log of {}", host()),
        (_, None) => format!("the database of {}", host()),
    }
}

/// What a person should know before.
pub(super) fn warnings(
    record: &ClusterRecord,
    params: &RescueParams,
    left: &Left,
    fates: &[(&ClusterMemberRecord, Fate<'_>)],
    rescue: &Rescue<'_>,
) -> Vec<String> {
    let on: Vec<&str> = rescue.after.iter().map(|m| m.name.as_str()).collect();
    let mut warnings = vec![format!(
        "{} begins again with {} of its {} members ({}); add the others as new members afterwards.",
        record.name,
        on.len(),
        record.members.len(),
        on.join(", ")
    )];
    let way = params.way.as_ref();
    let out = ways_out(&left.survivors, left.snapshot.as_ref(), &left.marks, left.now);
    warnings.extend(out.into_iter().filter(|out| Some(&out.way) == way).map(|out| out.loses));
    let away: Vec<&str> = rescue.unfenced.iter().map(|part| part.host_name.as_str()).collect();
    if !away.is_empty() {
        warnings.push(format!(
            "Not fenced: {}. If they come back, alone or together, their etcd can serve the old data until the console reaches them \
             and stops it, which takes seconds where it can. An alarm stands until then.",
            away.join(", ")
        ));
    }
    let claimed = fates.iter().filter_map(|(_, fate)| match fate {
        Fate::GoesOn(site, _) | Fate::LeftOut(site, _) => site.host.operation.as_ref(),
        _ => None,
    });
    let mut claimed: Vec<String> = claimed.map(ToString::to_string).collect();
    claimed.sort();
    claimed.dedup();
    warnings.extend(claimed.iter().map(|by| {
        format!("Operation {by} claims these hosts; if it rests stuck, it is handed over when this starts.")
    }));
    if let Source::Log { throwaway, .. } = &rescue.source {
        warnings.push(match &throwaway.release {
            Some(release) => format!(
                "A copy of the data is opened by etcd {}, which is brought for that and not installed.",
                release.version
            ),
            None => "No release can be brought from here: a copy of the data is opened by the etcd that is installed."
                .into(),
        });
    }
    warnings.push(restoring::bump_words(params.bump));
    warnings.push("Keep clients away until it is open (Kubernetes: the API servers; Patroni: patronictl pause), and restart them afterwards.".into());
    warnings
}
