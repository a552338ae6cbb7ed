//! Patroni's keys. Invariant: read from one member without asking the others, so that it works without quorum too; a
//! bounded number of keys, and of their values only the few that are shown. What they mean lives in `domain::patroni`.

use crate::{client::MemberClient, error::EtcdError};
use etcd_client::{GetOptions, KvClient};
use quorate_domain::patroni::PatroniScope;
use serde::Deserialize;
use std::{collections::BTreeSet, time::Duration};

/// Patroni's default `namespace`.
const NAMESPACE: &str = "/service/";
/// A scope has some ten keys; whoever has more than this below `/service/` keeps other things there.
const KEYS: i64 = 5000;
/// The most scopes that are read.
const SCOPES: usize = 50;

/// The dynamic configuration, with Patroni's defaults for what it leaves out.
#[derive(Deserialize)]
#[serde(default)]
struct Config {
    ttl: u32,
    retry_timeout: u32,
    failsafe_mode: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { ttl: 30, retry_timeout: 10, failsafe_mode: false }
    }
}

impl MemberClient {
    /// The scopes that have a configuration below `/service/`, by name.
    ///
    /// # Errors
    /// [`EtcdError`], among them that this cluster wants a login; dropping the future gives the requests up.
    pub async fn patroni_scopes(&self, deadline: Duration) -> Result<Vec<PatroniScope>, EtcdError> {
        self.call(deadline, async |etcd| {
            let mut kv = etcd.kv_client();
            let keys = GetOptions::new().with_prefix().with_keys_only().with_limit(KEYS).with_serializable();
            let found = kv.get(NAMESPACE, Some(keys)).await?;
            let keys: BTreeSet<&str> = found.kvs().iter().filter_map(|pair| pair.key_str().ok()).collect();
            let mut scopes = Vec::new();
            for scope in keys.iter().filter_map(|key| scope_of(key)).take(SCOPES) {
                let config = value(&mut kv, scope, "config").await?.unwrap_or_default();
                let Config { ttl, retry_timeout, failsafe_mode } = serde_json::from_slice(&config).unwrap_or_default();
                let leader = value(&mut kv, scope, "leader").await?;
                scopes.push(PatroniScope {
                    scope: scope.to_owned(),
                    ttl,
                    retry_timeout,
                    failsafe_mode,
                    leader: leader.map(|name| String::from_utf8_lossy(&name).into_owned()),
                    initialized: keys.contains(format!("{NAMESPACE}{scope}/initialize").as_str()),
                });
            }
            Ok(scopes)
        })
        .await
    }
}

async fn value(kv: &mut KvClient, scope: &str, name: &str) -> Result<Option<Vec<u8>>, EtcdError> {
    let options = GetOptions::new().with_serializable();
    let answer = kv.get(format!("{NAMESPACE}{scope}/{name}"), Some(options)).await?;
    Ok(answer.kvs().first().map(|pair| pair.value().to_vec()))
}

/// The scope whose configuration `key` is.
fn scope_of(key: &str) -> Option<&str> {
    let scope = key.strip_prefix(NAMESPACE)?.strip_suffix("/config")?;
    (!scope.is_empty() && !scope.contains('/')).then_some(scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_configuration_right_below_its_scope_counts() {
        assert_eq!(scope_of("/service/pg-main/config"), Some("pg-main"));
        for other in
            ["/service/pg/leader", "/service/pg/0/config", "/service//config", "/services/pg/config", "/service/"]
        {
            assert_eq!(scope_of(other), None, "{other}");
        }
    }

    #[test]
    fn what_a_configuration_leaves_out_is_patronis_default() {
        let read = |text: &str| serde_json::from_str::<Config>(text).unwrap_or_default();
        assert_eq!((read("{\"ttl\": 20, \"loop_wait\": 5}").ttl, read("{\"ttl\": 20}").retry_timeout), (20, 10));
        assert_eq!(read("not json").ttl, 30);
    }
}
