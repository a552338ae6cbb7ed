//! The wizard of the kind `rescue_cluster`: whether a majority can come back by itself, what is left, and from what the cluster begins
//! again. Invariant: what the console reads of the survivors decides what can be chosen, and each way says what it loses; a host that is
//! not reached is gone on without only after a person ticked it, with the typed name in the review.

mod left;

use super::restoring::BumpFields;
use crate::{
    components::{
        button::{Button, Look, link_button},
        field::Field,
        icon::Icon,
        load::load,
        problem::ProblemBox,
        radio::{Radio, radios},
        task::Task,
    },
    data::{Boxed, memo},
    pages::page_head,
    routes, rpc,
    wizards::{ask, cluster_of_path, form_end, request, stages},
};
use left::{away, survivors_table};
use leptos::{ev, prelude::*};
use quorate_domain::{
    ClusterId, HostId,
    cluster::ClusterView,
    plan::{PlanRequest, PlanView},
    problem::FieldError,
    snapshots::{RescueParams, RescueWay, Survivor, Survivors, WayOut},
};

/// The page.
#[component]
pub(crate) fn RescueCluster() -> AnyView {
    view! {
        {page_head("Rescue a cluster", ().into_any())}
        {load(cluster_of_path(), |view| Rescue::new(&view).view())}
    }
    .boxed()
}

/// What was found and chosen.
#[derive(Clone, Copy)]
struct Rescue {
    cluster: StoredValue<ClusterId>,
    name: StoredValue<String>,
    found: RwSignal<Option<Survivors>>,
    looking: Task,
    /// A way out, as [`way_value`] writes it.
    way: RwSignal<String>,
    /// Hosts that a person says are off or cut off.
    unfenced: RwSignal<Vec<HostId>>,
    bump: BumpFields,
    token: RwSignal<String>,
    task: Task,
    plan: RwSignal<Option<PlanView>>,
}

/// A way out as the value of a choice.
fn way_value(way: &RescueWay) -> String {
    match way {
        RescueWay::Survivor { host } => format!("survivor {host}"),
        RescueWay::Database { host } => format!("database {host}"),
        RescueWay::Snapshot { snapshot } => format!("snapshot {snapshot}"),
    }
}

/// What a way is called.
fn way_name(out: &WayOut) -> String {
    match out.way {
        RescueWay::Survivor { .. } => format!("The data of {} with its log", out.from),
        RescueWay::Database { .. } => format!("The database of {} without its log", out.from),
        RescueWay::Snapshot { .. } => format!("The snapshot {}", out.from),
    }
}

/// The way that loses least of those that are open: ways come with that one first.
fn proposed(ways: &[WayOut]) -> String {
    ways.iter().find(|out| out.refused.is_empty()).map(|out| way_value(&out.way)).unwrap_or_default()
}

/// What was chosen, or all that is missing. Hosts that are reached by now are left out of what a person said of them.
fn chosen(
    ways: &[WayOut],
    way: &str,
    members: &[Survivor],
    said: &[HostId],
) -> Result<(RescueWay, Vec<HostId>), Vec<FieldError>> {
    let mut wrong = Vec::new();
    let way = ways.iter().find(|out| way_value(&out.way) == way).map(|out| out.way.clone());
    if way.is_none() {
        wrong.push(FieldError { field: "way".into(), message: "Choose what the cluster begins again from".into() });
    }
    let hosts: Vec<&HostId> = away(members).filter_map(|member| member.host.as_ref()).collect();
    if hosts.iter().any(|host| !said.contains(host)) {
        let message = "Each host that is not reached must be off or cut off before this can begin";
        wrong.push(FieldError { field: "unfenced".into(), message: message.into() });
    }
    match way {
        Some(way) if wrong.is_empty() => Ok((way, hosts.into_iter().cloned().collect())),
        _ => Err(wrong),
    }
}

impl Rescue {
    fn new(view: &ClusterView) -> Self {
        let rescue = Self {
            cluster: StoredValue::new(view.id.clone()),
            name: StoredValue::new(view.name.clone()),
            found: RwSignal::new(None),
            looking: Task::new(),
            way: RwSignal::new(String::new()),
            unfenced: RwSignal::new(Vec::new()),
            bump: BumpFields::new("reckoned"),
            token: RwSignal::new(String::new()),
            task: Task::new(),
            plan: RwSignal::new(None),
        };
        // In the browser only: a page that is rendered on the server never asks a host.
        Effect::new(move |first: Option<()>| {
            if first.is_none() {
                rescue.look();
            }
        });
        rescue
    }

