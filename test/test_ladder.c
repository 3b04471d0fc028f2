/* SPDX-License-Identifier: Apache-2.0 */
/* test_ladder.c - the pressure ladder's logic: order, hysteresis, bounds; time is passed in. */
#include "arena/ladder.h"
#include "test/support/cm.h"

#define SECOND  UINT64_C(1000000000)
#define UNKNOWN PLIM_UNKNOWN_BYTES

static plim_error err;

static uint64_t answer(void *context, const plim_pressure *p)
{
    (void)context, (void)p;
    return 1;
}

/* A rung over PSI "some" that is entered at @enter and left at @leave. */
static plim_rung rung_of(const char *name, uint64_t enter, uint64_t leave)
{
    plim_rung r = {.kind = PLIM_RUNG_CALLBACK,
                   .enter = {[PLIM_PRESSURE_PSI_SOME] = enter},
                   .leave = {[PLIM_PRESSURE_PSI_SOME] = leave},
                   .hold_ns = 2 * SECOND,
                   .cool_down_ns = 5 * SECOND,
                   .act = answer};
    snprintf(r.name, sizeof(r.name), "%s", name);
    return r;
}

static plim_pressure figures(uint64_t ns, uint64_t some)
{
    return (plim_pressure){.ns = ns, .value = {some, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN}};
}

static plim_ladder_step step(plim_ladder *l, uint64_t ns, uint64_t some)
{
    plim_pressure p = figures(ns, some);
    return plim_ladder_next(l, &p);
}

static plim_ladder three(void)
{
    plim_rung rungs[3] = {rung_of("a", 1000, 500), rung_of("b", 2000, 1000),
                          rung_of("c", 4000, 3000)};
    plim_ladder l;
    assert_ok(plim_ladder_init(&l, rungs, 3, &err));
    return l;
}

#define assert_move(made, wanted_move, wanted_rung)                                                \
    do {                                                                                           \
        plim_ladder_step made_ = (made);                                                           \
        assert_int_equal(made_.move, wanted_move);                                                 \
        assert_int_equal(made_.rung, wanted_rung);                                                 \
    } while (0)

/* ---- order ---- */

static void the_highest_pressure_still_begins_with_the_first_rung(void **state)
{
    (void)state;
    plim_ladder l = three();

    plim_ladder_step made = step(&l, SECOND, 9000);

    assert_move(made, PLIM_LADDER_ENTER, 0);
    assert_int_equal(made.cause, PLIM_PRESSURE_PSI_SOME);
    assert_int_equal(made.value, 9000);
    assert_int_equal(made.line, 1000);
    assert_move(step(&l, 3 * SECOND, 9000), PLIM_LADDER_ENTER, 1);
    assert_move(step(&l, 5 * SECOND, 9000), PLIM_LADDER_ENTER, 2);
}

static void no_rung_is_entered_before_the_hold_of_the_one_before_is_over(void **state)
{
    (void)state;
    plim_ladder l = three();
    assert_move(step(&l, SECOND, 9000), PLIM_LADDER_ENTER, 0);

    assert_int_equal(step(&l, 3 * SECOND - 1, 9000).move, PLIM_LADDER_STAY);
    assert_move(step(&l, 3 * SECOND, 9000), PLIM_LADDER_ENTER, 1);
}

static void a_line_that_is_not_crossed_enters_nothing(void **state)
{
    (void)state;
    plim_ladder l = three();

    assert_int_equal(step(&l, SECOND, 999).move, PLIM_LADDER_STAY);
    assert_move(step(&l, 2 * SECOND, 1000), PLIM_LADDER_ENTER, 0);
}

static void rungs_are_left_in_reverse_after_their_cool_down(void **state)
{
    (void)state;
    plim_ladder l = three();
    assert_move(step(&l, 1 * SECOND, 2000), PLIM_LADDER_ENTER, 0);
    assert_move(step(&l, 3 * SECOND, 2000), PLIM_LADDER_ENTER, 1);

    assert_int_equal(step(&l, 10 * SECOND, 0).move, PLIM_LADDER_STAY);
    assert_int_equal(step(&l, 15 * SECOND - 1, 0).move, PLIM_LADDER_STAY);
    assert_move(step(&l, 15 * SECOND, 0), PLIM_LADDER_LEAVE, 1);
    assert_int_equal(step(&l, 15 * SECOND + 1, 0).move, PLIM_LADDER_STAY);
    assert_move(step(&l, 20 * SECOND + 1, 0), PLIM_LADDER_LEAVE, 0);
    assert_int_equal(l.depth, 0);
}

