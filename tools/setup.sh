#!/usr/bin/env bash
# setup.sh: install the Debian packages that a make target needs, and only those.
#
# Usage: tools/setup.sh GROUP, where GROUP is one of build, demo, test, lint, fuzz, bench, bible.
# With everything installed it asks dpkg and nothing else, so it works offline and at once. Otherwise it installs as root, or by sudo; where it
# can do neither, or the system is not Debian-like, it prints what is missing and stops. TENET_SETUP=skip leaves the system alone: for other
# systems, and for people who keep their own libraries. It installs no compilers by other ways and nothing outside the package manager.
set -euo pipefail

packages_of() {
    case "$1" in
        build) echo "cmake ninja-build gcc libc6-dev pkg-config libdnnl-dev libsqlite3-dev libjansson-dev zlib1g-dev libpng-dev libjpeg62-turbo-dev python3-dev" ;;
        demo) echo "$(packages_of build) dataset-fashion-mnist" ;;
        test) echo "$(packages_of demo) libcmocka-dev python3 python3-torch python3-numpy git" ;;
        lint) echo "$(packages_of test) clang clang-tidy clang-format cppcheck git" ;;
        # libFuzzer and the sanitizers of clang are a package of their own, named after clang's version.
        fuzz) echo "$(packages_of build) clang libclang-rt-$(clang_version)-dev" ;;
        bible) echo "bible-kjv bible-kjv-text" ;;
        bench) echo "$(packages_of test) python3-torch python3-numpy python3-sklearn bible-kjv bible-kjv-text" ;;
        *)
            echo "setup: unknown group '$1'; expected build, demo, test, lint, fuzz, bench or bible" >&2
            exit 2
            ;;
    esac
}

# The major version of the system's clang: of the installed one, else of the one that would be installed.
clang_version() {
    local version=""
    if command -v clang > /dev/null; then
        version=$(clang -dumpversion | cut -d. -f1)
    elif command -v apt-cache > /dev/null; then
        version=$(apt-cache depends clang 2> /dev/null | sed -n 's/^ *Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
    fi
    echo "${version:-14}"
}

missing_of() {
    local package status
    for package in "$@"; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null || true)
        [ "$status" = installed ] || echo "$package"
    done
}

stop_with() {
    {
        echo "setup: $1"
        shift
        echo "Missing: $*"
        echo "Install these (Debian's names), then run make again. TENET_SETUP=skip skips this check."
    } >&2
    exit 1
}

group=${1:?"usage: tools/setup.sh build|demo|test|lint|fuzz|bench|bible"}
packages=$(packages_of "$group")
[ "${TENET_SETUP:-}" = skip ] && exit 0

# shellcheck disable=SC2086 # the list is split on purpose
if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
    stop_with "this system has no Debian packages, so nothing can be installed or checked here." $packages
fi
# shellcheck disable=SC2086
missing=$(missing_of $packages)
[ -z "$missing" ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo > /dev/null; then
        # shellcheck disable=SC2086
        stop_with "this is not root and there is no sudo, so nothing can be installed." $missing
    fi
    as_root=(sudo)
    # Without a terminal nobody can type a password; fail at once in place of waiting.
    if [ ! -t 0 ] && ! sudo -n true 2> /dev/null; then
        # shellcheck disable=SC2086
        stop_with "sudo asks for a password and there is no terminal to type it on." $missing
    fi
fi

echo "setup: installing" $missing >&2
install() {
    # shellcheck disable=SC2086
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 $missing
}
if ! "${as_root[@]}" apt-get update -q; then
    echo "setup: the package lists could not be refreshed; trying with those at hand" >&2
fi
# The names of some packages depend on lists that were empty before.
# shellcheck disable=SC2046
missing=$(missing_of $(packages_of "$group"))
# shellcheck disable=SC2086
install < /dev/null >&2 || stop_with "the installation failed; the package manager's message is above." $missing
# shellcheck disable=SC2086,SC2046
missing=$(missing_of $(packages_of "$group"))
# shellcheck disable=SC2086
[ -z "$missing" ] || stop_with "these are still not installed." $missing
