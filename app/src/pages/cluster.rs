//! One cluster: is it healthy, who leads, what can I lose? Invariant: all that is shown here comes from one whole
//! view, live; only the events are a list that grows.

mod backups;
mod change;
mod config;
mod logs;
mod members;
mod no_quorum;
mod patroni;

pub(crate) use backups::Backups;
pub(crate) use config::Config;
pub(crate) use logs::Logs;

use crate::{
    clock::Clock,
    components::{
        badge::Tone,
        button::{Button, Look, link_button},
        facts::fact_list,
        field::Field,
        host_tasks::host_tasks,
        icon::Icon,
        load::load,
        problem::problem_page,
        sure::Sure,
        table::{Cell, Column, DataTable},
        task::Task,
        timeline::{Timeline, merge},
        toast::Toasts,
    },
    data::{Boxed, Data, memo},
    live::{ClusterSignal, Link, Live, stale_since},
    navigate::Navigator,
    pages::{backups::standing, fleet, no_such, operations::operation_rows, path_id, tab_title},
    routes, rpc,
    rpc::clusters::ClusterPage,
    session::Session,
};
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::{
    Action, ClusterId, HostId,
    cluster::{ClusterEvent, ClusterView, Reach, Scheme},
    host_task::HostTask,
    live::LiveMessage,
};

/// Events kept on the page.
const EVENTS_KEPT: usize = 200;

/// The overview.
#[component]
pub(crate) fn Overview() -> AnyView {
    let id = path_id();
    let data =
        Data::keyed(id, |id| async move { rpc::clusters::cluster(id.parse().map_err(|_| no_such("cluster"))?).await });
    load(data, overview)
}

/// The cluster's operations.
#[component]
pub(crate) fn Operations() -> AnyView {
    let id = path_id();
    let data = Data::keyed(id, |id| async move {
        let id: ClusterId = id.parse().map_err(|_| no_such("cluster"))?;
        let page = rpc::clusters::cluster(id.clone()).await?;
        Ok((page, rpc::operations::operations(Some(id)).await?))
    });
    load(data, |(page, operations)| {
        let Some(view) = seeded(page) else { return gone() };
        view! {
            {head(view)}
            {operation_rows(operations)}
        }
        .boxed()
    })
}

/// A page that shows `content` of a cluster below its head.
fn below_head(content: fn(ClusterSignal) -> AnyView) -> AnyView {
    let data = Data::keyed(path_id(), |id| async move {
        rpc::clusters::cluster(id.parse().map_err(|_| no_such("cluster"))?).await
    });
    load(data, move |page| {
        let Some(view) = seeded(page) else { return gone() };
        view! {
            {head(view.clone())}
            {content(view)}
        }
        .boxed()
    })
}

/// The live signal of a cluster that a page was rendered with; how its backups stand is known from then on, too.
pub(super) fn seeded(page: ClusterPage) -> Option<ClusterSignal> {
    let live = Live::get();
    let id = page.view.id.clone();
    live.backups().seed(vec![(id.clone(), page.backups)]);
    live.seed(vec![page.view], false);
    live.cluster(&id)
}

/// Instead of a cluster that nobody knows.
pub(super) fn gone() -> AnyView {
    problem_page(&no_such("cluster").0)
}

