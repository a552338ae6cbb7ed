#!/bin/bash
# install-by-hand.sh TOKEN STATE "CLUSTER" HOSTS.. : the guide's install by hand, over ssh as the sudo user ops, all hosts in parallel.
# VERSION, SCHEME(http|https) from the environment; CLUSTER = lab1=http://..:2380,...
# It ends as the console's install does: initial-cluster-state is existing, and a canary was written and read through each member.
set -euo pipefail
cd "$(dirname "$0")"; eval "$(./lab.sh env)"
V=${VERSION:-3.5.16} S=${SCHEME:-http} token=$1 state=$2 cluster=$3; shift 3
one() {
  local i=$1 ip=10.77.0.1$1 tls=
  [[ $S = https ]] && tls="client-transport-security: {cert-file: /etc/etcd/pki/server.crt, key-file: /etc/etcd/pki/server.key, client-cert-auth: true, trusted-ca-file: /etc/etcd/pki/ca.crt}
peer-transport-security: {cert-file: /etc/etcd/pki/peer.crt, key-file: /etc/etcd/pki/peer.key, client-cert-auth: true, trusted-ca-file: /etc/etcd/pki/ca.crt}"
  LAB_USER=ops ./lab.sh ssh $i sudo bash -s <<END
set -euo pipefail
cd \$(mktemp -d)
curl -fsSLO $LAB_MIRROR/v$V/etcd-v$V-linux-amd64.tar.gz
curl -fsSL $LAB_MIRROR/v$V/SHA256SUMS | grep -F etcd-v$V-linux-amd64.tar.gz | sha256sum -c --quiet
tar xzf etcd-v$V-linux-amd64.tar.gz
install -o root -g root -m 0755 etcd-v$V-linux-amd64/etcd* /usr/bin/
id etcd &>/dev/null || useradd --system --home-dir /var/lib/etcd --shell /usr/sbin/nologin etcd
mkdir -p /etc/etcd
install -d -o etcd -g etcd -m 0700 /var/lib/etcd
cat >/etc/etcd/etcd.conf <<Y
name: lab$i
data-dir: /var/lib/etcd
initial-cluster-state: $state
initial-cluster-token: $token
initial-cluster: $cluster
initial-advertise-peer-urls: $S://$ip:2380
listen-peer-urls: $S://$ip:2380
advertise-client-urls: $S://$ip:2379
listen-client-urls: $S://$ip:2379,$S://127.0.0.1:2379
$tls
Y
cat >/usr/lib/systemd/system/etcd.service <<U
[Unit]
Description=etcd
After=network-online.target
Wants=network-online.target
[Service]
Type=notify
User=etcd
ExecStart=/usr/bin/etcd --config-file /etc/etcd/etcd.conf
LimitNOFILE=65536
Restart=always
RestartSec=2
[Install]
WantedBy=multi-user.target
U
systemctl daemon-reload
systemctl enable -q etcd
systemctl start etcd
sed -i 's/^initial-cluster-state: new$/initial-cluster-state: existing/' /etc/etcd/etcd.conf
# A learner serves nothing but its state.
if [[ $S = http && $state = new ]]; then
  etcdctl --command-timeout=10s put canary-lab$i yes >/dev/null
  [[ \$(etcdctl --command-timeout=10s get --print-value-only canary-lab$i) = yes ]]
  etcdctl --command-timeout=10s del canary-lab$i >/dev/null
fi
rm -rf "\$PWD"
END
}
pids=(); for i in "$@"; do one $i & pids+=($!); done
for p in "${pids[@]}"; do wait $p; done
