//! The guide's `/etc/etcd/etcd.conf` and systemd files as text. Invariant: rendering is a pure function of its
//! input, keeps the guide's keys and order first, and quotes every string; reading foreign files is elsewhere
//! (`remote::config`, with a YAML library, which stays out of wasm).

mod edit;

pub use edit::{is_found_by_discovery, keys, raw, setting, with_settings};

/// The path of the configuration (guide).
pub const CONF_PATH: &str = "/etc/etcd/etcd.conf";
/// The path of the unit (guide).
pub const UNIT_PATH: &str = "/usr/lib/systemd/system/etcd.service";
/// The console's drop-in beside the guide's untouched unit.
pub const DROP_IN_PATH: &str = "/etc/systemd/system/etcd.service.d/quorate.conf";

/// The guide's unit file, letter by letter.
pub const UNIT: &str = "[Unit]
Description=\"etcd service\"
After=network.target
[Service]
LimitNOFILE=65536
Restart=always
Type=notify
ExecStart=/usr/bin/etcd --config-file /etc/etcd/etcd.conf
User=etcd
Group=etcd
[Install]
WantedBy=multi-user.target
";

/// What the guide's unit leaves open: order after the network, an endless restart at a calm pace, and no start
/// time-out, because a member of a new cluster waits for its peers (etcd sends READY only with quorum).
pub const DROP_IN: &str = "# Written by Quorate; the unit itself is untouched.
[Unit]
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0
[Service]
RestartSec=5
TimeoutStartSec=infinity
";

/// `initial-cluster-state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialState {
    /// Bootstraps a new cluster together with the others.
    New,
    /// Joins what is there; also written after a bootstrap, so that a wiped member cannot bootstrap alone.
    Existing,
}

/// One member's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdConf {
    /// Member name.
    pub name: String,
    /// Data directory.
    pub data_dir: String,
    /// new or existing.
    pub state: InitialState,
    /// `initial-cluster-token`.
    pub token: String,
    /// All members: (name, peer URL).
    pub initial_cluster: Vec<(String, String)>,
    /// Own peer URL.
    pub peer_url: String,
    /// Own client URL.
    pub client_url: String,
    /// The client URL on loopback (`http://localhost:2379`).
    pub local_client_url: String,
    /// Further settings, already in etcd's names; numbers and words stand unquoted.
    pub settings: Vec<(String, Setting)>,
}

/// A setting's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A number.
    Number(u64),
    /// Text.
    Text(String),
    /// As it stands in another file: quoted, a number, a word or `true`, whatever etcd wants there.
    Raw(String),
}

impl EtcdConf {
    /// The YAML text: the guide's nine keys in its order, then the further settings.
    pub fn render(&self) -> String {
        let state = match self.state {
            InitialState::New => "new",
            InitialState::Existing => "existing",
        };
        let cluster: Vec<String> = self.initial_cluster.iter().map(|(name, url)| format!("{name}={url}")).collect();
        let listen_clients = format!("{},{}", self.client_url, self.local_client_url);
        let mut out = String::new();
        for (key, value) in [
            ("name", self.name.as_str()),
            ("data-dir", &self.data_dir),
            ("initial-cluster-state", state),
            ("initial-cluster-token", &self.token),
            ("initial-cluster", &cluster.join(",")),
            ("initial-advertise-peer-urls", &self.peer_url),
            ("advertise-client-urls", &self.client_url),
            ("listen-peer-urls", &self.peer_url),
            ("listen-client-urls", &listen_clients),
        ] {
            out.push_str(&format!("{key}: {}\n", quoted(value)));
        }
        for (key, value) in &self.settings {
            match value {
                Setting::Number(n) => out.push_str(&format!("{key}: {n}\n")),
                Setting::Text(text) => out.push_str(&format!("{key}: {}\n", quoted(text))),
                Setting::Raw(raw) => out.push_str(&format!("{key}: {raw}\n")),
            }
        }
        out
    }
}

/// A YAML single-quoted scalar: the only special character inside is the quote itself.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_the_guides_nine_keys_in_its_order() {
        let conf = EtcdConf {
            name: "lab1".into(),
            data_dir: "/var/lib/etcd".into(),
            state: InitialState::New,
            token: "tok".into(),
            initial_cluster: vec![
                ("lab1".into(), "http://10.77.0.11:2380".into()),
                ("lab2".into(), "http://10.77.0.12:2380".into()),
            ],
            peer_url: "http://10.77.0.11:2380".into(),
            client_url: "http://10.77.0.11:2379".into(),
            local_client_url: "http://localhost:2379".into(),
            settings: vec![("quota-backend-bytes".into(), Setting::Number(2_147_483_648))],
        };
        assert_eq!(
            conf.render(),
            "name: 'lab1'\n\
             data-dir: '/var/lib/etcd'\n\
             initial-cluster-state: 'new'\n\
             initial-cluster-token: 'tok'\n\
             initial-cluster: 'lab1=http://10.77.0.11:2380,lab2=http://10.77.0.12:2380'\n\
             initial-advertise-peer-urls: 'http://10.77.0.11:2380'\n\
             advertise-client-urls: 'http://10.77.0.11:2379'\n\
             listen-peer-urls: 'http://10.77.0.11:2380'\n\
             listen-client-urls: 'http://10.77.0.11:2379,http://localhost:2379'\n\
             quota-backend-bytes: 2147483648\n"
        );
    }

    #[test]
    fn a_quote_cannot_end_the_scalar() {
        assert_eq!(quoted("a'b"), "'a''b'");
    }
}
