//! A cluster that lost its quorum begins again from what is left: a survivor's data and log, its database, or a snapshot. Invariant:
//! refused while a majority can come back by itself; a host that is not reached is gone on without only once a person says that it
//! is off or cut off, and is fenced when it is back; no live data directory and no member's etcd.conf ever holds
//! `force-new-cluster`. Facts come from `look`, the order from `steps`; the new members are then restored as any (`restore_in_place`).

use super::{
    Kind, params_of,
    restore_in_place::{
        Whole, Work, confs,
        look::{Found, Site},
        wal_dir,
    },
};
use crate::{
    context::Planner,
    effect::{ClusterTarget, HostPart, MemberTarget, SnapshotRef},
    error::PlanError,
    membership,
    plan::Plan,
    provision::login,
    restoring,
    steps::{
        binaries::Release,
        rescue::Throwaway,
        restore::{Begin, seconds_for},
    },
};
use async_trait::async_trait;
use quorate_domain::{
    HostId,
    cluster::{ClusterMemberRecord, ClusterRecord},
    patroni::Gap,
    plan::{Check, OperationClass, Verdict},
    snapshots::{Presence, Remains, RescueParams, RescueWay, Snapshot, Survivor, ways_out},
};
use serde_json::Value;

mod checks;
mod look;
mod steps;

pub use look::survivors;

use look::Left;
use steps::{LeftOut, Rescue, Source};

/// The kind `rescue_cluster`.
pub struct RescueCluster;

#[async_trait]
impl Kind for RescueCluster {
    fn name(&self) -> &'static str {
        "rescue_cluster"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Dangerous
    }

    fn takes_over(&self) -> bool {
        true
    }

    fn gap(&self, _plan: &Plan) -> Gap {
        // It has stopped already; until a person opens it again.
        Gap::Seconds(600)
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let mut params: RescueParams = params_of(params)?;
        super::token(planner, &mut params.token)?;
        let record = membership::record(planner, &params.cluster).await?;
        if record.token == params.token {
            return Err(PlanError::field("token", "The cluster has this token: a rescued one needs another"));
        }
        let left = look::look(planner, &record, &params.token).await?;
        let way = match params.way.take() {
            Some(way) => way,
            None => best_way(&left)?,
        };
        params.way = Some(way.clone());
        let mut chosen = Chosen { snapshot: None, release: None };
        if let RescueWay::Snapshot { snapshot } = &way {
            chosen.snapshot = Some(restoring::snapshot(planner, snapshot).await?);
        }
        if let RescueWay::Survivor { host } = &way
            && let (Some(arch), Some(version)) = (left.archs.get(host), left.found(host).and_then(|found| found.etcd))
        {
            chosen.release = look::newest_patch(planner, version, *arch).await;
        }
        let taken = match &chosen.snapshot {
            Some(snapshot) => snapshot.revision,
            None => left.remains(way_host(&way)).and_then(|remains| remains.revision),
        };
        let newest = left.survivors.iter().filter_map(|s| s.remains.as_ref()?.revision).max();
        restoring::fill_in_bump(planner, &mut params.bump, taken, Some(&record.id), newest).await?;
        self.compose(&record, &params, &way, &left, &chosen)
    }
}

/// What belongs to the way that was chosen.
struct Chosen {
    snapshot: Option<Snapshot>,
    /// What the throw-away etcd runs; what is installed if none.
    release: Option<Release>,
}

fn way_host(way: &RescueWay) -> Option<&HostId> {
    match way {
        RescueWay::Survivor { host } | RescueWay::Database { host } => Some(host),
        RescueWay::Snapshot { .. } => None,
    }
}

fn best_way(left: &Left) -> Result<RescueWay, PlanError> {
    let ways = ways_out(&left.survivors, left.snapshot.as_ref(), &left.marks, left.now);
    let open = |way: &RescueWay| way_host(way).is_none_or(|host| left.found(host).is_some());
    let best = ways.into_iter().find(|out| out.refused.is_empty() && open(&out.way));
    best.map(|out| out.way).ok_or_else(|| {
        let why =
            "No data of a survivor can be used, and there is no good snapshot of this cluster: name one, or upload one";
        PlanError::field("way", why)
    })
}

impl Left {
    fn site(&self, host: &HostId) -> Option<&Site> {
        self.sites.iter().find(|site| site.host.id == *host)
    }

    fn found(&self, host: &HostId) -> Option<&Found> {
        self.site(host)?.found.as_ref().ok()
    }

