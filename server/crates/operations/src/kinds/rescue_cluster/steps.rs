//! The steps of a rescue, in an order that never leaves the old data with less than one copy. Invariant: pure; what cannot be reached
//! is noted before anything is stopped, so that it is fenced as soon as it is back, and the old data of all that are reached is copied
//! before any of it is opened or moved.

use crate::{
    effect::{Action, Condition, Effect, HostPart, Place, Run, SnapshotRef, SnapshotWork},
    kinds::restore_in_place::{Whole, Work},
    membership,
    plan::{Lane, Step},
    steps::{
        Part, hold,
        rescue::{Throwaway, cold_copy, copy_path},
        restore::{Begin, seconds_for},
        service,
    },
};
use quorate_domain::{HostId, cluster::ClusterMemberRecord, host::HostSummary, snapshots::Remains};

/// Where the new cluster's data comes from.
pub(super) enum Source<'a> {
    /// A throw-away etcd opens a copy of this host's data.
    Log { host: HostId, throwaway: Throwaway<'a> },
    /// The database of this host, as it is.
    Database { host: HostId },
    /// A snapshot of the vault, and whether etcd's own digest is at its end.
    Vault { snapshot: SnapshotRef, sealed: bool },
}

/// A member whose host is reached and that cannot take part.
pub(super) struct LeftOut<'a> {
    pub member: &'a ClusterMemberRecord,
    pub host: &'a HostSummary,
    /// Its etcd runs, or tries to.
    pub ran: bool,
    /// There is data.
    pub data: bool,
    pub wal_dir: Option<&'a str>,
    pub bytes: u64,
}

/// All that a rescue needs.
pub(super) struct Rescue<'a> {
    /// The members that go on, as a restore sees them.
    pub whole: Whole<'a>,
    /// What their data has, in their order.
    pub remains: Vec<Option<&'a Remains>>,
    pub source: Source<'a>,
    pub left_out: Vec<LeftOut<'a>>,
    /// What is to be done on hosts that are not reached.
    pub unfenced: Vec<HostPart>,
    /// The members that are expected before, and from then on.
    pub before: &'a [ClusterMemberRecord],
    pub after: Vec<ClusterMemberRecord>,
}

