/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h - the allocations of one run, recorded, planned, kept in a file and replayed.
 *
 * A run of a deterministic backend asks for the same sizes in the same order. So the k-th
 * request is buffer k, alive over the half-open steps [k, u), where u is the number of the
 * first request after it was freed. That is an instance for the planner; its offsets serve
 * the next start in O(1) a request and without fragmentation.
 */
#ifndef RUNTIME_TRACE_H
#define RUNTIME_TRACE_H

#include "plimsoll/engine.h"
#include "plimsoll/plan.h"

#define PLIM_TRACE_REQUESTS_MAX 65536u
#define PLIM_TRACE_NONE         UINT32_MAX

/* Address -> number, open addressing, nothing is ever taken out. */
typedef struct plim_address_map {
    struct plim_address_slot {
        uint64_t key; /* address or offset plus one; 0: free */
        uint32_t value;
    } * slots;
    uint32_t slot_count; /* a power of two, at least twice the keys */
} plim_address_map;

size_t plim_address_map_bytes(uint32_t key_limit);
void plim_address_map_init(plim_address_map *self, void *memory, uint32_t key_limit);
/* The value of @key, which is added as PLIM_TRACE_NONE when @add; NULL: not there, or full. */
uint32_t *plim_address_map_at(plim_address_map *self, uint64_t key, bool add);

/* ---- record ---- */

typedef struct plim_trace_request {
    uint64_t size_bytes; /* as served, slack included */
    uint32_t align_bytes;
    uint32_t upper; /* PLIM_TRACE_NONE: not freed in the run */
} plim_trace_request;

typedef struct plim_recorder {
    plim_trace_request *requests;
    uint32_t count, limit;
    bool is_full; /* the run asked more often than @limit: the recording is void */
    plim_address_map live;
} plim_recorder;

size_t plim_recorder_bytes(uint32_t limit);
void plim_recorder_init(plim_recorder *self, void *memory, uint32_t limit);
void plim_recorder_alloc(plim_recorder *self, const void *block, uint64_t size_bytes,
                         uint64_t align_bytes);
void plim_recorder_free(plim_recorder *self, const void *block);

/* ---- plan ---- */

/* What a plan was recorded for. */
typedef struct plim_trace_key {
    uint8_t root[PLIM_DIGEST_BYTES]; /* of the artifact's payload */
    char backend[32], version[64];
    uint32_t thread_count;
    bool prepack;
} plim_trace_key;

typedef struct plim_trace_plan {
    plim_trace_key key;
    uint64_t shapes; /* plim_trace_shapes of the run that was recorded */
    uint64_t height_bytes, lower_bound_bytes;
    uint32_t request_count; /* of the run; those without a buffer outlived it */
    uint32_t buffer_count;
    plim_plan_buffer *buffers; /* id is the request's number */
} plim_trace_plan;

/* One number for names, dtypes and shapes, whatever their order. */
uint64_t plim_trace_shapes(const char *const *names, const plim_tensor *tensors, size_t count);

/* plim_trace_solve - offsets for what was recorded; buffers and scratch come from @home, a
 * bump region. Errors: E_STATE the recording is void; those of the planner and the region. */
PLIM_MUST_USE plim_status plim_trace_solve(const plim_recorder *from, plim_region *home,
                                           plim_trace_plan *out, plim_error *err);

/* plim_trace_save - write the plan atomically: the old file or the new one.
 * Errors:  E_IO with detail the path; E_RANGE the path is too long. */
PLIM_MUST_USE plim_status plim_trace_save(const plim_trace_plan *plan, const char *path,
                                          plim_error *err);

/* plim_trace_load - read and verify. Every count is held against its limit first; a plan
 * that overlaps, is misaligned or stands above its height is refused. @home is a bump region.
 * Errors:  E_NOT_FOUND, E_IO; E_FORMAT and E_RANGE with field and line; E_MISMATCH when it was
 *          recorded for something else: field, wanted, found. */
PLIM_MUST_USE plim_status plim_trace_load(const char *path, const plim_trace_key *key,
                                          plim_region *home, plim_trace_plan *out, plim_error *err);

/* ---- replay ---- */

typedef struct plim_replay {
    uint64_t height_bytes, shapes;
    uint32_t request_count;
    struct plim_replay_buffer {
        uint64_t offset_bytes, size_bytes; /* size 0: outlives the run, so not planned */
        uint64_t served_bytes;             /* what the live block was asked for */
        uint32_t align_bytes, upper;
    } * buffers;           /* request_count */
    uint32_t *expected;    /* planned buffers that must be free before request k */
    uint32_t *pending;     /* the same, of those handed out in this run and still live */
    plim_address_map live; /* offset -> request number */
    bool is_on;            /* this run follows the plan */
    uint32_t cursor;       /* number of the next request */
    uint32_t late_count;   /* live blocks that should be free by now */
    uint32_t live_count;
    uint64_t miss_count; /* requests that the plan should have served and did not */
    uint64_t hit_count;
} plim_replay;

size_t plim_replay_bytes(const plim_trace_plan *plan);
void plim_replay_init(plim_replay *self, const plim_trace_plan *plan, void *memory);

/* Starts a run. @on false: the inputs have other shapes, or the memory is not there. */
void plim_replay_begin(plim_replay *self, bool on);
/* False: the request must be served elsewhere (counted as a miss unless planned so). */
bool plim_replay_alloc(plim_replay *self, uint64_t size_bytes, uint64_t align_bytes,
                       uint64_t *out_offset);
/* False: no planned block lives at @offset_bytes. */
bool plim_replay_free(plim_replay *self, uint64_t offset_bytes, uint64_t *out_bytes);

#endif
