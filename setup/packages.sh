#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# packages.sh LIST - install the Debian/Ubuntu packages of LIST that are not there yet.
# An optional one that the system's archive does not have is named and left out. Says what it
# installs. Needs no network when nothing is missing. Uses sudo when not root.
set -eu
list=$1

is_there() {
    case $1 in
    command:*) command -v "${1#command:}" >/dev/null 2>&1 ;;
    library:*) PATH=$PATH:/sbin ldconfig -p 2>/dev/null | grep -q "${1#library:}" ;;
    module:*) command -v pkg-config >/dev/null 2>&1 && pkg-config --exists "${1#module:}" ;;
    header:*) echo "#include <${1#header:}>" | ${CC:-cc} -E - >/dev/null 2>&1 ;;
    *) echo "packages.sh: cannot check '$1'" >&2; exit 2 ;;
    esac
}

missing_of() { # the packages, required or optional, whose proof is not there
    grep -v '^#' "$list" | while read -r package proof need; do
        [ -n "$package" ] && [ "${need:-required}" = "$1" ] || continue
        is_there "$proof" || echo "$package"
    done | tr '\n' ' '
}

missing=$(missing_of required)
wished=$(missing_of optional)
[ -n "$missing$wished" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    [ -n "$missing" ] || exit 0
    echo "missing: $missing" >&2
    echo "this is not a Debian or Ubuntu machine: install them by hand and run make again" >&2
    exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        [ -n "$missing" ] || exit 0
        echo "missing: $missing" >&2
        echo "not root and no sudo: ask somebody to run: apt-get install $missing" >&2
        exit 1
    }
    sudo=sudo
fi
$sudo apt-get -qq update
for package in $wished; do
    if apt-cache show "$package" >/dev/null 2>&1; then
        missing="$missing$package "
    else
        echo "not in this system's archive, going on without: $package"
    fi
done
[ -n "$missing" ] || exit 0
echo "installing: $missing"
# sudo keeps no variable of ours: env behind it, or a package may ask and wait for an answer
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >/dev/null
still=$(missing_of required)
[ -z "$still" ] || { echo "installed, but still not found: $still" >&2; exit 1; }
