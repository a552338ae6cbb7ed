//! How audit rows tell what of a cluster's keys they are about. Invariant: it is the cluster's name, and behind it the key or
//! prefix, if it is one; a key is its SHA-256 where the cluster's settings want that. Whose rules narrow which rows somebody
//! reads is `audit`'s.

use crate::{console::Console, error::CoreError};
use quorate_domain::{ClusterId, Scope, keys::Key};
use sha2::{Digest, Sha256};

impl Console {
    /// `prod /app/mode`, or `prod` alone for all of its keys.
    ///
    /// # Errors
    /// The storage failed.
    pub(crate) async fn key_object(&self, cluster: &ClusterId, key: &Key) -> Result<String, CoreError> {
        let cluster_name = self.cluster_object(cluster).await?;
        Ok(if key.is_empty() {
            cluster_name
        } else {
            format!("{cluster_name} {}", self.key_in_audit(cluster, key).await?)
        })
    }

    /// A cluster by its name, an opened snapshot by its own; one that the console does not have by its id.
    ///
    /// # Errors
    /// The storage failed.
    pub(crate) async fn cluster_object(&self, cluster: &ClusterId) -> Result<String, CoreError> {
        if let Some((name, _)) = self.opened_source(cluster) {
            return Ok(name);
        }
        let record = self.0.store.cluster(cluster).await?;
        Ok(record.map_or_else(|| cluster.to_string(), |record| record.name))
    }

    /// A key alone: itself, or where that is wanted its SHA-256.
    ///
    /// # Errors
    /// The storage failed.
    pub(crate) async fn key_in_audit(&self, cluster: &ClusterId, key: &Key) -> Result<String, CoreError> {
        let hashed = self.key_settings_of(cluster).await?.hash_in_audit;
        Ok(if hashed { hash(key) } else { key.to_string() })
    }

    /// What was asked for, where it was refused; what cannot be told as it should be is left out.
    pub(crate) async fn scope_object(&self, scope: &Scope) -> String {
        let (cluster, told) = match scope {
            Scope::Global => return String::new(),
            Scope::Cluster(cluster) => (cluster, self.cluster_object(cluster).await),
            Scope::Keys(cluster, key) => (cluster, self.key_object(cluster, &Key(key.clone())).await),
        };
        told.unwrap_or_else(|_| cluster.to_string())
    }
}

fn hash(key: &Key) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(key.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hashed_key_is_the_sha256_that_anybody_can_reckon() {
        let known = "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
        assert_eq!(hash(&Key::raw("a")), known);
    }
}
