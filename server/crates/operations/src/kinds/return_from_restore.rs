//! What a restore in place set aside comes back, after clients were let in: all that was written since is set aside in its turn, and
//! undo brings that back. The other way round of `restore_in_place`, by the same holds and with the same words.

use super::{
    Kind, params_of,
    restore_in_place::{
        look::{self, Found, Live, Site},
        members_check, unknown, wal_dir,
    },
};
use crate::{
    context::Planner,
    effect::{Action, ClusterTarget, Effect, Place, SnapshotWork},
    error::PlanError,
    membership,
    plan::{Lane, Plan, Step},
    provision::login,
    steps::{Part, files, hold, restore, restore::Begin, restored_note, service},
};
use async_trait::async_trait;
use futures::future::join_all;
use quorate_domain::{
    cluster::ClusterRecord,
    etcd_conf::setting,
    names::split_url,
    patroni::Gap,
    plan::{Check, OperationClass, Verdict},
    snapshots::ReturnParams,
};
use serde_json::Value;

/// The kind `return_from_restore`.
pub struct ReturnFromRestore;

/// What the restore kept on a host beside the data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kept {
    /// The etcd.conf that was there before.
    conf: Option<String>,
    /// The revision that the restore began at.
    revision: Option<u64>,
}

#[async_trait]
impl Kind for ReturnFromRestore {
    fn name(&self) -> &'static str {
        "return_from_restore"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Dangerous
    }

    fn gap(&self, _plan: &Plan) -> Gap {
        Gap::Seconds(60)
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let mut params: ReturnParams = params_of(params)?;
        super::token(planner, &mut params.token)?;
        let record = membership::record(planner, &params.cluster).await?;
        if params.restored.is_empty() {
            params.restored.clone_from(&record.token);
        }
        quorate_domain::names::check_name(&params.restored).map_err(|why| PlanError::field("restored", why))?;
        if [&params.restored, &record.token].contains(&&params.token) {
            return Err(PlanError::field("token", "An earlier operation has this token: leave it out"));
        }
        let (live, sites) = tokio::join!(look::live(planner, &record), look::sites(planner, &record, &params.restored));
        let (sites, elsewhere) = sites?;
        let kept = join_all(sites.iter().map(|site| kept(planner, site, &params.restored))).await;
        self.compose(&record, &params, &live, &sites, &kept, &elsewhere)
    }
}

async fn kept(planner: &Planner, site: &Site, restored: &str) -> Kept {
    let Ok(host) = planner.connect(&site.host.id, &site.host.name).await else { return Kept::default() };
    let read = async |path: String| {
        let found = membership::conf_of(&host, &path).await;
        found.ok().flatten().map(|(text, _)| text)
    };
    let conf = read(files::kept_path(&site.member.layout.conf, restored)).await;
    let revision = read(restored_note(restored)).await;
    Kept { conf, revision: revision.and_then(|text| text.trim().parse().ok()) }
}

/// One member with all that its lanes need.
struct Work<'a> {
    site: &'a Site,
    found: &'a Found,
    conf: &'a str,
    begin: Begin<'a>,
}

impl ReturnFromRestore {
    fn compose(
        &self,
        record: &ClusterRecord,
        params: &ReturnParams,
        live: &Live,
        sites: &[Site],
        kept: &[Kept],
        elsewhere: &[String],
    ) -> Result<Plan, PlanError> {
        let mut checks = vec![members_check(record, live)];
        checks.extend(elsewhere.iter().map(|name| unknown(name)));
        checks.extend(sites.iter().zip(kept).map(|(site, kept)| site_check(site, kept)));
        checks.extend(kept.iter().find_map(|kept| another_size(record, kept)));
        let works: Vec<Work<'_>> = sites.iter().zip(kept).filter_map(|(site, kept)| work(site, kept, params)).collect();
        let revision = kept.iter().filter_map(|kept| kept.revision).max();
        let steps = steps(record, params, live, &works);
        // Clients are let in by the start; what they write from then on must not be taken back in silence.
        let starts = steps.iter().position(|step| step.key == "start").and_then(|at| u32::try_from(at).ok());
        Ok(Plan {
            kind: self.name().into(),
            kind_version: self.version(),
            title: format!("Return {} to what it was before its restore", record.name),
            params: serde_json::to_value(params).map_err(|e| PlanError::Shape(e.to_string()))?,
            cluster: Some(record.id.clone()),
            cluster_name: record.name.clone(),
            hosts: sites.iter().map(|site| site.host.id.clone()).collect(),
            steps,
            checks,
            warnings: warnings(record, live, revision),
            point_of_no_return: starts,
            expected_seconds: 20,
            class: self.class(),
            confirm: Some(record.name.clone()),
            logins: sites.iter().map(|site| login(&site.host)).collect(),
        })
    }
}

