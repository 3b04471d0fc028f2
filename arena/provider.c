/* SPDX-License-Identifier: Apache-2.0 */
/* provider.c - the only code that touches a provider's table, and the wrappers over one.
 *
 * Decides nothing about memory: it refuses calls that break the table's preconditions
 * (whole pages, powers of two, our ABI) and fills in what an optional entry left NULL
 * means. An entry that lies beyond the table's own struct_size counts as NULL, so that a
 * table built with an older header keeps working.
 */
#include <errno.h>
#include <string.h>

#include "arena/bytes.h"
#include "plimsoll/provider.h"

#define REQUIRED_BYTES offsetof(plim_provider_ops, advise)
#define HAS(ops, entry)                                                                            \
    ((ops)->struct_size >= offsetof(plim_provider_ops, entry) + sizeof((ops)->entry) &&            \
     (ops)->entry != NULL)

static bool is_usable(const plim_provider *self)
{
    const plim_provider_ops *ops = self ? self->ops : NULL;
    return ops && ops->abi == PLIM_PROVIDER_ABI && ops->struct_size >= REQUIRED_BYTES &&
           bytes_is_power_of_two(ops->page_bytes) && ops->reserve && ops->commit && ops->decommit &&
           ops->release;
}

static bool is_whole_pages(const plim_provider *self, const void *base, size_t size_bytes)
{
    size_t mask = self->ops->page_bytes - 1;
    return base && size_bytes && ((uintptr_t)base & mask) == 0 && (size_bytes & mask) == 0;
}

size_t plim_provider_page_bytes(const plim_provider *self)
{
    return self->ops->page_bytes;
}

plim_memory_kind plim_provider_kind(const plim_provider *self)
{
    return self->ops->kind;
}

const char *plim_provider_name(const plim_provider *self)
{
    return self->ops->name ? self->ops->name : "?";
}

plim_status plim_provider_reserve(plim_provider *self, size_t size_bytes, size_t align_bytes,
                                  void **out, plim_error *err)
{
    if (out) {
        *out = NULL;
    }
    if (!is_usable(self) || !out) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "provider: a foreign table");
    }
    size_t align = align_bytes > self->ops->page_bytes ? align_bytes : self->ops->page_bytes;
    uint64_t size;
    if (size_bytes == 0 || !bytes_is_power_of_two(align)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "reserve: size or alignment", .want = size_bytes);
    }
    if (!bytes_align_up(size_bytes, self->ops->page_bytes, &size)) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "reserve", .want = size_bytes);
    }
    return self->ops->reserve(self, size, align, out, err);
}

plim_status plim_provider_commit(plim_provider *self, void *base, size_t size_bytes,
                                 plim_error *err)
{
    if (!is_usable(self) || !is_whole_pages(self, base, size_bytes)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "commit: whole pages", .want = size_bytes);
    }
    return self->ops->commit(self, base, size_bytes, err);
}

plim_status plim_provider_commit_large(plim_provider *self, void *base, size_t size_bytes,
                                       plim_error *err)
{
    if (!is_usable(self) || !is_whole_pages(self, base, size_bytes)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "commit: whole pages", .want = size_bytes);
    }
    return HAS(self->ops, commit_large) ? self->ops->commit_large(self, base, size_bytes, err)
                                        : self->ops->commit(self, base, size_bytes, err);
}

void plim_provider_decommit(plim_provider *self, void *base, size_t size_bytes)
{
    if (is_usable(self) && is_whole_pages(self, base, size_bytes)) {
        self->ops->decommit(self, base, size_bytes);
    }
}

void plim_provider_release(plim_provider *self, void *base, size_t size_bytes)
{
    uint64_t size;
    if (is_usable(self) && base && bytes_align_up(size_bytes, self->ops->page_bytes, &size)) {
        self->ops->release(self, base, size);
    }
}

