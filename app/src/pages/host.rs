//! One host: can it carry etcd, and if not, what to do? Invariant: a changed key or a failed contact is said before
//! any fact, because facts are older then.

use crate::{
    components::{
        badge::badge,
        button::{Button, Look},
        checks,
        facts::fact_list,
        host_tasks::host_tasks,
        icon::Icon,
        load::load,
        problem::ProblemBox,
        sure::Sure,
        table::Cell,
        task::Task,
        toast::Toasts,
        trust,
    },
    data::{Boxed, Data, memo},
    format,
    live::Live,
    navigate::Navigator,
    pages::{host_edit::EditDialog, hosts::host_state, no_such, path_id, tab_title},
    routes, rpc,
    rpc::hosts::HostPage,
    session::Session,
};
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::{
    Action,
    host::{Contact, Elevation, EtcdFacts, HostFacts, HostSummary},
    live::LiveMessage,
};

/// The page.
#[component]
pub(crate) fn Host() -> AnyView {
    let id = path_id();
    let data = Data::keyed(id, |id| async move { rpc::hosts::host(id.parse().map_err(|_| no_such("host"))?).await });
    load(data, page)
}

fn page(first: HostPage) -> AnyView {
    let id = first.host.id.clone();
    let page = RwSignal::new(first);
    let again = {
        let id = id.clone();
        Callback::new(move |()| {
            let id = id.clone();
            spawn_local(async move {
                if let Ok(new) = rpc::hosts::host(id).await {
                    let _ = page.try_set(new);
                }
            });
        })
    };
    let wanted = id.clone();
    Live::get().listen(Callback::new(move |message| {
        let changed = matches!(&message, LiveMessage::HostChanged { host } if *host == wanted);
        if changed || matches!(message, LiveMessage::Hello { .. }) {
            again.try_run(());
        }
    }));
    let host = memo(move || page.with(|p| p.host.clone()));
    let list = memo(move || page.with(|p| p.checks.clone()));
    let tasks = memo(move || page.with(|p| p.tasks.clone()));
    let state = move || {
        let (tone, text) = host.with(host_state);
        badge(tone, text)
    };
    view! {
        {tab_title(move || host.with(|h| h.name.clone()))}
        <header class="page-head">
            <h1>{move || host.with(|h| h.name.clone())}</h1>
            <div class="page-actions"><Actions host=host again=again/></div>
            <p class="host-line" role="status"><code>{move || host.with(HostSummary::target)}</code>" "{move || state()}</p>
        </header>
        {move || trust::trust_card(&host.get(), again)}
        {move || host.with(failed)}
        {host_tasks(tasks, again)}
        <div class="columns">
            <section class="panel" aria-label="Checks">
                <h2>"Checks"</h2>
                {move || list.with(|list| if list.is_empty() {
                    view! { <p class="muted">"They come with the facts, after the host is trusted and reached."</p> }.boxed()
                } else {
                    checks::check_list(list, false)
                })}
            </section>
            <section class="panel" aria-label="Facts">
                <h2>"Facts"</h2>
                {move || host.with(facts)}
            </section>
        </div>
    }
    .boxed()
}

fn failed(host: &HostSummary) -> Option<AnyView> {
    let Contact::Failed { reason, at } = &host.contact else { return None };
    if trust::waits(host) {
        return None;
    }
    let older = host.facts.is_some().then_some(" The facts below are from before.");
    Some(
        view! {
            <div class="note tone-bad" role="alert">
                {Icon::Bad.view()}
                <div><p class="note-title">{reason.clone()}</p><p>"Tried "{crate::components::time::ago(*at)}"."{older}</p></div>
            </div>
        }
        .boxed(),
    )
}

fn facts(host: &HostSummary) -> AnyView {
    let elevation = match host.elevation {
        Elevation::Root => "login is root".to_owned(),
        Elevation::Sudo => "sudo without a password".to_owned(),
        Elevation::SudoPassword if host.has_password => "sudo, password kept sealed".to_owned(),
        Elevation::SudoPassword => "sudo, password missing".to_owned(),
    };
    let mut list = vec![
        ("Root by", Cell::Text(elevation)),
        (
            "Carries",
            host.cluster.as_ref().map_or(Cell::Text("no cluster".into()), |id| Cell::Link {
                href: routes::cluster(id),
                text: "a member of a cluster".into(),
            }),
        ),
        ("Added", Cell::Ago(host.created_at)),
    ];
    if let Some(facts) = &host.facts {
        list.extend(machine(facts));
        list.extend(etcd(&facts.etcd));
    }
    fact_list(list)
}

