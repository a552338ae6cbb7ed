-- Clusters that somebody else installed: what they want from their clients, members on hosts that the console does not
-- know, and how etcd lies on each host (JSON of the domain's `Layout`; what was there before is the guide's).

ALTER TABLE clusters ADD COLUMN adopted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE clusters ADD COLUMN access TEXT REFERENCES secrets (id) ON DELETE RESTRICT;
CREATE INDEX clusters_by_access ON clusters (access);

CREATE TABLE cluster_members_new (
    cluster TEXT NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    host TEXT UNIQUE REFERENCES hosts (id) ON DELETE RESTRICT,
    client_url TEXT NOT NULL,
    peer_url TEXT NOT NULL,
    data_dir TEXT NOT NULL,
    layout TEXT NOT NULL,
    PRIMARY KEY (cluster, name)
) STRICT;
INSERT INTO cluster_members_new (cluster, position, name, host, client_url, peer_url, data_dir, layout)
    SELECT cluster, position, name, host, client_url, peer_url, data_dir,
        '{"unit":"etcd.service","conf":"/etc/etcd/etcd.conf","not_here":""}'
    FROM cluster_members;
DROP TABLE cluster_members;
ALTER TABLE cluster_members_new RENAME TO cluster_members;
