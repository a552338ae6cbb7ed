//! Leases of a cluster: how long each has, and which keys go with it. Invariant: what a revoke takes away is shown before it is
//! done, and is typed when it is much.

use super::detail::ttl_words;
use crate::{
    clock::Clock,
    components::{
        button::{Button, Look},
        copy::copy_id,
        dialog::open_while,
        empty::empty_state,
        field::Field,
        keyed::keyed,
        load::load,
        problem::ProblemBox,
        sure::Sure,
        task::Task,
        toast::Toasts,
    },
    data::{Boxed, Data, memo},
    format,
    pages::{
        cluster::{gone, head as cluster_head, seeded},
        no_such, path_id,
    },
    routes, rpc,
    session::Session,
};
use leptos::{ev, prelude::*};
use quorate_domain::{
    Action, ClusterId, LeaseId, Problem, Timestamp,
    keys::{GrantLease, Key, Lease},
};

/// More keys than this, and their number has to be typed before they go.
const FEW: u64 = 10;
/// Seconds that etcd takes at most for a lease.
const TTL_MAX: i64 = 9_000_000_000;

/// A lease, and when it was asked for.
#[derive(Clone, PartialEq)]
struct Asked {
    lease: Lease,
    at: Timestamp,
}

#[derive(Clone, Copy)]
struct Leased {
    cluster: StoredValue<ClusterId>,
    all: RwSignal<Vec<Asked>>,
    clock: Clock,
    revoking: RwSignal<Option<Lease>>,
    task: Task,
}

impl Leased {
    fn now(self) -> Timestamp {
        let clock = self.clock;
        untrack(move || clock.now())
    }

    fn put(self, lease: Lease) {
        let at = self.now();
        let _ = self.all.try_update(|all| match all.iter_mut().find(|known| known.lease.id == lease.id) {
            Some(known) => *known = Asked { lease, at },
            None => all.insert(0, Asked { lease, at }),
        });
    }

    fn read(self) {
        self.task.run(move || async move {
            let leases = rpc::keys::leases(self.cluster.get_value()).await?;
            let at = self.now();
            let _ = self.all.try_set(leases.into_iter().map(|lease| Asked { lease, at }).collect());
            Ok(())
        });
    }
}

/// The page.
#[component]
pub(crate) fn Leases() -> AnyView {
    let data = Data::keyed(path_id(), |id| async move {
        let id: ClusterId = id.parse().map_err(|_| no_such("cluster"))?;
        let page = rpc::clusters::cluster(id.clone()).await?;
        Ok((page, rpc::keys::leases(id).await))
    });
    load(data, |(page, leases)| {
        let id = page.view.id.clone();
        let Some(view) = seeded(page) else { return gone() };
        view! {
            {cluster_head(view)}
            {panel(id, leases.map_err(|error| error.0))}
        }
        .boxed()
    })
}

fn panel(cluster: ClusterId, leases: Result<Vec<Lease>, Problem>) -> AnyView {
    let leased = Leased {
        cluster: StoredValue::new(cluster),
        all: RwSignal::new(Vec::new()),
        clock: Clock::get(),
        revoking: RwSignal::new(None),
        task: Task::new(),
    };
    match leases {
        Ok(leases) => {
            let at = leased.now();
            leased.all.set(leases.into_iter().map(|lease| Asked { lease, at }).collect());
        }
        Err(problem) => leased.task.problem.set(Some(problem)),
    }
    let session = Session::get();
    let (write, delete) = (session.may(Action::WriteKeys), session.may(Action::DeleteKeys));
    let again = Callback::new(move |()| leased.read());
    let none = move || {
        let nothing = leased.all.with(Vec::is_empty) && leased.task.problem.with(Option::is_none);
        nothing
            .then(|| empty_state("No leases", "Keys with a lease go away by themselves when it ends.", ().into_any()))
    };
    let heading = move || format::plural(leased.all.with(Vec::len), "lease");
    view! {
        <section class="panel" aria-label="Leases">
            <div class="panel-head">
                <h2>{move || heading()}</h2>
                <div class="page-actions"><Button label="Read again" busy=leased.task.busy on_press=again/></div>
            </div>
            <ProblemBox problem=leased.task.problem/>
            {write.then(|| grant(leased))}
            {move || none()}
            <ul class="leases">
                {keyed(
                    move || leased.all.get(),
                    |asked: &Asked| format!("{} {} {}", asked.lease.id, asked.at.0, asked.lease.keys.len()),
                    move |asked| lease_view(leased, asked, write, delete),
                )}
            </ul>
        </section>
        {revoke(leased)}
    }
    .boxed()
}

