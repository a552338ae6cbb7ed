//! `/api/v1`: everything the browser can do, for scripts. Invariant: a route is in the OpenAPI document because it is
//! served (utoipa-axum makes both from one line), and it is in the access table because a test compares the two.

pub mod caller;
pub mod problem;

mod audit;
mod clusters;
mod credentials;
mod drills;
mod hosts;
pub mod idempotency;
pub mod keys;
mod opened;
mod operations;
mod plans;
mod releases;
mod schedules;
mod snapshots;
mod tokens;
mod users;
mod vaults;

use crate::state::AppState;
use axum::{Json, Router, middleware, routing};
use quorate_domain::membership;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, Ref, RefOr, ResponseBuilder,
        path::Operation,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Where the document is.
pub const OPENAPI_PATH: &str = "/api/v1/openapi.json";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Quorate",
        description = "Installs, watches and changes etcd clusters on plain servers. Every request but this document \
            carries `Authorization: Bearer quorate_…`; make a token under Settings or with `quorate token create`. \
            Errors are `application/problem+json`. 64-bit numbers are strings, times are milliseconds since 1970."
    ),
    components(schemas(
        problem::ProblemBody,
        quorate_domain::live::LiveMessage,
        quorate_domain::adopt::AdoptParams,
        quorate_domain::host_task::FinishRemovalParams,
        quorate_domain::install::InstallParams,
        quorate_domain::keys::CopyKeysParams,
        quorate_domain::keys::DeleteKeysParams,
        quorate_domain::keys::ImportKeysParams,
        membership::AddMemberParams,
        membership::MemberParams,
        membership::RemoveMemberParams,
        membership::RepairParams,
        membership::ReplaceMemberParams,
        membership::RestartParams,
        membership::SettingsParams,
        membership::ShrinkParams,
        membership::UninstallParams,
        membership::UpdateUrlsParams,
    )),
    modifiers(&Common)
)]
struct Document;

/// What every operation shares: the token, and problems as answers.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
        document.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    }
}

