//! Permits: a proof that somebody may do something, without which no service method can be called. Invariant: the
//! only way to get one is `Console::permit`, which asks `domain::access` and writes a row when the answer is no; a
//! method takes the object it acts on from the permit's scope, so a check for one object never serves another.

use crate::{
    actor::{Actor, Via},
    audit::AuditDraft,
    console::Console,
    error::CoreError,
};
use quorate_domain::{
    Action, ClusterId, Problem, ProblemKind, Scope, access,
    audit::AuditOutcome,
    keys::{self, Key},
    plan::OperationClass,
};
use std::marker::PhantomData;

/// The most prefixes that a refusal names.
const PREFIXES_NAMED: usize = 5;

/// A marker type that stands for one action.
pub trait Act: Send + Sync + 'static {
    /// The action it stands for.
    const ACTION: Action;
}

macro_rules! acts {
    ($($name:ident),+ $(,)?) => {
        /// One marker type per action.
        pub mod act {
            $(
                #[doc = concat!("Marks permits for `Action::", stringify!($name), "`.")]
                #[derive(Clone, Copy, Debug)]
                pub struct $name;

                impl super::Act for $name {
                    const ACTION: quorate_domain::Action = quorate_domain::Action::$name;
                }
            )+

            #[cfg(test)]
            pub(super) const ALL: &[quorate_domain::Action] = &[$(quorate_domain::Action::$name),+];
        }
    };
}

acts!(
    ViewClusters,
    ViewHosts,
    ViewOperations,
    ViewAudit,
    CheckHosts,
    ManageHosts,
    RunGuarded,
    RunDangerous,
    SteerOperations,
    OverrideOperations,
    ForgetClusters,
    ViewKeys,
    ReadValues,
    WriteKeys,
    DeleteKeys,
    ManageKeys,
    ViewSnapshots,
    TakeSnapshots,
    ReadSnapshots,
    ManageSnapshots,
    ViewUsers,
    ManageUsers,
    ManageOwnTokens,
);

/// A proof that `actor` may do `A` in a scope. Made by [`Console::permit`] only.
#[derive(Clone, Debug)]
pub struct Permit<A: Act> {
    actor: Actor,
    scope: Scope,
    act: PhantomData<A>,
}

impl<A: Act> Permit<A> {
    /// Who holds it.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What it is about.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The cluster it is about.
    ///
    /// # Errors
    /// It was asked for the whole console; that is a fault of the caller's code.
    pub fn cluster(&self) -> Result<&ClusterId, CoreError> {
        match &self.scope {
            Scope::Cluster(cluster) | Scope::Keys(cluster, _) => Ok(cluster),
            Scope::Global => Err(CoreError::internal("a permit for a cluster was asked for the whole console")),
        }
    }
}

/// A proof that `actor` may plan and start operations of a class.
#[derive(Clone, Debug)]
pub enum RunPermit {
    /// Guarded operations.
    Guarded(Permit<act::RunGuarded>),
    /// Dangerous operations.
    Dangerous(Permit<act::RunDangerous>),
}

impl RunPermit {
    /// Who holds it.
    pub fn actor(&self) -> &Actor {
        match self {
            Self::Guarded(permit) => permit.actor(),
            Self::Dangerous(permit) => permit.actor(),
        }
    }

    /// The class it covers.
    pub fn class(&self) -> OperationClass {
        match self {
            Self::Guarded(_) => OperationClass::Guarded,
            Self::Dangerous(_) => OperationClass::Dangerous,
        }
    }
}

impl Console {
    /// Asks whether `actor` may do `A` in `scope`. A refusal is written to the audit trail.
    ///
    /// # Errors
    /// `Forbidden` when the role, the rules for keys, or the kind of token does not allow it.
    pub async fn permit<A: Act>(&self, actor: &Actor, scope: Scope) -> Result<Permit<A>, CoreError> {
        match refusal(actor, A::ACTION, &scope).or_else(|| self.opened_refusal(actor, A::ACTION, &scope)) {
            None => Ok(Permit { actor: actor.clone(), scope, act: PhantomData }),
            Some(why) => {
                let object = self.scope_object(&scope).await;
                self.record_denial(actor, &action_name(A::ACTION), &object, &why).await;
                Err(Problem::new(ProblemKind::Forbidden, why).into())
            }
        }
    }

