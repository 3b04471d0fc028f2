/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h - a recorded run of a backend, planned and kept in a file beside its artifact.
 *
 * Recording, planning and serving are plimsoll/recording.h; here is what a plan was made for, and
 * its file. Request k of the run is step k.
 */
#ifndef RUNTIME_TRACE_H
#define RUNTIME_TRACE_H

#include "plimsoll/engine.h"
#include "plimsoll/recording.h"

#define PLIM_TRACE_REQUESTS_MAX 65536u

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

/* plim_trace_replay - ready to serve @plan from @memory, plim_replay_bytes(request_count) of it.
 * @work is a bump region for tables that are not needed afterwards. */
PLIM_MUST_USE plim_status plim_trace_replay(const plim_trace_plan *plan, void *memory,
                                            size_t memory_bytes, plim_region *work,
                                            plim_replay **out, plim_error *err);

#endif
