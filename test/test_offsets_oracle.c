/* SPDX-License-Identifier: Apache-2.0 */
/* test_offsets_oracle.c - every decision of the dynamic path beside a naive list of blocks.
 *
 * One driver draws random sequences, biased to the edges (sizes beside a class's limit, the
 * exact size of a hole and one byte more, alignments that just fit, whole regions, the last
 * block of the limit), and asks the free-range bookkeeping and the public dynamic region the
 * same questions as the list. What must hold: a block is given if and only if a hole has room;
 * it is aligned, inside, over no other; what is not the start of a live block is not freed;
 * largest hole and bytes in use are exact; check() is clean.
 */
#include "test/support/cm.h"

#include <stdbool.h>

#include "arena/offsets.h"
#include "plimsoll/arena.h"
#include "test/support/block_list.h"
#include "test/support/no_memory.h"

#define KIB     ((uint64_t)1 << 10)
#define MIB     ((uint64_t)1 << 20)
#define GIB     ((uint64_t)1 << 30)
#define UNIT    ((uint64_t)64)
#define GUARD   ((uint64_t)64)
#define GRANULE ((uint64_t)PLIM_GRANULE_BYTES)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
#define STEPS_PER_WORLD 40000
#else
#define STEPS_PER_WORLD 440000 /* fifteen worlds, one at half: 6.4 million */
#endif

static plim_error err;

/* What is judged: the bookkeeping by itself, or a region through the public calls. */
typedef struct subject {
    plim_offsets *offsets;
    plim_region *region;
    plim_arena *arena;
    plim_budget *budget;
    no_memory memory;
    char *base;
    uint64_t bad_frees;
} subject;

typedef struct world {
    const char *name;
    uint64_t size, align_most; /* of the range; the largest alignment asked for */
    uint32_t live;
    bool is_region;
    uint64_t cap; /* room for commits; 0: all of it */
    uint64_t seal_at_step;
    uint64_t slack; /* a tail longer than this goes back by itself */
    bool is_shared;
    uint64_t unit;     /* of blocks; 0: 64 */
    bool is_committed; /* from the start: so large blocks come from the other end */
    bool is_hardened;  /* a guard behind each block; the first unit is nobody's */
} world;

typedef struct run {
    const world *world;
    subject *subject;
    block_list *list;
    uint64_t seed, step, last_freed;
    uint64_t grants, refusals, bad_frees, live_sum;
    bool is_sealed;
} run;

static uint64_t unit_of(const world *w)
{
    return w->unit ? w->unit : UNIT;
}

/* What a block of @bytes takes. */
static uint64_t room_of(const world *w, uint64_t bytes)
{
    uint64_t guarded = bytes + (w->is_hardened ? GUARD : 0);
    return (guarded + unit_of(w) - 1) / unit_of(w) * unit_of(w);
}

/* Everything free, but for the unit in front of the first block that a hardened region keeps. */
static void list_clear(block_list *list, const world *w)
{
    block_list_clear(list, w->size);
    if (w->is_hardened) {
        assert_true(block_list_add(list, 0, unit_of(w)));
    }
}

/* ---- the two subjects ---- */

static void open_offsets(subject *s, const world *w)
{
    uint64_t bytes = 0;
    assert_true(plim_offsets_footprint(w->size, w->live, unit_of(w), &bytes));
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(memory);
    memset(memory, 0x5a, bytes); /* init must not count on zeroed memory */
    s->offsets = plim_offsets_init(memory, w->size, w->live, unit_of(w));
    assert_non_null(s->offsets);
}