plim_status plim_provider_advise(plim_provider *self, void *base, size_t size_bytes,
                                 plim_advice advice, plim_error *err)
{
    if (!is_usable(self) || !is_whole_pages(self, base, size_bytes) ||
        (advice != PLIM_ADVICE_HUGE && advice != PLIM_ADVICE_PREFAULT)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "advise: whole pages", .want = size_bytes);
    }
    if (!HAS(self->ops, advise)) {
        return PLIM_OK;
    }
    return self->ops->advise(self, base, size_bytes, advice, err);
}

plim_status plim_provider_resident(plim_provider *self, const void *base, size_t size_bytes,
                                   size_t *out_bytes, plim_error *err)
{
    if (out_bytes) {
        *out_bytes = 0;
    }
    if (!is_usable(self) || !out_bytes || !is_whole_pages(self, base, size_bytes)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "resident: whole pages", .want = size_bytes);
    }
    if (!HAS(self->ops, resident)) {
        *out_bytes = size_bytes;
        return PLIM_OK;
    }
    return self->ops->resident(self, base, size_bytes, out_bytes, err);
}

/* ---- recording ---- */

static void count(uint64_t *counter, uint64_t n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static plim_status recording_reserve(plim_provider *base, size_t size_bytes, size_t align_bytes,
                                     void **out, plim_error *err)
{
    plim_recording_provider *self = (plim_recording_provider *)base;
    PLIM_TRY(plim_provider_reserve(self->upstream, size_bytes, align_bytes, out, err));
    count(&self->reserve_count, 1);
    count(&self->reserved_bytes, size_bytes);
    return PLIM_OK;
}

static void record_commit(plim_recording_provider *self, size_t size_bytes)
{
    count(&self->commit_count, 1);
    uint64_t now = __atomic_add_fetch(&self->committed_bytes, size_bytes, __ATOMIC_RELAXED);
    uint64_t peak = __atomic_load_n(&self->committed_peak_bytes, __ATOMIC_RELAXED);
    while (peak < now && !__atomic_compare_exchange_n(&self->committed_peak_bytes, &peak, now, true,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static plim_status recording_commit(plim_provider *base, void *at, size_t size_bytes,
                                    plim_error *err)
{
    plim_recording_provider *self = (plim_recording_provider *)base;
    PLIM_TRY(plim_provider_commit(self->upstream, at, size_bytes, err));
    record_commit(self, size_bytes);
    return PLIM_OK;
}

static plim_status recording_commit_large(plim_provider *base, void *at, size_t size_bytes,
                                          plim_error *err)
{
    plim_recording_provider *self = (plim_recording_provider *)base;
    PLIM_TRY(plim_provider_commit_large(self->upstream, at, size_bytes, err));
    record_commit(self, size_bytes);
    return PLIM_OK;
}

static void recording_decommit(plim_provider *base, void *at, size_t size_bytes)
{
    plim_recording_provider *self = (plim_recording_provider *)base;
    plim_provider_decommit(self->upstream, at, size_bytes);
    count(&self->decommit_count, 1);
    count(&self->committed_bytes, 0 - (uint64_t)size_bytes);
}

static void recording_release(plim_provider *base, void *at, size_t size_bytes)
{
    plim_recording_provider *self = (plim_recording_provider *)base;
    plim_provider_release(self->upstream, at, size_bytes);
    count(&self->release_count, 1);
    count(&self->reserved_bytes, 0 - (uint64_t)size_bytes);
}

static plim_status recording_advise(plim_provider *base, void *at, size_t size_bytes,
                                    plim_advice advice, plim_error *err)
{
    plim_recording_provider *self = (plim_recording_provider *)base;
    return plim_provider_advise(self->upstream, at, size_bytes, advice, err);
}

static plim_status recording_resident(plim_provider *base, const void *at, size_t size_bytes,
                                      size_t *out_bytes, plim_error *err)
{
    plim_recording_provider *self = (plim_recording_provider *)base;
    return plim_provider_resident(self->upstream, at, size_bytes, out_bytes, err);
}

void plim_recording_provider_init(plim_recording_provider *self, plim_provider *upstream)
{
    memset(self, 0, sizeof(*self));
    self->table = (plim_provider_ops){
        .struct_size = sizeof(self->table),
        .abi = PLIM_PROVIDER_ABI,
        .name = "recording",
        .kind = plim_provider_kind(upstream),
        .page_bytes = plim_provider_page_bytes(upstream),
        .reserve = recording_reserve,
        .commit = recording_commit,
        .decommit = recording_decommit,
        .release = recording_release,
        .advise = recording_advise,
        .resident = recording_resident,
        .commit_large = recording_commit_large,
    };
    self->base.ops = &self->table;
    self->upstream = upstream;
}

/* ---- failing ---- */

/* True when this call is the one (or one of those) that must be refused. */
static bool refuses(plim_failing_provider *self)
{
    uint64_t call = __atomic_fetch_add(&self->calls, 1, __ATOMIC_RELAXED);
    return call == self->fail_at || (self->keep_failing && call > self->fail_at);
}

static plim_status failing_reserve(plim_provider *base, size_t size_bytes, size_t align_bytes,
                                   void **out, plim_error *err)
{
    plim_failing_provider *self = (plim_failing_provider *)base;
    if (refuses(self)) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "reserve", .want = size_bytes,
                         .os_errno = ENOMEM);
    }
    return plim_provider_reserve(self->upstream, size_bytes, align_bytes, out, err);
}

static plim_status failing_commit(plim_provider *base, void *at, size_t size_bytes, plim_error *err)
{
    plim_failing_provider *self = (plim_failing_provider *)base;
    if (refuses(self)) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "commit", .want = size_bytes,
                         .os_errno = ENOMEM);
    }
    return plim_provider_commit(self->upstream, at, size_bytes, err);
}

