//! A plan: steps of parallel lanes, and the digest that binds a start to what was reviewed. Invariant: the digest
//! covers kind, parameters, effects, file contents, undo, point of no return and check verdicts, and nothing measured.

use crate::{
    effect::{Action, Condition, Effect, Place, Run},
    steps::Part,
};
use quorate_domain::{
    ClusterId, HostId,
    plan::{Check, OperationClass, Question, Verdict},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Actions of one step at one place, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Where.
    pub place: Place,
    /// When this holds the whole lane is done already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<Condition>,
    /// What.
    pub actions: Vec<Action>,
    /// What takes it back, in order.
    #[serde(default)]
    pub undo: Vec<Action>,
    /// When this holds the lane never began to change anything, and undo leaves it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_unless: Option<Condition>,
    /// Run after a failure of this lane, for its output only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnose: Vec<Run>,
}

impl Lane {
    /// `part` at `place`, whatever holds there.
    pub fn at(place: Place, part: Part) -> Self {
        Self { place, unless: None, actions: part.actions, undo: part.undo, undo_unless: None, diagnose: Vec::new() }
    }
}

impl Step {
    /// A step that nobody may leave out.
    pub fn of(key: impl Into<String>, title: impl Into<String>, lanes: Vec<Lane>) -> Self {
        Self { key: key.into(), title: title.into(), lanes, skippable: false, waits: None }
    }

    /// It begins only once a person pressed this.
    #[must_use]
    pub fn after(mut self, question: Question) -> Self {
        self.waits = Some(question);
        self
    }
}

/// One numbered step; its lanes run in parallel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Stable key within the kind.
    pub key: String,
    /// What it does, in a few words.
    pub title: String,
    /// Lanes.
    pub lanes: Vec<Lane>,
    /// Whether a person may leave it out when it is stuck.
    #[serde(default)]
    pub skippable: bool,
    /// What a person is asked before it begins; it rests until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Question>,
}

/// A whole plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The kind.
    pub kind: String,
    /// Version of the kind's effects: a stored plan of an unknown one is not run.
    pub kind_version: u32,
    /// Title.
    pub title: String,
    /// Completed parameters.
    pub params: Value,
    /// The cluster it changes; none when it makes one, which gets its id at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterId>,
    /// Name of the cluster it is about (claimed while it runs).
    pub cluster_name: String,
    /// Hosts it claims.
    pub hosts: Vec<HostId>,
    /// Steps.
    pub steps: Vec<Step>,
    /// Checks.
    pub checks: Vec<Check>,
    /// Things to know.
    pub warnings: Vec<String>,
    /// First step that cannot be taken back.
    pub point_of_no_return: Option<u32>,
    /// About how long it takes.
    pub expected_seconds: u32,
    /// How much it can harm.
    pub class: OperationClass,
    /// The name to type.
    pub confirm: Option<String>,
    /// `user@address:port` of each host, for the runbook.
    pub logins: Vec<(HostId, Login)>,
}

/// How a person's own ssh reaches a host, for runbooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// `user@address`.
    pub destination: String,
    /// Port.
    pub port: u16,
    /// Whether commands need sudo.
    pub sudo: bool,
}

impl Plan {
    /// SHA-256 in hex over everything that a reviewer decides on.
    pub fn digest(&self) -> String {
        let verdicts: Vec<(&str, &str, Verdict)> =
            self.checks.iter().map(|c| (c.name.as_str(), c.subject.as_str(), c.verdict)).collect();
        let reviewed = serde_json::json!({
            "kind": self.kind,
            "kind_version": self.kind_version,
            "params": self.params,
            "hosts": self.hosts,
            "logins": self.logins,
            "steps": self.steps,
            "verdicts": verdicts,
            "point_of_no_return": self.point_of_no_return,
            "confirm": self.confirm,
        });
        hex::encode(Sha256::digest(reviewed.to_string().as_bytes()))
    }

    /// Whether no check forbids the start.
    pub fn startable(&self) -> bool {
        self.checks.iter().all(|c| c.verdict != Verdict::Fail)
    }

    /// Every effect, in order.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.steps.iter().flat_map(|s| &s.lanes).flat_map(|l| &l.actions).map(|a| &a.effect)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> Plan {
        let host = HostId::from_random([1; 10]);
        Plan {
            kind: "sample".into(),
            kind_version: 1,
            title: "Sample".into(),
            params: serde_json::json!({"name": "demo"}),
            cluster: None,
            cluster_name: "demo".into(),
            hosts: vec![host.clone()],
            steps: vec![Step {
                key: "one".into(),
                title: "One".into(),
                lanes: vec![Lane {
                    place: Place::Host { id: host.clone(), name: "lab1".into() },
                    unless: None,
                    actions: vec![Run::new(["true"]).into()],
                    undo: vec![],
                    undo_unless: None,
                    diagnose: vec![],
                }],
                skippable: false,
                waits: None,
            }],
            checks: vec![Check {
                name: "clock".into(),
                subject: "lab1".into(),
                verdict: Verdict::Pass,
                answer: "3 ms".into(),
                advice: String::new(),
            }],
            warnings: vec![],
            point_of_no_return: None,
            expected_seconds: 1,
            class: OperationClass::Dangerous,
            confirm: None,
            logins: vec![(host, Login { destination: "ops@10.77.0.11".into(), port: 22, sudo: true })],
        }
    }

    #[test]
    fn measured_numbers_do_not_move_the_digest_and_verdicts_do() {
        let plan = sample();
        let mut measured = plan.clone();
        measured.checks[0].answer = "7 ms".into();
        measured.expected_seconds = 9;
        assert_eq!(plan.digest(), measured.digest());
        measured.checks[0].verdict = Verdict::Warn;
        assert_ne!(plan.digest(), measured.digest());
    }

    #[test]
    fn effects_params_and_undo_move_the_digest() {
        let plan = sample();
        let changes: [fn(&mut Plan); 5] = [
            |p| p.steps[0].waits = Some(Question { label: "Go on".into(), sentence: "All is well.".into() }),
            |p| p.params = serde_json::json!({"name": "other"}),
            |p| p.steps[0].lanes[0].actions = vec![Run::new(["false"]).into()],
            |p| p.steps[0].lanes[0].undo = vec![Run::new(["true"]).into()],
            |p| p.point_of_no_return = Some(0),
        ];
        for change in changes {
            let mut other = plan.clone();
            change(&mut other);
            assert_ne!(plan.digest(), other.digest());
        }
    }

    #[test]
    fn a_stored_plan_is_the_same_plan() {
        let plan = sample();
        let text = serde_json::to_string(&plan).expect("json");
        let back: Plan = serde_json::from_str(&text).expect("plan");
        assert_eq!(back.digest(), plan.digest());
    }
}
