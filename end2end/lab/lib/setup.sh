# setup.sh - what a lab needs before its first host: preconditions, an owner, packages, the base image, the etcd mirror.
# Sourced by lab.sh, which has the variables. Nothing here names an archive: apt's own configuration does, at run time.

SUITE=bookworm                      # what the hosts run
ETCD_SUITES="bookworm trixie forky" # where etcd binaries come from (3.4.23, 3.5.16, a newer 3.5)
ETCD_WANTED=3.5.16                  # setup fails without this one
DISK_WANTED=6                       # GiB: the cache and nine hosts with etcd
BASE_PACKAGES=systemd-sysv,dbus,libpam-systemd,openssh-server,sudo,ca-certificates,curl,iproute2,iputils-ping,procps,nftables
# A base made from another list lies beside this one, so hosts that run keep theirs.
BASE=$CACHE/base-$(echo "$SUITE $BASE_PACKAGES" | sha256sum | cut -c1-8)

mirror_ready() { [[ -e $CACHE/mirror/v$ETCD_WANTED/SHA256SUMS ]]; }

preconditions() {
  local lacks=() free where other
  [[ $(uname -s) = Linux ]] || die "the lab needs Linux (network namespaces, overlayfs, cgroup v2); this is $(uname -s)"
  [[ $(id -u) = 0 ]] || lacks+=("root: run it through sudo")
  grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || lacks+=("overlayfs in the kernel")
  grep -qw cgroup2 /proc/filesystems || lacks+=("cgroup v2 in the kernel")
  [[ $(id -u) != 0 ]] || unshare -n -m true 2>/dev/null || lacks+=("network and mount namespaces (a container without privileges?)")
  where=$LAB; while [[ ! -d $where ]]; do where=$(dirname "$where"); done
  free=$(($(stat -f -c '%a * %S' "$where") / 1024 / 1024 / 1024))
  ((free >= DISK_WANTED)) || lacks+=("disk space: $free GiB free at $where, $DISK_WANTED wanted (LAB_DIR moves it)")
  other=$(ip -o -4 addr show 2>/dev/null | awk -v net="$NET." '$2 != "lab0" && index($4, net) == 1 {print $2}' | sort -u | xargs)
  [[ -z $other ]] || lacks+=("the subnet $NET.0/24, which $other uses")
  if [[ ! -e $BASE.ok ]] || ! mirror_ready; then archive_answers || lacks+=("a Debian archive with $SUITE that apt can reach (there is no cache yet)"); fi
  [[ ${#lacks[@]} = 0 ]] || { printf -v other '\n  - %s' "${lacks[@]}"; die "this machine lacks:$other"; }
}

# ---------------------------------------------------------------- owner

owner_says() { sed -n 's/^owner=//p' "$OWNER_FILE"; }

own() { # own TAKE: note in /run that this lab is ours; a foreign one is named and, with TAKE, removed first
  local has dir
  if [[ -e $OWNER_FILE ]]; then
    has=$(owner_says); dir=$(sed -n 's/^dir=//p' "$OWNER_FILE")
    if [[ $has != "$OWNER" || $dir != "$LAB" ]]; then
      [[ $1 ]] || die "the lab belongs to '$has' ($(sed -n 's/^since=//p' "$OWNER_FILE"), state in $dir).
  End that first ('LAB_DIR=$dir $HERE/lab.sh down', for a demo 'make demo-down'), or take it: lab.sh up --take N"
      say "taking the lab from '$has'"
      (LAB=$dir CG=$dir/cg HOSTS=$dir/hosts; take_all_down)
    fi
  elif ip link show lab0 &>/dev/null && [[ $1 ]]; then
    take_all_down
  fi
  printf 'owner=%s\ndir=%s\nsince=%s\n' "$OWNER" "$LAB" "$(date '+%F %T')" >"$OWNER_FILE"
}

# ---------------------------------------------------------------- packages, base image, mirror

archive() { # the archive's address as this machine's apt knows it
  local find=(apt-get indextargets --format "\$(REPO_URI)" "Created-By: Packages" "Release: $SUITE") uri
  [[ -z ${LAB_ARCHIVE:-} ]] || { echo "$LAB_ARCHIVE"; return; }
  uri=$("${find[@]}" 2>/dev/null | head -1)
  [[ $uri ]] || { apt-get update -qq >&2 || true; uri=$("${find[@]}" 2>/dev/null | head -1); }
  echo "$uri"
}

archive_answers() {
  local uri got rc=0
  command -v apt-get >/dev/null || return 1
  uri=$(archive); [[ $uri ]] || return 1
  got=$(mktemp)
  timeout 30 /usr/lib/apt/apt-helper -o Acquire::Retries=1 download-file "${uri%/}/dists/$SUITE/Release" "$got" &>/dev/null || rc=1
  rm -f "$got"; return $rc
}

sources() { # sources SUITE..: apt lines
  local uri suite; uri=$(archive)
  for suite in "$@"; do echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main"; done
}

need_packages() {
  local p=()
  command -v systemd-nspawn >/dev/null || p+=(systemd-container)
  command -v mmdebstrap >/dev/null || p+=(mmdebstrap)
  command -v ssh-keygen >/dev/null || p+=(openssh-client)
  command -v ip >/dev/null || p+=(iproute2)
  command -v python3 >/dev/null || p+=(python3)
  [[ ${#p[@]} = 0 ]] && return
  say "installing ${p[*]}"
  export DEBIAN_FRONTEND=noninteractive
  local install=(apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${p[@]}")
  "${install[@]}" >"$LAB/apt.log" 2>&1 || { apt-get update -qq && "${install[@]}"; } >"$LAB/apt.log" 2>&1 || die "apt-get failed, see $LAB/apt.log"
}

make_base() {
  [[ -e $BASE.ok ]] && return
  say "building the base file system ($SUITE)"
  [[ $(all_hosts) ]] || rm -rf "$CACHE"/base*
  rm -rf "$BASE"
  sources "$SUITE" "$SUITE-updates" | mmdebstrap --quiet --mode=root --variant=minbase \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
    --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --include="$BASE_PACKAGES" \
    --customize-hook='rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/etc/ssh/ssh_host_*' \
    "$SUITE" "$BASE" - >&2 || die "mmdebstrap failed"
  : >"$BASE/etc/machine-id"; : >"$BASE/etc/resolv.conf"; rm -f "$BASE/var/lib/dbus/machine-id"
  chroot "$BASE" bash -ec '
    for u in ops opspw guest; do useradd -m -s /bin/bash $u; done
    echo "ops:lab-ops
opspw:lab-opspw
guest:lab-guest
root:lab-root" | chpasswd
    printf "ops ALL=(ALL) NOPASSWD: ALL\nopspw ALL=(ALL) ALL\n" >/etc/sudoers.d/lab
    chmod 0440 /etc/sudoers.d/lab
    systemctl -q mask systemd-resolved systemd-networkd systemd-timesyncd console-getty getty@tty1 2>/dev/null || true'
  touch "$BASE.ok"
}

make_mirror() { # etcd tarballs with upstream's names and layout: $MIRROR/vX.Y.Z/etcd-vX.Y.Z-linux-amd64.tar.gz
  mirror_ready && return
  say "fetching etcd from Debian ($ETCD_SUITES)"
  local w arch; w=$(mktemp -d "${XDG_RUNTIME_DIR:-/dev/shm}/lab-apt.XXXXXX"); arch=$(dpkg --print-architecture)
  mkdir -p "$w/lists/partial" "$w/cache/archives/partial" "$w/debs"
  # shellcheck disable=SC2086
  sources $ETCD_SUITES >"$w/sources.list"
  local o=(-qq -o "Dir::Etc::SourceList=$w/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null
    -o Dir::Etc::PreferencesParts=/dev/null -o "Dir::State::lists=$w/lists" -o "Dir::Cache=$w/cache" -o Dir::State::status=/dev/null
    -o Acquire::Languages=none -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false -o Acquire::Check-Date=false
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
  (
    trap 'rm -rf "$w"' EXIT
    apt-get "${o[@]}" update
    for full in $(apt-cache "${o[@]}" madison etcd-server | awk '{print $3}' | sort -u); do
      v=${full%%-*} n=etcd-v${full%%-*}-linux-$arch
      (cd "$w/debs" && apt-get "${o[@]}" download "etcd-server=$full" "etcd-client=$full")
      mkdir -p "$w/$v/x" "$w/$v/$n" "$CACHE/mirror/v$v"
      for deb in "$w"/debs/etcd-*_"$full"_*.deb; do dpkg -x "$deb" "$w/$v/x"; done
      cp "$w/$v"/x/usr/bin/etcd* "$w/$v/$n/"   # 3.4 has no etcdutl
      # as in upstream's archives the owner is not root: an installer must set it itself
      tar -C "$w/$v" --sort=name --mtime=@0 --owner=528287 --group=89939 --numeric-owner -czf "$CACHE/mirror/v$v/$n.tar.gz" "$n"
      (cd "$CACHE/mirror/v$v" && sha256sum "$n.tar.gz" >SHA256SUMS.part && mv SHA256SUMS.part SHA256SUMS)
    done
  )
  mirror_ready || die "etcd $ETCD_WANTED is not in the archive"
}

setup() {
  mkdir -p "$CACHE" "$HOSTS" "$CG"
  need_packages; make_base; make_mirror
  [[ -e $LAB/key ]] || ssh-keygen -q -t ed25519 -N '' -C lab -f "$LAB/key"
  local i
  {
    for ((i = 1; i <= MAX; i++)); do printf 'Host lab%s\n  HostName %s\n' $i "$(ip_of $i)"; done
    printf '%s\n' 'Host *' "  IdentityFile $LAB/key" '  IdentitiesOnly yes' "  UserKnownHostsFile $LAB/known_hosts" \
      '  StrictHostKeyChecking yes' '  LogLevel ERROR'
  } >"$LAB/ssh_config"
}
