//! Changes settings that all members share, once: written into every etcd.conf, then members restart one at a time, because etcd
//! reads them at its start only.

use super::{Kind, gap_of_restarts, params_of};
use crate::{
    context::Planner,
    effect::Effect,
    error::PlanError,
    membership::{self, Scene},
    plan::{Lane, Plan, Step},
    steps::Part,
};
use async_trait::async_trait;
use quorate_domain::{
    membership::SettingsParams,
    patroni::Gap,
    plan::{Check, OperationClass, Verdict},
};
use serde_json::Value;

/// The kind `edit_settings`.
pub struct EditSettings;

#[async_trait]
impl Kind for EditSettings {
    fn name(&self) -> &'static str {
        "edit_settings"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Dangerous
    }

    fn gap(&self, plan: &Plan) -> Gap {
        gap_of_restarts(plan)
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let mut params: SettingsParams = params_of(params)?;
        let errors = params.settings.validate();
        if !errors.is_empty() {
            return Err(PlanError::Invalid(errors));
        }
        let scene = Scene::look(planner, &params.cluster).await?;
        super::token(planner, &mut params.token)?;
        self.compose(&scene, &params)
    }
}

impl EditSettings {
    fn compose(&self, scene: &Scene, params: &SettingsParams) -> Result<Plan, PlanError> {
        let lines = params.settings.lines();
        let what: Vec<&str> = lines.iter().map(|(key, _)| *key).collect();
        let title = format!("{}: change {}", scene.record.name, what.join(", "));
        let mut plan = super::done(self, scene, title, params)?;
        let (target, down, outage) = (scene.target(), scene.down(), membership::restart_is_an_outage(scene, 0));
        let (mut lanes, mut restarts) = (Vec::new(), Vec::new());
        for seat in scene.leader_last(|_| true) {
            match membership::set(seat, &lines, "write_settings", &params.token) {
                Ok(None) => {}
                Ok(Some(lane)) => {
                    restarts.push(membership::restart_step(&target, &down, seat, lane.place.clone(), outage));
                    lanes.push(lane);
                    plan.hosts.extend(seat.host.as_ref().map(|host| host.id.clone()));
                    plan.checks.push(membership::restart_ruling(scene, seat));
                }
                Err(why) => {
                    let advice = "All members must get the same settings: mend this first";
                    plan.checks.push(Check::new("etcd_conf", seat.name(), Verdict::Fail, why, advice));
                }
            }
        }
        plan.steps.push(Step::of("write_settings", "Write the settings into etcd.conf of every member", lanes));
        plan.steps.extend(restarts);
        if let Some(quota) = params.settings.quota {
            let note = |quota| Effect::RecordQuota { quota }.into();
            let part = Part { actions: vec![note(quota)], undo: vec![note(scene.record.quota)] };
            plan.steps.push(Step::of(
                "record",
                "The console knows the new quota",
                vec![Lane::at(target.place(), part)],
            ));
        }
        plan.steps.push(membership::verify_step(&target, &down, &scene.learners(), &params.token));
        plan.warnings.push("After an undo the files are as before; a member that was restarted meanwhile goes on with the new settings until its next restart.".into());
        plan.confirm = outage.then(|| scene.record.name.clone());
        plan.expected_seconds = 4 * u32::try_from(scene.seats.len()).unwrap_or(1);
        Ok(plan)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::membership::sample;
    use quorate_domain::{membership::ClusterSettings, wide::Wide};

    /// Three members get another quota.
    pub(crate) fn sample_plan() -> Plan {
        plan_of(&sample::scene(3, &[]))
    }

    fn plan_of(scene: &Scene) -> Plan {
        let params = SettingsParams {
            cluster: scene.record.id.clone(),
            settings: ClusterSettings { quota: Some(Wide(4 << 30)), ..ClusterSettings::default() },
            token: "20261125-ab12cd34".into(),
        };
        EditSettings.compose(scene, &params).expect("a plan")
    }

    #[test]
    fn all_files_first_then_one_restart_after_another_and_the_leader_last() {
        let plan = sample_plan();
        assert!(plan.startable(), "{:?}", plan.checks);
        let keys: Vec<&str> = plan.steps.iter().map(|s| s.key.as_str()).collect();
        assert_eq!(keys, ["write_settings", "restart_lab2", "restart_lab3", "restart_lab1", "record", "verify"]);
        let written = serde_json::to_string(&plan.steps[0].lanes[0].actions).expect("json");
        assert!(written.contains("quota-backend-bytes: 4294967296"), "{written}");
    }

    #[test]
    fn a_member_that_is_down_would_be_left_behind() {
        assert!(!plan_of(&sample::scene(3, &[3])).startable());
    }
}
