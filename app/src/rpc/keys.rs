//! Keys of a cluster: pages, values, changes, leases, and who may see which. Values travel in bodies only, never in a path.

#[cfg(feature = "ssr")]
use super::prelude::*;
use super::wire::Wire;
use crate::error::AppError;
use leptos::prelude::*;
#[cfg(feature = "ssr")]
use quorate_core::keys::MovePermit;
// The types keep their module's name: a server function makes a type that is called as it is.
use quorate_domain::{ClusterId, KeyFileId, KeyUndoId, LeaseId, UserId, keys, wide::Wide};

/// A page of keys and folders.
#[server(prefix = "/rpc", endpoint = "keys_page", protocol = Wire)]
pub(crate) async fn keys_page(cluster: ClusterId, query: keys::KeyQuery) -> Result<keys::KeyPage, AppError> {
    let (console, permit) = permitted_in::<act::ViewKeys>(Scope::Cluster(cluster)).await?;
    Ok(console.keys_page(&permit, &query).await?)
}

/// How far the index of a cluster is; asking keeps it.
#[server(prefix = "/rpc", endpoint = "key_index", protocol = Wire)]
pub(crate) async fn key_index(cluster: ClusterId) -> Result<keys::IndexState, AppError> {
    let (console, permit) = permitted_in::<act::ViewKeys>(Scope::Cluster(cluster)).await?;
    Ok(console.key_index(&permit).await?)
}

/// What a search found since the answer before. A search in values takes the right to read them.
#[server(prefix = "/rpc", endpoint = "search_keys", protocol = Wire)]
pub(crate) async fn search_keys(cluster: ClusterId, search: keys::KeySearch) -> Result<keys::SearchPage, AppError> {
    if search.in_values {
        let (console, permit) = permitted_in::<act::ReadValues>(Scope::Cluster(cluster)).await?;
        return Ok(console.search_values(&permit, &search).await?);
    }
    let (console, permit) = permitted_in::<act::ViewKeys>(Scope::Cluster(cluster)).await?;
    Ok(console.search_keys(&permit, &search).await?)
}

/// Measures values below a prefix, some at a time; the answer says where to go on.
#[server(prefix = "/rpc", endpoint = "scan_key_sizes", protocol = Wire)]
pub(crate) async fn scan_key_sizes(
    cluster: ClusterId,
    prefix: keys::Key,
    after: Option<keys::Key>,
) -> Result<keys::SearchPage, AppError> {
    let (console, permit) = permitted_in::<act::ViewKeys>(Scope::Cluster(cluster)).await?;
    Ok(console.scan_key_sizes(&permit, &prefix, after.as_ref()).await?)
}

/// A value, now or as it was.
#[server(prefix = "/rpc", endpoint = "value", protocol = Wire)]
pub(crate) async fn value(cluster: ClusterId, query: keys::ValueQuery) -> Result<keys::ValueView, AppError> {
    let (console, permit) = permitted_in::<act::ReadValues>(Scope::Keys(cluster, query.key.0.clone())).await?;
    Ok(console.value(&permit, &query).await?)
}

/// How two revisions of a key differ.
#[server(prefix = "/rpc", endpoint = "value_diff", protocol = Wire)]
pub(crate) async fn value_diff(cluster: ClusterId, query: keys::DiffQuery) -> Result<keys::ValueDiff, AppError> {
    let (console, permit) = permitted_in::<act::ReadValues>(Scope::Keys(cluster, query.key.0.clone())).await?;
    Ok(console.value_diff(&permit, &query).await?)
}

/// Two changes of one text brought together, after a lost race.
#[server(prefix = "/rpc", endpoint = "merge_values", protocol = Wire)]
pub(crate) async fn merge_values(cluster: ClusterId, query: keys::MergeQuery) -> Result<keys::Merged, AppError> {
    let (console, permit) = permitted_in::<act::ReadValues>(Scope::Cluster(cluster)).await?;
    Ok(console.merge_values(&permit, &query).await?)
}

/// What a key was, newest first.
#[server(prefix = "/rpc", endpoint = "key_history", protocol = Wire)]
pub(crate) async fn key_history(cluster: ClusterId, query: keys::HistoryQuery) -> Result<keys::HistoryPage, AppError> {
    let (console, permit) = permitted_in::<act::ReadValues>(Scope::Keys(cluster, query.key.0.clone())).await?;
    Ok(console.key_history(&permit, &query).await?)
}

/// One key as each member has it.
#[server(prefix = "/rpc", endpoint = "every_member", protocol = Wire)]
pub(crate) async fn every_member(cluster: ClusterId, key: keys::Key) -> Result<keys::EveryMember, AppError> {
    let (console, permit) = permitted_in::<act::ReadValues>(Scope::Keys(cluster, key.0)).await?;
    Ok(console.every_member(&permit).await?)
}

/// Writes a key if it is still as it was seen.
#[server(prefix = "/rpc", endpoint = "put_key", protocol = Wire)]
pub(crate) async fn put_key(cluster: ClusterId, put: keys::PutKey) -> Result<keys::EditAnswer, AppError> {
    let (console, permit) = permitted_in::<act::WriteKeys>(Scope::Keys(cluster, put.key.0.clone())).await?;
    Ok(console.put_key(&permit, &put).await?)
}

