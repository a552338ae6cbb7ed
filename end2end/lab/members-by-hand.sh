#!/bin/bash
# members-by-hand.sh add|remove N "MEMBERS.." : the guide's "add a member" and "remove a member" by hand, over ssh as the sudo user ops.
# members-by-hand.sh restart "MEMBERS.." : restarts the members one at a time, and waits for health between.
# MEMBERS are the numbers of the hosts that stay. A new member joins as a learner and is promoted, as the console does it.
set -euo pipefail
cd "$(dirname "$0")"; eval "$(./lab.sh env)"
what=$1; shift
on() { local n=$1; shift; LAB_USER=ops ./lab.sh ssh "$n" sudo "$@"; }
peer() { echo "http://10.77.0.1$1:2380"; }
list() { local out=; for n in "$@"; do out+=",lab$n=$(peer "$n")"; done; echo "${out#,}"; }
endpoints() { local out=; for n in "$@"; do out+=",http://10.77.0.1$n:2379"; done; echo "${out#,}"; }
configure() { # configure "CLUSTER" HOSTS..: the members into everybody's etcd.conf, all at once
  local cluster=$1 pids=(); shift
  for n in "$@"; do
    # ssh hands one line to a shell there, which takes the single quotes away.
    on "$n" sed -i -e "'s|^initial-cluster:.*|initial-cluster: \"$cluster\"|'" -e "'s|^initial-cluster-state:.*|initial-cluster-state: existing|'" /etc/etcd/etcd.conf & pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
}
canary() { # canary FIRST HOSTS..: written once, read through each
  local first=$1
  on "$first" etcdctl --endpoints "$(endpoints "$@")" put canary yes >/dev/null
  for n in "$@"; do [[ $(on "$first" etcdctl --endpoints "$(endpoints "$n")" get --print-value-only canary) = yes ]]; done
  on "$first" etcdctl --endpoints "$(endpoints "$@")" del canary >/dev/null
}

case $what in
add)
  n=$1; read -ra stay <<<"$2"; first=${stay[0]}; ends=$(endpoints "${stay[@]}")
  # etcd says no until all voters have been connected for five seconds.
  until on "$first" etcdctl --endpoints "$ends" member add "lab$n" --learner --peer-urls "$(peer "$n")" >/dev/null 2>&1; do sleep 0.2; done
  ./install-by-hand.sh by-hand existing "$(list "${stay[@]}" "$n")" "$n" >/dev/null
  id=$(on "$first" etcdctl --endpoints "$ends" member list | grep -F "$(peer "$n")" | cut -d, -f1)
  until on "$first" etcdctl --endpoints "$ends" member promote "$id" >/dev/null 2>&1; do sleep 0.2; done
  configure "$(list "${stay[@]}" "$n")" "${stay[@]}"
  canary "${stay[@]}" "$n"
  ;;
remove)
  n=$1; read -ra stay <<<"$2"; first=${stay[0]}; ends=$(endpoints "${stay[@]}")
  id=$(on "$first" etcdctl --endpoints "$ends" member list | grep -F "$(peer "$n")" | cut -d, -f1)
  until on "$first" etcdctl --endpoints "$ends" member remove "$id" >/dev/null 2>&1; do sleep 0.2; done
  on "$n" sh -c '"systemctl disable -q --now etcd; mkdir -p /var/lib/etcd/aside; mv /var/lib/etcd/member /var/lib/etcd/aside/"'
  configure "$(list "${stay[@]}")" "${stay[@]}"
  canary "${stay[@]}"
  ;;
restart)
  read -ra stay <<<"$1"
  for n in "${stay[@]}"; do
    on "$n" systemctl restart etcd
    until on "$n" etcdctl --endpoints "$(endpoints "${stay[@]}")" endpoint health >/dev/null 2>&1; do sleep 0.2; done
  done
  canary "${stay[@]}"
  ;;
*) echo "usage: see the head of this file" >&2; exit 2 ;;
esac
