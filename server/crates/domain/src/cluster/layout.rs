//! How etcd lies on a member's host, and what may be done there. Invariant: whatever is not understood is left alone, with its
//! reason. Finding it out is `operations::discover`'s.

use crate::etcd_conf::CONF_PATH;
use serde::{Deserialize, Serialize};

/// The unit that the guide installs.
pub const GUIDES_UNIT: &str = "etcd.service";

/// How etcd lies on a member's host. The default is the guide's: a unit `etcd.service` that reads `/etc/etcd/etcd.conf`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Layout {
    /// Its systemd unit; empty when it runs under none that can be stopped and started.
    pub unit: String,
    /// Its YAML configuration; empty when it has none.
    pub conf: String,
    /// Why the console leaves alone what it does not understand, in words; empty when it understands all of it.
    pub not_here: String,
}

impl Default for Layout {
    fn default() -> Self {
        Self { unit: GUIDES_UNIT.into(), conf: CONF_PATH.into(), not_here: String::new() }
    }
}

impl Layout {
    /// Whether it is what an install leaves.
    pub fn is_guides(&self) -> bool {
        *self == Self::default()
    }

    /// Whether its etcd can be stopped and started here; the error says why not.
    ///
    /// # Errors
    /// In words.
    pub fn steerable(&self) -> Result<(), String> {
        if self.unit.is_empty() { Err(self.why()) } else { Ok(()) }
    }

    /// Whether its settings can be changed here; the error says why not.
    ///
    /// # Errors
    /// In words.
    pub fn editable(&self) -> Result<(), String> {
        if self.conf.is_empty() { Err(self.why()) } else { Ok(()) }
    }

    fn why(&self) -> String {
        match self.not_here.as_str() {
            "" => "the console does not know how its etcd is started".to_owned(),
            why => format!("not here, because {why}"),
        }
    }
}