static void open_region(subject *s, const world *w)
{
    plim_budget_opts b = plim_budget_opts_default();
    plim_arena_opts a = plim_arena_opts_default();
    plim_region_opts o = plim_region_opts_default();
    no_memory_init(&s->memory);
    b.cap_bytes = w->size * 2 + 64 * MIB;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &s->budget, &err));
    assert_ok(plim_arena_open(s->budget, &s->memory.base, &a, &s->arena, &err));
    o.size_bytes = w->size;
    o.align_bytes = w->align_most < GRANULE ? GRANULE : w->align_most;
    o.block_limit = w->live;
    o.tag = PLIM_TAG_ACTIVATIONS;
    o.slack_bytes = w->slack;
    o.is_shared = w->is_shared;
    o.unit_bytes = w->unit;
    o.is_hardened = w->is_hardened;
    o.commit_now = w->is_committed;
    o.quarantine_blocks = 16;
    assert_ok(plim_region_create(s->arena, PLIM_REGION_DYNAMIC, &o, &s->region, &err));
    s->base = plim_region_base(s->region);
    if (w->cap) { /* what is left after this leaves room for w->cap bytes of commits */
        plim_region *filler = NULL;
        o.size_bytes = (plim_budget_cap_bytes(s->budget) - plim_budget_used_bytes(s->budget)) /
                           GRANULE * GRANULE -
                       w->cap;
        assert_ok(plim_region_create(s->arena, PLIM_REGION_STATIC, &o, &filler, &err));
    }
}

static void subject_open(subject *s, const world *w)
{
    memset(s, 0, sizeof(*s));
    if (w->is_region) {
        open_region(s, w);
    } else {
        open_offsets(s, w);
    }
}

static void subject_close(subject *s)
{
    plim_arena_close(s->arena);
    plim_budget_close(s->budget);
    free(s->offsets);
}

/* As a region does it: what the search found nothing for is proved by the scan. */
static bool subject_alloc(subject *s, uint64_t bytes, uint64_t align, uint64_t *out_offset)
{
    void *block = NULL;
    if (s->offsets) {
        return plim_offsets_alloc(s->offsets, bytes, align, UINT64_MAX, out_offset) ||
               plim_offsets_alloc_scan(s->offsets, bytes, align, UINT64_MAX, out_offset);
    }
    plim_status status = plim_region_alloc(s->region, bytes, align, &block, &err);
    assert_true((status == PLIM_OK) == (block != NULL));
    *out_offset = (uint64_t)((char *)block - s->base);
    return status == PLIM_OK;
}

static bool subject_free(subject *s, uint64_t offset)
{
    if (s->offsets) {
        return plim_offsets_free(s->offsets, offset) != 0;
    }
    plim_status status = plim_region_free(s->region, (void *)((uintptr_t)s->base + offset), &err);
    assert_true(status == PLIM_OK || status == PLIM_E_ARG);
    s->bad_frees += status != PLIM_OK;
    return status == PLIM_OK;
}

static uint64_t subject_block_bytes(const subject *s, uint64_t offset)
{
    return s->offsets ? plim_offsets_block_bytes(s->offsets, offset)
                      : plim_region_block_bytes(s->region, s->base + offset);
}

static void subject_agrees(const subject *s, const world *w, const block_list *list)
{
    if (s->offsets) {
        assert_int_equal(plim_offsets_used_bytes(s->offsets), block_list_used_bytes(list));
        assert_int_equal(plim_offsets_live_count(s->offsets), list->count);
        assert_int_equal(plim_offsets_largest_free_bytes(s->offsets),
                         block_list_largest_hole(list));
        assert_int_equal(plim_offsets_end_of_use(s->offsets), block_list_end_of_use(list));
        return;
    }
    plim_region_stats stats;
    plim_region_read(s->region, &stats);
    uint64_t kept = w->is_hardened ? unit_of(w) : 0, largest = block_list_largest_hole(list);
    assert_int_equal(stats.used_bytes, block_list_used_bytes(list) - kept);
    assert_int_equal(stats.free_bytes, list->size_bytes - stats.used_bytes);
    assert_int_equal(stats.block_count, list->count - w->is_hardened);
    if (w->is_hardened) { /* what is held back is not in it */
        assert_true(stats.largest_free_bytes <= largest + kept);
        assert_int_equal(stats.misuse_count, s->bad_frees);
    } else {
        assert_true(stats.largest_free_bytes == largest ||
                    stats.largest_free_bytes == 0); /* 0: block_limit blocks are alive */
    }
    assert_true(stats.block_count == 0 || block_list_end_of_use(list) <= stats.committed_bytes);
    assert_true(plim_budget_used_bytes(s->budget) <= plim_budget_cap_bytes(s->budget));
}