    /// Reads what is left, now.
    fn look(self) {
        self.looking.run(move || async move {
            let found = rpc::clusters::survivors(self.cluster.get_value()).await?;
            let open =
                |way: &String| found.ways.iter().any(|out| out.refused.is_empty() && way_value(&out.way) == *way);
            if self.way.try_with_untracked(open) == Some(false) {
                let _ = self.way.try_set(proposed(&found.ways));
            }
            let _ = self.found.try_set(Some(found));
            Ok(())
        });
    }

    fn view(self) -> AnyView {
        let again = Callback::new(move |()| self.look());
        let body = move || {
            match self.found.get() {
            None if self.looking.problem.with(Option::is_some) => {
                view! { <Button label="Look again" look=Look::Primary busy=self.looking.busy on_press=again/> }.into_any()
            }
            None => view! {
                <p class="muted" role="status" aria-busy="true">"Looking at the members and reading what their hosts have left of it…"</p>
                <progress aria-label="Looking"></progress>
            }
            .into_any(),
            Some(found) => stages(self.plan, "Rescue", move || self.form(&found, again)),
        }
        };
        view! {
            <ProblemBox problem=self.looking.problem/>
            {move || body()}
        }
        .boxed()
    }

    fn form(self, found: &Survivors, again: Callback<()>) -> AnyView {
        let submit = move |event: ev::SubmitEvent| {
            event.prevent_default();
            ask(self.task, self.request(), self.plan);
        };
        let looking = self.looking.busy;
        let token = self.task.field("token");
        view! {
            <form class="form wizard" on:submit=submit>
                {self.majority(found)}
                <section class="panel" aria-label="What is left">
                    <div class="panel-head">
                        <h2>"What is left"</h2>
                        <Button label="Look again" busy=looking on_press=again/>
                    </div>
                    <p class="muted">"Read from each data directory just now, the one that knows most first: by the last entry of its log, then by what its database has of it. Nothing was changed."</p>
                    {survivors_table(&found.members)}
                </section>
                <section class="panel" aria-label="Begin again from">
                    <h2>"What it begins again from"</h2>
                    <p class="muted">"Everything that is left is copied first. A survivor’s data is only ever opened as a copy, by a throw-away etcd that nobody reaches."</p>
                    {self.ways(&found.ways)}
                </section>
                {self.unfenced(&found.members)}
                {self.bump.view(self.task)}
                <details class="panel">
                    <summary><h2>"Advanced"</h2><span class="muted">"the new cluster token"</span></summary>
                    <Field label="Cluster token" name="token" mono=true value=self.token error=token hint="Empty: one is made up. Another one than before keeps out a member that comes back."/>
                </details>
                {form_end(self.task)}
            </form>
        }
        .boxed()
    }

    fn request(self) -> Result<PlanRequest, Vec<FieldError>> {
        let Some(found) = self.found.get_untracked() else { return Err(Vec::new()) };
        let mut wrong = Vec::new();
        let way = chosen(&found.ways, &self.way.read_untracked(), &found.members, &self.unfenced.read_untracked());
        let way = way.map_err(|errors| wrong.extend(errors)).ok();
        let bump = self.bump.bump().map_err(|error| wrong.push(error)).ok();
        let (Some((way, unfenced)), Some(bump)) = (way, bump) else { return Err(wrong) };
        let token = self.token.read_untracked().trim().to_owned();
        let params = RescueParams { cluster: self.cluster.get_value(), way: Some(way), unfenced, bump, token };
        request("rescue_cluster", &params)
    }

    /// Whether it needs a rescue at all.
    fn majority(self, found: &Survivors) -> AnyView {
        let page = self.cluster.with_value(routes::cluster);
        match found.comes_back.clone() {
            Some(words) => view! {
                <div class="note tone-info">
                    {Icon::Info.view()}
                    <div>
                        <p class="note-title">"A majority can come back: nothing would be lost"</p>
                        <p>{words}"."</p>
                        <p>"Try that first. A rescue gives up what the members that are gone had confirmed, and is refused while a majority can come back."</p>
                        {link_button(Look::Plain, page, "To the cluster")}
                    </div>
                </div>
            }
            .boxed(),
            None => view! {
                <div class="note tone-bad">
                    {Icon::Bad.view()}
                    <div>
                        <p class="note-title">"No majority comes back from what is reached"</p>
                        <p>"If one of the lost hosts can be repaired with its disk, that is the better way: then nothing is lost. A rescue makes a new cluster of what is left."</p>
                    </div>
                </div>
            }
            .boxed(),
        }
    }