fn overview(page: ClusterPage) -> AnyView {
    let id = page.view.id.clone();
    let (events, tasks) = (RwSignal::new(page.events.clone()), RwSignal::new(page.tasks.clone()));
    let Some(view) = seeded(page) else { return gone() };
    let wanted = id.clone();
    let again = reread_tasks(id.clone(), tasks);
    let (navigator, toasts) = (Navigator::get(), Toasts::get());
    Live::get().listen(Callback::new(move |message| match message {
        LiveMessage::ClusterEvent { event } if event.cluster == wanted => {
            events.update(|events| merge(events, event, EVENTS_KEPT));
        }
        LiveMessage::ClusterGone { cluster } if cluster == wanted => {
            toasts.say("This cluster was forgotten; its members go on");
            navigator.go(routes::FLEET);
        }
        // A task changes with its host; a new one comes with the operation that left it.
        LiveMessage::HostChanged { host } if is_of(tasks, &host) => {
            again.try_run(());
        }
        LiveMessage::Operation { summary, .. }
            if summary.cluster.as_ref() == Some(&wanted) && !summary.state.active() =>
        {
            again.try_run(());
        }
        LiveMessage::Hello { .. } => {
            missed(events, wanted.clone());
            again.try_run(());
        }
        _ => {}
    }));
    let session = Session::get();
    let (guarded, dangerous) = (session.may(Action::RunGuarded), session.may(Action::RunDangerous));
    let rows = {
        let view = view.clone();
        memo(move || view.with(|view| members::rows(view, guarded)))
    };
    let chosen = RwSignal::new(None);
    let change = Callback::new(move |(member, _)| chosen.set(Some(member)));
    let columns: &'static [Column] = if guarded { &members::WITH_CHANGE } else { &members::COLUMNS };
    let actions = dangerous.then(|| {
        view! {
            {link_button(Look::Plain, routes::change(&id, "rolling_restart", None), "Rolling restart")}
            {link_button(Look::Plain, routes::shrink(&id), "Shrink…")}
            {link_button(Look::Primary, routes::add_member(&id), "Add members")}
        }
        .into_any()
    });
    let http = {
        let view = view.clone();
        memo(move || view.with(|v| v.scheme == Scheme::Http))
    };
    view! {
        {head(view.clone())}
        {no_quorum::note(view.clone(), dangerous)}
        {host_tasks(memo(move || tasks.get()), again)}
        <section class="panel" aria-label="Members">
            <div class="panel-head">
                <h2>"Members"</h2>
                <div class="page-actions">{actions}</div>
            </div>
            <DataTable caption="Members" columns=columns rows=rows on_action=change/>
        </section>
        {change::dialog(view.clone(), chosen)}
        {patroni::panel(id.clone())}
        <div class="columns">
            <section class="panel" aria-label="Timeline">
                <h2>"Timeline"</h2>
                <Timeline events=events/>
                <Older events=events id=id.clone()/>
            </section>
            <section class="panel" aria-label="About">
                <h2>"About"</h2>
                {about(view.clone())}
                {move || http.get().then(http_note)}
                {dangerous.then(|| link_button(Look::Bare, routes::change(&id, "uninstall_cluster", None), "Uninstall cluster…"))}
                <Forget view=view/>
            </section>
        </div>
    }
    .boxed()
}

/// Whether something is left to be done on `host`.
fn is_of(tasks: RwSignal<Vec<HostTask>>, host: &HostId) -> bool {
    tasks.try_with_untracked(|tasks| tasks.iter().any(|task| task.host == *host)) == Some(true)
}

/// Reads again what is left to be done on hosts.
fn reread_tasks(id: ClusterId, tasks: RwSignal<Vec<HostTask>>) -> Callback<()> {
    Callback::new(move |()| {
        let id = id.clone();
        spawn_local(async move {
            if let Ok(page) = rpc::clusters::cluster(id).await {
                let _ = tasks.try_set(page.tasks);
            }
        });
    })
}

/// Reads the newest events again: some may have come while there was no stream.
fn missed(events: RwSignal<Vec<ClusterEvent>>, id: ClusterId) {
    spawn_local(async move {
        if let Ok(newest) = rpc::clusters::cluster_events(id, None).await {
            let _ = events.try_update(|all| newest.into_iter().for_each(|event| merge(all, event, EVENTS_KEPT)));
        }
    });
}

fn http_note() -> AnyView {
    view! {
        <div class="note tone-risk">
            {Icon::Risk.view()}
            <p>"Plain http: whoever reaches the client or peer ports owns this cluster. Keep them closed to others."</p>
        </div>
    }
    .boxed()
}

