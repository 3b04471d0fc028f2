#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD - run every test program of BUILD (T=name for one) and add up the results.
# Each program speaks TAP. Ends with "N passed, N failed, N skipped"; exit 1 on a failure.
set -u
build=$1
passed=0 failed=0 skipped=0
export CMOCKA_MESSAGE_OUTPUT=TAP
[ -n "${PLIMSOLL_VIDEO:-}" ] || export PLIMSOLL_VIDEO="$build/plimsoll-video.so"
log=$build/test.log
: >"$log"

for program in "$build"/test/test_* "$build"/test/conformance/conf_*; do
    case $program in *.o | *.d | *'*') continue ;; esac
    name=$(basename "$program")
    [ -z "${T:-}" ] || [ "$name" = "test_$T" ] || [ "$name" = "conf_$T" ] || continue
    out=$build/test.out
    begin=$(date +%s)
    timeout 600 "$program" >"$out" 2>&1
    rc=$?
    seconds=$(($(date +%s) - begin))
    cat "$out" >>"$log"
    # cmocka prints a skip as "not ok N # SKIP name" or "ok N # SKIP name", by version.
    s=$(grep -cE '^(not )?ok .*# SKIP' "$out")
    p=$(grep -E '^ok ' "$out" | grep -vc '# SKIP')
    f=$(grep -E '^not ok ' "$out" | grep -vc '# SKIP')
    if [ $rc -ne 0 ] && [ "$f" -eq 0 ]; then
        f=1
        echo "$name: ended with status $rc"
        tail -n 20 "$out"
    fi
    if [ $((p + s + f)) -eq 0 ]; then
        f=1
        echo "$name: ran no test"
    fi
    [ "$f" -eq 0 ] || grep -E -B 3 -A 6 '^not ok |ERROR:|runtime error' "$out" | head -60
    [ "$s" -eq 0 ] || grep '^# skipped:' "$out" | sort | uniq -c | sed "s/^ */  $name: /"
    [ "$seconds" -ge 2 ] && took="  ($seconds s)" || took=
    printf '%-28s %4d passed %3d failed %3d skipped%s\n' "$name" "$p" "$f" "$s" "$took"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