static plim_status failing_commit_large(plim_provider *base, void *at, size_t size_bytes,
                                        plim_error *err)
{
    plim_failing_provider *self = (plim_failing_provider *)base;
    if (refuses(self)) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "commit", .want = size_bytes,
                         .os_errno = ENOMEM);
    }
    return plim_provider_commit_large(self->upstream, at, size_bytes, err);
}

static void failing_decommit(plim_provider *base, void *at, size_t size_bytes)
{
    plim_provider_decommit(((plim_failing_provider *)base)->upstream, at, size_bytes);
}

static void failing_release(plim_provider *base, void *at, size_t size_bytes)
{
    plim_provider_release(((plim_failing_provider *)base)->upstream, at, size_bytes);
}

static plim_status failing_advise(plim_provider *base, void *at, size_t size_bytes,
                                  plim_advice advice, plim_error *err)
{
    plim_failing_provider *self = (plim_failing_provider *)base;
    if (refuses(self)) {
        return PLIM_FAIL(err, PLIM_E_UNSUPPORTED, .what = "advise", .want = size_bytes);
    }
    return plim_provider_advise(self->upstream, at, size_bytes, advice, err);
}

static plim_status failing_resident(plim_provider *base, const void *at, size_t size_bytes,
                                    size_t *out_bytes, plim_error *err)
{
    plim_failing_provider *self = (plim_failing_provider *)base;
    return plim_provider_resident(self->upstream, at, size_bytes, out_bytes, err);
}

void plim_failing_provider_init(plim_failing_provider *self, plim_provider *upstream,
                                uint64_t fail_at, bool keep_failing)
{
    memset(self, 0, sizeof(*self));
    self->table = (plim_provider_ops){
        .struct_size = sizeof(self->table),
        .abi = PLIM_PROVIDER_ABI,
        .name = "failing",
        .kind = plim_provider_kind(upstream),
        .page_bytes = plim_provider_page_bytes(upstream),
        .reserve = failing_reserve,
        .commit = failing_commit,
        .decommit = failing_decommit,
        .release = failing_release,
        .advise = failing_advise,
        .resident = failing_resident,
        .commit_large = failing_commit_large,
    };
    self->base.ops = &self->table;
    self->upstream = upstream;
    self->fail_at = fail_at;
    self->keep_failing = keep_failing;
}