impl Rescue<'_> {
    /// All steps, and the index of the first that cannot be taken back.
    ///
    /// # Errors
    /// In words; a fault of this code.
    pub fn build(&self) -> Result<(Vec<Step>, u32), String> {
        let mut steps = vec![self.fence()];
        if let Source::Vault { snapshot, .. } = &self.source {
            steps.push(self.whole.fetch(snapshot));
        }
        let [mut hold, mut stop] = <[Step; 2]>::try_from(self.whole.outage()).map_err(|_| "two steps")?;
        hold.lanes.extend(self.left_out.iter().map(|out| out.lane(hold::hold_part(out.unit(), out.ran))));
        stop.lanes.extend(self.left_out.iter().map(|out| out.lane(out.stop())));
        steps.extend([hold, stop]);
        steps.extend(self.copy());
        steps.extend(self.take()?);
        steps.push(self.prepare());
        steps.extend(self.whole.change_places());
        let first_open = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        steps.extend(self.whole.open());
        steps.push(self.note());
        steps.push(membership::verify_step(&self.whole.target, &[], &[], self.whole.token));
        Ok((steps, first_open))
    }

    /// From here on the console knows only those that go on, and fences the others as soon as it reaches them.
    fn fence(&self) -> Step {
        let record =
            |members: &[ClusterMemberRecord]| Action::from(Effect::RecordMembers { members: members.to_vec() });
        let task = |effect: fn(HostPart) -> Effect| self.unfenced.iter().map(move |part| effect(part.clone()).into());
        let actions = std::iter::once(record(&self.after)).chain(task(Effect::LeaveHostTask)).collect();
        let undo = task(Effect::CloseHostTask).chain([record(self.before)]).collect();
        let title = "The console expects only those that go on, and fences the others once it reaches them";
        Step::of("fence", title, vec![Lane::at(self.whole.target.place(), Part { actions, undo })])
    }

    fn copy(&self) -> Option<Step> {
        let token = self.whole.token;
        let here = self.whole.members.iter().zip(&self.remains).filter_map(|(work, remains)| {
            let seconds = seconds_for((*remains)?.bytes.0);
            Some(work.lane(cold_copy(work.begin.data_dir, work.begin.wal_dir, token, seconds)))
        });
        let out = self.left_out.iter().filter(|out| out.data);
        let out = out.map(|out| out.lane(cold_copy(&out.member.data_dir, out.wal_dir, token, seconds_for(out.bytes))));
        let lanes: Vec<Lane> = here.chain(out).collect();
        let title = "Copy all old data, and leave it where it is";
        (!lanes.is_empty()).then(|| Step::of("copy", title, lanes))
    }

    fn take(&self) -> Result<Option<Step>, String> {
        let Source::Log { host, throwaway } = &self.source else { return Ok(None) };
        let work = self.work(host)?;
        let lane = Lane { unless: Some(Condition::exists(&throwaway.saved())), ..work.lane(throwaway.take()?) };
        let title = format!("A throw-away etcd opens a copy of {}'s data, and gives a snapshot", work.site.member.name);
        Ok(Some(Step::of("take", title, vec![lane])))
    }

    fn work(&self, host: &HostId) -> Result<&Work<'_>, String> {
        self.whole.members.iter().find(|work| work.site.host.id == *host).ok_or_else(|| "no such member".into())
    }

    /// Path of the database on the host that has it, and how long work on it may take.
    fn made(&self) -> Option<(&HostId, String, u32)> {
        let (host, path) = match &self.source {
            Source::Vault { .. } => return None,
            Source::Log { host, throwaway } => (host, throwaway.saved()),
            Source::Database { host } => {
                let begin = &self.work(host).ok()?.begin;
                (host, format!("{}/member/snap/db", copy_path(begin.data_dir, begin.token)))
            }
        };
        let at = self.whole.members.iter().position(|work| work.site.host.id == *host)?;
        let bytes = self.remains.get(at).copied().flatten().map_or(0, |remains| remains.bytes.0);
        Some((host, path, seconds_for(bytes)))
    }

    fn prepare(&self) -> Step {
        if let Source::Vault { snapshot, sealed } = &self.source {
            return self.whole.prepare(snapshot, *sealed);
        }
        let title = "Bring what was saved to each, and restore it beside the old data";
        self.whole.each("prepare", title, |work| {
            let Some((host, path, seconds)) = self.made() else { return work.lane(Part::default()) };
            let bring = self.bring(work, host, &path, seconds);
            // Its digest is not known before it is made; it never leaves these hosts but through the console's hands.
            let part = work.begin.prepare_from(vec![bring], seconds, false);
            Lane { unless: Some(work.begin.prepared()), ..work.lane(part) }
        })
    }

    fn bring(&self, work: &Work<'_>, host: &HostId, path: &str, seconds: u32) -> Action {
        let begin: &Begin<'_> = &work.begin;
        let database = begin.database();
        if work.site.host.id == *host {
            let copy = ["cp", "--reflink=auto", "--no-target-directory", path, &database];
            return Run::new(copy).within(seconds).into();
        }
        let name = self.work(host).map_or("", |from| from.site.host.name.as_str());
        Effect::Snapshot(SnapshotWork::Carry {
            from: host.clone(),
            from_name: name.to_owned(),
            source: path.to_owned(),
            path: database,
            deadline_seconds: seconds,
        })
        .into()
    }

    /// What the console keeps of it; what is left over goes, and members that are left out stay down.
    fn note(&self) -> Step {
        let snapshot = match &self.source {
            Source::Vault { snapshot, .. } => Some(snapshot),
            _ => None,
        };
        let mut step = self.whole.note(snapshot);
        if let Source::Log { host, throwaway } = &self.source {
            let place = self.work(host).map(|work| Place::of(&work.site.host));
            let lane = step.lanes.iter_mut().find(|lane| place.as_ref().is_ok_and(|place| lane.place == *place));
            if let Some(lane) = lane {
                lane.actions.extend(throwaway.end());
            }
        }
        step.lanes.extend(self.left_out.iter().map(|out| out.lane(out.rest(self.whole.token))));
        step
    }
}

impl LeftOut<'_> {
    fn unit(&self) -> &str {
        &self.member.layout.unit
    }

    fn lane(&self, part: Part) -> Lane {
        Lane { diagnose: vec![service::journal(self.unit())], ..Lane::at(Place::of(self.host), part) }
    }

    fn stop(&self) -> Part {
        let stop = Run::new(["systemctl", "stop", self.unit()]).also_ok(5).within(120);
        Part::run(stop)
    }

    /// Its data is set aside and its unit disabled, so that the hold is not needed any more.
    fn rest(&self, token: &str) -> Part {
        let rest = service::lay_to_rest(self.unit(), &self.member.data_dir, token);
        rest.then(Part { actions: hold::lift(self.unit()), undo: Vec::new() })
    }
}
