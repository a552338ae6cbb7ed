//! Who is asking. Invariant: an `Actor` is made once a request, by `sessions`, `tokens` or the command line, and
//! says what was true at that moment; what it may do is decided by `permit` alone.

use quorate_domain::{Role, Timestamp, TokenId, UserId, keys::KeyRule, users::SessionInfo};

/// How the actor proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// A browser session.
    Session,
    /// An API token.
    Token {
        /// The token.
        id: TokenId,
        /// Its name.
        name: String,
        /// Whether it may start destructive operations.
        destructive: bool,
        /// Whether the command line made it; only such a token may manage users and tokens.
        cli: bool,
    },
    /// A shell on the console's own machine, which can read the database anyway.
    Cli,
}

/// A person, a token or the command line, as of this request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The user; for a token its owner.
    pub user: UserId,
    /// The user's name.
    pub name: String,
    /// The role that counts: for a token the lesser of its own and its owner's.
    pub role: Role,
    /// What the user's rules make of the role where keys are concerned; for a token those of its owner that its own role
    /// leaves.
    pub key_rules: Vec<KeyRule>,
    /// How it was proved.
    pub via: Via,
    /// Where from: the client's address, or empty.
    pub source: String,
    /// Until when the password needs not be given again; none if it does.
    pub reauthenticated_until: Option<Timestamp>,
}

impl Actor {
    /// Whoever runs `quorate` in a shell.
    pub fn cli() -> Self {
        Self {
            user: UserId::from_random([0; 10]),
            name: "cli".into(),
            role: Role::Admin,
            key_rules: Vec::new(),
            via: Via::Cli,
            source: String::new(),
            reauthenticated_until: None,
        }
    }

    /// As it stands in audit rows and operations: `anna`, `token:ci (anna)` or `cli`.
    pub fn label(&self) -> String {
        match &self.via {
            Via::Session => self.name.clone(),
            Via::Token { name, .. } => format!("token:{name} ({})", self.name),
            Via::Cli => "cli".into(),
        }
    }

    /// What the page may know of it.
    pub fn session_info(&self) -> SessionInfo {
        SessionInfo {
            user: self.user.clone(),
            name: self.name.clone(),
            role: self.role,
            reauthenticated_until: self.reauthenticated_until,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audit_rows_tell_a_token_from_its_owner() {
        let mut actor = Actor { name: "anna".into(), via: Via::Session, ..Actor::cli() };
        assert_eq!(actor.label(), "anna");
        let id = TokenId::from_random([1; 10]);
        actor.via = Via::Token { id, name: "ci".into(), destructive: false, cli: false };
        assert_eq!(actor.label(), "token:ci (anna)");
        assert_eq!(Actor::cli().label(), "cli");
    }
}
