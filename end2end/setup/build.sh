#!/bin/bash
# build.sh [release] - everything that runs: browser half, site folder, the quorate binary (which embeds the site).
set -euo pipefail
. "$(dirname "$0")/lib.sh"
profile=(); [[ ${1:-} != release ]] || profile=(--release)

end2end/setup/packages.sh build
wasm=$(end2end/setup/toolchain.sh)
# shellcheck disable=SC2086
cargo $wasm build -p quorate-frontend --target wasm32-unknown-unknown --profile wasm-release
# Without -p: features are then resolved for all default members, so that these builds and the tests share what they compile.
cargo build --bin quorate-bundle
target/debug/quorate-bundle
cargo build "${profile[@]}" --bin quorate
