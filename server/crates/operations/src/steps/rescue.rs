//! What a rescue does to a dead member's data: keeps a cold copy, and lets a throw-away etcd open another copy, log and all, to save a
//! snapshot of it. Invariant: the data itself is only read. `force-new-cluster` stands in one file, in the throw-away etcd's own
//! directory, whose data directory is a copy there; that etcd has no network but its own loopback, and its clients' socket lies in a
//! directory that only root and its user enter. It is a transient unit: nothing starts it again.

use super::{Part, binaries::Release, restore::Begin};
use crate::effect::{Action, Condition, Effect, Run};
use quorate_domain::etcd_conf::{Setting, with_settings};

/// The name of its socket, which etcd makes of `unix://name:port` in the directory it runs in.
const SOCKET: &str = "unix://throwaway:1";

/// $1 data directory, $2 directory of the log where that is elsewhere or empty, $3 the copy. Whole and synced before it has its name.
const COPY: &str = "set -eu; umask 077; part=$3.part; rm -rf -- \"$part\"; mkdir -- \"$part\"; \
                    cp --reflink=auto --archive -- \"$1/member\" \"$part/member\"; \
                    if [ -n \"$2\" ]; then mkdir -- \"$part/wal\"; \
                    for f in \"$2\"/*.wal; do [ ! -e \"$f\" ] || cp --reflink=auto --archive -- \"$f\" \"$part/wal/\"; done; fi; \
                    sync -f \"$part\"; mv -T -- \"$part\" \"$3\"; du -sh -- \"$3\"";

/// $1 unit, $2 its directory, $3 the cold copy, $4 user, $5 group, $6 seconds, $7 the socket. A cluster that wants a login gives no
/// snapshot without one, and the console's may be gone: then the database is taken as etcd left it, which is the same.
const TAKE: &str = r#"set -eu
unit=$1 room=$2 from=$3 user=$4 group=$5 limit=$6 socket=$7
umask 077
end() { systemctl stop "$unit.service" 2>/dev/null || :; systemctl reset-failed "$unit.service" 2>/dev/null || :; }
end
trap end EXIT
cd "$room"
rm -rf -- data bin saved.db saved.db.part
mkdir -m 0755 -- bin
if [ -e etcd.tar.gz ]; then
  tar --extract --gzip --no-same-owner --strip-components=1 --directory bin --file etcd.tar.gz
  chmod -R go+rX bin
  if command -v chcon >/dev/null 2>&1; then chcon -R -t bin_t bin 2>/dev/null || :; fi
  PATH=$room/bin:$PATH
fi
etcd=$(command -v etcd) etcdctl=$(command -v etcdctl)
"$etcd" --version | head -n 1
mkdir -- data
cp --reflink=auto --archive -- "$from/member" data/member
if [ -d "$from/wal" ]; then mkdir -p data/member/wal; cp --reflink=auto --archive -- "$from/wal/." data/member/wal/; fi
chown -R -- "$user:$group" data
systemd-run --unit="$unit" --service-type=notify --collect --quiet \
  --property=User="$user" --property=Group="$group" --property=WorkingDirectory="$room" --property=UMask=0077 \
  --property=PrivateNetwork=yes --property=NoNewPrivileges=yes --property=Nice=10 \
  --property=TimeoutStartSec="$limit" --property=RuntimeMaxSec="$limit" \
  -- "$etcd" --config-file "$room/etcd.conf" || { journalctl --unit "$unit" --lines 25 --no-pager --output cat; exit 1; }
if ! ETCDCTL_API=3 timeout "$limit" "$etcdctl" --endpoints "$socket" snapshot save saved.db.part; then
  echo 'no snapshot without a login; the database is taken as etcd leaves it'
  end
  rm -f -- saved.db.part
  cp --reflink=auto -- data/member/snap/db saved.db.part
fi
end
sync saved.db.part
mv -T -- saved.db.part saved.db
rm -rf -- data bin etcd.tar.gz
ls -l -- saved.db
"#;

/// Where the cold copy of a data directory lies.
pub fn copy_path(data_dir: &str, token: &str) -> String {
    format!("{data_dir}/copy-{token}")
}

/// A copy of a stopped member's data that nothing touches again, beside it. Undo leaves it: it is what is left when all else fails.
pub fn cold_copy(data_dir: &str, wal_dir: Option<&str>, token: &str, seconds: u32) -> Part {
    let copy = copy_path(data_dir, token);
    let run = Run::new(["/bin/sh", "-c", COPY, "sh", data_dir, wal_dir.unwrap_or(""), &copy]);
    Part::run_unless(run.within(seconds).as_job(), Condition::exists(&copy))
}

/// An etcd that opens a copy of one member's data as a cluster of one, and is gone once it gave a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throwaway<'a> {
    /// Whose data.
    pub begin: Begin<'a>,
    /// Which etcd; the one that is installed there if none.
    pub release: Option<Release>,
    /// How long all of it may take.
    pub seconds: u32,
}

