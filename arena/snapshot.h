/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.h - the newest of something that one thread keeps writing, for any number of readers.
 *
 * Two copies, each under a sequence number that is odd while the copy is being written. The
 * writer fills the copy that is not the newest, then names it the newest. So the newest is
 * whole and stays untouched until the writer has finished another one and begun the next.
 *
 * Why a reader never waits. It copies the newest and looks whether its number changed meanwhile;
 * that fails only if the writer began its second publication within one such copy. After
 * SNAPSHOT_ATTEMPTS failures it counts itself into `holders`, and from then on no copy begins to
 * change: the writer marks a copy odd, looks at `holders`, and takes the mark back (it keeps its
 * news for the next time, and does not wait either). Both sides write before they look, with a
 * full fence between, so at least one of them sees the other. At most one copy was under way
 * when the reader counted itself in. If the reader finds one copy odd and then the
 * other, the writer has left the first and only tries the second from then on: the first is
 * whole. Three looks at most. The newest but one may be what such a reader gets; never a torn
 * one. Its number may be marked and unmarked meanwhile: no word changes.
 *
 * A writer that dies in the middle of a copy, or is not there (a child of fork), leaves the other
 * copy: the first attempt succeeds. A reader that dies while it is counted in would stop the
 * news; readers of other processes therefore use snapshot_try, which only reads memory and may
 * say no.
 *
 * Every word is atomic and relaxed, ordered by fences as in H. Boehm, Can Seqlocks Get Along With
 * Programming Language Memory Models? (MSPC 2012); the holders are Dekker's test.
 */
#ifndef ARENA_SNAPSHOT_H
#define ARENA_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNAPSHOT_ATTEMPTS 8u

typedef struct snapshot {
    uint64_t size_bytes;     /* of the thing, as it was given to init */
    _Atomic uint64_t newest; /* 0 or 1 */
    _Atomic uint64_t holders;
    _Atomic uint64_t sequences[2]; /* twice the version; odd while it is written */
    uint64_t version;              /* the writer's own: of the last publication */
    uint64_t reserved[2];
    _Atomic uint64_t words[]; /* copy 0, then copy 1, each padded to 64 bytes */
} snapshot;

_Static_assert(sizeof(snapshot) == 64, "the copies begin on a cache line");

/* snapshot_footprint_bytes - of a snapshot of @size_bytes, which is below 1 GiB. */
size_t snapshot_footprint_bytes(size_t size_bytes);

/* snapshot_init - in zeroed memory of that many bytes, aligned to 64. Until something is put
 * there, it reads as zeros of version 0. */
snapshot *snapshot_init(void *memory, size_t size_bytes);

/* snapshot_put - publish @from. False: a reader is counted in, nothing was published.
 * Threads: one at a time. */
bool snapshot_put(snapshot *self, const void *from);

/* snapshot_read - the newest into @out and its version into @version (NULL: not wanted). Beside a
 * publication it may be the one before, also when the thread has seen the newer one already.
 * Returns the attempts it took: at most SNAPSHOT_ATTEMPTS + 1. Threads: any. */
uint32_t snapshot_read(snapshot *self, void *out, uint64_t *version);

/* snapshot_read_held - the last resort by itself: one copy, counted in meanwhile. */
void snapshot_read_held(snapshot *self, void *out, uint64_t *version);

/* snapshot_try - one attempt, which writes nothing to @self. False: @out holds rubbish. */
bool snapshot_try(const snapshot *self, void *out, uint64_t *version);

#endif
