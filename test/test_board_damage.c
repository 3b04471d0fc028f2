/* SPDX-License-Identifier: Apache-2.0 */
/* test_board_damage.c - a board whose files are not as they should be: missing, denied, empty, cut,
 * of another form or far too long. A probe then knows less; it never knows something else. */
#include <sys/stat.h>
#include <unistd.h>

#include "plimsoll/platform.h"
#include "test/support/made_root.h"

#define BOARD "test/fixtures/boards/orin-nano-8"

static plim_error err;
static plim_facts whole, facts; /* large */
static char root[400];

/* The files of that board that are text. */
static const char *const TEXTS[] = {
    "etc/nv_boot_control.conf",
    "etc/nv_tegra_release",
    "etc/nvpmodel.conf",
    "proc/meminfo",
    "proc/swaps",
    "proc/sys/kernel/osrelease",
    "sys/class/devfreq/17000000.gpu/available_frequencies",
    "sys/class/devfreq/17000000.gpu/device/tpc_pg_mask",
    "sys/class/devfreq/17000000.gpu/governor",
    "sys/class/devfreq/17000000.gpu/max_freq",
    "sys/devices/system/cpu/online",
    "sys/devices/system/cpu/possible",
    "sys/kernel/nvpmodel_clk_cap/emc",
    "var/lib/dpkg/status",
    "var/lib/nvpmodel/status",
    "proc/device-tree/compatible",
    "proc/device-tree/model",
};
#define TEXT_COUNT (sizeof(TEXTS) / sizeof(TEXTS[0]))
#define TREE_FROM  (TEXT_COUNT - 2) /* strings of the device tree: lines mean nothing there */

static void probe(const char *at, plim_facts *out)
{
    plim_board_opts o = plim_board_opts_default();
    memset(out, 0, sizeof(*out));
    o.root = at;
    assert_ok(plim_board_probe(&o, out, &err));
}

static size_t content(const char *path, char *out, size_t room)
{
    char full[512];
    snprintf(full, sizeof(full), BOARD "/%s", path);
    FILE *f = fopen(full, "rb");
    assert_non_null(f);
    size_t n = fread(out, 1, room, f);
    fclose(f);
    assert_true(n < room);
    return n;
}

/* The board in a fresh folder, but for @without. */
static void copy_board(const char *without)
{
    made_root(root, sizeof(root));
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        char bytes[8192];
        size_t n = content(TEXTS[i], bytes, sizeof(bytes));
        if (!without || strcmp(TEXTS[i], without) != 0) {
            made_root_put_bytes(root, TEXTS[i], bytes, n);
        }
    }
}

static void put_folder(const char *path)
{
    char full[1024];
    snprintf(full, sizeof(full), "%s/x", path);
    made_root_put(root, full, "a folder stands where a file should be");
}

/* What is worked out of several files goes with any of them; what one other file says stays. */
static bool is_derived(plim_fact_id id)
{
    bool is_of_a_file = false;
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        is_of_a_file = is_of_a_file || strcmp(whole.list[id].source + 1, TEXTS[i]) == 0;
    }
    if (!is_of_a_file) {
        return true;
    }
    return id == PLIM_FACT_GPU_MULTIPROCESSORS_NOW || id == PLIM_FACT_POWER_MODE ||
           id == PLIM_FACT_PSI_AVAILABLE || strncmp(plim_fact_key(id), "numa.", 5) == 0;
}

/* Facts by name: what this file alone says is gone, and all else is as it was. */
static void assert_less_known(const char *path)
{
    char source[200];
    snprintf(source, sizeof(source), "/%.190s", path);
    for (unsigned i = 0; i < PLIM_FACT_COUNT; i++) {
        const plim_fact *now = plim_facts_get(&facts, (plim_fact_id)i);
        const plim_fact *then = plim_facts_get(&whole, (plim_fact_id)i);
        if (now && strcmp(now->source, source) == 0) {
            fail_msg("%s is unreadable and says %s", path, plim_fact_key((plim_fact_id)i));
        }
        if (then && !now && strncmp(then->source, source, strlen(source)) != 0 &&
            then->confidence == PLIM_CONFIDENCE_READ && !is_derived((plim_fact_id)i)) {
            fail_msg("without %s nothing says %s", path, plim_fact_key((plim_fact_id)i));
        }
    }
}

static void a_file_that_cannot_be_read_takes_only_its_own_facts_along(void **state)
{
    (void)state;
    probe(BOARD, &whole);
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        copy_board(TEXTS[i]);
        probe(root, &facts);
        assert_less_known(TEXTS[i]);

        put_folder(TEXTS[i]); /* EISDIR, as EACCES and EAGAIN are: an error of read or open */
        probe(root, &facts);
        assert_less_known(TEXTS[i]);
    }
}

