//! Writes the files of members as they should be: settings, unit, drop-in, owner, enabled. Nothing is restarted: a member reads
//! its configuration when it starts, so a rolling restart is a plan of its own.

use super::{Kind, params_of};
use crate::{
    context::Planner,
    drift::Inspection,
    effect::{Condition, Run},
    error::PlanError,
    membership::{self, Seat},
    plan::{Lane, Plan, Step},
    steps::{Part, accounts, begun, files, files::Ownership, service},
};
use async_trait::async_trait;
use quorate_domain::{
    etcd_conf::{DROP_IN, DROP_IN_PATH, UNIT, UNIT_PATH},
    membership::RepairParams,
    plan::{Check, OperationClass, Verdict},
};
use serde_json::Value;

/// The kind `repair_drift`.
pub struct RepairDrift;

#[async_trait]
impl Kind for RepairDrift {
    fn name(&self) -> &'static str {
        "repair_drift"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Dangerous
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let mut params: RepairParams = params_of(params)?;
        let inspection = Inspection::look(planner, &params.cluster).await?;
        super::token(planner, &mut params.token)?;
        for id in &params.members {
            inspection.scene.seat("members", *id)?;
        }
        self.compose(&inspection, &params)
    }
}

impl RepairDrift {
    fn compose(&self, inspection: &Inspection, params: &RepairParams) -> Result<Plan, PlanError> {
        let scene = &inspection.scene;
        let mut plan = super::done(self, scene, format!("{}: repair configuration", scene.record.name), params)?;
        let mut lanes = Vec::new();
        for (i, seat) in scene.seats.iter().enumerate() {
            if !params.members.is_empty() && !params.members.contains(&seat.listed.id) {
                continue;
            }
            match lane(inspection, i, seat, &params.token) {
                Ok(Some(lane)) => {
                    lanes.push(lane);
                    plan.hosts.extend(seat.host.as_ref().map(|host| host.id.clone()));
                }
                Ok(None) => {}
                Err(why) => {
                    let (answer, advice) = (format!("stays as it is: {why}"), "Mend it by hand, or leave it");
                    plan.checks.push(Check::new("etcd_conf", seat.name(), Verdict::Warn, answer, advice));
                }
            }
        }
        if lanes.is_empty() {
            let answer = "everything that a repair can mend is as expected";
            plan.checks.push(Check::new("drift", "", Verdict::Fail, answer, "There is nothing to do"));
        }
        let target = scene.target();
        plan.steps = vec![
            Step::of("repair", "Write the files as they should be", lanes),
            membership::verify_step(&target, &scene.down(), &scene.learners(), &params.token),
        ];
        plan.warnings
            .push("Members read their configuration when they start: restart them one at a time afterwards.".into());
        Ok(plan)
    }
}

