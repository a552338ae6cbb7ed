//! All members of a cluster begin again with one snapshot, on their own hosts and under a new token. A declared outage: the name is
//! typed, old data is set aside, clients are let in only once a person says so, and until then undo brings all of it back.
//! Facts come from `look`, the order from `steps`; what restores share is in `restoring`.

use super::{Kind, params_of};
use crate::{
    context::Planner, effect::ClusterTarget, error::PlanError, membership, plan::Plan, provision::login, restoring,
    steps::restore::Begin,
};
use async_trait::async_trait;
use quorate_domain::{
    cluster::{ClusterMemberRecord, ClusterRecord},
    etcd_conf::{Setting, is_found_by_discovery, setting, with_settings},
    names::split_url,
    patroni::Gap,
    plan::{Check, OperationClass, Verdict},
    quorum::Tolerance,
    snapshots::{Bump, RestoreInPlaceParams, Snapshot},
};
use serde_json::Value;

pub(super) mod look;
mod steps;

pub(super) use steps::{Whole, Work, content_guard};

use look::{Found, Live, Site};

/// The kind `restore_in_place`.
pub struct RestoreInPlace;

#[async_trait]
impl Kind for RestoreInPlace {
    fn name(&self) -> &'static str {
        "restore_in_place"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Dangerous
    }

    fn gap(&self, _plan: &Plan) -> Gap {
        // Until a person opens it again: minutes at least.
        Gap::Seconds(600)
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let mut params: RestoreInPlaceParams = params_of(params)?;
        super::token(planner, &mut params.token)?;
        let record = membership::record(planner, &params.cluster).await?;
        if record.token == params.token {
            return Err(PlanError::field("token", "The cluster has this token: a restored one needs another"));
        }
        let snapshot = restoring::snapshot(planner, &params.snapshot).await?;
        let (live, sites) = tokio::join!(look::live(planner, &record), look::sites(planner, &record, &params.token));
        let (sites, elsewhere) = sites?;
        restoring::fill_in_bump(planner, &mut params.bump, snapshot.revision, Some(&record.id), live.revision).await?;
        self.compose(&record, &params, &snapshot, &live, &sites, &elsewhere)
    }
}

impl RestoreInPlace {
    /// `elsewhere`: names of members on hosts that the console does not know.
    fn compose(
        &self,
        record: &ClusterRecord,
        params: &RestoreInPlaceParams,
        snapshot: &Snapshot,
        live: &Live,
        sites: &[Site],
        elsewhere: &[String],
    ) -> Result<Plan, PlanError> {
        let mut checks = restoring::snapshot_checks(snapshot);
        checks.push(members_check(record, live));
        checks.extend(elsewhere.iter().map(|name| unknown(name)));
        for site in sites {
            checks.extend(site_checks(site, snapshot, params.bump));
        }
        let initial_cluster: Vec<String> =
            record.members.iter().map(|m| format!("{}={}", m.name, m.peer_url)).collect();
        let initial_cluster = initial_cluster.join(",");
        let mut works = Vec::new();
        for site in sites {
            let Ok(found) = &site.found else { continue };
            match confs(&site.member, &found.conf, &initial_cluster, &params.token) {
                Ok((open, closed)) => {
                    let begin = begin(site, found, &initial_cluster, params);
                    works.push(Work { site, found, open, closed, begin });
                }
                Err(why) => {
                    let advice = "Repair its etcd.conf first; its page shows what differs";
                    checks.push(Check::new("etcd_conf", &site.member.name, Verdict::Fail, why, advice));
                }
            }
        }
        let (named, sealed) = restoring::named(snapshot);
        let down = live.confirmed.as_ref().ok().map(|seen| {
            let down = seen.roster.members.iter().filter(|m| !m.healthy);
            down.map(|m| m.name.clone()).collect()
        });
        let whole = Whole {
            target: ClusterTarget::from(record),
            members: works,
            content: snapshot.content.as_ref(),
            token: &params.token,
            revision: begins_at(snapshot, params.bump),
            answering: &live.answering,
            down,
        };
        let (steps, point_of_no_return) = whole.build(&named, sealed);
        Ok(Plan {
            kind: super::Kind::name(self).into(),
            kind_version: self.version(),
            title: format!("Restore {} from {}", record.name, snapshot.name),
            params: serde_json::to_value(params).map_err(|e| PlanError::Shape(e.to_string()))?,
            cluster: Some(record.id.clone()),
            cluster_name: record.name.clone(),
            hosts: sites.iter().map(|site| site.host.id.clone()).collect(),
            steps,
            checks,
            warnings: warnings(record, params, snapshot, live),
            point_of_no_return: Some(point_of_no_return),
            expected_seconds: 30,
            class: self.class(),
            confirm: Some(record.name.clone()),
            logins: sites.iter().map(|site| login(&site.host)).collect(),
        })
    }
}

