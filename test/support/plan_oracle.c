/* SPDX-License-Identifier: Apache-2.0 */
/* plan_oracle.c - plan_oracle.h's search, and random problems for it. */
#include "test/support/plan_oracle.h"

#include "test/support/cm.h"

static bool lives_at(const plim_plan_problem *p, size_t i, uint32_t stage, uint32_t step)
{
    const plim_plan_buffer *b = &p->buffers[i];
    if (b->is_in_every_stage) {
        return true;
    }
    for (size_t g = 0; g < p->gap_count; g++) {
        if (p->gaps[g].buffer == i && step >= p->gaps[g].lower && step < p->gaps[g].upper) {
            return false;
        }
    }
    return b->stage == stage && step >= b->lower && step < b->upper;
}

static bool is_pair(const plim_plan_problem *p, size_t a, size_t b)
{
    for (size_t i = 0; i < p->pair_count; i++) {
        size_t in = p->pairs[i].input, out = p->pairs[i].output;
        if ((in == a && out == b) || (in == b && out == a)) {
            return true;
        }
    }
    return false;
}

/* Do they live in one region at one step? */
static bool do_meet(const plim_plan_problem *p, size_t a, size_t b)
{
    const plim_plan_buffer *x = &p->buffers[a], *y = &p->buffers[b];
    if (x->region != y->region) {
        return false;
    }
    if (x->is_in_every_stage || y->is_in_every_stage) {
        return true;
    }
    if (x->stage != y->stage) {
        return false;
    }
    for (uint32_t step = x->lower; step < x->upper; step++) {
        if (lives_at(p, a, x->stage, step) && lives_at(p, b, x->stage, step)) {
            return true;
        }
    }
    return false;
}

bool plan_oracle_is_apart(const plim_plan_problem *problem, size_t a, size_t b)
{
    const plim_plan_buffer *x = &problem->buffers[a], *y = &problem->buffers[b];
    bool share = x->offset_bytes < y->offset_bytes + y->size_bytes &&
                 y->offset_bytes < x->offset_bytes + x->size_bytes;
    return !share || !do_meet(problem, a, b) ||
           (x->offset_bytes == y->offset_bytes && is_pair(problem, a, b));
}

bool plan_oracle_is_sound(const plim_plan_problem *p, uint64_t height_bytes)
{
    for (size_t i = 0; i < p->buffer_count; i++) {
        const plim_plan_buffer *b = &p->buffers[i];
        uint64_t top = p->region_count ? p->regions[b->region].height_bytes : height_bytes;
        if (b->offset_bytes + b->size_bytes > top ||
            (b->align_bytes && b->offset_bytes % b->align_bytes)) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (!plan_oracle_is_apart(p, i, j)) {
                return false;
            }
        }
    }
    return true;
}

/* ---- the lowest height ---- */

typedef struct oracle {
    const plim_plan_problem *problem;
    plim_plan_problem work; /* the same with buffers of its own */
    size_t list[PLAN_ORACLE_BUFFERS], count;
    plim_plan_buffer buffers[PLAN_ORACLE_BUFFERS * 8];
    bool meets[PLAN_ORACLE_BUFFERS][PLAN_ORACLE_BUFFERS];
    bool pairs[PLAN_ORACLE_BUFFERS][PLAN_ORACLE_BUFFERS];
    uint64_t best;
} oracle;

static plim_plan_buffer *at(oracle *self, size_t i)
{
    return &self->buffers[self->list[i]];
}

static bool fits(oracle *self, uint32_t placed, size_t i, uint64_t offset)
{
    const plim_plan_buffer *b = at(self, i);
    if (b->align_bytes && offset % b->align_bytes) {
        return false;
    }
    for (size_t j = 0; j < self->count; j++) {
        const plim_plan_buffer *o = at(self, j);
        if ((placed >> j & 1) && self->meets[i][j] && offset < o->offset_bytes + o->size_bytes &&
            o->offset_bytes < offset + b->size_bytes &&
            !(self->pairs[i][j] && offset == o->offset_bytes)) {
            return false;
        }
    }
    return true;
}

static void place_rest(oracle *self, uint32_t placed, uint64_t floor, uint64_t height);

static void place_at(oracle *self, uint32_t placed, size_t i, uint64_t offset, uint64_t floor,
                     uint64_t height)
{
    uint64_t end = offset + at(self, i)->size_bytes;
    if (offset < floor || end >= self->best || !fits(self, placed, i, offset)) {
        return;
    }
    at(self, i)->offset_bytes = offset;
    place_rest(self, placed | 1u << i, offset, end > height ? end : height);
}

static void place_rest(oracle *self, uint32_t placed, uint64_t floor, uint64_t height)
{
    if (placed == (1u << self->count) - 1) {
        self->best = height < self->best ? height : self->best;
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        if (placed >> i & 1) {
            continue;
        }
        place_at(self, placed, i, 0, floor, height);
        for (size_t j = 0; j < self->count; j++) {
            if (!(placed >> j & 1)) {
                continue;
            }
            if (self->pairs[i][j]) {
                place_at(self, placed, i, at(self, j)->offset_bytes, floor, height);
            }
            uint64_t end = at(self, j)->offset_bytes + at(self, j)->size_bytes, last = 0;
            for (size_t k = 0; k < self->count; k++) { /* its own alignment, or of its group */
                uint64_t align = at(self, k)->align_bytes ? at(self, k)->align_bytes : 1;
                uint64_t up = (end + align - 1) / align * align;
                if (up != last && (k == i || self->work.pair_count)) {
                    place_at(self, placed, i, up, floor, height);
                    last = up;
                }
            }
        }
    }
}

