//! A state in words, with an icon and a colour. Invariant: the word comes first and is enough by itself.

use super::icon::Icon;
use crate::data::Boxed;
use leptos::prelude::*;
use quorate_domain::{cluster::HealthLevel, operation::OperationState, plan::Verdict};

/// What a state means for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tone {
    Ok,
    Quiet,
    Info,
    Busy,
    Risk,
    Bad,
}

impl Tone {
    /// The icon that goes with it.
    pub(crate) fn icon(self) -> Icon {
        match self {
            Self::Ok => Icon::Ok,
            Self::Quiet => Icon::Quiet,
            Self::Info => Icon::Info,
            Self::Busy => Icon::Busy,
            Self::Risk => Icon::Risk,
            Self::Bad => Icon::Bad,
        }
    }

    /// The class that colours it.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Ok => "badge tone-ok",
            Self::Quiet => "badge tone-quiet",
            Self::Info => "badge tone-info",
            Self::Busy => "badge tone-busy",
            Self::Risk => "badge tone-risk",
            Self::Bad => "badge tone-bad",
        }
    }
}

impl From<HealthLevel> for Tone {
    fn from(level: HealthLevel) -> Self {
        match level {
            HealthLevel::Healthy => Self::Ok,
            HealthLevel::Unknown => Self::Quiet,
            HealthLevel::AtRisk => Self::Risk,
            HealthLevel::NoQuorum => Self::Bad,
        }
    }
}

impl From<Verdict> for Tone {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Ok,
            Verdict::Warn => Self::Risk,
            Verdict::Fail => Self::Bad,
        }
    }
}

impl From<OperationState> for Tone {
    fn from(state: OperationState) -> Self {
        match state {
            OperationState::Running | OperationState::Cancelling | OperationState::Undoing => Self::Busy,
            OperationState::Waiting => Self::Risk,
            OperationState::Stuck => Self::Bad,
            OperationState::Done => Self::Ok,
            OperationState::Unwound | OperationState::HandedOver => Self::Quiet,
        }
    }
}

/// The badge itself.
pub(crate) fn badge(tone: Tone, text: String) -> AnyView {
    view! { <span class=tone.class()>{tone.icon().view()}<span>{text}</span></span> }.boxed()
}