static void between_its_two_lines_a_rung_stays_as_it_is(void **state)
{
    (void)state;
    plim_ladder l = three();

    assert_int_equal(step(&l, SECOND, 700).move, PLIM_LADDER_STAY);
    assert_move(step(&l, 2 * SECOND, 1000), PLIM_LADDER_ENTER, 0);
    for (uint64_t s = 4; s < 100; s++) {
        assert_int_equal(step(&l, s * SECOND, 700).move, PLIM_LADDER_STAY);
    }
    assert_int_equal(l.depth, 1);
}

static void a_moment_above_the_line_starts_the_cool_down_anew(void **state)
{
    (void)state;
    plim_ladder l = three();
    assert_move(step(&l, SECOND, 1500), PLIM_LADDER_ENTER, 0);
    assert_int_equal(step(&l, 2 * SECOND, 0).move, PLIM_LADDER_STAY);

    assert_int_equal(step(&l, 6 * SECOND, 501).move, PLIM_LADDER_STAY);
    assert_int_equal(step(&l, 7 * SECOND, 0).move, PLIM_LADDER_STAY);
    assert_int_equal(step(&l, 12 * SECOND - 1, 0).move, PLIM_LADDER_STAY);
    assert_move(step(&l, 12 * SECOND, 0), PLIM_LADDER_LEAVE, 0);
}

/* ---- figures ---- */

static void headroom_is_worse_the_less_there_is(void **state)
{
    (void)state;
    plim_rung r = rung_of("room", 0, 0);
    plim_ladder l;
    r.enter[PLIM_PRESSURE_HEADROOM] = 100;
    r.cool_down_ns = SECOND;
    assert_ok(plim_ladder_init(&l, &r, 1, &err));
    plim_pressure p = figures(SECOND, UNKNOWN);

    p.value[PLIM_PRESSURE_HEADROOM] = 101;
    assert_int_equal(plim_ladder_next(&l, &p).move, PLIM_LADDER_STAY);
    p.value[PLIM_PRESSURE_HEADROOM] = 100;
    assert_move(plim_ladder_next(&l, &p), PLIM_LADDER_ENTER, 0);
    for (p.ns = 4 * SECOND; p.ns < 9 * SECOND; p.ns += SECOND) { /* the default is 151 */
        p.value[PLIM_PRESSURE_HEADROOM] = 150;
        assert_int_equal(plim_ladder_next(&l, &p).move, PLIM_LADDER_STAY);
    }
    p.value[PLIM_PRESSURE_HEADROOM] = 151;
    assert_int_equal(plim_ladder_next(&l, &p).move, PLIM_LADDER_STAY);
    p.ns += SECOND;
    assert_move(plim_ladder_next(&l, &p), PLIM_LADDER_LEAVE, 0);
}

static void silence_neither_enters_a_rung_nor_leaves_it(void **state)
{
    (void)state;
    plim_ladder l = three();
    assert_int_equal(step(&l, SECOND, UNKNOWN).move, PLIM_LADDER_STAY);
    assert_move(step(&l, 2 * SECOND, 1000), PLIM_LADDER_ENTER, 0);

    for (uint64_t s = 4; s < 60; s++) {
        assert_int_equal(step(&l, s * SECOND, UNKNOWN).move, PLIM_LADDER_STAY);
    }
    assert_int_equal(l.depth, 1);
}

static void one_silent_figure_does_not_keep_a_rung_that_another_calls_calm(void **state)
{
    (void)state;
    plim_rung r = rung_of("both", 1000, 500);
    plim_ladder l;
    r.enter[PLIM_PRESSURE_CGROUP] = 9000;
    assert_ok(plim_ladder_init(&l, &r, 1, &err));
    plim_pressure p = {.ns = SECOND, .value = {UNKNOWN, UNKNOWN, UNKNOWN, 9500, UNKNOWN}};
    assert_move(plim_ladder_next(&l, &p), PLIM_LADDER_ENTER, 0);

    p = figures(10 * SECOND, 0);
    assert_int_equal(plim_ladder_next(&l, &p).move, PLIM_LADDER_STAY);
    p = figures(15 * SECOND, 0);
    assert_move(plim_ladder_next(&l, &p), PLIM_LADDER_LEAVE, 0);
}

