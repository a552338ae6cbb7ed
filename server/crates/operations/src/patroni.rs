//! Who of Patroni uses a cluster, asked right now. Invariant: asked for information only; a cluster that does not answer, or
//! wants a login, has no scopes that are known, and a plan is made all the same.

use crate::{
    context::Planner,
    effect::{ClusterTarget, MemberTarget},
    error::PlanError,
    kinds::Kind,
    membership,
    plan::Plan,
};
use futures::future::select_ok;
use quorate_domain::{
    ClusterId,
    cluster::{ClusterMemberRecord, ClusterRecord},
    patroni::{self, PatroniScope},
};
use std::time::Duration;
use tokio::time::timeout;

/// For the way to a member and its answer.
const DEADLINE: Duration = Duration::from_secs(5);

impl Planner {
    /// The Patroni scopes that keep their state in a cluster, as the first member to answer says.
    ///
    /// # Errors
    /// No such cluster, or nobody answered, at the field `cluster`.
    pub async fn patroni(&self, cluster: &ClusterId) -> Result<Vec<PatroniScope>, PlanError> {
        let record = membership::record(self, cluster).await?;
        let asked: Vec<_> = record.members.iter().map(|member| Box::pin(self.scopes(&record, member))).collect();
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let (scopes, _) = select_ok(asked).await.map_err(|why| PlanError::field("cluster", why))?;
        Ok(scopes)
    }

    async fn scopes(&self, cluster: &ClusterRecord, member: &ClusterMemberRecord) -> Result<Vec<PatroniScope>, String> {
        let target = MemberTarget::from(member);
        let ask = async {
            let client = self.client(&ClusterTarget::from(cluster), &target).await?;
            client.patroni_scopes(DEADLINE).await.map_err(|error| error.to_string())
        };
        timeout(DEADLINE, ask).await.unwrap_or_else(|_| Err(format!("{} does not answer", member.name)))
    }

    /// Adds to `plan` what Patroni makes of it.
    pub(crate) async fn warn_of_patroni(&self, kind: &dyn Kind, plan: &mut Plan) {
        let Some(cluster) = &plan.cluster else { return };
        match self.patroni(cluster).await {
            Ok(scopes) => plan.warnings.extend(patroni::warnings(&scopes, kind.gap(plan))),
            Err(error) => tracing::debug!(%cluster, %error, "it is not known whether Patroni uses the cluster"),
        }
    }
}
