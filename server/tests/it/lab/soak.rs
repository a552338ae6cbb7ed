//! `make soak`: the console ends itself right after every single log entry of an install, once each.

use super::{PATIENCE, Site};
use quorate_testkit::app::text;
use serde_json::json;

/// Ends the console right after so many log entries.
pub(super) const ABORT: &str = "QUORATE_TEST_ABORT_AFTER_LOG_ENTRIES";

#[tokio::test(flavor = "multi_thread")]
async fn soak_death_after_each_log_entry_of_an_install() {
    let mut after = 0;
    let mut entries = u32::MAX;
    while after < entries {
        after += 1;
        let mut site = Site::as_login(3, "root", &[(ABORT, &after.to_string())]).await;
        let plan =
            site.app.post("/plans", json!({"kind": "install_cluster", "params": site.install_params("demo")})).await;
        entries = u32::try_from(plan["steps"].as_array().expect("steps").len() * 2).expect("few");
        let start = json!({"kind": "install_cluster", "params": plan["params"], "digest": plan["digest"]});
        let operation = text(&site.app.post("/operations", start).await["operation"]);
        site.app.ended(PATIENCE).await;
        site.app.set_environment(ABORT, None);
        site.app.launch().await;
        site.app.done(&operation, PATIENCE).await;
        site.assert_installed().await;
    }
}