static void subject_is_well(const subject *s)
{
    if (s->offsets) {
        const char *broken = plim_offsets_check(s->offsets);
        assert_string_equal(broken ? broken : "", "");
    } else {
        assert_ok(plim_arena_check(s->arena, &err));
    }
}

/* How far a block may reach: a region's commits are held by the cap, and by the seal. */
static uint64_t reach(const run *r)
{
    plim_region_stats stats;
    if (!r->world->is_region) {
        return r->world->size;
    }
    plim_region_read(r->subject->region, &stats);
    if (r->is_sealed) {
        return stats.committed_bytes < r->world->size ? stats.committed_bytes : r->world->size;
    }
    uint64_t room =
        plim_budget_cap_bytes(r->subject->budget) - plim_budget_used_bytes(r->subject->budget);
    uint64_t end = stats.committed_bytes + room / GRANULE * GRANULE;
    return end < r->world->size ? end : r->world->size;
}

/* ---- drawing ---- */

static uint64_t draw(run *r, uint64_t below)
{
    return cm_next(&r->seed) % below;
}

static uint64_t log2_floor(uint64_t n)
{
    uint64_t bits = 0;
    while (n >>= 1) {
        bits++;
    }
    return bits;
}

/* A limit of a class of the two-level search, give or take a unit or a byte. */
static uint64_t draw_class_edge(run *r)
{
    uint64_t power = UINT64_C(1) << draw(r, log2_floor(r->world->size) + 1);
    uint64_t edge = power + power / 32 * draw(r, 32);
    static const int64_t beside[] = {-(int64_t)UNIT, -1, 0, 1, (int64_t)UNIT};
    int64_t moved = (int64_t)edge + beside[draw(r, 5)];
    return moved < 1 ? 1 : (uint64_t)moved;
}

static uint64_t draw_size(run *r)
{
    uint64_t start = 0, hole = 0;
    switch (draw(r, r->world->live > 1000 ? 80 : 16)) { /* many blocks must be small ones */
    case 0:
    case 1:
    case 2:
        return draw_class_edge(r);
    case 3:
    case 4: /* the size of a hole, or a byte or a unit beside it */
        hole = block_list_hole(r->list, draw(r, r->list->count + 1), &start);
        hole = hole + draw(r, 3) - 1;
        return hole == 0 || hole > r->world->size ? 1 : hole;
    case 5:
        return draw(r, 40) ? 1 + draw(r, r->world->size / 4) : r->world->size + draw(r, 2);
    case 6:
    case 7:
    case 8: /* log-uniform */
        return 1 + draw(r, UINT64_C(1) << (1 + draw(r, log2_floor(r->world->size / 4))));
    default: /* such that live blocks fill the range about at their limit */
        return 1 + draw(r, 2 * r->world->size / r->world->live);
    }
}

static uint64_t draw_align(run *r)
{
    uint64_t most = log2_floor(r->world->align_most);
    return draw(r, 4) ? unit_of(r->world) : UINT64_C(1) << draw(r, most + 1);
}

/* ---- one step ---- */

static bool try_alloc(run *r, uint64_t bytes, uint64_t align)
{
    uint64_t offset = 0;
    const world *w = r->world;
    uint64_t whole = room_of(w, bytes), at_least = align < unit_of(w) ? unit_of(w) : align;
    bool expected = r->list->count - w->is_hardened < w->live &&
                    block_list_has_room(r->list, whole, at_least, reach(r));

    bool given = subject_alloc(r->subject, bytes, align, &offset);

    if (given != expected) {
        fail_msg("world %s, step %llu: %llu bytes by %llu: %s, but the list says otherwise",
                 r->world->name, (unsigned long long)r->step, (unsigned long long)bytes,
                 (unsigned long long)align, given ? "given" : "refused");
    }
    if (!given) {
        r->refusals++;
        return false;
    }
    uint64_t got = subject_block_bytes(r->subject, offset);
    assert_int_equal(offset % at_least, 0);
    assert_int_equal(got, w->is_hardened ? bytes : whole);
    assert_true(block_list_add(r->list, offset, whole));
    r->grants++;
    return true;
}

