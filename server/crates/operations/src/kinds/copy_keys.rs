//! The keys of another place, in the same cluster or another one, are written here. They are taken at one revision into a
//! sealed file first; from then on it is an import.

use super::{
    Kind,
    import_keys::{forecast, put_steps},
    params_of,
};
use crate::{
    bulk::{self, Below, Forecast, Origin},
    context::Planner,
    effect::{ClusterTarget, FileOf, KeysCall},
    error::PlanError,
    membership::record,
    plan::Plan,
};
use async_trait::async_trait;
use quorate_domain::{
    cluster::ClusterRecord,
    keys::{CopyKeysParams, ImportMode},
    plan::{Check, OperationClass, Verdict},
    wide::Wide,
};
use serde_json::Value;

/// The kind `copy_keys`.
pub struct CopyKeys;

/// What was found: in the source, and what the copies would do.
struct Found {
    source: Below,
    told: Result<Forecast, String>,
}

#[async_trait]
impl Kind for CopyKeys {
    fn name(&self) -> &'static str {
        "copy_keys"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Guarded
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let params: CopyKeysParams = params_of(params)?;
        check(&params)?;
        let to = record(planner, &params.cluster).await?;
        let from = planner.inventory.cluster(&params.from).await?;
        let from = from.ok_or_else(|| PlanError::field("from", format!("There is no cluster {}", params.from)))?;
        let source = ClusterTarget::from(&from);
        let looked = planner.look_below(&source, &params.prefix, params.revision.map(|revision| revision.0)).await;
        let found = match looked {
            Ok(below) => {
                let range = Origin::Range(source, params.prefix.clone(), below.revision, params.target().clone());
                let told = planner.forecast(&ClusterTarget::from(&to), &range, params.mode, None).await;
                Ok(Found { source: below, told })
            }
            Err(why) => Err(why),
        };
        self.compose(&to, &from, params, found)
    }
}

fn check(params: &CopyKeysParams) -> Result<(), PlanError> {
    if params.mode == ImportMode::OnlyIfUnchanged {
        let why = "Revisions of one place say nothing of another: choose to skip or to overwrite";
        return Err(PlanError::field("mode", why));
    }
    if params.cluster == params.from && params.target() == &params.prefix {
        return Err(PlanError::field("to_prefix", "They would be copied onto themselves: choose another prefix"));
    }
    Ok(())
}

impl CopyKeys {
    fn compose(
        &self,
        to: &ClusterRecord,
        from: &ClusterRecord,
        mut params: CopyKeysParams,
        found: Result<Found, String>,
    ) -> Result<Plan, PlanError> {
        let (source, told) = match found {
            Ok(Found { source, told }) => (source, told),
            Err(why) => (Below::default(), Err(why)),
        };
        params.revision = params.revision.or(Some(Wide(source.revision)));
        let take = KeysCall::Take {
            prefix: params.prefix.clone(),
            renamed: Some(params.target().clone()),
            revision: params.revision.unwrap_or_default(),
            into: FileOf::Taken,
            why: "taken by copy_keys".into(),
        };
        let (target, mode) = (ClusterTarget::from(to), params.mode);
        let of_params = serde_json::to_value(&params).map_err(|e| PlanError::Shape(e.to_string()))?;
        let title = format!("{}: copy keys from {}", to.name, from.name);
        let mut plan = bulk::plan(self, to, title, of_params);
        let title = format!("Take the keys of {} into a sealed file", from.name);
        plan.steps = vec![bulk::step("take", &title, &ClusterTarget::from(from), take, None)];
        plan.steps.extend(put_steps(self, &target, FileOf::Taken, mode, None));
        let answer = format!("{} of {}; {}", bulk::what(source.keys, &params.prefix), from.name, source.weight());
        plan.checks.push(Check::new("source", &from.name, Verdict::Pass, answer, ""));
        forecast(&mut plan, told);
        Ok(plan)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::membership::sample;
    use quorate_domain::{ClusterId, keys::Key};

    fn params(mode: ImportMode, to: Option<&str>) -> CopyKeysParams {
        let cluster = ClusterId::from_random([9; 10]);
        let (from, to_prefix) = (cluster.clone(), to.map(Key::raw));
        CopyKeysParams { cluster, from, prefix: Key::raw("/a/"), to_prefix, mode, revision: None }
    }

    /// Two keys are copied within a cluster.
    pub(crate) fn sample_plan() -> Plan {
        let record = sample::scene(3, &[]).record;
        let told = Ok(Forecast { records: 2, looked: 2, adds: 2, ..Forecast::default() });
        let found = Found { source: Below { revision: 7, keys: 2, ..Below::default() }, told };
        let params = params(ImportMode::Skip, Some("/b/"));
        CopyKeys.compose(&record, &record, params, Ok(found)).expect("a plan")
    }

    #[test]
    fn what_is_copied_is_taken_at_one_revision_first() {
        let plan = sample_plan();
        assert_eq!((&plan.params["revision"], plan.steps.len()), (&serde_json::json!("7"), 3));
        assert!(plan.startable());
        let record = sample::scene(3, &[]).record;
        let silent = CopyKeys.compose(&record, &record, params(ImportMode::Skip, None), Err("silence".into()));
        assert!(!silent.expect("a plan").startable());
    }

    #[test]
    fn copies_onto_themselves_and_by_strange_revisions_are_refused() {
        assert!(check(&params(ImportMode::Skip, Some("/b/"))).is_ok());
        assert!(check(&params(ImportMode::Skip, None)).is_err());
        assert!(check(&params(ImportMode::Overwrite, Some("/a/"))).is_err());
        assert!(check(&params(ImportMode::OnlyIfUnchanged, Some("/b/"))).is_err());
    }
}
