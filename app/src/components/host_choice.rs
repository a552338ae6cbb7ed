//! Choosing the hosts of members to be, with each one's name and address. Invariant: what cannot be chosen says why; whether a
//! choice is wise is said by whoever asks.

use super::{
    badge::{Tone, badge},
    keyed::keyed,
    task::Task,
};
use crate::{
    data::{Boxed, memo},
    pages::hosts::{as_shown, host_state, live_hosts},
};
use leptos::prelude::*;
use quorate_domain::{
    HostId,
    host::{Contact, HostSummary, Trust},
    install::InstallMember,
};

/// The hosts and what was chosen among them.
#[derive(Clone, Copy)]
pub(crate) struct HostChoice {
    /// All hosts, live.
    pub(crate) hosts: RwSignal<Vec<HostSummary>>,
    /// Chosen ones, in the order of choice.
    pub(crate) members: RwSignal<Vec<InstallMember>>,
    /// At most this many are chosen; a choice beyond it takes the place of the first.
    most: usize,
    /// This host may be chosen although it carries a cluster: the member on it goes first.
    freed: StoredValue<Option<HostId>>,
    task: Task,
}

impl HostChoice {
    /// Nothing chosen yet. Problems of `task` land at the fields.
    pub(crate) fn new(hosts: Vec<HostSummary>, task: Task, most: usize, freed: Option<HostId>) -> Self {
        Self {
            hosts: live_hosts(hosts),
            members: RwSignal::new(Vec::new()),
            most,
            freed: StoredValue::new(freed),
            task,
        }
    }

    /// The list; `legend` names it for those who cannot see it.
    pub(crate) fn view(self, legend: &'static str) -> AnyView {
        let error = self.task.field("members");
        view! {
            <fieldset class="choice-list">
                <legend class="sr-only">{legend}</legend>
                {keyed(move || self.hosts.get(), as_shown, move |host| self.line(host))}
            </fieldset>
            <p class="field-error" aria-live="polite">{move || error.get()}</p>
        }
        .boxed()
    }

    fn line(self, host: &HostSummary) -> AnyView {
        let members = self.members;
        let freed = self.freed.with_value(|freed| freed.as_ref() == Some(&host.id));
        let why = why_not(host, freed);
        let (tone, state) = match why {
            Some(why) => (Tone::Quiet, why.to_owned()),
            None => host_state(host),
        };
        let id = StoredValue::new(host.id.clone());
        let chosen = memo(move || members.with(|m| id.with_value(|id| m.iter().any(|m| m.host == *id))));
        let (name, most) = (host.name.clone(), self.most);
        let toggle = move |on: bool| {
            members.update(|m| {
                m.retain(|m| m.host != id.get_value());
                if on {
                    if m.len() >= most {
                        m.remove(0);
                    }
                    m.push(InstallMember { host: id.get_value(), name: name.clone(), address: String::new() });
                }
            });
        };
        let addresses = host.facts.as_ref().map(|f| f.addresses.clone()).unwrap_or_default();
        let own = host.address.clone();
        view! {
            <div class="choice" class:choice-on=move || chosen.get()>
                <label class="check-box">
                    <input
                        type="checkbox"
                        name="host"
                        value=host.id.to_string()
                        disabled=why.is_some()
                        prop:checked=move || chosen.get()
                        on:change=move |event| toggle(event_target_checked(&event))
                    />
                    <span class="choice-name">{host.name.clone()}</span>
                    <code class="muted">{host.target()}</code>
                </label>
                {badge(tone, state)}
                {move || chosen.get().then(|| self.member_fields(id.get_value(), own.clone(), addresses.clone()))}
            </div>
        }
        .boxed()
    }

    /// Member name and address of a chosen host.
    fn member_fields(self, host: HostId, own: String, addresses: Vec<String>) -> AnyView {
        let members = self.members;
        let host = StoredValue::new(host);
        let index = move || members.with(|m| host.with_value(|h| m.iter().position(|m| m.host == *h)));
        let get = move |part: fn(&InstallMember) -> String| {
            members
                .with_untracked(|m| host.with_value(|h| m.iter().find(|m| m.host == *h).map(part)))
                .unwrap_or_default()
        };
        let put = move |part: fn(&mut InstallMember) -> &mut String, text: String| {
            members.update(|m| {
                if let Some(member) = host.with_value(|h| m.iter_mut().find(|m| m.host == *h)) {
                    *part(member) = text;
                }
            });
        };
        let problem = self.task.problem;
        let error = move |part: &'static str| {
            let field = format!("members.{}.{part}", index()?);
            problem.with(|p| p.as_ref().and_then(|p| p.message_for(&field).map(str::to_owned)))
        };
        let options: Vec<AnyView> =
            addresses.into_iter().map(|a| view! { <option value=a></option> }.boxed()).collect();
        let list = host.with_value(|h| format!("addresses-{h}"));
        view! {
            <div class="choice-fields">
                <label>"Member name "
                    <input type="text" spellcheck="false" autocomplete="off" value=get(|m| m.name.clone())
                        on:input=move |event| put(|m| &mut m.name, event_target_value(&event))/>
                </label>
                <label>"Address "
                    <input type="text" spellcheck="false" autocomplete="off" placeholder=own list=list.clone() value=get(|m| m.address.clone())
                        on:input=move |event| put(|m| &mut m.address, event_target_value(&event))/>
                </label>
                <datalist id=list>{options}</datalist>
                <p class="field-error" aria-live="polite">{move || error("name")}" "{move || error("address")}</p>
            </div>
        }
        .boxed()
    }
}

/// Why a host cannot be chosen; none when it can.
pub(crate) fn why_not(host: &HostSummary, freed: bool) -> Option<&'static str> {
    match (&host.trust, &host.contact) {
        (Trust::Trusted { .. }, _) if host.operation.is_some() => Some("claimed by another operation"),
        (Trust::Trusted { .. }, _) if host.cluster.is_some() && !freed => Some("carries a cluster already"),
        (Trust::Trusted { .. }, Contact::Failed { .. }) => Some("did not answer at the last contact"),
        (Trust::Trusted { .. }, _) => None,
        (Trust::Waiting { .. }, _) => Some("its key waits to be trusted"),
        (Trust::Changed { .. }, _) => Some("its key changed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::{OperationId, Timestamp};

    #[test]
    fn a_host_that_cannot_be_chosen_says_why() {
        let mut host = sample::host(1);
        assert_eq!(why_not(&host, false), None);
        host.contact = Contact::Failed { at: Timestamp(0), reason: String::new() };
        assert!(why_not(&host, false).is_some());
        host.contact = Contact::Never;
        host.cluster = Some(quorate_domain::ClusterId::from_random([1; 10]));
        assert_eq!((why_not(&host, false).is_some(), why_not(&host, true)), (true, None));
        host.operation = Some(OperationId::from_random([1; 10]));
        assert_eq!(why_not(&host, false), Some("claimed by another operation"));
        host.trust = Trust::Waiting { offered: Vec::new() };
        assert_eq!(why_not(&host, false), Some("its key waits to be trusted"));
    }
}