fn machine(f: &HostFacts) -> Vec<(&'static str, Cell)> {
    let disk = f.disk.as_ref().map_or("not measured (etcd runs here, or no root yet)".to_owned(), |d| {
        format!(
            "mean {}, worst {} of {} synced 2 KiB writes for {}",
            format::millis(d.mean_micros),
            format::millis(d.max_micros),
            d.writes,
            d.dir
        )
    });
    let ports: Vec<String> = f
        .ports_in_use
        .iter()
        .map(|p| format!("{} ({})", p.port, p.process.as_deref().unwrap_or("unknown process")))
        .collect();
    vec![
        ("Checked", Cell::Ago(f.taken_at)),
        ("Hostname", Cell::Text(f.hostname.clone())),
        ("System", Cell::Text(f.os.clone())),
        ("Kernel", Cell::Text(format!("{} {}", f.kernel, f.machine))),
        ("systemd", Cell::Text(f.systemd.map_or("no".into(), |v| v.to_string()))),
        ("CPUs", Cell::Text(f.cpus.to_string())),
        ("Memory", Cell::Text(format::bytes(f.memory.0))),
        ("Addresses", Cell::Mono(f.addresses.join(" "))),
        ("Free for data", Cell::Text(format::bytes(f.data_free.0))),
        ("Free for binaries", Cell::Text(format::bytes(f.bin_free.0))),
        ("Disk sync", Cell::Text(disk)),
        ("Clock", Cell::Text(format!("{} ms against the console", f.clock_offset_millis))),
        ("SELinux", Cell::Text(f.selinux.clone())),
        ("Ports in use", Cell::Text(if ports.is_empty() { "none of etcd's".into() } else { ports.join(", ") })),
    ]
}

fn etcd(e: &EtcdFacts) -> Vec<(&'static str, Cell)> {
    let data = match (e.data_dir_exists, e.data_dir_has_member) {
        (_, true) => "holds member/ of an etcd",
        (true, _) => "there, empty of etcd",
        _ => "not there",
    };
    let mut unit = match &e.unit_active {
        Some(_) if e.unit_load.as_deref() == Some("masked") => "masked".to_owned(),
        None => "no unit".to_owned(),
        Some(active) if e.unit_enabled => format!("{active}, enabled"),
        Some(active) => format!("{active}, not enabled"),
    };
    let files: Vec<&str> = e.unit_path.iter().chain(&e.unit_drop_ins).map(String::as_str).collect();
    if !files.is_empty() {
        unit = format!("{unit}: {}", files.join(" "));
    }
    vec![
        ("etcd binary", Cell::Text(e.binary_version.map_or("none in /usr/bin".into(), |v| v.to_string()))),
        ("etcd unit", Cell::Text(unit)),
        ("etcd runs", Cell::Text(if e.running { "yes" } else { "no" }.into())),
        ("Data directory", Cell::Text(data.into())),
    ]
}

#[component]
fn Actions(host: Memo<HostSummary>, again: Callback<()>) -> AnyView {
    let session = Session::get();
    let toasts = Toasts::get();
    let task = Task::new();
    let (edit, forget) = (RwSignal::new(false), RwSignal::new(false));
    let id = host.with_untracked(|h| h.id.clone());
    let check = {
        let id = id.clone();
        Callback::new(move |()| {
            let id = id.clone();
            task.run(move || {
                let id = id.clone();
                async move {
                    let result = rpc::hosts::check_host(id).await;
                    again.try_run(());
                    result?;
                    toasts.say("Facts are fresh");
                    Ok(())
                }
            });
        })
    };
    let navigator = Navigator::get();
    let drop = Callback::new(move |()| {
        let id = id.clone();
        task.run(move || {
            let id = id.clone();
            async move {
                rpc::hosts::forget_host(id).await?;
                toasts.say("The host was forgotten; it was not touched");
                navigator.go(routes::HOSTS);
                Ok(())
            }
        });
    });
    let manage = session.may(Action::ManageHosts);
    view! {
        {session.may(Action::CheckHosts).then(|| view! { <Button label="Check now" look=Look::Primary busy=task.busy on_press=check/> })}
        {manage.then(|| view! {
            <Button label="Edit" on_press=Callback::new(move |()| edit.set(true))/>
            <Button label="Forget…" look=Look::Bare on_press=Callback::new(move |()| forget.set(true))/>
        })}
        <ProblemBox problem=task.problem/>
        <EditDialog open=edit host=host done=again/>
        <Sure open=forget title="Forget this host?" yes="Forget" task=task on_yes=drop>
            <p>"The console forgets its keys, facts and password. The host itself is not touched."</p>
        </Sure>
    }
    .boxed()
}
