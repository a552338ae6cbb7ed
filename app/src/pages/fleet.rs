//! All clusters: does anything need me? Invariant: worst first, in words; a silent member is named with its age.

use crate::{
    clock::Clock,
    components::{
        badge::{Tone, badge},
        button::{Look, link_button},
        empty::empty_state,
        load::load,
        table::{Cell, Column, DataTable, Row},
        time,
    },
    data::{Boxed, Data, memo},
    format,
    live::{Link, Live, stale_since},
    pages::{backups::standing, page_head},
    routes, rpc,
    session::Session,
};
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::{
    Action, ClusterId, Timestamp,
    cluster::{ClusterView, HealthLevel, Reachability},
    live::LiveMessage,
};

const COLUMNS: [Column; 9] = [
    Column::text("Name"),
    Column::text("Health"),
    Column::text("Leader"),
    Column::text("Version"),
    Column::number("DB / quota"),
    Column::number("Revision"),
    Column::text("Backup"),
    Column::text("Operation"),
    Column::number("Seen"),
];

/// Worst first, then by name.
pub(crate) fn worst_first(views: &mut Vec<ClusterView>) {
    crate::order::sort_by(views, |a, b| b.health().level.cmp(&a.health().level).then_with(|| a.name.cmp(&b.name)));
}

/// A cluster's health as shown: stale views say so instead of claiming anything.
pub(crate) fn health_cell(view: &ClusterView, stale: Option<Timestamp>) -> Cell {
    let health = view.health();
    match stale {
        Some(since) => {
            Cell::Badge { tone: Tone::Quiet, text: format!("Stale since {}: {}", since.to_utc_text(), health.text) }
        }
        None => Cell::Badge { tone: health.level.into(), text: health.text },
    }
}

/// The versions that members run, newest first; more than one during an upgrade.
pub(crate) fn versions(view: &ClusterView) -> String {
    let mut all: Vec<&str> =
        view.members.iter().filter_map(|m| m.status.as_ref()).map(|s| s.version.as_str()).collect();
    crate::order::sort_by_key(&mut all, |version| *version);
    all.dedup();
    all.reverse();
    all.join(", ")
}

/// The greatest revision that a member answered.
pub(crate) fn revision(view: &ClusterView) -> Option<u64> {
    view.members.iter().filter_map(|m| m.status.as_ref()).map(|s| s.revision.0).max()
}

fn db_cell(view: &ClusterView) -> Cell {
    let size = view.members.iter().filter_map(|m| m.status.as_ref()).map(|s| s.db_size.0).max();
    match (size, view.quota) {
        (Some(value), Some(quota)) => {
            let text = format!("{} / {}", format::bytes(value), format::bytes(quota.0));
            Cell::Meter { value, max: quota.0, text }
        }
        (Some(value), None) => Cell::Number { value, text: format::bytes(value) },
        (None, _) => Cell::Empty,
    }
}

fn row(view: &ClusterView, stale: Option<Timestamp>, backup: Cell) -> Row {
    let operation = view
        .operation
        .as_ref()
        .map_or(Cell::Empty, |id| Cell::Link { href: routes::operation(id), text: "in progress".into() });
    Row {
        key: view.id.to_string(),
        cells: vec![
            Cell::Link { href: routes::cluster(&view.id), text: view.name.clone() },
            health_cell(view, stale),
            view.leader_member().map_or(Cell::Empty, |m| Cell::Leader(m.name.clone())),
            Cell::text_or_dash(versions(view)),
            db_cell(view),
            revision(view).map_or(Cell::Empty, Cell::count),
            backup,
            operation,
            Cell::Age(view.taken_at),
        ],
    }
}

/// One line of what needs a person.
#[derive(Clone, Debug, PartialEq)]
struct Attention {
    href: String,
    name: String,
    said: Vec<(Tone, String)>,
    silent: Vec<(String, Timestamp)>,
}

/// Clusters that are not well first, then those whose backups are not.
fn attention(views: &[ClusterView], alarms: impl Fn(&ClusterId) -> Vec<(Tone, String)>) -> Vec<Attention> {
    let mut all = Vec::new();
    for view in views {
        let health = view.health();
        if !matches!(health.level, HealthLevel::AtRisk | HealthLevel::NoQuorum) {
            continue;
        }
        let silent = view.members.iter().filter_map(|member| match &member.reachability {
            Reachability::Unreachable { since, .. } => Some((member.name.clone(), *since)),
            Reachability::Answering => None,
        });
        all.push(Attention {
            href: routes::cluster(&view.id),
            name: view.name.clone(),
            said: vec![(health.level.into(), health.text)],
            silent: silent.collect(),
        });
    }
    for view in views {
        let said = alarms(&view.id);
        if !said.is_empty() {
            all.push(Attention {
                href: routes::cluster_backups(&view.id),
                name: view.name.clone(),
                said,
                silent: Vec::new(),
            });
        }
    }
    all
}

