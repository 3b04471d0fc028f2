/* SPDX-License-Identifier: Apache-2.0 */
/* allocator.h - the allocator that ONNX Runtime sees, and whose bytes it counts. */
#ifndef BACKEND_ONNXRUNTIME_ALLOCATOR_H
#define BACKEND_ONNXRUNTIME_ALLOCATOR_H

#include <stdatomic.h>

#include "src/backend/onnxruntime/library.h"

/* Where one engine's allocations go, and the first refusal among them. */
typedef struct plim_ort_account {
    plim_backend_host host;
    _Atomic int kind;         /* plim_host_class of plain allocations just now */
    atomic_flag refusal_lock; /* taken by the first refusal, until plim_ort_enter clears it */
    _Atomic bool is_refused;  /* refusal is complete */
    plim_error refusal;
} plim_ort_account;

ort_allocator *plim_ort_allocator(const plim_ort *ort);

/* plim_ort_enter - from now on what this thread allocates belongs to @account, as @kind.
 * plim_ort_leave  - and back. Both nest nowhere: one engine a thread at a time. */
void plim_ort_enter(plim_ort_account *account, plim_host_class kind);
void plim_ort_leave(void);

/* plim_ort_refusal - the failure of a call made between enter and leave: what the host
 * said when it refused memory, else the library's own words. Releases @status. */
plim_status plim_ort_refusal(const plim_ort *ort, plim_ort_account *account, ort_status *status,
                             const char *what, plim_error *err);

/* Threads of one session's pool: each belongs to the session's account from birth. */
const ort_thread *plim_ort_thread_create(void *account, ort_thread_work run, void *work);
void plim_ort_thread_join(const ort_thread *thread);

void plim_ort_log(void *context, unsigned severity, const char *category, const char *log_id,
                  const char *where, const char *text);

#endif
