//! What a removal leaves open on a host that it does not reach.

use quorate_domain::{HostId, cluster::Layout, host_task::HostTask};
use serde::{Deserialize, Serialize};

/// A removed member's part on its host: etcd stopped and disabled, its data set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPart {
    /// The host.
    pub host: HostId,
    /// Its name when the plan was made.
    pub host_name: String,
    /// Name of the cluster that the member leaves.
    pub cluster_name: String,
    /// The member's name.
    pub member: String,
    /// Its peer URL.
    pub peer_url: String,
    /// Its data directory.
    pub data_dir: String,
    /// How its etcd lies there.
    #[serde(default)]
    pub layout: Layout,
    /// `initial-cluster-token` of the cluster; empty where it is not known.
    #[serde(default)]
    pub cluster_token: String,
    /// Names what is set aside.
    pub token: String,
}

impl From<&HostTask> for HostPart {
    fn from(task: &HostTask) -> Self {
        let HostTask {
            host, host_name, cluster_name, member, peer_url, data_dir, layout, cluster_token, token, ..
        } = task.clone();
        Self { host, host_name, cluster_name, member, peer_url, data_dir, layout, cluster_token, token }
    }
}
