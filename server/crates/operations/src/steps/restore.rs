//! A snapshot into a member's data directory, beside what is there. Invariant: nothing of the old data is deleted, only set aside
//! within its own directory, which may be a mount point; what is restored is whole and synced before it gets its name.

use super::Part;
use crate::effect::{Action, Condition, Effect, Run, SnapshotRef, SnapshotWork};

/// What one member begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin<'a> {
    /// etcd's data directory.
    pub data_dir: &'a str,
    /// Its directory for the log, where it has one of its own.
    pub wal_dir: Option<&'a str>,
    /// `owner:group` of the data.
    pub owner: &'a str,
    /// Path of etcdutl on the host.
    pub etcdutl: &'a str,
    /// The member's name.
    pub name: &'a str,
    /// Its peer URL.
    pub peer_url: &'a str,
    /// All members: `name=peer URL` by commas.
    pub initial_cluster: &'a str,
    /// `initial-cluster-token`, also in the names of what is set aside.
    pub token: &'a str,
    /// Revisions are raised by so many, and what was before is marked as compacted.
    pub bump: Option<u64>,
}

/// $1 the hash in hex, $2 the file: one that is not right goes, so that a retry brings it anew.
const CHECK: &str = "printf '%s  %s\\n' \"$1\" \"$2\" | sha256sum --check --strict - \
                     || { rm -f -- \"$2\"; echo 'the checksum is wrong; retry brings the file anew'; exit 1; }";

/// $1 where it is restored to, $2 its name once it is whole, $3 the same for its log or empty, $4 owner; then the command.
const RESTORE: &str = "set -eu; part=$1 ready=$2 wal=$3 owner=$4; shift 4; \
                       rm -rf -- \"$part\" ${wal:+\"$wal\"}; \"$@\"; \
                       chown -R -- \"$owner\" \"$part\" ${wal:+\"$wal\"}; \
                       if command -v restorecon >/dev/null 2>&1; then restorecon -R -- \"$part\" ${wal:+\"$wal\"}; fi; \
                       sync -f \"$part\"; [ -z \"$wal\" ] || sync -f \"$wal\"; mv -T -- \"$part\" \"$ready\"; sync -- \"$(dirname -- \"$ready\")\"";

/// $1 from, $2 to: the files of a log, however many; none is fine.
const MOVE_LOG: &str = "set -eu; [ -d \"$1\" ] || exit 0; \
                        for f in \"$1\"/*.wal \"$1\"/*.tmp \"$1\"/*.broken; do [ ! -e \"$f\" ] || mv -nt \"$2\" -- \"$f\"; done; \
                        sync \"$1\" \"$2\"";

/// How fast a database is restored at least: it is read, hashed and written, and a slow disk writes 10 MB/s.
const BYTES_A_SECOND: u64 = 5 << 20;

/// How long it may take to work through so many bytes.
pub fn seconds_for(bytes: u64) -> u32 {
    u32::try_from(120 + bytes / BYTES_A_SECOND).unwrap_or(u32::MAX)
}