/// The revision that a restored cluster begins at.
fn begins_at(snapshot: &Snapshot, bump: Bump) -> Option<u64> {
    Some(snapshot.revision?.0.saturating_add(bump.number().map_or(0, |number| number.0)))
}

fn begin<'a>(
    site: &'a Site,
    found: &'a Found,
    initial_cluster: &'a str,
    params: &'a RestoreInPlaceParams,
) -> Begin<'a> {
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

/// Its directory for the log, where etcd.conf names one of its own.
pub(super) fn wal_dir(conf: &str) -> Option<&str> {
    setting(conf, "wal-dir").filter(|dir| !dir.is_empty())
}

/// etcd.conf of a member once it is open to clients, and until then.
///
/// # Errors
/// Why the file is not understood, in words.
pub(super) fn confs(
    member: &ClusterMemberRecord,
    conf: &str,
    initial_cluster: &str,
    token: &str,
) -> Result<(String, String), String> {
    if is_found_by_discovery(conf) {
        return Err(
            "its cluster is found by a discovery service, which etcd does not take beside initial-cluster".into()
        );
    }
    if setting(conf, "force-new-cluster").is_some_and(|value| value != "false") {
        return Err(
            "it has force-new-cluster, by which each start makes a cluster of this member alone: take it out".into()
        );
    }
    for (key, wanted) in [("name", &member.name), ("data-dir", &member.data_dir)] {
        match setting(conf, key) {
            Some(found) if found.trim_end_matches('/') == wanted.trim_end_matches('/') => {}
            found => return Err(format!("its {key} is {}, not {wanted}", found.unwrap_or("not set"))),
        }
    }
    let text = |value: &str| Setting::Text(value.to_owned());
    let [members, state] = membership::as_existing(initial_cluster);
    let open = with_settings(conf, &[members, state, ("initial-cluster-token", text(token))])?;
    let listeners = ["listen-client-urls", "listen-client-http-urls"].into_iter().filter_map(|key| {
        // etcd listens for clients even if it is told nothing of it.
        let usual = (key == "listen-client-urls").then_some(member.client_url.as_str());
        Some((key, text(&on_loopback(setting(conf, key).or(usual)?))))
    });
    let listeners: Vec<(&str, Setting)> = listeners.collect();
    let closed = with_settings(&open, &listeners)?;
    let (_, port) = split_url(&member.client_url)?;
    let heard = setting(&closed, "listen-client-urls").unwrap_or_default();
    if !heard.split(',').any(|url| split_url(url).is_ok_and(|(_, found)| found == port)) {
        return Err(format!("it does not listen on port {port}, where the console expects it"));
    }
    Ok((open, closed))
}

/// The same listeners on this host alone: each port once; a Unix socket is of this host already.
fn on_loopback(urls: &str) -> String {
    let mut local: Vec<String> = Vec::new();
    for url in urls.split(',').map(str::trim) {
        let there = match (url.split_once("://"), split_url(url)) {
            (Some((scheme @ ("http" | "https"), _)), Ok((_, port))) => {
                format!("{scheme}://{}:{port}", crate::observe::LOOPBACK)
            }
            _ => url.to_owned(),
        };
        if !local.contains(&there) {
            local.push(there);
        }
    }
    local.join(",")
}

