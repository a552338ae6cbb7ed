# hosts.sh - cables, disks, boot, power and faults of the lab's hosts. Sourced by lab.sh, which has the variables and the commands.

# ---------------------------------------------------------------- network, mirror

in_cgroup() { # in_cgroup NAME CMD..: run in the background, detached, inside cgroup lab/NAME
  local cg=$CG/lab/$1; shift
  mkdir -p "$cg"
  setsid bash -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$cg" "$@" </dev/null &
  disown
}

end_cgroup() { # kill everything in cgroup lab/NAME at once and wait for it
  local cg=$CG/lab/$1 n
  [[ -d $cg ]] || return 0
  echo 1 >"$cg/cgroup.kill"
  for ((n = 0; n < 100; n++)); do grep -q '^populated 0' "$cg/cgroup.events" && break; sleep 0.05; done
  find "$cg" -depth -type d -exec rmdir {} + 2>/dev/null || true
}

network() {
  mountpoint -q "$CG" || mount -t cgroup2 none "$CG"
  mkdir -p "$CG/lab"
  if ! ip link show lab0 &>/dev/null; then
    ip link add lab0 type bridge
    ip addr add "$NET.1/24" dev lab0
    ip link set lab0 up
  fi
  if ! grep -qs '^populated 1' "$CG/lab/mirror/cgroup.events"; then
    in_cgroup mirror python3 -m http.server --bind "$NET.1" --directory "$CACHE/mirror" "$MIRROR_PORT" >"$LAB/mirror.log" 2>&1
  fi
}

cable() { # network namespace and cable of host I; kept while the host is off
  local i=$1
  ip link show "v$i" &>/dev/null && return
  ip netns add "lab$i"
  # A reinstalled machine keeps its network card: with another one, neighbours would talk to the old one for up to a minute.
  ip link add "v$i" type veth peer name eth0 address "02:00:00:00:00:1$i" netns "lab$i"
  ip -n "lab$i" addr add "$(ip_of "$i")/24" dev eth0
  ip -n "lab$i" link set lo up
  ip -n "lab$i" link set eth0 up
  ip link set "v$i" master lab0 up
}

wrong_neighbour() { # wrong_neighbour add|del I J: packets from I to J go to a MAC that nobody has
  case $1 in
    add) ip -n "lab$2" neigh replace "$(ip_of "$3")" lladdr 02:00:00:00:00:ff dev eth0 nud permanent ;;
    del) ip -n "lab$2" neigh del "$(ip_of "$3")" dev eth0 2>/dev/null || true ;;
  esac
}

unslow() {
  end_cgroup "slow$1"
  ip link del "s$1" 2>/dev/null || true
  ip link set "v$1" arp on master lab0
}

heal() {
  local j
  for j in $(all_hosts); do [[ $1 = "$j" ]] || { wrong_neighbour del "$1" "$j"; wrong_neighbour del "$j" "$1"; }; done
  unslow "$1"
}

slow() { # no netem in this kernel: a small relay between the cable and the bridge holds the frames back
  local i=$1 ms=$2 loss=${3:-0}
  unslow "$i"
  ip link add "s$i" type veth peer name "b$i"
  ip link set "b$i" master lab0 up
  ip link set "v$i" nomaster arp off
  ip link set "s$i" arp off up
  in_cgroup "slow$i" python3 "$HERE/delay.py" "v$i" "s$i" "lab$i:eth0" "b$i" "$ms" "$loss" >"$LAB/slow$i.log" 2>&1
}

slowdisk() {
  local dev
  [[ -d /sys/fs/cgroup/blkio/lab-h$1 ]] || die "no cgroup v1 blkio controller here"
  dev=$(findmnt -no MAJ:MIN -T "$HOSTS" | tail -1)
  echo "$dev $2" >"/sys/fs/cgroup/blkio/lab-h$1/blkio.throttle.write_iops_device"
}

# ---------------------------------------------------------------- hosts

create() {
  local i=$1 d=$HOSTS/$1 r=$HOSTS/$1/root u h
  mkdir -p "$d/upper" "$d/work" "$r"
  echo "$BASE" >"$d/base"
  mount_disk "$i"
  echo "lab$i" >"$r/etc/hostname"
  { echo "127.0.0.1 localhost"; for ((u = 1; u <= MAX; u++)); do echo "$(ip_of $u) lab$u"; done; } >"$r/etc/hosts"
  for u in root home/ops home/opspw home/guest; do
    install -d -m 0700 "$r/$u/.ssh"
    cat "$LAB/key.pub" "$LAB/authorized_keys" 2>/dev/null >"$r/$u/.ssh/authorized_keys" || true
    chown -R --reference="$r/$u" "$r/$u/.ssh"
  done
  ssh-keygen -q -A -f "$r" >/dev/null
  touch "$LAB/known_hosts"
  sed -i "/^$(ip_of "$i") /d" "$LAB/known_hosts"
  for h in "$r"/etc/ssh/ssh_host_*_key.pub; do echo "$(ip_of "$i") $(cut -d' ' -f1,2 "$h")"; done >>"$LAB/known_hosts"
  touch "$d/created"
}