fn work<'a>(site: &'a Site, kept: &'a Kept, params: &'a ReturnParams) -> Option<Work<'a>> {
    let (found, conf) = (site.found.as_ref().ok()?, kept.conf.as_deref()?);
    let begin = Begin {
        data_dir: &site.member.data_dir,
        wal_dir: wal_dir(&found.conf),
        owner: &found.owner,
        etcdutl: &found.etcdutl,
        name: &site.member.name,
        peer_url: &site.member.peer_url,
        initial_cluster: "",
        token: &params.token,
        bump: None,
    };
    Some(Work { site, found, conf, begin })
}

fn site_check(site: &Site, kept: &Kept) -> Check {
    let name = &site.host.name;
    let advice = "All members return or none: mend this first";
    match (&site.found, &kept.conf) {
        (Err(why), _) => Check::new("contact", name, Verdict::Fail, why, advice),
        (Ok(found), _) if !found.kept => {
            Check::new("kept", name, Verdict::Fail, "the data that was set aside is not there any more", advice)
        }
        (Ok(_), None) => {
            Check::new("kept", name, Verdict::Fail, "the etcd.conf of before is not there any more", advice)
        }
        (Ok(_), Some(_)) => Check::new("kept", name, Verdict::Pass, "data and etcd.conf of before are there", ""),
    }
}

/// What a rescue set aside is of a cluster that had lost its quorum: it would not serve again.
fn another_size(record: &ClusterRecord, kept: &Kept) -> Option<Check> {
    let members = setting(kept.conf.as_deref()?, "initial-cluster")?.split(',').count();
    (members != record.members.len()).then(|| {
        let answer = format!("what was set aside is of {members} members, the cluster has {}", record.members.len());
        let advice = "Only what a restore of these same members set aside can be brought back";
        Check::new("same_members", "", Verdict::Fail, answer, advice)
    })
}

fn warnings(record: &ClusterRecord, live: &Live, revision: Option<u64>) -> Vec<String> {
    let lost = match (live.revision, revision) {
        (Some(now), Some(then)) if now.0 >= then => {
            format!("Everything written since the restore is lost: {} revisions.", now.0 - then)
        }
        _ => "Everything written since the restore is lost.".to_owned(),
    };
    vec![
        format!("All {} members of {} stop.", record.members.len(), record.name),
        lost,
        "Revisions go back to where they were: whoever watches keys (Kubernetes, Patroni, caches) must be restarted."
            .into(),
    ]
}

fn steps(record: &ClusterRecord, params: &ReturnParams, live: &Live, works: &[Work<'_>]) -> Vec<Step> {
    let target = ClusterTarget::from(record);
    let each = |key: &str, title: &str, part: &dyn Fn(&Work<'_>) -> Part| {
        let lane = |work: &Work<'_>| Lane {
            diagnose: vec![service::journal(&work.site.member.layout.unit)],
            ..Lane::at(Place::of(&work.site.host), part(work))
        };
        Step::of(key, title, works.iter().map(lane).collect())
    };
    let console = |key: &str, title: &str, part: Part| Step::of(key, title, vec![Lane::at(target.place(), part)]);
    let save = |member: &String| {
        Action::from(Effect::Snapshot(SnapshotWork::Save { cluster: target.clone(), member: member.clone() }))
    };
    let mut steps = Vec::new();
    if !live.answering.is_empty() {
        // The undo comes last: what was restored is back, and is seen to be.
        let back = live.confirmed.is_ok().then(|| membership::agree(&target, &[]));
        let part = Part { actions: live.answering.iter().map(save).collect(), undo: back.into_iter().collect() };
        let mut step = console("save", "Take a snapshot of every member that answers", part);
        step.skippable = true;
        steps.push(step);
    }
    steps.push(each("hold", "Keep etcd from starting on every host, also after a reboot", &|work| {
        hold::hold_part(work.unit(), work.found.ran)
    }));
    steps.push(each("stop", "Stop all members, and see that they are", &|work| Part {
        actions: work.stop(),
        undo: Vec::new(),
    }));
    steps.push(each("set_aside", "Set the restored data aside", &|work| work.begin.set_aside()));
    steps.push(each("bring_back", "Bring the data of before back", &|work| work.begin.bring_back(&params.restored)));
    steps.push(each("configure", "Write the etcd.conf of before", &|work| {
        let (found, conf) = (work.found, &work.site.member.layout.conf);
        files::put(conf, &found.conf_ownership, work.conf, Some(&found.conf), &params.token)
    }));
    steps.push(each("start", "Lift the holds and start all members at once", &|work| Part {
        actions: [hold::lift(work.unit()), hold::start(work.unit())].concat(),
        undo: [hold::hold(work.unit()), work.stop()].concat(),
    }));
    steps.push(membership::verify_step(&target, &[], &[], &params.token));
    let before = works.first().and_then(|work| setting(work.conf, "initial-cluster-token")).unwrap_or_default();
    let token = |token: &str| vec![Effect::RecordToken { token: token.to_owned() }.into()];
    let part = Part { actions: token(before), undo: token(&record.token) };
    steps.push(console("note", "The console knows the token of before", part));
    steps
}

