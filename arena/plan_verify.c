/* SPDX-License-Identifier: Apache-2.0 */
/* plan_verify.c - is this plan one that may be used?
 *
 * Decides whether buffers that live at the same step keep apart in memory, lie under the
 * height and are aligned; of a problem also whether gaps, pairs, regions and stages are well
 * formed. Refuses (E_FORMAT) the first that does not, by name. Shares no code with the planner,
 * so that one mistake cannot hide in both.
 *
 * Algorithm: rank the buffers by region and offset. Sweep over time with the set of live ranks, a
 * 64-ary tree of bits. Buffers alive together lie apart as long as the plan is sound, so a
 * new one can only collide with the nearest live rank below it or above it. A gap ends one row
 * of the sweep and begins another. An input and its output at one offset cover, in their shared
 * step, what the larger of them covers: so the smaller is left out of that step; that an input
 * has one such output and an output one such input is checked before. Sorts and 3n steps in the
 * set: O(n log n).
 */
#include <string.h>

#include "arena/bytes.h"
#include "arena/opts.h"
#include "plimsoll/plan.h"

#define LEVELS_MAX 6 /* 64^6 > 2^32 */
#define NO_RANK    UINT32_MAX
#define ROWS_MAX   (UINT32_C(1) << 28)

typedef struct live_set {
    uint64_t *level[LEVELS_MAX]; /* level 0: one bit a rank; above: one bit a word below */
    uint32_t levels;
} live_set;

/* A buffer from one time to another, without gaps. Time is the stage, then the step. */
typedef struct row {
    uint64_t from, to;
    uint32_t buffer;
} row;

typedef struct sweep {
    const plim_plan_problem *problem;
    uint64_t height_bytes; /* when there are no regions */
    row *rows;
    uint64_t *keys; /* of the sort at hand */
    uint32_t *by_start, *by_end, *spare;
    uint32_t *by_offset, *rank;
    uint32_t *gap_list;
    uint32_t *input_of, *output_of; /* pairs that lie at one offset */
    size_t row_count;
    live_set live;
    plim_error *err;
} sweep;

/* ---- order ---- */

static void merge(const uint64_t *keys, const uint32_t *from, size_t left, size_t middle,
                  size_t right, uint32_t *to)
{
    for (size_t a = left, b = middle, k = left; k < right; k++) {
        bool take_a = b == right || (a < middle && keys[from[a]] <= keys[from[b]]);
        to[k] = take_a ? from[a++] : from[b++];
    }
}

/* Bottom-up merge sort of what @list has, by rising keys; stable. */
static void sort_by(const uint64_t *keys, uint32_t *list, uint32_t *spare, size_t count)
{
    uint32_t *from = list, *to = spare;
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t left = 0; left < count; left += 2 * run) {
            size_t middle = left + run < count ? left + run : count;
            size_t right = middle + run < count ? middle + run : count;
            merge(keys, from, left, middle, right, to);
        }
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != list) {
        memcpy(list, from, count * sizeof(*list));
    }
}

static void count_up(uint32_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        list[i] = (uint32_t)i;
    }
}

/* ---- the set of live ranks ---- */

static void live_init(live_set *self, uint64_t *words, size_t count)
{
    self->levels = 0;
    do {
        count = (count + 63) / 64;
        memset(words, 0, count * sizeof(*words));
        self->level[self->levels++] = words;
        words += count;
    } while (count > 1);
}

static void live_insert(live_set *self, uint32_t rank)
{
    for (uint32_t l = 0; l < self->levels; l++, rank /= 64) {
        self->level[l][rank / 64] |= UINT64_C(1) << rank % 64;
    }
}

static void live_remove(live_set *self, uint32_t rank)
{
    for (uint32_t l = 0; l < self->levels; l++, rank /= 64) {
        self->level[l][rank / 64] &= ~(UINT64_C(1) << rank % 64);
        if (self->level[l][rank / 64] != 0) {
            return;
        }
    }
}

/* The nearest live rank below @rank. */
static uint32_t live_below(const live_set *self, uint32_t rank)
{
    for (uint32_t l = 0; l < self->levels; l++, rank /= 64) {
        uint64_t bits = self->level[l][rank / 64] & ((UINT64_C(1) << rank % 64) - 1);
        if (bits) {
            uint32_t at = rank / 64 * 64 + 63 - (uint32_t)__builtin_clzll(bits);
            while (l-- > 0) {
                at = at * 64 + 63 - (uint32_t)__builtin_clzll(self->level[l][at]);
            }
            return at;
        }
    }
    return NO_RANK;
}

