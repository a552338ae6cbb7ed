//! Restarts members one at a time, the leader last and after it has handed over, each once the others keep quorum without
//! it. With one or two voters that stops writes, so it is said and the name is typed.

use super::{Kind, gap_of_restarts, params_of};
use crate::{
    context::Planner,
    error::PlanError,
    membership::{self, Scene},
    plan::Plan,
};
use async_trait::async_trait;
use quorate_domain::{
    membership::RestartParams,
    patroni::Gap,
    plan::{Check, OperationClass, Verdict},
};
use serde_json::Value;

/// The kind `rolling_restart`.
pub struct RollingRestart;

#[async_trait]
impl Kind for RollingRestart {
    fn name(&self) -> &'static str {
        "rolling_restart"
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
        let params: RestartParams = params_of(params)?;
        let scene = Scene::look(planner, &params.cluster).await?;
        self.compose(&scene, &params)
    }
}

impl RollingRestart {
    fn compose(&self, scene: &Scene, params: &RestartParams) -> Result<Plan, PlanError> {
        for id in &params.members {
            scene.seat("members", *id)?;
        }
        let seats = scene.leader_last(|s| params.members.is_empty() || params.members.contains(&s.listed.id));
        let what = match params.members.len() {
            1 => seats.first().map_or_else(String::new, |seat| seat.name()),
            _ => format!("{} members, one at a time", seats.len()),
        };
        let mut plan = super::done(self, scene, format!("{}: restart {what}", scene.record.name), params)?;
        let (target, down, outage) = (scene.target(), scene.down(), membership::restart_is_an_outage(scene, 0));
        for seat in &seats {
            plan.checks.push(membership::restart_ruling(scene, seat));
            if let Some(place) = seat.place() {
                plan.steps.push(membership::restart_step(&target, &down, seat, place, outage));
            } else {
                let why = seat.reached.clone().err().unwrap_or_else(|| "its host is not known".into());
                let advice = "Mend the connection to its host, or leave this member out";
                plan.checks.push(Check::new("contact", seat.name(), Verdict::Fail, why, advice));
            }
        }
        plan.steps.push(membership::verify_step(&target, &down, &scene.learners(), "rolling-restart"));
        plan.hosts = seats.iter().filter_map(|seat| Some(seat.host.as_ref()?.id.clone())).collect();
        plan.confirm = outage.then(|| scene.record.name.clone());
        plan.expected_seconds = 4 * u32::try_from(seats.len()).unwrap_or(1);
        Ok(plan)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::membership::sample;

    /// Three members restart.
    pub(crate) fn sample_plan() -> Plan {
        let scene = sample::scene(3, &[]);
        let params = RestartParams { cluster: scene.record.id.clone(), members: Vec::new() };
        RollingRestart.compose(&scene, &params).expect("a plan")
    }

    #[test]
    fn the_leader_comes_last_and_a_member_too_many_is_refused() {
        let plan = sample_plan();
        let keys: Vec<&str> = plan.steps.iter().map(|s| s.key.as_str()).collect();
        assert_eq!(keys, ["restart_lab2", "restart_lab3", "restart_lab1", "verify"]);
        assert!(plan.startable(), "{:?}", plan.checks);
        let scene = sample::scene(3, &[3]);
        let params = RestartParams { cluster: scene.record.id.clone(), members: Vec::new() };
        assert!(!RollingRestart.compose(&scene, &params).expect("a plan").startable(), "two of three are left");
        let scene = sample::scene(2, &[]);
        let outage = RollingRestart.compose(&scene, &params).expect("a plan");
        assert!(outage.startable() && outage.confirm.as_deref() == Some("demo"), "declared by typing the name");
    }
}
