#!/bin/bash
# lint.sh - formatting and clippy, for the server half and for the browser half.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
end2end/setup/packages.sh build
cargo fmt --all --check
cargo clippy --all-targets --quiet -- -D warnings
wasm=$(end2end/setup/toolchain.sh)
# shellcheck disable=SC2086
cargo $wasm clippy -p quorate-frontend --target wasm32-unknown-unknown --profile wasm-release --quiet -- -D warnings
for script in $(git ls-files '*.sh' 'end2end/**/*.sh'); do bash -n "$script"; done
