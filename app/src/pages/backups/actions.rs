//! What can be done with a snapshot: a dialog with one line each, which says what it does, or why it is not possible. Invariant: what
//! cannot be taken back is asked once more; who may not do a thing is not offered it.

use crate::{
    components::{
        button::{Button, Look},
        dialog::{Dialog, open_while},
        icon::Icon,
        problem::ProblemBox,
        sure::Sure,
        task::Task,
        toast::Toasts,
    },
    data::{Boxed, memo},
    format, routes, rpc,
    session::Session,
};
use leptos::prelude::*;
use quorate_domain::{
    Action, SnapshotId,
    snapshots::{Snapshot, SnapshotState, Vault},
};

/// What an offer does.
#[derive(Clone, Debug, PartialEq)]
enum Does {
    /// It leads to a page.
    Go(String),
    /// It brings a file.
    Save(String),
    Drill,
    Protect(bool),
    Delete,
    /// It is not possible; the words say why.
    Nothing,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
struct Offer {
    label: &'static str,
    words: String,
    does: Does,
    needs: Action,
}

/// Whether the console can read what is in it.
fn readable(snapshot: &Snapshot, vault: Option<&Vault>) -> bool {
    !snapshot.encrypted || vault.is_some_and(|vault| vault.has_identity)
}

fn offers(snapshot: &Snapshot, vault: Option<&Vault>) -> Vec<Offer> {
    let mut all = Vec::new();
    let mut offer = |label, words: String, does, needs| all.push(Offer { label, words, does, needs });
    let opens = |does| if readable(snapshot, vault) { does } else { Does::Nothing };
    let or_sealed = |words: String| {
        if readable(snapshot, vault) {
            words
        } else {
            "It is encrypted, and the console keeps no identity that decrypts it: give one to its vault first".into()
        }
    };
    if snapshot.is_good() {
        let kind = if snapshot.encrypted { "encrypted with age" } else { "with every secret of its cluster" };
        let size = format::bytes(snapshot.bytes.0);
        let words = format!("{size}, {kind}; a download that breaks off goes on where it was");
        offer("Download", words, Does::Save(routes::snapshot_file(&snapshot.id)), Action::ReadSnapshots);
        let words = or_sealed("Browse and search its keys, read-only, and bring single ones back".into());
        offer("Open", words, opens(Does::Go(routes::snapshot_keys(&snapshot.id))), Action::ReadSnapshots);
        let words = or_sealed("Restores it into a throw-away etcd and compares keys and digest".into());
        offer("Drill", words, opens(Does::Drill), Action::TakeSnapshots);
        if let Some(cluster) = &snapshot.cluster {
            let words = or_sealed(format!("It takes the place of all data of {}: an outage", snapshot.cluster_name));
            let to = Does::Go(routes::restore_in_place(cluster, &snapshot.id));
            offer("Restore…", words, opens(to), Action::RunDangerous);
        }
        let words = or_sealed("On other hosts, with as many members as you like".into());
        let to = Does::Go(routes::restore_new(&snapshot.id));
        offer("To a new cluster…", words, opens(to), Action::RunDangerous);
    }
    if snapshot.state != SnapshotState::Taking {
        if snapshot.protected {
            let words = "Retention may drop it then, and people may delete it".into();
            offer("Unprotect", words, Does::Protect(false), Action::ManageSnapshots);
            let words = "It is protected; take that away first".into();
            offer("Delete…", words, Does::Nothing, Action::ManageSnapshots);
        } else {
            if snapshot.is_good() {
                let words = "Retention leaves it alone then, and nobody can delete it".into();
                offer("Protect", words, Does::Protect(true), Action::ManageSnapshots);
            }
            let words = "With everything that lies beside it in its vault, for good".into();
            offer("Delete…", words, Does::Delete, Action::ManageSnapshots);
        }
    }
    all
}

/// Whether there is anything that this user may do with it.
pub(super) fn any(snapshot: &Snapshot) -> bool {
    let session = Session::get();
    offers(snapshot, None).iter().any(|offer| session.may(offer.needs))
}

/// The state of the dialogs.
#[derive(Clone, Copy)]
pub(super) struct Actions {
    /// The snapshot whose dialog is open.
    pub(super) chosen: RwSignal<Option<SnapshotId>>,
    /// The one that is about to be deleted.
    deleting: RwSignal<Option<Snapshot>>,
    all: RwSignal<Vec<Snapshot>>,
    vaults: RwSignal<Vec<Vault>>,
    /// A request from the list of offers; deleting has one of its own.
    task: Task,
    toasts: Toasts,
}

impl Actions {
    /// For the snapshots of a list; what a request changed is changed there.
    pub(super) fn new(all: RwSignal<Vec<Snapshot>>, vaults: RwSignal<Vec<Vault>>) -> Self {
        let (chosen, deleting) = (RwSignal::new(None), RwSignal::new(None));
        Self { chosen, deleting, all, vaults, task: Task::new(), toasts: Toasts::get() }
    }

