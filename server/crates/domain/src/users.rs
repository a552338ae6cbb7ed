//! Users, tokens and the session as pages and the API see them. Invariant: nothing here can hold a password, a
//! token or a code except the request types whose name says so; those have no `Debug`.

use crate::{
    access::Role,
    ids::{TokenId, UserId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// The least number of characters of a password (OWASP ASVS 6.2.1 asks for 8 and advises more; we ask for 12).
pub const PASSWORD_MIN: usize = 12;
/// The greatest number of characters of a password.
pub const PASSWORD_MAX: usize = 256;

/// Who is logged in, as the page knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionInfo {
    /// The user's id.
    pub user: UserId,
    /// The user's name.
    pub name: String,
    /// The role right now.
    pub role: Role,
    /// Until when destructive operations need no new password; none if one is needed.
    pub reauthenticated_until: Option<Timestamp>,
}

/// A user in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserSummary {
    /// Id.
    pub id: UserId,
    /// Login name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Whether the account may log in.
    pub state: UserState,
    /// When it was made.
    pub created_at: Timestamp,
    /// Last successful login, if any.
    pub last_login: Option<Timestamp>,
}

/// Whether a user can log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UserState {
    /// Invited: the one-time code was not used yet.
    Invited,
    /// Can log in.
    Active,
    /// Cannot log in; all sessions and tokens are dead.
    Disabled,
}

/// A fresh one-time code; shown once and never again. No `Debug`: it is a secret until it is used.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OneTimeCode {
    /// The code to type or to put in the URL fragment.
    pub code: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// An API token in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenSummary {
    /// Id.
    pub id: TokenId,
    /// Name given by its owner.
    pub name: String,
    /// The owner's user name.
    pub owner: String,
    /// Role, at most the owner's.
    pub role: Role,
    /// Whether destructive operations are allowed (they need `confirm` as well).
    pub destructive: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
}

/// Checks a new user's login name: 2–40 of letters, digits, `.`, `_`, `-`, `@`, starting with a letter or digit.
///
/// # Errors
/// A sentence for the field.
pub fn check_user_name(name: &str) -> Result<(), String> {
    let ok = (2..=40).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-@".contains(c));
    if ok { Ok(()) } else { Err("Use 2 to 40 letters, digits or . _ - @, starting with a letter or digit".into()) }
}

/// Checks a new password's length; whether it is a common one is checked by the server.
///
/// # Errors
/// A sentence for the field.
pub fn check_password_length(password: &str) -> Result<(), String> {
    match password.chars().count() {
        n if n < PASSWORD_MIN => Err(format!("Use at least {PASSWORD_MIN} characters; {n} so far")),
        n if n > PASSWORD_MAX => Err(format!("Use at most {PASSWORD_MAX} characters")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_with_quotes_or_spaces_are_refused() {
        assert!(check_user_name("anna.b-2@x").is_ok());
        for bad in ["a", "", "-anna", "an na", "a\"b", "a\nb", "änne", &"x".repeat(41)] {
            assert!(check_user_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_count_characters_not_bytes() {
        assert!(check_password_length("ääääääääääää").is_ok());
        assert!(check_password_length("short").is_err());
        assert!(check_password_length(&"x".repeat(257)).is_err());
    }
}
