/* SPDX-License-Identifier: Apache-2.0 */
/* test_plan_search.c - the decision solver beside a search that knows no rule at all. */
#include <pthread.h>

#include "arena/plan_search.h"
#include "test/support/cm.h"
#include "test/support/plan_jigsaw.h"

#define PIECES_MAX 512
#define INSTANCES  CM_ROUNDS(500)

static plan_piece pieces[PIECES_MAX];
static plan_span spans[PIECES_MAX];
static uint64_t offsets[PIECES_MAX];
static size_t piece_count, span_count;

static uint64_t random_state;

static uint32_t roll(uint32_t sides)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((random_state >> 33) % sides);
}

/* ---- the oracle: every offset of every piece, in the order of the rows ---- */

static bool meet_in_time(const plan_piece *a, const plan_piece *b)
{
    for (uint32_t k = 0; k < a->span_count; k++) {
        for (uint32_t l = 0; l < b->span_count; l++) {
            const plan_span *x = &spans[a->first_span + k], *y = &spans[b->first_span + l];
            if (x->lower < y->upper && y->lower < x->upper) {
                return true;
            }
        }
    }
    return false;
}

static bool fits_beside(const uint64_t *at, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (meet_in_time(&pieces[i], &pieces[j]) && at[i] < at[j] + pieces[j].size_bytes &&
            at[j] < at[i] + pieces[i].size_bytes) {
            return false;
        }
    }
    return true;
}

static bool oracle_places(uint64_t *at, size_t i, uint64_t capacity)
{
    if (i == piece_count) {
        return true;
    }
    const plan_piece *p = &pieces[i];
    uint64_t step = p->align_bytes ? p->align_bytes : 1;
    for (at[i] = p->is_fixed ? p->offset_bytes : 0; at[i] + p->size_bytes <= capacity;
         at[i] += step) {
        if (fits_beside(at, i) && oracle_places(at, i + 1, capacity)) {
            return true;
        }
        if (p->is_fixed) {
            break;
        }
    }
    return false;
}

static uint64_t oracle_height(void)
{
    uint64_t at[PIECES_MAX];
    for (uint64_t capacity = 1;; capacity++) {
        if (capacity > 400 || oracle_places(at, 0, capacity)) {
            return capacity;
        }
    }
}

/* ---- asking the solver ---- */

static plan_grid grid;
static plan_search *search;
static void *grid_scratch, *scratch;

static void open_search(void)
{
    size_t bytes = plan_grid_scratch_bytes(piece_count, span_count);
    grid_scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(grid_scratch);
    assert_true(plan_grid_init(&grid, pieces, piece_count, spans, span_count, grid_scratch, bytes));
    bytes = plan_search_scratch_bytes(&grid);
    assert_true(bytes > 0);
    scratch = aligned_alloc(64, bytes);
    search = plan_search_init(&grid, scratch, bytes);
    assert_non_null(search);
}

static void close_search(void)
{
    free(scratch);
    free(grid_scratch);
}

static void assert_plan_is_sound(uint64_t capacity)
{
    for (size_t i = 0; i < piece_count; i++) {
        const plan_piece *p = &pieces[i];
        assert_true(offsets[i] + p->size_bytes <= capacity);
        assert_true(!p->align_bytes || offsets[i] % p->align_bytes == 0);
        assert_true(!p->is_fixed || offsets[i] == p->offset_bytes);
        assert_true(fits_beside(offsets, i));
    }
}

/* ---- instances ---- */

typedef struct shape {
    uint32_t pieces, steps, size_max, unit, scale;
    bool has_gaps, has_alignments, has_fixed;
} shape;

static void add_piece(const shape *of)
{
    plan_piece *p = &pieces[piece_count];
    *p = (plan_piece){.size_bytes = (1 + roll(of->size_max)) * of->scale,
                      .first_span = (uint32_t)span_count,
                      .span_count = 1};
    uint32_t lower = roll(of->steps), upper = lower + 1 + roll(of->steps - lower);
    spans[span_count++] = (plan_span){lower, upper};
    if (of->has_gaps && roll(3) == 0) {
        uint32_t again = upper + roll(3);
        spans[span_count++] = (plan_span){again, again + 1 + roll(3)};
        p->span_count = 2;
    }
    if (of->has_alignments) {
        p->align_bytes = (UINT64_C(1) << roll(3)) * of->unit;
    }
    if (of->has_fixed && roll(4) == 0) {
        p->is_fixed = true;
        p->offset_bytes = roll(6) * (p->align_bytes ? p->align_bytes : of->scale);
        for (size_t i = 0; i < piece_count; i++) {
            const plan_piece *q = &pieces[i];
            p->is_fixed &= !(q->is_fixed && meet_in_time(p, q) &&
                             p->offset_bytes < q->offset_bytes + q->size_bytes &&
                             q->offset_bytes < p->offset_bytes + p->size_bytes);
        }
    }
    piece_count++;
}

