//! Values of keys: shown, whole, compared. Invariant: the key is the permit's; what is read is confirmed by a majority; a masked
//! value leaves only when it was asked to be revealed, and the audit row of that is written first. How a value looks is
//! `quorate_keys::forms`'.

use super::{
    edit::{
        about,
        read::{meta_of, narrow, wide},
    },
    rules::may,
    unhurried,
};
use crate::{
    actor::Actor,
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use quorate_domain::{
    Action, ClusterId, Problem, ProblemKind,
    keys::{DiffQuery, Form, Key, MERGE_MAX, MergeQuery, Merged, ValueDiff, ValueQuery, ValueView},
    wide::Wide,
};
use quorate_etcd::{Pair, Range};
use quorate_keys::{diff, forms, merge};
use std::time::Duration;

/// How long a lease may take to say how long it lives: the value is worth more than that.
const TTL_ANSWER: Duration = Duration::from_secs(2);

/// How a value is to be shown.
#[derive(Clone, Copy)]
struct Look {
    form: Option<Form>,
    all: bool,
    masked: bool,
}

impl Console {
    /// The value of the permit's key as it is shown.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the revision is compacted; `Forbidden` when etcd does not let the console read it.
    pub async fn value(&self, permit: &Permit<act::ReadValues>, query: &ValueQuery) -> Result<ValueView, CoreError> {
        let (cluster, key) = about(permit, &query.key)?;
        let masked = self.masked(permit, cluster, key, query.reveal).await?;
        let (pair, revision) = self.pair_at(cluster, key, query.revision).await?;
        let pair = pair.ok_or_else(|| missing(key, query.revision))?;
        let look = Look { form: query.form, all: query.all, masked };
        let (lease, of) = (pair.lease, key.clone());
        let mut view = unhurried(move || view_of(&of, &pair, revision, look)).await?;
        view.meta.changed_at = self.changed_at(cluster, &view);
        if query.revision.is_none() {
            view.ttl = self.ttl(cluster, lease).await;
        }
        Ok(view)
    }

    /// At which revision the permit's key was written, and the revision that this was read at; its value is not read.
    ///
    /// # Errors
    /// As [`Console::value`].
    pub async fn value_written(
        &self,
        permit: &Permit<act::ReadValues>,
        query: &ValueQuery,
    ) -> Result<(Wide, Wide), CoreError> {
        let (cluster, key) = about(permit, &query.key)?;
        let revision = query.revision.map_or(0, narrow);
        let range = Range { revision, keys_only: true, ..Range::of(key.0.clone()) };
        let reply = self.read_range(cluster, &range).await?;
        let pair = reply.pairs.first().ok_or_else(|| missing(key, query.revision))?;
        Ok((wide(pair.mod_revision), query.revision.unwrap_or(wide(reply.revision))))
    }

    /// The whole value of the permit's key.
    ///
    /// # Errors
    /// As [`Console::value`]; `Forbidden` for a masked one that is not revealed.
    pub async fn value_bytes(
        &self,
        permit: &Permit<act::ReadValues>,
        query: &ValueQuery,
    ) -> Result<Vec<u8>, CoreError> {
        let (cluster, key) = about(permit, &query.key)?;
        if self.masked(permit, cluster, key, query.reveal).await? {
            return Err(masked_problem());
        }
        let (pair, _) = self.pair_at(cluster, key, query.revision).await?;
        Ok(pair.ok_or_else(|| missing(key, query.revision))?.value)
    }

    /// How two values of the permit's key differ; where it was not there, it counts as empty.
    ///
    /// # Errors
    /// As [`Console::value`]; `Forbidden` for a masked one.
    pub async fn value_diff(
        &self,
        permit: &Permit<act::ReadValues>,
        query: &DiffQuery,
    ) -> Result<ValueDiff, CoreError> {
        let (cluster, key) = about(permit, &query.key)?;
        if self.masked(permit, cluster, key, false).await? {
            return Err(masked_problem());
        }
        let (from, to) =
            tokio::try_join!(self.pair_at(cluster, key, Some(query.from)), self.pair_at(cluster, key, query.to))?;
        let value = |pair: Option<Pair>| pair.map(|pair| pair.value);
        match (value(from.0), value(to.0)) {
            (None, None) => Err(missing(key, Some(query.from))),
            (from, to) => unhurried(move || diff(&from.unwrap_or_default(), &to.unwrap_or_default())).await,
        }
    }

    /// Two changes of one text brought together. Nothing is read of the cluster: the texts are those that the caller has, and the
    /// permit says that these may be values.
    ///
    /// # Errors
    /// `Invalid` at `base`, `mine` or `theirs` for one of more than 1.5 MiB.
    pub async fn merge_values(
        &self,
        _permit: &Permit<act::ReadValues>,
        query: &MergeQuery,
    ) -> Result<Merged, CoreError> {
        let query = query.clone();
        // Many changed lines take longer than a task of the runtime should.
        tokio::task::spawn_blocking(move || merged(&query))
            .await
            .map_err(|e| CoreError::caused("a merge broke off", e))?
    }

    /// What is there, for somebody whose change was lost: masked for whoever may not read it.
    ///
    /// # Errors
    /// The storage failed.
    pub(crate) async fn value_view(
        &self,
        actor: &Actor,
        cluster: &ClusterId,
        key: &Key,
        pair: Pair,
        revision: i64,
    ) -> Result<ValueView, CoreError> {
        let readable = may(actor, Action::ReadValues, cluster, key.as_bytes());
        let masked = !readable || self.key_settings_of(cluster).await?.masks(key.as_bytes());
        let key = key.clone();
        unhurried(move || view_of(&key, &pair, revision, Look { form: None, all: false, masked })).await
    }

    /// Whether the value stays masked; that it does not is written down before it is read.
    pub(super) async fn masked(
        &self,
        permit: &Permit<act::ReadValues>,
        cluster: &ClusterId,
        key: &Key,
        reveal: bool,
    ) -> Result<bool, CoreError> {
        if !self.key_settings_of(cluster).await?.masks(key.as_bytes()) {
            return Ok(false);
        }
        if reveal {
            let object = self.key_object(cluster, key).await?;
            self.record(AuditDraft::by(permit.actor(), "key.reveal", &object)).await?;
        }
        Ok(!reveal)
    }

    /// The key as it was at a revision, or is now, and the cluster's revision.
    pub(super) async fn pair_at(
        &self,
        cluster: &ClusterId,
        key: &Key,
        at: Option<Wide>,
    ) -> Result<(Option<Pair>, i64), CoreError> {
        let revision = at.map_or(0, narrow);
        let (pair, now) = self.read_key(cluster, key.as_bytes(), revision).await?;
        Ok((pair, if revision > 0 { revision } else { now }))
    }

    async fn ttl(&self, cluster: &ClusterId, lease: i64) -> Option<i64> {
        if lease == 0 {
            return None;
        }
        let client = self.key_client(cluster).await.ok()?;
        match client.member().lease(lease, false, TTL_ANSWER).await {
            Ok(reply) => Some(reply.ttl),
            Err(error) if error.is_lease_gone() => Some(-1),
            Err(_) => None,
        }
    }

    /// When the value that is shown came to be, where an index happens to know.
    fn changed_at(&self, cluster: &ClusterId, view: &ValueView) -> Option<quorate_domain::Timestamp> {
        let keeper = self.runtime().ok()?.keys.indexes.peek(cluster)?;
        let known = keeper.read(|index| index.get(view.key.as_bytes())).flatten()?;
        known.changed_at.filter(|_| known.mod_revision == view.meta.mod_revision)
    }
}

fn merged(query: &MergeQuery) -> Result<Merged, CoreError> {
    let MergeQuery { base, mine, theirs } = query;
    for (field, text) in [("base", base), ("mine", mine), ("theirs", theirs)] {
        if text.len() > MERGE_MAX {
            return Err(Problem::field(field, "Texts of more than 1.5 MiB are not merged here").into());
        }
    }
    let (text, conflicts) = merge(base, mine, theirs);
    Ok(Merged { text, conflicts: u32::try_from(conflicts).unwrap_or(u32::MAX) })
}

pub(super) fn missing(key: &Key, at: Option<Wide>) -> CoreError {
    match at {
        None => CoreError::not_found("key", key),
        Some(at) => Problem::new(ProblemKind::NotFound, format!("There was no key {key} at revision {}", at.0)).into(),
    }
}

pub(super) fn masked_problem() -> CoreError {
    Problem::new(ProblemKind::Forbidden, "The value of this key is masked")
        .with_detail("Reveal it first: that is written to the audit trail.")
        .into()
}

fn view_of(key: &Key, pair: &Pair, revision: i64, look: Look) -> ValueView {
    let view = ValueView::masked(key.clone(), meta_of(pair), wide(revision));
    if look.masked { view } else { forms::show(view, &pair.value, look.form, look.all) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::LeaseId;

    #[test]
    fn a_masked_view_tells_the_size_and_nothing_of_the_value() {
        let pair =
            Pair { key: b"a".to_vec(), value: b"hunter2".to_vec(), mod_revision: 7, lease: -1, ..Pair::default() };
        let view = view_of(&Key::raw("a"), &pair, 9, Look { form: Some(Form::Hex), all: true, masked: true });
        assert!(view.masked && view.text.is_empty() && view.tree.is_empty() && view.forms.is_empty());
        assert_eq!((view.meta.size, view.meta.lease), (Some(Wide(7)), Some(LeaseId(u64::MAX))));
        assert!(!format!("{view:?}").contains("hunter2"));
    }

    #[test]
    fn a_merge_leaves_the_markers_that_a_reader_of_it_looks_for() {
        let query = |base: &str, mine: &str, theirs: &str| MergeQuery {
            base: base.into(),
            mine: mine.into(),
            theirs: theirs.into(),
        };
        let both = merged(&query("a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nD\n")).expect("merged");
        assert_eq!((both.text.as_str(), both.conflicts), ("A\nb\nc\nD\n", 0));
        let conflict = merged(&query("1", "2", "3")).expect("merged");
        let lines = [Merged::BEGIN, "2", Merged::BETWEEN, "3", Merged::END];
        assert_eq!((conflict.text.lines().collect::<Vec<_>>(), conflict.conflicts), (lines.to_vec(), 1));
    }

    #[test]
    fn a_text_that_no_value_could_be_is_not_merged() {
        let long = "x".repeat(MERGE_MAX);
        let query = |theirs: String| MergeQuery { base: String::new(), mine: "x".into(), theirs };
        assert_eq!(merged(&query(long.clone())).expect("as long as a value").conflicts, 1);
        match merged(&query(long + "x")) {
            Err(CoreError::Problem(problem)) => assert!(problem.message_for("theirs").is_some(), "{problem}"),
            other => panic!("{:?}", other.map(|merged| merged.conflicts)),
        }
    }

    #[test]
    fn a_key_that_was_not_there_is_told_with_its_revision() {
        let title = |error| match error {
            CoreError::Problem(problem) => (problem.kind, problem.title),
            other => panic!("{other:?}"),
        };
        let (kind, told) = title(missing(&Key(b"a\xff".to_vec()), Some(Wide(5))));
        assert_eq!((kind, told.as_str()), (ProblemKind::NotFound, "There was no key a\\xff at revision 5"));
        assert_eq!(title(missing(&Key::raw("a"), None)).1, "There is no key a");
    }
}