pub(super) fn unknown(name: &str) -> Check {
    let (answer, advice) = ("the console does not know its host", "Add its host; a restore takes all members or none");
    Check::new("contact", name, Verdict::Fail, answer, advice)
}

/// The members are those that the console expects: a restore makes a cluster of exactly these.
pub(super) fn members_check(record: &ClusterRecord, live: &Live) -> Check {
    let names: Vec<&str> = record.members.iter().map(|m| m.name.as_str()).collect();
    let (verdict, answer, advice) = match &live.confirmed {
        Err(_) if live.answering.is_empty() => (
            Verdict::Warn,
            format!("no member answers; the console expects {}", names.join(", ")),
            "Be sure that these are the cluster's members, and that no other etcd of it runs anywhere",
        ),
        Err(why) => (
            Verdict::Warn,
            format!("{why}; the console expects {}", names.join(", ")),
            "Be sure that these are the cluster's members, and that no other etcd of it runs anywhere",
        ),
        Ok(seen) => {
            let expected = |urls: &[String]| record.members.iter().any(|m| urls.contains(&m.peer_url));
            let strangers = seen.list.members.iter().filter(|m| !expected(&m.peer_urls)).count();
            let gone =
                record.members.iter().filter(|m| !seen.list.members.iter().any(|l| l.peer_urls.contains(&m.peer_url)));
            match strangers + gone.count() {
                0 => (Verdict::Pass, format!("a majority confirms {}", names.join(", ")), ""),
                _ => (
                    Verdict::Fail,
                    format!("the cluster confirms other members than {}", names.join(", ")),
                    "Let the console follow the members first: open the cluster's page and adopt what is there",
                ),
            }
        }
    };
    Check::new("expected_members", "", verdict, answer, advice)
}

fn site_checks(site: &Site, snapshot: &Snapshot, bump: Bump) -> Vec<Check> {
    let name = &site.host.name;
    let check = |key: &str, verdict, answer: String, advice: &str| Check::new(key, name, verdict, answer, advice);
    let found = match &site.found {
        Ok(found) => found,
        Err(why) => {
            let advice = "A restore takes all members or none: mend this, or rescue the cluster without it";
            return vec![check("contact", Verdict::Fail, why.clone(), advice)];
        }
    };
    let state = if found.ran { "reached; its etcd runs" } else { "reached; its etcd does not run" };
    let mut checks = vec![check("contact", Verdict::Pass, state.into(), "")];
    match (found.etcd, found.etcdutl_version) {
        (None, _) => checks.push(check("version", Verdict::Fail, "no etcd was found there".into(), "Install it first")),
        (Some(etcd), utl) => {
            checks.push(restoring::version_check(name, snapshot, etcd, bump));
            let advice = "Put etcdutl of the same release beside etcd";
            checks.push(match utl {
                Some(utl) if utl == etcd => {
                    check("etcdutl", Verdict::Pass, format!("etcdutl {utl} at {}", found.etcdutl), "")
                }
                Some(utl) => check("etcdutl", Verdict::Fail, format!("etcdutl is {utl}, etcd {etcd}"), advice),
                None => check("etcdutl", Verdict::Fail, "there is no etcdutl".into(), advice),
            });
        }
    }
    checks.push(restoring::disk_check(name, snapshot, found.free));
    if found.owner.is_empty() {
        let answer = format!("there is no {}", site.member.data_dir);
        checks.push(check("data_dir", Verdict::Fail, answer, "Make it, and give it to the user that etcd runs as"));
    }
    if found.used {
        let answer = "an earlier operation used this token here".to_owned();
        checks.push(check("token_used", Verdict::Fail, answer, "Leave the token out and one is generated"));
    }
    checks
}