static void make_instance(const shape *of, uint64_t seed)
{
    random_state = seed;
    piece_count = span_count = 0;
    uint32_t count = 2 + roll(of->pieces - 1);
    for (uint32_t i = 0; i < count; i++) {
        add_piece(of);
    }
}

static void assert_decided(uint64_t capacity, uint64_t seed, uint32_t run, plan_verdict verdict)
{
    plan_ask ask = {
        .capacity_bytes = capacity, .seed = seed, .first_run = run, .node_limit = 500000};

    plan_verdict found = plan_search_decide(search, &ask, offsets, NULL);

    if (found != verdict) {
        fail_msg("seed %u run %u: verdict %d at capacity %u", (unsigned)seed, run, (int)found,
                 (unsigned)capacity);
    }
    if (found == PLAN_FEASIBLE) {
        assert_plan_is_sound(capacity);
    }
}

/* Whichever run is the first must find the optimum and prove that it is one. */
static uint32_t compare(const shape *of, uint32_t instances)
{
    uint32_t above_bound = 0;
    for (uint32_t seed = 1; seed <= instances; seed++) {
        make_instance(of, seed);
        uint64_t height = oracle_height();
        open_search();
        above_bound += height > grid.bound_bytes;
        assert_true(height >= grid.bound_bytes);
        for (uint32_t run = 0; run < 10; run++) {
            assert_decided(height, seed, run, PLAN_FEASIBLE);
            assert_decided(height - 1, seed, run, PLAN_INFEASIBLE);
        }
        close_search();
    }
    return above_bound;
}

static void plain_instances_agree_with_the_oracle(void **state)
{
    (void)state;
    shape of = {.pieces = 7, .steps = 9, .size_max = 4, .unit = 1, .scale = 1};

    compare(&of, INSTANCES); /* so small, and the bound is always reached */
}

static void alignments_agree_with_the_oracle(void **state)
{
    (void)state;
    shape of = {
        .pieces = 6, .steps = 6, .size_max = 5, .unit = 1, .scale = 1, .has_alignments = true};

    uint32_t above = compare(&of, INSTANCES);

    assert_true(above > INSTANCES / 10);
}

static void common_alignments_agree_with_the_oracle(void **state)
{
    (void)state;
    shape of = {
        .pieces = 5, .steps = 6, .size_max = 9, .unit = 4, .scale = 1, .has_alignments = true};

    uint32_t above = compare(&of, INSTANCES);

    assert_true(above > INSTANCES / 15);
}

static void gaps_agree_with_the_oracle(void **state)
{
    (void)state;
    shape of = {.pieces = 7, .steps = 6, .size_max = 3, .unit = 1, .scale = 1, .has_gaps = true};

    uint32_t above = compare(&of, INSTANCES);

    assert_true(above > INSTANCES / 100);
}

static void fixed_offsets_agree_with_the_oracle(void **state)
{
    (void)state;
    shape of = {.pieces = 6, .steps = 6, .size_max = 5, .unit = 1, .scale = 1, .has_fixed = true};

    uint32_t above = compare(&of, INSTANCES);

    assert_true(above > INSTANCES / 10);
}

static void all_of_it_together_agrees_with_the_oracle(void **state)
{
    (void)state;
    shape of = {.pieces = 6,
                .steps = 6,
                .size_max = 5,
                .unit = 1,
                .scale = 1,
                .has_gaps = true,
                .has_alignments = true,
                .has_fixed = true};

    uint32_t above = compare(&of, INSTANCES);

    assert_true(above > INSTANCES / 10);
}

static void one_piece(uint64_t size, uint32_t lower, uint32_t upper)
{
    pieces[piece_count++] =
        (plan_piece){.size_bytes = size, .first_span = (uint32_t)span_count, .span_count = 1};
    spans[span_count++] = (plan_span){lower, upper};
}

/* Above the fixed piece there are two to choose from. The one with a gap is the greater, but at
 * its other end three more still fit below it. */
