/* SPDX-License-Identifier: Apache-2.0 */
/* test_ort_cancel.c - the thread that carries callers' flags into runs; no library is needed.
 *
 * Concurrency: also run it under the thread sanitizer (make tsan T=ort_cancel).
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "src/backend/onnxruntime/cancel.h"
#include "test/support/cm.h"

static plim_error err;
static atomic_int told;

static ort_status *terminate(ort_run_options *options)
{
    (void)options;
    atomic_fetch_add(&told, 1);
    return NULL;
}

static void release(ort_status *status)
{
    assert_null(status);
}

static const plim_ort fake = {
    .api = {.RunOptionsSetTerminate = terminate, .ReleaseStatus = release}};

static void await(int count)
{
    while (atomic_load(&told) < count) {
        usleep(200);
    }
}

static void a_raised_flag_is_told_once_and_remembered(void **state)
{
    (void)state;
    bool flag = false;
    plim_ort_watch watch = {.ort = &fake, .flag = &flag};
    atomic_store(&told, 0);
    plim_ort_watch_join();

    assert_ok(plim_ort_watch_begin(&watch, &err));
    __atomic_store_n(&flag, true, __ATOMIC_RELAXED);
    await(1);
    usleep(5000); /* it looks again, and does not tell again */
    bool was_told = plim_ort_watch_end(&watch);

    assert_true(was_told);
    assert_int_equal(atomic_load(&told), 1);
    plim_ort_watch_part();
}

static void a_flag_that_stays_down_is_never_told(void **state)
{
    (void)state;
    bool flag = false;
    plim_ort_watch watch = {.ort = &fake, .flag = &flag};
    atomic_store(&told, 0);
    plim_ort_watch_join();

    assert_ok(plim_ort_watch_begin(&watch, &err));
    usleep(5000);

    assert_false(plim_ort_watch_end(&watch));
    assert_int_equal(atomic_load(&told), 0);
    plim_ort_watch_part();
}

static void *many_runs(void *argument) /* NULL: all went well */
{
    (void)argument;
    for (int i = 0; i < 50; i++) {
        bool flag = false;
        plim_ort_watch watch = {.ort = &fake, .flag = &flag};
        plim_error own;
        plim_ort_watch_join(); /* engines come and go: so does the watching thread */
        if (plim_ort_watch_begin(&watch, &own) != PLIM_OK) {
            return &told;
        }
        __atomic_store_n(&flag, i % 2 == 0, __ATOMIC_RELAXED);
        if (plim_ort_watch_end(&watch) && i % 2) {
            return &told;
        }
        plim_ort_watch_part();
    }
    return NULL;
}

static void eight_threads_share_one_watcher(void **state)
{
    (void)state;
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, many_runs, NULL), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_raised_flag_is_told_once_and_remembered),
        cmocka_unit_test(a_flag_that_stays_down_is_never_told),
        cmocka_unit_test(eight_threads_share_one_watcher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
