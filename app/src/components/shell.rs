//! The frame around every page: rail, top bar, skip link, live regions. Invariant: it stays mounted while pages
//! change; pages that stand alone (login, set-up, invite) have no rail.

use super::{
    icon::Icon,
    menu::{Does, menu},
    palette::{Palette, PaletteDialog},
    reauth::{Reauth, ReauthDialog},
    toast::ToastList,
};
use crate::{
    data::{Boxed, memo},
    live::{Link, Live},
    navigate::Navigator,
    routes, rpc,
    session::Session,
};
use leptos::{html, prelude::*, task::spawn_local};
use leptos_router::hooks::use_location;
use quorate_domain::Action;

/// The frame.
#[component]
pub(crate) fn Frame(children: Children) -> AnyView {
    let path = use_location().pathname;
    let alone = memo(move || path.with(|path| routes::stands_alone(path)) || !Session::get().known());
    let session = Session::get();
    let main = NodeRef::<html::Main>::new();
    // A screen reader goes on from the new page, not from the link that led here.
    Effect::new(move |before: Option<String>| {
        let now = path.get();
        if before.is_some_and(|before| before != now)
            && let Some(main) = main.get_untracked()
        {
            let _ = main.focus();
        }
        now
    });
    Navigator::provide();
    let palette = Palette::provide();
    let reauth = Reauth::provide();
    view! {
        <a class="skip-link" href="#main" rel="external">"Skip to the content"</a>
        <div class="frame" class:frame-alone=move || alone.get()>
            {move || (!alone.get()).then(|| rail(path, palette))}
            <main id="main" class="main" tabindex="-1" node_ref=main>
                {move || session.ended().then(ended_note)}
                {children()}
            </main>
        </div>
        <ToastList/>
        <ReauthDialog reauth=reauth/>
        <PaletteDialog palette=palette/>
    }
    .boxed()
}

fn rail(path: Memo<String>, palette: Palette) -> AnyView {
    let live = Live::get();
    let session = Session::get();
    let entry = move |href: &'static str, icon: Icon, label: &'static str, count: Option<Signal<usize>>| {
        let here = move || path.with(|path| routes::is_below(href, path)).then_some("page");
        let count =
            move || count.map(|c| c.get()).filter(|n| *n > 0).map(|n| view! { <span class="rail-count">{n}</span> });
        view! {
            <li><a href=href class="rail-link" aria-current=here>{icon.view()}<span>{label}</span>{move || count()}</a></li>
        }
        .boxed()
    };
    let unfinished = Signal::derive(move || live.unfinished());
    view! {
        <header class="rail">
            <a class="rail-name" href=routes::FLEET>"Quorate"</a>
            <nav aria-label="Main">
                <ul class="rail-links">
                    {entry(routes::FLEET, Icon::Clusters, "Clusters", None)}
                    {entry(routes::HOSTS, Icon::Hosts, "Hosts", None)}
                    {entry(routes::OPERATIONS, Icon::Operations, "Operations", Some(unfinished))}
                    {entry(routes::BACKUPS, Icon::Backups, "Backups", None)}
                    {session.may(Action::ViewAudit).then(|| entry(routes::AUDIT, Icon::Audit, "Audit", None))}
                    {entry(routes::SETTINGS, Icon::Settings, "Settings", None)}
                </ul>
            </nav>
            <div class="rail-foot">
                <button type="button" class="button button-bare rail-search" aria-label="Go to" aria-keyshortcuts="Control+K" on:click=move |_| palette.show()>
                    {Icon::Search.view()}<span>"Go to"</span><kbd>"Ctrl K"</kbd>
                </button>
                {user_menu(session)}
                <p class="rail-state"><span>"v"{env!("CARGO_PKG_VERSION")}" · "</span>{link_state(live)}</p>
            </div>
        </header>
    }
    .boxed()
}

fn user_menu(session: Session) -> AnyView {
    let log_out = Callback::new(|()| {
        spawn_local(async move {
            let _ = rpc::access::log_out().await;
            crate::pages::leave_to(routes::LOGIN);
        });
    });
    let role = move || session.role().map(|role| role.to_string());
    let go = |path: &str| Does::Go(Signal::stored(path.to_owned()));
    let entries = vec![
        ("Own password", go(routes::SETTINGS)),
        ("API tokens", go(routes::TOKENS)),
        ("Log out", Does::Press(log_out)),
    ];
    let content = view! { <span>{move || session.name()}</span>" "<span class="muted">{move || role()}</span> };
    let button = ("button button-bare rail-user-name", content.into_any());
    view! {
        <div class="rail-user">
            {menu("Account", button, Signal::stored(String::new()), entries)}
            <noscript>
                <form method="post" action="/rpc/logout"><button type="submit" class="button">"Log out"</button></form>
            </noscript>
        </div>
    }
    .boxed()
}

fn ended_note() -> AnyView {
    view! {
        <div class="note tone-risk" role="alert">
            {Icon::Risk.view()}
            <p>"Your session ended; what you see is no longer kept up. "<a href=routes::LOGIN rel="external">"Log in again"</a></p>
        </div>
    }
    .boxed()
}

fn link_state(live: Live) -> AnyView {
    let words = move || match live.link() {
        Link::Off => ("link-off", "not live, reload to refresh"),
        Link::Connecting => ("link-off", "connecting"),
        Link::Live => ("link-live", "live"),
        Link::Lost => ("link-lost", "connection lost, trying again"),
        Link::Paused => ("link-off", "paused"),
        Link::Ended => ("link-lost", "session ended"),
        Link::Outdated => ("link-lost", "new version: reload the page"),
    };
    let words = memo(words);
    view! { <span role="status" class=move || words.get().0>{move || words.get().1}</span> }.boxed()
}
