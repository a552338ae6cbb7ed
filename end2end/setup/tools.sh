#!/bin/bash
# tools.sh nextest|deny|node-modules.. - installs the test tools that the machine lacks.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
for tool in "$@"; do
  case $tool in
    nextest) have cargo-nextest || { say "installing cargo-nextest"; cargo install --locked --quiet cargo-nextest; } ;;
    deny) have cargo-deny || { say "installing cargo-deny"; cargo install --locked --quiet cargo-deny; } ;;
    node-modules) # npm is asked only when the lock file changed, so that a second run needs no network
      if ! cmp -s end2end/package-lock.json end2end/node_modules/.installed-lock; then
        (cd end2end && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error)
        cp end2end/package-lock.json end2end/node_modules/.installed-lock
      fi ;;
    *) die "tools.sh: unknown tool $tool" ;;
  esac
done
