//! The store against real SQLite files. One binary; each module is one promise.
//! Invariant: nothing here is shared between tests; each has a directory of its own (`support`).

#[cfg(test)]
#[path = "it/claims.rs"]
mod claims;
#[cfg(test)]
#[path = "it/clusters.rs"]
mod clusters;
#[cfg(test)]
#[path = "it/crash.rs"]
mod crash;
#[cfg(test)]
#[path = "it/growth.rs"]
mod growth;
#[cfg(test)]
#[path = "it/host_tasks.rs"]
mod host_tasks;
#[cfg(test)]
#[path = "it/key_files.rs"]
mod key_files;
#[cfg(test)]
#[path = "it/key_rules.rs"]
mod key_rules;
#[cfg(test)]
#[path = "it/key_undo.rs"]
mod key_undo;
#[cfg(test)]
#[path = "it/keys.rs"]
mod keys;
#[cfg(test)]
#[path = "it/log.rs"]
mod log;
#[cfg(test)]
#[path = "it/migrations.rs"]
mod migrations;
#[cfg(test)]
#[path = "it/output.rs"]
mod output;
#[cfg(test)]
#[path = "it/people.rs"]
mod people;
#[cfg(test)]
#[path = "it/sealing.rs"]
mod sealing;
#[cfg(test)]
#[path = "it/snapshots.rs"]
mod snapshots;
#[cfg(test)]
#[path = "it/support.rs"]
mod support;
