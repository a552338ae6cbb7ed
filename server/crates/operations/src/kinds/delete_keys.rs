//! All keys with a prefix go. They are kept in a sealed file first, so that they can be put back; what was written after the
//! review stays.

use super::{Kind, params_of};
use crate::{
    bulk::{self, Below},
    context::Planner,
    effect::{ClusterTarget, FileOf, KeysCall},
    error::PlanError,
    membership::record,
    plan::Plan,
};
use async_trait::async_trait;
use quorate_domain::{cluster::ClusterRecord, keys::DeleteKeysParams, plan::OperationClass, wide::Wide};
use serde_json::Value;

/// The kind `delete_keys`.
pub struct DeleteKeys;

#[async_trait]
impl Kind for DeleteKeys {
    fn name(&self) -> &'static str {
        "delete_keys"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Guarded
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let params: DeleteKeysParams = params_of(params)?;
        let record = record(planner, &params.cluster).await?;
        let target = ClusterTarget::from(&record);
        let found = planner.look_below(&target, &params.prefix, params.revision.map(|revision| revision.0)).await;
        self.compose(&record, params, found)
    }
}

impl DeleteKeys {
    fn compose(
        &self,
        record: &ClusterRecord,
        mut params: DeleteKeysParams,
        found: Result<Below, String>,
    ) -> Result<Plan, PlanError> {
        let (checks, keys) = match &found {
            Ok(found) => {
                params.revision = Some(Wide(found.revision));
                (found.checks(), found.keys)
            }
            Err(why) => (vec![bulk::not_seen(why)], 0),
        };
        let (target, prefix) = (ClusterTarget::from(record), params.prefix.clone());
        let revision = params.revision.unwrap_or_default();
        let params = serde_json::to_value(&params).map_err(|e| PlanError::Shape(e.to_string()))?;
        // Titles go to the audit trail, which may have to hide what keys are called.
        let mut plan = bulk::plan(self, record, format!("{}: delete keys", record.name), params);
        let take = KeysCall::Take {
            prefix: prefix.clone(),
            renamed: None,
            revision,
            into: FileOf::Before,
            why: "before delete_keys".into(),
        };
        let delete = KeysCall::Delete { prefix: prefix.clone() };
        plan.steps = vec![
            bulk::step("keep", "Keep the keys and values in a sealed file", &target, take, None),
            bulk::step("delete", "Delete what is as it was kept", &target, delete, Some(KeysCall::Restore)),
        ];
        plan.checks = checks;
        let all = format!("This is EVERY key of {}: whatever keeps its state there loses all of it.", record.name);
        plan.warnings = prefix.is_empty().then_some(all).into_iter().collect();
        plan.warnings.extend([
            format!("Deletes {}; what is written after revision {revision} stays.", bulk::what(keys, &prefix)),
            "The file is kept for 7 days among the cluster's files of keys; importing it puts the keys back.".into(),
        ]);
        plan.expected_seconds = bulk::seconds(keys);
        plan.confirm = prefix.is_empty().then(|| record.name.clone());
        Ok(plan)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::membership::sample;
    use quorate_domain::{keys::Key, plan::Verdict};

    fn compose(prefix: &str, found: Result<Below, String>) -> Plan {
        let record = sample::scene(3, &[]).record;
        let params = DeleteKeysParams { cluster: record.id.clone(), prefix: Key::raw(prefix), revision: None };
        DeleteKeys.compose(&record, params, found).expect("a plan")
    }

    /// Two keys of `/app/` go.
    pub(crate) fn sample_plan() -> Plan {
        compose("/app/", Ok(Below { revision: 9, keys: 2, looked: 2, ..Below::default() }))
    }

    #[test]
    fn what_is_deleted_is_pinned_to_the_revision_that_was_reviewed_and_kept_before() {
        let plan = sample_plan();
        assert_eq!(plan.params["revision"], "9");
        let keys: Vec<&str> = plan.steps.iter().map(|step| step.key.as_str()).collect();
        assert_eq!(keys, ["keep", "delete"]);
        assert_eq!(plan.steps[1].lanes[0].undo.len(), 1);
        assert_eq!((plan.point_of_no_return, plan.confirm), (None, None));
        assert!(!plan.title.contains("/app/"), "the title goes to the audit trail");
    }

    #[test]
    fn all_keys_take_the_name_of_the_cluster_and_a_silent_cluster_none() {
        let found = Below { revision: 9, keys: 2, looked: 2, ..Below::default() };
        let all = compose("", Ok(found));
        assert_eq!(all.confirm.as_deref(), Some("demo"));
        assert!(all.warnings[0].contains("EVERY key of demo"), "{:?}", all.warnings);
        let silent = compose("/app/", Err("no member answers".into()));
        assert!(!silent.startable() && silent.checks[0].verdict == Verdict::Fail);
        assert!(!compose("/app/", Ok(Below::default())).startable(), "there is nothing to delete");
    }
}
