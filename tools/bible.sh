#!/usr/bin/env bash
# bible.sh: write the King James Bible as plain text, a line a verse without its number: what the models of examples/models that begin by kjv_ train on.
#
# Usage: tools/bible.sh FILE
# Beside FILE, such as build/bible.txt, it writes build/bible_swapped.txt: the same verses, each pair of their words in the other order, for a model that is to say them so.
# The text is Debian's: bible-kjv-text holds it packed, and the program of bible-kjv unpacks it.
set -euo pipefail

file=${1:?"usage: tools/bible.sh FILE"}
if ! command -v bible > /dev/null; then
    echo "bible: there is no program 'bible' here; install Debian's bible-kjv and bible-kjv-text" >&2
    exit 1
fi
mkdir -p "$(dirname "$file")"
swapped=${file%.txt}_swapped.txt
new=$(mktemp "$file.XXXXXX")
new_swapped=$(mktemp "$file.XXXXXX")
trap 'rm -f "$new" "$new_swapped"' EXIT
bible -f gen1:1-rev22:21 | sed 's/^[^ ]* //' > "$new"
verses=$(wc -l < "$new")
if [ "$verses" -ne 31102 ]; then
    echo "bible: the program 'bible' wrote $verses lines; expected 31102 verses. Is it another translation?" >&2
    exit 1
fi
awk '{for (i = 1; i < NF; i += 2) {word = $i; $i = $(i + 1); $(i + 1) = word} print}' "$new" > "$new_swapped"
chmod 644 "$new" "$new_swapped"
mv "$new" "$file"
mv "$new_swapped" "$swapped"
echo "wrote $file and $swapped"
