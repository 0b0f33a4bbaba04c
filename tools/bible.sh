#!/usr/bin/env bash
# bible.sh: write the King James Bible as plain text, a line a verse without its number: what the models of examples/models that begin by kjv_ train on.
#
# Usage: tools/bible.sh FILE
# The text is Debian's: bible-kjv-text holds it packed, and the program of bible-kjv unpacks it.
set -euo pipefail

file=${1:?"usage: tools/bible.sh FILE"}
if ! command -v bible > /dev/null; then
    echo "bible: there is no program 'bible' here; install Debian's bible-kjv and bible-kjv-text" >&2
    exit 1
fi
mkdir -p "$(dirname "$file")"
new=$(mktemp "$file.XXXXXX")
trap 'rm -f "$new"' EXIT
bible -f gen1:1-rev22:21 | sed 's/^[^ ]* //' > "$new"
verses=$(wc -l < "$new")
if [ "$verses" -ne 31102 ]; then
    echo "bible: the program 'bible' wrote $verses lines; expected 31102 verses. Is it another translation?" >&2
    exit 1
fi
chmod 644 "$new"
mv "$new" "$file"
echo "wrote $file"
