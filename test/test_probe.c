/* SPDX-License-Identifier: Apache-2.0 */
/* test_probe.c - boards out of constructed folders: what is found, where, and how sure it is. */
#include <sys/stat.h>

#include "platform/probe/probe.h"
#include "test/support/cm.h"

#define BOARD(name) "test/fixtures/boards/" name

static plim_error err;
static plim_facts facts; /* large */

/* Writes @text as <fresh folder>/@path, folders and all; gives the root. */
static char root[300];
static void fresh_root(void)
{
    static unsigned count;
    snprintf(root, sizeof(root), "%s/root%u", cm_tmp(), count++);
    mkdir(root, 0700);
    memset(&facts, 0, sizeof(facts));
}

static void put_bytes(const char *path, const void *bytes, size_t size)
{
    char full[700];
    snprintf(full, sizeof(full), "%s/%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *f = fopen(full, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

static void put(const char *path, const char *text)
{
    put_bytes(path, text, strlen(text));
}

static void probe(const char *at, const char *snapshot)
{
    plim_board_opts o = plim_board_opts_default();
    o.root = at;
    o.snapshot = snapshot;
    assert_ok(plim_board_probe(&o, &facts, &err));
}

static void a_machine_that_says_nothing_has_no_facts_and_no_error(void **state)
{
    (void)state;
    fresh_root();

    probe(root, NULL);

    for (unsigned i = 0; i < PLIM_FACT_COUNT; i++) {
        assert_null(plim_facts_get(&facts, (plim_fact_id)i));
    }
}

static void what_a_container_lacks_comes_from_the_snapshot_and_says_so(void **state)
{
    (void)state;
    fresh_root();
    put("proc/meminfo", "MemTotal: 16031744 kB\n");

    probe(root, BOARD("orin-nx-16-maxn"));

    const plim_fact *l4t = plim_facts_get(&facts, PLIM_FACT_L4T_RELEASE);
    assert_non_null(l4t);
    assert_string_equal(l4t->text, "36.4.0");
    assert_string_equal(l4t->source, "snapshot /etc/nv_tegra_release");
    assert_string_equal(plim_facts_text(&facts, PLIM_FACT_BOARD_SNAPSHOT),
                        BOARD("orin-nx-16-maxn"));
    assert_string_equal(facts.list[PLIM_FACT_MEMORY_TOTAL].source, "/proc/meminfo");
}

static void a_file_of_the_root_wins_over_that_of_the_snapshot(void **state)
{
    (void)state;
    fresh_root();
    put("etc/nv_tegra_release", "# R39 (release), REVISION: 2.0, GCID: 1\n");

    probe(root, BOARD("orin-nx-16-maxn"));

    assert_string_equal(plim_facts_text(&facts, PLIM_FACT_L4T_RELEASE), "39.2.0");
    assert_string_equal(facts.list[PLIM_FACT_L4T_RELEASE].source, "/etc/nv_tegra_release");
}

static void what_the_caller_gave_is_not_overruled(void **state)
{
    (void)state;
    memset(&facts, 0, sizeof(facts));
    plim_facts_set_text(&facts, PLIM_FACT_L4T_RELEASE, "36.5.0", PLIM_CONFIDENCE_GIVEN, "me");

    probe(BOARD("orin-nx-16-maxn"), NULL);

    assert_string_equal(plim_facts_text(&facts, PLIM_FACT_L4T_RELEASE), "36.5.0");
}

static void a_package_that_was_removed_is_not_installed(void **state)
{
    (void)state;
    fresh_root();
    put("var/lib/dpkg/status", "Package: libnvinfer8\nStatus: deinstall ok config-files\n"
                               "Version: 8.6.2.3-1+cuda12.2\n\n"
                               "Package: libnvinfer10\nStatus: install ok installed\n"
                               "Version: 10.3.0.30-1+cuda12.5\n");

    probe(root, NULL);

    assert_string_equal(plim_facts_text(&facts, PLIM_FACT_TENSORRT_RELEASE), "10.3.0");
    assert_string_equal(plim_facts_text(&facts, PLIM_FACT_TENSORRT_BUILD), "10.3.0.30");
}

static void every_tensorrt_is_a_component_and_those_without_a_place_are_counted(void **state)
{
    plim_component found[1];
    size_t count = 0;
    plim_board_opts o = plim_board_opts_default();
    (void)state;
    fresh_root();
    put("var/lib/dpkg/status", "Package: libnvinfer8\nVersion: 8.6.2.3-1+cuda12.2\n\n"
                               "Package: libnvinfer-plugin10\nVersion: 10.3.0.30-1\n\n"
                               "Package: libnvinfer10\nVersion: 10.3.0.30-1+cuda12.5\n");
    o.root = root;
    o.components = found;
    o.component_limit = 1;
    o.out_component_count = &count;

    assert_ok(plim_board_probe(&o, &facts, &err));

    assert_int_equal(count, 2);
    assert_string_equal(found[0].name, "tensorrt");
    assert_string_equal(found[0].version, "8.6.2.3");
    assert_string_equal(found[0].where, "libnvinfer8");
    assert_string_equal(plim_facts_text(&facts, PLIM_FACT_TENSORRT_RELEASE), "10.3.0");
}

static void components_without_a_count_are_refused(void **state)
{
    plim_component found[1];
    plim_board_opts o = plim_board_opts_default();
    (void)state;
    o.components = found;
    o.component_limit = 1;

    assert_status(plim_board_probe(&o, &facts, &err), PLIM_E_ARG);
    assert_status(plim_board_probe(NULL, NULL, &err), PLIM_E_ARG);
}

static void a_guess_stays_one_in_the_host(void **state)
{
    plim_host host;
    (void)state;
    memset(&facts, 0, sizeof(facts));
    plim_facts_set_number(&facts, PLIM_FACT_GPU_MULTIPROCESSORS_NOW, 4, PLIM_CONFIDENCE_GUESS, "x");
    plim_facts_set_text(&facts, PLIM_FACT_POWER_MODE, "15W", PLIM_CONFIDENCE_READ, "y");
    plim_facts_set_number(&facts, PLIM_FACT_GPU_MULTIPROCESSORS, UINT64_C(1) << 40,
                          PLIM_CONFIDENCE_READ, "z");

    plim_host_from_facts(&facts, &host);

    assert_int_equal(host.multiprocessors_now, 4);
    assert_int_equal(host.multiprocessors_now_source, PLIM_SOURCE_GUESS);
    assert_string_equal(host.power_mode, "15W");
    assert_int_equal(host.power_mode_source, PLIM_SOURCE_KERNEL);
    assert_int_equal(host.multiprocessors_source, PLIM_SOURCE_NONE);
    assert_int_equal(host.power_mode_id_source, PLIM_SOURCE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_that_says_nothing_has_no_facts_and_no_error),
        cmocka_unit_test(what_a_container_lacks_comes_from_the_snapshot_and_says_so),
        cmocka_unit_test(a_file_of_the_root_wins_over_that_of_the_snapshot),
        cmocka_unit_test(what_the_caller_gave_is_not_overruled),
        cmocka_unit_test(a_package_that_was_removed_is_not_installed),
        cmocka_unit_test(every_tensorrt_is_a_component_and_those_without_a_place_are_counted),
        cmocka_unit_test(components_without_a_count_are_refused),
        cmocka_unit_test(a_guess_stays_one_in_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