fn grant(leased: Leased) -> AnyView {
    let seconds = RwSignal::new(String::new());
    let task = Task::new();
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        match ttl(&seconds.get_untracked()) {
            Err(problem) => task.problem.set(Some(problem)),
            Ok(ttl) => task.run(move || async move {
                let lease = rpc::keys::grant_lease(leased.cluster.get_value(), GrantLease { ttl }).await?;
                let _ = seconds.try_set(String::new());
                leased.put(lease);
                Ok(())
            }),
        }
    };
    view! {
        <form class="watch-tools" on:submit=submit>
            <Field label="Seconds that a new lease lasts" name="ttl" value=seconds error=task.field("ttl")/>
            <Button label="Grant" submit=true busy=task.busy/>
        </form>
        <ProblemBox problem=task.general()/>
    }
    .into_any()
}

/// Seconds as they were typed.
fn ttl(text: &str) -> Result<i64, Problem> {
    let seconds = text.trim().parse::<i64>().ok().filter(|seconds| (1..=TTL_MAX).contains(seconds));
    seconds.ok_or_else(|| Problem::field("ttl", "Give a number of seconds from 1 to 9000000000"))
}

/// `27 s left of 30 s`.
fn left_words(asked: &Asked, now: Timestamp) -> String {
    let passed = i64::try_from(now.since(asked.at) / 1000).unwrap_or(i64::MAX);
    match asked.lease.ttl.saturating_sub(passed) {
        left if left > 0 => format!("{} left of {}", ttl_words(left), ttl_words(asked.lease.granted)),
        _ if asked.lease.ttl > 0 => "ends now, unless it is kept alive".to_owned(),
        _ => "has ended".to_owned(),
    }
}

fn lease_view(leased: Leased, asked: &Asked, write: bool, delete: bool) -> AnyView {
    let id = asked.lease.id;
    let timed = asked.clone();
    let clock = leased.clock;
    let left = memo(move || left_words(&timed, clock.now()));
    let task = Task::new();
    let alive = Callback::new(move |()| {
        task.run(move || async move {
            let lease = rpc::keys::keep_lease_alive(leased.cluster.get_value(), id).await?;
            // Its keys are in the list already, and the answer may have none.
            leased.put(lease);
            Ok(())
        });
    });
    let more = Callback::new(move |()| whole(leased, id, task, false));
    let end = Callback::new(move |()| whole(leased, id, task, true));
    let hidden = asked.lease.key_count.saturating_sub(asked.lease.keys.len() as u64);
    let more = (hidden > 0).then(|| {
        let label = format!("{} more", format::count(hidden));
        view! { <Button label=label look=Look::Bare busy=task.busy on_press=more/> }
    });
    view! {
        <li class="lease">
            <div class="lease-head">
                {copy_id(id.to_string())}
                <span>{move || left.get()}</span>
                <span class="muted">{format!("{} attached", key_words(asked.lease.key_count))}</span>
                <div class="form-actions">
                    {write.then(|| view! { <Button label="Keep alive once" busy=task.busy on_press=alive/> })}
                    {delete.then(|| view! { <Button label="Revoke…" look=Look::Danger busy=task.busy on_press=end/> })}
                </div>
            </div>
            <ul class="lease-keys">{links(leased, &asked.lease.keys)}</ul>
            {more}
            <ProblemBox problem=task.problem/>
        </li>
    }
    .boxed()
}

fn key_words(count: u64) -> String {
    if count == 1 { "1 key".to_owned() } else { format!("{} keys", format::count(count)) }
}

fn links(leased: Leased, keys: &[Key]) -> AnyView {
    let link = |key: &Key| {
        let href = leased.cluster.with_value(|cluster| routes::cluster_key(cluster, key));
        view! { <li><a href=href><bdi><code>{key.to_string()}</code></bdi></a></li> }.boxed()
    };
    keys.iter().map(link).collect_view().into_any()
}

