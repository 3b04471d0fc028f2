/* SPDX-License-Identifier: Apache-2.0 */
/* region_static.c - offsets from a plan; committed whole, given back and taken again whole.
 *
 * Nothing is handed out here: the plan decided. Evict returns the pages and keeps the
 * addresses; restore commits zeroed pages again under the cap. A seal lets restore pass: the
 * region had that memory before.
 */
#include "arena/carve.h"
#include "arena/checks.h"

static plim_status shape(plim_region *self, const plim_region_opts *opts, uint64_t *out_bytes,
                         plim_error *err)
{
    (void)self, (void)opts, (void)err;
    *out_bytes = 0;
    return PLIM_OK;
}

static void clear(plim_region *self)
{
    self->used_bytes = self->used_peak_bytes = self->size_bytes;
}

static uint64_t end_of_use(const plim_region *self)
{
    return self->evicted ? 0 : self->size_bytes;
}

static uint64_t largest_free(const plim_region *self)
{
    (void)self;
    return 0;
}

static const char *check(const plim_region *self)
{
    uint64_t expected = self->evicted ? 0 : self->span_bytes;
    return self->committed_bytes == expected ? NULL : "static region: committed in part";
}

const region_table plim_region_static = {
    .shape = shape,
    .clear = clear,
    .end_of_use = end_of_use,
    .largest_free = largest_free,
    .check = check,
};

static plim_status refuse_unless(const plim_region *self, bool evicted, plim_error *err)
{
    if (!self) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "region");
    }
    if (self->kind != PLIM_REGION_STATIC) {
        return PLIM_FAIL(err, PLIM_E_STATE, .what = "only a static region is evicted");
    }
    if (self->evicted != evicted) {
        return PLIM_FAIL(err, PLIM_E_STATE,
                         .what = evicted ? "the region is not evicted" : "the region is evicted");
    }
    return PLIM_OK;
}

plim_status plim_region_evict(plim_region *self, plim_error *err)
{
    PLIM_TRY(refuse_unless(self, false, err));
    (void)plim_region_decommit_from(self, 0);
    self->evicted = true;
    self->used_bytes = 0;
    return PLIM_OK;
}

plim_status plim_region_restore(plim_region *self, plim_error *err)
{
    PLIM_TRY(refuse_unless(self, true, err));
    PLIM_TRY(plim_region_commit_to(self, self->span_bytes, true, err));
    plim_region_unpoison(self, 0, self->size_bytes);
    self->evicted = false;
    self->used_bytes = self->size_bytes;
    return PLIM_OK;
}
