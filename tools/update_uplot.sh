#!/bin/sh
# update_uplot.sh: renews third_party/uplot, the charts of the page of a run, from the npm package of a given version.
#
# Usage: tools/update_uplot.sh VERSION        (the present one is in third_party/uplot/VERSION)
# Needs npm and the network; the build needs neither. Look at a page afterwards: tests/python/test_run_page.py opens some in a browser.
set -eu
if [ $# -ne 1 ]; then
    echo "usage: tools/update_uplot.sh VERSION" >&2
    exit 2
fi
version=$1
here=$(cd "$(dirname "$0")/.." && pwd)/third_party/uplot
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && npm pack --silent "uplot@$version" > /dev/null && tar -xzf uplot-*.tgz)
for file in dist/uPlot.iife.min.js dist/uPlot.min.css LICENSE; do
    test -s "$folder/package/$file" || { echo "update_uplot.sh: the package uplot@$version has no $file" >&2; exit 1; }
done
cp "$folder/package/dist/uPlot.iife.min.js" "$folder/package/dist/uPlot.min.css" "$folder/package/LICENSE" "$here"
(cd "$here" && echo "uplot $version" > VERSION && sha256sum uPlot.iife.min.js uPlot.min.css LICENSE >> VERSION)
cat "$here/VERSION"