    /// Ends one that is being taken.
    pub(super) fn cancel(self, id: SnapshotId) {
        self.task.run(move || {
            let id = id.clone();
            async move {
                rpc::snapshots::cancel_snapshot(id).await?;
                self.toasts.say("The snapshot is being cancelled; nothing of it stays");
                Ok(())
            }
        });
    }

    /// The dialogs, and what went wrong outside of them.
    pub(super) fn view(self) -> AnyView {
        let open = open_while(self.chosen);
        let shown = memo(move || {
            let id = self.chosen.get()?;
            self.all.with(|all| all.iter().find(|snapshot| snapshot.id == id).cloned())
        });
        let title = Signal::derive(move || shown.with(|s| s.as_ref().map_or(String::new(), |s| s.name.clone())));
        let outside = Signal::derive(move || self.task.problem.get().filter(|_| !open.get()));
        view! {
            <ProblemBox problem=outside/>
            <Dialog open=open title=title>
                {move || shown.get().map(|snapshot| self.list(&snapshot))}
                <ProblemBox problem=self.task.problem/>
                <div class="form-actions">
                    <Button label="Close" on_press=Callback::new(move |()| self.chosen.set(None))/>
                </div>
            </Dialog>
            {self.sure()}
        }
        .boxed()
    }

    /// What can be done with one of them.
    pub(super) fn list(self, snapshot: &Snapshot) -> AnyView {
        let session = Session::get();
        let offers = self.vaults.with(|all| offers(snapshot, all.iter().find(|vault| vault.id == snapshot.vault)));
        let lines = offers
            .into_iter()
            .filter(|offer| session.may(offer.needs))
            .map(|offer| {
                let button = self.button(&offer, snapshot);
                view! { <li>{button}<p class="muted">{offer.words}</p></li> }.boxed()
            })
            .collect_view();
        view! { <ul class="offers">{lines}</ul> }.boxed()
    }

    fn button(self, offer: &Offer, snapshot: &Snapshot) -> AnyView {
        let (label, look) = (offer.label, Look::Plain);
        match offer.does.clone() {
            Does::Go(href) => view! { <a class=look.class() href=href>{label}</a> }.boxed(),
            Does::Save(href) => {
                view! { <a class=look.class() href=href rel="external" download=snapshot.name.clone()>{label}</a> }
                    .boxed()
            }
            Does::Nothing => view! { <span class="offer-not">{Icon::Risk.view()}{label}</span> }.boxed(),
            does => {
                let snapshot = snapshot.clone();
                let press = Callback::new(move |()| self.press(&does, &snapshot));
                view! { <Button label=label busy=self.task.busy on_press=press/> }.into_any()
            }
        }
    }

