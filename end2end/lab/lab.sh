#!/bin/bash
# lab.sh - N Debian test hosts on this one machine: real systemd (PID 1), real sshd, own IP, own disk tree.
# A host = systemd-nspawn --boot on an overlayfs, in its own network namespace, on the bridge lab0.
# Needs root. Hosts reach each other and this machine's bridge address, nothing else (no routing, no NAT).
# Beside it: lib/setup.sh (preconditions, owner, packages, base image, etcd mirror), lib/hosts.sh (boot, disk, cables, faults).
set -euo pipefail

LAB=${LAB_DIR:-/var/lib/quorate-lab}  # all state lives here, outside of any checkout, so that every checkout finds the cache
NET=10.77.0                           # host I is $NET.1I, the bridge (and the download mirror) is $NET.1
MIRROR_PORT=${LAB_MIRROR_PORT:-8000}
OWNER=${LAB_OWNER:-lab.sh in $LAB}    # who says so in the lock; `make demo` and `make test` name themselves
OWNER_FILE=/run/quorate-lab.owner
MAX=9
HERE=$(cd "$(dirname "$0")" && pwd)
CG=$LAB/cg CACHE=$LAB/cache HOSTS=$LAB/hosts

usage() {
  cat <<END
usage: lab.sh COMMAND                      (I, J: host numbers 1..$MAX; host I is lab<I>, $NET.1<I>)
  check              name everything that is missing for a lab on this machine, in one message
  setup              packages, base file system, etcd tarballs (done once; 'up' calls it)
  mirror             only the etcd tarballs (needs no root when LAB_DIR is writable; for tests without hosts)
  up [--take] N      create and boot the hosts 1..N that are not there yet; boot those that are off
                     refused while somebody else's lab is up; --take removes that lab first
  down [--take]      power everything off, delete the hosts (the cache stays); refused for somebody else's lab without --take
  purge              the same, whoever has it, and the cache is dropped too
  status             one line per host              owner    who has the lab (nothing: nobody)
  ssh I [CMD..]      run CMD on host I (LAB_USER=root by default; ops: sudo without password)
  exec I CMD..       run CMD on host I without ssh (works when its network is cut)
  kill I..           power cut            start I..   boot again (same disk)      wipe I..  reinstall: new disk, new host keys
  pause I / resume I freeze the whole host (hung machine) / let it go on
  partition I [J..]  host I and hosts J (default: all others) lose each other's packets silently; this machine still reaches I
  unplug I           pull host I's network cable: nobody reaches it
  slow I MS [LOSS%]  +MS milliseconds each way (so RTT +2*MS), optional packet loss
  slowdisk I IOPS    limit write operations per second (0: no limit)
  heal I             undo partition, unplug and slow for host I
  env                addresses, key, user names, mirror URL as shell variables
environment: LAB_DIR (default /var/lib/quorate-lab), LAB_OWNER, LAB_MIRROR_PORT, LAB_ARCHIVE (a Debian archive, if apt has no bookworm)
END
}

