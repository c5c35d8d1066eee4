#!/usr/bin/env bash
# Tests the add-ons in a real Odoo: their own tests first, then a real hub beside it, with
# somebody who presses the buttons.
#
#   scripts/odoo_lab/test_addon.sh             both
#   scripts/odoo_lab/test_addon.sh own         their own tests
#   scripts/odoo_lab/test_addon.sh proof ...   the proof; the rest goes to pytest
#
# Environment: PYTHON, one in which the project and its tools for tests are installed; and
# that of lab.sh, whose exit status is this one's where no lab can be had: 3 if the mirror has
# no Odoo, 4 if the machine cannot have a lab. 5 says that no tests ran.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

lab=scripts/odoo_lab/lab.sh
python=${PYTHON:-.venv/bin/python}
logs=${ODOO_LAB:-.odoo-lab}/logs

failed() {
  local status=$1; shift
  printf '\n!! %s\n' "$@" >&2
  exit "$status"
}

# The first alone, then the other on top of it: each has to do without what comes later.
own_tests() {
  $lab fresh addon_tests
  own_tests_of odoo_ai_config
  own_tests_of odoo_ai_config_product
}

own_tests_of() {
  local addon=$1 status=0 port log=$logs/addon-tests-$1.log
  # The port is not used by the tests, but Odoo wants one while it runs them.
  port=$("$python" -c 'import socket; s = socket.create_server(("", 0)); print(s.getsockname()[1])')
  $lab odoo server -d addon_tests -i "$addon" --http-port "$port" --stop-after-init \
    --test-tags "/$addon" >"$log" 2>&1 </dev/null || status=$?

  local summary count
  summary=$(grep -oE '[0-9]+ failed, [0-9]+ error\(s\) of [0-9]+ tests' "$log" | tail -n 1 || true)
  count=$(sed -nE 's/.* of ([0-9]+) tests/\1/p' <<<"$summary")
  echo "Odoo, $addon: ${summary:-no tests}" >&2
  if [ "$status" -ne 0 ] || ! grep -q '^0 failed, 0 error' <<<"$summary"; then
    if [ -z "$count" ]; then
      # It could not even be installed, and the reason comes last.
      tail -n 40 "$log" | cut -c 1-400 >&2
      failed 5 "Odoo ran no tests of $addon (status $status)." "All it said is in $log"
    fi
    grep -nE ' (ERROR|CRITICAL) ' -A 12 "$log" | cut -c 1-400 | tail -n 120 >&2
    failed 1 "The tests of $addon failed: $summary (status $status)." "All it said is in $log"
  fi
  # Odoo is content with tests that it cannot find.
  grep -q " odoo.addons.$addon.tests.*: Starting " "$log" ||
    failed 5 "Odoo ran no tests of $addon." "All it said is in $log"
  # Views that Odoo only complains of, and constraints that it silently leaves out.
  if grep -E ' WARNING .*(odoo_ai_config|ai[._]hub)' "$log" >&2; then
    failed 1 "Odoo warns of $addon."
  fi
}

proof() { "$python" -m pytest -m odoo tests/odoo "$@"; }

$lab build
trap '$lab down' EXIT
case ${1:-all} in
  own) own_tests ;;
  proof) shift; proof "$@" ;;
  all) own_tests; proof ;;
  *) echo "own, proof, or nothing for both" >&2; exit 2 ;;
esac
