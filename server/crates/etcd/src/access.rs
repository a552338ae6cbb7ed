//! What a cluster wants from its clients: certificates and a login. Invariant: secrets are never printed; what was given is
//! checked as far as it can be without a member (readable, the key fits the certificate), and the rest is the handshake's to
//! say. Which cluster has which access is `core`'s business; only TLS as etcd itself knows it is here, never "trust anybody".

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::{fmt, sync::Arc};

/// Access as a person gives it, and as it is sealed. Empty texts are what was not given. Has no `Debug`.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Material {
    /// PEM: the certificates of the authorities that signed the members' certificates.
    pub ca: String,
    /// PEM: the client certificate, with its chain.
    pub certificate: String,
    /// PEM: its private key.
    pub key: SecretString,
    /// Name of an etcd user.
    pub user: String,
    /// Its password.
    pub password: SecretString,
}

/// What is wrong with a [`Material`], at one of its fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadMaterial {
    /// The field: `ca`, `certificate`, `key`, `user`, `password`.
    pub field: &'static str,
    /// In words, with what to do.
    pub message: String,
}

fn bad(field: &'static str, message: impl Into<String>) -> BadMaterial {
    BadMaterial { field, message: message.into() }
}

impl Material {
    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        [&*self.ca, &*self.certificate, self.key.expose_secret(), &*self.user, self.password.expose_secret()]
            .iter()
            .all(|text| text.trim().is_empty())
    }

    /// As one text to seal; [`Self::read`] is its other half.
    pub fn to_text(&self) -> SecretString {
        let text = serde_json::json!({
            "ca": self.ca,
            "certificate": self.certificate,
            "key": self.key.expose_secret(),
            "user": self.user,
            "password": self.password.expose_secret(),
        });
        SecretString::from(text.to_string())
    }

    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// The text is another one; its content is not in the message.
    pub fn read(text: &SecretString) -> Result<Self, String> {
        serde_json::from_str(text.expose_secret()).map_err(|_| "what is sealed is no access to a cluster".to_owned())
    }

    /// Checks all of it.
    ///
    /// # Errors
    /// [`BadMaterial`]: not PEM, half of a pair, a key of another certificate, a user without password.
    pub fn access(&self) -> Result<Access, BadMaterial> {
        let user = self.user.trim();
        let login = match (user.is_empty(), self.password.expose_secret().is_empty()) {
            (true, true) => None,
            (true, false) => return Err(bad("user", "Give the user whose password this is")),
            (false, true) => return Err(bad("password", format!("Give the password of {user}"))),
            (false, false) => Some(Arc::new(Login { user: user.to_owned(), password: self.password.clone() })),
        };
        Ok(Access { tls: self.tls()?.map(Arc::new), login })
    }

    fn tls(&self) -> Result<Option<ClientConfig>, BadMaterial> {
        let (certificate, key) = (self.certificate.trim(), self.key.expose_secret().trim());
        match (certificate.is_empty(), key.is_empty()) {
            (true, false) => return Err(bad("certificate", "Give the certificate that this key belongs to")),
            (false, true) => return Err(bad("key", "Give the private key of the client certificate")),
            _ => {}
        }
        if self.ca.trim().is_empty() {
            return match certificate.is_empty() {
                true => Ok(None),
                false => Err(bad("ca", "Give the certificate of the authority that signed the members' certificates")),
            };
        }
        let mut roots = RootCertStore::empty();
        for authority in certificates("ca", &self.ca)? {
            roots.add(authority).map_err(|e| bad("ca", format!("This certificate cannot be used: {e}")))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| bad("ca", e.to_string()))?
            .with_root_certificates(roots);
        if certificate.is_empty() {
            return Ok(Some(config.with_no_client_auth()));
        }
        let chain = certificates("certificate", certificate)?;
        let no_key = "This is no private key in PEM that is not itself encrypted: it starts with “-----BEGIN … PRIVATE KEY-----”";
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| bad("key", no_key))?;
        let paired = config.with_client_auth_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                bad("key", "This key belongs to another certificate than the one given")
            }
            other => bad("certificate", format!("This pair cannot be used: {other}")),
        });
        paired.map(Some)
    }
}