static void free_index(run *r, size_t index)
{
    uint64_t offset = r->list->blocks[index].offset;
    assert_true(subject_free(r->subject, offset));
    assert_true(block_list_remove(r->list, offset));
    r->last_freed = offset;
}

static void try_free(run *r, unsigned order)
{
    size_t first = r->world->is_hardened;
    if (r->list->count == first) {
        return;
    }
    switch (order) {
    case 0:
        free_index(r, first);
        break;
    case 1:
        free_index(r, r->list->count - 1);
        break;
    case 2: { /* a neighbour of the last one, so that holes meet */
        size_t i = first;
        while (i + 1 < r->list->count && r->list->blocks[i].offset < r->last_freed) {
            i++;
        }
        free_index(r, i);
        break;
    }
    default:
        free_index(r, first + draw(r, r->list->count - first));
    }
}

/* As realloc moves: the new block before the old one goes. */
static void try_move(run *r)
{
    size_t first = r->world->is_hardened;
    if (r->list->count == first) {
        return;
    }
    uint64_t offset = r->list->blocks[first + draw(r, r->list->count - first)].offset;
    if (try_alloc(r, draw_size(r), draw_align(r))) {
        assert_true(subject_free(r->subject, offset));
        assert_true(block_list_remove(r->list, offset));
        r->last_freed = offset;
    }
}

static bool is_live(const block_list *list, uint64_t offset)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->blocks[i].offset == offset) {
            return true;
        }
    }
    return false;
}

static void try_bad_free(run *r)
{
    uint64_t offset = 0;
    switch (draw(r, 6)) {
    case 0:
        offset = r->last_freed; /* twice */
        break;
    case 1:
        offset = r->world->size + UNIT * draw(r, 3);
        break;
    case 2:
        offset = (uint64_t)0 - UNIT * (1 + draw(r, 3)); /* before the base */
        break;
    case 3:
        offset = draw(r, r->world->size);
        break;
    case 4:
        (void)block_list_hole(r->list, draw(r, r->list->count + 1), &offset);
        break;
    default:
        if (r->list->count) { /* inside a live block */
            size_t i = draw(r, r->list->count);
            offset = r->list->blocks[i].offset + 1 + draw(r, r->list->blocks[i].bytes);
        }
    }
    if (!is_live(r->list, offset)) {
        assert_false(subject_free(r->subject, offset));
        r->bad_frees++;
    }
}

/* Long waves, so that both ends are met: filling, draining, turning over, in address order. */
static void step(run *r)
{
    static const unsigned fill_percent[] = {75, 25, 50, 95, 10, 55};
    uint64_t wave = r->step / 900;
    unsigned fills = fill_percent[(wave ^ wave >> 3) % 6];
    uint64_t dice = draw(r, 100);
    if (draw(r, 24) == 0) {
        try_bad_free(r);
    } else if (draw(r, 12) == 0) {
        try_move(r);
    } else if (dice < fills) {
        (void)try_alloc(r, draw_size(r), draw_align(r));
    } else {
        try_free(r, (unsigned)(wave % 5));
    }
}

static void trim_and_reset(run *r)
{
    if (r->world->is_region && !r->is_sealed && draw(r, 512) == 0) {
        plim_region_trim(r->subject->region);
    }
    if (r->world->is_region && draw(r, 20000) == 0) {
        plim_region_reset(r->subject->region);
        list_clear(r->list, r->world);
    }
    if (r->world->seal_at_step && r->step == r->world->seal_at_step) {
        plim_arena_seal(r->subject->arena, PLIM_SEAL_REFUSE);
        r->is_sealed = true;
    }
}

