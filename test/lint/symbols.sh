#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# symbols.sh BUILD - the shared library exports plim_* and nothing else, and our own code never
# allocates from the heap, prints or exits (law 2 of the house).
set -u
build=$1 bad=0
foreign=$(nm -D --defined-only "$build/libplimsoll.so" | awk '{ print $3 }' | grep -v '^plim_')
[ -z "$foreign" ] || { echo "symbols: exported beside plim_*: $foreign"; bad=1; }
banned='malloc|calloc|realloc|reallocarray|free|strdup|strndup|asprintf|vasprintf|posix_memalign|aligned_alloc|printf|vprintf|puts|putchar|exit|_exit|abort|fopen|getline'
for object in $(find "$build/arena" "$build/platform" "$build/src" -name '*.o' \
    -not -path '*/tools/*' -not -path '*/episode/video/*'); do
    used=$(nm -u "$object" | awk '{ print $2 }' | sed 's/@.*//' | grep -xE "$banned" | tr '\n' ' ')
    [ -z "$used" ] || { echo "symbols: $object uses $used"; bad=1; }
done
exit $bad
