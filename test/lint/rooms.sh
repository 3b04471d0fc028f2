#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# rooms.sh - rooms look down only: include < arena < platform < src < test, bench.
# src/tools sees the public headers and its own folder. File names are unique in the tree.
set -u
bad=0
complain() { echo "rooms: $1"; bad=1; }

check() { # room allowed-prefixes...
    room=$1
    shift
    for file in $(git ls-files "$room" | grep -E '\.(c|h)$'); do
        case $file in src/tools/*) [ "$room" = src/tools ] || continue ;; esac
        grep -n '^#include "' "$file" | sed 's/:#include "/ /; s/".*//' | while read -r line path; do
            ok=0
            for prefix in "$@"; do
                case $path in "$prefix"*) ok=1 ;; esac
            done
            [ $ok = 1 ] || echo "$file:$line includes $path"
        done
    done
}

out=$(
    check include plimsoll/
    check arena plimsoll/ arena/
    check platform plimsoll/ arena/ platform/
    check src plimsoll/ arena/ platform/ src/
    check src/tools plimsoll/ src/tools/
)
[ -z "$out" ] || complain "$out"

twice=$(git ls-files '*.c' '*.h' | sed 's|.*/||' | sort | uniq -d | grep -v '^main\.c$')
[ -z "$twice" ] || complain "file names that occur twice: $twice"
odd=$(git ls-files | grep -iE '(^|/)(util|utils|misc|common|helpers?)(\.|/)')
[ -z "$odd" ] || complain "rooms without a subject: $odd"
unsigned=$(git ls-files '*.c' '*.h' '*.sh' | while read -r f; do
    head -n 3 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$f"
done)
[ -z "$unsigned" ] || complain "no SPDX line: $unsigned"
loader=$(git grep -nE '\b(dlopen|dlsym|dlfcn\.h)\b' -- include arena src ':!*.md')
[ -z "$loader" ] || complain "only platform/ may ask the dynamic loader: $loader"
notes=$(git grep -nIE '\b(TODO|FIXME|XXX|HACK)\b' -- arena platform src include bench)
[ -z "$notes" ] || complain "unfinished: $notes"
long=$(git ls-files '*.c' '*.h' | xargs awk 'length($0) > 100 { print FILENAME ":" FNR }')
[ -z "$long" ] || complain "lines above 100 columns: $long"
exit $bad