/// Renames or copies a key.
#[server(prefix = "/rpc", endpoint = "move_key", protocol = Wire)]
pub(crate) async fn move_key(cluster: ClusterId, asked: keys::MoveKey) -> Result<keys::EditAnswer, AppError> {
    let there = Scope::Keys(cluster.clone(), asked.from.0.clone());
    let from = if asked.keep {
        MovePermit::Copy(permitted_in(there).await?.1)
    } else {
        MovePermit::Rename(permitted_in(there).await?.1)
    };
    let (console, to) = permitted_in::<act::WriteKeys>(Scope::Keys(cluster, asked.to.0.clone())).await?;
    Ok(console.move_key(&from, &to, &asked).await?)
}

/// Takes a key away if it is still as it was seen.
#[server(prefix = "/rpc", endpoint = "delete_key", protocol = Wire)]
pub(crate) async fn delete_key(cluster: ClusterId, delete: keys::DeleteKey) -> Result<keys::EditAnswer, AppError> {
    let (console, permit) = permitted_in::<act::DeleteKeys>(Scope::Keys(cluster, delete.key.0.clone())).await?;
    Ok(console.delete_key(&permit, &delete).await?)
}

/// Makes a key what it was.
#[server(prefix = "/rpc", endpoint = "restore_key", protocol = Wire)]
pub(crate) async fn restore_key(cluster: ClusterId, restore: keys::RestoreKey) -> Result<keys::EditAnswer, AppError> {
    let (console, permit) = permitted_in::<act::WriteKeys>(Scope::Keys(cluster, restore.key.0.clone())).await?;
    Ok(console.restore_key(&permit, &restore).await?)
}

/// Changes that can be taken back, newest first.
#[server(prefix = "/rpc", endpoint = "key_undos", protocol = Wire)]
pub(crate) async fn key_undos(cluster: ClusterId) -> Result<Vec<keys::KeyUndo>, AppError> {
    let (console, permit) = permitted_in::<act::WriteKeys>(Scope::Cluster(cluster)).await?;
    Ok(console.key_undos(&permit).await?)
}

/// Takes a change back if nobody changed the key since.
#[server(prefix = "/rpc", endpoint = "undo_edit", protocol = Wire)]
pub(crate) async fn undo_edit(cluster: ClusterId, id: KeyUndoId) -> Result<keys::EditAnswer, AppError> {
    let (console, permit) = permitted_in::<act::WriteKeys>(Scope::Cluster(cluster)).await?;
    Ok(console.undo_edit(&permit, &id).await?)
}

/// Leases of a cluster.
#[server(prefix = "/rpc", endpoint = "leases", protocol = Wire)]
pub(crate) async fn leases(cluster: ClusterId) -> Result<Vec<keys::Lease>, AppError> {
    let (console, permit) = permitted_in::<act::ViewKeys>(Scope::Cluster(cluster)).await?;
    Ok(console.leases(&permit).await?)
}

/// One lease with its keys.
#[server(prefix = "/rpc", endpoint = "lease", protocol = Wire)]
pub(crate) async fn lease(cluster: ClusterId, id: LeaseId) -> Result<keys::Lease, AppError> {
    let (console, permit) = permitted_in::<act::ViewKeys>(Scope::Cluster(cluster)).await?;
    Ok(console.lease(&permit, id).await?)
}

/// Makes a lease.
#[server(prefix = "/rpc", endpoint = "grant_lease", protocol = Wire)]
pub(crate) async fn grant_lease(cluster: ClusterId, grant: keys::GrantLease) -> Result<keys::Lease, AppError> {
    let (console, permit) = permitted_in::<act::WriteKeys>(Scope::Cluster(cluster)).await?;
    Ok(console.grant_lease(&permit, &grant).await?)
}

/// Gives a lease its whole time again, once.
#[server(prefix = "/rpc", endpoint = "keep_lease_alive", protocol = Wire)]
pub(crate) async fn keep_lease_alive(cluster: ClusterId, id: LeaseId) -> Result<keys::Lease, AppError> {
    let (console, permit) = permitted_in::<act::WriteKeys>(Scope::Cluster(cluster)).await?;
    Ok(console.keep_lease_alive(&permit, id).await?)
}

/// Ends a lease; its keys go with it.
#[server(prefix = "/rpc", endpoint = "revoke_lease", protocol = Wire)]
pub(crate) async fn revoke_lease(cluster: ClusterId, id: LeaseId) -> Result<(), AppError> {
    let (console, permit) = permitted_in::<act::DeleteKeys>(Scope::Cluster(cluster)).await?;
    console.revoke_lease(&permit, id).await?;
    Ok(())
}

/// What is masked, and how long changes can be taken back.
#[server(prefix = "/rpc", endpoint = "key_settings", protocol = Wire)]
pub(crate) async fn key_settings(cluster: ClusterId) -> Result<keys::KeySettings, AppError> {
    let (console, permit) = permitted_in::<act::ViewKeys>(Scope::Cluster(cluster)).await?;
    Ok(console.key_settings(&permit).await?)
}

