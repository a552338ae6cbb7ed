#!/bin/bash
# bench.sh [NAME] - all benchmarks, or one: a table on the terminal and target/bench/NAME.json. Each is one file NAME.mjs beside this.
set -euo pipefail
. "$(dirname "$0")/../setup/lib.sh"
OWNER="the benchmarks of $TOP"; export LAB_OWNER=$OWNER
names=()
for file in end2end/bench/*.mjs; do names+=("$(basename "$file" .mjs)"); done
[[ -z ${1:-} ]] || { [[ " ${names[*]} " = *" $1 "* ]] || die "no benchmark '$1'; there are: ${names[*]}"; names=("$1"); }

need_root "make bench" ""
only_one "bench"
lab_is_free_for "$OWNER"
end2end/setup/packages.sh build lab browser
end2end/setup/tools.sh node-modules
end2end/setup/build.sh release
mkdir -p target/bench
trap '[[ $("$LAB_SH" owner) != "$OWNER" ]] || lab "$OWNER" down' EXIT
lab_up "$OWNER" 3
failed=0
for name in "${names[@]}"; do
  QUORATE_BIN=$TOP/target/release/quorate node "end2end/bench/$name.mjs" || failed=1
done
exit $failed
