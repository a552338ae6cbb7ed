#!/bin/bash
# build.sh [release] - everything that runs: browser half, site folder, the quorate binary (which embeds the site).
set -euo pipefail
. "$(dirname "$0")/lib.sh"
profile=(); [[ ${1:-} != release ]] || profile=(--release)
frontend=(build -p quorate-frontend --target wasm32-unknown-unknown --profile wasm-release)
bundle=()

end2end/setup/packages.sh build
wasm=$(end2end/setup/toolchain.sh)
if [[ ${1:-} = release ]] && end2end/setup/toolchain.sh source "$wasm"; then
  # A tenth smaller: a standard library of its own in which a panic stops at once, without the code that would word it. The ordinary
  # build keeps the words, for whoever develops. Two sets of flags mean two target folders, or each build would undo the other's.
  # shellcheck disable=SC2086
  RUSTC_BOOTSTRAP=1 RUSTFLAGS="--cfg erase_components -Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug=none" \
    cargo $wasm "${frontend[@]}" --target-dir target/small -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size
  bundle=(--wasm target/small/wasm32-unknown-unknown/wasm-release/quorate_frontend.wasm)
else
  # shellcheck disable=SC2086
  cargo $wasm "${frontend[@]}"
fi
# Without -p: features are then resolved for all default members, so that these builds and the tests share what they compile.
cargo build --bin quorate-bundle
target/debug/quorate-bundle "${bundle[@]}"
cargo build "${profile[@]}" --bin quorate