static void follow(const world *w, uint64_t steps)
{
    static subject s;
    static block_list list;
    run r = {.world = w, .subject = &s, .list = &list, .seed = cm_seed()};
    subject_open(&s, w);
    list_clear(&list, w);
    uint64_t sealed_bytes = 0;
    for (; r.step < steps; r.step++) {
        trim_and_reset(&r);
        if (r.is_sealed && !sealed_bytes) {
            sealed_bytes = s.memory.committed_bytes;
        }
        step(&r);
        subject_agrees(&s, w, &list);
        r.live_sum += list.count;
        if (r.step % 256 == 0) {
            subject_is_well(&s);
        }
        assert_true(!r.is_sealed || s.memory.committed_bytes <= sealed_bytes);
    }
    while (list.count > w->is_hardened) {
        free_index(&r, w->is_hardened);
    }
    subject_is_well(&s);
    printf("# %s: %llu given, %llu refused, %llu bad frees, %llu live on average\n", w->name,
           (unsigned long long)r.grants, (unsigned long long)r.refusals,
           (unsigned long long)r.bad_frees, (unsigned long long)(r.live_sum / steps));
    assert_true(r.grants > steps / 10 && r.refusals > steps / 100 && r.bad_frees > steps / 100);
    subject_close(&s);
}

/* ---- worlds ---- */

static void offsets_of_a_tiny_range_agree_with_a_list_of_blocks(void **state)
{
    (void)state;
    const world w = {.name = "tiny", .size = 64 * UNIT, .align_most = 16 * UNIT, .live = 24};
    follow(&w, STEPS_PER_WORLD);
}

static void offsets_of_a_small_range_agree_with_a_list_of_blocks(void **state)
{
    (void)state;
    const world w = {.name = "small", .size = 2047 * UNIT, .align_most = 256 * UNIT, .live = 96};
    follow(&w, STEPS_PER_WORLD);
}

static void offsets_of_64_mib_agree_with_a_list_of_blocks(void **state)
{
    (void)state;
    const world w = {.name = "64 MiB", .size = 64 * MIB, .align_most = 2 * MIB, .live = 128};
    follow(&w, STEPS_PER_WORLD);
}

static void offsets_of_the_largest_range_agree_with_a_list_of_blocks(void **state)
{
    (void)state;
    const world w = {.name = "largest", .size = OFFSETS_SIZE_MAX, .align_most = GIB, .live = 128};
    follow(&w, STEPS_PER_WORLD);
}

static void offsets_with_thousands_of_blocks_agree_with_a_list_of_blocks(void **state)
{
    (void)state;
    const world w = {.name = "many", .size = 16 * MIB, .align_most = 64 * KIB, .live = 3000};
    follow(&w, STEPS_PER_WORLD / 2);
}

static void region_of_4_mib_agrees_with_a_list_of_blocks(void **state)
{
    (void)state;
    const world w = {.name = "region, 4 MiB",
                     .size = 4 * MIB,
                     .align_most = 64 * KIB,
                     .live = 100,
                     .is_region = true};
    follow(&w, STEPS_PER_WORLD);
}

static void region_of_16_gib_agrees_with_a_list_of_blocks(void **state)
{
    (void)state;
    const world w = {.name = "region, 16 GiB",
                     .size = 16 * GIB,
                     .align_most = 2 * MIB,
                     .live = 120,
                     .is_region = true};
    follow(&w, STEPS_PER_WORLD);
}

static void region_under_a_tight_cap_refuses_only_what_no_hole_below_it_holds(void **state)
{
    (void)state;
    const world w = {.name = "region, half under the cap",
                     .size = 8 * MIB,
                     .align_most = 64 * KIB,
                     .live = 100,
                     .is_region = true,
                     .cap = 4 * MIB};
    follow(&w, STEPS_PER_WORLD);
}

static void shared_region_that_gives_its_tail_back_agrees_with_a_list_of_blocks(void **state)
{
    (void)state;
    const world w = {.name = "region, shared, slack",
                     .size = 8 * MIB,
                     .align_most = 64 * KIB,
                     .live = 100,
                     .is_region = true,
                     .cap = 6 * MIB,
                     .slack = MIB / 2,
                     .is_shared = true};
    follow(&w, STEPS_PER_WORLD);
}