impl Begin<'_> {
    fn ready(&self) -> String {
        format!("{}/.restore-{}", self.data_dir, self.token)
    }

    /// Where the database is brought to.
    pub fn database(&self) -> String {
        format!("{}.db", self.ready())
    }

    fn log_ready(&self) -> Option<String> {
        Some(format!("{}/.restore-{}", self.wal_dir?, self.token))
    }

    fn aside(&self) -> String {
        format!("{}/aside-{}", self.data_dir, self.token)
    }

    /// What holds once the member's new data lies beside the old.
    pub fn prepared(&self) -> Condition {
        Condition::exists(&self.ready())
    }

    /// Brings the database and restores it beside what is there. etcd may run meanwhile.
    pub fn prepare(&self, snapshot: &SnapshotRef, sealed: bool) -> Part {
        let database = self.database();
        let bring = SnapshotWork::Bring { snapshot: snapshot.clone(), path: database.clone() };
        let seconds = seconds_for(snapshot.bytes.0);
        let brought = vec![
            Action::from(Effect::Snapshot(bring)).unless(Condition::exists(&database)),
            Run::new(["/bin/sh", "-c", CHECK, "sh", &snapshot.sha256, &database]).within(seconds).into(),
        ];
        self.prepare_from(brought, seconds, sealed)
    }

    /// The same with a database that `bring` puts where [`Self::database`] says.
    pub fn prepare_from(&self, bring: Vec<Action>, seconds: u32, sealed: bool) -> Part {
        let (database, ready) = (self.database(), self.ready());
        let mut actions = bring;
        actions.push(self.restore(sealed).within(seconds).as_job().into());
        actions.push(Run::new(["rm", "-f", &database]).into());
        let part = format!("{ready}.part");
        let mut undo: Vec<Action> = vec![Run::new(["rm", "-rf", &ready, &part, &database]).within(120).into()];
        undo.extend(self.log_ready().map(|log| Action::from(Run::new(["rm", "-rf", &log]))));
        Part { actions, undo }
    }

    fn restore(&self, sealed: bool) -> Run {
        let (ready, log) = (self.ready(), self.log_ready());
        let part = format!("{ready}.part");
        let shell = ["/bin/sh", "-c", RESTORE, "sh", &part, &ready, log.as_deref().unwrap_or(""), self.owner];
        let own =
            ["snapshot", "restore", &self.database(), "--data-dir", &part, "--name", self.name].map(str::to_owned);
        let cluster = [
            "--initial-cluster",
            self.initial_cluster,
            "--initial-cluster-token",
            self.token,
            "--initial-advertise-peer-urls",
            self.peer_url,
        ];
        let mut argv: Vec<String> = shell.into_iter().chain([self.etcdutl]).map(str::to_owned).collect();
        argv.extend(own);
        argv.extend(cluster.map(str::to_owned));
        argv.extend(log.into_iter().flat_map(|log| ["--wal-dir".to_owned(), log]));
        if let Some(bump) = self.bump {
            argv.extend(["--bump-revision".to_owned(), bump.to_string(), "--mark-compacted".to_owned()]);
        }
        if !sealed {
            // A copied database has no digest of etcd's own; that of the console was right a moment ago.
            argv.push("--skip-hash-check".to_owned());
        }
        Run::new(argv)
    }

    /// Sets the data of a stopped member aside; undo brings it back.
    pub fn set_aside(&self) -> Part {
        let (member, aside) = (format!("{}/member", self.data_dir), self.aside());
        let mut part = moved(&member, &aside, "member");
        if let Some(wal) = self.wal_dir {
            part = part.then(log_moved(wal, &format!("{wal}/aside-{}", self.token)));
        }
        part
    }

    /// Brings back what an operation with the token `earlier` set aside; undo sets it aside there again.
    pub fn bring_back(&self, earlier: &str) -> Part {
        let (member, aside) = (format!("{}/member", self.data_dir), format!("{}/aside-{earlier}", self.data_dir));
        let mut part = Part {
            actions: vec![rename(&format!("{aside}/member"), &member), there(&member), sync(self.data_dir)],
            undo: vec![rename(&member, &format!("{aside}/member"))],
        };
        if let Some(wal) = self.wal_dir {
            part = part.then(log_moved(&format!("{wal}/aside-{earlier}"), wal));
        }
        part
    }

    /// Gives what was prepared its name; undo sets it aside too, beside the old data.
    pub fn place(&self) -> Part {
        let (prepared, member) = (format!("{}/member", self.ready()), format!("{}/member", self.data_dir));
        let mut part = Part {
            actions: vec![rename(&prepared, &member), there(&member), sync(self.data_dir)],
            undo: vec![
                Action::from(Run::new(["mkdir", "--parents", &self.aside()])).unless(Condition::absent(&member)),
                rename(&member, &format!("{}/restored", self.aside())),
            ],
        };
        if let (Some(wal), Some(ready)) = (self.wal_dir, self.log_ready()) {
            let restored = format!("{wal}/aside-{}/restored", self.token);
            let mut log = log_moved(&ready, wal);
            log.undo = log_moved(wal, &restored).actions;
            part = part.then(log);
        }
        part
    }

    /// Removes what `prepare` made and `place` emptied.
    pub fn tidy(&self) -> Vec<Action> {
        let empty = |path: &str| {
            Action::from(Run::new(["rmdir", "--ignore-fail-on-non-empty", path])).unless(Condition::absent(path))
        };
        std::iter::once(self.ready()).chain(self.log_ready()).map(|path| empty(&path)).collect()
    }
}

/// Without it, a file system that was not mounted would pass for one where all was moved already, and etcd begin with nothing.
fn there(member: &str) -> Action {
    Run::new(["test", "-d", member]).into()
}

