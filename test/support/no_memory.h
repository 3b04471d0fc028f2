/* SPDX-License-Identifier: Apache-2.0 */
/* no_memory.h - a provider of addresses behind which there is nothing, like a GPU's.
 *
 * Every touch of the managed bytes is a crash, and a region of 64 GiB costs its tables only. It
 * counts what is committed. For tests and benches of what regions decide.
 */
#ifndef TEST_SUPPORT_NO_MEMORY_H
#define TEST_SUPPORT_NO_MEMORY_H

#include "plimsoll/provider.h"

typedef struct no_memory {
    plim_provider base;
    uintptr_t next; /* addresses are handed out once */
    uint64_t committed_bytes, commit_count;
} no_memory;

static inline plim_status no_memory_reserve(plim_provider *self, size_t size_bytes,
                                            size_t align_bytes, void **out, plim_error *err)
{
    no_memory *n = (no_memory *)self;
    (void)err;
    n->next = (n->next + align_bytes - 1) & ~(uintptr_t)(align_bytes - 1);
    *out = (void *)n->next;
    n->next += size_bytes;
    return PLIM_OK;
}

static inline plim_status no_memory_commit(plim_provider *self, void *base, size_t size_bytes,
                                           plim_error *err)
{
    (void)base, (void)err;
    ((no_memory *)self)->committed_bytes += size_bytes;
    ((no_memory *)self)->commit_count++;
    return PLIM_OK;
}

static inline void no_memory_decommit(plim_provider *self, void *base, size_t size_bytes)
{
    (void)base;
    ((no_memory *)self)->committed_bytes -= size_bytes;
}

static inline void no_memory_release(plim_provider *self, void *base, size_t size_bytes)
{
    (void)self, (void)base, (void)size_bytes;
}

static inline plim_status no_memory_advise(plim_provider *self, void *base, size_t size_bytes,
                                           plim_advice advice, plim_error *err)
{
    (void)self, (void)base, (void)size_bytes, (void)advice, (void)err;
    return PLIM_OK;
}

static inline void no_memory_init(no_memory *self)
{
    static const plim_provider_ops ops = {
        .struct_size = sizeof(plim_provider_ops),
        .abi = PLIM_PROVIDER_ABI,
        .name = "no memory",
        .kind = PLIM_MEMORY_DEVICE,
        .page_bytes = 4096,
        .reserve = no_memory_reserve,
        .commit = no_memory_commit,
        .decommit = no_memory_decommit,
        .release = no_memory_release,
        .advise = no_memory_advise,
    };
    *self = (no_memory){.base = {&ops}, .next = (uintptr_t)1 << 44};
}

#endif