impl Work<'_> {
    fn unit(&self) -> &str {
        &self.site.member.layout.unit
    }

    fn stop(&self) -> Vec<Action> {
        let port = |url: &str, usual| split_url(url).map_or(usual, |(_, port)| port);
        let ports = [port(&self.site.member.client_url, 2379), port(&self.site.member.peer_url, 2380)];
        restore::stop(self.unit(), &self.site.member.data_dir, ports)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        kinds::{
            install_cluster::tests::host,
            restore_in_place::tests::{CONF, found},
        },
        membership::sample,
    };
    use quorate_domain::wide::Wide;

    fn plan_with(change: impl FnOnce(&mut Vec<Site>, &mut Vec<Kept>)) -> Plan {
        let scene = sample::scene(3, &[]);
        let record = ClusterRecord { token: "restored".into(), ..scene.record };
        let site = |n: u8| {
            let member = record.members[usize::from(n) - 1].clone();
            Site { member, host: host(n), found: Ok(Found { kept: true, ..found(n) }) }
        };
        let mut sites: Vec<Site> = (1..=3).map(site).collect();
        let mut kept = vec![Kept { conf: Some(CONF.into()), revision: Some(1000) }; 3];
        change(&mut sites, &mut kept);
        let answering = vec!["lab1".into()];
        let live = Live { answering, revision: Some(Wide(1500)), confirmed: scene.seen };
        let (restored, token) = ("restored".into(), "20261125-ab12cd34".into());
        let params = ReturnParams { cluster: record.id.clone(), restored, token };
        ReturnFromRestore.compose(&record, &params, &live, &sites, &kept, &[]).expect("a plan")
    }

    /// Three members return.
    pub(crate) fn sample_plan() -> Plan {
        plan_with(|_, _| {})
    }

    #[test]
    fn it_says_what_it_loses_and_deletes_nothing() {
        let plan = sample_plan();
        assert!(plan.startable() && plan.confirm.as_deref() == Some("demo"), "{:?}", plan.checks);
        assert!(plan.warnings.iter().any(|w| w.contains("500 revisions")), "{:?}", plan.warnings);
        let keys: Vec<&str> = plan.steps.iter().map(|s| s.key.as_str()).collect();
        let wanted = ["save", "hold", "stop", "set_aside", "bring_back", "configure", "start", "verify", "note"];
        assert_eq!(keys, wanted);
        let last = serde_json::to_string(plan.steps.last().expect("a step")).expect("json");
        assert!(last.contains("demo-1") && last.contains("restored"), "{last}");
    }

    #[test]
    fn without_what_was_kept_there_is_no_way_back() {
        let fails = |change: fn(&mut Vec<Site>, &mut Vec<Kept>)| !plan_with(change).startable();
        assert!(fails(|sites, _| sites[2].found.as_mut().expect("found").kept = false));
        assert!(fails(|_, kept| kept[1].conf = None));
        assert!(fails(|sites, _| sites[0].found = Err("no route".into())));
    }
}
