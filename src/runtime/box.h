/* SPDX-License-Identifier: Apache-2.0 */
/* box.h - the runtime's side of its black box (plimsoll/black_box.h). */
#ifndef RUNTIME_BOX_H
#define RUNTIME_BOX_H

#include <pthread.h>
#include <stdatomic.h>

#include "arena/ring.h"
#include "platform/box_file.h"
#include "plimsoll/black_box.h"
#include "plimsoll/platform.h"
#include "plimsoll/telemetry.h"

typedef struct plim_black_box {
    plim_file_provider file;
    plim_budget *budget;
    ring_head *ring; /* NULL: no box; everything below does nothing then */
    uint64_t ring_bytes;
    pthread_mutex_t lock;  /* one record at a time; held for a copy of 2 KiB at most */
    uint64_t notice_bytes; /* a change of the account worth a sample */
    _Atomic uint64_t due_ns, sampled_bytes; /* of the next sample, and in the last one */
} plim_black_box;

/* plim_black_box_home - the file, in whose first pages the budget is to be opened.
 * @path is kept until close; @ring_bytes 0: the default.
 * Errors:  as plim_box_file_open; E_ARG  a size that is too small or too large. */
PLIM_MUST_USE plim_status plim_black_box_home(plim_black_box *self, const char *path,
                                              uint64_t ring_bytes, uint32_t owner_limit,
                                              plim_provider **out, plim_error *err);

/* plim_black_box_start - the ring behind @budget, which lies in the home; charged to it, and put
 * in its place. After a failure plim_black_box_close is all that is left to do.
 * Errors:  E_BUDGET, E_NOMEM; as plim_box_file_publish. */
PLIM_MUST_USE plim_status plim_black_box_start(plim_black_box *self, plim_budget *budget,
                                               const plim_host *host, plim_error *err);

/* Records. Threads: any. No system call but for the time, nothing allocated. */
void plim_black_box_line(plim_black_box *self, uint32_t level, uint64_t ns, uint64_t wall_ns,
                         const char *text, size_t text_bytes);
void plim_black_box_refusal(plim_black_box *self, const char *event, const char *engine,
                            const plim_error *err);
void plim_black_box_sample(plim_black_box *self);
/* How the machine was, out of @sample. */
void plim_black_box_telemetry(plim_black_box *self, const plim_telemetry_sample *sample);
/* A sample, when the account moved by a share of its cap or the last one is a second old. */
void plim_black_box_notice(plim_black_box *self);

/* The same for a hot path, which knows the time: one comparison. */
static inline void plim_black_box_tick(plim_black_box *self, uint64_t now_ns)
{
    if (self->ring && now_ns >= atomic_load_explicit(&self->due_ns, memory_order_relaxed)) {
        plim_black_box_sample(self);
    }
}

/* plim_black_box_end - the last sample, the mark that it was closed and why; the ring's charge
 * goes back. The budget is left (plim_budget_leave) between end and close. */
void plim_black_box_end(plim_black_box *self, const char *reason);
void plim_black_box_close(plim_black_box *self);

#endif
