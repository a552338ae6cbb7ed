//! A fresh host and an install on it, for the tests of the checks.

use crate::{
    host::*,
    ids::HostId,
    install::{InstallMember, InstallParams},
    time::Timestamp,
    version::Arch,
    wide::Wide,
};

/// Facts of a fresh host.
pub fn facts() -> HostFacts {
    HostFacts {
        taken_at: Timestamp(0),
        hostname: "lab1".into(),
        os: "Debian".into(),
        machine: "x86_64".into(),
        arch: Some(Arch::Amd64),
        kernel: "6".into(),
        systemd: Some(252),
        cpus: 2,
        memory: Wide(4 << 30),
        selinux: "absent".into(),
        selinux_config: String::new(),
        clock_offset_millis: 3,
        root: true,
        data_free: Wide(8 << 30),
        bin_free: Wide(8 << 30),
        curl: true,
        tar: true,
        etcd: EtcdFacts::default(),
        ports_in_use: vec![],
        addresses: vec!["10.77.0.11".into()],
        disk: None,
    }
}

/// That host's row.
pub fn host() -> HostSummary {
    HostSummary {
        id: HostId::from_random([1; 10]),
        name: "lab1".into(),
        address: "10.77.0.11".into(),
        port: 22,
        user: "root".into(),
        elevation: Elevation::Root,
        has_password: false,
        trust: Trust::Trusted { keys: vec![] },
        contact: Contact::Never,
        facts: None,
        cluster: None,
        operation: None,
        created_at: Timestamp(0),
    }
}

/// An install on it.
pub fn params() -> InstallParams {
    InstallParams::new(
        "demo",
        vec![InstallMember { host: HostId::from_random([1; 10]), name: String::new(), address: String::new() }],
    )
}