static void events_count_from_the_last_move_and_not_from_before_the_first_look(void **state)
{
    (void)state;
    plim_rung r = rung_of("events", 0, 0);
    plim_ladder l;
    r.enter[PLIM_PRESSURE_EVENTS] = 3;
    r.cool_down_ns = SECOND;
    r.call_limit = 1;
    assert_ok(plim_ladder_init(&l, &r, 1, &err));
    plim_pressure p = {.ns = SECOND, .value = {UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, 700}};

    assert_int_equal(plim_ladder_next(&l, &p).move, PLIM_LADDER_STAY);
    p.value[PLIM_PRESSURE_EVENTS] = 702;
    assert_int_equal(plim_ladder_next(&l, &p).move, PLIM_LADDER_STAY);
    p.value[PLIM_PRESSURE_EVENTS] = 703;
    assert_move(plim_ladder_next(&l, &p), PLIM_LADDER_ENTER, 0);
    p.ns = 9 * SECOND;
    p.value[PLIM_PRESSURE_EVENTS] = 710; /* not calm: some came */
    assert_int_equal(plim_ladder_next(&l, &p).move, PLIM_LADDER_STAY);
    p.ns = 10 * SECOND;
    assert_int_equal(plim_ladder_next(&l, &p).move, PLIM_LADDER_STAY);
    p.ns = 11 * SECOND;
    assert_move(plim_ladder_next(&l, &p), PLIM_LADDER_LEAVE, 0);
    p.ns = 20 * SECOND; /* what was answered is not answered twice */
    assert_int_equal(plim_ladder_next(&l, &p).move, PLIM_LADDER_STAY);
}

static void a_count_of_events_that_begins_anew_is_no_event(void **state)
{
    (void)state;
    plim_rung r = rung_of("events", 0, 0);
    plim_ladder l;
    r.enter[PLIM_PRESSURE_EVENTS] = 1;
    assert_ok(plim_ladder_init(&l, &r, 1, &err));
    plim_pressure p = {.ns = SECOND, .value = {UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, 700}};
    assert_int_equal(plim_ladder_next(&l, &p).move, PLIM_LADDER_STAY);

    p.value[PLIM_PRESSURE_EVENTS] = 4; /* the process changed its group */
    assert_int_equal(plim_ladder_next(&l, &p).move, PLIM_LADDER_STAY);
    p.value[PLIM_PRESSURE_EVENTS] = 5;
    assert_move(plim_ladder_next(&l, &p), PLIM_LADDER_ENTER, 0);
}

static void time_that_goes_back_stands_still(void **state)
{
    (void)state;
    plim_ladder l = three();
    assert_move(step(&l, 100 * SECOND, 9000), PLIM_LADDER_ENTER, 0);

    assert_int_equal(step(&l, 0, 9000).move, PLIM_LADDER_STAY);
    assert_int_equal(step(&l, 101 * SECOND, 9000).move, PLIM_LADDER_STAY);
    assert_move(step(&l, 102 * SECOND, 9000), PLIM_LADDER_ENTER, 1);
}

/* ---- actions ---- */

static void an_action_repeats_once_a_hold_time_and_no_more_than_its_limit(void **state)
{
    (void)state;
    plim_rung r = rung_of("again", 1000, 500);
    plim_ladder l;
    unsigned again = 0;
    r.call_limit = 4;
    assert_ok(plim_ladder_init(&l, &r, 1, &err));

    for (uint64_t half = 2; half < 200; half++) { /* half seconds */
        plim_ladder_step made = step(&l, half * SECOND / 2, 5000);
        again += made.move == PLIM_LADDER_AGAIN;
        if (made.move != PLIM_LADDER_STAY) {
            assert_int_equal(half % 4, 2);
            assert_false(plim_ladder_done(&l, made.rung, 1));
        }
    }
    assert_int_equal(again, 3);
}