impl Throwaway<'_> {
    /// Its directory, on the disk of the data.
    pub fn room(&self) -> String {
        format!("{}/.rescue-{}", self.begin.data_dir, self.begin.token)
    }

    /// The snapshot that it leaves.
    pub fn saved(&self) -> String {
        format!("{}/saved.db", self.room())
    }

    fn unit(&self) -> String {
        format!("quorate-rescue-{}", self.begin.token)
    }

    /// Its own configuration: the one place where a new cluster is forced.
    ///
    /// # Errors
    /// In words; a fault of this code.
    fn conf(&self) -> Result<String, String> {
        let text = |value: &str| Setting::Text(value.to_owned());
        let peer = "http://127.0.0.1:2380";
        let settings = [
            ("name", text(self.begin.name)),
            ("data-dir", text(&format!("{}/data", self.room()))),
            ("listen-client-urls", text(SOCKET)),
            ("advertise-client-urls", text(SOCKET)),
            ("listen-peer-urls", text(peer)),
            ("initial-advertise-peer-urls", text(peer)),
            ("initial-cluster", text(&format!("{}={peer}", self.begin.name))),
            ("log-level", text("warn")),
        ];
        let conf = with_settings("# Of a throw-away etcd, for a copy of this member's data.\n", &settings)?;
        Ok(format!("{conf}force-new-cluster: true\nquota-backend-bytes: -1\n"))
    }

    /// Opens the cold copy and saves a snapshot.
    ///
    /// # Errors
    /// In words; a fault of this code.
    pub fn take(&self) -> Result<Part, String> {
        let (room, conf) = (self.room(), self.conf()?);
        let (user, group) = self.begin.owner.split_once(':').unwrap_or((self.begin.owner, self.begin.owner));
        let archive = format!("{room}/etcd.tar.gz");
        let mut actions: Vec<Action> =
            vec![Run::new(["install", "-d", "-o", user, "-g", group, "-m", "0700", &room]).into()];
        if let Some(release) = &self.release {
            let push = Effect::PushArchive {
                version: release.version,
                arch: release.arch,
                sha256: release.sha256.clone(),
                base_url: release.base_url.clone(),
                path: archive.clone(),
            };
            let sum = format!("{}  {archive}\n", release.sha256);
            actions.push(push.into());
            actions.push(Run::new(["sha256sum", "--check", "--strict", "-"]).with_stdin(sum).within(60).into());
        }
        let (owner, group_of) = (user.to_owned(), group.to_owned());
        let path = format!("{room}/etcd.conf");
        actions.push(Effect::PutFile { path, owner, group: group_of, mode: 0o600, content: conf, before: None }.into());
        let copy = copy_path(self.begin.data_dir, self.begin.token);
        let limit = self.seconds.to_string();
        let run = ["/bin/sh", "-c", TAKE, "sh", &self.unit(), &room, &copy, user, group, &limit, SOCKET];
        actions.push(Run::new(run).within(self.seconds.saturating_add(60)).as_job().into());
        Ok(Part { actions, undo: self.end() })
    }

    /// It is not there any more, whatever became of it.
    pub fn end(&self) -> Vec<Action> {
        vec![
            // 5: there is no such unit.
            Run::new(["systemctl", "stop", &format!("{}.service", self.unit())]).also_ok(5).within(120).into(),
            Run::new(["rm", "-rf", &self.room()]).within(120).into(),
        ]
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn begin() -> Begin<'static> {
        Begin {
            data_dir: "/var/lib/etcd",
            wal_dir: None,
            owner: "etcd:etcd",
            etcdutl: "/usr/bin/etcdutl",
            name: "lab1",
            peer_url: "http://10.77.0.11:2380",
            initial_cluster: "lab1=http://10.77.0.11:2380",
            token: "tok",
            bump: None,
        }
    }

    #[test]
    fn a_new_cluster_is_forced_in_one_file_only_and_on_a_copy() {
        let throwaway = Throwaway { begin: begin(), release: None, seconds: 120 };
        let part = throwaway.take().expect("a part");
        let forced = |action: &&Action| serde_json::to_string(action).expect("json").contains("force-new-cluster");
        let files: Vec<&Action> = part.actions.iter().filter(forced).collect();
        let [Action { effect: Effect::PutFile { path, content, mode, .. }, .. }] = files.as_slice() else {
            panic!("one file: {files:?}")
        };
        assert_eq!((path.as_str(), *mode), ("/var/lib/etcd/.rescue-tok/etcd.conf", 0o600));
        assert!(content.contains("data-dir: '/var/lib/etcd/.rescue-tok/data'"), "{content}");
        assert!(content.contains("listen-client-urls: 'unix://throwaway:1'"), "{content}");
    }

    #[test]
    fn every_script_is_valid_shell_and_the_copy_is_whole_before_it_has_its_name() {
        for script in [COPY, TAKE] {
            let check = std::process::Command::new("sh").args(["-n", "-c", script]).status().expect("sh runs");
            assert!(check.success(), "{script}");
        }
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name).to_str().expect("text").to_owned();
        std::fs::create_dir_all(path("data/member/snap")).expect("made");
        std::fs::create_dir_all(path("wal")).expect("made");
        std::fs::write(path("data/member/snap/db"), "db").expect("written");
        std::fs::write(path("wal/0.wal"), "log").expect("written");
        let part = cold_copy(&path("data"), Some(&path("wal")), "tok", 60);
        let Effect::Run(run) = &part.actions[0].effect else { panic!("a command") };
        let ended = std::process::Command::new(&run.argv[0]).args(&run.argv[1..]).status().expect("runs");
        assert!(ended.success() && run.job && part.undo.is_empty());
        assert_eq!(std::fs::read_to_string(path("data/copy-tok/member/snap/db")).expect("copied"), "db");
        assert_eq!(std::fs::read_to_string(path("data/copy-tok/wal/0.wal")).expect("copied"), "log");
        assert_eq!(std::fs::read_to_string(path("data/member/snap/db")).expect("there"), "db", "only read");
    }
}
