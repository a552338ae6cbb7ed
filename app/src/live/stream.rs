//! The one EventSource of a tab. Invariant: none is open while the tab is hidden (browsers allow six connections an
//! origin); what it carries is applied by `Live`, which needs no browser.

use super::{Link, Live, Watched};
use crate::{routes, rpc};
use leptos::{prelude::*, task::spawn_local};
use send_wrapper::SendWrapper;
use std::time::Duration;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventSource, MessageEvent, VisibilityState};

/// SSE event names: the `type` of each message.
pub(super) const EVENTS: [&str; 12] = [
    "hello",
    "cluster",
    "cluster_gone",
    "cluster_event",
    "operation",
    "output",
    "journal",
    "snapshot",
    "snapshot_gone",
    "keys",
    "host_changed",
    "goodbye",
];
/// Wait before a stream that the server refused is tried again.
const RETRY: Duration = Duration::from_secs(3);

/// An open stream; dropping it closes it.
pub(super) struct Stream {
    source: EventSource,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _error: Closure<dyn FnMut(Event)>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.source.set_onerror(None);
        self.source.close();
    }
}

/// Opens the stream and follows the tab's visibility from now on.
pub(super) fn start(live: Live) {
    let follow = Closure::<dyn FnMut()>::new(move || {
        if hidden() {
            live.stream.set_value(None);
            live.link.set(Link::Paused);
        } else {
            open(live);
        }
    });
    let _ = document().add_event_listener_with_callback("visibilitychange", follow.as_ref().unchecked_ref());
    // Lives as long as the tab.
    follow.forget();
    if !hidden() {
        open(live);
    }
}

fn hidden() -> bool {
    document().visibility_state() == VisibilityState::Hidden
}

/// Opens the stream anew, for what is watched now.
pub(super) fn open(live: Live) {
    if !live.session.present() || live.link.get_untracked() == Link::Ended {
        return;
    }
    live.stream.set_value(None);
    live.link.set(Link::Connecting);
    let url = live.watched.with_value(|watched| match watched {
        Some(Watched::Output(operation, after)) => format!("/events?operation={operation}&after={after}"),
        Some(Watched::Journals(cluster)) => format!("/events?journals={cluster}"),
        Some(Watched::Keys(cluster, prefix)) => {
            format!("/events?keys={cluster}&key_prefix={}", routes::escape(&prefix.to_string()))
        }
        None => "/events".to_owned(),
    });
    let Ok(source) = EventSource::new(&url) else { return retry(live) };
    let message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let parsed = event.data().as_string().and_then(|text| super::message::parse(&text));
        if let Some(message) = parsed {
            live.apply(message);
        }
    });
    for name in EVENTS {
        let _ = source.add_event_listener_with_callback(name, message.as_ref().unchecked_ref());
    }
    let closed = source.clone();
    let error = Closure::<dyn FnMut(Event)>::new(move |_| {
        live.link.set(Link::Lost);
        // A refused stream stays closed; a broken one is opened again by the browser.
        if closed.ready_state() == EventSource::CLOSED {
            retry(live);
        }
    });
    source.set_onerror(Some(error.as_ref().unchecked_ref()));
    live.stream.set_value(Some(SendWrapper::new(Stream { source, _message: message, _error: error })));
}

/// Tries again later, unless the session is what ended.
fn retry(live: Live) {
    set_timeout(
        move || {
            spawn_local(async move {
                match rpc::access::current_session().await {
                    Ok(None) => {
                        live.link.set(Link::Ended);
                        live.session.end();
                    }
                    _ if hidden() => live.link.set(Link::Paused),
                    _ => open(live),
                }
            });
        },
        RETRY,
    );
}