static void an_action_that_frees_nothing_twice_is_skipped_until_the_ladder_is_empty(void **state)
{
    (void)state;
    plim_ladder l = three();
    assert_move(step(&l, 1 * SECOND, 1000), PLIM_LADDER_ENTER, 0);
    assert_false(plim_ladder_done(&l, 0, 0));
    assert_move(step(&l, 3 * SECOND, 1000), PLIM_LADDER_AGAIN, 0);
    assert_true(plim_ladder_done(&l, 0, 0));

    assert_true(l.places[0].is_skipped);
    assert_int_equal(step(&l, 9 * SECOND, 1000).move, PLIM_LADDER_STAY);
    assert_int_equal(step(&l, 20 * SECOND, 0).move, PLIM_LADDER_STAY);
    assert_move(step(&l, 25 * SECOND, 0), PLIM_LADDER_LEAVE, 0);
    assert_false(l.places[0].is_skipped);
    assert_move(step(&l, 30 * SECOND, 1000), PLIM_LADDER_ENTER, 0);
}

static void a_skipped_rung_is_passed_over_when_pressure_comes_back(void **state)
{
    (void)state;
    plim_ladder l = three();
    assert_move(step(&l, 1 * SECOND, 2000), PLIM_LADDER_ENTER, 0);
    assert_false(plim_ladder_done(&l, 0, 7));
    assert_move(step(&l, 3 * SECOND, 4000), PLIM_LADDER_ENTER, 1);
    assert_false(plim_ladder_done(&l, 1, 0));
    assert_move(step(&l, 5 * SECOND, 2000), PLIM_LADDER_AGAIN, 0);
    assert_false(plim_ladder_done(&l, 0, 7));
    assert_move(step(&l, 6 * SECOND, 2000), PLIM_LADDER_AGAIN, 1);
    assert_true(plim_ladder_done(&l, 1, 0));
    assert_int_equal(step(&l, 10 * SECOND, 800).move, PLIM_LADDER_STAY);
    assert_move(step(&l, 15 * SECOND, 800), PLIM_LADDER_LEAVE, 1);

    assert_int_equal(l.depth, 1);
    assert_move(step(&l, 20 * SECOND, 4000), PLIM_LADDER_ENTER, 2);
}

static void a_rung_that_withholds_is_never_skipped(void **state)
{
    (void)state;
    plim_rung r = {.kind = PLIM_RUNG_REFUSE_ADMISSIONS,
                   .enter = {[PLIM_PRESSURE_PSI_FULL] = 100},
                   .barren_limit = 1};
    plim_ladder l;
    assert_ok(plim_ladder_init(&l, &r, 1, &err));

    for (unsigned i = 0; i < 100; i++) {
        assert_false(plim_ladder_done(&l, 0, 0));
    }
    assert_string_equal(l.rungs[0].name, "refuse-admissions");
}

/* ---- what init refuses ---- */

static void init_refuses(const plim_rung *rungs, size_t count)
{
    plim_ladder l;
    assert_status(plim_ladder_init(&l, rungs, count, &err), PLIM_E_ARG);
    assert_int_equal(l.count, 0);
}

static void a_rung_that_would_flap_is_refused(void **state)
{
    (void)state;
    plim_rung r = rung_of("flap", 1000, 1000);
    init_refuses(&r, 1);
    assert_string_equal(err.field, "flap");
    assert_non_null(strstr(err.detail, "psi_some"));

    r = rung_of("room", 0, 0);
    r.enter[PLIM_PRESSURE_HEADROOM] = 100;
    r.leave[PLIM_PRESSURE_HEADROOM] = 100;
    init_refuses(&r, 1);
    r.leave[PLIM_PRESSURE_HEADROOM] = 101;
    plim_ladder l;
    assert_ok(plim_ladder_init(&l, &r, 1, &err));
}

static void a_rung_that_watches_nothing_is_refused(void **state)
{
    (void)state;
    plim_rung r = rung_of("blind", 0, 0);
    init_refuses(&r, 1);
}

static void a_callback_without_act_and_an_act_without_callback_are_refused(void **state)
{
    (void)state;
    plim_rung r = rung_of("deaf", 1000, 0);
    r.act = NULL;
    init_refuses(&r, 1);
    r = rung_of("both", 1000, 0);
    r.kind = PLIM_RUNG_DROP_VIDEO;
    init_refuses(&r, 1);
}