fn lane(inspection: &Inspection, i: usize, seat: &Seat, token: &str) -> Result<Option<Lane>, String> {
    let config = inspection.member(i);
    if !config.problem.is_empty() {
        return Err(config.problem);
    }
    let drifts = |what: &str| config.drift.iter().any(|d| d.what == what && d.repairable);
    let facts = inspection.found[i].facts.as_ref().ok_or("its host was not reached")?;
    let root = Ownership::new("root", "root", 0o644);
    let mut part = Part::default();
    // A file whose owner alone drifted is written as it is.
    let as_it_is = || seat.conf.clone().filter(|_| drifts("owner"));
    if let Some(after) = inspection.repaired(i)?.or_else(as_it_is) {
        // One that is as the guide wants it is written so; any other keeps its owner.
        let guides = accounts::own(0o644);
        let who = if inspection.scene.record.adopted { &seat.conf_ownership } else { &guides };
        part = part.then(files::put(&seat.layout().conf, who, &after, seat.conf.as_deref(), token));
    }
    let mut unit = Part::default();
    if drifts("unit") {
        unit = unit.then(files::put(UNIT_PATH, &root, UNIT, facts.etcd.unit.as_deref(), token));
    }
    if drifts("drop-in") {
        let dir = DROP_IN_PATH.rsplit_once('/').map_or("/", |(dir, _)| dir);
        unit = unit.then(Part::run(Run::new(["install", "-d", "-m", "0755", dir])));
        unit = unit.then(files::put(DROP_IN_PATH, &root, DROP_IN, facts.etcd.drop_in.as_deref(), token));
    }
    if unit != Part::default() {
        part = part.then(service::reload_around(unit));
    }
    if drifts("enabled") {
        let name = seat.layout().unit;
        let enable = crate::effect::Action::from(Run::new(["systemctl", "enable", &name]))
            .unless(Condition::succeeds(["systemctl", "is-enabled", "--quiet", &name]));
        let undo = Run::new(["systemctl", "disable", &name]);
        part = part.then(Part { actions: vec![enable], undo: vec![undo.into()] });
    }
    if part == Part::default() {
        return Ok(None);
    }
    let place = seat.place().ok_or("its host was not reached")?;
    let (note, never) = begun(token, "repair");
    Ok(Some(Lane { undo_unless: Some(never), ..Lane::at(place, note.then(part)) }))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        drift::Found,
        kinds::install_cluster::tests::{facts, host},
        membership::sample,
    };
    use quorate_domain::{config::SeenFile, version::Version};
    use std::collections::BTreeMap;

    /// Three members, of which `edit` changes the third's configuration.
    fn inspection(edit: impl Fn(&str) -> String) -> Inspection {
        let mut scene = sample::scene(3, &[]);
        let peers = "lab1=http://10.77.0.11:2380,lab2=http://10.77.0.12:2380,lab3=http://10.77.0.13:2380";
        for (n, seat) in (1..).zip(&mut scene.seats) {
            let conf = format!(
                "name: 'lab{n}'\ninitial-cluster-state: 'existing'\ninitial-cluster: '{peers}'\n\
                 initial-advertise-peer-urls: 'http://10.77.0.1{n}:2380'\n\
                 advertise-client-urls: 'http://10.77.0.1{n}:2379'\nquota-backend-bytes: 2147483648\n"
            );
            seat.conf = Some(if n == 3 { edit(&conf) } else { conf });
        }
        let found = (1..=3).map(|n| {
            let mut facts = facts(&host(n));
            facts.etcd.unit = Some(UNIT.into());
            facts.etcd.drop_in = Some(DROP_IN.into());
            facts.etcd.unit_enabled = true;
            facts.etcd.binary_version = Some(Version::new(3, 5, 16));
            let ownership = BTreeMap::from([("/etc/etcd/etcd.conf".to_owned(), "etcd:etcd 644".to_owned())]);
            Found { facts: Some(facts), ownership, foreign: None, problem: String::new() }
        });
        let found = found.collect();
        Inspection::of(scene, found)
    }

    fn plan_of(inspection: &Inspection) -> Plan {
        let params = RepairParams {
            cluster: inspection.scene.record.id.clone(),
            members: Vec::new(),
            token: "20261125-ab12cd34".into(),
        };
        RepairDrift.compose(inspection, &params).expect("a plan")
    }

    /// The third member has another quota.
    pub(crate) fn sample_plan() -> Plan {
        plan_of(&inspection(|conf| conf.replace("2147483648", "1")))
    }

    #[test]
    fn only_what_differs_is_written_and_a_number_stays_a_number() {
        let inspection = inspection(|conf| conf.replace("2147483648", "1"));
        let plan = plan_of(&inspection);
        assert!(plan.startable(), "{:?}", plan.checks);
        assert_eq!(plan.steps[0].lanes.len(), 1);
        let done = serde_json::to_string(&plan.steps[0].lanes[0].actions).expect("json");
        assert!(done.contains("quota-backend-bytes: 2147483648"), "{done}");
        let shown: Vec<SeenFile> = inspection.member(2).files;
        assert!(!shown[0].diff.is_empty() && shown[1].diff.is_empty());
        assert!(inspection.member(0).drift.is_empty(), "{:?}", inspection.member(0).drift);
    }

    #[test]
    fn without_drift_there_is_nothing_to_start() {
        assert!(!plan_of(&inspection(str::to_owned)).startable());
    }
}