/// Asks for a lease with more of its keys; to show them, or before it is revoked.
fn whole(leased: Leased, id: LeaseId, task: Task, revoke: bool) {
    task.run(move || async move {
        let lease = rpc::keys::lease(leased.cluster.get_value(), id).await?;
        if revoke {
            let _ = leased.revoking.try_set(Some(lease));
        } else {
            leased.put(lease);
        }
        Ok(())
    });
}

fn revoke(leased: Leased) -> AnyView {
    let open = open_while(leased.revoking);
    let (task, toasts) = (Task::new(), Toasts::get());
    let typed = RwSignal::new(String::new());
    Effect::new(move |_| {
        leased.revoking.track();
        typed.set(String::new());
    });
    let count = memo(move || leased.revoking.with(|lease| lease.as_ref().map_or(0, |lease| lease.key_count)));
    let wrong = Signal::derive(move || typed.with(|typed| !confirmed(count.get(), typed)));
    let go = Callback::new(move |()| {
        let Some((id, count)) = leased.revoking.with_untracked(|l| l.as_ref().map(|l| (l.id, l.key_count))) else {
            return;
        };
        task.run(move || async move {
            rpc::keys::revoke_lease(leased.cluster.get_value(), id).await?;
            toasts.say(format!("The lease {id} was revoked, and {} with it", key_words(count)));
            let _ = leased.all.try_update(|all| all.retain(|known| known.lease.id != id));
            let _ = open.try_set(false);
            Ok(())
        });
    });
    let content = move || leased.revoking.get().map(|lease| preview(leased, &lease, typed));
    view! {
        <Sure open=open title="Revoke a lease" yes="Revoke it" no="Leave it" task=task disabled=wrong on_yes=go>
            {move || content()}
        </Sure>
    }
    .into_any()
}

/// Whether enough was typed to end a lease of so many keys.
fn confirmed(count: u64, typed: &str) -> bool {
    count <= FEW || typed.trim().parse() == Ok(count)
}

/// What goes with a lease, and a field where much does.
fn preview(leased: Leased, lease: &Lease, typed: RwSignal<String>) -> AnyView {
    let (id, count) = (lease.id, lease.key_count);
    let words = match count {
        0 => "No key hangs on it.".to_owned(),
        count => format!("{} will be deleted with it. This cannot be taken back:", key_words(count)),
    };
    let rest = count.saturating_sub(lease.keys.len() as u64);
    let rest = (rest > 0).then(|| format!("and {} more", format::count(rest)));
    let field = (count > FEW).then(|| {
        view! { <Field label="Type the number of keys to go on" name="key_count" value=typed/> }
    });
    view! {
        <p>{format!("Lease {id}. {words}")}</p>
        <ul class="lease-keys lease-preview" tabindex="0" aria-label="Keys that go">{links(leased, &lease.keys)}</ul>
        <p class="muted">{rest}</p>
        {field}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_lease_ticks_down_and_never_below_nothing() {
        let lease = Lease { id: LeaseId(7), ttl: 27, granted: 90, keys: Vec::new(), key_count: 0 };
        let mut asked = Asked { lease, at: Timestamp(10_000) };
        assert_eq!(left_words(&asked, Timestamp(12_500)), "25 s left of 1 min 30 s");
        assert_eq!(left_words(&asked, Timestamp(99_000)), "ends now, unless it is kept alive");
        asked.lease.ttl = -1;
        assert_eq!(left_words(&asked, Timestamp(10_000)), "has ended");
    }

    #[test]
    fn many_keys_go_only_when_their_number_was_typed() {
        assert!(confirmed(10, ""));
        assert!(!confirmed(11, "") && !confirmed(11, "10"));
        assert!(confirmed(11, " 11 "));
    }

    #[test]
    fn a_ttl_is_a_number_that_etcd_takes() {
        assert_eq!(ttl(" 60 "), Ok(60));
        for wrong in ["", "0", "-1", "9000000001", "1 min"] {
            assert_eq!(ttl(wrong).expect_err("wrong").fields[0].field, "ttl", "{wrong:?}");
        }
    }
}