static void kinds_that_are_none_names_given_twice_and_empty_ladders_are_refused(void **state)
{
    (void)state;
    plim_rung r[PLIM_RUNGS_MAX + 1];
    for (unsigned i = 0; i <= PLIM_RUNGS_MAX; i++) {
        char name[8];
        snprintf(name, sizeof(name), "%u", i);
        r[i] = rung_of(name, 1000, 0);
    }
    init_refuses(r, PLIM_RUNGS_MAX + 1);
    init_refuses(r, 0);
    init_refuses(NULL, 1);
    r[1] = r[0];
    init_refuses(r, 2);
    r[0].kind = (plim_rung_kind)PLIM_RUNG_KINDS;
    init_refuses(r, 1);
}

/* ---- any signal at all ---- */

/* Everything that must hold whatever the figures are, seen from outside of the ladder. */
typedef struct witness {
    plim_ladder ladder;
    bool entered[3], skipped[3];
    uint32_t calls[3], enters, leaves;
    uint64_t free_ns;        /* no transition before it */
    uint64_t restless_ns[3]; /* the last time that the rung was not calm */
} witness;

static const uint64_t ENTER[3] = {1000, 2000, 4000}, LEAVE[3] = {500, 1000, 3000};

static void note(witness *w, const plim_pressure *p)
{
    for (unsigned i = 0; i < 3; i++) {
        if (p->value[0] == UNKNOWN || p->value[0] > LEAVE[i]) {
            w->restless_ns[i] = p->ns;
        }
    }
}

static void watch_enter(witness *w, const plim_ladder_step *s, const plim_pressure *p)
{
    unsigned next = 0;
    for (unsigned i = 0; i < 3; i++) {
        next = w->entered[i] ? i + 1 : next;
    }
    while (next < 3 && w->skipped[next]) {
        next++;
    }
    assert_int_equal(s->rung, next);
    assert_true(p->value[0] != UNKNOWN && p->value[0] >= ENTER[next]);
    assert_true(p->ns >= w->free_ns);
    w->entered[next] = true;
    w->calls[next] = 1;
    w->enters++;
    w->free_ns = p->ns + 2 * SECOND;
}

static void watch_leave(witness *w, const plim_ladder_step *s, const plim_pressure *p)
{
    unsigned top = 2;
    while (!w->entered[top]) {
        assert_true(top > 0);
        top--;
    }
    assert_int_equal(s->rung, top);
    assert_true(p->ns >= w->free_ns);
    assert_true(p->value[0] <= LEAVE[top]);
    assert_true(p->ns - w->restless_ns[top] >= 5 * SECOND);
    w->entered[top] = false;
    w->leaves++;
    w->free_ns = p->ns + 2 * SECOND;
    if (!w->entered[0] && !w->entered[1] && !w->entered[2]) {
        memset(w->skipped, 0, sizeof(w->skipped));
    }
}

static void feed(witness *w, uint64_t ns, uint64_t some, uint64_t freed)
{
    plim_pressure p = figures(ns, some);
    plim_ladder_step s = plim_ladder_next(&w->ladder, &p);
    note(w, &p);
    if (s.move == PLIM_LADDER_ENTER) {
        watch_enter(w, &s, &p);
    } else if (s.move == PLIM_LADDER_LEAVE) {
        watch_leave(w, &s, &p);
    } else if (s.move == PLIM_LADDER_AGAIN) {
        assert_true(w->entered[s.rung] && !w->skipped[s.rung]);
        assert_true(some != UNKNOWN && some >= ENTER[s.rung]);
        assert_true(++w->calls[s.rung] <= 8);
    }
    if (s.move == PLIM_LADDER_ENTER || s.move == PLIM_LADDER_AGAIN) {
        w->skipped[s.rung] = plim_ladder_done(&w->ladder, s.rung, freed) || w->skipped[s.rung];
    }
}

/* Calm for long enough, in steps of a second: nothing stays. */
static void calm_down(witness *w, uint64_t ns)
{
    for (unsigned i = 1; i <= 40; i++) {
        feed(w, ns + i * SECOND, 0, 1);
    }
    assert_int_equal(w->ladder.depth, 0);
    assert_int_equal(w->enters, w->leaves);
}