static void a_piece_with_a_gap_waits_for_all_of_its_sections(void **state)
{
    (void)state;
    piece_count = span_count = 0;
    one_piece(5, 2, 3);
    pieces[0].is_fixed = true;
    one_piece(5, 0, 1);
    pieces[1].span_count = 2;
    spans[span_count++] = (plan_span){2, 3};
    one_piece(1, 1, 2);
    one_piece(1, 2, 3);
    one_piece(1, 0, 1);
    one_piece(2, 0, 1);
    one_piece(3, 0, 1);
    open_search();

    assert_decided(11, 1, 0, PLAN_FEASIBLE);
    assert_decided(10, 1, 0, PLAN_INFEASIBLE);

    close_search();
}

/* A piece of one byte that meets nobody keeps the unit at a byte, and so heights above what
 * 16 bits hold. */
static void wide_lanes_agree_with_the_oracle(void **state)
{
    (void)state;
    shape of = {.pieces = 7, .steps = 7, .size_max = 4, .scale = 1, .has_gaps = true};

    for (uint32_t seed = 1; seed <= INSTANCES; seed++) {
        make_instance(&of, seed);
        uint64_t height = oracle_height() * 40000;
        for (size_t i = 0; i < piece_count; i++) {
            pieces[i].size_bytes *= 40000;
        }
        spans[span_count] = (plan_span){100, 101};
        pieces[piece_count++] =
            (plan_piece){.size_bytes = 1, .first_span = (uint32_t)span_count++, .span_count = 1};
        open_search();
        assert_int_equal(grid.unit_bytes, 1);
        for (uint32_t run = 0; run < 4; run++) {
            assert_decided(height, seed, run, PLAN_FEASIBLE);
            assert_decided(height - 1, seed, run, PLAN_INFEASIBLE);
        }
        close_search();
    }
}

/* ---- MiniMalloc's instances ---- */

static bool read_instance(const char *name)
{
    char path[64], line[256];
    snprintf(path, sizeof(path), "plans/%s.1048576.csv", name);
    const char *found = cm_data(path);
    FILE *in = found ? fopen(found, "r") : NULL;
    piece_count = span_count = 0;
    while (in && piece_count < PIECES_MAX && fgets(line, sizeof(line), in)) {
        unsigned id, lower, upper, size;
        if (sscanf(line, "%u,%u,%u,%u", &id, &lower, &upper, &size) == 4) {
            pieces[piece_count] = (plan_piece){
                .size_bytes = size, .first_span = (uint32_t)span_count, .span_count = 1};
            spans[span_count++] = (plan_span){lower, upper};
            piece_count++;
        }
    }
    if (in) {
        fclose(in);
    }
    return piece_count > 0;
}

static void shuffle_pieces(void)
{
    for (size_t i = piece_count; i-- > 1;) {
        size_t k = roll((uint32_t)i + 1);
        plan_piece piece = pieces[i];
        pieces[i] = pieces[k];
        pieces[k] = piece;
    }
}

static uint64_t nodes_at(uint64_t capacity)
{
    plan_ask ask = {.capacity_bytes = capacity, .seed = 1, .node_limit = 20000};
    plan_answer answer;

    open_search();
    assert_int_equal(plan_search_decide(search, &ask, offsets, &answer), PLAN_FEASIBLE);
    assert_plan_is_sound(capacity);
    close_search();
    return answer.nodes;
}

static void the_eleven_fall_within_ten_thousand_nodes(void **state)
{
    (void)state;
    uint64_t all = 0;
    for (char name[] = "A"; name[0] <= 'K'; name[0]++) {
        if (!read_instance(name)) {
            skip_because("../shared/data/plans is not there");
        }
        all += nodes_at(UINT64_C(1) << 20);
    }

    assert_true(all < 10000);
}

static void the_order_of_rows_changes_nothing(void **state)
{
    (void)state;
    random_state = 1;
    for (char name[] = "A"; name[0] <= 'K'; name[0]++) {
        if (!read_instance(name)) {
            skip_because("../shared/data/plans is not there");
        }
        uint64_t nodes = nodes_at(UINT64_C(1) << 20);
        for (int again = 0; again < 3; again++) {
            shuffle_pieces();
            assert_int_equal(nodes_at(UINT64_C(1) << 20), nodes);
        }
    }
}

static void the_least_height_of_c_is_its_bound(void **state)
{
    (void)state;
    if (!read_instance("C")) {
        skip_because("../shared/data/plans is not there");
    }

    assert_true(nodes_at(1015 * 1024) < 5000);

    open_search();
    assert_int_equal(grid.bound_bytes, 1015 * 1024);
    assert_decided(1015 * 1024 - 1, 1, 0, PLAN_INFEASIBLE);
    close_search();
}

/* ---- two workers ---- */

