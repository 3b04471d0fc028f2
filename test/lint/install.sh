#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh - install into an empty folder and build docs/examples/first_load.c against it: with
# pkg-config (shared and static), with CMake, and the public headers from C++.
set -eu
top=$(pwd)
stage=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-install-XXXXXX")
trap 'rm -rf "$stage"' EXIT
make -s install DESTDIR="$stage" PREFIX=/opt/plimsoll >/dev/null
root=$stage/opt/plimsoll
for f in lib/libplimsoll.a lib/libplimsoll.so include/plimsoll/plimsoll.h bin/plimsoll bin/memreport \
    lib/pkgconfig/plimsoll.pc lib/cmake/plimsoll/plimsoll-config.cmake share/man/man1/plimsoll.1 \
    share/man/man1/memreport.1 lib/plimsoll/plimsoll-video.so share/plimsoll/memreport-1.schema.json; do
    [ -e "$root/$f" ] || { echo "install: $f is missing"; exit 1; }
done
if grep -rIl --include='*.pc' --include='*.cmake' "$top" "$root"; then
    echo "install: these files name the build folder"
    exit 1
fi

export PKG_CONFIG_PATH="$root/lib/pkgconfig"
flags="--define-variable=prefix=$root --define-variable=libdir=$root/lib"
cd "$stage"
# shellcheck disable=SC2046,SC2086
cc -std=c11 -Wall -Werror "$top/docs/examples/first_load.c" -o shared \
    $(pkg-config $flags --cflags --libs plimsoll) -Wl,-rpath,"$root/lib"
# shellcheck disable=SC2046,SC2086
cc -std=c11 -Wall -Werror "$top/docs/examples/first_load.c" -o static \
    $(pkg-config $flags --cflags plimsoll) "$root/lib/libplimsoll.a" \
    $(pkg-config --libs hwloc liblz4 libcrypto jansson) \
    $(pkg-config --silence-errors --libs liburing || true) -pthread -lnuma -ldl -lm
for program in ./shared ./static; do
    rc=0
    $program >/dev/null 2>&1 || rc=$?
    [ $rc -ne 0 ] && [ $rc -lt 100 ] || { echo "install: $program without arguments ended with $rc"; exit 1; }
done
if command -v c++ >/dev/null 2>&1; then
    printf '#include <plimsoll/plimsoll.h>\nint main() { plim_account a = {}; (void)a; return plim_version()[0] == 0; }\n' >cxx.cc
    # shellcheck disable=SC2046,SC2086
    c++ -std=c++17 -Wall -Wextra -Werror cxx.cc -o cxx $(pkg-config $flags --cflags --libs plimsoll) \
        -Wl,-rpath,"$root/lib"
    ./cxx
else
    echo "# skipped: no C++ compiler"
fi
if command -v cmake >/dev/null 2>&1; then
    mkdir cmake && cd cmake
    cp "$top/docs/examples/first_load.c" .
    cat >CMakeLists.txt <<'EOF'
cmake_minimum_required(VERSION 3.18)
project(first_load C)
find_package(plimsoll REQUIRED)
add_executable(first_load first_load.c)
target_link_libraries(first_load PRIVATE plimsoll::plimsoll)
EOF
    { cmake -S . -B build -DCMAKE_PREFIX_PATH="$root" && cmake --build build; } >log 2>&1 || { cat log; exit 1; }
else
    echo "# skipped: no cmake"
fi
echo "install: shared, static, C++ and CMake builds work against the installed tree"
