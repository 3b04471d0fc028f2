/* SPDX-License-Identifier: Apache-2.0 */
/* provider_mmap.c - the process's anonymous memory.
 *
 *   reserve   mmap PROT_NONE, MAP_NORESERVE: addresses, no memory, nothing charged anywhere
 *   commit    mprotect read-write: the kernel may refuse here; pages come at first touch
 *   decommit  MADV_DONTNEED, then mprotect PROT_NONE: the pages go back at once
 *   resident  /proc/self/pagemap, see below
 *
 * Refuses nothing by itself: what the kernel says is passed on with its errno.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "platform/linux/pagemap.h"
#include "platform/linux/prefault.h"

static plim_status reserve(plim_provider *self, size_t size_bytes, size_t align_bytes, void **out,
                           plim_error *err)
{
    uint64_t span = size_bytes, padded = 0;
    if (align_bytes > self->ops->page_bytes && !bytes_add(span, align_bytes, &span)) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "reserve", .want = size_bytes);
    }
    char *at = mmap(NULL, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "reserve", .want = size_bytes,
                         .os_errno = errno);
    }
    /* mmap's result plus its own length cannot overflow. */
    (void)bytes_align_up((uintptr_t)at, align_bytes, &padded);
    size_t head = padded - (uintptr_t)at, tail = span - size_bytes - head;
    if (head) {
        munmap(at, head);
    }
    if (tail) {
        munmap(at + head + size_bytes, tail);
    }
    *out = at + head;
    return PLIM_OK;
}

static plim_status commit(plim_provider *self, void *base, size_t size_bytes, plim_error *err)
{
    (void)self;
    if (mprotect(base, size_bytes, PROT_READ | PROT_WRITE) != 0) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "commit", .want = size_bytes,
                         .os_errno = errno);
    }
    return PLIM_OK;
}

static void decommit(plim_provider *self, void *base, size_t size_bytes)
{
    (void)self;
    /* A process that ran mlockall has its pages refused to MADV_DONTNEED: map anew instead. */
    if (madvise(base, size_bytes, MADV_DONTNEED) != 0) {
        (void)mmap(base, size_bytes, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        return;
    }
    /* Fails only when the process has too many mappings; the pages are back all the same. */
    (void)mprotect(base, size_bytes, PROT_NONE);
}

static void release(plim_provider *self, void *base, size_t size_bytes)
{
    (void)self;
    munmap(base, size_bytes);
}

static plim_status advise(plim_provider *self, void *base, size_t size_bytes, plim_advice advice,
                          plim_error *err)
{
    if (advice == PLIM_ADVICE_HUGE) {
        if (madvise(base, size_bytes, MADV_HUGEPAGE) != 0) {
            return PLIM_FAIL(err, PLIM_E_UNSUPPORTED, .what = "large pages", .want = size_bytes,
                             .os_errno = errno);
        }
        return PLIM_OK;
    }
    return plim_prefault(base, size_bytes, self->ops->page_bytes, err);
}

/* ---- resident ----
 *
 * mincore counts the shared zero page, which a page that was only read is mapped to; the
 * kernel's RSS does not. A pagemap entry tells them apart: present (63) and mapped by this
 * process alone (56); no zero page, small or large, is. A page shared with a fork's child
 * is not mapped alone and is left out until one of the two writes it. */
static plim_status resident(plim_provider *self, const void *base, size_t size_bytes,
                            size_t *out_bytes, plim_error *err)
{
    return plim_pagemap_resident(base, size_bytes, self->ops->page_bytes, PLIM_PAGE_IS_ALONE,
                                 out_bytes, err);
}

/* The page size is the machine's, so the table is completed once, before anyone sees it. */
static plim_provider_ops ops = {
    .struct_size = sizeof(plim_provider_ops),
    .abi = PLIM_PROVIDER_ABI,
    .name = "mmap",
    .kind = PLIM_MEMORY_HOST,
    .reserve = reserve,
    .commit = commit,
    .decommit = decommit,
    .release = release,
    .advise = advise,
    .resident = resident,
};
static plim_provider provider = {&ops};
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void set_page(void)
{
    ops.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
}

plim_provider *plim_provider_mmap(void)
{
    pthread_once(&once, set_page);
    return &provider;
}
