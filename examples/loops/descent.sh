#!/bin/sh
# descent.sh: takes three numbers from the JSON file of hypes that it is given, and trains with them (descent.awk).
# Under `tenet debug --hypes descent.json -- ./descent.sh descent.json` the file named here is each trial's own copy.
number() { sed -n "s/.*\"$1\": *\([-+0-9.eE]*\).*/\1/p" "$hypes" | head -n 1; }
hypes=$1
exec awk -v rate="$(number rate)" -v steps="$(number steps)" -v seed="$(number seed)" -f "$(dirname "$0")/descent.awk"
