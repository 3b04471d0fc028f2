/* SPDX-License-Identifier: Apache-2.0 */
/* test_headroom_charge.c - the probe of what a GPU's driver is charged, with drivers of our own. */
#include <inttypes.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "platform/linux/cgroup_levels.h"
#include "plimsoll/headroom.h"
#include "test/support/cm.h"

static plim_error err;
static plim_gpu_charge charge;

/* The library lies beside the folder of the test programs. */
static const char *fake_driver(void)
{
    static char path[512];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
    assert_true(n > 0);
    path[n] = 0;
    char *slash = strrchr(path, '/');
    memcpy(slash, "/fake_cuda.so", sizeof("/fake_cuda.so"));
    return path;
}

static void probe(const char *way, uint64_t limit_ms)
{
    plim_gpu_charge_opts o = plim_gpu_charge_opts_default();
    o.library = fake_driver();
    o.limit_ms = limit_ms;
    setenv("FAKE_CUDA", way, 1);
    assert_ok(plim_gpu_charge_probe(&o, &charge, &err));
}

static void skip_without_group(void)
{
    plim_cgroup_place place;
    if (plim_cgroup_find("", 0, &place, NULL) != PLIM_OK || place.group[0] == 0) {
        skip_because("this process is in no control group that counts");
    }
}

static void a_driver_that_is_charged_is_found_out(void **state)
{
    (void)state;
    skip_without_group();

    probe("charged", 0);

    if (charge.charged == PLIM_CHARGED_UNKNOWN) { /* others allocate in our group just now */
        probe("charged", 0);
    }
    assert_string_equal(plim_charged_text(charge.charged), "yes");
#ifndef __SANITIZE_THREAD__ /* whose shadow of what the driver writes is charged beside it */
    assert_in_range(charge.grown_bytes[0], 48 << 20, 80 << 20);
#endif
    assert_int_equal(charge.block_bytes, 64 << 20);
}

static void a_driver_that_is_not_charged_is_found_out(void **state)
{
    (void)state;
    skip_where_memory_is_not_ours();
    skip_without_group();

    probe("free", 0);

    if (charge.charged == PLIM_CHARGED_UNKNOWN) {
        probe("free", 0);
    }
    assert_string_equal(plim_charged_text(charge.charged), "no");
    assert_true(charge.grown_bytes[0] < 8 << 20);
}

static void two_answers_that_differ_are_none(void **state)
{
    (void)state;
    skip_without_group();

    probe("half", 0);

    assert_int_equal(charge.charged, PLIM_CHARGED_UNKNOWN);
}

static void whatever_goes_wrong_is_unknown_with_a_reason(void **state)
{
    plim_gpu_charge_opts o = plim_gpu_charge_opts_default();
    (void)state;
    skip_without_group();

    probe("refuse", 0);
    assert_int_equal(charge.charged, PLIM_CHARGED_UNKNOWN);
    assert_string_equal(charge.how, "the driver gives no memory: code 2");
    probe("die", 0);
    assert_int_equal(charge.charged, PLIM_CHARGED_UNKNOWN);
    assert_string_equal(charge.how, "the driver ended its process");
    probe("hang", 200);
    assert_int_equal(charge.charged, PLIM_CHARGED_UNKNOWN);
    assert_string_equal(charge.how, "the driver did not answer in time");
    o.library = "libthere-is-no-such-driver.so.1";
    assert_ok(plim_gpu_charge_probe(&o, &charge, &err));
    assert_int_equal(charge.charged, PLIM_CHARGED_UNKNOWN);
    assert_non_null(strstr(charge.how, "no-such-driver"));
}

static void on_alarm(int number)
{
    (void)number;
}

static void signals_do_not_put_the_limit_off(void **state)
{
    const struct itimerval often = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART}, before;
    (void)state;
    skip_without_group();
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);

    probe("hang", 200); /* a wait that begins anew with each signal would never end */

    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    assert_string_equal(charge.how, "the driver did not answer in time");
}

static void bad_options_are_refused(void **state)
{
    plim_gpu_charge_opts o = {.struct_size = 0};
    (void)state;

    assert_status(plim_gpu_charge_probe(&o, &charge, &err), PLIM_E_ARG);
    o = plim_gpu_charge_opts_default();
    o.block_bytes = 4096;
    assert_status(plim_gpu_charge_probe(&o, &charge, &err), PLIM_E_ARG);
    assert_status(plim_gpu_charge_probe(NULL, NULL, &err), PLIM_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_driver_that_is_charged_is_found_out),
        cmocka_unit_test(a_driver_that_is_not_charged_is_found_out),
        cmocka_unit_test(two_answers_that_differ_are_none),
        cmocka_unit_test(whatever_goes_wrong_is_unknown_with_a_reason),
        cmocka_unit_test(signals_do_not_put_the_limit_off),
        cmocka_unit_test(bad_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