/// Name, health in words, the few facts that come first, and the tabs.
pub(super) fn head(view: ClusterSignal) -> AnyView {
    let live = Live::get();
    let clock = Clock::get();
    let id = view.with_untracked(|v| v.id.clone());
    let title = view.clone();
    let name = view.clone();
    let operation = view.clone();
    let facts = view.clone();
    let health = memo(move || {
        let off = live.link() == Link::Off;
        view.with(|v| {
            fleet::health_cell(v, if off { None } else { stale_since(v.taken_at, clock.now(), v.tick_millis) })
        })
    });
    let backups = {
        let id = id.clone();
        memo(move || live.backups().of(&id))
    };
    let facts = memo(move || {
        let backups = backups.with(|b| b.as_ref().map(|b| format!(" · {}", standing::fact(b, clock.now()))));
        format!("{}{}", facts.with(header_facts), backups.unwrap_or_default())
    });
    let alarms =
        memo(move || backups.with(|b| b.as_ref().and_then(|b| standing::alarms(b, clock.now()).into_iter().next())));
    let operation = memo(move || operation.with(|v| v.operation.clone()));
    let path = leptos_router::hooks::use_location().pathname;
    let tab = move |href: String, label: &'static str| {
        let this = href.clone();
        let here = move || path.with(|path| *path == this).then_some("page");
        view! { <li><a class="tab" href=href aria-current=here>{label}</a></li> }.boxed()
    };
    view! {
        {tab_title(move || title.with(|v| v.name.clone()))}
        <header class="page-head cluster-head">
            <h1>{move || name.with(|v| v.name.clone())}</h1>
            <div class="cluster-health" role="status" aria-live="polite">{move || health.get().view()}</div>
            <p class="cluster-facts">{move || facts.get()}</p>
        </header>
        {move || operation.get().map(|id| view! {
            <a class="note tone-busy" href=routes::operation(&id)>{Icon::Busy.view()}<span>"An operation is in progress on this cluster"</span></a>
        })}
        {alarm(routes::cluster_backups(&id), path, alarms)}
        <nav aria-label="Cluster"><ul class="tabs">
            {tab(routes::cluster(&id), "Overview")}
            {Session::get().may(Action::ViewKeys).then(|| tab(routes::cluster_keys(&id), "Keys"))}
            {Session::get().may(Action::ViewKeys).then(|| tab(routes::cluster_leases(&id), "Leases"))}
            {tab(routes::cluster_backups(&id), "Backups")}
            {Session::get().may(Action::CheckHosts).then(|| tab(routes::cluster_config(&id), "Config"))}
            {Session::get().may(Action::CheckHosts).then(|| tab(routes::cluster_logs(&id), "Logs"))}
            {tab(routes::cluster_operations(&id), "Operations")}
        </ul></nav>
    }
    .boxed()
}

/// The worst news of the backups; their own page, which is at `href`, says more itself.
fn alarm(href: String, path: Memo<String>, alarms: Memo<Option<(Tone, String)>>) -> AnyView {
    let note = move || {
        let (tone, text) = alarms.get().filter(|_| path.with(|path| *path != href))?;
        let class = if tone == Tone::Bad { "note tone-bad" } else { "note tone-risk" };
        Some(view! { <a class=class href=href.clone()>{tone.icon().view()}<span>{text}</span></a> })
    };
    view! { <div role="status">{move || note()}</div> }.boxed()
}

/// `leader lab2 · 3.5.16 · rev 19 204 · can lose 1 more`.
fn header_facts(view: &ClusterView) -> String {
    let mut facts = Vec::new();
    facts.push(view.leader_member().map_or("no leader".to_owned(), |m| format!("leader {}", m.name)));
    let versions = fleet::versions(view);
    if !versions.is_empty() {
        facts.push(format!("etcd {versions}"));
    }
    if let Some(revision) = fleet::revision(view) {
        facts.push(format!("rev {}", crate::format::count(revision)));
    }
    if view.tolerance.has_quorum() {
        facts.push(match view.tolerance.can_lose() {
            0 => "can lose no more members".to_owned(),
            n => format!("can lose {n} more"),
        });
    }
    facts.join(" · ")
}

