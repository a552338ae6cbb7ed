#!/bin/bash
# packages.sh build|lab|browser.. - installs what the machine lacks, or names it. Does nothing (and needs no network) when all is there.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

lacking=() # Debian packages
want() { have "$1" || lacking+=("$2"); }

for kind in "$@"; do
  case $kind in
    build)
      want cc build-essential
      want protoc protobuf-compiler
      [[ -e /usr/include/google/protobuf/empty.proto || -e /usr/local/include/google/protobuf/empty.proto ]] || lacking+=(libprotobuf-dev)
      want ssh openssh-client
      want curl curl ;;
    lab)
      want systemd-nspawn systemd-container
      want mmdebstrap mmdebstrap
      want ip iproute2
      want nft nftables
      want python3 python3 ;;
    browser)
      [[ -x /usr/bin/chromium ]] || lacking+=(chromium)
      want npm npm ;;&
    browser|node) want node nodejs ;;
    *) die "packages.sh: unknown kind $kind" ;;
  esac
done

[[ ${#lacking[@]} = 0 ]] || apt_install "${lacking[@]}"
have cargo || die "cargo is missing: install Rust 1.95 or newer (rustup is the usual way)"
