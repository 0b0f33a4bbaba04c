#!/usr/bin/env bash
# docs.sh: write the documents that come from the program's own tables, docs/hypes.md and docs/causes.md.
#
# Usage: tools/docs.sh PROGRAM [--check]
# With --check it writes nothing, and fails where a document is not what the program says. All other documents are written by hand.
set -euo pipefail
cd "$(dirname "$0")/.."

program=${1:?"usage: tools/docs.sh build/release/tenet [--check]"}
mode=${2:-}
new=$(mktemp)
trap 'rm -f "$new"' EXIT

document() {
    local file=$1
    shift
    "$program" "$@" > "$new"
    if [ "$mode" != --check ]; then
        cp "$new" "$file"
        echo "wrote $file"
    elif ! cmp -s "$new" "$file"; then
        echo "docs: $file is not what the program says; run make docs" >&2
        stale=1
    fi
}

stale=0
document docs/hypes.md hypes --help-all --markdown
document docs/causes.md explain --markdown
exit "$stale"