fn warnings(record: &ClusterRecord, params: &RestoreInPlaceParams, snapshot: &Snapshot, live: &Live) -> Vec<String> {
    let mut warnings = vec![
        format!("All {} members stop: {} serves nobody until a person opens it again.", record.members.len(), record.name),
        restoring::loss_words(snapshot, live.revision),
        restoring::bump_words(params.bump),
        "Stop the clients before (Kubernetes: the API servers; Patroni: patronictl pause), and restart them afterwards: \
         leases and locks are as old as the snapshot."
            .to_owned(),
    ];
    if snapshot.cluster.as_ref() != Some(&record.id) {
        let of = if snapshot.cluster_name.is_empty() { "an unknown cluster" } else { &snapshot.cluster_name };
        warnings.push(format!("This snapshot is not of {}: it is of {of}.", record.name));
    }
    warnings.extend(Tolerance::advice(record.members.len()));
    warnings
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{kinds::install_cluster::tests::host, membership::sample, plan::Lane, steps::accounts};
    use quorate_domain::{version::Version, wide::Wide};

    pub(crate) const CONF: &str = "name: 'lab1'\ndata-dir: '/var/lib/etcd'\ninitial-cluster-token: 'demo-1'\n\
                        listen-client-urls: 'http://10.77.0.11:2379,http://localhost:2379'\nlog-level: info\n";

    pub(in crate::kinds) fn found(n: u8) -> Found {
        Found {
            ran: true,
            etcd: Some(Version::new(3, 5, 16)),
            etcdutl: "/usr/bin/etcdutl".into(),
            etcdutl_version: Some(Version::new(3, 5, 16)),
            free: 8 << 30,
            owner: "etcd:etcd".into(),
            used: false,
            kept: false,
            conf: CONF.replace("lab1", &format!("lab{n}")),
            conf_ownership: accounts::own(0o644),
        }
    }

    fn plan_with(change: impl FnOnce(&mut Vec<Site>, &mut Live, &mut Snapshot)) -> Plan {
        let scene = sample::scene(3, &[]);
        let record = scene.record;
        let site = |(n, m): (u8, &ClusterMemberRecord)| Site { member: m.clone(), host: host(n), found: Ok(found(n)) };
        let mut sites: Vec<Site> = (1..=3u8).zip(&record.members).map(site).collect();
        let answering = record.members.iter().map(|m| m.name.clone()).collect();
        let mut live = Live { answering, revision: Some(Wide(1500)), confirmed: scene.seen };
        let mut snapshot = restoring::tests::sample();
        change(&mut sites, &mut live, &mut snapshot);
        let params = RestoreInPlaceParams {
            cluster: record.id.clone(),
            snapshot: snapshot.id.clone(),
            bump: Bump::Revisions { number: Wide(1_000_000) },
            token: "20261125-ab12cd34".into(),
        };
        RestoreInPlace.compose(&record, &params, &snapshot, &live, &sites, &[]).expect("a plan")
    }

    /// Three members that answer.
    pub(crate) fn sample_plan() -> Plan {
        plan_with(|_, _, _| {})
    }

    fn lanes<'p>(plan: &'p Plan, key: &str) -> &'p [Lane] {
        &plan.steps.iter().find(|step| step.key == key).expect("step").lanes
    }

    #[test]
    fn nothing_starts_before_all_is_restored_and_nothing_opens_before_a_person_says_so() {
        let plan = sample_plan();
        let keys: Vec<&str> = plan.steps.iter().map(|s| s.key.as_str()).collect();
        let wanted = [
            "save",
            "fetch",
            "prepare",
            "hold",
            "stop",
            "set_aside",
            "place",
            "close",
            "start",
            "agree",
            "content",
            "open_lab1",
            "open_lab2",
            "open_lab3",
            "note",
            "verify",
        ];
        assert_eq!(keys, wanted);
        assert!(plan.startable(), "{:?}", plan.checks);
        assert_eq!((plan.point_of_no_return, plan.confirm.as_deref()), (Some(11), Some("demo")));
        let waits: Vec<&str> = plan.steps.iter().filter(|s| s.waits.is_some()).map(|s| s.key.as_str()).collect();
        assert_eq!(waits, ["open_lab1"]);
        let said = plan.warnings.join("\n");
        assert!(said.contains("500 revisions") && said.contains("go on 1000000 above"), "{said}");
    }

    #[test]
    fn the_way_back_holds_before_it_stops_and_starts_only_at_its_end() {
        let plan = sample_plan();
        let undo = |key: &str| serde_json::to_string(&lanes(&plan, key)[0].undo).expect("json");
        let start = undo("start");
        assert!(start.find("quorate-hold").expect("held") < start.find("\"stop\"").expect("stopped"), "{start}");
        assert!(!undo("close").contains("\"start\"") && undo("close").contains("cp"));
        assert!(undo("hold").contains("\"start\""), "the old cluster starts again");
        assert!(undo("save").contains("members_agree"), "and is seen to be back");
    }

    #[test]
    fn a_cluster_that_does_not_answer_is_restored_without_snapshots_before() {
        let plan = plan_with(|sites, live, _| {
            *live = Live { answering: Vec::new(), revision: None, confirmed: Err("nobody answers".into()) };
            sites.iter_mut().for_each(|site| site.found.as_mut().expect("found").ran = false);
        });
        assert_eq!(plan.steps[0].key, "fetch");
        assert!(plan.startable(), "{:?}", plan.checks);
        let undo = serde_json::to_string(&lanes(&plan, "hold")[0].undo).expect("json");
        assert!(!undo.contains("\"start\""), "what did not run stays as it was: {undo}");
    }

    #[test]
    fn what_forbids_a_restore_is_a_failed_check() {
        let failed = |change: fn(&mut Vec<Site>, &mut Live, &mut Snapshot)| -> Vec<String> {
            let plan = plan_with(change);
            plan.checks.iter().filter(|c| c.verdict == Verdict::Fail).map(|c| c.name.clone()).collect()
        };
        fn of(sites: &mut [Site], change: fn(&mut Found)) {
            change(sites[1].found.as_mut().expect("found"));
        }
        assert_eq!(failed(|sites, _, _| sites[1].found = Err("no route".into())), ["contact"]);
        assert_eq!(failed(|sites, _, _| of(sites, |f| f.free = 2 << 30)), ["disk"]);
        assert_eq!(failed(|sites, _, _| of(sites, |f| f.etcdutl_version = None)), ["etcdutl"]);
        assert_eq!(failed(|sites, _, _| of(sites, |f| f.conf.push_str("discovery: x\n"))), ["etcd_conf"]);
        assert_eq!(failed(|sites, _, _| of(sites, |f| f.used = true)), ["token_used"]);
        assert_eq!(failed(|_, _, s| s.version = Some(Version::new(3, 6, 0))), ["version"; 3]);
        assert_eq!(
            failed(|_, live, _| live.confirmed.as_mut().expect("seen").list.members.truncate(2)),
            ["expected_members"]
        );
    }

    #[test]
    fn until_it_is_open_a_member_listens_on_its_own_host_only() {
        let member = sample::scene(1, &[]).record.members.remove(0);
        let (open, closed) = confs(&member, CONF, "lab1=http://10.77.0.11:2380", "new").expect("understood");
        assert!(open.contains("initial-cluster-token: 'new'") && open.contains("initial-cluster-state: 'existing'"));
        assert!(open.contains("http://10.77.0.11:2379,http://localhost:2379"), "{open}");
        assert!(closed.contains("listen-client-urls: 'http://127.0.0.1:2379'\n"), "{closed}");
        let elsewhere = CONF.replace(":2379", ":2399");
        assert!(confs(&member, &elsewhere, "x", "new").is_err(), "another port than the console knows");
        assert!(confs(&member, "name: other\n", "x", "new").is_err());
        assert_eq!(on_loopback("https://[::]:1, unix://a:2,https://0.0.0.0:1"), "https://127.0.0.1:1,unix://a:2");
    }

    #[test]
    fn the_runbook_is_valid_shell_and_asks_before_it_opens() {
        let script = crate::runbook::render(&sample_plan());
        let check = std::process::Command::new("bash").args(["-n", "-c", &script]).status().expect("bash runs");
        assert!(check.success(), "{script}");
        let at = |text: &str| script.find(text).expect(text);
        assert!(
            at("SNAPSHOT must name") < at("quorate-hold") && at("Press Enter") < at("systemctl restart"),
            "{script}"
        );
    }
}
