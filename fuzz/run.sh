#!/usr/bin/env bash
# run.sh: give each fuzzer of build/fuzz some seconds, and keep what it learned.
#
# Usage: fuzz/run.sh SECONDS [NAME...]
# New inputs join fuzz/corpus/NAME, but only those that reach code that nothing there reaches. An input that crashes is left in
# build/fuzz/crashes/NAME, and the script ends with status 1 after all fuzzers have run.
set -uo pipefail
cd "$(dirname "$0")/.."

seconds=${1:?"usage: fuzz/run.sh SECONDS [NAME...]"}
shift
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for source in fuzz/fuzz_*.c; do
        [ -e "$source" ] || continue
        name=${source#fuzz/fuzz_}
        names+=("${name%.c}")
    done
fi
if [ ${#names[@]} -eq 0 ]; then
    echo "fuzz: there is no fuzz/fuzz_*.c to run" >&2
    exit 1
fi

passed=0
failed=0
for name in "${names[@]}"; do
    program=build/fuzz/fuzz_$name
    corpus=fuzz/corpus/$name
    work=build/fuzz/work/$name
    crashes=build/fuzz/crashes/$name
    if [ ! -x "$program" ]; then
        echo "fuzz: $program was not built" >&2
        failed=$((failed + 1))
        continue
    fi
    mkdir -p "$corpus" "$work" "$crashes"
    options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$crashes/" -print_final_stats=0 -verbosity=0)
    [ -f "fuzz/$name.dict" ] && options+=(-dict="fuzz/$name.dict")
    # A fuzzer may ask for more than the usual 4 KiB of input, in a line of its first comment: max_len N.
    max_len=$(sed -n 's/.*max_len \([0-9]*\).*/\1/p' "fuzz/fuzz_$name.c" | head -n 1)
    [ -n "$max_len" ] && options+=(-max_len="$max_len")
    echo "fuzz_$name: $seconds seconds over $(find "$corpus" -type f | wc -l) inputs"
    if "$program" "${options[@]}" "$work" "$corpus" > "build/fuzz/$name.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        tail -n 40 "build/fuzz/$name.log"
        echo "fuzz_$name: FAILED; the input is in $crashes, the log is build/fuzz/$name.log"
        continue
    fi
    # Of what was learned, the smallest set that reaches what the corpus does not reach yet. Old inputs stay, so that a run changes little.
    before=$(find "$corpus" -type f | wc -l)
    find "$work" -type f -size +64k -delete
    if "$program" -merge=1 -verbosity=0 ${max_len:+-max_len="$max_len"} "$corpus" "$work" > "build/fuzz/$name.merge.log" 2>&1; then
        echo "fuzz_$name: no finding; corpus $before -> $(find "$corpus" -type f | wc -l) inputs"
    else
        echo "fuzz_$name: no finding; the corpus could not be merged (build/fuzz/$name.merge.log)"
    fi
done
echo "$passed fuzzers without a finding, $failed with"
[ "$failed" -eq 0 ]