die() { echo "lab: $*" >&2; exit 1; }
say() { echo "lab: $*" >&2; }
num() { [[ ${1:-} =~ ^[1-$MAX]$ ]] || die "host number 1..$MAX wanted, not '${1:-}'"; }
nums() { local i; [[ $# -gt 0 ]] || die "which host?"; for i in "$@"; do num "$i"; known "$i"; done; }
ip_of() { echo "$NET.1$1"; }
known() { [[ -d $HOSTS/$1/upper ]] || die "no host $1"; }
all_hosts() { local d; for d in "$HOSTS"/[1-9]; do [[ -d $d/upper ]] && basename "$d"; done; return 0; }
running() { grep -qs '^populated 1' "$CG/lab/h$1/cgroup.events"; }
lock() { exec 9>/run/quorate-lab.lock; flock 9; }
unlock() { exec 9>&-; } # before waiting for a host, so that another test may act on its own hosts meanwhile

# Hosts outlive the caller: nothing that it has open (its own locks, pipes) may stay open in them.
for fd in /proc/$$/fd/*; do fd=${fd##*/}; ((fd <= 2 || fd == 255)) || eval "exec $fd>&-"; done

. "$HERE/lib/setup.sh"
. "$HERE/lib/hosts.sh"

take_all_down() {
  local i
  for i in $(all_hosts); do remove "$i"; done
  for ((i = 1; i <= MAX; i++)); do uncable "$i"; done
  [[ ! -d $CG/lab ]] || { end_cgroup mirror; find "$CG/lab" -depth -type d -exec rmdir {} +; }
  ip link del lab0 2>/dev/null || true
  ! mountpoint -q "$CG" || umount "$CG"
  rm -rf "$LAB"/known_hosts "$LAB"/*.log "$OWNER_FILE"
}

down() {
  local now=
  [[ ! -e $OWNER_FILE ]] || now=$(owner_says)
  [[ -z $now || $now = "$OWNER" || ${1:-} = --take ]] || die "the lab belongs to '$now': end that first, or 'down --take'"
  take_all_down
}

up() {
  local i n take= t0; t0=$(date +%s.%N)
  [[ ${1:-} != --take ]] || { take=1; shift; }
  n=${1:-3}; num "$n"
  own "$take"
  setup; network 9>&-
  for ((i = 1; i <= n; i++)); do [[ -e $HOSTS/$i/created ]] || { remove "$i"; create "$i"; }; boot "$i" 9>&-; done
  unlock
  for ((i = 1; i <= n; i++)); do wait_ssh "$i"; done
  say "$n hosts up in $(awk -v a="$t0" -v b="$(date +%s.%N)" 'BEGIN{printf "%.1f",b-a}') s"
}

cmd=${1:-help}; [[ $# = 0 ]] || shift
case $cmd in
  up|setup|check) preconditions ;;
  down|purge|kill|start|wipe|partition|unplug|heal|slow|slowdisk|pause|resume|status|exec)
    [[ $(id -u) = 0 ]] || die "needs root ('$cmd' as $(id -un) does not work; make uses 'sudo -n')" ;;
esac
case $cmd in up|down|purge|setup|kill|start|wipe|partition|unplug|heal|slow) mkdir -p "$LAB"; lock ;; esac
case $cmd in
  check) say "all preconditions are met" ;;
  setup) setup 9>&- ;;
  mirror) mkdir -p "$CACHE"; make_mirror ;;
  up) up "$@" ;;
  down) down "$@" ;;
  purge) take_all_down; rm -rf "$CACHE" "$HOSTS" "$CG" "$LAB"/{key,key.pub,ssh_config,lock} ;;
  status) status ;;
  owner) [[ ! -e $OWNER_FILE ]] || owner_says ;;
  env) env_vars ;;
  ssh) nums "${1:-}"; do_ssh "$@" ;;
  exec) nums "${1:-}"; inside "$@" ;;
  kill) nums "$@"; for i in "$@"; do power_cut "$i"; done ;;
  start)
    nums "$@"; network 9>&-
    for i in "$@"; do boot "$i" 9>&-; done
    unlock; for i in "$@"; do wait_ssh "$i"; done ;;
  wipe)
    nums "$@"; for i in "$@"; do remove "$i"; done
    network 9>&-
    for i in "$@"; do create "$i"; boot "$i" 9>&-; done
    unlock; for i in "$@"; do wait_ssh "$i"; done ;;
  pause|resume)
    nums "${1:-}"; [[ $cmd = pause ]] && f=1 || f=0; echo $f >"$CG/lab/h$1/cgroup.freeze" ;;
  partition)
    nums "${1:-}"; i=$1; shift
    # shellcheck disable=SC2048
    for j in ${*:-$(all_hosts)}; do
      nums "$j"; [[ $i = "$j" ]] || { wrong_neighbour add "$i" "$j"; wrong_neighbour add "$j" "$i"; }
    done ;;
  unplug) nums "${1:-}"; ip link set "v$1" down ;;
  slow) nums "${1:-}"; [[ ${2:-} =~ ^[0-9]+$ ]] || die "milliseconds wanted"; slow "$1" "$2" "${3:-0}" 9>&- ;;
  slowdisk) nums "${1:-}"; [[ ${2:-} =~ ^[0-9]+$ ]] || die "writes per second wanted"; slowdisk "$1" "$2" ;;
  heal)
    nums "${1:-}"; heal "$1"
    ! running "$1" || ip link set "v$1" up ;;
  help|-h|--help) usage ;;
  *) usage >&2; exit 2 ;;
esac