fn about(view: ClusterSignal) -> AnyView {
    let facts = memo(move || {
        view.with(|v| {
            vec![
                ("Cluster id", v.cluster_id_hex.clone().map_or(Cell::Empty, Cell::Id)),
                (
                    "Reached",
                    Cell::Text(match v.reach {
                        Reach::Direct => "directly".into(),
                        Reach::Ssh => "through SSH".into(),
                    }),
                ),
                ("Scheme", Cell::Text(v.scheme.as_str().into())),
                ("Quota", v.quota.map_or(Cell::Empty, |q| Cell::Text(crate::format::bytes(q.0)))),
                ("Alarms", Cell::Text(if v.alarms.is_empty() { "none".into() } else { v.alarms.join(", ") })),
                ("Asked every", Cell::Text(tick_words(v.tick_millis))),
                ("Console's id", Cell::Id(v.id.to_string())),
            ]
        })
    });
    view! { {move || fact_list(facts.get())} }.into_any()
}

fn tick_words(millis: u32) -> String {
    if millis < 1000 { format!("{millis} ms") } else { crate::format::duration(millis.into()) }
}

#[component]
fn Older(events: RwSignal<Vec<ClusterEvent>>, id: ClusterId) -> AnyView {
    let task = Task::new();
    let more = Callback::new(move |()| {
        let id = id.clone();
        task.run(move || {
            let id = id.clone();
            async move {
                let before = events.with_untracked(|e| e.last().map(|e| e.seq));
                let older = rpc::clusters::cluster_events(id, before).await?;
                events.update(|all| older.into_iter().for_each(|event| merge(all, event, EVENTS_KEPT)));
                Ok(())
            }
        });
    });
    let worth = move || events.with(|e| e.len() >= 50 && e.len() < EVENTS_KEPT);
    view! { {move || worth().then(|| view! { <Button label="Older" look=Look::Bare busy=task.busy on_press=more/> })} }
        .into_any()
}

#[component]
fn Forget(view: ClusterSignal) -> AnyView {
    if !Session::get().may(Action::ForgetClusters) {
        return ().into_any();
    }
    let open = RwSignal::new(false);
    let typed = RwSignal::new(String::new());
    let task = Task::new();
    let toasts = Toasts::get();
    let live = Live::get();
    let navigator = Navigator::get();
    let (id, name) = view.with_untracked(|v| (v.id.clone(), v.name.clone()));
    let wrong = {
        let name = name.clone();
        Signal::derive(move || typed.with(|t| t.trim() != name))
    };
    let forget = Callback::new(move |()| {
        let id = id.clone();
        task.run(move || {
            let id = id.clone();
            async move {
                rpc::clusters::forget_cluster(id).await?;
                // The stream says so as well, here and in every other tab.
                if live.quiet() {
                    toasts.say("The cluster was forgotten; its members go on");
                    navigator.go(routes::FLEET);
                }
                Ok(())
            }
        });
    });
    let shown = name.clone();
    view! {
        <Button label="Forget cluster…" look=Look::Bare on_press=Callback::new(move |()| open.set(true))/>
        <Sure open=open title=format!("Forget {name}?") yes="Forget" task=task disabled=wrong on_yes=forget>
            <p>"The console stops watching it, and drops the rules for its keys. Hosts, members and data are not touched."</p>
            <p>"To go on, type "<strong>{shown.clone()}</strong>"."</p>
            <Field label="Name" name="forget_name" value=typed/>
        </Sure>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_header_says_who_leads_and_what_can_be_lost() {
        assert_eq!(
            header_facts(&sample::view("demo", 3, 3)),
            "leader lab1 · etcd 3.5.16 · rev 19\u{202f}204 · can lose 1 more"
        );
        assert!(header_facts(&sample::view("demo", 3, 2)).ends_with("can lose no more members"));
        assert!(header_facts(&sample::view("demo", 3, 1)).starts_with("no leader"));
    }
}