fn sync(directory: &str) -> Action {
    Run::new(["sync", directory]).into()
}

fn rename(from: &str, to: &str) -> Action {
    Action::from(Run::new(["mv", "--no-target-directory", from, to])).unless(Condition::absent(from))
}

/// Moves `from` into the directory `to` as `name`, and back.
fn moved(from: &str, to: &str, name: &str) -> Part {
    let there = format!("{to}/{name}");
    Part {
        actions: vec![
            Action::from(Run::new(["mkdir", "--parents", to])).unless(Condition::absent(from)),
            rename(from, &there),
        ],
        undo: vec![rename(&there, from)],
    }
}

fn log_moved(from: &str, to: &str) -> Part {
    let files = |from: &str, to: &str| Action::from(Run::new(["/bin/sh", "-c", MOVE_LOG, "sh", from, to]).within(60));
    Part { actions: vec![Run::new(["mkdir", "--parents", to]).into(), files(from, to)], undo: vec![files(to, from)] }
}

/// $1 unit, $2 data directory, $3 and $4 ports. A process is known by what it holds open, however it was started.
const STOPPED: &str = "case $(systemctl show --property=ActiveState --value \"$1\") in inactive|failed) ;; *) exit 1 ;; esac; \
                       d=$(readlink -f -- \"$2\") || d=$2; \
                       ls -l /proc/[0-9]*/fd 2>/dev/null | grep -qF -- \"-> $d/member/\" && exit 1; \
                       [ -z \"$(ss -Htln \"( sport = :$3 or sport = :$4 )\")\" ]";

/// The member is stopped for sure: its unit, any process on its data, its ports.
pub fn stopped(unit: &str, data_dir: &str, ports: [u16; 2]) -> Condition {
    let [client, peer] = ports.map(|port| port.to_string());
    Condition::succeeds(["/bin/sh", "-c", STOPPED, "sh", unit, data_dir, &client, &peer])
}

