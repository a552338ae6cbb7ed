//! What was typed into the wizard, and the parameters it makes. Invariant: plain data; the rules are the domain's
//! (`InstallParams::validate`), here is only what cannot be read as a number or a version.

use crate::wizards::{self, MIB};
use quorate_domain::{
    install::{InstallMember, InstallParams},
    plan::PlanRequest,
    problem::FieldError,
    version::{OFFERED, Version},
};

/// Everything that was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::wizards) struct Draft {
    pub(super) name: String,
    pub(super) members: Vec<InstallMember>,
    pub(super) version: String,
    pub(super) source: String,
    pub(super) download_url: String,
    pub(super) data_dir: String,
    pub(super) client_port: String,
    pub(super) peer_port: String,
    pub(super) token: String,
    pub(super) reach: String,
    pub(super) quota_mib: String,
    pub(super) compaction_hours: String,
    pub(super) heartbeat: String,
    pub(super) election: String,
    pub(super) snapshot_count: String,
}

impl Draft {
    /// The defaults, with the newest version that is offered.
    pub(super) fn new() -> Self {
        let p = InstallParams::new("", Vec::new());
        Self {
            name: p.name,
            members: Vec::new(),
            version: OFFERED.first().copied().unwrap_or(p.version).to_string(),
            source: "download".into(),
            download_url: p.download_url,
            data_dir: p.data_dir,
            client_port: p.client_port.to_string(),
            peer_port: p.peer_port.to_string(),
            token: p.token,
            reach: "direct".into(),
            quota_mib: (p.quota.0 / MIB).to_string(),
            compaction_hours: p.auto_compaction_hours.to_string(),
            heartbeat: p.heartbeat_millis.to_string(),
            election: p.election_millis.to_string(),
            snapshot_count: String::new(),
        }
    }

    /// The parameters.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub(in crate::wizards) fn params(&self) -> Result<InstallParams, Vec<FieldError>> {
        let mut errors = Vec::new();
        let members = self.members.iter().map(wizards::trimmed).collect();
        let mut params = InstallParams::new(self.name.trim(), members);
        match self.version.trim().parse::<Version>() {
            Ok(version) => params.version = version,
            Err(message) => errors.push(FieldError { field: "version".into(), message }),
        }
        params.source = wizards::source(&self.source);
        params.reach = wizards::reach(&self.reach);
        self.download_url.trim().clone_into(&mut params.download_url);
        self.data_dir.trim().clone_into(&mut params.data_dir);
        self.token.trim().clone_into(&mut params.token);
        number(&self.client_port, "client_port", &mut errors, |n| params.client_port = n);
        number(&self.peer_port, "peer_port", &mut errors, |n| params.peer_port = n);
        number(&self.quota_mib, "quota", &mut errors, |n: u64| params.quota = n.saturating_mul(MIB).into());
        number(&self.compaction_hours, "auto_compaction_hours", &mut errors, |n| params.auto_compaction_hours = n);
        number(&self.heartbeat, "heartbeat_millis", &mut errors, |n| params.heartbeat_millis = n);
        number(&self.election, "election_millis", &mut errors, |n| params.election_millis = n);
        if !self.snapshot_count.trim().is_empty() {
            number(&self.snapshot_count, "snapshot_count", &mut errors, |n| params.snapshot_count = Some(n));
        }
        errors.extend(params.validate());
        if errors.is_empty() { Ok(params) } else { Err(errors) }
    }

    /// The request for a plan.
    ///
    /// # Errors
    /// As [`Draft::params`].
    pub(super) fn request(&self) -> Result<PlanRequest, Vec<FieldError>> {
        wizards::request("install_cluster", &self.params()?)
    }
}

fn number<N: std::str::FromStr>(text: &str, field: &str, errors: &mut Vec<FieldError>, put: impl FnOnce(N)) {
    match text.trim().parse() {
        Ok(value) => put(value),
        Err(_) => errors.push(FieldError { field: field.into(), message: "Give a whole number in range".into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::cluster::Reach;
    use quorate_domain::install::BinarySource;

    fn draft() -> Draft {
        let member =
            |n: u8| InstallMember { host: sample::host(n).id, name: format!("lab{n}"), address: String::new() };
        Draft { name: " demo ".into(), members: vec![member(1), member(2), member(3)], ..Draft::new() }
    }

    #[test]
    fn the_defaults_make_valid_parameters_of_the_newest_offered_version() {
        let params = draft().params().expect("valid");
        assert_eq!((params.name.as_str(), params.members.len()), ("demo", 3));
        assert_eq!(Some(&params.version), OFFERED.first());
        let same = InstallParams { version: params.version, ..InstallParams::new("demo", params.members.clone()) };
        assert_eq!(params, same, "everything else is the domain's default");
    }

    #[test]
    fn what_cannot_be_read_and_what_is_not_allowed_is_named_at_its_field() {
        let mut draft = draft();
        draft.version = "latest".into();
        draft.client_port = "http".into();
        draft.data_dir = "/etc".into();
        draft.members[1].address = "localhost".into();
        let fields: Vec<String> = draft.params().expect_err("invalid").into_iter().map(|e| e.field).collect();
        assert_eq!(fields, ["version", "client_port", "members.1.address", "data_dir"]);
    }

    #[test]
    fn choices_reach_the_request() {
        let mut draft = draft();
        (draft.source, draft.reach, draft.quota_mib) = ("push".into(), "ssh".into(), "512".into());
        draft.snapshot_count = "5000".into();
        let request = draft.request().expect("valid");
        assert_eq!(request.kind, "install_cluster");
        let back: InstallParams = serde_json::from_value(request.params).expect("params");
        assert_eq!((back.source, back.reach), (BinarySource::Push, Reach::Ssh));
        assert_eq!((back.quota.0, back.snapshot_count), (512 * MIB, Some(5000)));
    }
}
