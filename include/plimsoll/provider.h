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
    PLIM_MEMORY_HOST = 0,    /* private anonymous pages: this process's CPUs */
    PLIM_MEMORY_SHARED = 1,  /* shared pages (memfd): CPUs of every process that maps it */
    PLIM_MEMORY_FILE = 2,    /* pages of a mapped file, read-only */
    PLIM_MEMORY_PINNED = 3,  /* host pages registered with a GPU: CPUs and that GPU */
    PLIM_MEMORY_MANAGED = 4, /* driver-managed: CPUs and GPU, with migration or coherence */
    PLIM_MEMORY_DEVICE = 5,  /* the GPU only */
} plim_memory_kind;

typedef enum plim_advice {
    PLIM_ADVICE_HUGE = 0,     /* back with large pages where they can be had */
    PLIM_ADVICE_PREFAULT = 1, /* touch now, so that the first write does not fault */
} plim_advice;

typedef struct plim_provider_ops {
    size_t struct_size; /* of the table that the implementer was built with */
    uint32_t abi;       /* PLIM_PROVIDER_ABI; another number is refused */
    const char *name;
    plim_memory_kind kind;
    size_t page_bytes; /* smallest commit unit, a power of two */
    /* required; base, offsets and sizes are multiples of page_bytes */
    plim_status (*reserve)(plim_provider *self, size_t size_bytes, size_t align_bytes, void **out,
                           plim_error *err);
    plim_status (*commit)(plim_provider *self, void *base, size_t size_bytes, plim_error *err);
    void (*decommit)(plim_provider *self, void *base, size_t size_bytes);
    void (*release)(plim_provider *self, void *base, size_t size_bytes);
    /* optional; NULL: the advice is ignored and the call succeeds */
    plim_status (*advise)(plim_provider *self, void *base, size_t size_bytes, plim_advice advice,
                          plim_error *err);
    /* optional; NULL: every committed byte counts as resident */
    plim_status (*resident)(plim_provider *self, const void *base, size_t size_bytes,
                            size_t *out_bytes, plim_error *err);
    /* optional; NULL: commit. As commit, with large pages where whole ones fit. */
    plim_status (*commit_large)(plim_provider *self, void *base, size_t size_bytes,
                                plim_error *err);
} plim_provider_ops;

struct plim_provider {
    const plim_provider_ops *ops; /* first, so that a provider is its table and its state */
};

/* plim_provider_page_bytes, plim_provider_kind, plim_provider_name - facts of the table. */
PLIM_API size_t plim_provider_page_bytes(const plim_provider *self);
PLIM_API plim_memory_kind plim_provider_kind(const plim_provider *self);
PLIM_API const char *plim_provider_name(const plim_provider *self);

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
 *          E_ARG     base or size is not whole pages.
 */
PLIM_API PLIM_MUST_USE plim_status plim_provider_commit(plim_provider *self, void *base,
                                                        size_t size_bytes, plim_error *err);

/* plim_provider_commit_large - the same, with large pages where whole ones fit into the range.
 * Nothing outside the range is ever backed by them. Errors: as plim_provider_commit. */
