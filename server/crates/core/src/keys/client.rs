//! Which member is asked for keys, and what a person is told when it did not do. Invariant: a member is asked by its own
//! client; one that was silent is not asked again before another one was tried; what was dialled is kept, because a way
//! through SSH costs a second.

use super::edit::read::Unread;
use crate::{
    console::Console,
    error::CoreError,
    live::{Endpoints, MemberAddress},
};
use quorate_domain::{
    ClusterId, MemberId, Problem, ProblemKind,
    cluster::{ClusterRecord, ClusterView, MemberRole, MemberView},
};
use quorate_etcd::{EtcdError, MemberClient};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

/// How long a member has to prove that it is there, before it is chosen.
const PROBE: Duration = Duration::from_secs(2);
/// How long an election is given before another member is asked.
pub(super) const ELECTING: Duration = Duration::from_millis(600);
/// How many members are tried for one choice.
const TRIES: usize = 3;

/// The client of one member, as it is used for keys. Clones are the same.
#[derive(Clone)]
pub(crate) struct KeyClient {
    client: MemberClient,
    gone: Arc<AtomicBool>,
}

impl KeyClient {
    /// Of a member that is not one of a cluster's.
    pub(crate) fn of(client: MemberClient) -> Self {
        Self { client, gone: Arc::default() }
    }

    /// The member.
    pub(crate) fn member(&self) -> &MemberClient {
        &self.client
    }

