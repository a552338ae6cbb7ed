//! What is still to be done on a host that was not reached when a member on it was removed. Invariant: a task is of one
//! removal and names what lies there by then; whether that still lies there is looked at before anything is done.

use crate::{
    cluster::Layout,
    ids::{ClusterId, HostId, HostTaskId, OperationId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// A removed member whose host did not answer: once it is back its etcd is stopped and disabled, its data set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostTask {
    /// Id.
    pub id: HostTaskId,
    /// The host.
    pub host: HostId,
    /// Its name now.
    pub host_name: String,
    /// The cluster that the member left.
    pub cluster: ClusterId,
    /// Its name then.
    pub cluster_name: String,
    /// The member's name.
    pub member: String,
    /// Its peer URL.
    pub peer_url: String,
    /// Its data directory.
    pub data_dir: String,
    /// How its etcd lies there.
    pub layout: Layout,
    /// `initial-cluster-token` of the cluster; empty where it is not known.
    #[serde(default)]
    pub cluster_token: String,
    /// Names what is set aside: `member/` goes to `aside-<token>` in the data directory.
    pub token: String,
    /// The operation that removed the member, or went on without it.
    pub left_by: OperationId,
    /// It is a fence: a rescue went on without a member that nobody could reach, whose old etcd may serve old data once it is
    /// back. Whatever it says then, it is stopped.
    #[serde(default)]
    pub rescued: bool,
    /// The last operation that set about it; the console does so once by itself.
    pub attempt: Option<OperationId>,
    /// Why the console left it alone when the host was back, in words; empty if nothing is wrong.
    pub problem: String,
    /// Since when it is open.
    pub created_at: Timestamp,
}

/// Parameters of the kind `finish_removal`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FinishRemovalParams {
    /// The task. Everything else is the task's: nobody names another directory to be set aside.
    pub task: HostTaskId,
}
