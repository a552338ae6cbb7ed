-- Whose keys are whose, how a cluster's keys are handled, and what the console keeps of keys that it overwrote or deleted.

-- `prefix` is bytes. `cluster` has no foreign key: an uninstall that is undone brings its cluster back under the same id,
-- and whoever was narrowed there must still be. NULL means every cluster.
CREATE TABLE key_rules (
    user TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    cluster TEXT,
    prefix BLOB NOT NULL,
    can_read INTEGER NOT NULL,
    can_write INTEGER NOT NULL,
    can_delete INTEGER NOT NULL,
    PRIMARY KEY (user, position)
) STRICT;

-- `settings` is JSON of the domain's `KeySettings`. `cluster` has no foreign key for the same reason: what was masked stays so.
CREATE TABLE key_settings (
    cluster TEXT PRIMARY KEY NOT NULL,
    settings TEXT NOT NULL
) STRICT;

-- `key` is bytes; `revision` that of the change; `meta` JSON of the domain's `KeyMeta`, as the key was before; `sealed` its
-- value then.
CREATE TABLE key_undo (
    id TEXT PRIMARY KEY NOT NULL,
    cluster TEXT NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    until INTEGER NOT NULL,
    actor TEXT NOT NULL,
    key BLOB NOT NULL,
    deleted INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    meta TEXT NOT NULL,
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE INDEX key_undo_by_cluster ON key_undo (cluster, at);
CREATE INDEX key_undo_by_until ON key_undo (until);
