//! What the console was told: defaults, then the config file, then the environment, then the command line. Invariant:
//! read once at start; a word that is not known is an error, never ignored.

use crate::http::{cidr::Cidr, public_url::PublicUrl};
use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, path::PathBuf};

/// Everything that can be set, as it stands in a config file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where the database, its key and caches are.
    pub data_dir: PathBuf,
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// The URL people type; `http://<listen>` if left out.
    pub public_url: Option<PublicUrl>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxy: Vec<Cidr>,
    /// Where etcd's releases are downloaded from.
    pub etcd_download_url: String,
    /// What is logged, in `tracing`'s filter words.
    pub log: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: "/var/lib/quorate".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            public_url: None,
            trusted_proxy: Vec::new(),
            etcd_download_url: quorate_core::config::UPSTREAM_RELEASES.into(),
            log: "info".into(),
        }
    }
}

/// The same with everything optional: one source's share.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Overrides {
    /// See [`Settings`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// See [`Settings`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// See [`Settings`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<PublicUrl>,
    /// See [`Settings`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_proxy: Vec<Cidr>,
    /// See [`Settings`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etcd_download_url: Option<String>,
    /// See [`Settings`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The config file is not there; it was named, so it is not optional.
    #[error("the config file {0} is not there")]
    Missing(PathBuf),
    /// A value cannot be read.
    #[error("a setting cannot be used: {0}")]
    Value(#[source] Box<figment::Error>),
    /// Passwords would cross a network in the clear.
    #[error(
        "{0} is not a loopback address, and passwords would cross the network in plain text; listen on 127.0.0.1, or \
         put a TLS-terminating proxy in front and name both: --trusted-proxy <its address> --public-url https://…"
    )]
    PlainText(SocketAddr),
}

impl Settings {
    /// Merges the sources; `overrides` holds what environment and command line gave.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn load(config: Option<&std::path::Path>, overrides: &Overrides) -> Result<Self, SettingsError> {
        let mut figment = Figment::from(Serialized::defaults(Settings::default()));
        if let Some(path) = config {
            if !path.is_file() {
                return Err(SettingsError::Missing(path.to_owned()));
            }
            figment = figment.merge(Toml::file_exact(path));
        }
        let merged = figment.merge(Serialized::defaults(overrides));
        let mut settings: Self = merged.extract().map_err(|error| SettingsError::Value(Box::new(error)))?;
        // ssh is told where its sockets and known hosts are, and works from elsewhere.
        if let Ok(absolute) = std::path::absolute(&settings.data_dir) {
            settings.data_dir = absolute;
        }
        Ok(settings)
    }

    /// What only `serve` needs: that nobody's password crosses a network in the clear.
    ///
    /// # Errors
    /// [`SettingsError::PlainText`].
    pub fn check_exposure(&self) -> Result<(), SettingsError> {
        let https = self.public_url().https();
        if self.listen.ip().is_loopback() || (https && !self.trusted_proxy.is_empty()) {
            Ok(())
        } else {
            Err(SettingsError::PlainText(self.listen))
        }
    }

    /// The URL people type.
    pub fn public_url(&self) -> PublicUrl {
        self.public_url.clone().unwrap_or_else(|| PublicUrl::plain(self.listen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), text).expect("write");
        file
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_the_file_over_defaults() {
        let file = file("listen = \"127.0.0.1:4000\"\nlog = \"debug\"\ntrusted_proxy = [\"10.0.0.0/8\"]\n");
        let overrides = Overrides { log: Some("warn".into()), ..Overrides::default() };
        let settings = Settings::load(Some(file.path()), &overrides).expect("settings");
        assert_eq!(settings.listen.port(), 4000);
        assert_eq!(settings.log, "warn");
        assert_eq!(settings.trusted_proxy.len(), 1);
        assert_eq!(settings.public_url().to_string(), "http://127.0.0.1:4000");
    }

    #[test]
    fn a_relative_data_directory_is_one_below_where_it_was_started() {
        let overrides = Overrides { data_dir: Some("data".into()), ..Overrides::default() };
        let settings = Settings::load(None, &overrides).expect("settings");
        assert_eq!(settings.data_dir, std::env::current_dir().expect("a directory").join("data"));
    }

    #[test]
    fn a_misspelt_word_and_a_missing_file_are_errors() {
        let typo = file("lisen = \"127.0.0.1:4000\"\n");
        let error = Settings::load(Some(typo.path()), &Overrides::default()).expect_err("typo");
        assert!(error.to_string().contains("lisen"), "{error}");
        assert!(Settings::load(Some("/nowhere/quorate.toml".as_ref()), &Overrides::default()).is_err());
    }

    #[test]
    fn plain_text_stays_on_loopback() {
        let mut settings = Settings::default();
        assert!(settings.check_exposure().is_ok());
        settings.listen = "0.0.0.0:3000".parse().expect("address");
        assert!(settings.check_exposure().is_err());
        settings.trusted_proxy = vec!["10.0.0.1".parse().expect("address")];
        assert!(settings.check_exposure().is_err());
        settings.public_url = Some("https://quorate.example.net".parse().expect("url"));
        assert!(settings.check_exposure().is_ok());
    }
}
