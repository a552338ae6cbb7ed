//! `initial-cluster` on the members' hosts, as the guide keeps it. Invariant: only that setting and the state are changed; a
//! file that is not understood, or a host that is not reached, is said and left alone, because the setting only counts when
//! a member's data is lost.

use super::{Scene, Seat};
use crate::{
    plan::{Lane, Step},
    steps::{accounts, begun, files, files::Ownership},
};
use quorate_domain::{
    HostId, MemberId,
    etcd_conf::{CONF_PATH, Setting, with_settings},
    plan::{Check, Verdict},
};

/// `initial-cluster` for the members that stay and those that come: `name=peer URL` by commas.
pub(crate) fn initial_cluster(scene: &Scene, without: &[MemberId], new: &[(String, String)]) -> String {
    let stays = |seat: &&Seat| !without.contains(&seat.listed.id);
    let old = scene.seats.iter().filter(stays).map(|seat| (seat.name(), seat.member().peer_url));
    let mut all: Vec<(String, String)> = old.collect();
    all.sort_by_key(|(name, _)| scene.record.members.iter().position(|m| m.name == *name).unwrap_or(usize::MAX));
    all.extend(new.iter().cloned());
    all.iter().map(|(name, url)| format!("{name}={url}")).collect::<Vec<_>>().join(",")
}

/// What clients use from then on, as `--endpoints` takes it. Learners serve no clients.
pub(crate) fn endpoints(scene: &Scene, without: &[MemberId], new: &[String]) -> String {
    let serves = |seat: &&Seat| super::votes(seat) && !without.contains(&seat.listed.id);
    let mut urls: Vec<String> = scene.seats.iter().filter(serves).map(|seat| seat.member().client_url).collect();
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
    for seat in scene.seats.iter().filter(|seat| !without.contains(&seat.listed.id)) {
        match update(seat, wanted, token) {
            Ok(Some(lane)) => {
                lanes.push(lane);
                hosts.extend(seat.host.as_ref().map(|host| host.id.clone()));
            }
            Ok(None) => {}
            Err(why) => checks.push(Check {
                name: "etcd_conf".into(),
                subject: seat.name(),
                verdict: Verdict::Warn,
                answer: format!("stays as it is: {why}"),
                advice: format!("Set initial-cluster to {wanted} there yourself; it counts only when its data is lost"),
            }),
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

fn update(seat: &Seat, wanted: &str, token: &str) -> Result<Option<Lane>, String> {
    seat.reached.clone()?;
    let place = seat.place().ok_or("the console does not know its host")?;
    let before = seat.conf.as_deref().ok_or_else(|| format!("there is no {CONF_PATH} there"))?;
    let after = with_settings(before, &as_existing(wanted))?;
    if after == before {
        return Ok(None);
    }
    let owned = Ownership::new(accounts::USER, accounts::USER, 0o644);
    let (note, never) = begun(token, "other_configurations");
    let lane = Lane::at(place, note.then(files::put(CONF_PATH, &owned, &after, Some(before), token)));
    Ok(Some(Lane { undo_unless: Some(never), ..lane }))
}
