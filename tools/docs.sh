#!/usr/bin/env bash
# docs.sh: write the documents that come from the program's own tables: docs/hypes.md, docs/causes.md, and docs/rules.md down to its marker.
#
# Usage: tools/docs.sh PROGRAM
# All other documents are written by hand. tests fail where one of these is not what the program says.
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

# What stands below the marker was measured by bench/rules_zoo.py, and is kept.
marker='<!-- Below: the zoo, written by bench/rules_zoo.py (make rules-zoo). Above: written by `make docs` from the table of rules. -->'
measured=$(mktemp)
trap 'rm -f "$new" "$measured"' EXIT
if [ -f docs/rules.md ]; then
    awk -v marker="$marker" 'below { print } $0 == marker { below = 1 }' docs/rules.md > "$measured"
fi
"$program" explain --rules --markdown > "$new"
{ cat "$new"; printf '\n%s\n' "$marker"; cat "$measured"; } > docs/rules.md
echo "wrote docs/rules.md"