uint64_t plan_oracle_height(const plim_plan_problem *problem, uint16_t region)
{
    oracle self = {.problem = problem, .work = *problem, .best = UINT64_MAX};
    uint32_t placed = 0;
    uint64_t height = 0;
    assert_true(problem->buffer_count <= sizeof(self.buffers) / sizeof(self.buffers[0]));
    self.work.buffers = self.buffers;
    for (size_t i = 0; i < problem->buffer_count; i++) {
        self.buffers[i] = problem->buffers[i];
        assert_true(problem->buffers[i].upper <= PLAN_ORACLE_STEPS);
        if (problem->buffers[i].region == region) {
            assert_true(self.count < PLAN_ORACLE_BUFFERS);
            self.list[self.count++] = i;
        }
    }
    for (size_t i = 0; i < self.count; i++) {
        for (size_t j = 0; j < self.count; j++) {
            self.meets[i][j] = i != j && do_meet(problem, self.list[i], self.list[j]);
            self.pairs[i][j] = is_pair(problem, self.list[i], self.list[j]);
        }
    }
    for (size_t i = 0; i < self.count; i++) {
        if (at(&self, i)->is_fixed) {
            uint64_t end = at(&self, i)->offset_bytes + at(&self, i)->size_bytes;
            if (!fits(&self, placed, i, at(&self, i)->offset_bytes)) {
                return UINT64_MAX;
            }
            placed |= 1u << i;
            height = end > height ? end : height;
        }
    }
    place_rest(&self, placed, 0, height);
    return self.best;
}

uint64_t plan_oracle_height_flat(const plim_plan_buffer *buffers, size_t count)
{
    plim_plan_buffer copy[PLAN_ORACLE_BUFFERS];
    plim_plan_problem p = plim_plan_problem_default();
    assert_true(count <= PLAN_ORACLE_BUFFERS);
    memcpy(copy, buffers, count * sizeof(*copy));
    p.buffers = copy;
    p.buffer_count = count;
    return plan_oracle_height(&p, 0);
}

/* ---- random problems ---- */

static void make_gaps(plan_made *m, uint64_t *seed)
{
    for (size_t i = 0; i < m->problem.buffer_count; i++) {
        const plim_plan_buffer *b = &m->buffers[i];
        uint32_t at = b->lower + 1, last = b->upper - 1;
        while (!b->is_in_every_stage && at < last && m->problem.gap_count < 64 &&
               cm_next(seed) % 2) {
            uint32_t lower = at + (uint32_t)(cm_next(seed) % (last - at));
            uint32_t upper = lower + 1 + (uint32_t)(cm_next(seed) % (last - lower));
            m->gaps[m->problem.gap_count++] = (plim_plan_gap){(uint32_t)i, lower, upper};
            at = upper + 1;
        }
    }
}

/* Every two that meet in one step, and may be a pair, are one half of the time. */
static void make_pairs(plan_made *m, uint64_t *seed)
{
    for (size_t i = 0; i < m->problem.buffer_count; i++) {
        for (size_t o = 0; o < m->problem.buffer_count; o++) {
            const plim_plan_buffer *a = &m->buffers[i], *b = &m->buffers[o];
            bool may = a->region == b->region && a->stage == b->stage && a->lower < b->lower &&
                       !a->is_in_every_stage && !b->is_in_every_stage && b->lower + 1 == a->upper;
            if (may && m->problem.pair_count < 64 && cm_next(seed) % 2) {
                m->pairs[m->problem.pair_count++] = (plim_plan_pair){(uint32_t)i, (uint32_t)o};
            }
        }
    }
}

void plan_made_random(plan_made *out, const plan_made_opts *opts, uint64_t *seed)
{
    memset(out, 0, sizeof(*out));
    plim_plan_problem *p = &out->problem;
    *p = plim_plan_problem_default();
    p->buffers = out->buffers;
    p->gaps = out->gaps;
    p->pairs = out->pairs;
    p->buffer_count = opts->least + cm_next(seed) % (opts->most - opts->least + 1);
    p->stage_count = opts->with_stages ? 1 + (uint32_t)(cm_next(seed) % 3) : 0;
    if (opts->with_regions) {
        p->regions = out->regions;
        p->region_count = 1 + cm_next(seed) % 3;
    }
    for (size_t i = 0; i < p->buffer_count; i++) {
        plim_plan_buffer *b = &out->buffers[i];
        b->id = i + 1;
        b->lower = (uint32_t)(cm_next(seed) % opts->steps);
        b->upper = b->lower + 1 + (uint32_t)(cm_next(seed) % (opts->steps - b->lower));
        b->size_bytes = 1 + cm_next(seed) % opts->size_most;
        if (opts->with_alignment && cm_next(seed) % 3 == 0) {
            b->align_bytes = UINT64_C(1) << cm_next(seed) % 4;
        }
        if (opts->with_fixed && cm_next(seed) % 8 == 0) {
            b->is_fixed = true;
            b->offset_bytes = cm_next(seed) % (3 * opts->size_most);
            b->align_bytes = 0;
        }
        b->region = p->region_count ? (uint16_t)(cm_next(seed) % p->region_count) : 0;
        if (p->stage_count) {
            b->stage = (uint32_t)(cm_next(seed) % p->stage_count);
            b->is_in_every_stage = cm_next(seed) % 6 == 0;
        }
    }
    if (opts->with_gaps) {
        make_gaps(out, seed);
    }
    if (opts->with_pairs) {
        make_pairs(out, seed);
    }
}
