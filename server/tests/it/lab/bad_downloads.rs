//! Bad days of the mirror that the hosts themselves download from: each leaves a choice, and no binary gets in place
//! before its archive was right.

use super::{
    PATIENCE, Site,
    mirror::{Fault, Mirror},
};
use quorate_testkit::app::text;
use serde_json::{Value, json};

/// Fails unless the operation rests with its choices and a reason that names the host and holds `words`; nothing of
/// the archive may have been put in place.
async fn assert_stuck(site: &Site, stuck: &Value, words: &str) {
    assert_eq!(stuck["summary"]["state"], "stuck", "{}", stuck["summary"]);
    let reason = text(&stuck["summary"]["reason"]);
    let host = &site.lab.hosts()[0];
    assert!(reason.contains(&host.name) && reason.contains(words), "“{words}” is not in “{reason}”");
    assert_eq!(stuck["choices"], json!(["retry", "undo", "hand_over"]));
    site.lab.exec(host, "! ls /usr/bin/etcd /usr/bin/etcdctl /usr/bin/etcdutl 2>/dev/null").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_wrong_missing_or_cut_off_is_refused_until_the_mirror_is_mended() {
    let site = Site::new(1).await;
    let faults = [(Fault::OtherContent, "checksum"), (Fault::NotThere, "404"), (Fault::CutOff, "transfer closed with")];
    let mirror = Mirror::of(&site.lab, faults[0].0).await;
    let mut params = site.install_params("demo");
    params["download_url"] = json!(mirror.url());
    let operation = site.app.start_operation("install_cluster", params).await;
    let stuck = site.app.rest(&operation, PATIENCE).await;
    assert_stuck(&site, &stuck, faults[0].1).await;
    for (fault, words) in &faults[1..] {
        mirror.set(*fault);
        site.app.post(&format!("/operations/{operation}/retry"), json!({})).await;
        let stuck = site.app.rest(&operation, PATIENCE).await;
        assert_stuck(&site, &stuck, words).await;
    }
    mirror.set(Fault::None);
    site.app.post(&format!("/operations/{operation}/retry"), json!({})).await;
    site.app.done(&operation, PATIENCE).await;
    site.assert_installed().await;
}