/* The nearest live rank above @rank. */
static uint32_t live_above(const live_set *self, uint32_t rank)
{
    for (uint32_t l = 0; l < self->levels; l++, rank /= 64) {
        uint64_t bits = self->level[l][rank / 64] & ~((UINT64_C(2) << rank % 64) - 1);
        if (bits) {
            uint32_t at = rank / 64 * 64 + (uint32_t)__builtin_ctzll(bits);
            while (l-- > 0) {
                at = at * 64 + (uint32_t)__builtin_ctzll(self->level[l][at]);
            }
            return at;
        }
    }
    return NO_RANK;
}

/* ---- one by one ---- */

static plim_status refuse(const sweep *self, const plim_plan_buffer *b, const char *field,
                          const char *wanted, uint64_t height)
{
    plim_status s = plim_error_set(self->err, PLIM_E_FORMAT, "plan", field, wanted, NULL);
    plim_error_detail(self->err,
                      "buffer %llu: steps [%lu, %lu), offset %llu, size %llu, height %llu",
                      (unsigned long long)b->id, (unsigned long)b->lower, (unsigned long)b->upper,
                      (unsigned long long)b->offset_bytes, (unsigned long long)b->size_bytes,
                      (unsigned long long)height);
    return s;
}

static plim_status verify_one(const sweep *self, const plim_plan_buffer *b)
{
    const plim_plan_problem *p = self->problem;
    uint64_t end, align = b->align_bytes ? b->align_bytes : 1, height = self->height_bytes;
    if (b->region >= (p->region_count ? p->region_count : 1)) {
        return refuse(self, b, "region", "an index below region_count", height);
    }
    height = p->region_count ? p->regions[b->region].height_bytes : height;
    if (b->stage >= (p->stage_count ? p->stage_count : 1)) {
        return refuse(self, b, "stage", "below stage_count", height);
    }
    if (!b->is_in_every_stage && b->lower >= b->upper) {
        return refuse(self, b, "upper", "a step after lower", height);
    }
    if (b->size_bytes == 0) {
        return refuse(self, b, "size_bytes", "above 0", height);
    }
    if (!bytes_is_power_of_two(align)) {
        return refuse(self, b, "align_bytes", "a power of two", height);
    }
    if (b->offset_bytes & (align - 1)) {
        return refuse(self, b, "offset_bytes", "a multiple of align_bytes", height);
    }
    if (!bytes_add(b->offset_bytes, b->size_bytes, &end) || end > height) {
        return refuse(self, b, "offset_bytes", "an end under the height", height);
    }
    return PLIM_OK;
}

static plim_status refuse_collision(const sweep *self, const plim_plan_buffer *a,
                                    const plim_plan_buffer *b, uint32_t step)
{
    plim_status s = plim_error_set(self->err, PLIM_E_FORMAT, "plan", "offset_bytes",
                                   "buffers that live together lie apart", NULL);
    plim_error_detail(self->err, "buffers %llu and %llu share byte %llu at step %lu",
                      (unsigned long long)a->id, (unsigned long long)b->id,
                      (unsigned long long)b->offset_bytes, (unsigned long)step);
    return s;
}

static plim_status verify_gap(const sweep *self, const plim_plan_gap *g, const plim_plan_gap *last)
{
    if (g->buffer >= self->problem->buffer_count) {
        return plim_error_set(self->err, PLIM_E_FORMAT, "plan gap", "buffer",
                              "an index below buffer_count", NULL);
    }
    const plim_plan_buffer *b = &self->problem->buffers[g->buffer];
    bool is_inside =
        !b->is_in_every_stage && g->lower < g->upper && g->lower > b->lower && g->upper < b->upper;
    if (is_inside && (!last || last->buffer != g->buffer || last->upper < g->lower)) {
        return PLIM_OK;
    }
    plim_status s = plim_error_set(self->err, PLIM_E_FORMAT, "plan gap", "lower",
                                   "inside the lifetime, apart from others", NULL);
    plim_error_detail(self->err, "gap [%lu, %lu) of buffer %llu", (unsigned long)g->lower,
                      (unsigned long)g->upper, (unsigned long long)b->id);
    return s;
}