static void any_signal_keeps_order_hold_times_and_limits(void **state)
{
    (void)state;
    uint64_t seed = cm_seed(), ns = SECOND, some = 0;
    witness w = {.ladder = three()};

    for (unsigned i = 0; i < 4000000; i++) {
        uint64_t dice = cm_next(&seed);
        ns += dice % 8 == 0 ? dice % (9 * SECOND) : dice % (SECOND / 2);
        switch (dice >> 40 & 63) {
        case 0:
            some = UNKNOWN;
            break;
        case 1:
            some = dice % 10001;
            break;
        case 2:
            some = 0;
            break;
        case 3:
            some = ENTER[dice % 3] - (dice >> 20 & 1);
            break;
        case 4:
            some = LEAVE[dice % 3] + (dice >> 20 & 1);
            break;
        default:
            break; /* as it was */
        }
        feed(&w, ns, some, dice >> 50 & 1);
        if (dice >> 44 == 0x1234) {
            calm_down(&w, ns);
            ns += 40 * SECOND;
        }
    }
    calm_down(&w, ns);
    printf("# %u transitions in 4,000,000 steps\n", w.enters + w.leaves);
    assert_true(w.enters > 50000);
}

static unsigned long tried;

static void try_all(const witness *before, uint64_t ns, unsigned left)
{
    static const uint64_t VALUES[] = {500, 501, 1000, 2000, 4000, UNKNOWN};
    static const uint64_t GAPS[] = {SECOND, 2 * SECOND, 5 * SECOND};
    for (unsigned v = 0; v < 6; v++) {
        for (unsigned g = 0; g < 3; g++) {
            witness w = *before;
            feed(&w, ns + GAPS[g], VALUES[v], v & 1);
            tried++;
            if (left > 1) {
                try_all(&w, ns + GAPS[g], left - 1);
            } else if (tried % 64 == 0) {
                calm_down(&w, ns + GAPS[g]);
            }
        }
    }
}

static void every_short_sequence_of_figures_and_gaps_holds_too(void **state)
{
    (void)state;
    witness w = {.ladder = three()};

    try_all(&w, SECOND, 5);

    assert_int_equal(tried, 18ul + 324 + 5832 + 104976 + 1889568);
}

/* Several figures at once, each with its own lines: what is entered is left once all are calm. */
static void whatever_figures_a_rung_watches_it_is_left_when_they_are_calm(void **state)
{
    (void)state;
    uint64_t seed = cm_seed() + 1;
    for (unsigned round = 0; round < 2000; round++) {
        plim_rung rungs[4];
        plim_ladder l;
        plim_pressure p = {.ns = SECOND};
        for (unsigned i = 0; i < 4; i++) {
            char name[8];
            snprintf(name, sizeof(name), "%u", i);
            rungs[i] = rung_of(name, 0, 0);
            for (unsigned f = 0; f < PLIM_PRESSURE_FIGURES; f++) {
                rungs[i].enter[f] = cm_next(&seed) % 3 ? 0 : 1 + cm_next(&seed) % 10000;
            }
            rungs[i].enter[PLIM_PRESSURE_PSI_FULL] += i + 1;
        }
        assert_ok(plim_ladder_init(&l, rungs, 4, &err));
        for (unsigned i = 0; i < 500; i++) {
            p.ns += cm_next(&seed) % (3 * SECOND);
            for (unsigned f = 0; f < PLIM_PRESSURE_FIGURES; f++) {
                p.value[f] = cm_next(&seed) % 5 ? cm_next(&seed) % 10001 : UNKNOWN;
            }
            plim_ladder_step s = plim_ladder_next(&l, &p);
            if (s.move == PLIM_LADDER_ENTER || s.move == PLIM_LADDER_AGAIN) {
                (void)plim_ladder_done(&l, s.rung, cm_next(&seed) & 1);
            }
        }
        p = (plim_pressure){.ns = p.ns, .value = {0, 0, UINT64_MAX - 1, 0, 10000}};
        for (unsigned i = 0; i < 100; i++, p.ns += SECOND) {
            (void)plim_ladder_next(&l, &p);
        }
        assert_int_equal(l.depth, 0);
    }
}

