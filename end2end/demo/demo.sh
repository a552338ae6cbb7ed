#!/bin/bash
# demo.sh up|down|check - the console with five lab hosts and a 3-member cluster that its own install operation made.
# Ctrl-C stops the console; hosts and data stay for the next start. `make demo-down` removes both.
set -euo pipefail
. "$(dirname "$0")/../setup/lib.sh"
OWNER="the demo of $TOP"
DATA=$TOP/target/demo

take_down() {
  [[ $("$LAB_SH" owner) != "$OWNER" ]] || lab "$OWNER" down
  rm -rf "$DATA"
}

case $1 in
  down)
    need_root "make demo-down" ""
    only_one "demo-down"
    take_down; say "the demo's hosts and data are gone" ;;
  up|check)
    need_root "make demo" "'make run' starts a console without hosts."
    only_one "demo"
    lab_is_free_for "$OWNER"
    end2end/setup/packages.sh build lab node
    end2end/setup/build.sh
    lab_up "$OWNER" 5
    if [[ $1 = check ]]; then
      trap take_down EXIT
      node end2end/demo/demo.mjs "$DATA" --check
    else
      exec node end2end/demo/demo.mjs "$DATA"
    fi ;;
esac
