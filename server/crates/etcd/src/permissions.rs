//! What the user of this client may do with keys, by etcd's own roles. Invariant: asked of etcd, never guessed; a cluster
//! without logins, and the user root, may everything.

use crate::{client::MemberClient, error::EtcdError, kv::RangeEnd};
use etcd_client::{Permission, PermissionType};
use std::time::Duration;

/// A range of keys and what may be done there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The first key.
    pub from: Vec<u8>,
    /// Where it ends.
    pub end: RangeEnd,
    /// Whether its keys may be read.
    pub read: bool,
    /// Whether they may be written.
    pub write: bool,
}

impl Granted {
    fn of(permission: &Permission) -> Self {
        let end = match permission.range_end() {
            [] => RangeEnd::Single,
            [0] => RangeEnd::Last,
            end => RangeEnd::Before(end.to_vec()),
        };
        let kind = permission.get_type();
        let (read, write) = match PermissionType::try_from(kind).unwrap_or(PermissionType::Read) {
            PermissionType::Read => (true, false),
            PermissionType::Write => (false, true),
            PermissionType::Readwrite => (true, true),
        };
        let from = match permission.key() {
            [0] => Vec::new(),
            key => key.to_vec(),
        };
        Self { from, end, read, write }
    }
}

impl MemberClient {
    /// The ranges that this client's user may use; none means everything (no login, or root).
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn granted(&self, deadline: Duration) -> Result<Option<Vec<Granted>>, EtcdError> {
        let Some(login) = self.endpoint().access.login.clone() else { return Ok(None) };
        self.call(deadline, async |etcd| {
            let mut auth = etcd.auth_client();
            let user = auth.user_get(login.user.clone()).await?;
            let mut granted = Vec::new();
            for role in user.roles() {
                if role == "root" {
                    return Ok(None);
                }
                granted.extend(auth.role_get(role.clone()).await?.permissions().iter().map(Granted::of));
            }
            Ok(Some(granted))
        })
        .await
    }
}