/* Notes the pairs that lie at one offset; two that claim the same one collide in that step. */
static plim_status verify_inplace(sweep *self, const plim_plan_pair *pair)
{
    const plim_plan_problem *p = self->problem;
    if (pair->input >= p->buffer_count || pair->output >= p->buffer_count) {
        return plim_error_set(self->err, PLIM_E_FORMAT, "plan pair", "input",
                              "indices below buffer_count", NULL);
    }
    const plim_plan_buffer *in = &p->buffers[pair->input], *out = &p->buffers[pair->output];
    if (in->region != out->region || in->stage != out->stage || in->is_in_every_stage ||
        out->is_in_every_stage || in->lower >= out->lower || in->upper - 1 != out->lower) {
        plim_status s = plim_error_set(self->err, PLIM_E_FORMAT, "plan pair", "upper",
                                       "an input whose last step makes the output", NULL);
        plim_error_detail(self->err, "buffers %llu and %llu", (unsigned long long)in->id,
                          (unsigned long long)out->id);
        return s;
    }
    if (in->offset_bytes != out->offset_bytes) {
        return PLIM_OK;
    }
    uint32_t rival = self->output_of[pair->input];
    if (rival != NO_RANK && rival != pair->output) {
        return refuse_collision(self, &p->buffers[rival], out, out->lower);
    }
    rival = self->input_of[pair->output];
    if (rival != NO_RANK && rival != pair->input) {
        return refuse_collision(self, &p->buffers[rival], in, out->lower);
    }
    self->output_of[pair->input] = pair->output;
    self->input_of[pair->output] = pair->input;
    return PLIM_OK;
}

static plim_status verify_parts(sweep *self)
{
    const plim_plan_problem *p = self->problem;
    for (size_t i = 0; i < p->buffer_count; i++) {
        PLIM_TRY(verify_one(self, &p->buffers[i]));
    }
    count_up(self->gap_list, p->gap_count);
    for (size_t i = 0; i < p->gap_count; i++) {
        self->keys[i] = (uint64_t)p->gaps[i].buffer << 32 | p->gaps[i].lower;
    }
    sort_by(self->keys, self->gap_list, self->spare, p->gap_count);
    for (size_t i = 0; i < p->gap_count; i++) {
        const plim_plan_gap *last = i ? &p->gaps[self->gap_list[i - 1]] : NULL;
        PLIM_TRY(verify_gap(self, &p->gaps[self->gap_list[i]], last));
    }
    memset(self->input_of, 0xff, p->buffer_count * sizeof(*self->input_of));
    memset(self->output_of, 0xff, p->buffer_count * sizeof(*self->output_of));
    for (size_t i = 0; i < p->pair_count; i++) {
        PLIM_TRY(verify_inplace(self, &p->pairs[i]));
    }
    return PLIM_OK;
}

/* ---- over time ---- */

static void add_row(sweep *self, uint64_t from, uint64_t to, uint32_t buffer)
{
    if (from < to) {
        self->rows[self->row_count++] = (row){from, to, buffer};
    }
}

static void list_rows(sweep *self)
{
    const plim_plan_problem *p = self->problem;
    for (uint32_t i = 0, gap = 0; i < p->buffer_count; i++) {
        const plim_plan_buffer *b = &p->buffers[i];
        uint64_t stage = (uint64_t)b->stage << 32, from = stage | b->lower, to = stage | b->upper;
        uint32_t in = self->input_of[i], out = self->output_of[i];
        if (b->is_in_every_stage) {
            add_row(self, 0, UINT64_MAX, i);
            continue;
        }
        if (in != NO_RANK && p->buffers[in].size_bytes > b->size_bytes) {
            from++;
        }
        if (out != NO_RANK && p->buffers[out].size_bytes >= b->size_bytes) {
            to--;
        }
        for (; gap < p->gap_count && p->gaps[self->gap_list[gap]].buffer == i; gap++) {
            const plim_plan_gap *g = &p->gaps[self->gap_list[gap]];
            add_row(self, from, stage | g->lower, i);
            from = stage | g->upper;
        }
        add_row(self, from, to, i);
    }
}

static void sort_rows(sweep *self)
{
    const plim_plan_problem *p = self->problem;
    count_up(self->by_start, self->row_count);
    count_up(self->by_end, self->row_count);
    for (size_t i = 0; i < self->row_count; i++) {
        self->keys[i] = self->rows[i].from;
    }
    sort_by(self->keys, self->by_start, self->spare, self->row_count);
    for (size_t i = 0; i < self->row_count; i++) {
        self->keys[i] = self->rows[i].to;
    }
    sort_by(self->keys, self->by_end, self->spare, self->row_count);
    count_up(self->by_offset, p->buffer_count);
    for (size_t i = 0; i < p->buffer_count; i++) {
        self->keys[i] = p->buffers[i].offset_bytes;
    }
    sort_by(self->keys, self->by_offset, self->spare, p->buffer_count);
    for (size_t i = 0; p->region_count > 1 && i < p->buffer_count; i++) {
        self->keys[i] = p->buffers[i].region;
    }
    if (p->region_count > 1) {
        sort_by(self->keys, self->by_offset, self->spare, p->buffer_count);
    }
    for (size_t i = 0; i < p->buffer_count; i++) {
        self->rank[self->by_offset[i]] = (uint32_t)i;
    }
}

