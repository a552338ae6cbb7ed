//! The access table: every API operation × {nobody, viewer, operator, admin}. A test holds it complete against the
//! OpenAPI document, another asks the running console each question.

use crate::support::App;
use quorate_domain::Role;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

struct Row {
    id: &'static str,
    method: Method,
    path: &'static str,
    /// The weakest role that may.
    least: Role,
    body: Option<Value>,
}

fn row(id: &'static str, method: Method, path: &'static str, least: Role, body: Option<Value>) -> Row {
    Row { id, method, path, least, body }
}

/// The table. Ids in paths are well-formed and belong to nothing: who may gets 404 at worst.
fn table() -> Vec<Row> {
    use {Method as M, Role as R};
    let install = json!({"kind": "install_cluster", "params": {"name": "x", "members": []}});
    let mut start = install.clone();
    start["digest"] = json!("none");
    let vault = json!({"name": "", "place": {"kind": "local", "directory": "nowhere"}});
    let schedule =
        json!({"vault": "v-none", "cron": "0 0 * * *", "time_zone": "UTC", "retention": {}, "enabled": true});
    vec![
        row("make_plan", M::POST, "/plans", R::Admin, Some(install)),
        row("list_operations", M::GET, "/operations", R::Viewer, None),
        row("start_operation", M::POST, "/operations", R::Admin, Some(start)),
        row("get_operation", M::GET, "/operations/op-none", R::Viewer, None),
        row("get_operation_output", M::GET, "/operations/op-none/output", R::Viewer, None),
        row("stream_operation_events", M::GET, "/operations/op-none/events", R::Viewer, None),
        row("retry_operation", M::POST, "/operations/op-none/retry", R::Operator, None),
        row("skip_operation_step", M::POST, "/operations/op-none/skip", R::Admin, None),
        row("undo_operation", M::POST, "/operations/op-none/undo", R::Admin, None),
        row("cancel_operation", M::POST, "/operations/op-none/cancel", R::Operator, None),
        row("hand_over_operation", M::POST, "/operations/op-none/hand-over", R::Admin, None),
        row("list_releases", M::GET, "/releases?download_url=http://127.0.0.1:9/", R::Admin, None),
        row("keep_credentials", M::POST, "/credentials", R::Admin, Some(json!({"user": "root", "password": "x"}))),
        row("list_clusters", M::GET, "/clusters", R::Viewer, None),
        row("get_cluster", M::GET, "/clusters/c-none", R::Viewer, None),
        row("forget_cluster", M::DELETE, "/clusters/c-none", R::Admin, None),
        row("get_cluster_status", M::GET, "/clusters/c-none/status", R::Viewer, None),
        row("list_cluster_members", M::GET, "/clusters/c-none/members", R::Viewer, None),
        row("list_cluster_events", M::GET, "/clusters/c-none/events", R::Viewer, None),
        row("list_cluster_configurations", M::GET, "/clusters/c-none/configurations", R::Operator, None),
        row("list_cluster_patroni_scopes", M::GET, "/clusters/c-none/patroni", R::Viewer, None),
        row("list_cluster_journals", M::GET, "/clusters/c-none/journals", R::Operator, None),
        row("list_backups", M::GET, "/backups", R::Viewer, None),
        row("get_cluster_backups", M::GET, "/clusters/c-none/backups", R::Viewer, None),
        row("take_snapshot", M::POST, "/clusters/c-none/snapshots", R::Operator, Some(json!({}))),
        row("list_snapshots", M::GET, "/snapshots", R::Viewer, None),
        row("upload_snapshot", M::POST, "/snapshots", R::Admin, None),
        row("get_snapshot", M::GET, "/snapshots/sn-none", R::Viewer, None),
        row("delete_snapshot", M::DELETE, "/snapshots/sn-none", R::Admin, None),
        row("download_snapshot", M::GET, "/snapshots/sn-none/file", R::Admin, None),
        row("protect_snapshot", M::PUT, "/snapshots/sn-none/protection", R::Admin, Some(json!({"protected": true}))),
        row("cancel_snapshot", M::POST, "/snapshots/sn-none/cancel", R::Operator, None),
        row("list_schedules", M::GET, "/clusters/c-none/schedules", R::Viewer, None),
        row("create_schedule", M::POST, "/clusters/c-none/schedules", R::Admin, Some(schedule.clone())),
        row("edit_schedule", M::PUT, "/clusters/c-none/schedules/sc-none", R::Admin, Some(schedule)),
        row("delete_schedule", M::DELETE, "/clusters/c-none/schedules/sc-none", R::Admin, None),
        row("list_vaults", M::GET, "/vaults", R::Viewer, None),
        row("create_vault", M::POST, "/vaults", R::Admin, Some(vault.clone())),
        row("get_vault", M::GET, "/vaults/v-none", R::Viewer, None),
        row("edit_vault", M::PUT, "/vaults/v-none", R::Admin, Some(vault)),
        row("delete_vault", M::DELETE, "/vaults/v-none", R::Admin, None),
        row("try_vault", M::POST, "/vaults/v-none/try", R::Admin, None),
        row("list_keys", M::GET, "/clusters/c-none/keys?separator=/&limit=10", R::Viewer, None),
        row("get_key_index", M::GET, "/clusters/c-none/keys/index", R::Viewer, None),
        row("get_key_settings", M::GET, "/clusters/c-none/keys/settings", R::Viewer, None),
        row(
            "set_key_settings",
            M::PUT,
            "/clusters/c-none/keys/settings",
            R::Admin,
            Some(json!({"masked": [], "hash_in_audit": false, "undo_hours": 72})),
        ),
        row("search_keys", M::POST, "/clusters/c-none/keys/search", R::Viewer, Some(json!({"pattern": "a"}))),
        row("scan_key_sizes", M::POST, "/clusters/c-none/keys/sizes", R::Viewer, Some(json!({"prefix": "/"}))),
        row("get_key_value", M::GET, "/clusters/c-none/keys/value?key=/a", R::Operator, None),
        row(
            "put_key",
            M::PUT,
            "/clusters/c-none/keys/value",
            R::Operator,
            Some(json!({"key": "/a", "seen": "0", "value": "x"})),
        ),
        row("delete_key", M::DELETE, "/clusters/c-none/keys/value?key=/a&seen=1", R::Operator, None),
        row("get_key_value_raw", M::GET, "/clusters/c-none/keys/value/raw?key=/a", R::Operator, None),
        row("get_key_history", M::GET, "/clusters/c-none/keys/history?key=/a", R::Operator, None),
        row("get_key_diff", M::GET, "/clusters/c-none/keys/diff?key=/a&from=1", R::Operator, None),
        row("watch_keys", M::GET, "/clusters/c-none/keys/watch?prefix=/a", R::Operator, None),
        row("get_key_on_every_member", M::GET, "/clusters/c-none/keys/every-member?key=/a", R::Operator, None),
        row(
            "move_key",
            M::POST,
            "/clusters/c-none/keys/move",
            R::Operator,
            Some(json!({"from": "/a", "seen": "1", "to": "/b"})),
        ),
        row(
            "restore_key",
            M::POST,
            "/clusters/c-none/keys/restore",
            R::Operator,
            Some(json!({"key": "/a", "revision": "1", "seen": "2"})),
        ),
        row("list_key_undos", M::GET, "/clusters/c-none/keys/undos", R::Operator, None),
        row("undo_key_edit", M::POST, "/clusters/c-none/keys/undos/ku-none", R::Operator, None),
        row("export_keys", M::GET, "/clusters/c-none/keys/export?prefix=/a", R::Operator, None),
        row("compare_keys", M::POST, "/clusters/c-none/keys/compare", R::Operator, Some(json!({"prefix": "/a"}))),
        row("list_key_files", M::GET, "/clusters/c-none/keys/files", R::Operator, None),
        row("upload_key_file", M::POST, "/clusters/c-none/keys/files", R::Operator, None),
        row(
            "preview_key_import",
            M::POST,
            "/clusters/c-none/keys/files/kf-none/preview",
            R::Operator,
            Some(json!({"mode": "skip"})),
        ),
        row("list_leases", M::GET, "/clusters/c-none/leases", R::Viewer, None),
        row("grant_lease", M::POST, "/clusters/c-none/leases", R::Operator, Some(json!({"ttl": 60}))),
        row("get_lease", M::GET, "/clusters/c-none/leases/7d", R::Viewer, None),
        row("revoke_lease", M::DELETE, "/clusters/c-none/leases/7d", R::Operator, None),
        row("keep_lease_alive", M::POST, "/clusters/c-none/leases/7d/keep-alive", R::Operator, None),
        row("list_key_rules", M::GET, "/users/u-none/key-rules", R::Admin, None),
        row("set_key_rules", M::PUT, "/users/u-none/key-rules", R::Admin, Some(json!([]))),
        row("start_drill", M::POST, "/snapshots/sn-none/drills", R::Operator, None),
        row("list_drills", M::GET, "/drills", R::Viewer, None),
        row("get_drill", M::GET, "/drills/dr-none", R::Viewer, None),
        row("open_snapshot", M::POST, "/snapshots/sn-none/open", R::Admin, None),
        row("list_opened_snapshots", M::GET, "/opened-snapshots", R::Admin, None),
        row("get_opened_snapshot", M::GET, "/opened-snapshots/c-none", R::Admin, None),
        row("close_snapshot", M::DELETE, "/opened-snapshots/c-none", R::Admin, None),
        row(
            "take_keys_of_snapshot",
            M::POST,
            "/opened-snapshots/c-none/key-files",
            R::Admin,
            Some(json!({"cluster": "c-none", "prefix": "/a"})),
        ),
        row("list_hosts", M::GET, "/hosts", R::Viewer, None),
        row("add_hosts", M::POST, "/hosts", R::Admin, Some(json!({"hosts": []}))),
        row("get_host", M::GET, "/hosts/h-none", R::Viewer, None),
        row(
            "edit_host",
            M::PUT,
            "/hosts/h-none",
            R::Admin,
            Some(json!({"name": "a", "target": "root@10.0.0.1", "elevation": "root"})),
        ),
        row("forget_host", M::DELETE, "/hosts/h-none", R::Admin, None),
        row("fetch_host_keys", M::POST, "/hosts/h-none/keys", R::Admin, None),
        row("trust_host", M::POST, "/hosts/h-none/trust", R::Admin, Some(json!({"fingerprints": []}))),
        row("check_host", M::POST, "/hosts/h-none/facts", R::Operator, None),
        row("list_host_checks", M::GET, "/hosts/h-none/checks", R::Viewer, None),
        row("list_host_tasks", M::GET, "/hosts/h-none/tasks", R::Viewer, None),
        row("forget_host_task", M::DELETE, "/hosts/h-none/tasks/ht-none", R::Admin, None),
        row("set_sudo_password", M::PUT, "/hosts/h-none/sudo-password", R::Admin, Some(json!({"password": "x"}))),
        row("get_ssh_key", M::GET, "/ssh-key", R::Viewer, None),
        row("list_users", M::GET, "/users", R::Admin, None),
        row("invite_user", M::POST, "/users", R::Admin, Some(json!({"name": "-", "role": "viewer"}))),
        row("change_user", M::PATCH, "/users/u-none", R::Admin, Some(json!({"disabled": true}))),
        row("reset_user_password", M::POST, "/users/u-none/reset-password", R::Admin, None),
        row("list_tokens", M::GET, "/tokens", R::Viewer, None),
        row("create_token", M::POST, "/tokens", R::Viewer, Some(json!({"name": "-", "role": "viewer"}))),
        row("revoke_token", M::DELETE, "/tokens/t-none", R::Viewer, None),
        row("list_audit_events", M::GET, "/audit", R::Operator, None),
    ]
}

