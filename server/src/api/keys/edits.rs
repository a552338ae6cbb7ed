//! Changes of keys. Invariant: each names the revision that its author saw, so sending one twice changes nothing twice and
//! no `Idempotency-Key` is needed; a lost race answers 409 with what is there now.

use super::written;
use crate::{
    api::{
        caller::{Body, Caller, Id, Ids, Params},
        problem::ApiProblem,
    },
    state::AppState,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use quorate_core::{keys::MovePermit, permit::act};
use quorate_domain::{
    ClusterId, KeyUndoId, Scope,
    keys::{DeleteKey, EditAnswer, EditOutcome, Key, KeyUndo, MoveKey, PutKey, RestoreKey},
    wide::Wide,
};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which key is taken away.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeleteQuery {
    /// The key.
    #[param(value_type = Key)]
    pub key: String,
    /// Its `mod_revision` as seen.
    pub seen: Wide,
}

fn edited(answer: EditAnswer) -> Response {
    let status = match answer.outcome {
        EditOutcome::Done => StatusCode::OK,
        EditOutcome::Lost => StatusCode::CONFLICT,
    };
    (status, Json(answer)).into_response()
}

/// Writes a key if it is still as it was seen; `seen` 0 makes a new one.
#[utoipa::path(put, path = "/api/v1/clusters/{id}/keys/value", tag = "keys", params(("id" = ClusterId, Path)),
    request_body = PutKey, responses(
        (status = 200, body = EditAnswer),
        (status = 409, body = EditAnswer, description = "Somebody else was faster; nothing was changed, and `theirs` is what is there."),
    ))]
pub async fn put_key(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Body(put): Body<PutKey>,
) -> Result<Response, ApiProblem> {
    let permit = state.console.permit::<act::WriteKeys>(&caller.0, Scope::Keys(id, put.key.0.clone())).await?;
    Ok(edited(state.console.put_key(&permit, &put).await?))
}

/// Takes a key away if it is still as it was seen.
#[utoipa::path(delete, path = "/api/v1/clusters/{id}/keys/value", tag = "keys",
    params(("id" = ClusterId, Path), DeleteQuery), responses(
        (status = 200, body = EditAnswer),
        (status = 409, body = EditAnswer, description = "Somebody else was faster; nothing was changed, and `theirs` is what is there."),
    ))]
pub async fn delete_key(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Params(query): Params<DeleteQuery>,
) -> Result<Response, ApiProblem> {
    let delete = DeleteKey { key: written("key", &query.key)?, seen: query.seen };
    let permit = state.console.permit::<act::DeleteKeys>(&caller.0, Scope::Keys(id, delete.key.0.clone())).await?;
    Ok(edited(state.console.delete_key(&permit, &delete).await?))
}

/// Renames a key, or copies it with `keep`, in one transaction; its lease goes along.
#[utoipa::path(post, path = "/api/v1/clusters/{id}/keys/move", tag = "keys", params(("id" = ClusterId, Path)),
    request_body = MoveKey, responses(
        (status = 200, body = EditAnswer),
        (status = 409, body = EditAnswer, description = "Somebody else was faster; nothing was changed, and `theirs` is what is there."),
    ))]
pub async fn move_key(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Body(asked): Body<MoveKey>,
) -> Result<Response, ApiProblem> {
    let console = &state.console;
    let there = Scope::Keys(id.clone(), asked.from.0.clone());
    let from = if asked.keep {
        MovePermit::Copy(console.permit(&caller.0, there).await?)
    } else {
        MovePermit::Rename(console.permit(&caller.0, there).await?)
    };
    let to = console.permit::<act::WriteKeys>(&caller.0, Scope::Keys(id, asked.to.0.clone())).await?;
    Ok(edited(console.move_key(&from, &to, &asked).await?))
}

/// Makes a key what it was at a revision.
#[utoipa::path(post, path = "/api/v1/clusters/{id}/keys/restore", tag = "keys", params(("id" = ClusterId, Path)),
    request_body = RestoreKey, responses(
        (status = 200, body = EditAnswer),
        (status = 409, body = EditAnswer, description = "Somebody else was faster; nothing was changed, and `theirs` is what is there."),
    ))]
pub async fn restore_key(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Body(restore): Body<RestoreKey>,
) -> Result<Response, ApiProblem> {
    let permit = state.console.permit::<act::WriteKeys>(&caller.0, Scope::Keys(id, restore.key.0.clone())).await?;
    Ok(edited(state.console.restore_key(&permit, &restore).await?))
}

/// Changes that the console can take back, newest first.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/keys/undos", tag = "keys", params(("id" = ClusterId, Path)),
    responses((status = 200, body = Vec<KeyUndo>)))]
pub async fn list_key_undos(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<Json<Vec<KeyUndo>>, ApiProblem> {
    let permit = state.console.permit::<act::WriteKeys>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.key_undos(&permit).await?))
}

/// Takes a change back if the key is still as the change left it.
#[utoipa::path(post, path = "/api/v1/clusters/{id}/keys/undos/{undo}", tag = "keys",
    params(("id" = ClusterId, Path), ("undo" = KeyUndoId, Path)), responses(
        (status = 200, body = EditAnswer),
        (status = 409, body = EditAnswer, description = "The key changed since; nothing was changed now, and `theirs` is what is there."),
    ))]
pub async fn undo_key_edit(
    State(state): State<AppState>,
    caller: Caller,
    Ids(id, undo): Ids<ClusterId, KeyUndoId>,
) -> Result<Response, ApiProblem> {
    let permit = state.console.permit::<act::WriteKeys>(&caller.0, Scope::Cluster(id)).await?;
    Ok(edited(state.console.undo_edit(&permit, &undo).await?))
}
