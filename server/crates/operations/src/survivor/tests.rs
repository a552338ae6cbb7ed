//! What is read of data directories that real etcds wrote, of each line that may have to be rescued.

use super::{Parts, bolt, read, wal};
use async_trait::async_trait;
use quorate_domain::snapshots::{LogEnd, Remains};
use quorate_etcd::etcd_client;
use quorate_testkit::{
    etcd::{CALL, EtcdCluster, PATIENCE},
    until::until_some,
};
use std::{
    fs,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

struct Local(PathBuf);

#[async_trait]
impl Parts for Local {
    async fn part(&self, offset: u64, bytes: usize) -> Result<Vec<u8>, String> {
        let mut file = fs::File::open(&self.0).map_err(|error| error.to_string())?;
        file.seek(SeekFrom::Start(offset)).map_err(|error| error.to_string())?;
        let mut part = Vec::new();
        file.take(bytes as u64).read_to_end(&mut part).map_err(|error| error.to_string())?;
        Ok(part)
    }
}

fn newest_segment(data: &Path) -> PathBuf {
    let files = fs::read_dir(data.join("member/wal")).expect("a log").map(|entry| entry.expect("an entry").path());
    files.filter(|path| path.extension().is_some_and(|end| end == "wal")).max().expect("a segment")
}

async fn log_of(path: &Path) -> wal::Said {
    read::segment(&Local(path.to_owned())).await.expect("read")
}

async fn remains(data: &Path) -> Remains {
    let log = log_of(&newest_segment(data)).await;
    let database = bolt::said(&Local(data.join("member/snap/db"))).await;
    read::put_together(log, database, 0, 0)
}

async fn write(cluster: &EtcdCluster, keys: usize, bytes: usize) {
    for i in 0..keys {
        let (key, value) = (format!("key/{i:05}"), vec![b'x'; bytes]);
        let put = async |mut etcd: etcd_client::Client| Ok(etcd.put(key.clone(), value.clone(), None).await?);
        cluster.client(0).call(CALL, &put).await.expect("written");
    }
}

#[tokio::test]
async fn a_live_and_a_killed_members_directory_say_what_it_said_itself() {
    for version in ["3.5.16", "3.5.30", "3.4.23"] {
        let mut cluster = EtcdCluster::start_version(version, 1).await;
        write(&cluster, 120, 2000).await;
        let status = cluster.status(0).await.expect("status").status;
        let data = cluster.member(0).data_dir();
        // etcd writes its database ten times a second.
        let live = until_some(PATIENCE, "the database has the log", async || {
            let seen = remains(&data).await;
            (seen.consistent_index == Some(status.raft_applied)).then_some(seen)
        })
        .await;
        assert_eq!(live.revision, Some(status.revision), "{version}");
        assert!(live.opens(), "{version}: {live:?}");
        write(&cluster, 30, 50).await;
        let status = cluster.status(0).await.expect("status").status;
        cluster.member_mut(0).kill();
        let dead = remains(&data).await;
        let last = dead.last.expect("an entry");
        assert_eq!((last.term, last.index), (status.raft_term, status.raft_index), "{version}");
        assert!(dead.commit <= Some(last.index) && dead.consistent_index <= Some(last.index), "{version}: {dead:?}");
        assert!(dead.revision <= Some(status.revision) && dead.revision >= live.revision, "{version}: {dead:?}");
        assert_eq!(dead.log_end, LogEnd::Whole, "{version}");
    }
}

#[tokio::test]
async fn a_log_that_is_cut_ends_earlier_and_one_with_a_flipped_bit_is_refused() {
    let mut cluster = EtcdCluster::start(1).await;
    write(&cluster, 20, 300).await;
    cluster.member_mut(0).kill();
    let segment = newest_segment(&cluster.member(0).data_dir());
    let whole = log_of(&segment).await;
    let bytes = fs::read(&segment).expect("read");
    let written = bytes.iter().rposition(|byte| *byte != 0).expect("something") + 1;
    let copy = segment.with_extension("copy");
    let mut last = None;
    for end in (written - 900..written).step_by(100) {
        fs::write(&copy, &bytes[..end]).expect("written");
        let said = log_of(&copy).await;
        assert_ne!(said.end, LogEnd::Damaged, "cut at {end}: {said:?}");
        assert!(said.last.is_some() && said.last >= last && said.last <= whole.last, "cut at {end}");
        last = said.last;
    }
    let mut flipped = bytes;
    flipped[written - 500] ^= 0x10;
    fs::write(&copy, &flipped).expect("written");
    let said = log_of(&copy).await;
    assert_eq!(said.end, LogEnd::Damaged, "{said:?}");
    assert!(said.last < whole.last && said.problem.contains("etcd does not open it"), "{said:?}");
}

#[tokio::test]
async fn a_follower_that_was_cut_off_ranks_behind_and_a_database_that_is_none_says_so() {
    let mut cluster = EtcdCluster::start(3).await;
    let leader = cluster.leader_among(&[0, 1, 2]).await;
    let behind = (leader + 1) % 3;
    cluster.member_mut(behind).kill();
    write_through(&cluster, leader).await;
    for i in 0..3 {
        cluster.member_mut(i).kill();
    }
    let of = async |i: usize| remains(&cluster.member(i).data_dir()).await;
    let (first, second) = (of(leader).await, of(behind).await);
    assert!(first.last > second.last, "{first:?} {second:?}");
    let path = cluster.member(leader).data_dir().join("member/snap/db");
    let mut bytes = fs::read(&path).expect("read");
    for page in [0, 4096] {
        bytes[page + 20] ^= 1;
    }
    fs::write(&path, &bytes).expect("written");
    let broken = of(leader).await;
    assert!(!broken.db_problem.is_empty() && !broken.opens(), "{broken:?}");
    fs::write(&path, b"").expect("written");
    assert!(!of(leader).await.db_problem.is_empty());
}

async fn write_through(cluster: &EtcdCluster, member: usize) {
    for i in 0..10 {
        let key = format!("later/{i}");
        let put = async |mut etcd: etcd_client::Client| Ok(etcd.put(key.clone(), "v", None).await?);
        cluster.client(member).call(CALL, &put).await.expect("written");
    }
}
