//! `initial-cluster` on the members' hosts, as the guide keeps it. Invariant: only that setting and the state are changed; a
//! file that is not understood, or a host that is not reached, is said and left alone, because the setting only counts when
//! a member's data is lost.

use super::{Scene, Seat};
use crate::{
    effect::Place,
    plan::{Lane, Step},
    steps::{Part, begun, files},
};
use quorate_domain::{
    HostId, MemberId,
    etcd_conf::{Setting, is_found_by_discovery, with_settings},
    plan::{Check, Verdict},
};

/// `initial-cluster` for the members that stay and those that come: `name=peer URL` by commas, in the order that people know.
pub(crate) fn initial_cluster(scene: &Scene, without: &[MemberId], new: &[(String, String)]) -> String {
    let old = scene.staying(without).map(|seat| (seat.name(), seat.member().peer_url));
    let mut all: Vec<(String, String)> = old.collect();
    all.extend(new.iter().cloned());
    all.sort_by_key(|(name, _)| scene.record.members.iter().position(|m| m.name == *name).unwrap_or(usize::MAX));
    all.iter().map(|(name, url)| format!("{name}={url}")).collect::<Vec<_>>().join(",")
}

/// What clients use from then on, as `--endpoints` takes it. Learners serve no clients.
pub(crate) fn endpoints(scene: &Scene, without: &[MemberId], new: &[String]) -> String {
    let serving = scene.staying(without).filter(|seat| super::votes(seat));
    let mut urls: Vec<String> = serving.map(|seat| seat.member().client_url).collect();
    urls.extend(new.iter().cloned());
    urls.join(",")
}

/// A lane for each member that stays whose etcd.conf says something else, and what is to be said of the others; the hosts
/// that are written to.
pub(crate) fn update_others(
    scene: &Scene,
    without: &[MemberId],
    wanted: &str,
    token: &str,
) -> (Option<Step>, Vec<Check>, Vec<HostId>) {
    let (mut lanes, mut checks, mut hosts) = (Vec::new(), Vec::new(), Vec::new());
    for seat in scene.staying(without) {
        match set(seat, &as_existing(wanted), "other_configurations", token) {
            Ok(Some(lane)) => {
                lanes.push(lane);
                hosts.extend(seat.host.as_ref().map(|host| host.id.clone()));
            }
            Ok(None) => {}
            Err(why) => {
                let advice =
                    format!("Set initial-cluster to {wanted} there yourself; it counts only when its data is lost");
                let answer = format!("stays as it is: {why}");
                checks.push(Check::new("etcd_conf", seat.name(), Verdict::Warn, answer, advice));
            }
        }
    }
    let title = "Write the members into etcd.conf of the others";
    let step = (!lanes.is_empty()).then(|| Step::of("other_configurations", title, lanes));
    (step, checks, hosts)
}

/// The two settings that say who is in the cluster.
pub(crate) fn as_existing(initial_cluster: &str) -> [(&'static str, Setting); 2] {
    let text = |value: &str| Setting::Text(value.to_owned());
    [("initial-cluster", text(initial_cluster)), ("initial-cluster-state", text("existing"))]
}

/// A lane that sets `settings` in a member's etcd.conf; none when they are so already. `step` names its note on the host.
///
/// # Errors
/// As [`write`].
pub(crate) fn set(seat: &Seat, settings: &[(&str, Setting)], step: &str, token: &str) -> Result<Option<Lane>, String> {
    let Some((place, file)) = write(seat, settings, token)? else { return Ok(None) };
    let (note, never) = begun(token, step);
    Ok(Some(Lane { undo_unless: Some(never), ..Lane::at(place, note.then(file)) }))
}

/// Where a member's etcd.conf is written and how it gets `settings`; none when it has them already.
///
/// # Errors
/// Why it is not written, in words: the host is not reached, or there is no file there that is understood.
pub(crate) fn write(seat: &Seat, settings: &[(&str, Setting)], token: &str) -> Result<Option<(Place, Part)>, String> {
    seat.reached.clone()?;
    let place = seat.place().ok_or("the console does not know its host")?;
    let layout = seat.layout();
    layout.editable()?;
    let before = seat.conf.as_deref().ok_or_else(|| format!("there is no {} there", layout.conf))?;
    if is_found_by_discovery(before) && settings.iter().any(|(key, _)| *key == "initial-cluster") {
        return Err(
            "its cluster is found by a discovery service, which etcd does not take beside initial-cluster".into()
        );
    }
    let after = with_settings(before, settings)?;
    if after == before {
        return Ok(None);
    }
    Ok(Some((place, files::put(&layout.conf, &seat.conf_ownership, &after, Some(before), token))))
}