    /// Asks whether `actor` may plan and start operations of `class`.
    ///
    /// # Errors
    /// As [`Console::permit`].
    pub async fn permit_class(&self, actor: &Actor, class: OperationClass) -> Result<RunPermit, CoreError> {
        Ok(match class {
            OperationClass::Guarded => RunPermit::Guarded(self.permit(actor, Scope::Global).await?),
            OperationClass::Dangerous => RunPermit::Dangerous(self.permit(actor, Scope::Global).await?),
        })
    }

    /// The last gate before a start: a dangerous operation needs the password given again within five minutes (a
    /// session) or the scope `destructive` (a token), and the typed name where the plan asks for one.
    /// `title` names the operation in the audit row of a refusal.
    ///
    /// # Errors
    /// `Reauthenticate`, `Forbidden`, or `Invalid` at the field `confirm`.
    pub async fn check_start(
        &self,
        permit: &RunPermit,
        title: &str,
        wanted: Option<&str>,
        typed: Option<&str>,
    ) -> Result<(), CoreError> {
        if permit.class() == OperationClass::Dangerous {
            self.check_dangerous(permit.actor(), title).await?;
        }
        match wanted {
            Some(name) if typed != Some(name) => {
                Err(Problem::field("confirm", format!("Type the name {name} to confirm")).into())
            }
            _ => Ok(()),
        }
    }

    /// The half of [`Console::check_start`] that concerns the actor, for dangerous acts that are not operations.
    ///
    /// # Errors
    /// `Reauthenticate` for a session, `Forbidden` for a token; both leave an audit row.
    pub async fn check_dangerous(&self, actor: &Actor, title: &str) -> Result<(), CoreError> {
        let refused = match &actor.via {
            Via::Cli | Via::Token { destructive: true, .. } => return Ok(()),
            Via::Token { destructive: false, name, .. } => {
                Problem::new(ProblemKind::Forbidden, format!("The token {name} may not start destructive operations"))
                    .with_detail("Make a token with the scope “destructive”.")
            }
            Via::Session if actor.reauthenticated_until.is_some_and(|until| until > self.0.clock.now()) => {
                return Ok(());
            }
            Via::Session => Problem::new(ProblemKind::Reauthenticate, "Give your password again to go on")
                .with_detail("It is asked for before destructive operations and counts for five minutes."),
        };
        self.record_denial(actor, "operation.start", title, &refused.title).await;
        Err(refused.into())
    }

    /// Refuses accounts to tokens that the command line did not make, where the permit itself is for something else.
    ///
    /// # Errors
    /// `Forbidden`, with an audit row.
    pub(crate) async fn check_accounts(&self, actor: &Actor, action: &str, object: &str) -> Result<(), CoreError> {
        let Some(why) = account_refusal(actor) else { return Ok(()) };
        self.record_denial(actor, action, object, &why).await;
        Err(Problem::new(ProblemKind::Forbidden, why).into())
    }

    pub(crate) async fn record_denial(&self, actor: &Actor, action: &str, object: &str, why: &str) {
        let draft = AuditDraft::by(actor, action, object).outcome(AuditOutcome::Denied).detail(why);
        if let Err(error) = self.record(draft).await {
            tracing::error!(error = %error, "a denial could not be written to the audit trail");
        }
    }
}

/// Why `actor` may not; none if it may.
fn refusal(actor: &Actor, action: Action, scope: &Scope) -> Option<String> {
    if !access::allows_with(actor.role, &actor.key_rules, action, scope) {
        return Some(rules_refusal(actor, action, scope).unwrap_or_else(|| {
            format!("The role {} does not allow this; it takes {}", actor.role, action.least_role())
        }));
    }
    match action {
        Action::ManageUsers | Action::ManageOwnTokens => account_refusal(actor),
        _ => None,
    }
}