fn certificates(field: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, BadMaterial> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(bad(field, "This is no certificate in PEM: it starts with “-----BEGIN CERTIFICATE-----”")),
    }
}

/// A checked access; cheap to clone.
#[derive(Clone, Default)]
pub struct Access {
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) login: Option<Arc<Login>>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Access {{ tls: {}, login: {} }}", self.tls.is_some(), self.login.is_some())
    }
}

impl Access {
    /// Whether it has certificates.
    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The login alone: for a member that is reached without TLS and without leaving this machine.
    #[must_use]
    pub fn login_alone(&self) -> Self {
        Self { tls: None, login: self.login.clone() }
    }

    /// Whether it has a login.
    pub fn has_login(&self) -> bool {
        self.login.is_some()
    }
}

/// A user of etcd. Has no `Debug`.
pub(crate) struct Login {
    pub user: String,
    pub password: SecretString,
}

/// What a failed handshake means, in words.
pub(crate) fn tls_words(error: &rustls::Error) -> Option<String> {
    use rustls::{AlertDescription as Alert, CertificateError as Bad, Error};
    let words = match error {
        Error::InvalidCertificate(bad) => match bad {
            Bad::UnknownIssuer | Bad::BadSignature => "its certificate is not signed by the CA that was given",
            Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired",
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => "its certificate is not valid yet: compare the clocks",
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "its certificate does not name the host of this URL"
            }
            _ => return Some(format!("its certificate is not acceptable: {bad}")),
        },
        Error::AlertReceived(Alert::CertificateRequired) => "it wants a client certificate, and none was given",
        Error::AlertReceived(
            Alert::BadCertificate | Alert::UnknownCA | Alert::CertificateUnknown | Alert::DecryptError,
        ) => "it does not accept the client certificate (or wants one): its trusted CA is another",
        Error::AlertReceived(Alert::CertificateExpired) => "the client certificate has expired",
        Error::AlertReceived(Alert::UnsupportedCertificate) => {
            "it does not accept the client certificate: it is not made for clients"
        }
        Error::InvalidMessage(_) => "it does not speak TLS at this port: use http://, or another port",
        _ => return None,
    };
    Some(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_testkit::pki::Pki;

    fn refused(material: &Material) -> (&'static str, String) {
        let bad = material.access().expect_err("refused");
        (bad.field, bad.message)
    }

    #[test]
    fn what_does_not_fit_is_said_at_its_field() {
        let pki = Pki::new("quorate test");
        let (one, other) = (pki.client("one"), pki.client("other"));
        let whole = Material {
            ca: pki.ca_pem(),
            certificate: one.certificate.clone(),
            key: one.key.as_str().into(),
            ..Material::default()
        };
        let access = whole.access().expect("fits");
        assert!(access.has_tls() && !access.has_login());
        let swapped = Material { key: other.key.as_str().into(), ..whole.clone() };
        assert!(refused(&swapped).1.contains("another certificate"));
        assert_eq!(refused(&Material { key: "".into(), ..whole.clone() }).0, "key");
        assert_eq!(refused(&Material { key: "-----BEGIN".into(), ..whole.clone() }).0, "key");
        assert_eq!(refused(&Material { certificate: String::new(), ..whole.clone() }).0, "certificate");
        assert_eq!(refused(&Material { ca: "hello".into(), ..whole.clone() }).0, "ca");
        assert_eq!(refused(&Material { ca: String::new(), ..whole.clone() }).0, "ca");
        assert_eq!(refused(&Material { user: "root".into(), ..Material::default() }).0, "password");
        assert_eq!(refused(&Material { password: "x".into(), ..Material::default() }).0, "user");
        assert!(Material::default().is_empty() && !whole.is_empty());
    }

    #[test]
    fn sealed_text_comes_back_and_says_nothing_when_printed() {
        let material = Material { user: "root".into(), password: "s3cret-words".into(), ..Material::default() };
        let back = Material::read(&material.to_text()).expect("read");
        assert_eq!(back.password.expose_secret(), "s3cret-words");
        let printed = format!("{:?}", back.access().expect("fits"));
        assert_eq!(printed, "Access { tls: false, login: true }");
        assert!(Material::read(&"no json".into()).is_err());
    }
}