static void sealed_region_serves_every_hole_of_what_is_committed_and_grows_no_more(void **state)
{
    (void)state;
    const world w = {.name = "region, sealed",
                     .size = 8 * MIB,
                     .align_most = 64 * KIB,
                     .live = 100,
                     .is_region = true,
                     .seal_at_step = 500};
    follow(&w, STEPS_PER_WORLD);
}

static void offsets_in_units_of_4_kib_agree_with_a_list_of_blocks(void **state)
{
    (void)state;
    const world w = {.name = "4 KiB units",
                     .size = 256 * MIB,
                     .align_most = 2 * MIB,
                     .live = 128,
                     .unit = 4 * KIB};
    follow(&w, STEPS_PER_WORLD);
}

static void region_in_units_of_256_bytes_agrees_with_a_list_of_blocks(void **state)
{
    (void)state;
    const world w = {.name = "region, 256 B units",
                     .size = 4 * MIB,
                     .align_most = 64 * KIB,
                     .live = 100,
                     .is_region = true,
                     .cap = 3 * MIB,
                     .unit = 256};
    follow(&w, STEPS_PER_WORLD);
}

static void committed_region_with_two_ends_agrees_with_a_list_of_blocks(void **state)
{
    (void)state;
    const world w = {.name = "region, committed, two ends",
                     .size = 8 * MIB,
                     .align_most = 64 * KIB,
                     .live = 100,
                     .is_region = true,
                     .is_committed = true};
    follow(&w, STEPS_PER_WORLD);
}

static void hardened_region_refuses_only_what_no_hole_with_its_guard_holds(void **state)
{
    (void)state;
    const world w = {.name = "region, hardened",
                     .size = 4 * MIB,
                     .align_most = 64 * KIB,
                     .live = 100,
                     .is_region = true,
                     .cap = 3 * MIB,
                     .is_hardened = true};
    follow(&w, STEPS_PER_WORLD);
}

static void hardened_region_in_units_of_1_kib_agrees_with_a_list_of_blocks(void **state)
{
    (void)state;
    const world w = {.name = "region, hardened, 1 KiB units",
                     .size = 8 * MIB,
                     .align_most = 64 * KIB,
                     .live = 100,
                     .is_region = true,
                     .unit = KIB,
                     .is_hardened = true};
    follow(&w, STEPS_PER_WORLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_of_a_tiny_range_agree_with_a_list_of_blocks),
        cmocka_unit_test(offsets_of_a_small_range_agree_with_a_list_of_blocks),
        cmocka_unit_test(offsets_of_64_mib_agree_with_a_list_of_blocks),
        cmocka_unit_test(offsets_of_the_largest_range_agree_with_a_list_of_blocks),
        cmocka_unit_test(offsets_with_thousands_of_blocks_agree_with_a_list_of_blocks),
        cmocka_unit_test(region_of_4_mib_agrees_with_a_list_of_blocks),
        cmocka_unit_test(region_of_16_gib_agrees_with_a_list_of_blocks),
        cmocka_unit_test(region_under_a_tight_cap_refuses_only_what_no_hole_below_it_holds),
        cmocka_unit_test(shared_region_that_gives_its_tail_back_agrees_with_a_list_of_blocks),
        cmocka_unit_test(offsets_in_units_of_4_kib_agree_with_a_list_of_blocks),
        cmocka_unit_test(region_in_units_of_256_bytes_agrees_with_a_list_of_blocks),
        cmocka_unit_test(committed_region_with_two_ends_agrees_with_a_list_of_blocks),
        cmocka_unit_test(hardened_region_refuses_only_what_no_hole_with_its_guard_holds),
        cmocka_unit_test(hardened_region_in_units_of_1_kib_agrees_with_a_list_of_blocks),
        cmocka_unit_test(sealed_region_serves_every_hole_of_what_is_committed_and_grows_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