    fn remains(&self, host: Option<&HostId>) -> Option<&Remains> {
        self.survivors.iter().find(|s| s.host.is_some() && s.host.as_ref() == host)?.remains.as_ref()
    }

    fn survivor(&self, name: &str) -> Option<&Survivor> {
        self.survivors.iter().find(|survivor| survivor.member == name)
    }
}

/// What becomes of a member.
enum Fate<'a> {
    /// It goes on.
    GoesOn(&'a Site, &'a Found),
    /// Its host is reached, and it cannot take part: why.
    LeftOut(&'a Site, String),
    /// Its host is not reached, or its etcd cannot be stopped: why.
    Unfenced(&'a Site, String),
    /// Nobody knows its host.
    Unknown,
}

fn fate<'a>(left: &'a Left, member: &ClusterMemberRecord) -> Fate<'a> {
    let Some(site) = left.sites.iter().find(|site| site.member.name == member.name) else { return Fate::Unknown };
    let survivor = left.survivor(&member.name);
    let presence = survivor.map_or(Presence::Unknown, |survivor| survivor.presence);
    if matches!(presence, Presence::Silent | Presence::Unknown) {
        return Fate::Unfenced(site, survivor.map_or_else(String::new, |survivor| survivor.problem.clone()));
    }
    if let Err(why) = member.layout.steerable() {
        return Fate::Unfenced(site, why);
    }
    match &site.found {
        Err(why) => Fate::LeftOut(site, why.clone()),
        Ok(found) if found.owner.is_empty() => Fate::LeftOut(site, format!("there is no {}", member.data_dir)),
        Ok(found) if found.used => Fate::LeftOut(site, "an earlier operation used this token there".into()),
        Ok(found) => match (found.etcd, found.etcdutl_version) {
            (Some(etcd), Some(utl)) if etcd == utl => Fate::GoesOn(site, found),
            (Some(etcd), Some(utl)) => Fate::LeftOut(site, format!("etcdutl is {utl}, etcd {etcd}")),
            (Some(_), None) => Fate::LeftOut(site, "there is no etcdutl".into()),
            (None, _) => Fate::LeftOut(site, "no etcd was found there".into()),
        },
    }
}

