//! Who may plan and start operations on many keys. Invariant: asked before a plan looks at anything, with the same rules as for one
//! key, and for every key that could be touched. What such an operation does is a kind of `quorate_operations`.

use super::rules::may;
use crate::{
    actor::Actor,
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use quorate_domain::{
    Action, ClusterId, KeyFileId, Problem, ProblemKind, Scope,
    keys::{self, CopyKeysParams, DeleteKeysParams, ImportKeysParams, Key},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

impl Console {
    /// Refuses whoever may not do with keys what an operation of this kind would do. Other kinds, and parameters that cannot be
    /// read, are nobody's to refuse here.
    ///
    /// # Errors
    /// `Forbidden`, with an audit row; `Invalid` at `file` for one that is not kept.
    pub(crate) async fn check_keys(&self, actor: &Actor, kind: &str, params: &Value) -> Result<(), CoreError> {
        let below = |cluster: &ClusterId, prefix: &Key| Scope::Keys(cluster.clone(), prefix.0.clone());
        match kind {
            "delete_keys" => {
                let Some(params) = read::<DeleteKeysParams>(params) else { return Ok(()) };
                self.permit::<act::DeleteKeys>(actor, below(&params.cluster, &params.prefix)).await?;
            }
            "copy_keys" => {
                let Some(params) = read::<CopyKeysParams>(params) else { return Ok(()) };
                self.permit::<act::WriteKeys>(actor, below(&params.cluster, params.target())).await?;
                self.permit::<act::ReadValues>(actor, below(&params.from, &params.prefix)).await?;
            }
            "import_keys" => {
                let Some(params) = read::<ImportKeysParams>(params) else { return Ok(()) };
                self.permit::<act::WriteKeys>(actor, Scope::Cluster(params.cluster.clone())).await?;
                self.check_file(actor, &params.cluster, &params.file).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The clusters of which the permit's holder may write some keys: ids and names. Which keys is asked when there is a plan.
    ///
    /// # Errors
    /// The console is not running.
    pub async fn clusters_to_write(
        &self,
        permit: &Permit<act::ViewClusters>,
    ) -> Result<Vec<(ClusterId, String)>, CoreError> {
        let actor = permit.actor();
        let may = |id: &ClusterId| keys::may_somewhere(actor.role, &actor.key_rules, Action::WriteKeys, id);
        let all = self.fleet(permit).await?.into_iter().filter(|view| may(&view.id));
        Ok(all.map(|view| (view.id, view.name)).collect())
    }

    /// Refuses a file with a key that `actor` may not write.
    pub(super) async fn check_file(
        &self,
        actor: &Actor,
        cluster: &ClusterId,
        file: &KeyFileId,
    ) -> Result<(), CoreError> {
        if keys::prefixes(actor.role, &actor.key_rules, Action::WriteKeys, cluster).is_none() {
            return Ok(());
        }
        let missing = || Problem::field("file", format!("There is no file {file} for this cluster (any more)"));
        let kept = self.key_file_of(cluster, file).await.map_err(|error| match error {
            CoreError::Problem(problem) if problem.kind == ProblemKind::NotFound => missing().into(),
            other => other,
        })?;
        for number in 0..kept.parts {
            let records = self.records(file, number).await?;
            if let Some(record) =
                records.into_iter().find(|record| !may(actor, Action::WriteKeys, cluster, record.key.as_bytes()))
            {
                // The refusal says what the rules allow, and has its row; it never says what the key is called.
                self.permit::<act::WriteKeys>(actor, Scope::Keys(cluster.clone(), record.key.0)).await?;
            }
        }
        Ok(())
    }
}

fn read<T: DeserializeOwned>(params: &Value) -> Option<T> {
    serde_json::from_value(params.clone()).ok()
}
