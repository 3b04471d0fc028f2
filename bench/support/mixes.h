/* SPDX-License-Identifier: Apache-2.0 */
/* mixes.h - random deployments for bench_predict: artifacts made once, manifests drawn by seed. */
#ifndef BENCH_SUPPORT_MIXES_H
#define BENCH_SUPPORT_MIXES_H

#include <stdbool.h>
#include <stdint.h>

#define MIX_ENGINES_MAX   5u
#define MIX_ARTIFACTS_MAX 24u
#define MIX_PATH          512

typedef struct mix_artifact {
    char name[80], model[32];
    unsigned kind;   /* index into the real models; MIX_OPAQUE for the null backend */
    uint64_t square; /* opaque: height and width of its input */
    uint64_t file_bytes;
} mix_artifact;
#define MIX_OPAQUE 99u

typedef struct mix_shelf {
    char folder[MIX_PATH], tools[MIX_PATH]; /* artifacts, hollow/ beside them; the built CLI */
    mix_artifact artifacts[MIX_ARTIFACTS_MAX];
    unsigned count, real_count;
} mix_shelf;

typedef struct mix {
    unsigned engines[MIX_ENGINES_MAX], count, order, groups[MIX_ENGINES_MAX];
    unsigned threads[MIX_ENGINES_MAX], source[MIX_ENGINES_MAX];
    bool prepack[MIX_ENGINES_MAX], traced, has_episode, has_real;
    unsigned frames, episode; /* of the window; which data set */
} mix;

uint64_t mix_next(uint64_t *state); /* splitmix64 */
/* Imports the real models that are there, packs opaque ones of 1 to 64 MiB, raw and LZ4, makes
 * two data sets; what is there already stays. Exits with a message when it cannot. */
void mix_shelf_fill(mix_shelf *self, const char *folder, const char *tools);
void mix_draw(mix *self, const mix_shelf *shelf, uint64_t *state);
/* @hollow: the same artifacts with nothing in their bodies. */
void mix_write(const mix *self, const mix_shelf *shelf, uint64_t cap_bytes, bool hollow,
               const char *path);
void mix_forget_traces(const mix *self, const mix_shelf *shelf);
/* Of one engine only: a group then holds planned places and a dynamic region side by side. */
void mix_forget_trace(const mix *self, const mix_shelf *shelf, unsigned engine);

#endif