PLIM_API PLIM_MUST_USE plim_status plim_provider_commit_large(plim_provider *self, void *base,
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

/* plim_provider_resident - bytes of the range that are in DRAM now, whole pages.
 *
 * Anonymous memory is counted as the kernel counts RSS: a page that was only read (the
 * shared zero page) is not. Shared pages count when they exist, whoever touched them.
 * Errors:  E_ARG  base or size is not whole pages.  E_IO  the kernel does not say. */
PLIM_API PLIM_MUST_USE plim_status plim_provider_resident(plim_provider *self, const void *base,
                                                          size_t size_bytes, size_t *out_bytes,
                                                          plim_error *err);

/* plim_provider_mmap - the process's anonymous memory. Static, never fails. */
PLIM_API plim_provider *plim_provider_mmap(void);

typedef enum plim_large_pages { /* of a runtime (runtime.h) and of a manifest */
                                PLIM_LARGE_PAGES_AUTO =
                                    0, /* plim_provider_large where it can be had; says so if not */
                                PLIM_LARGE_PAGES_NEVER = 1,   /* plim_provider_mmap */
                                PLIM_LARGE_PAGES_REQUIRE = 2, /* refuse when it cannot be had */
} plim_large_pages;

/* plim_provider_large - the process's memory, with large pages whose page tables cost nothing.
 *
 * Private anonymous memory costs one page table of 4 KiB per 2 MiB, on large pages too:
 * 1/512 of what is committed. Here what is committed by plim_provider_commit_large, as the
 * arena does for regions that asked for huge, lies in whole large pages of a memory file on a
 * private tmpfs, which are mapped without; what does not fill a large page, and everything
 * committed in the ordinary way, is anonymous. So nothing is ever resident that was not committed.
 * The kernel counts the file's pages as RssShmem, and as cache in a memory control group.
 * Kind: host. Nobody else can map the file. After fork the child sees the same large pages and
 * not a copy: it may read them until the parent decommits, and must not write. What it
 * decommits or releases leaves its parent alone, and what it commits is anonymous.
 * Owns:    builds *@self, caller's memory; close takes it down, after what was reserved.
 * Threads: any, but for open and close.
 * Errors:  E_UNSUPPORTED  no right to mount (CAP_SYS_ADMIN), no large pages in tmpfs here, or
 *          strict overcommit; err->detail says which. */
typedef struct plim_large_provider {
    plim_provider base;
    plim_provider_ops table;
    int fd;
    int64_t owner_pid;
} plim_large_provider;
PLIM_API PLIM_MUST_USE plim_status plim_provider_large_open(plim_large_provider *self,
                                                            plim_error *err);
PLIM_API void plim_provider_large_close(plim_large_provider *self);

/* A segment of shared pages: a descriptor of fixed size, handed out in up to
 * PLIM_SEGMENT_MAPS reservations that are alive at once. The object is the caller's; only
 * open and close change it from outside.
 *
 * Commit takes the pages from the system there and then (fallocate), because shared pages
 * know no later refusal but SIGBUS. Decommit punches holes: MADV_DONTNEED would free
 * nothing. Reservation k starts at the lowest free offset of the descriptor, so the first
 * one starts at 0, which is where a reader looks for a published account.
 */
#define PLIM_SEGMENT_MAPS 8
typedef struct plim_segment_provider {
    plim_provider base;
    plim_provider_ops table;
    int fd;
    uint32_t lock; /* of maps; held for a few instructions */
    uint64_t size_bytes;
    const char *path; /* file only; kept until close */
    uint64_t device, inode;
    struct {
        void *base;
        uint64_t size_bytes, offset_bytes;
    } maps[PLIM_SEGMENT_MAPS];
} plim_segment_provider;

/* plim_provider_shm - shared memory (memfd) that can be passed to another process.
 *
 * plim_provider_shm_open makes a provider for one segment of at most @size_bytes (rounded up
 * to pages); its size is sealed, so that nobody can cut it under a reader.
 * plim_provider_shm_fd lends its descriptor.
 * Owns:    builds *@self, caller's memory; close takes it down. @name is borrowed.
 * Errors:  E_ARG  size 0.  E_UNSUPPORTED  no memfd on this kernel.  E_NOMEM  refused by the
 *          system.
 */
typedef plim_segment_provider plim_shm_provider;
PLIM_API PLIM_MUST_USE plim_status plim_provider_shm_open(plim_shm_provider *self, const char *name,
                                                          size_t size_bytes, plim_error *err);
PLIM_API int plim_provider_shm_fd(const plim_shm_provider *self);
PLIM_API void plim_provider_shm_close(plim_shm_provider *self);

/* plim_file_provider_open - a segment that others find by its path, such as an account.
 *
 * The file is always made anew: O_CREAT | O_EXCL | O_NOFOLLOW, mode 0600, locked (flock) as
 * long as the provider is open, and removed at close if the path still names it. What lies
 * at @path already is taken away only when it is plainly a leftover of ours: a regular file
 * of this user with one link, unlocked, that holds an account or nothing but zeros.
 * A symlink is never followed. Put it on a tmpfs (XDG_RUNTIME_DIR): elsewhere the
 * kernel writes changed pages to the disk now and then.
 * Owns:    builds *@self; keeps @path until close.
 * Errors:  E_ARG    size 0, no path.
 *          E_STATE  something that is not our leftover, or is still in use, lies at @path.
 *          E_IO     the system refused to create it.  E_NOMEM  no room for its size.
 */
typedef plim_segment_provider plim_file_provider;
PLIM_API PLIM_MUST_USE plim_status plim_file_provider_open(plim_file_provider *self,
                                                           const char *path, size_t size_bytes,
                                                           plim_error *err);
PLIM_API void plim_file_provider_close(plim_file_provider *self);

/* A provider that counts what its upstream is asked for. Plain: read the fields (they are
 * changed atomically). committed_bytes falls with decommit only: a release does not say how
 * much of its range was committed. Budget and arena decommit before they release. */
typedef struct plim_recording_provider {
    plim_provider base;
    plim_provider_ops table; /* the upstream's kind and page under our functions */
    plim_provider *upstream;
    uint64_t reserve_count, commit_count, decommit_count, release_count;
    uint64_t reserved_bytes, committed_bytes, committed_peak_bytes;
} plim_recording_provider;
PLIM_API void plim_recording_provider_init(plim_recording_provider *self, plim_provider *upstream);

/* A provider that refuses call number @fail_at (reserve, commit and advise counted
 * together, from 0), once or from then on. For every-failure tests. reserve and commit are
 * refused with E_NOMEM, advise with E_UNSUPPORTED. calls > fail_at: it has refused. */
typedef struct plim_failing_provider {
    plim_provider base;
    plim_provider_ops table;
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