/* Rank @low lies at or below rank @high: do they keep apart? */
static plim_status verify_pair(const sweep *self, uint32_t low, uint32_t high, uint64_t now)
{
    const plim_plan_buffer *a = &self->problem->buffers[self->by_offset[low]];
    const plim_plan_buffer *b = &self->problem->buffers[self->by_offset[high]];
    if (a->region != b->region || a->offset_bytes + a->size_bytes <= b->offset_bytes) {
        return PLIM_OK;
    }
    return refuse_collision(self, a, b, (uint32_t)now);
}

static plim_status verify_over_time(sweep *self)
{
    for (size_t s = 0, e = 0; s < self->row_count; s++) {
        const row *r = &self->rows[self->by_start[s]];
        uint32_t rank = self->rank[r->buffer];
        for (; self->rows[self->by_end[e]].to <= r->from; e++) {
            live_remove(&self->live, self->rank[self->rows[self->by_end[e]].buffer]);
        }
        uint32_t below = live_below(&self->live, rank), above = live_above(&self->live, rank);
        if (below != NO_RANK) {
            PLIM_TRY(verify_pair(self, below, rank, r->from));
        }
        if (above != NO_RANK) {
            PLIM_TRY(verify_pair(self, rank, above, r->from));
        }
        live_insert(&self->live, rank);
    }
    return PLIM_OK;
}

/* ---- memory ---- */

static size_t take_bytes(size_t count, size_t each)
{
    return (count * each + 15) / 16 * 16;
}

static void *take(unsigned char **at, size_t count, size_t each)
{
    unsigned char *taken = *at;
    *at += take_bytes(count, each);
    return taken;
}

static size_t bytes_for(size_t buffers, size_t gaps)
{
    if (buffers > ROWS_MAX || gaps > ROWS_MAX) {
        return 0;
    }
    size_t rows = buffers + gaps;
    return take_bytes(rows, sizeof(row)) + take_bytes(rows, 8) + 3 * take_bytes(rows, 4) +
           4 * take_bytes(buffers, 4) + take_bytes(gaps, 4) +
           take_bytes(buffers / 63 + LEVELS_MAX + 1, 8);
}

size_t plim_plan_verify_bytes(size_t count)
{
    return bytes_for(count, 0);
}

size_t plim_plan_problem_verify_bytes(const plim_plan_problem *problem)
{
    plim_plan_problem p;
    return problem && opts_take(&p, sizeof(p), problem) ? bytes_for(p.buffer_count, p.gap_count)
                                                        : 0;
}

plim_status plim_plan_problem_verify(const plim_plan_problem *problem, uint64_t height_bytes,
                                     void *scratch, size_t scratch_bytes, plim_error *err)
{
    plim_plan_problem p;
    if (!problem || !opts_take(&p, sizeof(p), problem) || (p.buffer_count && !p.buffers) ||
        (p.gap_count && !p.gaps) || (p.pair_count && !p.pairs) || (p.region_count && !p.regions)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "a problem with its arrays is needed");
    }
    size_t need = bytes_for(p.buffer_count, p.gap_count);
    if (p.buffer_count == 0 && p.gap_count == 0 && p.pair_count == 0) {
        return PLIM_OK;
    }
    if (!scratch || (uintptr_t)scratch % 16 != 0 || need == 0 || scratch_bytes < need) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "verifier's scratch, aligned to 16", .want = need,
                         .have = scratch_bytes);
    }
    unsigned char *at = scratch;
    size_t rows = p.buffer_count + p.gap_count;
    sweep self = {.problem = &p, .height_bytes = height_bytes, .err = err};
    self.rows = take(&at, rows, sizeof(row));
    self.keys = take(&at, rows, 8);
    self.by_start = take(&at, rows, 4);
    self.by_end = take(&at, rows, 4);
    self.spare = take(&at, rows, 4);
    self.by_offset = take(&at, p.buffer_count, 4);
    self.rank = take(&at, p.buffer_count, 4);
    self.input_of = take(&at, p.buffer_count, 4);
    self.output_of = take(&at, p.buffer_count, 4);
    self.gap_list = take(&at, p.gap_count, 4);
    PLIM_TRY(verify_parts(&self));
    live_init(&self.live, (uint64_t *)at, p.buffer_count);
    list_rows(&self);
    sort_rows(&self);
    return verify_over_time(&self);
}

plim_status plim_plan_verify(const plim_plan_buffer *buffers, size_t count, uint64_t height_bytes,
                             void *scratch, size_t scratch_bytes, plim_error *err)
{
    plim_plan_problem p = plim_plan_problem_default();
    p.buffers = (plim_plan_buffer *)(uintptr_t)buffers; /* only read */
    p.buffer_count = count;
    return plim_plan_problem_verify(&p, height_bytes, scratch, scratch_bytes, err);
}
