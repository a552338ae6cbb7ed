-- Snapshots: where they are kept, which there are, when they are taken, how restores were tried out.

-- `place` is JSON without secrets; `secret` holds the other half of an access key, `identity` what decrypts snapshots.
CREATE TABLE vaults (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE UNIQUE,
    place TEXT NOT NULL,
    budget INTEGER,
    recipient TEXT,
    secret TEXT REFERENCES secrets (id),
    identity TEXT REFERENCES secrets (id),
    at INTEGER NOT NULL,
    problem TEXT NOT NULL DEFAULT ''
) STRICT;

-- A snapshot outlives its cluster. `origin` and `content` are JSON.
CREATE TABLE snapshots (
    id TEXT PRIMARY KEY NOT NULL,
    vault TEXT NOT NULL REFERENCES vaults (id),
    cluster TEXT REFERENCES clusters (id) ON DELETE SET NULL,
    cluster_name TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    member TEXT NOT NULL,
    etcd_cluster TEXT NOT NULL,
    version TEXT,
    revision INTEGER,
    bytes INTEGER NOT NULL,
    expected INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    sealed_by_etcd INTEGER,
    content TEXT,
    encrypted INTEGER NOT NULL,
    protected INTEGER NOT NULL,
    problem TEXT NOT NULL,
    UNIQUE (vault, name)
) STRICT;
CREATE INDEX snapshots_by_cluster ON snapshots (cluster, at);
CREATE INDEX snapshots_by_time ON snapshots (at);

-- One of a cluster at a time, whoever asks.
CREATE UNIQUE INDEX claim_of_snapshot ON snapshots (cluster) WHERE cluster IS NOT NULL AND state = 'taking';

-- `given` is JSON: what the schedule was given.
CREATE TABLE snapshot_schedules (
    id TEXT PRIMARY KEY NOT NULL,
    cluster TEXT NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    vault TEXT NOT NULL REFERENCES vaults (id),
    given TEXT NOT NULL,
    at INTEGER NOT NULL,
    next_at INTEGER,
    last_at INTEGER,
    next_drill_at INTEGER
) STRICT;
CREATE INDEX snapshot_schedules_by_cluster ON snapshot_schedules (cluster);

CREATE TABLE drills (
    id TEXT PRIMARY KEY NOT NULL,
    snapshot TEXT NOT NULL,
    snapshot_name TEXT NOT NULL,
    cluster TEXT REFERENCES clusters (id) ON DELETE SET NULL,
    at INTEGER NOT NULL,
    ended_at INTEGER,
    recovered_millis INTEGER,
    content TEXT,
    problem TEXT NOT NULL,
    actor TEXT NOT NULL
) STRICT;
CREATE INDEX drills_by_cluster ON drills (cluster, at);

-- How far a cluster's revision had come at a time: a restore reckons from it by how much revisions are to be raised.
CREATE TABLE revision_marks (
    cluster TEXT NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (cluster, at)
) STRICT;