fn parts() -> (Router<AppState>, utoipa::openapi::OpenApi) {
    let (router, mut document) = OpenApiRouter::<AppState>::with_openapi(Document::openapi())
        .routes(routes!(plans::make_plan))
        .routes(routes!(operations::list_operations, operations::start_operation))
        .routes(routes!(operations::get_operation))
        .routes(routes!(operations::get_operation_output))
        .routes(routes!(operations::stream_operation_events))
        .routes(routes!(operations::retry_operation))
        .routes(routes!(operations::skip_operation_step))
        .routes(routes!(operations::undo_operation))
        .routes(routes!(operations::cancel_operation))
        .routes(routes!(operations::hand_over_operation))
        .routes(routes!(releases::list_releases))
        .routes(routes!(credentials::keep_credentials))
        .routes(routes!(clusters::list_clusters))
        .routes(routes!(clusters::get_cluster, clusters::forget_cluster))
        .routes(routes!(clusters::get_cluster_status))
        .routes(routes!(clusters::list_cluster_members))
        .routes(routes!(clusters::list_cluster_events))
        .routes(routes!(clusters::list_cluster_configurations))
        .routes(routes!(clusters::list_cluster_journals))
        .routes(routes!(clusters::list_cluster_patroni_scopes))
        .routes(routes!(snapshots::list_backups))
        .routes(routes!(snapshots::get_cluster_backups))
        .routes(routes!(snapshots::take_snapshot))
        .routes(routes!(snapshots::list_snapshots, snapshots::upload_snapshot))
        .routes(routes!(snapshots::get_snapshot, snapshots::delete_snapshot))
        .routes(routes!(snapshots::download_snapshot))
        .routes(routes!(snapshots::protect_snapshot))
        .routes(routes!(snapshots::cancel_snapshot))
        .routes(routes!(schedules::list_schedules, schedules::create_schedule))
        .routes(routes!(schedules::edit_schedule, schedules::delete_schedule))
        .routes(routes!(vaults::list_vaults, vaults::create_vault))
        .routes(routes!(vaults::get_vault, vaults::edit_vault, vaults::delete_vault))
        .routes(routes!(vaults::try_vault))
        .routes(routes!(keys::list_keys))
        .routes(routes!(keys::get_key_index))
        .routes(routes!(keys::get_key_settings, keys::set_key_settings))
        .routes(routes!(keys::search::search_keys))
        .routes(routes!(keys::search::scan_key_sizes))
        .routes(routes!(keys::values::get_key_value, keys::edits::put_key, keys::edits::delete_key))
        .routes(routes!(keys::values::get_key_value_raw))
        .routes(routes!(keys::values::get_key_history))
        .routes(routes!(keys::values::get_key_diff))
        .routes(routes!(keys::values::get_key_on_every_member))
        .routes(routes!(keys::values::watch_keys))
        .routes(routes!(keys::edits::move_key))
        .routes(routes!(keys::edits::restore_key))
        .routes(routes!(keys::edits::list_key_undos))
        .routes(routes!(keys::edits::undo_key_edit))
        .routes(routes!(keys::files::export_keys))
        .routes(routes!(keys::files::compare_keys))
        .routes(routes!(keys::files::list_key_files, keys::files::upload_key_file))
        .routes(routes!(keys::files::preview_key_import))
        .routes(routes!(keys::leases::list_leases, keys::leases::grant_lease))
        .routes(routes!(keys::leases::get_lease, keys::leases::revoke_lease))
        .routes(routes!(keys::leases::keep_lease_alive))
        .routes(routes!(keys::rules::list_key_rules, keys::rules::set_key_rules))
        .routes(routes!(drills::start_drill))
        .routes(routes!(drills::list_drills))
        .routes(routes!(drills::get_drill))
        .routes(routes!(opened::open_snapshot))
        .routes(routes!(opened::list_opened_snapshots))
        .routes(routes!(opened::get_opened_snapshot, opened::close_snapshot))
        .routes(routes!(opened::take_keys_of_snapshot))
        .routes(routes!(hosts::list_hosts, hosts::add_hosts))
        .routes(routes!(hosts::get_host, hosts::edit_host, hosts::forget_host))
        .routes(routes!(hosts::fetch_host_keys))
        .routes(routes!(hosts::trust_host))
        .routes(routes!(hosts::check_host))
        .routes(routes!(hosts::list_host_checks))
        .routes(routes!(hosts::list_host_tasks))
        .routes(routes!(hosts::forget_host_task))
        .routes(routes!(hosts::set_sudo_password))
        .routes(routes!(hosts::get_ssh_key))
        .routes(routes!(users::list_users, users::invite_user))
        .routes(routes!(users::change_user))
        .routes(routes!(users::reset_user_password))
        .routes(routes!(tokens::list_tokens, tokens::create_token))
        .routes(routes!(tokens::revoke_token))
        .routes(routes!(audit::list_audit_events))
        .split_for_parts();
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch] {
            operation.iter_mut().for_each(complete);
        }
    }
    (router, document)
}

/// Words for each answer (the format asks for them), and problems as the answer to everything else.
fn complete(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            let words = match status.as_str() {
                "201" => "It was made.",
                "202" => "It was started.",
                "204" => "It was done.",
                "409" => "It is busy, or the facts moved; see `plan` then.",
                _ => "The answer.",
            };
            words.clone_into(&mut response.description);
        }
    }
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemBody"))).build();
    let response = ResponseBuilder::new()
        .description("What went wrong and what to do.")
        .content("application/problem+json", content)
        .build();
    operation.responses.responses.insert("default".to_owned(), RefOr::T(response));
}

/// The OpenAPI document.
pub fn document() -> utoipa::openapi::OpenApi {
    parts().1
}

/// All of `/api/v1`.
pub fn router(state: &AppState) -> Router<AppState> {
    let (router, document) = parts();
    router
        .route_layer(middleware::from_fn_with_state(state.clone(), caller::require))
        .route(OPENAPI_PATH, routing::get(move || std::future::ready(Json(document.clone()))))
}
