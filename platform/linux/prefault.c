/* SPDX-License-Identifier: Apache-2.0 */
/* prefault.c - MADV_POPULATE_WRITE, or a touch of every page on kernels before 5.14. */
#include "platform/linux/prefault.h"

#include <errno.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Writes every page without changing it, also when a sanitizer has marked the range. */
__attribute__((no_sanitize("address", "thread"))) static void touch(unsigned char *base,
                                                                    size_t size_bytes, size_t page)
{
    for (size_t at = 0; at < size_bytes; at += page) {
        __atomic_fetch_or(base + at, 0, __ATOMIC_RELAXED);
    }
}

plim_status plim_prefault(void *base, size_t size_bytes, size_t page_bytes, plim_error *err)
{
    if (madvise(base, size_bytes, MADV_POPULATE_WRITE) == 0) {
        return PLIM_OK;
    }
    if (errno != EINVAL) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "prefault", .want = size_bytes,
                         .os_errno = errno);
    }
    touch(base, size_bytes, page_bytes);
    return PLIM_OK;
}