static void an_empty_file_says_nothing(void **state)
{
    (void)state;
    probe(BOARD, &whole);
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        copy_board(TEXTS[i]);
        made_root_put(root, TEXTS[i], "");
        probe(root, &facts);
        assert_less_known(TEXTS[i]);
    }
}

static void lines_that_end_in_cr_lf_say_the_same(void **state)
{
    (void)state;
    probe(BOARD, &whole);
    copy_board(NULL);
    for (size_t i = 0; i < TREE_FROM; i++) {
        char bytes[8192], crlf[16384];
        size_t n = content(TEXTS[i], bytes, sizeof(bytes)), out = 0;
        for (size_t k = 0; k < n; k++) {
            if (bytes[k] == '\n') {
                crlf[out++] = '\r';
            }
            crlf[out++] = bytes[k];
        }
        made_root_put_bytes(root, TEXTS[i], crlf, out);
    }

    probe(root, &facts);

    assert_memory_equal(&facts, &whole, sizeof(facts));
}

/* Figures whose last digits are gone are other figures: they must not be believed. */
static void a_file_that_ends_early_says_less_and_nothing_else(void **state)
{
    static const struct {
        const char *path;
        plim_fact_id ids[4];
        size_t count;
    } CUTS[] = {
        {"proc/meminfo",
         {PLIM_FACT_MEMORY_TOTAL, PLIM_FACT_MEMORY_FREE, PLIM_FACT_SWAP_TOTAL,
          PLIM_FACT_MEMORY_CMA_FREE},
         4},
        {"etc/nv_tegra_release", {PLIM_FACT_L4T_RELEASE}, 1},
        {"etc/nv_boot_control.conf", {PLIM_FACT_BOARD_MODULE, PLIM_FACT_MEMORY_INSTALLED}, 2},
        {"var/lib/nvpmodel/status", {PLIM_FACT_POWER_MODE_ID, PLIM_FACT_POWER_MODE}, 2},
    };
    (void)state;
    probe(BOARD, &whole);
    for (size_t c = 0; c < sizeof(CUTS) / sizeof(CUTS[0]); c++) {
        char bytes[8192];
        size_t n = content(CUTS[c].path, bytes, sizeof(bytes));
        copy_board(NULL);
        for (size_t cut = 0; cut < n; cut += CM_STEP) {
            made_root_put_bytes(root, CUTS[c].path, bytes, cut);
            probe(root, &facts);
            for (size_t k = 0; k < CUTS[c].count; k++) {
                const plim_fact *now = plim_facts_get(&facts, CUTS[c].ids[k]);
                const plim_fact *then = plim_facts_get(&whole, CUTS[c].ids[k]);
                assert_non_null(then);
                if (now && (now->number != then->number || strcmp(now->text, then->text) != 0)) {
                    fail_msg("%s cut after %zu bytes: %s is %s %llu", CUTS[c].path, cut,
                             plim_fact_key(CUTS[c].ids[k]), now->text,
                             (unsigned long long)now->number);
                }
            }
        }
    }
}

static void a_last_line_of_the_conf_that_is_cut_never_breaks_the_others(void **state)
{
    char bytes[8192];
    size_t n = content("etc/nvpmodel.conf", bytes, sizeof(bytes));
    (void)state;
    copy_board(NULL);
    for (size_t cut = n / 2; cut < n; cut += CM_STEP) { /* mode 1 is in the first half */
        made_root_put_bytes(root, "etc/nvpmodel.conf", bytes, cut);
        probe(root, &facts);
        assert_string_equal(plim_facts_text(&facts, PLIM_FACT_POWER_MODE), "25W");
    }
}

