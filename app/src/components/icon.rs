//! Icons as inline SVG, 16 × 16, in the text's colour. Invariant: an icon never says something alone; a word stands
//! beside it, so it is hidden from screen readers.

use crate::data::Boxed;
use leptos::prelude::*;

/// The icons there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icon {
    Ok,
    Risk,
    Bad,
    Info,
    Quiet,
    Busy,
    Leader,
    Clusters,
    Hosts,
    Operations,
    Backups,
    Audit,
    Settings,
    Copy,
    Up,
    Down,
    Search,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Self::Ok => "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM5 8.2l2.1 2.1L11.2 6",
            Self::Risk => "M8 2 1.5 13.5h13L8 2Zm0 4.5v3.2m0 1.9v.2",
            Self::Bad => "M8 1.2 14.8 8 8 14.8 1.2 8 8 1.2Zm0 3.6v3.6m0 2.2v.2",
            Self::Info => "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM8 7.3v3.9M8 4.8V5",
            Self::Quiet => "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11Z",
            Self::Busy => "M8 1.5A6.5 6.5 0 1 1 1.5 8",
            Self::Leader => "M2 12.5h12M2.5 10 1.8 4.5 5 7l3-4.5L11 7l3.2-2.5-.7 5.5h-11Z",
            Self::Clusters => {
                "M8 2.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6Zm-4.5 8a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6Zm9 0a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6ZM7.1 5.6l-2.6 4.8m4.4-4.8 2.6 4.8M5.3 12h5.4"
            }
            Self::Hosts => "M2.5 2.5h11v4.2h-11V2.5Zm0 6.8h11v4.2h-11V9.3ZM5 4.6h.2M5 11.4h.2",
            Self::Operations => "M3 3.5h2M3 8h2M3 12.5h2M7.5 3.5H13M7.5 8H13M7.5 12.5H13",
            Self::Backups => "M2 2.5h12v3.4H2V2.5Zm1 3.4h10v7.6H3V5.9Zm3.4 2.7h3.2",
            Self::Audit => "M4 1.8h6l2.5 2.5v9.9H4V1.8Zm2 5h4.4M6 9.3h4.4M6 11.8h2.6",
            Self::Settings => {
                "M8 5.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4ZM8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2M3.4 3.4l1.4 1.4M11.2 11.2l1.4 1.4M12.6 3.4l-1.4 1.4M4.8 11.2l-1.4 1.4"
            }
            Self::Copy => "M5.5 5.5h8v8h-8v-8Zm-3 5v-8h8",
            Self::Up => "M4 9.5 8 5.5l4 4",
            Self::Down => "M4 6.5l4 4 4-4",
            Self::Search => "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9Zm3.3 7.8 3.4 3.4",
        }
    }

    fn class(self) -> &'static str {
        if self == Self::Busy { "icon icon-busy" } else { "icon" }
    }

    /// The SVG.
    pub(crate) fn view(self) -> AnyView {
        view! {
            <svg
                class=self.class()
                viewBox="0 0 16 16"
                width="16"
                height="16"
                fill="none"
                stroke="currentColor"
                stroke-width="1.5"
                stroke-linecap="round"
                stroke-linejoin="round"
                aria-hidden="true"
                focusable="false"
            >
                <path d=self.path()></path>
            </svg>
        }
        .boxed()
    }
}