mount_disk() {
  local d=$HOSTS/$1 base=$CACHE/base
  mountpoint -q "$d/root" && return
  [[ ! -e $d/base ]] || base=$(<"$d/base")
  rm -rf "$d/work"; mkdir "$d/work"
  mount -t overlay "lab$1" -o "lowerdir=$base,upperdir=$d/upper,workdir=$d/work" "$d/root"
}

boot() {
  local i=$1 io=/sys/fs/cgroup/blkio/lab-h$1
  running "$i" && return
  mount_disk "$i"; cable "$i"; ip link set "v$i" up
  [[ -d /sys/fs/cgroup/blkio ]] && mkdir -p "$io" || io=
  # nspawn gets a private view in which /sys/fs/cgroup is a plain cgroup v2 tree, whatever this machine has there
  in_cgroup "h$i" unshare -m --propagation slave bash -ec '
    [[ -z $3 ]] || echo $$ >"$3/cgroup.procs"
    umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
    mkdir -p /run/systemd/nspawn; mount -t tmpfs none /run/systemd/nspawn
    while
      rc=0
      systemd-nspawn --quiet --boot --settings=no --register=no --keep-unit --machine="lab$1" --directory="$2" \
        --network-namespace-path="/run/netns/lab$1" --capability=CAP_NET_ADMIN --link-journal=no --resolv-conf=off --timezone=off --console=pipe || rc=$?
      [[ $rc = 133 ]]   # "reboot" was called inside
    do :; done
  ' _ "$i" "$HOSTS/$i/root" "$io" >>"$HOSTS/$i/console.log" 2>&1
}

wait_ssh() { # until a login as an ordinary user works (so boot has gone past nologin)
  local i=$1 n
  for ((n = 0; n < 150; n++)); do
    LAB_USER=ops do_ssh "$i" true </dev/null &>/dev/null && return
    running "$i" || ((n < 10)) || die "host $i did not boot, see $HOSTS/$i/console.log"
    sleep 0.1
  done
  die "host $i has no ssh, see $HOSTS/$i/console.log"
}

power_cut() {
  local i=$1
  ip link set "v$i" down 2>/dev/null || true   # first the cable: a dead host sends no farewell
  end_cgroup "h$i"
}

remove() {
  local i=$1
  ! ip link show "v$i" &>/dev/null || { power_cut "$i"; heal "$i"; }
  uncable "$i" # packet filters that the host set up live in its network namespace
  umount "$HOSTS/$i/root" 2>/dev/null || true
  mountpoint -q "$HOSTS/$i/root" && die "host $i's disk is still in use"
  rm -rf "${HOSTS:?}/$i"
  rmdir "/sys/fs/cgroup/blkio/lab-h$i" 2>/dev/null || true
}

uncable() { ip link del "v$1" 2>/dev/null || true; ip netns del "lab$1" 2>/dev/null || true; }

do_ssh() { local i=$1; shift; ssh -F "$LAB/ssh_config" -o ConnectTimeout=5 -l "${LAB_USER:-root}" "lab$i" "$@"; }

status() {
  local i s n e cut
  printf '%-5s %-12s %-7s %-22s %s\n' host address power network etcd
  for i in $(all_hosts); do
    s=off n=ok
    ip link show "v$i" &>/dev/null || { echo "lab$i is half made; run up"; continue; }
    if running "$i"; then s=on; grep -q '^frozen 1' "$CG/lab/h$i/cgroup.events" && s=paused; fi
    ip -br link show "v$i" | grep -q ' DOWN ' && n=unplugged
    [[ -d $CG/lab/slow$i ]] && n="slow($(tr '\0' ' ' <"/proc/$(head -1 "$CG/lab/slow$i/cgroup.procs")/cmdline" | awk '{print $(NF-1) "ms," $NF "%"}'))"
    cut=$(ip -n "lab$i" neigh show nud permanent | awk '/02:00:00:00:00:ff/{sub(/.*\.1/,"",$1); print $1}' | sort | paste -sd,)
    [[ -z $cut ]] || n="$n cut-from:$cut"
    e=-; [[ $s = on ]] && e=$(inside "$i" systemctl is-active etcd 2>/dev/null || true)
    printf '%-5s %-12s %-7s %-22s %s\n' "lab$i" "$(ip_of "$i")" $s "$n" "$e"
  done
}

inside() {
  local i=$1 p; shift
  p=$(head -1 "$CG/lab/h$i/payload/init.scope/cgroup.procs")
  nsenter -t "$p" -m -u -i -n -p -- "$@"
}

env_vars() {
  echo "LAB_HOSTS='$(for i in $(all_hosts); do ip_of "$i"; done | xargs)'"
  echo "LAB_KEY=$LAB/key LAB_KNOWN_HOSTS=$LAB/known_hosts LAB_SSH_CONFIG=$LAB/ssh_config"
  echo "LAB_USERS='root ops opspw guest' LAB_OPSPW_PASSWORD=lab-opspw"
  echo "LAB_MIRROR=http://$NET.1:$MIRROR_PORT"
}
