//! Clusters that somebody else installed come under management as they are, and are changed only where they are understood.

use super::{PATIENCE, Site, cluster::Cluster};
use quorate_testkit::{
    app::text,
    lab::LabHost,
    pki::{Pair, Pki},
    until::until,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Of etcd's user root; it must be found nowhere in what the console keeps or prints.
const PASSWORD: &str = "marker-password-of-root";

fn verdict<'p>(plan: &'p Value, name: &str, subject: &str) -> &'p Value {
    let checks = plan["checks"].as_array().expect("checks");
    let found = checks.iter().find(|c| c["name"] == name && c["subject"] == subject);
    found.unwrap_or_else(|| panic!("no check {name} of {subject} in {checks:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_adopted_from_one_of_its_hosts_and_has_every_operation() {
    let mut cluster = Cluster::of(2).await;
    let site = &cluster.site;
    site.app.request(Method::DELETE, &format!("/clusters/{}", cluster.id), None).await;
    let running = "systemctl show --property=MainPID etcd; sha256sum /etc/etcd/etcd.conf";
    let before = site.lab.exec(&site.lab.hosts()[0], running).await;

    let none = json!({"kind": "adopt_cluster", "params": {"name": "orders", "host": site.ids[2]}});
    let (status, problem) = site.app.request(Method::POST, "/plans", Some(none)).await;
    assert_eq!(
        (status, &problem["fields"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("host")),
        "{problem}"
    );

    let params = json!({"name": "orders", "host": site.ids[0], "reach": "ssh"});
    let plan = cluster.plan("adopt_cluster", params).await;
    assert_eq!(plan["params"]["endpoint"], format!("http://{}:2379", site.lab.hosts()[0].address));
    let failed: Vec<&Value> =
        plan["checks"].as_array().expect("checks").iter().filter(|c| c["verdict"] != "pass").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let done = cluster.run("adopt_cluster", plan["params"].clone()).await;
    cluster.id = text(&done["summary"]["cluster"]);
    cluster.healthy(2).await;
    let site = &cluster.site;
    assert_eq!(site.lab.exec(&site.lab.hosts()[0], running).await, before, "nothing was changed");
    let twice = cluster.plan("adopt_cluster", json!({"name": "again", "host": site.ids[1]})).await;
    assert_eq!(verdict(&twice, "managed", "")["verdict"], "fail");

    // A learner first, and a voter by a change of its own.
    let mut add = cluster.add(2);
    add["leave_as_learner"] = json!(true);
    cluster.run("add_member", add).await;
    cluster.healthy(2).await;
    let spare = &cluster.site.lab.hosts()[2];
    until(PATIENCE, "the screen shows the learner", async || {
        cluster.member(spare).await.is_some_and(|member| member["role"] == "learner")
    })
    .await;
    let id = cluster.member_id(spare).await;
    cluster.run("promote_member", json!({"cluster": cluster.id, "member": id})).await;
    cluster.healthy(3).await;
    cluster.site.assert_installed().await;
}

/// Three members that speak TLS, want a login, and lie on their hosts in three ways.
struct Foreign {
    site: Site,
    pki: Pki,
    client: Pair,
}

impl Foreign {
    async fn new() -> Self {
        let cluster = Cluster::of(3).await;
        cluster.run("uninstall_cluster", json!({"cluster": cluster.id})).await;
        let pki = Pki::new("the authority of somebody else");
        let new = Self { site: cluster.site, client: pki.client("console"), pki };
        for (i, host) in new.site.lab.hosts().iter().enumerate() {
            new.lay(i, host).await;
        }
        new.site.lab.exec(&new.site.lab.hosts()[0], "systemctl start etcd").await;
        let etcdctl = new.etcdctl();
        let users = format!(
            "{etcdctl} user add root --new-user-password='{PASSWORD}' && {etcdctl} user grant-role root root && {etcdctl} auth enable"
        );
        new.site.lab.exec(&new.site.lab.hosts()[0], &users).await;
        new
    }

    fn url(&self, host: usize, port: u16) -> String {
        format!("https://{}:{port}", self.site.lab.hosts()[host].address)
    }

    fn etcdctl(&self) -> String {
        let dir = "/srv/pki";
        let endpoint = self.url(0, 2379);
        format!("etcdctl --endpoints={endpoint} --cacert={dir}/ca.crt --cert={dir}/member.crt --key={dir}/member.key")
    }

    /// Puts files and unit of a member there, and starts it without waiting.
    async fn lay(&self, i: usize, host: &LabHost) {
        let lab = &self.site.lab;
        let pair = self.pki.member(&[&host.address, "localhost"]);
        for (name, text) in
            [("ca.crt", &self.pki.ca_pem()), ("member.crt", &pair.certificate), ("member.key", &pair.key)]
        {
            let put = format!("install -d /srv/pki && cat > /srv/pki/{name}");
            assert!(lab.exec_with_input(host, &put, text.as_bytes()).await.status.success());
        }
        let peers: Vec<String> =
            lab.hosts().iter().enumerate().map(|(n, h)| format!("{}={}", h.name, self.url(n, 2380))).collect();
        let (peer, client, peers) = (self.url(i, 2380), self.url(i, 2379), peers.join(","));
        let tls = "trusted-ca-file: /srv/pki/ca.crt, cert-file: /srv/pki/member.crt, key-file: /srv/pki/member.key, client-cert-auth: true";
        let yaml = |data: &str| {
            format!(
                "# Ansible managed\nname: {}\ndata-dir: {data}\nlisten-peer-urls: {peer}\nlisten-client-urls: {client}\n\
                 initial-advertise-peer-urls: {peer}\nadvertise-client-urls: {client}\ninitial-cluster: {peers}\n\
                 initial-cluster-state: new\ninitial-cluster-token: theirs\nclient-transport-security: {{{tls}}}\n\
                 peer-transport-security: {{{tls}}}\n",
                host.name
            )
        };
        let unit = |environment: &str, exec: &str| {
            format!(
                "[Service]\nType=notify\n{environment}ExecStart=/usr/bin/etcd {exec}\n[Install]\nWantedBy=multi-user.target\n"
            )
        };
        let variables: Vec<String> = [
            ("NAME", host.name.as_str()),
            ("DATA_DIR", "/var/lib/etcd/default"),
            ("LISTEN_PEER_URLS", &peer),
            ("LISTEN_CLIENT_URLS", &client),
            ("INITIAL_ADVERTISE_PEER_URLS", &peer),
            ("ADVERTISE_CLIENT_URLS", &client),
            ("INITIAL_CLUSTER", &peers),
            ("INITIAL_CLUSTER_TOKEN", "theirs"),
            ("TRUSTED_CA_FILE", "/srv/pki/ca.crt"),
            ("CERT_FILE", "/srv/pki/member.crt"),
            ("KEY_FILE", "/srv/pki/member.key"),
            ("CLIENT_CERT_AUTH", "true"),
            ("PEER_TRUSTED_CA_FILE", "/srv/pki/ca.crt"),
            ("PEER_CERT_FILE", "/srv/pki/member.crt"),
            ("PEER_KEY_FILE", "/srv/pki/member.key"),
            ("PEER_CLIENT_CERT_AUTH", "true"),
        ]
        .map(|(name, value)| format!("ETCD_{name}={value}\n"))
        .to_vec();
        let (name, text, path, conf) = match i {
            0 => (
                "etcd",
                unit("Environment=ETCD_LOG_LEVEL=debug\n", "--config-file /etc/etcd/etcd.conf"),
                "/etc/etcd/etcd.conf",
                yaml("/srv/etcd"),
            ),
            1 => ("kv", unit("", "--config-file=/srv/kv/etcd.yml"), "/srv/kv/etcd.yml", yaml("/srv/kv/data")),
            _ => ("etcd", unit("EnvironmentFile=/etc/default/etcd\n", ""), "/etc/default/etcd", variables.concat()),
        };
        for (path, text) in [(path, conf), (&*format!("/etc/systemd/system/{name}.service"), text)] {
            let put = format!("install -d \"$(dirname {path})\" && cat > {path} && chown root:root {path}");
            assert!(lab.exec_with_input(host, &put, text.as_bytes()).await.status.success());
        }
        let start = format!(
            "rm -rf /etc/systemd/system/etcd.service.d && systemctl daemon-reload && systemctl enable --quiet {name} && systemctl start --no-block {name}"
        );
        lab.exec(host, &start).await;
    }

    /// What goes to `POST /credentials`.
    fn credentials(&self) -> Value {
        json!({
            "ca": self.pki.ca_pem(), "certificate": self.client.certificate, "key": self.client.key,
            "user": "root", "password": PASSWORD,
        })
    }

    async fn refused(&self, path: &str, body: Value) -> (String, String) {
        let (status, problem) = self.site.app.request(Method::POST, path, Some(body)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        (text(&problem["fields"][0]["field"]), text(&problem["fields"][0]["message"]))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_with_certificates_login_and_three_layouts_is_adopted_and_changed_where_it_is_understood() {
    let foreign = Foreign::new().await;
    let (app, hosts) = (&foreign.site.app, foreign.site.lab.hosts());
    let keep = async |body: Value| text(&app.post("/credentials", body).await["id"]);
    let adopt = |access: Option<String>| json!({"kind": "adopt_cluster", "params": {"name": "theirs", "endpoint": foreign.url(1, 2379), "access": access}});

    // What does not fit is said at its field.
    let mut wrong = foreign.credentials();
    wrong["key"] = json!(foreign.pki.client("other").key);
    assert_eq!(foreign.refused("/credentials", wrong).await.0, "key");
    let (field, why) = foreign.refused("/plans", adopt(None)).await;
    assert!(field == "endpoint" && why.contains("no CA certificate"), "{why}");
    let mut stranger = foreign.credentials();
    stranger["ca"] = json!(Pki::new("a stranger").ca_pem());
    let (_, why) = foreign.refused("/plans", adopt(Some(keep(stranger).await))).await;
    assert!(why.contains("not signed by the CA"), "{why}");
    let mut no_login = foreign.credentials();
    (no_login["user"], no_login["password"]) = (Value::Null, Value::Null);
    let watched = app.post("/plans", adopt(Some(keep(no_login).await))).await;
    assert_eq!(verdict(&watched, "rights", "")["verdict"], "warn");

    // What was learned, and what will be left alone.
    let plan = app.post("/plans", adopt(Some(keep(foreign.credentials()).await))).await;
    let layout = |host: usize| text(&verdict(&plan, "layout", &hosts[host].name)["answer"]);
    assert_eq!(layout(0), "etcd.service with /etc/etcd/etcd.conf");
    assert_eq!(layout(1), "kv.service with /srv/kv/etcd.yml");
    assert!(layout(2).contains("not here, because its settings are variables in /etc/default/etcd"), "{}", layout(2));
    assert!(text(&verdict(&plan, "dead_settings", &hosts[0].name)["answer"]).contains("ETCD_LOG_LEVEL"));
    assert!(text(&verdict(&plan, "others", &hosts[1].name)["answer"]).contains("Ansible"));
    let operation = app.start_operation("adopt_cluster", plan["params"].clone()).await;
    let id = text(&app.done(&operation, PATIENCE).await["summary"]["cluster"]);
    let cluster = Cluster { site: foreign.site, id };
    cluster.healthy(3).await;
    let (app, lab, hosts) = (&cluster.site.app, &cluster.site.lab, cluster.site.lab.hosts());

    // Operations work through certificates, login and each unit.
    let pids = "systemctl show --property=MainPID --value etcd kv";
    let before = lab.exec(&hosts[1], pids).await;
    cluster.run("rolling_restart", json!({"cluster": cluster.id})).await;
    assert_ne!(lab.exec(&hosts[1], pids).await, before, "kv.service was restarted");
    cluster.healthy(3).await;
    let seen = app.get(&format!("/clusters/{}/configurations", cluster.id)).await;
    let of =
        |host: usize| seen.as_array().expect("members").iter().find(|m| m["name"] == hosts[host].name).expect("one");
    assert!(
        of(1)["files"][0]["path"] == "/srv/kv/etcd.yml" && of(1)["files"][0]["ownership"] == "root:root 644",
        "{}",
        of(1)
    );
    assert!(text(&of(2)["not_here"]).contains("/etc/default/etcd"), "{}", of(2));
    let journals = app.get(&format!("/clusters/{}/journals?lines=5", cluster.id)).await;
    assert!(
        journals.as_array().expect("journals").iter().all(|j| !j["lines"].as_array().expect("lines").is_empty()),
        "{journals}"
    );

    // What is not understood is refused with its reason, and a member is not added without certificates.
    let settings =
        cluster.plan("edit_settings", json!({"cluster": cluster.id, "settings": {"log_level": "warn"}})).await;
    let said = settings["checks"].to_string();
    assert!(said.contains("not here, because its settings are variables"), "{said}");

    // A member on a foreign layout leaves: its unit is stopped, its data kept, the others' files follow and keep their owners.
    let id = cluster.member_id(&hosts[1]).await;
    cluster.run("remove_member", json!({"cluster": cluster.id, "member": id})).await;
    cluster.healthy(2).await;
    assert_eq!(
        lab.exec(&hosts[1], "systemctl is-active kv; systemctl is-enabled kv; true").await,
        "inactive\ndisabled\n"
    );
    assert!(lab.exec(&hosts[1], "ls /srv/kv/data").await.lines().all(|name| name.starts_with("aside-")));
    let conf = lab.exec(&hosts[0], "stat -c %U /etc/etcd/etcd.conf; cat /etc/etcd/etcd.conf").await;
    assert!(conf.starts_with("root\n") && conf.contains("# Ansible managed"), "{conf}");
    assert!(!conf.contains(&format!("{}=https", hosts[1].name)), "{conf}");
    let join = cluster.plan("add_member", cluster.add(1)).await;
    assert_eq!(verdict(&join, "certificates", "")["verdict"], "fail");

    // The secrets are sealed.
    let mut kept = Vec::new();
    super::secrets::files(app.data_dir(), &mut kept);
    kept.push(("the log".into(), std::fs::read_to_string(app.log_path()).expect("a log")));
    for (path, text) in kept {
        assert!(!text.contains(PASSWORD) && !text.contains("-----BEGIN PRIVATE KEY"), "a secret in {path}");
    }
    until(PATIENCE, "the login lasts", async || !cluster.view().await["leader"].is_null()).await;
}
