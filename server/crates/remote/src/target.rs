//! How one host is reached. Invariant: the password is a `SecretString` and the type has no `Debug`, so neither can
//! reach a log; who may read the password is decided where targets are made (`core::hosts`).

use quorate_domain::{HostId, host::Elevation, names::url_host};
use secrecy::{ExposeSecret, SecretString};

/// A host to connect to.
#[derive(Clone)]
pub struct Target {
    /// Its id; one connection per id.
    pub id: HostId,
    /// Its name in the console, for messages.
    pub name: String,
    /// Host name or IP address.
    pub address: String,
    /// SSH port.
    pub port: u16,
    /// Login.
    pub user: String,
    /// How root is reached.
    pub elevation: Elevation,
    /// Pinned public keys, `algorithm base64` each; empty means not trusted yet.
    pub pinned: Vec<String>,
    /// For `Elevation::SudoPassword`.
    pub sudo_password: Option<SecretString>,
}

impl Target {
    /// Whether a connection made for `other` serves this one.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        let password = |t: &Self| t.sudo_password.as_ref().map(|p| p.expose_secret().to_owned());
        self.id == other.id
            && self.name == other.name
            && self.address == other.address
            && self.port == other.port
            && self.user == other.user
            && self.elevation == other.elevation
            && self.pinned == other.pinned
            && password(self) == password(other)
    }

    /// `address:port`.
    pub(crate) fn endpoint(&self) -> String {
        format!("{}:{}", url_host(&self.address), self.port)
    }
}
