/* SPDX-License-Identifier: Apache-2.0 */
/* engines.h - opaque engines for the benches: generated once, kept in build/bench.
 *
 * Content comes from a seed: "raw" is dense fp16-like numbers that LZ4 cannot shrink, "lz4" is
 * half dense, a quarter 2:4 sparse, a quarter code-like, stored as the packer stores it. The
 * chunk table stands in <file>.idx, so that opening one costs what a chunk table costs.
 */
#ifndef BENCH_SUPPORT_ENGINES_H
#define BENCH_SUPPORT_ENGINES_H

#include "src/engine/file.h"

#define BENCH_CHUNK_BYTES (1u << 20)

typedef struct bench_engine {
    struct plim_engine_file file;
    plim_stream_file stream_file;
    uint64_t file_bytes;
    size_t map_bytes; /* of the chunk table */
    char path[256];
} bench_engine;

/* Makes the file when it is not there yet. Exits with a message when the disk is full. */
void bench_engine_make(const char *folder, const char *kind, uint64_t payload_bytes, uint64_t seed);
/* Opens it for loading; the chunk table is mapped, not allocated. */
void bench_engine_open(bench_engine *self, const char *folder, const char *kind,
                       uint64_t payload_bytes, uint64_t seed);
void bench_engine_close(bench_engine *self);

/* Drops the file's page cache, and counts what of it is cached. */
void bench_evict(const bench_engine *self);
uint64_t bench_cached_bytes(const bench_engine *self);

/* Line one of every bench: machine, kernel, revision, flags. */
void bench_headline(const char *name, int argc, char **argv);
uint64_t bench_now_ns(void);
void bench_stop(const char *what, const plim_error *err);

#endif