    /// Says that it did not answer: another member is chosen next, and this one is dialled anew.
    pub(crate) fn silent(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

/// What was dialled, and which member each cluster's keys come from.
#[derive(Default)]
pub(super) struct Clients(Mutex<BTreeMap<ClusterId, Lines>>);

#[derive(Default)]
struct Lines {
    /// With the URL that was dialled.
    dialled: BTreeMap<MemberId, (String, KeyClient)>,
    chosen: Option<MemberId>,
}

impl Clients {
    pub(super) fn forget(&self, cluster: &ClusterId) {
        self.lines().remove(cluster);
    }

    /// The one to go on with, and the one not to begin with.
    fn chosen(&self, view: &ClusterView) -> (Option<KeyClient>, Option<MemberId>) {
        let lines = self.lines();
        let Some((lines, id)) = lines.get(&view.id).and_then(|lines| Some((lines, lines.chosen?))) else {
            return (None, None);
        };
        let anybody = view.members.iter().any(|m| m.role == MemberRole::Voter && m.healthy());
        let still = |m: &&MemberView| m.id == id && m.role == MemberRole::Voter && (m.healthy() || !anybody);
        let client = view.members.iter().find(still).and_then(|member| lines.usable(member));
        let avoid = if client.is_none() { Some(id) } else { None };
        (client, avoid)
    }

    fn usable(&self, cluster: &ClusterId, member: &MemberView) -> Option<KeyClient> {
        self.lines().get(cluster)?.usable(member)
    }

    fn keep(&self, cluster: &ClusterId, member: MemberId, url: String, client: &KeyClient) {
        self.lines().entry(cluster.clone()).or_default().dialled.insert(member, (url, client.clone()));
    }

    fn choose(&self, cluster: &ClusterId, member: MemberId) {
        self.lines().entry(cluster.clone()).or_default().chosen = Some(member);
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<ClusterId, Lines>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn usable(&self, member: &MemberView) -> Option<KeyClient> {
        let (url, client) = self.dialled.get(&member.id)?;
        (member.client_urls.first() == Some(url) && !client.is_gone()).then(|| client.clone())
    }
}

/// Whom to try, best first: voters that answer, those that do not lead before the one that does, and `avoid` last.
fn candidates(view: &ClusterView, avoid: Option<MemberId>) -> Vec<&MemberView> {
    let mut voters: Vec<&MemberView> = view.members.iter().filter(|m| m.role == MemberRole::Voter).collect();
    voters.sort_by_key(|m| (Some(m.id) == avoid, !m.healthy(), m.silent(), Some(m.id) == view.leader));
    voters
}

impl Console {
    /// The newest view of a cluster.
    pub(crate) fn view_of(&self, cluster: &ClusterId) -> Result<Arc<ClusterView>, CoreError> {
        self.runtime()?.live.view(cluster).ok_or_else(|| CoreError::not_found("cluster", cluster))
    }

    pub(crate) async fn record_of(&self, cluster: &ClusterId) -> Result<ClusterRecord, CoreError> {
        self.0.store.cluster(cluster).await?.ok_or_else(|| CoreError::not_found("cluster", cluster))
    }

    /// What keys come from is called: a cluster, or an opened snapshot.
    pub(super) async fn keys_of(&self, cluster: &ClusterId) -> Result<String, CoreError> {
        match self.opened_source(cluster) {
            Some((name, _)) => Ok(name),
            None => Ok(self.record_of(cluster).await?.name),
        }
    }

    /// The member that the keys of `cluster` come from; another one after it was [`KeyClient::silent`].
    ///
    /// # Errors
    /// `NotFound`; `Unreachable` when no voter answers.
    pub(crate) async fn key_client(&self, cluster: &ClusterId) -> Result<KeyClient, CoreError> {
        if let Some(client) = self.runtime()?.throwaways.opened.client(cluster) {
            return client;
        }
        let view = self.view_of(cluster)?;
        let clients = &self.runtime()?.keys.clients;
        let (chosen, avoid) = clients.chosen(&view);
        if let Some(client) = chosen {
            return Ok(client);
        }
        let record = self.record_of(cluster).await?;
        let mut problems = Vec::new();
        for member in candidates(&view, avoid).into_iter().take(TRIES) {
            let problem = match self.key_line(&record, member).await {
                Ok(client) => match client.member().status(PROBE).await {
                    Err(error) if error.is_silence() => {
                        client.silent();
                        error.to_string()
                    }
                    // Whoever refuses is there; what it is asked next says more.
                    _ => {
                        clients.choose(cluster, member.id);
                        return Ok(client);
                    }
                },
                Err(reason) => reason,
            };
            problems.push(format!("{}: {problem}", member.name));
        }
        Err(Problem::new(ProblemKind::Unreachable, format!("No member of {} answers", view.name))
            .with_detail(problems.join("; "))
            .into())
    }

    /// The client of one member, dialled once.
    pub(super) async fn key_line(&self, record: &ClusterRecord, member: &MemberView) -> Result<KeyClient, String> {
        let clients = &self.runtime().map_err(|error| error.to_string())?.keys.clients;
        if let Some(client) = clients.usable(&record.id, member) {
            return Ok(client);
        }
        let (name, host, client_urls) = (member.name.clone(), member.host.clone(), member.client_urls.clone());
        let url = client_urls.first().cloned().ok_or("it has not started yet, so it has no client URL")?;
        let (console, known) = (self.clone(), record.clone());
        // Whoever asks may give up: the way is opened all the same, and is there the next time.
        let opening =
            tokio::spawn(async move { console.endpoint(&known, &MemberAddress { name, host, client_urls }).await });
        let endpoint = opening.await.map_err(|e| format!("the way to it broke: {e}"))??;
        let client = MemberClient::connect(&endpoint).map_err(|e| e.to_string())?;
        let client = KeyClient::of(client);
        clients.keep(&record.id, member.id, url, &client);
        Ok(client)
    }

    /// Asks for something that changes nothing, and another member when one is silent or follows no leader.
    pub(super) async fn ask_for_keys<T>(
        &self,
        cluster: &ClusterId,
        ask: impl AsyncFnOnce(MemberClient) -> Result<T, EtcdError> + Clone,
    ) -> Result<T, CoreError> {
        Ok(self.ask_members(cluster, ask).await?)
    }

    /// The same, for whoever wants to know what etcd said.
    pub(super) async fn ask_members<T>(
        &self,
        cluster: &ClusterId,
        ask: impl AsyncFnOnce(MemberClient) -> Result<T, EtcdError> + Clone,
    ) -> Result<T, Unread> {
        let mut tries = 1;
        loop {
            let client = self.key_client(cluster).await.map_err(Unread::Console)?;
            match ask.clone()(client.member().clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    let elsewhere = error.is_silence() || matches!(error, EtcdError::NoLeader);
                    if elsewhere {
                        client.silent();
                    }
                    if !elsewhere || tries == TRIES {
                        return Err(Unread::Etcd(error));
                    }
                    if matches!(error, EtcdError::NoLeader) {
                        sleep(ELECTING).await;
                    }
                    tries += 1;
                }
            }
        }
    }
}

/// What a person is told when a member did not do what was asked about keys.
pub(crate) fn key_problem(error: EtcdError) -> CoreError {
    use ProblemKind::{Conflict, Forbidden, Invalid, Unreachable};
    let said = error.to_string();
    let problem = |kind, title: &str, detail: &str| Problem::new(kind, title).with_detail(detail);
    let problem = if error.is_compacted() {
        problem(
            Conflict,
            "etcd does not keep this revision any more: it was compacted",
            "Look at the key as it is now, or at a newer revision.",
        )
    } else if error.is_out_of_space() {
        problem(
            Conflict,
            "The database is full: etcd takes deletes only until space was made",
            "Compact, defragment every member, and clear the alarm NOSPACE; or raise the quota.",
        )
    } else if error.is_denied() {
        problem(
            Forbidden,
            "etcd does not let the console's user do this with these keys",
            "Grant the range to a role of that user in etcd, or choose keys that it may use.",
        )
    } else if error.is_too_large() {
        problem(
            Invalid,
            "etcd refuses a request of this size: it takes 1.5 MiB unless --max-request-bytes says otherwise",
            "Nothing was changed. Give the members a larger limit, or keep less in one key.",
        )
    } else if error.is_lease_gone() {
        problem(
            Conflict,
            "This lease has ended, or never was: choose another one, or none",
            "Keys of a lease that has ended are gone; nothing was changed now.",
        )
    } else if error.is_ahead() {
        Problem::field("revision", "The cluster has not come to this revision yet")
    } else {
        match error {
            EtcdError::NoLeader | EtcdError::NoMajority { .. } => problem(
                Unreachable,
                "The cluster has no leader that a majority follows: it can neither read nor write now",
                &format!("Try again in a few seconds; if it stays so, see which members answer ({said})."),
            ),
            EtcdError::Unreachable { .. } | EtcdError::Deadline { .. } | EtcdError::BadUrl { .. } => {
                problem(Unreachable, "The member that was asked does not answer", &format!("{said}. Try again."))
            }
            EtcdError::Refused { .. } | EtcdError::Malformed(_) => {
                problem(Unreachable, "etcd did not do what it was asked", &said)
            }
        }
    };
    problem.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::sample::{self, view};
    use quorate_domain::{Timestamp, cluster::Reachability};
    use tonic::{Code, Status};

    fn member(id: u64, role: MemberRole, answers: bool) -> MemberView {
        let silent = Reachability::Unreachable { since: Timestamp(1), reason: "connection refused".into() };
        MemberView {
            role,
            reachability: if answers { Reachability::Answering } else { silent },
            last_seen: None,
            ..sample::member(id, 10_000)
        }
    }

    fn order(view: &ClusterView, avoid: Option<u64>) -> Vec<u64> {
        candidates(view, avoid.map(MemberId)).iter().map(|m| m.id.0).collect()
    }

    #[test]
    fn followers_that_answer_come_first_and_learners_never() {
        use MemberRole::{Learner, Voter};
        let all = view(vec![
            member(1, Voter, true),
            member(2, Voter, false),
            member(3, Voter, true),
            member(4, Learner, true),
        ]);
        assert_eq!(order(&all, None), [3, 1, 2]);
        assert_eq!(order(&all, Some(3)), [1, 2, 3], "whoever was silent just now comes last");
    }

    #[tokio::test]
    async fn a_choice_holds_until_its_member_is_silent_or_moves() {
        let (clients, all) = (Clients::default(), view(vec![member(2, MemberRole::Voter, true)]));
        let endpoint = quorate_etcd::MemberEndpoint::direct("http://127.0.0.1:1");
        let client = KeyClient::of(MemberClient::connect(&endpoint).expect("a URL"));
        assert!(clients.chosen(&all).0.is_none());
        clients.keep(&all.id, MemberId(2), "http://10.0.0.2:2379".into(), &client);
        clients.choose(&all.id, MemberId(2));
        assert!(clients.chosen(&all).0.is_some());
        let mut moved = all.clone();
        moved.members[0].client_urls = vec!["http://10.0.0.9:2379".into()];
        assert!(clients.chosen(&moved).0.is_none());
        client.silent();
        let (chosen, avoid) = clients.chosen(&all);
        assert!(chosen.is_none() && avoid == Some(MemberId(2)));
    }

    fn told(code: Code, message: &str) -> Problem {
        match key_problem(EtcdError::from(Status::new(code, message))) {
            CoreError::Problem(problem) => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_etcd_refuses_is_told_with_what_to_do() {
        let compacted = told(Code::OutOfRange, "etcdserver: mvcc: required revision has been compacted");
        assert_eq!(compacted.kind, ProblemKind::Conflict);
        let full = told(Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded");
        assert!(full.kind == ProblemKind::Conflict && full.title.contains("deletes only"), "{full:?}");
        assert_eq!(told(Code::PermissionDenied, "etcdserver: permission denied").kind, ProblemKind::Forbidden);
        assert_eq!(told(Code::InvalidArgument, "etcdserver: request is too large").kind, ProblemKind::Invalid);
        assert_eq!(told(Code::NotFound, "etcdserver: requested lease not found").kind, ProblemKind::Conflict);
        assert!(
            told(Code::OutOfRange, "etcdserver: mvcc: required revision is a future revision")
                .message_for("revision")
                .is_some()
        );
        assert_eq!(told(Code::Unavailable, "etcdserver: no leader").kind, ProblemKind::Unreachable);
    }
}
