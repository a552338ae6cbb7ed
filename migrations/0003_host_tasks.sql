-- What is still to be done on a host that did not answer when a member on it was removed: its etcd is stopped and its data
-- set aside once the host is back. `cluster` and `left_by` have no foreign keys: a task outlives its cluster. A host that
-- is forgotten takes its tasks with it; one that gets a member again makes them void (`store::clusters`).
CREATE TABLE host_tasks (
    id TEXT PRIMARY KEY NOT NULL,
    host TEXT NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    cluster TEXT NOT NULL,
    cluster_name TEXT NOT NULL,
    member TEXT NOT NULL,
    peer_url TEXT NOT NULL,
    data_dir TEXT NOT NULL,
    layout TEXT NOT NULL,
    cluster_token TEXT NOT NULL,
    token TEXT NOT NULL,
    left_by TEXT NOT NULL,
    problem TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    UNIQUE (host, data_dir)
) STRICT;
CREATE INDEX host_tasks_by_cluster ON host_tasks (cluster);
