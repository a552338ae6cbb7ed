# What a host says about itself, as `key=value` lines that facts/parse.rs reads. $1 data directory, then ports.
# Few forks: it runs on every look at a host. Reads nothing from stdin (that is this script itself).
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
data=$1
shift
say() { printf '%s=%s\n' "$1" "$2"; }
have() { command -v "$1" >/dev/null 2>&1; }
file() { [ -f "$2" ] && say "$1" "$(head -c 65536 -- "$2" | base64 -w0)"; }
room() {
  at=$2
  while [ ! -e "$at" ] && [ "$at" != / ]; do at=${at%/*}; at=${at:-/}; done
  say "$1" "$(stat -f -c '%a*%S' -- "$at" 2>/dev/null)"
}

[ "$(id -u)" = 0 ] && say root 1
read -r name </proc/sys/kernel/hostname && say hostname "$name"
(. /etc/os-release 2>/dev/null && say os "${PRETTY_NAME-}") </dev/null
say machine "$(uname -m)"
say kernel "$(uname -r)"
if [ -d /run/systemd/system ]; then say systemd "$(systemctl --version 2>/dev/null | head -n1)"; fi
say cpus "$(nproc 2>/dev/null)"
while read -r key value unit; do
  [ "$key" = MemTotal: ] && { say memory_kib "$value"; break; }
done </proc/meminfo
if have getenforce; then say selinux "$(getenforce 2>/dev/null)"; else say selinux absent; fi
if [ -f /etc/selinux/config ]; then say selinux_config "$(sed -n 's/^SELINUX=//p' /etc/selinux/config | tail -n1)"; fi
room data_free "$data"
room bin_free /usr/bin
have curl && say curl 1
have tar && have gzip && say tar 1

for binary in etcd etcdctl etcdutl; do
  [ -f "/usr/bin/$binary" ] && say binary "$(sha256sum -- "/usr/bin/$binary")"
done
[ -x /usr/bin/etcd ] && say etcd_version "$(timeout 5 /usr/bin/etcd --version 2>/dev/null </dev/null | head -n1)"
if [ -d /run/systemd/system ]; then
  systemctl show -p LoadState -p ActiveState -p UnitFileState -p FragmentPath -p DropInPaths etcd.service \
    2>/dev/null </dev/null |
    while IFS= read -r line; do say "unit_${line%%=*}" "${line#*=}"; done
fi
# systemd names drop-ins only once there is a unit.
for path in /etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system; do
  for at in "$path"/etcd.service.d/*.conf; do
    { [ -e "$at" ] || [ -L "$at" ]; } && say unit_drop_in "$at"
  done
done
for comm in /proc/[0-9]*/comm; do
  read -r name <"$comm" 2>/dev/null && [ "$name" = etcd ] && { say running 1; break; }
done 2>/dev/null
getent passwd etcd >/dev/null 2>&1 && say user 1
if [ -d "$data" ]; then
  say data_dir 1
  { [ -e "$data/member" ] || [ -e "$data/wal" ]; } && say data_member 1
  mountpoint -q -- "$data" && say data_mount 1
fi
[ -d /etc/etcd ] && say conf_dir 1
file conf /etc/etcd/etcd.conf
file unit /usr/lib/systemd/system/etcd.service
file drop_in /etc/systemd/system/etcd.service.d/quorate.conf

say ports "$*"
if have ss; then
  ss -Hltnp 2>/dev/null </dev/null | while IFS= read -r line; do say listen "$line"; done
else
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while IFS= read -r line; do say proc_tcp "$line"; done
fi
if have ip; then
  ip -o addr show 2>/dev/null </dev/null | while read -r index dev family address rest; do say address "$address"; done
else
  for address in $(hostname -I 2>/dev/null); do say address "$address"; done
fi
say end 1
