//! Where snapshots are kept.

use crate::{ids::VaultId, problem::FieldError, time::Timestamp, wide::Wide};
use serde::{Deserialize, Serialize};

/// A place for snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum VaultPlace {
    /// A directory of the console's machine, of which only the console's user may read anything.
    Local {
        /// Absolute path.
        directory: String,
    },
    /// A bucket of an S3-compatible store.
    S3 {
        /// `https://…`; AWS' own for the region if empty.
        #[serde(default)]
        endpoint: String,
        /// Region; `us-east-1` where the store knows none.
        #[serde(default)]
        region: String,
        /// Bucket.
        bucket: String,
        /// What all objects' names start with.
        #[serde(default)]
        prefix: String,
        /// Id of the access key; its secret half is sealed.
        access_key_id: String,
    },
}

/// A vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Vault {
    /// Its id.
    pub id: VaultId,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub place: VaultPlace,
    /// All snapshots in it may take so many bytes; no bound if none.
    pub budget: Option<Wide>,
    /// What they take now.
    pub used: Wide,
    /// How many there are.
    pub snapshots: u32,
    /// The age recipient that new snapshots are encrypted for; plain if none.
    pub recipient: Option<String>,
    /// Whether the identity that decrypts them is kept, sealed; without it, snapshots can be taken and downloaded, but not opened,
    /// drilled or restored by the console.
    pub has_identity: bool,
    /// When it was made.
    pub at: Timestamp,
    /// Why it could not be used last; empty if it could.
    pub problem: String,
}

/// What a vault is made of, or changed to. Secrets come apart from it and are sealed at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewVault {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub place: VaultPlace,
    /// In bytes.
    #[serde(default)]
    pub budget: Option<Wide>,
    /// An age recipient, `age1…`.
    #[serde(default)]
    pub recipient: Option<String>,
}

impl NewVault {
    /// What is wrong with it, field by field; empty for a good one. Whether the place can be used is tried on saving.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut wrong = Vec::new();
        let mut at =
            |field: &str, message: &str| wrong.push(FieldError { field: field.into(), message: message.into() });
        if self.name.trim().is_empty() || self.name.len() > 60 {
            at("name", "Give it a name of at most 60 characters");
        }
        match &self.place {
            VaultPlace::Local { directory } => {
                if !directory.starts_with('/') || directory.split('/').any(|part| part == "..") {
                    at("directory", "Give an absolute path without '..'");
                }
            }
            VaultPlace::S3 { endpoint, bucket, access_key_id, .. } => {
                if !endpoint.is_empty() && !endpoint.starts_with("https://") && !endpoint.starts_with("http://") {
                    at("endpoint", "Give a URL that starts with https://");
                }
                if bucket.is_empty() || bucket.contains('/') {
                    at("bucket", "Give the bucket's name");
                }
                if access_key_id.is_empty() {
                    at("access_key_id", "Give the id of an access key");
                }
            }
        }
        if self.budget == Some(Wide(0)) {
            at("budget", "A vault that may hold nothing keeps no snapshot; leave it empty for no bound");
        }
        if self.recipient.as_ref().is_some_and(|recipient| !recipient.starts_with("age1")) {
            at("recipient", "Give an age recipient; it starts with age1");
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_vaults_are_refused_at_their_fields() {
        let local = |directory: &str| NewVault {
            name: "disk".into(),
            place: VaultPlace::Local { directory: directory.into() },
            budget: None,
            recipient: None,
        };
        assert_eq!(local("/srv/vault").validate(), []);
        for bad in ["", "vault", "/srv/../etc"] {
            assert_eq!(local(bad).validate()[0].field, "directory", "{bad}");
        }
        let with = |change: fn(&mut NewVault)| {
            let mut vault = local("/srv/vault");
            change(&mut vault);
            vault.validate().into_iter().map(|error| error.field).collect::<Vec<_>>()
        };
        assert_eq!(with(|v| v.name.clear()), ["name"]);
        assert_eq!(with(|v| v.budget = Some(Wide(0))), ["budget"]);
        assert_eq!(with(|v| v.recipient = Some("ssh-ed25519 AAAA".into())), ["recipient"]);
    }
}
