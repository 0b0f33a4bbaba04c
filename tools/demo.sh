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

# Shows a report, keeps it in build/demo, and keeps the program's exit status in `status`. The program draws its progress on stderr.
debug() {
    local name=$1 store=$work/$1.db
    rm -f "$store" "$store-wal" "$store-shm"
    echo
    echo "\$ tenet debug examples/demo/$name.json"
    "$program" debug "examples/demo/$name.json" --store "$store" | tee "$work/$name.txt"
    status=${PIPESTATUS[0]}
}

failed=0
expect() {
    if [ "$2" = "$3" ]; then
        echo "demo: $1: $3"
    else
        echo "demo: FAILED: $1: $3, expected $2"
        failed=1
    fi
}

debug healthy
healthy=$status
debug broken
broken=$status
# A finding's second line reads "confirmed by its fix, confidence 98 %  [lr_too_high]".
first=$(sed -n 's/^ *\(confirmed\|suspected\).*\[\([a-z_]*\)\]$/\1 \2/p' "$work/broken.txt" | head -n 1)

echo
expect "exit status for the healthy network" 0 "$healthy"
expect "exit status for the broken network" 1 "$broken"
expect "first finding for the broken network" "confirmed lr_too_high" "$first"
exit "$failed"
