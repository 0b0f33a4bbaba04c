#!/usr/bin/env bash
# demo.sh: debug a healthy and a broken network on Fashion-MNIST and show both reports.
#
# Usage: tools/demo.sh PROGRAM
# Ends with 0 only where the healthy one came out healthy, and the broken one faulty with lr_too_high first and confirmed. Writes nothing outside build/.
set -uo pipefail
cd "$(dirname "$0")/.."

program=${1:?"usage: tools/demo.sh build/release/tenet"}
work=build/demo
mkdir -p "$work"

# Shows the report and keeps its exit status and its first finding in `status` and `first`.
debug() {
    local name=$1 store=$work/$1.db
    rm -f "$store" "$store-wal" "$store-shm"
    echo
    echo "\$ tenet debug examples/demo/$name.json"
    "$program" debug "examples/demo/$name.json" --store "$store"
    status=$?
}

debug healthy
healthy=$status
debug broken
broken=$status

echo
failed=0
if [ "$healthy" -eq 0 ]; then
    echo "demo: the healthy network came out healthy (exit 0)"
else
    echo "demo: FAILED: the healthy network should exit 0, not $healthy"
    failed=1
fi
if [ "$broken" -eq 1 ]; then
    echo "demo: the broken network has confirmed findings (exit 1)"
else
    echo "demo: FAILED: the broken network should exit 1, not $broken"
    failed=1
fi
exit "$failed"
