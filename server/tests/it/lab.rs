//! Tests on real hosts: the binary installs real clusters over real SSH. They need the lab (`make test` raises it) and
//! fail without it.

mod adopt;
mod bad_downloads;
mod bad_hosts;
mod bad_installs;
mod bad_members;
mod claims;
mod cluster;
mod crash;
mod forget;
mod host_tasks;
mod install;
mod journals;
mod keys;
mod membership;
mod mirror;
mod read_only;
mod rescue;
mod secrets;
mod soak;
mod undo;
mod urls;

use quorate_testkit::{
    app::{App, text},
    lab::{Lab, LabHost, logins},
};
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;

/// An install takes seconds; a loaded machine may take much longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Leased hosts, registered with a console of their own.
pub(crate) struct Site {
    pub(crate) app: App,
    pub(crate) lab: Lab,
    pub(crate) ids: Vec<String>,
    _dir: TempDir,
}

impl Site {
    /// `hosts` fresh hosts, registered as the login with passwordless sudo.
    pub(crate) async fn new(hosts: usize) -> Self {
        Self::as_login(hosts, logins::SUDO, &[]).await
    }

    pub(crate) async fn as_login(hosts: usize, login: &str, environment: &[(&str, &str)]) -> Self {
        let lab = Lab::lease(hosts).await;
        let dir = tempfile::tempdir().expect("a directory");
        let app = App::start(env!("CARGO_BIN_EXE_quorate"), &dir.path().join("data"), environment).await;
        let key = text(&app.get("/ssh-key").await["public_key"]);
        lab.authorize(&key).await;
        let targets: Vec<(String, String)> = lab.hosts().iter().map(|h| (h.target(login), h.name.clone())).collect();
        let ids = app.register(&targets).await;
        Self { app, lab, ids, _dir: dir }
    }

    /// Parameters of an install of all hosts from the lab's mirror.
    pub(crate) fn install_params(&self, name: &str) -> Value {
        let members: Vec<Value> =
            self.ids.iter().zip(self.lab.hosts()).map(|(id, host)| json!({"host": id, "name": host.name})).collect();
        json!({"name": name, "members": members, "version": "3.5.16", "download_url": self.lab.mirror()})
    }

    /// Fails unless the hosts carry the guide's result and the members agree.
    pub(crate) async fn assert_installed(&self) {
        for host in self.lab.hosts() {
            assert_host(&self.lab, host).await;
        }
        let first = &self.lab.hosts()[0];
        let endpoints: Vec<String> = self.lab.hosts().iter().map(|h| format!("http://{}:2379", h.address)).collect();
        let etcdctl = format!("etcdctl --endpoints={} --command-timeout=5s", endpoints.join(","));
        self.lab.exec(first, &format!("{etcdctl} endpoint health")).await;
        let members = self.lab.exec(first, &format!("{etcdctl} member list")).await;
        assert_eq!(members.lines().count(), self.lab.hosts().len(), "{members}");
    }
}

/// What the guide leaves on a host: paths, owners, modes, unit, state.
async fn assert_host(lab: &Lab, host: &LabHost) {
    let stat = lab
        .exec(host, "stat -c '%n %U:%G %a' /usr/bin/etcd /usr/bin/etcdctl /usr/bin/etcdutl /etc/etcd /etc/etcd/etcd.conf /var/lib/etcd")
        .await;
    let wanted = "/usr/bin/etcd root:root 755\n/usr/bin/etcdctl root:root 755\n/usr/bin/etcdutl root:root 755\n\
                  /etc/etcd etcd:etcd 755\n/etc/etcd/etcd.conf etcd:etcd 644\n/var/lib/etcd etcd:etcd 700\n";
    assert_eq!(stat, wanted, "on {}", host.name);
    let conf = lab.exec(host, "cat /etc/etcd/etcd.conf").await;
    assert!(conf.contains(&format!("name: '{}'", host.name)), "{conf}");
    assert!(conf.contains("initial-cluster-state: 'existing'"), "{conf}");
    let unit = lab.exec(host, "systemctl is-active etcd; systemctl is-enabled etcd").await;
    assert_eq!(unit, "active\nenabled\n", "on {}", host.name);
    let left =
        lab.exec(host, "ls /var/lib/quorate/releases /var/lib/quorate/jobs 2>/dev/null | grep -v : || true").await;
    assert_eq!(left.trim(), "", "nothing of the archive or of jobs is left on {}", host.name);
}
