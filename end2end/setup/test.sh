#!/bin/bash
# test.sh [unit|soak] - everything `make test` runs, in this order: lint, build, Rust tests (real etcd, real hosts), browser journeys.
# Whatever it needs is installed first. The lab is taken down at the end, also after a failure or Ctrl-C.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
MODE=${1:-all}
OWNER="the tests of $TOP"
HOSTS=${HOSTS:-6} # two tests of three hosts at a time

phase() { # phase NAME CMD..: run, and keep how long it took
  local t0=$SECONDS name=$1; shift
  echo "== $name" >&2
  "$@"
  phases+=("$(printf '%5d s  %s' $((SECONDS - t0)) "$name")")
}
phases=()

rust_tests() { cargo nextest run --profile "$1"; }

browser_journeys() { (cd end2end && npx --no-install playwright test); }

# Whatever happened: what took how long, and no host left.
finish() {
  local rc=$?
  [[ ${#phases[@]} = 0 ]] || printf '%s\n' "== time by phase" "${phases[@]}"
  [[ ! -d target/nextest ]] || node end2end/setup/slowest.mjs || rc=1
  [[ $("$LAB_SH" owner) != "$OWNER" ]] || lab "$OWNER" down || rc=1
  exit $rc
}

if [[ $MODE = unit ]]; then
  only_one "test-unit"
  end2end/setup/packages.sh build node
  end2end/setup/tools.sh nextest
  if [[ ! -e $LAB_DIR/cache/mirror/v3.5.16/SHA256SUMS ]]; then # etcd for the tests that need it, without a lab
    QUORATE_LAB_DIR=$TOP/target/lab; LAB_DIR=$QUORATE_LAB_DIR "$LAB_SH" mirror
  fi
  rm -rf target/nextest target/playwright
  trap finish EXIT
  phase "build" end2end/setup/build.sh
  phase "Rust tests without hosts" rust_tests unit
  exit
fi

need_root "make test" "'make test-unit' runs what needs no hosts."
only_one "test"
lab_is_free_for "$OWNER"
end2end/setup/packages.sh build lab browser
phase "test tools" end2end/setup/tools.sh nextest node-modules
rm -rf target/nextest target/playwright
trap finish EXIT

if [[ $MODE = soak ]]; then
  phase "build" end2end/setup/build.sh
  phase "hosts" lab_up "$OWNER" "$HOSTS"
  phase "soak" rust_tests soak
else
  phase "lint" end2end/setup/lint.sh
  phase "build" end2end/setup/build.sh
  phase "hosts" lab_up "$OWNER" "$HOSTS"
  phase "Rust tests" rust_tests default
  phase "doc tests" cargo test --doc --quiet
  phase "browser journeys" browser_journeys
fi