impl RescueCluster {
    fn compose(
        &self,
        record: &ClusterRecord,
        params: &RescueParams,
        way: &RescueWay,
        left: &Left,
        chosen: &Chosen,
    ) -> Result<Plan, PlanError> {
        let fates: Vec<(&ClusterMemberRecord, Fate<'_>)> = record.members.iter().map(|m| (m, fate(left, m))).collect();
        let mut checks = vec![checks::majority(left)];
        checks.extend(fates.iter().map(|(member, fate)| checks::member_check(params, left, member, fate)));
        let after: Vec<ClusterMemberRecord> = fates
            .iter()
            .filter(|(_, fate)| matches!(fate, Fate::GoesOn(..)))
            .map(|(member, _)| (*member).clone())
            .collect();
        let initial: Vec<String> = after.iter().map(|m| format!("{}={}", m.name, m.peer_url)).collect();
        let initial = initial.join(",");
        let (mut works, mut remains, mut left_out, mut unfenced) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (member, fate) in &fates {
            match fate {
                Fate::GoesOn(site, found) => match confs(member, &found.conf, &initial, &params.token) {
                    Ok((open, closed)) => {
                        let begin = begin(site, found, &initial, params);
                        remains.push(left.remains(Some(&site.host.id)));
                        checks.extend(checks::site_checks(site, found, params.bump, way, left, chosen));
                        works.push(Work { site, found, open, closed, begin });
                    }
                    Err(why) => {
                        let advice = "Repair its etcd.conf first; its page shows what differs";
                        checks.push(Check::new("etcd_conf", &member.name, Verdict::Fail, why, advice));
                    }
                },
                Fate::LeftOut(site, _) => left_out.extend(leaves(left, member, site)),
                Fate::Unfenced(site, _) => unfenced.push(part(record, member, site, params)),
                Fate::Unknown => {}
            }
        }
        checks.push(checks::way_check(way, left, chosen, &works));
        checks.extend(chosen.snapshot.iter().flat_map(restoring::snapshot_checks));
        let seconds = left.remains(way_host(way)).map_or(120, |remains| seconds_for(remains.bytes.0));
        let source = source(way, chosen, &works, seconds);
        let hosts: Vec<&Site> = works
            .iter()
            .map(|work| work.site)
            .chain(
                left.sites.iter().filter(|site| left_out.iter().any(|out: &LeftOut<'_>| out.host.id == site.host.id)),
            )
            .collect();
        let (hosts, logins) = hosts.iter().map(|site| (site.host.id.clone(), login(&site.host))).unzip();
        let rescue = Rescue {
            whole: Whole {
                target: ClusterTarget {
                    members: after.iter().map(MemberTarget::from).collect(),
                    ..ClusterTarget::from(record)
                },
                members: works,
                content: chosen.snapshot.as_ref().and_then(|snapshot| snapshot.content.as_ref()),
                token: &params.token,
                // Where it begins is only known once a survivor's log was opened.
                revision: None,
                answering: &[],
                down: None,
            },
            remains,
            source,
            left_out,
            unfenced,
            before: &record.members,
            after,
        };
        let (steps, point_of_no_return) = rescue.build().map_err(PlanError::Shape)?;
        Ok(Plan {
            kind: super::Kind::name(self).into(),
            kind_version: self.version(),
            title: format!("Rescue {} from {}", record.name, checks::source_words(way, left, chosen)),
            params: serde_json::to_value(params).map_err(|e| PlanError::Shape(e.to_string()))?,
            cluster: Some(record.id.clone()),
            cluster_name: record.name.clone(),
            hosts,
            steps,
            checks,
            warnings: checks::warnings(record, params, left, &fates, &rescue),
            point_of_no_return: Some(point_of_no_return),
            expected_seconds: 60,
            class: self.class(),
            confirm: Some(record.name.clone()),
            logins,
        })
    }
}

fn begin<'a>(site: &'a Site, found: &'a Found, initial_cluster: &'a str, params: &'a RescueParams) -> Begin<'a> {
    Begin {
        data_dir: &site.member.data_dir,
        wal_dir: wal_dir(&found.conf),
        owner: &found.owner,
        etcdutl: &found.etcdutl,
        name: &site.member.name,
        peer_url: &site.member.peer_url,
        initial_cluster,
        token: &params.token,
        bump: params.bump.number().map(|number| number.0),
    }
}

fn source<'a>(way: &RescueWay, chosen: &Chosen, works: &[Work<'a>], seconds: u32) -> Source<'a> {
    let begin = |host: &HostId| works.iter().find(|work| work.site.host.id == *host).map(|work| work.begin.clone());
    match (way, &chosen.snapshot) {
        (_, Some(snapshot)) => {
            let (snapshot, sealed): (SnapshotRef, bool) = restoring::named(snapshot);
            Source::Vault { snapshot, sealed }
        }
        (RescueWay::Survivor { host }, None) => match begin(host) {
            Some(begin) => {
                let throwaway = Throwaway { begin, release: chosen.release.clone(), seconds };
                Source::Log { host: host.clone(), throwaway }
            }
            // A failed check says so.
            None => Source::Database { host: host.clone() },
        },
        (RescueWay::Database { host }, None) => Source::Database { host: host.clone() },
        // Its snapshot is looked up before: there is no such plan.
        (RescueWay::Snapshot { .. }, None) => Source::Database { host: HostId::from_random([0; 10]) },
    }
}

fn leaves<'a>(left: &'a Left, member: &'a ClusterMemberRecord, site: &'a Site) -> Option<LeftOut<'a>> {
    let survivor = left.survivor(&member.name)?;
    // Without a unit there is nothing to hold.
    (survivor.presence != Presence::Absent).then_some(LeftOut {
        member,
        host: &site.host,
        ran: matches!(survivor.presence, Presence::Runs | Presence::Fails),
        data: survivor.remains.is_some(),
        wal_dir: site.found.as_ref().ok().and_then(|found| wal_dir(&found.conf)),
        bytes: survivor.remains.as_ref().map_or(0, |remains| remains.bytes.0),
    })
}

fn part(record: &ClusterRecord, member: &ClusterMemberRecord, site: &Site, params: &RescueParams) -> HostPart {
    HostPart {
        host: site.host.id.clone(),
        host_name: site.host.name.clone(),
        cluster_name: record.name.clone(),
        member: member.name.clone(),
        peer_url: member.peer_url.clone(),
        data_dir: member.data_dir.clone(),
        layout: member.layout.clone(),
        // What its etcd.conf says there, not what the rescued cluster has from now on.
        cluster_token: record.token.clone(),
        token: params.token.clone(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
