#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# headers.sh - every public header stands alone as C11, C17 and C++17, without a warning.
set -u
bad=0
for h in include/plimsoll/*.h; do
    for std in c11 c17; do
        ${CC:-cc} -std=$std -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -x c "$h" || bad=1
    done
    if command -v "${CXX:-c++}" >/dev/null 2>&1; then
        ${CXX:-c++} -std=c++17 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -x c++ "$h" || bad=1
    else
        echo "# skipped: no C++ compiler for $h"
    fi
done
exit $bad
