#!/usr/bin/env bash
# docs.sh: write the documents that come from the program's own tables, docs/hypes.md and docs/causes.md.
#
# Usage: tools/docs.sh PROGRAM
# All other documents are written by hand. tests/cli fails where one of these two is not what the program says.
set -euo pipefail
cd "$(dirname "$0")/.."

program=${1:?"usage: tools/docs.sh build/release/tenet"}
new=$(mktemp)
trap 'rm -f "$new"' EXIT

# A program that fails must not leave half a document.
document() {
    local file=$1
    shift
    "$program" "$@" > "$new"
    cp "$new" "$file"
    echo "wrote $file"
}

document docs/hypes.md hypes --help-all --markdown
document docs/causes.md explain --markdown
