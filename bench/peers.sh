#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# peers.sh [PEER...] - other people's planners and allocators, for the benches to run beside ours.
#
# Each is fetched at the commit named below and built in build/peers, never into the repository.
# What a bench finds there afterwards is build/peers/PEER (a program or a library), or
# build/peers/PEER.why, one sentence on why there is none: a bench prints it in the peer's row.
#
#   PEERS_FROM=DIR   look for git directories there first (OWNER+NAME/repo, OWNER+NAME,
#                    OWNER/NAME or NAME, each with or without .git); otherwise GitHub is asked
#
# A peer is one function, build_PEER, run in its own source folder: it leaves $out, or fails.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
peers=$root/build/peers
CC=${CC:-cc} CXX=${CXX:-c++}

# source OWNER/NAME COMMIT FOLDER: the files of that commit lie in FOLDER.
source_of() {
    [ "$(cat "$3/.commit" 2>/dev/null)" = "$2" ] && return 0
    owner=${1%/*} name=${1#*/} git=
    for d in "$owner+$name/repo" "$owner+$name" "$owner/$name" "$name"; do
        for tail in "" .git /.git; do
            [ -n "${PEERS_FROM:-}" ] || continue
            if git --git-dir "$PEERS_FROM/$d$tail" cat-file -e "$2^{commit}" 2>/dev/null; then
                git=$PEERS_FROM/$d$tail
            fi
        done
    done
    if [ -z "$git" ]; then
        git=$peers/git/$name
        git init -q --bare "$git" &&
            GIT_TERMINAL_PROMPT=0 git --git-dir "$git" fetch -q --depth 1 "https://github.com/$1.git" "$2" || return 1
    fi
    rm -rf "$3" && mkdir -p "$3" && git --git-dir "$git" archive "$2" | tar -x -C "$3" &&
        echo "$2" >"$3/.commit"
}

# ---- planners ----

# Its own Release flags, its pinned abseil (Debian's when that cannot be had), without its tests.
build_minimalloc() {
    source_of google/minimalloc 9f5cf810fec4494df473c23cffd0567989e81b69 src || return 1
    source_of abseil/abseil-cpp b75a3ff4afda9654649328e25555181759d7ad69 abseil || rm -rf abseil
    cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.16)
project(peer LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/abseil)
  set(ABSL_PROPAGATE_CXX_STD ON)
  add_subdirectory(abseil EXCLUDE_FROM_ALL)
else()
  find_package(absl REQUIRED)
endif()
add_executable(minimalloc src/src/main.cc src/src/converter.cc src/src/minimalloc.cc
  src/src/solver.cc src/src/sweeper.cc src/src/validator.cc)
target_link_libraries(minimalloc absl::flags absl::flags_parse absl::statusor absl::log
  absl::log_initialize)
END
    cmake -S . -B cmake -DCMAKE_BUILD_TYPE=Release && cmake --build cmake -j 2 --target minimalloc &&
        cp cmake/minimalloc "$out"
}

# The C++ core of OmniMalloc; peers/supermalloc.cpp does what its Python face does.
build_supermalloc() {
    source_of fpedd/omnimalloc 2e9cf4ede72fb3c54cca86eccf8062f0892b7cc2 src || return 1
    at=src/src/cpp
    "$CXX" -std=c++20 -O3 -march=native -DNDEBUG -pthread -I$at "$root/bench/peers/supermalloc.cpp" \
        $at/allocators/supermalloc.cpp $at/allocators/first_fit.cpp $at/analysis/*.cpp \
        $at/primitives/allocation.cpp -o "$out"
}

# ---- allocators ----

# TLSF 3.1, a library that bench_arena opens. What it prints and asserts is compiled out.
build_tlsf() {
    source_of mattconte/tlsf deff9ab509341f264addbd3c8ada533678591905 src || return 1
    "$CC" -O2 -DNDEBUG -fPIC -shared -w src/tlsf.c -o "$out"
}

# ---- the peers asked for, or all ----
[ $# -gt 0 ] || set -- minimalloc supermalloc tlsf
for peer in "$@"; do
    out=$peers/$peer
    [ ! -e "$out" ] || continue
    mkdir -p "$peers/$peer.src"
    echo "building peer $peer"
    if (cd "$peers/$peer.src" && "build_$peer") >"$peers/$peer.log" 2>&1 && [ -e "$out" ]; then
        rm -f "$out.why"
    else
        echo "could not be fetched and built: $(grep -v '^$' "$peers/$peer.log" | tail -n 1 | cut -c 1-160)" |
            tee "$out.why"
    fi
done
