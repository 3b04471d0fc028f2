/* SPDX-License-Identifier: Apache-2.0 */
/* worker_thread.h - a thread of the library that waits for a time, for a call, or for a few
 * descriptors. */
#ifndef PLATFORM_LINUX_WORKER_THREAD_H
#define PLATFORM_LINUX_WORKER_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "plimsoll/status.h"

#define PLIM_WORKER_FDS    4u
#define PLIM_WORKER_CALLED (UINT32_C(1) << 31) /* somebody called plim_worker_call */
#define PLIM_WORKER_FAILED 8u                  /* shift of the bits of failed descriptors */

typedef struct plim_worker {
    int call_fd; /* an eventfd */
    bool has_thread;
    int64_t pid; /* of the process that has the thread; a child of fork has not */
    pthread_t thread;
} plim_worker;

/* How much stack @wanted_bytes of frames take on this system; whole pages. */
size_t plim_worker_stack_bytes(size_t wanted_bytes);

/* plim_worker_open - ready to wait and to be called; no thread yet.
 * Errors:  E_NOMEM  no descriptor. */
PLIM_MUST_USE plim_status plim_worker_open(plim_worker *self, plim_error *err);
/* plim_worker_start - run @body on the given stack, named @name (15 bytes), all signals
 * blocked but those that a fault of its own raises.
 * Errors:  E_NOMEM  the system refuses a thread. */
PLIM_MUST_USE plim_status plim_worker_start(plim_worker *self, const char *name, void *stack,
                                            size_t stack_bytes, void *(*body)(void *),
                                            void *argument, plim_error *err);
/* Does the thread exist in the calling process? */
bool plim_worker_is_here(const plim_worker *self);
/* It was opened by this process, and not by one that forked it. */
bool plim_worker_is_ours(const plim_worker *self);
/* plim_worker_call - make the wait return, now or as soon as it begins. */
void plim_worker_call(plim_worker *self);
/* plim_worker_wait - until @until_ns (CLOCK_MONOTONIC), a call, or a descriptor (-1: none).
 * Returns PLIM_WORKER_CALLED, bit i for fds[i], bit 8+i for one that failed; 0: the time came. */
uint32_t plim_worker_wait(plim_worker *self, uint64_t until_ns, const int *fds,
                          const int16_t *events, uint32_t count);
/* plim_worker_close - waits for the thread to end, where there is one: tell it to before. */
void plim_worker_close(plim_worker *self);

#endif