/// The page.
#[component]
pub(crate) fn Fleet() -> AnyView {
    let data = Data::new(|| async { Ok((rpc::clusters::fleet().await?, rpc::snapshots::backup_healths().await?)) });
    let install = Session::get().may(Action::RunDangerous);
    let actions = move || {
        install.then(|| {
            [
                link_button(Look::Plain, routes::ADOPT, "Adopt"),
                link_button(Look::Primary, routes::INSTALL, "Install a cluster"),
            ]
            .collect_view()
        })
    };
    view! {
        {page_head("Clusters", actions().into_any())}
        {load(data, |(views, backups)| {
            let live = Live::get();
            live.seed(views, true);
            live.backups().seed(backups);
            fleet()
        })}
    }
    .boxed()
}

fn fleet() -> AnyView {
    let live = Live::get();
    live.listen(Callback::new(move |message| {
        if matches!(message, LiveMessage::Hello { .. }) {
            spawn_local(async move {
                if let Ok(views) = rpc::clusters::fleet().await {
                    live.seed(views, true);
                }
            });
        }
    }));
    let clock = Clock::get();
    let sorted = memo(move || {
        let mut views = live.clusters();
        worst_first(&mut views);
        views
    });
    let rows = memo(move || {
        let (now, off) = (clock.now(), live.link() == Link::Off);
        let stale = |v: &ClusterView| if off { None } else { stale_since(v.taken_at, now, v.tick_millis) };
        let backup = |v: &ClusterView| standing::cell(live.backups().of(&v.id).as_ref(), now);
        sorted.with(|views| views.iter().map(|view| row(view, stale(view), backup(view))).collect::<Vec<_>>())
    });
    let none = memo(move || sorted.with(Vec::is_empty));
    let needs = memo(move || {
        let alarms = |id: &ClusterId| {
            live.backups().of(id).map(|health| standing::alarms(&health, clock.now())).unwrap_or_default()
        };
        sorted.with(|views| attention(views, alarms))
    });
    view! {
        <div aria-live="polite">
            {move || needs.with(|needs| (!needs.is_empty()).then(|| attention_panel(needs)))}
        </div>
        {move || if none.get() {
            nothing_yet()
        } else {
            view! { <DataTable caption="Clusters" columns=&COLUMNS rows=rows filter=true/> }.boxed()
        }}
    }
    .boxed()
}

fn attention_panel(needs: &[Attention]) -> AnyView {
    let lines = needs
        .iter()
        .map(|a| {
            let silent = a.silent.iter().map(|(name, since)| {
                view! { <span class="attention-silent">{name.clone()}" unreachable for "{time::age(*since)}</span> }
                    .boxed()
            });
            let said = a.said.iter().map(|(tone, text)| badge(*tone, text.clone()));
            view! {
                <li class="attention-line">
                    <a href=a.href.clone()>{a.name.clone()}</a>
                    {said.collect_view()}
                    {silent.collect_view()}
                </li>
            }
            .boxed()
        })
        .collect_view();
    view! { <section class="attention" aria-label="Needs attention"><h2>"Needs attention"</h2><ul>{lines}</ul></section> }
        .boxed()
}

fn nothing_yet() -> AnyView {
    let session = Session::get();
    let action = if session.may(Action::ManageHosts) {
        view! {
            <div class="form-actions">
                {link_button(Look::Primary, routes::INSTALL, "Install a cluster")}
                {link_button(Look::Plain, routes::ADD_HOSTS, "Add hosts")}
            </div>
        }
        .boxed()
    } else {
        ().into_any()
    };
    empty_state("No clusters yet", "Register the servers as hosts first, then install etcd on three of them.", action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn what_has_no_quorum_comes_before_what_is_at_risk() {
        let mut views = vec![
            sample::view("b", 3, 3),
            sample::view("a", 3, 3),
            sample::view("risk", 3, 2),
            sample::view("dead", 3, 1),
        ];
        worst_first(&mut views);
        assert_eq!(views.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), ["dead", "risk", "a", "b"]);
    }

    #[test]
    fn attention_names_the_silent_and_leaves_the_healthy_out() {
        let lines = attention(&[sample::view("fine", 3, 3), sample::view("risk", 3, 2)], |_| Vec::new());
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].silent, [("lab3".to_owned(), Timestamp(1_700_000_000_000))]);
        assert!(lines[0].said[0].1.starts_with("At risk: 2 of 3"));
    }

    #[test]
    fn backups_that_are_not_as_they_should_be_come_after_clusters_that_are_not() {
        let overdue = |_: &ClusterId| vec![(Tone::Bad, "Snapshot overdue".to_owned())];
        let lines = attention(&[sample::view("fine", 3, 3), sample::view("risk", 3, 2)], overdue);
        let said: Vec<(&str, bool)> = lines.iter().map(|a| (a.name.as_str(), a.href.ends_with("/backups"))).collect();
        assert_eq!(said, [("risk", false), ("fine", true), ("risk", true)]);
    }

    #[test]
    fn a_stale_view_claims_no_health() {
        let view = sample::view("demo", 3, 3);
        let Cell::Badge { tone, text } = health_cell(&view, Some(view.taken_at)) else { panic!("a badge") };
        assert_eq!(tone, Tone::Quiet);
        assert!(text.starts_with("Stale since 2023-11-14"), "{text}");
    }

    #[test]
    fn an_upgrade_shows_both_versions_newest_first() {
        let mut view = sample::view("demo", 3, 3);
        if let Some(status) = view.members[0].status.as_mut() {
            status.version = "3.5.30".into();
        }
        assert_eq!(versions(&view), "3.5.30, 3.5.16");
    }
}