static void the_due_time_is_when_time_alone_makes_the_next_move(void **state)
{
    (void)state;
    plim_ladder l = three();
    assert_true(plim_ladder_due_ns(&l) == UINT64_MAX);
    assert_move(step(&l, SECOND, 1000), PLIM_LADDER_ENTER, 0);
    assert_int_equal(plim_ladder_due_ns(&l), 3 * SECOND);

    assert_int_equal(step(&l, 2 * SECOND, 0).move, PLIM_LADDER_STAY);
    assert_int_equal(plim_ladder_due_ns(&l), 7 * SECOND);
    assert_move(step(&l, 7 * SECOND, 0), PLIM_LADDER_LEAVE, 0);
    assert_true(plim_ladder_due_ns(&l) == UINT64_MAX);
}

static void closing_leaves_what_is_entered_from_the_top(void **state)
{
    (void)state;
    plim_ladder l = three();
    uint32_t rung = 9;
    assert_move(step(&l, SECOND, 9000), PLIM_LADDER_ENTER, 0);
    assert_move(step(&l, 3 * SECOND, 9000), PLIM_LADDER_ENTER, 1);

    assert_true(plim_ladder_last(&l, &rung));
    assert_int_equal(rung, 1);
    assert_true(plim_ladder_last(&l, &rung));
    assert_int_equal(rung, 0);
    assert_false(plim_ladder_last(&l, &rung));
}

static void names_of_figures_and_kinds_are_known_and_nothing_else(void **state)
{
    (void)state;
    assert_string_equal(plim_pressure_figure_name(PLIM_PRESSURE_CGROUP), "cgroup");
    assert_string_equal(plim_pressure_figure_name((plim_pressure_figure)99), "?");
    assert_string_equal(plim_rung_kind_name(PLIM_RUNG_TRIM_CACHES), "trim-caches");
    assert_string_equal(plim_rung_kind_name((plim_rung_kind)99), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_highest_pressure_still_begins_with_the_first_rung),
        cmocka_unit_test(no_rung_is_entered_before_the_hold_of_the_one_before_is_over),
        cmocka_unit_test(a_line_that_is_not_crossed_enters_nothing),
        cmocka_unit_test(rungs_are_left_in_reverse_after_their_cool_down),
        cmocka_unit_test(between_its_two_lines_a_rung_stays_as_it_is),
        cmocka_unit_test(a_moment_above_the_line_starts_the_cool_down_anew),
        cmocka_unit_test(headroom_is_worse_the_less_there_is),
        cmocka_unit_test(silence_neither_enters_a_rung_nor_leaves_it),
        cmocka_unit_test(one_silent_figure_does_not_keep_a_rung_that_another_calls_calm),
        cmocka_unit_test(events_count_from_the_last_move_and_not_from_before_the_first_look),
        cmocka_unit_test(a_count_of_events_that_begins_anew_is_no_event),
        cmocka_unit_test(time_that_goes_back_stands_still),
        cmocka_unit_test(an_action_repeats_once_a_hold_time_and_no_more_than_its_limit),
        cmocka_unit_test(an_action_that_frees_nothing_twice_is_skipped_until_the_ladder_is_empty),
        cmocka_unit_test(a_skipped_rung_is_passed_over_when_pressure_comes_back),
        cmocka_unit_test(a_rung_that_withholds_is_never_skipped),
        cmocka_unit_test(a_rung_that_would_flap_is_refused),
        cmocka_unit_test(a_rung_that_watches_nothing_is_refused),
        cmocka_unit_test(a_callback_without_act_and_an_act_without_callback_are_refused),
        cmocka_unit_test(kinds_that_are_none_names_given_twice_and_empty_ladders_are_refused),
        cmocka_unit_test(any_signal_keeps_order_hold_times_and_limits),
        cmocka_unit_test(every_short_sequence_of_figures_and_gaps_holds_too),
        cmocka_unit_test(whatever_figures_a_rung_watches_it_is_left_when_they_are_calm),
        cmocka_unit_test(the_due_time_is_when_time_alone_makes_the_next_move),
        cmocka_unit_test(closing_leaves_what_is_entered_from_the_top),
        cmocka_unit_test(names_of_figures_and_kinds_are_known_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
