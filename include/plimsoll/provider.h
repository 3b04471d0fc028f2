/* SPDX-License-Identifier: Apache-2.0 */
/* provider.h - where bytes come from.
 *
 * A provider hands out address space once and backs it with memory in granules. The
 * arena works the same over any of them: anonymous memory and shared memory here,
 * CUDA kinds later. Wrappers (recording, failing) are providers over a provider.
 *
 * Only plim_provider_*() calls in this header touch the table; they check the
 * preconditions and fill in the defaults of entries left NULL.
 */
#ifndef PLIMSOLL_PROVIDER_H
#define PLIMSOLL_PROVIDER_H

#include <stdbool.h>

#include "plimsoll/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLIM_PROVIDER_ABI 1u

typedef struct plim_provider plim_provider;

/* Who can touch memory of this kind without a copy is decided from the kind alone
 * (tensor.h, plim_memory_is_reachable). */
typedef enum plim_memory_kind {
    PLIM_MEMORY_HOST = 0,     /* private anonymous pages: this process's CPUs */
    PLIM_MEMORY_SHARED = 1,   /* shared pages (memfd): CPUs of every process that maps it */
    PLIM_MEMORY_FILE = 2,     /* pages of a mapped file, read-only */
    PLIM_MEMORY_PINNED = 3,   /* host pages registered with a GPU: CPUs and that GPU */
    PLIM_MEMORY_MANAGED = 4,  /* driver-managed: CPUs and GPU, with migration or coherence */
    PLIM_MEMORY_DEVICE = 5,   /* the GPU only */
} plim_memory_kind;

typedef enum plim_advice {
    PLIM_ADVICE_HUGE = 0,    /* back with large pages where they can be had */
    PLIM_ADVICE_PREFAULT = 1, /* touch now, so that the first write does not fault */
} plim_advice;

typedef struct plim_provider_ops {
    size_t struct_size; /* of the table that the implementer was built with */
    uint32_t abi;       /* PLIM_PROVIDER_ABI; another number is refused */
    const char *name;
    plim_memory_kind kind;
    size_t page_bytes; /* smallest commit unit, a power of two */
    /* required; base, offsets and sizes are multiples of page_bytes */
    plim_status (*reserve)(plim_provider *self, size_t size_bytes, size_t align_bytes,
                           void **out, plim_error *err);
    plim_status (*commit)(plim_provider *self, void *base, size_t size_bytes, plim_error *err);
    void (*decommit)(plim_provider *self, void *base, size_t size_bytes);
    void (*release)(plim_provider *self, void *base, size_t size_bytes);
    /* optional; NULL: the advice is ignored and the call succeeds */
    plim_status (*advise)(plim_provider *self, void *base, size_t size_bytes,
                          plim_advice advice, plim_error *err);
    /* optional; NULL: every committed byte counts as resident */
    plim_status (*resident)(plim_provider *self, const void *base, size_t size_bytes,
                            size_t *out_bytes, plim_error *err);
} plim_provider_ops;

struct plim_provider {
    const plim_provider_ops *ops; /* first, so that a provider is its table and its state */
};

/* plim_provider_reserve - address space without memory behind it.
 *
 * Nothing is charged for a reservation. @size_bytes is rounded up to whole pages.
 * Owns:    gives the range; plim_provider_release takes it back.
 * Threads: any.
 * Errors:  E_ARG     size 0, alignment not a power of two, or a foreign ABI.
 *          E_NOMEM   the address space is exhausted or limited.
 */
PLIM_API PLIM_MUST_USE plim_status plim_provider_reserve(plim_provider *self, size_t size_bytes,
                                                         size_t align_bytes, void **out,
                                                         plim_error *err);

/* plim_provider_commit - put zeroed memory behind part of a reservation.
 *
 * Committing a committed range again is an error of the caller (not detected here).
 * Errors:  E_NOMEM   the system refused; err->os_errno says how.
 */
PLIM_API PLIM_MUST_USE plim_status plim_provider_commit(plim_provider *self, void *base,
                                                        size_t size_bytes, plim_error *err);

/* plim_provider_decommit - give the pages back at once; the addresses stay reserved. */
PLIM_API void plim_provider_decommit(plim_provider *self, void *base, size_t size_bytes);

/* plim_provider_release - undo a reserve; committed parts are given back too. */
PLIM_API void plim_provider_release(plim_provider *self, void *base, size_t size_bytes);

/* plim_provider_advise - a wish about committed pages. Never changes content.
 * Errors:  E_UNSUPPORTED  the provider knows the advice and cannot follow it here. */
PLIM_API PLIM_MUST_USE plim_status plim_provider_advise(plim_provider *self, void *base,
                                                        size_t size_bytes, plim_advice advice,
                                                        plim_error *err);

/* plim_provider_resident - bytes of the range that are in DRAM now, whole pages. */
PLIM_API PLIM_MUST_USE plim_status plim_provider_resident(plim_provider *self, const void *base,
                                                          size_t size_bytes, size_t *out_bytes,
                                                          plim_error *err);

/* plim_provider_mmap - the process's anonymous memory. Static, never fails. */
PLIM_API plim_provider *plim_provider_mmap(void);

/* plim_provider_shm - shared memory (memfd) that can be passed to another process.
 *
 * plim_provider_shm_open makes a provider for one segment of at most @size_bytes;
 * plim_provider_shm_fd lends its descriptor. The object is built in @self, caller's memory.
 * Errors:  E_UNSUPPORTED  no memfd on this kernel.  E_NOMEM  refused by the system.
 */
typedef struct plim_shm_provider {
    plim_provider base;
    int fd;
    size_t size_bytes;
    void *mapped;
} plim_shm_provider;
PLIM_API PLIM_MUST_USE plim_status plim_provider_shm_open(plim_shm_provider *self,
                                                          const char *name, size_t size_bytes,
                                                          plim_error *err);
PLIM_API int plim_provider_shm_fd(const plim_shm_provider *self);
PLIM_API void plim_provider_shm_close(plim_shm_provider *self);

/* A provider that counts what its upstream is asked for. Plain: read the fields. */
typedef struct plim_recording_provider {
    plim_provider base;
    plim_provider *upstream;
    uint64_t reserve_count, commit_count, decommit_count, release_count;
    uint64_t reserved_bytes, committed_bytes, committed_peak_bytes;
} plim_recording_provider;
PLIM_API void plim_recording_provider_init(plim_recording_provider *self,
                                           plim_provider *upstream);

/* A provider that refuses call number @fail_at (reserve, commit and advise counted
 * together, from 0), once or from then on. For every-failure tests. */
typedef struct plim_failing_provider {
    plim_provider base;
    plim_provider *upstream;
    uint64_t calls, fail_at;
    bool keep_failing;
} plim_failing_provider;
PLIM_API void plim_failing_provider_init(plim_failing_provider *self, plim_provider *upstream,
                                         uint64_t fail_at, bool keep_failing);

#ifdef __cplusplus
}
#endif
#endif
