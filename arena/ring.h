/* SPDX-License-Identifier: Apache-2.0 */
/* ring.h - records in a ring of bytes that outlives its writer.
 *
 *   0            ring_head (RING_HEAD_BYTES)
 *   head_bytes   data: record after record, byte positions modulo data_bytes
 *
 * head and tail are positions that only grow: how many bytes were ever written, and the first
 * that still holds. A record is ring_record and its payload, padded to 8 bytes, and carries its
 * own position and a check sum.
 *
 * Invariant, at every instant of the writer's life, which may be its last: [tail, head) is
 * whole records. The writer first moves tail past what it is about to overwrite, then writes,
 * then moves head, with a barrier between; so a kill loses at most the record under way.
 * A reader believes nothing: a record counts when its position is where it lies and its check
 * sum holds. That also finds the first whole record behind damage, and rejects those of the lap
 * before. When head and tail themselves cannot be, they are found again by a scan.
 */
#ifndef ARENA_RING_H
#define ARENA_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plimsoll/status.h"

#define RING_MAGIC         "PLIMRING" /* 8 bytes, written last */
#define RING_VERSION       1u
#define RING_PAYLOAD_BYTES 2048u /* of one record at most */
#define RING_LEAST_BYTES   (16u << 10)
#define RING_MOST_BYTES    (UINT64_C(1) << 32)

typedef struct ring_head {
    char magic[8];
    uint32_t version, head_bytes;
    uint64_t data_bytes;
    uint64_t reserved[5]; /* the words that change have a cache line of their own */
    _Atomic uint64_t head, tail;
    _Atomic uint64_t put_count; /* records ever written */
    uint64_t reserved_after[5];
    char note[512]; /* the writer's own: who it is */
} ring_head;

#define RING_HEAD_BYTES sizeof(ring_head)
_Static_assert(sizeof(ring_head) == 640 && offsetof(ring_head, head) == 64, "published layout");

typedef struct ring_record {
    uint64_t position; /* where it begins */
    uint32_t check;    /* of position, of all behind this word and of the payload */
    uint32_t payload_bytes;
    uint32_t kind, level;
    uint64_t ns, wall_ns;
} ring_record;
_Static_assert(sizeof(ring_record) == 40 && sizeof(ring_record) % 8 == 0, "published layout");

/* plim_ring_init - an empty ring over @bytes zeroed bytes at @base, aligned to 64.
 * @bytes is at least RING_LEAST_BYTES. Nobody takes it for a ring before plim_ring_publish. */
ring_head *plim_ring_init(void *base, uint64_t bytes);
void plim_ring_publish(ring_head *self);

/* plim_ring_put - append a record; older ones make room. position and check are filled in.
 * Threads: one at a time. Cost: a pass over the payload; no system call, nothing allocated.
 * A payload above RING_PAYLOAD_BYTES is cut. */
void plim_ring_put(ring_head *self, ring_record record, const void *payload);

/* FNV-1a; begin with RING_CHECK_START. */
#define RING_CHECK_START 2166136261u
uint32_t plim_ring_check(uint32_t state, const void *bytes, size_t count);

typedef struct ring_reader {
    const unsigned char *data;
    uint64_t data_bytes, have_bytes; /* have: of the data, in a file that was cut */
    uint64_t at, end;
    uint64_t damaged_bytes; /* passed over between whole records */
    uint64_t lost_bytes;    /* overwritten since the ring began */
    bool is_recovered;      /* head and tail could not be believed */
} ring_reader;

/* plim_ring_attach - @bytes from anyone, aligned to 8: kept until the reader is done.
 * Errors:  E_RANGE  shorter than a head.  E_FORMAT  no ring, or sizes that cannot be. */
PLIM_MUST_USE plim_status plim_ring_attach(const void *base, uint64_t bytes, ring_reader *out,
                                           plim_error *err);

/* plim_ring_next - the next whole record, oldest first, its payload in @payload
 * (RING_PAYLOAD_BYTES). False: there is none. */
bool plim_ring_next(ring_reader *self, ring_record *out, void *payload);

#endif
