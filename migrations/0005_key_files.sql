-- Files of keys that the console keeps: uploaded ones, and what operations kept before they changed keys.

-- `parts` is NULL while the file is being written; `bytes` and `keys` count from then on.
CREATE TABLE key_files (
    id TEXT PRIMARY KEY NOT NULL,
    cluster TEXT NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    keys INTEGER NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    why TEXT NOT NULL,
    until INTEGER NOT NULL,
    parts INTEGER
) STRICT;
CREATE INDEX key_files_by_cluster ON key_files (cluster, at);
CREATE INDEX key_files_by_until ON key_files (until);

-- Whole lines of NDJSON, sealed and bound to file and number.
CREATE TABLE key_file_parts (
    file TEXT NOT NULL REFERENCES key_files (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (file, number)
) STRICT;
