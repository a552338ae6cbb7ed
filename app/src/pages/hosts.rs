//! All hosts: which are ready, which wait for a person?

use crate::{
    components::{
        badge::Tone,
        button::{Look, link_button},
        empty::empty_state,
        keyed::keyed,
        load::load,
        table::{Cell, Column, DataTable, Row},
        trust,
    },
    data::{Boxed, Data, memo},
    format,
    live::Live,
    pages::page_head,
    routes, rpc,
    session::Session,
};
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::{
    Action, HostId, ProblemKind,
    host::{Contact, HostSummary, Trust},
    live::LiveMessage,
    plan::Verdict,
    preflight,
};

const COLUMNS: [Column; 7] = [
    Column::text("Name"),
    Column::text("State"),
    Column::text("System"),
    Column::text("Size"),
    Column::number("Disk sync"),
    Column::text("Carries"),
    Column::text("Checked"),
];

/// A host's state in words, worst weight first.
pub(crate) fn host_state(host: &HostSummary) -> (Tone, String) {
    match (&host.trust, &host.contact) {
        (Trust::Changed { .. }, _) => (Tone::Bad, "Host key changed: nothing is sent".into()),
        (Trust::Waiting { offered }, Contact::Failed { reason, .. }) if offered.is_empty() => {
            (Tone::Bad, format!("Not reached: {reason}"))
        }
        (Trust::Waiting { offered }, _) if offered.is_empty() => (Tone::Busy, "Key is being fetched".into()),
        (Trust::Waiting { .. }, _) => (Tone::Risk, "Key waits for you".into()),
        (_, Contact::Failed { reason, .. }) => (Tone::Bad, reason.clone()),
        (_, Contact::Never) => (Tone::Busy, "Not asked yet".into()),
        (_, Contact::Ok { .. }) => match &host.facts {
            None => (Tone::Busy, "Facts are being gathered".into()),
            Some(facts) => verdict_words(&preflight::host_checks(host, facts)),
        },
    }
}

fn verdict_words(checks: &[quorate_domain::plan::Check]) -> (Tone, String) {
    // Of several as bad the first: what runs on a host explains its ports.
    let worst = checks.iter().rev().max_by_key(|check| check.verdict);
    match worst {
        Some(check) if check.verdict != Verdict::Pass => {
            (check.verdict.into(), format!("{}: {}", format::words(&check.name), check.answer))
        }
        _ => (Tone::Ok, "Ready".into()),
    }
}

fn row(host: &HostSummary) -> Row {
    let (tone, text) = host_state(host);
    let facts = host.facts.as_ref();
    let carries = match (&host.operation, &host.cluster) {
        (Some(operation), _) => Cell::Link { href: routes::operation(operation), text: "operation in progress".into() },
        (None, Some(cluster)) => Cell::Link { href: routes::cluster(cluster), text: "a member".into() },
        (None, None) => Cell::Empty,
    };
    Row {
        key: host.id.to_string(),
        cells: vec![
            Cell::LinkNote { href: routes::host(&host.id), text: host.name.clone(), note: host.target() },
            Cell::Badge { tone, text },
            facts.map_or(Cell::Empty, |f| Cell::Text(f.os.clone())),
            facts.map_or(Cell::Empty, |f| {
                let text = format!("{} · {}", format::plural(f.cpus as usize, "CPU"), format::bytes(f.memory.0));
                Cell::Number { value: f.memory.0, text }
            }),
            facts.and_then(|f| f.disk.as_ref()).map_or(Cell::Empty, |d| Cell::Number {
                value: d.mean_micros.into(),
                text: format::millis(d.mean_micros),
            }),
            carries,
            facts.map_or(Cell::Empty, |f| Cell::Ago(f.taken_at)),
        ],
    }
}

/// Worst first, then by name as given.
fn order(hosts: &mut Vec<HostSummary>) {
    crate::order::sort_by_key(hosts, |host| std::cmp::Reverse(host_state(host).0));
}

/// The list, kept right by the stream: a changed host is read again.
pub(crate) fn live_hosts(hosts: Vec<HostSummary>) -> RwSignal<Vec<HostSummary>> {
    let all = RwSignal::new(hosts);
    Live::get().listen(Callback::new(move |message| match message {
        LiveMessage::HostChanged { host } => reread(all, host),
        LiveMessage::Hello { .. } => spawn_local(async move {
            if let Ok(hosts) = rpc::hosts::hosts().await {
                let _ = all.try_set(hosts);
            }
        }),
        _ => {}
    }));
    all
}

/// Reads one host again; one that is gone leaves the list.
pub(crate) fn reread(all: RwSignal<Vec<HostSummary>>, id: HostId) {
    spawn_local(async move {
        match rpc::hosts::host(id.clone()).await {
            Ok(page) => {
                let _ = all.try_update(|all| match all.iter_mut().find(|h| h.id == id) {
                    Some(known) => *known = page.host,
                    None => all.push(page.host),
                });
            }
            Err(error) if error.0.kind == ProblemKind::NotFound => {
                let _ = all.try_update(|all| all.retain(|h| h.id != id));
            }
            Err(_) => {}
        }
    });
}