    fn ways(self, ways: &[WayOut]) -> AnyView {
        let line = |(number, out): (usize, &WayOut)| {
            let best = (number == 0 && out.refused.is_empty()).then_some(" · loses least");
            let name = view! { <bdi>{way_name(out)}</bdi>{best} }.into_any();
            let refused = (!out.refused.is_empty()).then(|| format!("Not open: {}", out.refused));
            let note = view! {
                <p class="muted">{out.loses.clone()}</p>
                {refused.map(|words| view! { <p class="field-error">{words}</p> })}
            }
            .into_any();
            Radio { value: way_value(&out.way), name, note, refused: !out.refused.is_empty() }
        };
        let lines = ways.iter().enumerate().map(line).collect();
        let none = ways.iter().all(|out| !out.refused.is_empty());
        let none = none.then(|| {
            view! { <p>"Nothing that is left can be used, and there is no good snapshot. Bring one as a file, and look again."</p> }.boxed()
        });
        view! {
            {none}
            {radios("What it begins again from", "way", self.way, lines, self.task.field("way"))}
        }
        .into_any()
    }

    /// The hosts that are not reached, each to be ticked by a person who knows.
    fn unfenced(self, members: &[Survivor]) -> AnyView {
        let lines: Vec<AnyView> =
            away(members).filter_map(|member| Some(self.tick(member.host.clone()?, member))).collect();
        if lines.is_empty() {
            return ().into_any();
        }
        let error = self.task.field("unfenced");
        let name = self.name.get_value();
        view! {
            <section class="panel" aria-label="Hosts that are not reached">
                <h2>"Hosts that are not reached"</h2>
                <div class="note tone-risk">
                    {Icon::Risk.view()}
                    <p>"The old etcd on such a host could start again and serve old data to clients. Switch it off or cut it off from the others and from clients, then say so here; you confirm all of it with the name "<strong>{name}</strong>" in the review. The console disables etcd there as soon as it reaches the host; until then an alarm stands."</p>
                </div>
                <fieldset class="choice-list">
                    <legend class="sr-only">"Hosts that are off or cut off"</legend>
                    {lines}
                </fieldset>
                <p class="field-error" aria-live="polite">{move || error.get()}</p>
            </section>
        }
        .boxed()
    }

    fn tick(self, host: HostId, member: &Survivor) -> AnyView {
        let (name, problem) = (member.host_name.clone(), member.problem.clone());
        let id = host.to_string();
        let known = StoredValue::new(host);
        let on = memo(move || self.unfenced.with(|all| known.with_value(|host| all.contains(host))));
        let toggle = move |on: bool| {
            self.unfenced.update(|all| {
                all.retain(|held| known.with_value(|host| held != host));
                if on {
                    all.push(known.get_value());
                }
            });
        };
        view! {
            <div class="choice">
                <label class="check-box">
                    <input
                        type="checkbox"
                        name="unfenced"
                        value=id
                        prop:checked=move || on.get()
                        on:change=move |event| toggle(event_target_checked(&event))
                    />
                    <span>"I made sure that "<strong>{name}</strong>" is off, or cut off from the others and from clients"</span>
                </label>
                <p class="choice-note muted">{problem}</p>
            </div>
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{SnapshotId, snapshots::Presence};

    fn out(way: RescueWay, refused: &str) -> WayOut {
        WayOut { way, from: "lab1".into(), loses: "nothing".into(), refused: refused.into() }
    }

    fn host(n: u8) -> HostId {
        HostId::from_random([n; 10])
    }

    #[test]
    fn the_first_way_that_is_open_is_proposed() {
        let ways = [
            out(RescueWay::Survivor { host: host(1) }, "a checksum is wrong"),
            out(RescueWay::Database { host: host(1) }, ""),
            out(RescueWay::Snapshot { snapshot: SnapshotId::from_random([3; 10]) }, ""),
        ];
        assert_eq!(proposed(&ways), way_value(&ways[1].way));
        assert_eq!(proposed(&ways[..1]), "");
        assert!(way_name(&ways[1]).contains("without its log"));
    }

    #[test]
    fn each_host_that_is_not_reached_is_ticked_and_no_other_is_sent() {
        let ways = [out(RescueWay::Survivor { host: host(1) }, "")];
        let members = [
            left::tests::survivor(1, Presence::Runs),
            left::tests::survivor(2, Presence::Silent),
            left::tests::survivor(3, Presence::Stopped),
        ];
        let way = way_value(&ways[0].way);
        let fields = |result: Result<_, Vec<FieldError>>| -> Vec<String> {
            result.map(|_: (RescueWay, Vec<HostId>)| ()).expect_err("wrong").into_iter().map(|e| e.field).collect()
        };
        assert_eq!(fields(chosen(&ways, "", &members, &[])), ["way", "unfenced"]);
        let (taken, hosts) = chosen(&ways, &way, &members, &[host(3), host(2)]).expect("whole");
        assert_eq!((taken, hosts), (ways[0].way.clone(), vec![host(2)]), "lab3 is reached again");
    }
}
