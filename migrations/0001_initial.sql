-- The first shape of the console's database. Moments are milliseconds since the Unix epoch; words are those of
-- `quorate-domain`; columns named `sealed` hold XChaCha20-Poly1305 text that is bound to its row.

-- One row that only the right master key opens.
CREATE TABLE master_key_check (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE users (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE UNIQUE,
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    password_hash TEXT,
    auth_epoch INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_login INTEGER
) STRICT;

CREATE TABLE codes (
    hash TEXT PRIMARY KEY NOT NULL,
    purpose TEXT NOT NULL,
    user TEXT REFERENCES users (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX codes_by_user ON codes (user);

-- `id_hash` is the SHA-256 of the cookie's id: whoever reads this file cannot take over a session.
CREATE TABLE sessions (
    id_hash TEXT PRIMARY KEY NOT NULL,
    user TEXT REFERENCES users (id) ON DELETE CASCADE,
    data BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE tokens (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    owner TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    destructive INTEGER NOT NULL,
    cli INTEGER NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    last_used INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX tokens_by_owner ON tokens (owner);

CREATE TABLE secrets (
    id TEXT PRIMARY KEY NOT NULL,
    purpose TEXT NOT NULL,
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE settings (
    name TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE sealed_settings (
    name TEXT PRIMARY KEY NOT NULL,
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

-- `trust`, `contact` and `facts` are JSON of the domain's types.
CREATE TABLE hosts (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE UNIQUE,
    address TEXT NOT NULL COLLATE NOCASE,
    port INTEGER NOT NULL,
    login TEXT NOT NULL,
    elevation TEXT NOT NULL,
    sudo_secret TEXT REFERENCES secrets (id) ON DELETE SET NULL,
    trust TEXT NOT NULL,
    contact TEXT NOT NULL,
    facts TEXT,
    created_at INTEGER NOT NULL,
    UNIQUE (address, port)
) STRICT;
CREATE INDEX hosts_by_secret ON hosts (sudo_secret);

CREATE TABLE clusters (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE UNIQUE,
    scheme TEXT NOT NULL,
    reach TEXT NOT NULL,
    version TEXT NOT NULL,
    token TEXT NOT NULL,
    quota TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- A host carries at most one member, and cannot be forgotten while it does.
CREATE TABLE cluster_members (
    cluster TEXT NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    host TEXT NOT NULL UNIQUE REFERENCES hosts (id) ON DELETE RESTRICT,
    client_url TEXT NOT NULL,
    peer_url TEXT NOT NULL,
    data_dir TEXT NOT NULL,
    PRIMARY KEY (cluster, name)
) STRICT;

CREATE TABLE cluster_events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster TEXT NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX cluster_events_by_cluster ON cluster_events (cluster, seq);
CREATE INDEX cluster_events_by_time ON cluster_events (at);

-- `state`, `reason`, `steps_done` and `at_step` are a cache of the log. `cluster` has no foreign key: an install
-- names its cluster before there is one, and an operation outlives its cluster.
CREATE TABLE operations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    kind_version INTEGER NOT NULL,
    class TEXT NOT NULL,
    title TEXT NOT NULL,
    cluster TEXT,
    cluster_name TEXT NOT NULL COLLATE NOCASE,
    actor TEXT NOT NULL,
    plan_json TEXT NOT NULL,
    view_json TEXT NOT NULL,
    step_count INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    steps_done INTEGER NOT NULL DEFAULT 0,
    at_step INTEGER NOT NULL DEFAULT 0,
    soaked INTEGER,
    output_seq INTEGER NOT NULL DEFAULT 0,
    started_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX operations_by_cluster ON operations (cluster, seq);
-- The claims: one changing operation a cluster, by id and by name.
CREATE UNIQUE INDEX claim_of_cluster ON operations (cluster)
    WHERE cluster IS NOT NULL AND state NOT IN ('done', 'unwound', 'handed_over');
CREATE UNIQUE INDEX claim_of_cluster_name ON operations (cluster_name)
    WHERE cluster_name <> '' AND state NOT IN ('done', 'unwound', 'handed_over');

CREATE TABLE operation_hosts (
    operation TEXT NOT NULL REFERENCES operations (id),
    host TEXT NOT NULL,
    held INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (operation, host)
) STRICT;
-- The claims: one changing operation a host.
CREATE UNIQUE INDEX claim_of_host ON operation_hosts (host) WHERE held = 1;
-- Freed by the database itself, in the transaction that ends the operation.
CREATE TRIGGER operation_frees_hosts AFTER UPDATE OF state ON operations
    WHEN NEW.state IN ('done', 'unwound', 'handed_over')
BEGIN
    UPDATE operation_hosts SET held = 0 WHERE operation = NEW.id AND held = 1;
END;

CREATE TABLE operation_log (
    operation TEXT NOT NULL REFERENCES operations (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    step INTEGER NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (operation, seq)
) STRICT;
CREATE TRIGGER operation_log_is_append_only_update BEFORE UPDATE ON operation_log
BEGIN
    SELECT RAISE(ABORT, 'the log of operations is append-only');
END;
CREATE TRIGGER operation_log_is_append_only_delete BEFORE DELETE ON operation_log
BEGIN
    SELECT RAISE(ABORT, 'the log of operations is append-only');
END;

CREATE TABLE operation_output (
    operation TEXT NOT NULL REFERENCES operations (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    step INTEGER NOT NULL,
    host TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (operation, seq)
) STRICT;
CREATE INDEX operation_output_by_time ON operation_output (at);

-- How much each step has printed, which is not counted again each time and survives pruning.
CREATE TABLE operation_output_sizes (
    operation TEXT NOT NULL REFERENCES operations (id),
    step INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    capped INTEGER NOT NULL,
    PRIMARY KEY (operation, step)
) STRICT;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_is_append_only_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
CREATE TRIGGER audit_is_append_only_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
