//! Certificates and logins against a real etcd that wants them.

use quorate_etcd::{Consistency, EtcdError, Material, MemberClient, MemberEndpoint};
use quorate_testkit::{
    etcd::{CALL, EtcdCluster, PATIENCE, SecuredEtcd},
    pki::Pki,
    until::until,
};

const KEY: &[u8] = b"/quorate/canary/test";

fn client(url: &str, material: &Material) -> MemberClient {
    let endpoint = MemberEndpoint::direct(url).with_access(material.access().expect("fits"));
    MemberClient::connect(&endpoint).expect("a client URL")
}

async fn refusal(client: &MemberClient) -> String {
    client.status(CALL).await.expect_err("no way in").to_string()
}

#[tokio::test]
async fn a_member_with_certificates_is_reached_by_every_protocol() {
    let etcd = SecuredEtcd::start().await;
    let client = etcd.client(&etcd.material());
    assert_eq!(client.members(Consistency::Linearizable, CALL).await.expect("list").members.len(), 1);
    client.canary_put(KEY, b"1", CALL).await.expect("put");
    assert!(client.health(CALL).await.expect("health").healthy());
    assert!(client.metrics(CALL).await.expect("metrics").contains("etcd_server_has_leader"));
}

#[tokio::test]
async fn material_that_does_not_fit_is_told_in_words() {
    let mut etcd = SecuredEtcd::start().await;
    let url = etcd.process_mut().client_url().to_owned();
    let good = etcd.material();
    let none = Material { certificate: String::new(), key: "".into(), ..good.clone() };
    let told = refusal(&client(&url, &none)).await;
    assert!(told.contains("client certificate"), "{told}");
    let stranger = Pki::new("another authority");
    let pair = stranger.client("console");
    let foreign = Material { certificate: pair.certificate, key: pair.key.into(), ..good.clone() };
    let told = refusal(&client(&url, &foreign)).await;
    assert!(told.contains("client certificate"), "{told}");
    let told = refusal(&client(&url, &Material { ca: stranger.ca_pem(), ..good.clone() })).await;
    assert!(told.contains("not signed by the CA"), "{told}");
    // The certificate names the address alone.
    let (_, port) = url.rsplit_once(':').expect("a port");
    let mut named = MemberEndpoint::direct(format!("https://localhost:{port}"));
    named.via = quorate_etcd::Via::Unix("/nowhere".into());
    assert!(MemberClient::connect(&named).is_err(), "https without a CA");
    let plain = EtcdCluster::start(1).await;
    let told = refusal(&client(&plain.member(0).client_url().replacen("http:", "https:", 1), &good)).await;
    assert!(told.contains("speak TLS at this port"), "{told}");
}

#[tokio::test]
async fn a_login_is_used_when_it_is_missed_and_renewed_when_it_is_forgotten() {
    let mut etcd = SecuredEtcd::start().await;
    etcd.enable_users().await;
    let without = etcd.client(&etcd.material());
    let refused = without.canary_put(KEY, b"1", CALL).await.expect_err("no login");
    assert!(matches!(refused, EtcdError::Refused { .. }), "{refused}");
    let client = etcd.client(&etcd.with_login());
    client.canary_put(KEY, b"1", CALL).await.expect("put with a login");
    assert_eq!(client.members(Consistency::Linearizable, CALL).await.expect("list").members.len(), 1);
    // A restarted member knows no token of before.
    etcd.process_mut().kill();
    etcd.process_mut().run();
    until(PATIENCE, "it answers again", async || client.canary_get(KEY, CALL).await.is_ok()).await;
    assert_eq!(client.canary_get(KEY, CALL).await.expect("get").as_deref(), Some(&b"1"[..]));
    let wrong = Material { password: "not it".into(), ..etcd.with_login() };
    let told = etcd.client(&wrong).canary_get(KEY, CALL).await.expect_err("wrong password").to_string();
    assert!(told.contains("authentication failed"), "{told}");
}
