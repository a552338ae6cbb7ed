//! The lab keeps what `quorate_testkit::lab` promises: leases are apart and as new, and each fault is the fault it says.

mod lab {
    use quorate_testkit::{
        lab::{Lab, LabHost},
        until::until,
    };
    use std::time::Duration;
    use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

    const SOON: Duration = Duration::from_secs(20);

    /// Whether sshd greets: a frozen host still takes connections, but says nothing.
    async fn answers(host: &LabHost) -> bool {
        let greeting = async {
            let mut stream = TcpStream::connect((host.address.as_str(), 22)).await.ok()?;
            let mut start = [0; 4];
            stream.read_exact(&mut start).await.ok()?;
            Some(&start == b"SSH-")
        };
        timeout(Duration::from_secs(1), greeting).await == Ok(Some(true))
    }

    async fn pings(lab: &Lab, from: &LabHost, to: &LabHost) -> bool {
        lab.try_exec(from, &format!("ping -c 1 -W 1 {}", to.address)).await.status.success()
    }

    #[tokio::test]
    async fn leases_do_not_share_hosts_and_are_as_new() {
        let (first, second) = (Lab::lease(1).await, Lab::lease(1).await);
        let used = first.hosts()[0].clone();
        assert_ne!(used, second.hosts()[0]);
        let keys = first.host_keys(&used);
        first.exec(&used, "touch /root/trace").await;
        first.kill(&used).await;
        drop((first, second));

        let all = Lab::lease(2).await;
        for host in all.hosts() {
            assert!(!all.try_exec(host, "test -e /root/trace").await.status.success(), "{} is not new", host.name);
            assert!(answers(host).await, "{} is off", host.name);
            assert!(*host != used || all.host_keys(host) != keys);
        }
    }

    #[tokio::test]
    async fn each_fault_is_what_it_says_and_can_be_undone() {
        let lab = Lab::lease(2).await;
        let [one, two] = lab.hosts() else { unreachable!("two hosts were leased") };

        lab.partition(one, &[two]).await;
        assert!(!pings(&lab, two, one).await && answers(one).await, "partitioned from the other, not from here");
        lab.heal(one).await;
        until(SOON, "the partition to heal", async || pings(&lab, two, one).await).await;

        lab.unplug(one).await;
        assert!(!answers(one).await && lab.exec(one, "hostname").await.trim() == one.name, "cut off, but running");
        lab.heal(one).await;
        until(SOON, "the cable", async || answers(one).await).await;

        lab.pause(one).await;
        assert!(!answers(one).await, "a frozen host answered");
        lab.resume(one).await;
        until(SOON, "the frozen host", async || answers(one).await).await;

        lab.exec(one, "touch /root/kept").await;
        lab.kill(one).await;
        assert!(!answers(one).await, "powered off, but it answers");
        lab.start(one).await;
        assert!(
            answers(one).await && lab.try_exec(one, "test -e /root/kept").await.status.success(),
            "the disk is lost"
        );

        lab.wipe(one).await;
        assert!(!lab.try_exec(one, "test -e /root/kept").await.status.success(), "a wiped host has its old disk");
    }

    #[tokio::test]
    async fn a_replaced_program_is_what_the_host_runs() {
        let lab = Lab::lease(1).await;
        let host = &lab.hosts()[0];
        lab.fake_program(host, "getenforce", "echo Enforcing").await;
        assert_eq!(lab.exec(host, "getenforce").await, "Enforcing\n");
    }
}
