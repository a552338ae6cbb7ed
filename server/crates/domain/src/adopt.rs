//! What adopting a cluster is asked with. Invariant: nothing is changed by it, on hosts or in the cluster; what is found is
//! said in the plan's checks, and what was given to get in is a sealed secret of which only the id is here.

use crate::{
    cluster::{Reach, Scheme},
    ids::{HostId, SecretId},
    names,
    problem::FieldError,
};
use serde::{Deserialize, Serialize};

/// Parameters of the kind `adopt_cluster`. Either `endpoint` or `host` says where to begin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AdoptParams {
    /// How the cluster is called from now on.
    pub name: String,
    /// Client URL of one of its members; found on `host` if empty.
    #[serde(default)]
    pub endpoint: String,
    /// A registered host that runs one of its members.
    #[serde(default)]
    pub host: Option<HostId>,
    /// How its members are reached.
    #[serde(default)]
    pub reach: Reach,
    /// What it wants from its clients, as `POST /credentials` keeps it.
    #[serde(default)]
    pub access: Option<SecretId>,
}

impl AdoptParams {
    /// What cannot be right.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut check = |field: &str, result: Result<(), String>| {
            if let Err(message) = result {
                errors.push(FieldError { field: field.into(), message });
            }
        };
        check("name", names::check_name(&self.name));
        match (&self.host, self.endpoint.as_str()) {
            (None, "") => {
                check("endpoint", Err("Give the client URL of a member, or choose a host that runs one".into()))
            }
            (Some(_), "") => {}
            (_, url) => check("endpoint", check_endpoint(url).map(drop)),
        }
        errors
    }
}

/// Checks the client URL of a member, and reads its scheme.
///
/// # Errors
/// A sentence for the field.
pub fn check_endpoint(url: &str) -> Result<Scheme, String> {
    let example = "Give a client URL such as http://10.0.0.11:2379 or https://db1.example.net:2379";
    let (scheme, rest) = url.split_once("://").ok_or(example)?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return Err(example.into()),
    };
    if rest.contains('/') {
        return Err("Leave out what comes after the port".into());
    }
    let (address, _) = names::split_url(url).map_err(|_| "Give the port too: etcd serves clients at 2379 as a rule")?;
    names::check_address(&address)?;
    Ok(scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_urls_with_a_port_and_nothing_behind_it() {
        assert_eq!(check_endpoint("http://10.0.0.11:2379"), Ok(Scheme::Http));
        assert_eq!(check_endpoint("https://db1.example.net:2379"), Ok(Scheme::Https));
        assert_eq!(check_endpoint("http://[fd00::1]:2379"), Ok(Scheme::Http));
        for bad in [
            "",
            "10.0.0.11:2379",
            "ftp://x:1",
            "http://10.0.0.11",
            "http://x:2379/v3",
            "http://a b:2379",
            "http://:2379",
        ] {
            assert!(check_endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn it_begins_at_an_endpoint_or_at_a_host() {
        let fields = |params: &AdoptParams| params.validate().into_iter().map(|e| e.field).collect::<Vec<_>>();
        let params = AdoptParams { name: "orders".into(), ..AdoptParams::default() };
        assert_eq!(fields(&params), ["endpoint"]);
        let host = AdoptParams { host: Some(HostId::from_random([1; 10])), ..params.clone() };
        assert!(fields(&host).is_empty());
        assert_eq!(fields(&AdoptParams { name: String::new(), endpoint: "x".into(), ..params }), ["name", "endpoint"]);
    }
}