/// Stops the unit and waits until it is stopped for sure.
pub fn stop(unit: &str, data_dir: &str, ports: [u16; 2]) -> Vec<Action> {
    vec![
        Run::new(["systemctl", "stop", unit]).within(120).into(),
        Run::new(["systemctl", "reset-failed", unit]).also_ok(1).into(),
        Effect::Wait { condition: stopped(unit, data_dir, ports), deadline_seconds: 60 }.into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{SnapshotId, wide::Wide};

    fn begin(wal_dir: Option<&'static str>, bump: Option<u64>) -> Begin<'static> {
        Begin {
            data_dir: "/var/lib/etcd",
            wal_dir,
            owner: "etcd:etcd",
            etcdutl: "/usr/bin/etcdutl",
            name: "lab1",
            peer_url: "http://10.77.0.11:2380",
            initial_cluster: "lab1=http://10.77.0.11:2380",
            token: "tok",
            bump,
        }
    }

    fn snapshot() -> SnapshotRef {
        SnapshotRef {
            id: SnapshotId::from_random([1; 10]),
            name: "x.db".into(),
            sha256: "ab".into(),
            bytes: Wide(1 << 30),
        }
    }

    fn text(part: &impl serde::Serialize) -> String {
        serde_json::to_string(part).expect("json")
    }

    #[test]
    fn the_command_is_etcdutls_with_all_that_makes_it_another_cluster() {
        let argv = begin(None, Some(7)).restore(true).argv;
        let at = argv.iter().position(|word| word == "/usr/bin/etcdutl").expect("etcdutl");
        assert_eq!(
            argv[at..].join(" "),
            "/usr/bin/etcdutl snapshot restore /var/lib/etcd/.restore-tok.db --data-dir /var/lib/etcd/.restore-tok.part \
             --name lab1 --initial-cluster lab1=http://10.77.0.11:2380 --initial-cluster-token tok \
             --initial-advertise-peer-urls http://10.77.0.11:2380 --bump-revision 7 --mark-compacted"
        );
        let copied = begin(Some("/wal"), None).restore(false).argv.join(" ");
        assert!(copied.ends_with("--wal-dir /wal/.restore-tok --skip-hash-check"), "{copied}");
    }

    #[test]
    fn old_data_is_set_aside_and_comes_back() {
        for wal in [None, Some("/wal")] {
            let begin = begin(wal, None);
            let done = text(&begin.set_aside().then(begin.place()).actions);
            assert!(!done.contains("\"rm\"") && done.contains("/var/lib/etcd/aside-tok/member"), "{done}");
            let undo = text(&begin.set_aside().then(begin.place()).undo);
            let (away, back) = (undo.find("aside-tok/restored"), undo.rfind("aside-tok/member"));
            assert!(away < back && away.is_some(), "what was restored makes room first: {undo}");
            assert_eq!(done.contains("*.wal"), wal.is_some());
        }
    }

    #[test]
    fn what_is_fetched_is_held_against_the_reviewed_digest_and_a_wrong_file_goes() {
        let done = text(&begin(None, None).prepare(&snapshot(), true).actions);
        let at = |text: &str| done.find(text).expect("there");
        assert!(at("bring") < at("sha256sum") && at("sha256sum") < at("etcdutl"), "{done}");
    }

    #[test]
    fn every_script_is_valid_shell() {
        for script in [CHECK, RESTORE, MOVE_LOG, STOPPED] {
            let check = std::process::Command::new("sh").args(["-n", "-c", script]).status().expect("sh runs");
            assert!(check.success(), "{script}");
        }
    }

    /// Runs the commands of `actions` that touch files, as a host would.
    fn run(actions: &[Action]) {
        let holds = |condition: &Condition| match condition {
            Condition::Succeeds { argv } => {
                std::process::Command::new(&argv[0]).args(&argv[1..]).status().expect("runs").success()
            }
            _ => panic!("a file's condition"),
        };
        for action in actions {
            if action.unless.as_ref().is_some_and(holds) {
                continue;
            }
            let Effect::Run(run) = &action.effect else { panic!("a command") };
            let ended = std::process::Command::new(&run.argv[0]).args(&run.argv[1..]).status().expect("runs");
            assert!(ended.success(), "{:?}", run.argv);
        }
    }

    #[test]
    fn real_directories_change_places_twice_over_and_come_back_with_every_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name).to_str().expect("text").to_owned();
        let (data, wal) = (path("data"), path("wal"));
        let write = |file: String, text: &str| {
            let file = std::path::PathBuf::from(file);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            std::fs::write(file, text).expect("written");
        };
        let read = |file: &str| std::fs::read_to_string(file).ok();
        write(format!("{data}/member/snap/db"), "old");
        write(format!("{data}/.restore-tok/member/snap/db"), "new");
        write(format!("{wal}/0.wal"), "old");
        write(format!("{wal}/.restore-tok/0.wal"), "new");
        let begin = Begin { data_dir: &data, wal_dir: Some(&wal), ..begin(None, None) };
        for part in [begin.set_aside(), begin.place()] {
            run(&part.actions);
            run(&part.actions);
        }
        assert_eq!(read(&format!("{data}/member/snap/db")).as_deref(), Some("new"));
        assert_eq!(read(&format!("{wal}/0.wal")).as_deref(), Some("new"));
        run(&begin.tidy());
        for part in [begin.place(), begin.set_aside()] {
            run(&part.undo);
            run(&part.undo);
        }
        assert_eq!(read(&format!("{data}/member/snap/db")).as_deref(), Some("old"));
        assert_eq!(read(&format!("{wal}/0.wal")).as_deref(), Some("old"));
        assert_eq!(read(&format!("{data}/aside-tok/restored/snap/db")).as_deref(), Some("new"), "nothing is lost");
        assert_eq!(read(&format!("{wal}/aside-tok/restored/0.wal")).as_deref(), Some("new"));
        // The same again and opened; later somebody wants the old data back after all.
        write(format!("{data}/.restore-tok/member/snap/db"), "new");
        std::fs::remove_dir_all(format!("{data}/aside-tok")).expect("removed");
        std::fs::remove_dir_all(format!("{wal}/aside-tok")).expect("removed");
        run(&begin.set_aside().then(begin.place()).actions);
        let later = Begin { token: "later", ..begin.clone() };
        for part in [later.set_aside(), later.bring_back("tok")] {
            run(&part.actions);
            run(&part.actions);
        }
        assert_eq!(read(&format!("{data}/member/snap/db")).as_deref(), Some("old"));
        assert_eq!(read(&format!("{wal}/0.wal")).as_deref(), Some("old"));
        for part in [later.bring_back("tok"), later.set_aside()] {
            run(&part.undo);
            run(&part.undo);
        }
        assert_eq!(read(&format!("{data}/member/snap/db")).as_deref(), Some("new"));
    }
}