typedef struct worker {
    plan_ask ask;
    plan_verdict verdict;
    plan_answer answer;
    uint64_t offsets[PIECES_MAX];
} worker;

static void *work(void *context)
{
    worker *self = context;
    size_t bytes = plan_search_scratch_bytes(&grid);
    void *own = aligned_alloc(64, bytes);
    plan_search *solver = plan_search_init(&grid, own, bytes);
    self->verdict = plan_search_decide(solver, &self->ask, self->offsets, &self->answer);
    free(own);
    return NULL;
}

static void make_jigsaw(uint32_t count, uint64_t seed)
{
    static plim_plan_buffer cut[PIECES_MAX];
    const plan_jigsaw spec = {.pieces = count,
                              .steps = count,
                              .height_bytes = 1024,
                              .unit_bytes = 1,
                              .pinwheel_percent = 20,
                              .seed = seed};
    size_t made = plan_jigsaw_cut(&spec, cut);
    for (piece_count = span_count = 0; piece_count < made;) {
        const plim_plan_buffer *b = &cut[piece_count];
        one_piece(b->size_bytes, b->lower, b->upper);
    }
}

static void two_workers_find_the_plan_of_one(void **state)
{
    static worker one, two[2];
    uint32_t odd = 0, late = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        make_jigsaw(100, seed);
        open_search();
        one.ask = (plan_ask){.capacity_bytes = 1024, .seed = 1, .run_limit = 24};
        pthread_t threads[2];
        work(&one);
        for (uint32_t k = 0; k < 2; k++) {
            two[k].ask = one.ask;
            two[k].ask.first_run = k;
            two[k].ask.run_step = 2;
            two[k].ask.run_limit = 12;
            assert_int_equal(pthread_create(&threads[k], NULL, work, &two[k]), 0);
        }
        for (uint32_t k = 0; k < 2; k++) {
            pthread_join(threads[k], NULL);
        }

        if (one.verdict == PLAN_FEASIBLE) {
            const worker *same = &two[one.answer.run % 2], *other = &two[1 - one.answer.run % 2];
            assert_int_equal(same->verdict, PLAN_FEASIBLE);
            assert_int_equal(same->answer.run, one.answer.run);
            assert_memory_equal(same->offsets, one.offsets, piece_count * sizeof(uint64_t));
            assert_true(other->verdict == PLAN_UNKNOWN || other->answer.run > one.answer.run);
        } else {
            assert_int_equal(two[0].verdict, PLAN_UNKNOWN);
            assert_int_equal(two[1].verdict, PLAN_UNKNOWN);
        }
        odd += one.answer.run % 2;
        late += one.answer.run >= 4; /* which began with what earlier ones had learned */
        close_search();
    }
    assert_true(odd > 0 && late > 0);
}

static bool stop_at_once(void *context)
{
    return ++*(int *)context > 0;
}

static void a_search_that_is_stopped_says_unknown(void **state)
{
    (void)state;
    int asked = 0;
    shape of = {.pieces = 7, .steps = 7, .size_max = 4, .scale = 1};
    make_instance(&of, 3);
    open_search();
    plan_ask ask = {.capacity_bytes = 1000, .should_stop = stop_at_once, .context = &asked};
    memset(offsets, 0x5a, sizeof(offsets));

    assert_int_equal(plan_search_decide(search, &ask, offsets, NULL), PLAN_UNKNOWN);

    assert_true(asked > 0);
    assert_int_equal(offsets[0], UINT64_C(0x5a5a5a5a5a5a5a5a));
    close_search();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_instances_agree_with_the_oracle),
        cmocka_unit_test(alignments_agree_with_the_oracle),
        cmocka_unit_test(common_alignments_agree_with_the_oracle),
        cmocka_unit_test(gaps_agree_with_the_oracle),
        cmocka_unit_test(fixed_offsets_agree_with_the_oracle),
        cmocka_unit_test(all_of_it_together_agrees_with_the_oracle),
        cmocka_unit_test(a_piece_with_a_gap_waits_for_all_of_its_sections),
        cmocka_unit_test(wide_lanes_agree_with_the_oracle),
        cmocka_unit_test(the_eleven_fall_within_ten_thousand_nodes),
        cmocka_unit_test(the_order_of_rows_changes_nothing),
        cmocka_unit_test(the_least_height_of_c_is_its_bound),
        cmocka_unit_test(two_workers_find_the_plan_of_one),
        cmocka_unit_test(a_search_that_is_stopped_says_unknown),
    };
    return cmocka_run_group_tests_name("plan_search", tests, NULL, NULL);
}