static void numbers_of_twenty_digits_are_no_numbers(void **state)
{
    static const struct {
        const char *path, *text;
        plim_fact_id id;
    } LONG[] = {
        {"proc/meminfo", "MemTotal: 99999999999999999999 kB\n", PLIM_FACT_MEMORY_TOTAL},
        {"proc/meminfo", "MemTotal: 18014398509481984 kB\n", PLIM_FACT_MEMORY_TOTAL},
        {"proc/sys/vm/swappiness", "99999999999999999999\n", PLIM_FACT_SWAP_SWAPPINESS},
        {"sys/class/devfreq/17000000.gpu/max_freq", "99999999999999999999\n", PLIM_FACT_GPU_CAP_HZ},
        {"sys/class/devfreq/17000000.gpu/device/tpc_pg_mask", "99999999999999999999\n",
         PLIM_FACT_GPU_TPC_MASK},
        {"sys/devices/system/cpu/online", "0-99999999999999999999\n", PLIM_FACT_CPU_ONLINE},
        {"sys/devices/system/cpu/possible", "5-2\n", PLIM_FACT_CPU_POSSIBLE},
        {"var/lib/nvpmodel/status", "pmode:99999999999999999999\n", PLIM_FACT_POWER_MODE_ID},
        {"etc/nvpmodel.conf", "< PM_CONFIG DEFAULT=99999999999999999999 >\n",
         PLIM_FACT_POWER_MODE_DEFAULT},
        {"etc/nv_tegra_release", "# R99999999999999999999 (release), REVISION: 4.0, G\n",
         PLIM_FACT_L4T_RELEASE},
        {"sys/kernel/debug/nvmap/iovmm/free_size",
         "Max allocatable IOVMM memory: 99999999999999999999 bytes\n", PLIM_FACT_MEMORY_NVMAP_FREE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(LONG) / sizeof(LONG[0]); i++) {
        made_root(root, sizeof(root));
        made_root_put(root, LONG[i].path, LONG[i].text);
        probe(root, &facts);
        if (plim_facts_get(&facts, LONG[i].id)) {
            fail_msg("%s: %s", LONG[i].path, LONG[i].text);
        }
    }
}

static void a_megabyte_where_a_line_should_be_is_cut_or_refused(void **state)
{
    static const char FILLS[] = {'9', 'x', ' ', '\n', 0};
    static char megabyte[1 << 20];
    (void)state;
    for (size_t f = 0; f < sizeof(FILLS); f++) {
        memset(megabyte, FILLS[f], sizeof(megabyte));
        for (size_t i = 0; i < TEXT_COUNT; i++) {
            copy_board(NULL);
            made_root_put_bytes(root, TEXTS[i], megabyte, sizeof(megabyte));
            probe(root, &facts);
            for (unsigned k = 0; k < PLIM_FACT_COUNT; k++) {
                assert_true(memchr(facts.list[k].text, 0, sizeof(facts.list[k].text)) != NULL);
            }
        }
    }
    assert_null(plim_facts_get(&facts, PLIM_FACT_BOARD_MODEL));
}

static void a_device_tree_without_its_last_nul_says_the_same(void **state)
{
    char bytes[8192];
    (void)state;
    probe(BOARD, &whole);
    copy_board(NULL);
    for (size_t i = TREE_FROM; i < TEXT_COUNT; i++) {
        size_t n = content(TEXTS[i], bytes, sizeof(bytes));
        assert_int_equal(bytes[n - 1], 0);
        made_root_put_bytes(root, TEXTS[i], bytes, n - 1);
    }

    probe(root, &facts);

    assert_memory_equal(&facts, &whole, sizeof(facts));
}

static void names_with_blanks_and_escapes_are_names(void **state)
{
    (void)state;
    made_root(root, sizeof(root));
    made_root_put(root, "proc/device-tree/model", "A \x1b[31m box (of) \"ours\"");
    made_root_put(root, "proc/swaps",
                  "Filename Type Size Used Priority\n"
                  "/swap\\040file\\040two                   file\t\t1024\t\t0\t\t-2\n"
                  "/dev/zram0                              partition\t2048\t\t0\t\t5\n");

    probe(root, &facts);

    assert_string_equal(plim_facts_text(&facts, PLIM_FACT_BOARD_MODEL),
                        "A ?[31m box (of) \"ours\"");
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_SWAP_DISK, 0), 1024 * 1024);
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_SWAP_ZRAM, 0), 2048 * 1024);
}

static void a_root_that_is_no_folder_or_too_long_says_nothing(void **state)
{
    static char deep[5000];
    (void)state;
    memset(deep, 'a', sizeof(deep) - 1);

    probe("test/test_board_damage.c", &facts);
    assert_null(plim_facts_get(&facts, PLIM_FACT_MEMORY_TOTAL));
    probe(deep, &facts);
    assert_null(plim_facts_get(&facts, PLIM_FACT_MEMORY_TOTAL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_cannot_be_read_takes_only_its_own_facts_along),
        cmocka_unit_test(an_empty_file_says_nothing),
        cmocka_unit_test(lines_that_end_in_cr_lf_say_the_same),
        cmocka_unit_test(a_file_that_ends_early_says_less_and_nothing_else),
        cmocka_unit_test(a_last_line_of_the_conf_that_is_cut_never_breaks_the_others),
        cmocka_unit_test(numbers_of_twenty_digits_are_no_numbers),
        cmocka_unit_test(a_megabyte_where_a_line_should_be_is_cut_or_refused),
        cmocka_unit_test(a_device_tree_without_its_last_nul_says_the_same),
        cmocka_unit_test(names_with_blanks_and_escapes_are_names),
        cmocka_unit_test(a_root_that_is_no_folder_or_too_long_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
