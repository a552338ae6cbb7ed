//! One member that speaks TLS, wants a client certificate, and knows users. Invariant: as for every cluster, real etcd with
//! an address of its own.

use super::{CALL, EtcdProcess, PATIENCE, VERSION, etcd_binary, own_address, shape, wire::Wire};
use crate::{pki::Pki, until::until};
use quorate_etcd::{Material, MemberClient, MemberEndpoint};
use std::path::Path;
use tempfile::TempDir;

/// A cluster of one with certificates.
pub struct SecuredEtcd {
    process: EtcdProcess,
    pki: Pki,
    _files: TempDir,
    _wire: Wire,
}

impl SecuredEtcd {
    /// The password of its user `root`, once [`Self::enable_users`] was called.
    pub const PASSWORD: &str = "root's password";

    /// Starts it and waits until it answers whoever has a certificate.
    ///
    /// # Panics
    /// Without binaries, and when it does not come up.
    pub async fn start() -> Self {
        let (ip, wire) = (own_address(), Wire::new());
        let pki = Pki::new("quorate test authority");
        let files = TempDir::with_prefix("quorate-pki-").expect("a directory");
        let pair = pki.member(&[&ip.to_string()]);
        let put = |name: &str, text: &str| {
            let path = files.path().join(name);
            std::fs::write(&path, text).expect("write a certificate");
            path
        };
        let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let tls = [
            flag("cert-file", &put("member.crt", &pair.certificate)),
            flag("key-file", &put("member.key", &pair.key)),
            flag("trusted-ca-file", &put("ca.crt", &pki.ca_pem())),
            "--client-cert-auth=true".to_owned(),
        ];
        let mut shape = shape(0, ip, &wire).await;
        shape.client_url = shape.client_url.replacen("http:", "https:", 1);
        let initial = format!("{}={}", shape.name, shape.peer_url);
        let process = EtcdProcess::start(&etcd_binary(VERSION), shape, &initial, &format!("test-{ip}"), "new", &tls);
        let new = Self { process, pki, _files: files, _wire: wire };
        let client = new.client(&new.material());
        until(PATIENCE, "it answers", async || client.status(CALL).await.is_ok_and(|s| s.status.leader.is_some()))
            .await;
        new
    }

    /// Its process.
    pub fn process_mut(&mut self) -> &mut EtcdProcess {
        &mut self.process
    }

    /// Who signed its certificate.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// What it wants from a client, without a login.
    pub fn material(&self) -> Material {
        let pair = self.pki.client("console");
        let (certificate, key) = (pair.certificate, pair.key.into());
        Material { ca: self.pki.ca_pem(), certificate, key, ..Material::default() }
    }

    /// The same with the login of `root`.
    pub fn with_login(&self) -> Material {
        Material { user: "root".into(), password: Self::PASSWORD.into(), ..self.material() }
    }

    /// A fresh client with this access.
    ///
    /// # Panics
    /// When the access does not fit.
    pub fn client(&self, material: &Material) -> MemberClient {
        let access = material.access().expect("an access that fits");
        let endpoint = MemberEndpoint::direct(self.process.client_url()).with_access(access);
        MemberClient::connect(&endpoint).expect("a client URL")
    }

    /// From now on only the user `root` may do anything.
    ///
    /// # Panics
    /// When etcd refuses.
    pub async fn enable_users(&self) {
        let client = self.client(&self.material());
        let enabled = client.call(CALL, async |etcd| {
            let mut auth = etcd.auth_client();
            auth.user_add("root".to_owned(), Self::PASSWORD.to_owned(), None).await?;
            auth.role_add("root".to_owned()).await?;
            auth.user_grant_role("root".to_owned(), "root".to_owned()).await?;
            auth.auth_enable().await?;
            Ok(())
        });
        enabled.await.expect("users are enabled");
    }
}
