# lib.sh - what the scripts behind `make` share. Sourced; the caller has `set -euo pipefail`.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_SH=$TOP/end2end/lab/lab.sh
export LAB_DIR=${LAB_DIR:-/var/lib/quorate-lab}
export QUORATE_LAB_DIR=$LAB_DIR # what the tests read
cd "$TOP"

say() { echo "quorate: $*" >&2; }
die() { echo "quorate: $*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [[ $(id -u) = 0 ]]; }

# Runs a command as root without ever asking for a password.
as_root() { if is_root; then "$@"; else sudo -n -- "$@"; fi; }
can_root() { is_root || sudo -n true 2>/dev/null; }
need_root() { # need_root WHAT ADVICE: stops at once, before anything is built
  can_root || die "$1 needs root for the lab's hosts, and 'sudo -n' does not work for $(id -un). $2"
}

apt_install() { # apt_install PACKAGE..: or says what a person has to do
  local log install=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@")
  have apt-get || die "please install what these Debian packages hold: $*"
  can_root || die "please install: sudo apt-get install $*"
  say "installing $*"
  log=$(mktemp)
  as_root "${install[@]}" &>"$log" || { as_root apt-get update -qq && as_root "${install[@]}"; } &>>"$log" ||
    { tail -20 "$log" >&2; die "apt-get could not install $*"; }
  rm -f "$log"
}

# The lab with its owner's name: lab OWNER COMMAND..
lab() { local owner=$1; shift; as_root env LAB_DIR="$LAB_DIR" LAB_OWNER="$owner" "$LAB_SH" "$@"; }

# Only one of test, soak, bench and demo may use a checkout's lab and ports at a time.
only_one() {
  mkdir -p target
  exec 8>target/.one
  flock -n 8 || die "another make $(cat target/.one.name 2>/dev/null || echo demo/test/soak/bench) is running in this checkout"
  echo "$1" >target/.one.name
}

# Refuses while somebody else (the demo, another checkout) has the lab. LAB_TAKE=1 takes it.
lab_is_free_for() {
  local has; has=$("$LAB_SH" owner)
  [[ -z $has || $has = "$1" || -n ${LAB_TAKE:-} ]] ||
    die "the lab is in use by '$has'. End that first (a demo: make demo-down; otherwise: make lab-down), or take it with LAB_TAKE=1"
}
lab_up() { # lab_up OWNER N
  # shellcheck disable=SC2046
  lab "$1" up $([[ -z ${LAB_TAKE:-} ]] || echo --take) "$2"
}