/// Whatever a card or a line says of a host: it is made anew when this changes.
pub(crate) fn as_shown(host: &HostSummary) -> String {
    let (trust, keys) = match &host.trust {
        Trust::Trusted { keys } => ("trusted", keys),
        Trust::Waiting { offered } => ("waiting", offered),
        Trust::Changed { offered, .. } => ("changed", offered),
    };
    let (at, reason) = match &host.contact {
        Contact::Never => (0, ""),
        Contact::Ok { at } => (at.0, ""),
        Contact::Failed { at, reason } => (at.0, reason.as_str()),
    };
    let facts = host.facts.as_ref().map_or(0, |facts| facts.taken_at.0);
    let claims = [host.cluster.as_ref().map(ToString::to_string), host.operation.as_ref().map(ToString::to_string)];
    let mut words = vec![host.id.to_string(), host.name.clone(), host.target(), trust.into(), reason.into()];
    words.extend(keys.iter().map(|key| key.fingerprint.clone()));
    words.extend(claims.into_iter().map(Option::unwrap_or_default));
    words.extend([at, facts].map(|millis| millis.to_string()));
    words.join(" ")
}

/// The page.
#[component]
pub(crate) fn Hosts() -> AnyView {
    let data = Data::new(rpc::hosts::hosts);
    let may = Session::get().may(Action::ManageHosts);
    let add = may.then(|| link_button(Look::Primary, routes::ADD_HOSTS, "Add hosts"));
    view! {
        {page_head("Hosts", add.into_any())}
        {load(data, hosts)}
    }
    .boxed()
}

fn hosts(list: Vec<HostSummary>) -> AnyView {
    let all = live_hosts(list);
    let sorted = memo(move || {
        let mut hosts = all.get();
        order(&mut hosts);
        hosts
    });
    let rows = memo(move || sorted.with(|hosts| hosts.iter().map(row).collect::<Vec<_>>()));
    let waiting =
        memo(move || sorted.with(|hosts| hosts.iter().filter(|h| trust::waits(h)).cloned().collect::<Vec<_>>()));
    let none = memo(move || all.with(Vec::is_empty));
    let card = move |host: &HostSummary| {
        let id = host.id.clone();
        trust::trust_card(host, Callback::new(move |()| reread(all, id.clone())))
    };
    view! {
        <div class="trust-list" aria-live="polite">
            {keyed(move || waiting.get(), as_shown, card)}
        </div>
        {move || if none.get() {
            let action = Session::get().may(Action::ManageHosts).then(|| link_button(Look::Primary, routes::ADD_HOSTS, "Add hosts"));
            empty_state("No hosts yet", "Register the servers that will carry etcd; the console reaches them by SSH.", action.into_any())
        } else {
            view! { <DataTable caption="Hosts" columns=&COLUMNS rows=rows filter=true/> }.boxed()
        }}
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::{Timestamp, host::HostKey};

    fn key() -> HostKey {
        HostKey { algorithm: "ssh-ed25519".into(), fingerprint: "SHA256:x".into(), public_key: String::new() }
    }

    #[test]
    fn a_changed_key_weighs_more_than_one_that_waits() {
        let mut hosts = vec![sample::host(1), sample::host(2), sample::host(3)];
        hosts[1].trust = Trust::Waiting { offered: vec![key()] };
        hosts[2].trust = Trust::Changed { pinned: vec![key()], offered: vec![key()] };
        order(&mut hosts);
        assert_eq!(hosts.iter().map(|h| h.name.as_str()).collect::<Vec<_>>(), ["lab3", "lab2", "lab1"]);
    }

    #[test]
    fn the_first_of_the_worst_checks_is_said() {
        let check = |name: &str, verdict| quorate_domain::plan::Check {
            name: name.into(),
            subject: String::new(),
            verdict,
            answer: "x".into(),
            advice: String::new(),
        };
        let checks =
            [check("clock", Verdict::Warn), check("etcd_running", Verdict::Fail), check("port_2379", Verdict::Fail)];
        assert_eq!(verdict_words(&checks), (Verdict::Fail.into(), "etcd running: x".into()));
    }

    #[test]
    fn a_host_that_was_not_reached_says_why() {
        let mut host = sample::host(1);
        host.trust = Trust::Waiting { offered: Vec::new() };
        assert_eq!(host_state(&host).0, Tone::Busy);
        host.contact = Contact::Failed { at: Timestamp(0), reason: "connection refused".into() };
        assert_eq!(host_state(&host), (Tone::Bad, "Not reached: connection refused".into()));
    }
}
