//! What can be done with a member, and what each would leave, said before anything is chosen. Invariant: the verdicts are
//! `domain::quorum`'s on the view as it is shown; the plan and the step ask again.

use crate::{
    components::{button::Look, dialog::Dialog, icon::Icon},
    data::{Boxed, memo},
    live::ClusterSignal,
    routes,
    session::Session,
};
use leptos::prelude::*;
use quorate_domain::{
    Action, ClusterId, MemberId,
    cluster::{ClusterView, MemberRole, MemberView},
    quorum::Change,
};

/// One thing that can be done.
#[derive(Clone, Debug, PartialEq)]
struct Offer {
    kind: &'static str,
    label: &'static str,
    /// What it leaves, or why it is not possible.
    words: String,
    possible: bool,
    needs: Action,
}

/// What is offered for `member`, the likeliest first.
fn offers(view: &ClusterView, member: &MemberView) -> Vec<Offer> {
    let roster = view.roster();
    let offer = |kind, label, change: Change, needs| {
        let ruling = roster.judge(&change);
        let possible = ruling.refused.is_none();
        let words = ruling.words();
        Offer { kind, label, words: ruling.refused.unwrap_or(words), possible, needs }
    };
    let dangerous = Action::RunDangerous;
    let mut offers = Vec::new();
    let healthy = roster.members.iter().any(|m| m.id == member.id && m.healthy);
    if member.role == MemberRole::Learner {
        offers.push(offer("promote_member", "Promote", Change::Promote(member.id), Action::RunGuarded));
    } else if !healthy {
        let removed = offer("replace_member", "Replace", Change::Remove(member.id), dangerous);
        offers.push(removed);
    } else if view.leader != Some(member.id) {
        offers.push(offer("move_leader", "Give it the lead", Change::MoveLeader(member.id), Action::RunGuarded));
    }
    for (kind, label) in [("rolling_restart", "Restart"), ("update_member_urls", "Change addresses")] {
        // Addresses are read at the start only.
        let mut restart = offer(kind, label, Change::Restart(member.id), dangerous);
        if !restart.possible && roster.tolerance().voters <= 2 && roster.tolerance().has_quorum() {
            restart.possible = true;
            restart.words = "Writes stop until it is back: with one or two voters there is none to spare".into();
        }
        offers.push(restart);
    }
    offers.push(offer("remove_member", "Remove", Change::Remove(member.id), dangerous));
    offers
}

/// The member whose choices are open, by its id; none while the dialog is closed.
pub(super) type Chosen = RwSignal<Option<String>>;

/// The dialog of one member.
pub(super) fn dialog(view: ClusterSignal, chosen: Chosen) -> AnyView {
    let open = RwSignal::new(false);
    Effect::new(move |_| {
        if chosen.with(Option::is_some) {
            open.set(true);
        }
    });
    Effect::new(move |_| {
        if !open.get() {
            chosen.set(None);
        }
    });
    let shown = memo(move || {
        let id = chosen.get()?;
        view.with(|v| {
            let member = v.members.iter().find(|m| m.id.to_string() == id)?;
            Some((v.id.clone(), member.id, member.name.clone(), offers(v, member)))
        })
    });
    let title = Signal::derive(move || shown.with(|s| s.as_ref().map_or(String::new(), |s| format!("Change {}", s.2))));
    view! {
        <Dialog open=open title=title>
            {move || shown.get().map(|(cluster, member, _, offers)| list(&cluster, member, offers))}
        </Dialog>
    }
    .boxed()
}

fn list(cluster: &ClusterId, member: MemberId, offers: Vec<Offer>) -> AnyView {
    let session = Session::get();
    let lines = offers
        .into_iter()
        .filter(|offer| session.may(offer.needs))
        .map(|offer| {
            let button = if offer.possible {
                let href = routes::change(cluster, offer.kind, Some(member));
                view! { <a class=Look::Plain.class() href=href>{offer.label}</a> }.boxed()
            } else {
                view! { <span class="offer-not">{Icon::Risk.view()}{offer.label}</span> }.boxed()
            };
            view! { <li>{button}<p class="muted">{offer.words}</p></li> }.boxed()
        })
        .collect_view();
    view! { <ul class="offers">{lines}</ul> }.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn kinds(view: &ClusterView, i: usize) -> Vec<(&'static str, bool)> {
        offers(view, &view.members[i]).into_iter().map(|o| (o.kind, o.possible)).collect()
    }

    #[test]
    fn a_leader_a_follower_and_a_dead_member_are_offered_what_suits_them() {
        let view = sample::view("demo", 3, 2);
        let all = |first: &[(&'static str, bool)], others: bool| {
            let every = ["rolling_restart", "update_member_urls", "remove_member"].map(|kind| (kind, others));
            [first, &every].concat()
        };
        // With one of three down, the two that are left must stay.
        assert_eq!(kinds(&view, 0), all(&[], false));
        assert_eq!(kinds(&view, 1), all(&[("move_leader", true)], false));
        assert_eq!(kinds(&view, 2), all(&[("replace_member", true)], true));
        let whole = sample::view("demo", 3, 3);
        assert_eq!(kinds(&whole, 0), all(&[], true));
        assert_eq!(
            offers(&whole, &whole.members[0])[2].words,
            "3 of 3 alive, can lose 1; after this step 2 of 2 needed, none to spare"
        );
    }

    #[test]
    fn a_learner_may_get_its_vote() {
        let mut view = sample::view("demo", 3, 3);
        view.members[2].role = MemberRole::Learner;
        assert_eq!(kinds(&view, 2)[0], ("promote_member", true));
    }
}