#[test]
fn the_table_is_complete() {
    let document = serde_json::to_value(quorate_server::api::document()).expect("json");
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let id = operation["operationId"].as_str().expect("id").to_owned();
            documented.insert(format!("{id} {} {path}", method.to_uppercase()));
        }
    }
    let generic = |path: &'static str| {
        let part = |part: &'static str| match part {
            "ht-none" => "{task}",
            "ku-none" => "{undo}",
            "kf-none" => "{file}",
            "sc-none" => "{schedule}",
            "7d" => "{lease}",
            part if part.ends_with("-none") => "{id}",
            part => part,
        };
        path.split('?').next().unwrap_or(path).split('/').map(part).collect::<Vec<_>>().join("/")
    };
    let listed = table().iter().map(|row| format!("{} {} /api/v1{}", row.id, row.method, generic(row.path))).collect();
    assert_eq!(documented, listed);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_may_what_the_table_says() {
    let app = App::with_users().await;
    let mut callers = vec![(None, None)];
    for role in Role::ALL {
        callers.push((Some(role), Some(app.token(role, true).await)));
    }
    let client = Client::new();
    for row in table() {
        for (role, token) in &callers {
            let mut request = client.request(row.method.clone(), app.url(&format!("/api/v1{}", row.path)));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            if let Some(body) = &row.body {
                request = request.json(body);
            }
            let status = request.send().await.expect(row.id).status();
            let who = role.map_or("nobody", Role::as_str);
            match role {
                None => assert_eq!(status, StatusCode::UNAUTHORIZED, "{} as {who}", row.id),
                Some(role) if *role < row.least => assert_eq!(status, StatusCode::FORBIDDEN, "{} as {who}", row.id),
                Some(_) => {
                    let let_in = status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN;
                    assert!(let_in && !status.is_server_error(), "{} as {who}: {status}", row.id);
                }
            }
        }
    }
    let denied = app.audit().await.into_iter().filter(|row| row.contains("|denied|")).count();
    let expected: usize = table().iter().map(|row| Role::ALL.iter().filter(|role| **role < row.least).count()).sum();
    assert_eq!(denied, expected, "each denial is an audit row");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_is_no_proof_for_the_api_and_a_token_none_for_pages() {
    let app = App::with_users().await;
    let browser = app.logged_in("admin").await;
    assert_eq!(browser.page("/api/v1/hosts").await.status(), StatusCode::UNAUTHORIZED);
    let token = app.token(Role::Admin, true).await;
    let rpc = Client::new().post(app.url("/rpc/hosts")).bearer_auth(&token).json(&json!({})).send().await.expect("rpc");
    assert_eq!(rpc.status(), StatusCode::UNAUTHORIZED);
    let events = Client::new().get(app.url("/events")).bearer_auth(&token).send().await.expect("events");
    assert_eq!(events.status(), StatusCode::UNAUTHORIZED);
}
