//! What lies and listens where an etcd would go: a running etcd, its unit, its data, its ports, the room. Invariant: as
//! in `preflight`: pure; the facts must have been gathered for the same directory and ports.

use super::{BIN_FREE_MIN, DATA_FREE_MIN, check, mib, pass_or};
use crate::{
    etcd_conf::{DROP_IN_PATH, UNIT_PATH},
    host::{EtcdFacts, HostFacts},
    plan::{Check, Verdict},
};

/// Checks of the host `name` for an etcd with its data in `data_dir`, listening on `ports`.
pub(super) fn checks(name: &str, facts: &HostFacts, data_dir: &str, ports: [u16; 2]) -> Vec<Check> {
    let etcd = &facts.etcd;
    let mut checks = vec![
        check(
            "etcd_running",
            name,
            pass_or(!etcd.running, Verdict::Fail),
            if etcd.running { "etcd runs here already" } else { "no etcd running" },
            "A running etcd is never touched: choose another host, or stop it yourself if it is not needed",
        ),
        unit(name, etcd),
        check(
            "data_dir",
            name,
            pass_or(!etcd.data_dir_has_member, Verdict::Fail),
            match (etcd.data_dir_has_member, etcd.data_dir_exists, etcd.data_dir_is_mount) {
                (true, ..) => format!("{data_dir} holds member/ of an earlier etcd"),
                (_, true, true) => format!("{data_dir} is a mount point and empty of etcd"),
                (_, true, false) => format!("{data_dir} exists and is empty of etcd"),
                _ => format!("{data_dir} will be made"),
            },
            "Data of an earlier etcd is never touched: choose another data directory, or move member/ away yourself",
        ),
    ];
    for port in ports {
        let holder = facts.ports_in_use.iter().find(|p| p.port == port);
        checks.push(check(
            &format!("port_{port}"),
            name,
            pass_or(holder.is_none(), Verdict::Fail),
            match holder {
                Some(p) => format!("in use by {}", p.process.as_deref().unwrap_or("another process")),
                None => "free".into(),
            },
            "Stop what listens there, or choose another port",
        ));
    }
    checks.push(check(
        "data_free",
        name,
        pass_or(facts.data_free.0 >= DATA_FREE_MIN, Verdict::Fail),
        format!("{} free for {data_dir}", mib(facts.data_free.0)),
        "etcd needs 1 GiB at least, better three times its quota: free some space or choose another directory",
    ));
    checks.push(check(
        "bin_free",
        name,
        pass_or(facts.bin_free.0 >= BIN_FREE_MIN, Verdict::Fail),
        format!("{} free for /usr/bin", mib(facts.bin_free.0)),
        "The binaries need 200 MiB while they are unpacked",
    ));
    checks
}

/// Whether systemd would run etcd as the guide's unit with the console's drop-in says, and nothing else.
fn unit(name: &str, etcd: &EtcdFacts) -> Check {
    let failed = |answer: String, advice: &str| check("unit", name, Verdict::Fail, answer, advice);
    let foreign: Vec<&str> = etcd.unit_drop_ins.iter().map(String::as_str).filter(|p| *p != DROP_IN_PATH).collect();
    match (etcd.unit_load.as_deref(), etcd.unit_path.as_deref()) {
        (Some("masked"), _) => failed(
            "etcd.service is masked".into(),
            "systemd starts no masked unit: find out who masked it, then run systemctl unmask etcd.service",
        ),
        (_, Some(path)) if path != UNIT_PATH => failed(
            format!("systemd reads etcd.service from {path}"),
            "It would hide the unit that the console writes to /usr/lib/systemd/system: take it away, then run systemctl daemon-reload",
        ),
        _ if !foreign.is_empty() => failed(
            format!("changed by {}", foreign.join(", ")),
            "It would change how etcd runs behind the console's back: take it away, then run systemctl daemon-reload",
        ),
        (_, Some(path)) => {
            check("unit", name, Verdict::Pass, format!("an install replaces {path}; undo puts it back"), "")
        }
        (_, None) => check("unit", name, Verdict::Pass, "no other etcd.service in the way", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::{host_checks, sample};
    use crate::{
        host::{HostSummary, PortInUse, USUAL_DATA_DIR, USUAL_PORTS},
        ids::{ClusterId, OperationId},
    };

    /// Facts of a host on which somebody else's etcd runs.
    fn taken() -> HostFacts {
        let mut facts = sample::facts();
        facts.etcd.running = true;
        facts.etcd.data_dir_has_member = true;
        facts.etcd.unit_path = Some("/etc/systemd/system/etcd.service".into());
        facts.ports_in_use = USUAL_PORTS.map(|port| PortInUse { port, process: Some("etcd".into()) }).to_vec();
        facts
    }

    fn failed(host: &HostSummary, facts: &HostFacts) -> Vec<String> {
        host_checks(host, facts).into_iter().filter(|c| c.verdict == Verdict::Fail).map(|c| c.name).collect()
    }

    #[test]
    fn a_free_host_with_an_etcd_of_somebody_elses_is_not_ready() {
        assert_eq!(failed(&sample::host(), &sample::facts()), Vec::<String>::new());
        let found = ["etcd_running", "unit", "data_dir", "port_2379", "port_2380"];
        assert_eq!(failed(&sample::host(), &taken()), found);
    }

    #[test]
    fn what_the_console_put_on_a_host_does_not_fail_it() {
        let carries = HostSummary { cluster: Some(ClusterId::from_random([1; 10])), ..sample::host() };
        let claimed = HostSummary { operation: Some(OperationId::from_random([1; 10])), ..sample::host() };
        for host in [carries, claimed] {
            assert_eq!(failed(&host, &taken()), Vec::<String>::new());
        }
    }

    #[test]
    fn a_unit_that_would_not_be_the_guides_fails_with_advice() {
        let verdict = |load: &str, path: &str, drop_ins: &[&str]| {
            let mut facts = sample::facts();
            let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            (facts.etcd.unit_load, facts.etcd.unit_path) = (said(load), said(path));
            facts.etcd.unit_drop_ins = drop_ins.iter().map(|path| (*path).to_owned()).collect();
            let all = checks("lab1", &facts, USUAL_DATA_DIR, USUAL_PORTS);
            let unit = all.into_iter().find(|c| c.name == "unit").expect("checked");
            assert_eq!(unit.verdict == Verdict::Pass, unit.advice.is_empty());
            unit.verdict
        };
        use Verdict::{Fail, Pass};
        assert_eq!(verdict("", "", &[]), Pass);
        assert_eq!(verdict("loaded", UNIT_PATH, &[]), Pass);
        assert_eq!(verdict("loaded", UNIT_PATH, &[DROP_IN_PATH]), Pass);
        assert_eq!(verdict("bad-setting", UNIT_PATH, &[]), Pass, "it is replaced");
        assert_eq!(verdict("masked", "/etc/systemd/system/etcd.service", &[]), Fail);
        assert_eq!(verdict("loaded", "/etc/systemd/system/etcd.service", &[]), Fail);
        assert_eq!(verdict("loaded", UNIT_PATH, &["/etc/systemd/system/etcd.service.d/override.conf"]), Fail);
        assert_eq!(verdict("", "", &["/etc/systemd/system/etcd.service.d/override.conf"]), Fail);
    }
}
