//! A plan as it is reviewed: steps, exact effects, checks, warnings. Invariant: what is shown here is rendered from
//! the very data that the executor runs (`operations::effect`); two equal digests mean equal reviews.

use serde::{Deserialize, Serialize};

/// How much an operation can harm, and so who may run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OperationClass {
    /// Operators may run it.
    Guarded,
    /// Admins only, after re-authentication; tokens need the scope `destructive` and `confirm`.
    Dangerous,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Fine.
    Pass,
    /// Works, but a person should know.
    Warn,
    /// The operation must not start.
    Fail,
}

/// One checked fact with its live answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Check {
    /// Stable name (`arch`, `peer_port`); enters the digest.
    pub name: String,
    /// What it is about: a host's name, or empty for the whole operation. Enters the digest.
    pub subject: String,
    /// How it came out. Enters the digest.
    pub verdict: Verdict,
    /// The answer in words ("x86_64", "2380 to lab2: no answer in 2 s"); not in the digest, numbers move.
    pub answer: String,
    /// What to do when it is not fine; empty otherwise.
    pub advice: String,
}

impl Check {
    /// A check; advice is for what is not fine, so a passed one has none.
    pub fn new(
        name: impl Into<String>,
        subject: impl Into<String>,
        verdict: Verdict,
        answer: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let advice = if verdict == Verdict::Pass { String::new() } else { advice.into() };
        Self { name: name.into(), subject: subject.into(), verdict, answer: answer.into(), advice }
    }
}

/// One thing a step does, as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "effect", from = "FlatEffect")]
pub enum EffectView {
    /// A command on a host, as root.
    Run {
        /// Host name.
        host: String,
        /// The command line, quoted for a POSIX shell.
        command: String,
        /// When it is left out because already so, in words.
        unless: String,
    },
    /// A file written on a host.
    PutFile {
        /// Host name.
        host: String,
        /// Path.
        path: String,
        /// `owner:group mode`.
        ownership: String,
        /// Difference to what is there now.
        diff: Vec<DiffLine>,
    },
    /// A request to etcd.
    Etcd {
        /// In etcdctl's words.
        call: String,
    },
    /// A condition waited for.
    Wait {
        /// In words.
        condition: String,
        /// Deadline in seconds.
        deadline_seconds: u32,
    },
    /// Something the console notes for itself.
    Record {
        /// In words.
        what: String,
    },
}

/// As it is read: flat, because serde's own reader of tagged enums buffers its input and is compiled anew for each type
/// inside (8 KiB of the browser's wasm apiece).
#[derive(Deserialize)]
struct FlatEffect {
    effect: EffectKind,
    #[serde(default)]
    host: String,
    #[serde(default)]
    command: String,
    #[serde(default)]
    unless: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    ownership: String,
    #[serde(default)]
    diff: Vec<DiffLine>,
    #[serde(default)]
    call: String,
    #[serde(default)]
    condition: String,
    #[serde(default)]
    deadline_seconds: u32,
    #[serde(default)]
    what: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum EffectKind {
    Run,
    PutFile,
    Etcd,
    Wait,
    Record,
}

impl From<FlatEffect> for EffectView {
    fn from(flat: FlatEffect) -> Self {
        let FlatEffect {
            host, command, unless, path, ownership, diff, call, condition, deadline_seconds, what, ..
        } = flat;
        match flat.effect {
            EffectKind::Run => Self::Run { host, command, unless },
            EffectKind::PutFile => Self::PutFile { host, path, ownership, diff },
            EffectKind::Etcd => Self::Etcd { call },
            EffectKind::Wait => Self::Wait { condition, deadline_seconds },
            EffectKind::Record => Self::Record { what },
        }
    }
}

/// One line of a file difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiffLine {
    /// Same, added or removed.
    pub change: DiffChange,
    /// The line without its end.
    pub text: String,
}

/// What a diff line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DiffChange {
    /// In both.
    Same,
    /// New.
    Added,
    /// Gone.
    Removed,
}

/// What a person is asked before a step begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Question {
    /// The button ("Open to clients").
    pub label: String,
    /// What was reached, and what pressing it means.
    pub sentence: String,
}

/// One numbered step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanStep {
    /// From 0; shown from 1.
    pub index: u32,
    /// Stable key within the kind (`install_binaries`).
    pub key: String,
    /// What it does, in a few words.
    pub title: String,
    /// The hosts (names) or the cluster it touches; lanes run in parallel.
    pub targets: Vec<String>,
    /// All effects, in order per target.
    pub effects: Vec<EffectView>,
    /// What undo would do, in order.
    pub undo: Vec<EffectView>,
    /// Whether a person may skip it when it is stuck.
    pub skippable: bool,
    /// It begins only once a person let it; none if it begins by itself.
    #[serde(default)]
    pub waits: Option<Question>,
}

/// A plan as `POST /plans` answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanView {
    /// The kind (`install_cluster`).
    pub kind: String,
    /// "Install demo: 3 members, etcd 3.5.16".
    pub title: String,
    /// What `start` must carry.
    pub digest: String,
    /// The parameters with every default and generated value filled in; send these back.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub params: serde_json::Value,
    /// Steps.
    pub steps: Vec<PlanStep>,
    /// Checks with their answers.
    pub checks: Vec<Check>,
    /// Things to know, in words.
    pub warnings: Vec<String>,
    /// Index of the first step that undo cannot take back; none if all can be undone.
    pub point_of_no_return: Option<u32>,
    /// How long it takes about, in seconds.
    pub expected_seconds: u32,
    /// The same as a plain shell script.
    pub runbook: String,
    /// How much it can harm.
    pub class: OperationClass,
    /// The name that must be typed (and sent as `confirm`) before it starts; none if none.
    pub confirm: Option<String>,
}

impl PlanView {
    /// Whether it may be started as far as checks go.
    pub fn startable(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Fail)
    }
}

/// `POST /plans`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanRequest {
    /// The kind (`install_cluster`).
    pub kind: String,
    /// Its parameters: `InstallParams` for `install_cluster`, `AddMemberParams` for `add_member`, `MemberParams` for
    /// `promote_member` and `move_leader`, `AdoptParams`, `CopyKeysParams`, `DeleteKeysParams`, `ImportKeysParams`, `FinishRemovalParams`, `RemoveMemberParams`, `RepairParams`,
    /// `ReplaceMemberParams`, `RescueParams` for `rescue_cluster`, `RestartParams` for `rolling_restart`, `RestoreInPlaceParams`, `RestoreNewParams`, `ReturnParams` for `return_from_restore`, `SettingsParams` for `edit_settings`, `ShrinkParams`,
    /// `UninstallParams`, `UpdateUrlsParams` for `update_member_urls`.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub params: serde_json::Value,
}

/// `POST /operations`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StartRequest {
    /// The kind.
    pub kind: String,
    /// The completed parameters of the reviewed plan.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub params: serde_json::Value,
    /// The digest of the reviewed plan.
    pub digest: String,
    /// The typed name, where the plan asks for one.
    #[serde(default)]
    pub confirm: Option<String>,
}

/// What came of `POST /operations`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum StartOutcome {
    /// It runs.
    Started {
        /// The operation.
        operation: crate::ids::OperationId,
    },
    /// The facts moved since the review: this is the plan now, nothing was started.
    PlanChanged {
        /// The new plan.
        plan: Box<PlanView>,
    },
}