/// Changes that.
#[server(prefix = "/rpc", endpoint = "set_key_settings", protocol = Wire)]
pub(crate) async fn set_key_settings(cluster: ClusterId, settings: keys::KeySettings) -> Result<(), AppError> {
    let (console, permit) = permitted_in::<act::ManageKeys>(Scope::Cluster(cluster)).await?;
    console.set_key_settings(&permit, &settings).await?;
    Ok(())
}

/// Which keys a user may see and change.
#[server(prefix = "/rpc", endpoint = "key_rules", protocol = Wire)]
pub(crate) async fn key_rules(user: UserId) -> Result<Vec<keys::KeyRule>, AppError> {
    let (console, permit) = permitted::<act::ManageKeys>().await?;
    Ok(console.key_rules(&permit, &user).await?)
}

/// Replaces these rules by others.
#[server(prefix = "/rpc", endpoint = "set_key_rules", protocol = Wire)]
pub(crate) async fn set_key_rules(user: UserId, rules: Vec<keys::KeyRule>) -> Result<(), AppError> {
    let (console, permit) = permitted::<act::ManageKeys>().await?;
    console.set_key_rules(&permit, &user, &rules).await?;
    Ok(())
}

/// What differs between two clusters, two revisions or two prefixes, a slice at a time.
#[server(prefix = "/rpc", endpoint = "compare_keys", protocol = Wire)]
pub(crate) async fn compare_keys(cluster: ClusterId, query: keys::CompareQuery) -> Result<keys::ComparePage, AppError> {
    let (other, prefix) = query.there(&cluster);
    let (_, there) = permitted_in::<act::ReadValues>(Scope::Keys(other.clone(), prefix.0.clone())).await?;
    let (console, here) = permitted_in::<act::ReadValues>(Scope::Keys(cluster.clone(), query.prefix.0.clone())).await?;
    Ok(console.compare_keys(&here, &there, &query).await?)
}

/// Files of keys that the console keeps, newest first.
#[server(prefix = "/rpc", endpoint = "key_files", protocol = Wire)]
pub(crate) async fn key_files(cluster: ClusterId) -> Result<Vec<keys::KeyFile>, AppError> {
    let (console, permit) = permitted_in::<act::WriteKeys>(Scope::Cluster(cluster)).await?;
    Ok(console.key_files(&permit).await?)
}

/// What an import of a kept file would do now.
#[server(prefix = "/rpc", endpoint = "preview_import", protocol = Wire)]
pub(crate) async fn preview_import(
    cluster: ClusterId,
    file: KeyFileId,
    mode: keys::ImportMode,
    from: Option<Wide>,
) -> Result<keys::ImportPreview, AppError> {
    let (console, permit) = permitted_in::<act::WriteKeys>(Scope::Cluster(cluster)).await?;
    Ok(console.preview_import(&permit, &file, mode, from).await?)
}

/// How the value of a key in a kept file differs from what is there now.
#[server(prefix = "/rpc", endpoint = "import_diff", protocol = Wire)]
pub(crate) async fn import_diff(
    cluster: ClusterId,
    file: KeyFileId,
    key: keys::Key,
) -> Result<keys::ValueDiff, AppError> {
    let (console, permit) = permitted_in::<act::ReadValues>(Scope::Keys(cluster, key.0.clone())).await?;
    Ok(console.import_diff(&permit, &file, &key).await?)
}

/// Drops a kept file before its time is over.
#[server(prefix = "/rpc", endpoint = "drop_key_file", protocol = Wire)]
pub(crate) async fn drop_key_file(cluster: ClusterId, file: KeyFileId) -> Result<(), AppError> {
    let (console, permit) = permitted_in::<act::WriteKeys>(Scope::Cluster(cluster)).await?;
    console.drop_key_file(&permit, &file).await?;
    Ok(())
}

/// How the values of a key differ on both sides of a comparison.
#[server(prefix = "/rpc", endpoint = "compare_values", protocol = Wire)]
pub(crate) async fn compare_values(
    cluster: ClusterId,
    query: keys::CompareValueQuery,
) -> Result<keys::ValueDiff, AppError> {
    let (other, key) = query.there(&cluster);
    let (_, there) = permitted_in::<act::ReadValues>(Scope::Keys(other.clone(), key.0.clone())).await?;
    let (console, here) = permitted_in::<act::ReadValues>(Scope::Keys(cluster.clone(), query.key.0.clone())).await?;
    Ok(console.compare_values(&here, &there, &query).await?)
}

/// Clusters to whose keys some could be copied: ids and names.
#[server(prefix = "/rpc", endpoint = "copy_targets", protocol = Wire)]
pub(crate) async fn copy_targets() -> Result<Vec<(ClusterId, String)>, AppError> {
    let (console, permit) = permitted::<act::ViewClusters>().await?;
    Ok(console.clusters_to_write(&permit).await?)
}
