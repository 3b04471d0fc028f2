/* SPDX-License-Identifier: Apache-2.0 */
/* pressure_fixture.h - a runtime with a pressure watch whose time is the test's. */
#ifndef TEST_SUPPORT_PRESSURE_FIXTURE_H
#define TEST_SUPPORT_PRESSURE_FIXTURE_H

#include "src/runtime/watch.h"
#include "test/support/runtime_fixture.h"

#define SECOND  UINT64_C(1000000000)
#define UNKNOWN PLIM_UNKNOWN_BYTES

static plim_runtime *runtime;
static plim_pressure_watch *watch;
static uint64_t idle_bytes, second; /* second: the ladder's clock, in s */

static inline int start(void **state)
{
    (void)state;
    memset(logged.text, 0, sizeof(logged.text));
    logged.used = 0;
    runtime = open_runtime(CAP_BYTES);
    idle_bytes = used(runtime);
    second = 1000;
    return 0;
}

static inline int finish(void **state)
{
    (void)state;
    plim_pressure_close(watch);
    watch = NULL;
    assert_int_equal(used(runtime), idle_bytes);
    plim_runtime_close(runtime);
    assert_int_equal(logged.bad_count, 0);
    return 0;
}

/* Entered at PSI some 10 %, left at 5 %. */
static inline plim_rung rung_of(plim_rung_kind kind)
{
    return (plim_rung){.kind = kind,
                       .enter = {[PLIM_PRESSURE_PSI_SOME] = 1000},
                       .leave = {[PLIM_PRESSURE_PSI_SOME] = 500},
                       .hold_ns = SECOND,
                       .cool_down_ns = SECOND,
                       .deadline_ns = 60 * SECOND};
}

static inline plim_rung callback_of(const char *name,
                                    uint64_t (*act)(void *, const plim_pressure *), void *context)
{
    plim_rung r = rung_of(PLIM_RUNG_CALLBACK);
    snprintf(r.name, sizeof(r.name), "%s", name);
    r.act = act;
    r.context = context;
    return r;
}

static inline void open_watch(const plim_rung *rungs, size_t count)
{
    plim_pressure_opts o = plim_pressure_opts_default();
    o.rungs = rungs;
    o.rung_count = count;
    o.without_thread = true;
    o.without_kernel = true;
    assert_ok(plim_pressure_open(runtime, &o, &watch, &err));
}

/* One step, two seconds after the one before. */
static inline void step(uint64_t some)
{
    plim_pressure p = {.ns = (second += 2) * SECOND,
                       .value = {some, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN}};
    assert_ok(plim_pressure_step(watch, &p, &err));
}

static inline plim_pressure_state read_state(void)
{
    plim_pressure_state s;
    plim_pressure_read(watch, &s);
    return s;
}

static inline void calm_down(void)
{
    for (unsigned i = 0; i < 2 * PLIM_RUNGS_MAX + 2; i++) {
        step(0);
    }
    assert_int_equal(read_state().depth, 0);
}

static inline unsigned count_of(const char *words)
{
    unsigned count = 0;
    pthread_mutex_lock(&logged.lock);
    for (const char *at = logged.text; (at = strstr(at, words)); at++) {
        count++;
    }
    pthread_mutex_unlock(&logged.lock);
    return count;
}

#define WITH_RUNTIME(test) cmocka_unit_test_setup_teardown(test, start, finish)

#endif