    fn press(self, does: &Does, snapshot: &Snapshot) {
        let id = snapshot.id.clone();
        match does {
            Does::Drill => self.task.run(move || {
                let id = id.clone();
                async move {
                    rpc::opened::drill(id).await?;
                    self.done("The drill began; what comes of it stands with the cluster's backups");
                    Ok(())
                }
            }),
            Does::Protect(protected) => {
                let protected = *protected;
                self.task.run(move || {
                    let id = id.clone();
                    async move {
                        let now = rpc::snapshots::protect_snapshot(id, protected).await?;
                        let _ = self.all.try_update(|all| {
                            if let Some(known) = all.iter_mut().find(|known| known.id == now.id) {
                                *known = now;
                            }
                        });
                        self.done(if protected { "It is protected now" } else { "It is not protected any more" });
                        Ok(())
                    }
                });
            }
            Does::Delete => {
                self.chosen.set(None);
                self.deleting.set(Some(snapshot.clone()));
            }
            Does::Go(_) | Does::Save(_) | Does::Nothing => {}
        }
    }

    fn done(self, words: &'static str) {
        self.toasts.say(words);
        let _ = self.chosen.try_set(None);
    }

    fn sure(self) -> AnyView {
        let (open, task) = (open_while(self.deleting), Task::new());
        let name = memo(move || self.deleting.with(|s| s.as_ref().map_or(String::new(), |s| s.name.clone())));
        let delete = Callback::new(move |()| {
            let Some(id) = self.deleting.with_untracked(|s| s.as_ref().map(|s| s.id.clone())) else { return };
            task.run(move || {
                let id = id.clone();
                async move {
                    rpc::snapshots::delete_snapshot(id.clone()).await?;
                    let _ = self.all.try_update(|all| all.retain(|known| known.id != id));
                    self.toasts.say("The snapshot was deleted");
                    let _ = self.deleting.try_set(None);
                    Ok(())
                }
            });
        });
        view! {
            <Sure open=open title="Delete this snapshot?" yes="Delete" task=task on_yes=delete>
                <p><code class="backup-name">{move || name.get()}</code></p>
                <p>"It goes with everything that lies beside it in its vault, and cannot be brought back."</p>
            </Sure>
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn labels(snapshot: &Snapshot, vault: Option<&Vault>) -> Vec<(&'static str, bool)> {
        offers(snapshot, vault).into_iter().map(|o| (o.label, o.does != Does::Nothing)).collect()
    }

    #[test]
    fn a_good_one_is_offered_every_way_back_and_a_protected_one_is_not_deleted() {
        let mut snapshot = sample::snapshot();
        let ways =
            [("Download", true), ("Open", true), ("Drill", true), ("Restore…", true), ("To a new cluster…", true)];
        assert_eq!(labels(&snapshot, None), [&ways[..], &[("Unprotect", true), ("Delete…", false)]].concat());
        snapshot.protected = false;
        assert_eq!(labels(&snapshot, None)[5..], [("Protect", true), ("Delete…", true)]);
        snapshot.cluster = None;
        assert!(!labels(&snapshot, None).contains(&("Restore…", true)), "of no cluster that is here");
    }

    #[test]
    fn what_the_console_cannot_decrypt_is_downloaded_and_nothing_else() {
        let mut snapshot = sample::snapshot();
        snapshot.encrypted = true;
        let mut vault = sample::vault();
        let possible = |vault: &Vault| {
            let all = labels(&snapshot, Some(vault)).into_iter();
            all.filter(|(_, possible)| *possible).map(|(label, _)| label).collect::<Vec<_>>()
        };
        assert_eq!(possible(&vault), ["Download", "Unprotect"]);
        vault.has_identity = true;
        assert_eq!(possible(&vault).len(), 6);
    }

    #[test]
    fn one_that_failed_can_only_go_and_one_that_is_taken_nothing() {
        let mut snapshot = sample::snapshot();
        snapshot.protected = false;
        snapshot.state = SnapshotState::Failed;
        assert_eq!(labels(&snapshot, None), [("Delete…", true)]);
        snapshot.state = SnapshotState::Taking;
        assert_eq!(labels(&snapshot, None), []);
    }
}