fn account_refusal(actor: &Actor) -> Option<String> {
    match &actor.via {
        Via::Token { cli: false, name, .. } => Some(format!(
            "The token {name} may not manage users or tokens; use the browser, or a token made by `quorate token create`"
        )),
        _ => None,
    }
}

/// What rules for keys allow instead; none when they have no say. The key that was asked for is not repeated.
fn rules_refusal(actor: &Actor, action: Action, scope: &Scope) -> Option<String> {
    let (Scope::Cluster(cluster) | Scope::Keys(cluster, _)) = scope else { return None };
    if !keys::about_keys(action) || !actor.key_rules.iter().any(|rule| rule.concerns(cluster)) {
        return None;
    }
    let doing = match action {
        Action::ReadValues => "read values",
        Action::WriteKeys => "write keys",
        Action::DeleteKeys => "delete keys",
        _ => "see keys",
    };
    let prefixes = keys::prefixes(actor.role, &actor.key_rules, action, cluster).unwrap_or_default();
    let mut named: Vec<String> = prefixes.iter().take(PREFIXES_NAMED).map(Key::to_string).collect();
    match prefixes.len().saturating_sub(named.len()) {
        0 => {}
        more => named.push(format!("{more} more prefixes")),
    }
    Some(match named.as_slice() {
        [] => format!("The rules of {} do not let them {doing} in this cluster", actor.name),
        named => {
            format!("In this cluster the rules of {} let them {doing} below {} only", actor.name, named.join(", "))
        }
    })
}

/// An action as rows of refusals say it.
pub(crate) fn action_name(action: Action) -> String {
    match serde_json::to_value(action) {
        Ok(serde_json::Value::String(word)) => format!("permit.{word}"),
        _ => "permit".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{Role, TokenId, keys::KeyRule};

    #[test]
    fn every_action_has_its_marker_type() {
        assert_eq!(act::ALL, Action::ALL);
    }

    #[test]
    fn a_token_manages_no_accounts_unless_the_command_line_made_it() {
        let via = |cli| Via::Token { id: TokenId::from_random([1; 10]), name: "ci".into(), destructive: true, cli };
        let token = |cli| Actor { via: via(cli), role: Role::Admin, ..Actor::cli() };
        for action in Action::ALL {
            let refused = refusal(&token(false), action, &Scope::Global).is_some();
            assert_eq!(refused, matches!(action, Action::ManageUsers | Action::ManageOwnTokens), "{action:?}");
            assert_eq!(refusal(&token(true), action, &Scope::Global), None);
        }
    }

    #[test]
    fn a_refusal_names_the_role_it_takes() {
        let viewer = Actor { role: Role::Viewer, via: Via::Session, ..Actor::cli() };
        let why = refusal(&viewer, Action::ManageHosts, &Scope::Global).expect("refused");
        assert!(why.contains("viewer") && why.contains("admin"), "{why}");
    }

    #[test]
    fn a_refusal_by_rules_names_the_range_of_keys_and_not_the_key() {
        let cluster = ClusterId::from_random([1; 10]);
        let rule =
            |prefix: &str| KeyRule { cluster: None, prefix: Key::raw(prefix), read: true, write: false, delete: false };
        let key_rules = vec![rule("/app/"), rule("/shared/")];
        let anna = Actor { name: "anna".into(), role: Role::Operator, via: Via::Session, key_rules, ..Actor::cli() };
        let asked = Scope::Keys(cluster.clone(), b"/other/secret".to_vec());
        let why = refusal(&anna, Action::ReadValues, &asked).expect("refused");
        assert_eq!(why, "In this cluster the rules of anna let them read values below /app/, /shared/ only");
        let why =
            refusal(&anna, Action::WriteKeys, &Scope::Keys(cluster.clone(), b"/app/x".to_vec())).expect("refused");
        assert_eq!(why, "The rules of anna do not let them write keys in this cluster");
        assert_eq!(refusal(&anna, Action::ReadValues, &Scope::Keys(cluster.clone(), b"/app/x".to_vec())), None);
        assert_eq!(refusal(&anna, Action::ReadValues, &Scope::Cluster(cluster)), None, "somewhere in it");
    }
}
