//! The keys of a kept file are written. What was there before is kept in another sealed file first.

use super::{Kind, params_of};
use crate::{
    bulk::{self, Forecast, Origin},
    context::Planner,
    effect::{ClusterTarget, FileOf, KeysCall},
    error::PlanError,
    membership::record,
    plan::{Plan, Step},
};
use async_trait::async_trait;
use quorate_domain::{
    cluster::ClusterRecord,
    keys::{ImportKeysParams, ImportMode},
    plan::OperationClass,
    wide::Wide,
};
use serde_json::Value;

/// The kind `import_keys`.
pub struct ImportKeys;

#[async_trait]
impl Kind for ImportKeys {
    fn name(&self) -> &'static str {
        "import_keys"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Guarded
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let mut params: ImportKeysParams = params_of(params)?;
        let record = record(planner, &params.cluster).await?;
        let kept = planner.inventory.key_file(&params.file).await.map_err(|why| PlanError::field("file", why))?;
        let kept = kept.filter(|kept| kept.file.cluster == params.cluster);
        if kept.is_none() {
            let why = format!("There is no file {} for this cluster (any more)", params.file);
            return Err(PlanError::field("file", why));
        }
        let target = ClusterTarget::from(&record);
        let told = async {
            let revision = match params.revision {
                Some(revision) => revision.0,
                None => planner.revision(&target).await?,
            };
            params.revision = Some(Wide(revision));
            planner.forecast(&target, &Origin::File(params.file.clone()), params.mode, Some(revision)).await
        };
        let told = told.await;
        self.compose(&record, &params, told)
    }
}

impl ImportKeys {
    fn compose(
        &self,
        record: &ClusterRecord,
        params: &ImportKeysParams,
        told: Result<Forecast, String>,
    ) -> Result<Plan, PlanError> {
        let target = ClusterTarget::from(record);
        let file = FileOf::Kept(params.file.clone());
        let of_params = serde_json::to_value(params).map_err(|e| PlanError::Shape(e.to_string()))?;
        let mut plan = bulk::plan(self, record, format!("{}: import keys", record.name), of_params);
        plan.steps = put_steps(self, &target, file, params.mode, params.revision);
        forecast(&mut plan, told);
        Ok(plan)
    }
}

/// What is there under the keys of `file` is kept, then they are written.
pub(super) fn put_steps(
    kind: &dyn Kind,
    target: &ClusterTarget,
    file: FileOf,
    mode: ImportMode,
    revision: Option<Wide>,
) -> Vec<Step> {
    let keep = KeysCall::Keep { file: file.clone(), why: format!("before {}", kind.name()) };
    let put = KeysCall::Put { file: file.clone(), mode, revision };
    vec![
        bulk::step("keep", "Keep what is there now in a sealed file", target, keep, None),
        bulk::step("put", "Write the keys", target, put, Some(KeysCall::PutBack { file })),
    ]
}

/// Tells what the put would do.
pub(super) fn forecast(plan: &mut Plan, told: Result<Forecast, String>) {
    match told {
        Ok(told) => {
            plan.checks.extend(told.checks());
            plan.expected_seconds = bulk::seconds(told.records * 2);
        }
        Err(why) => plan.checks.push(bulk::not_seen(&why)),
    }
    plan.warnings.push("Keys that are made have no lease; those that are replaced keep theirs.".into());
    plan.warnings.push("What is there now is kept for 7 days among the cluster's files of keys.".into());
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::membership::sample;
    use quorate_domain::KeyFileId;

    fn compose(told: Result<Forecast, String>) -> Plan {
        let record = sample::scene(3, &[]).record;
        let (cluster, file) = (record.id.clone(), KeyFileId::from_random([3; 10]));
        let params = ImportKeysParams { cluster, file, mode: ImportMode::Overwrite, revision: Some(Wide(9)) };
        ImportKeys.compose(&record, &params, told).expect("a plan")
    }

    /// Two keys come in.
    pub(crate) fn sample_plan() -> Plan {
        compose(Ok(Forecast { records: 2, looked: 2, adds: 1, changes: 1, ..Forecast::default() }))
    }

    #[test]
    fn what_was_there_is_kept_before_it_is_replaced() {
        let plan = sample_plan();
        let keys: Vec<&str> = plan.steps.iter().map(|step| step.key.as_str()).collect();
        assert_eq!(keys, ["keep", "put"]);
        assert_eq!((plan.steps[1].lanes[0].undo.len(), plan.startable()), (1, true));
        assert!(!compose(Err("no member answers".into())).startable());
    }

    #[test]
    fn a_record_that_etcd_would_refuse_keeps_the_import_from_starting() {
        let unfit = Some("line 17: the key is empty".into());
        let told = Forecast { records: 2, looked: 2, adds: 2, unfit, ..Forecast::default() };
        let plan = compose(Ok(told));
        assert!(!plan.startable() && plan.checks.iter().any(|check| check.answer.contains("line 17")));
    }
}
