/* SPDX-License-Identifier: Apache-2.0 */
/* test_tegra.c - which Jetson module, which power mode, and what they leave open. */
#include "platform/probe/nvpmodel.h"
#include "platform/probe/probe.h"
#include "test/support/made_root.h"

static plim_error err;
static plim_facts facts; /* large */
static char root[400];

#define CONF                                                                                       \
    "# a comment\n"                                                                                \
    "< PARAM TYPE=FILE NAME=CPU_ONLINE >\nCORE_0 /sys/devices/system/cpu/cpu0/online\n"            \
    "<PARAM TYPE=CLOCK NAME=GPU >\nMAX_FREQ /sys/a/max_freq\n"                                     \
    "< POWER_MODEL ID=0 NAME=MAXN >\nCPU_ONLINE CORE_0 1\nCPU_ONLINE CORE_1 1\n"                   \
    "TPC_POWER_GATING TPC_PG_MASK 240\nGPU MAX_FREQ -1\nEMC MAX_FREQ 0\n"                          \
    "< POWER_MODEL ID=2 NAME=15W > # trailing\nCPU_ONLINE CORE_0 1\nCPU_ONLINE CORE_1 0\n"         \
    "TPC_POWER_GATING TPC_PG_MASK 252 # four of eight\nGPU MAX_FREQ 612000000\n"                   \
    "EMC MAX_FREQ 2133000000\n"                                                                    \
    "<POWER_MODEL ID=3 NAME=25W>\nCPU_ONLINE CORE_0 1\nCPU_ONLINE CORE_1 1\n"                      \
    "TPC_POWER_GATING TPC_PG_MASK 240\nGPU MAX_FREQ 408000000\nEMC MAX_FREQ -1\n"                  \
    "< PM_CONFIG DEFAULT=2 >\n"

/* Two strings and a chip, as the device tree has them. */
static void put_tree(const char *first, const char *chip)
{
    char list[200];
    int n = snprintf(list, sizeof(list), "%s%c%s", first, 0, chip);
    made_root_put_bytes(root, "proc/device-tree/compatible", list, (size_t)n + 1);
}

static void orin(const char *first)
{
    made_root(root, sizeof(root));
    memset(&facts, 0, sizeof(facts));
    put_tree(first, "nvidia,tegra234");
}

static void probe(void)
{
    plim_board_opts o = plim_board_opts_default();
    o.root = root;
    assert_ok(plim_board_probe(&o, &facts, &err));
}

static const char *text(plim_fact_id id)
{
    return plim_facts_text(&facts, id);
}

static uint64_t number(plim_fact_id id)
{
    return plim_facts_number(&facts, id, UINT64_MAX);
}

/* ---- the module ---- */

static void tnspec_names_the_sku_that_the_model_does_not(void **state)
{
    (void)state;
    orin("nvidia,p3768-0000+p3767-0000");
    made_root_put(root, "etc/nv_boot_control.conf",
                  "TNSPEC 3767-302-0005-J.1-1-0-jetson-orin-nano-devkit-super-\n"
                  "COMPATIBLE_SPEC 3767--0000--1--jetson-\n");

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_MODULE), "p3767-0005");
    assert_string_equal(facts.list[PLIM_FACT_BOARD_MODULE].source, "/etc/nv_boot_control.conf");
    assert_string_equal(text(PLIM_FACT_BOARD_CARRIER), "p3768-0000");
    assert_string_equal(text(PLIM_FACT_BOARD_FAMILY), "orin-nano");
}

static void an_image_cloned_from_a_smaller_module_is_not_believed(void **state)
{
    (void)state;
    orin("nvidia,p3768-0000+p3767-0000");
    made_root_put(root, "etc/nv_boot_control.conf", "TNSPEC 3767-302-0005-J.1-1-0-x-\n");
    made_root_put(root, "proc/meminfo", "MemTotal:       16031744 kB\n");

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_MODULE), "p3767-0000");
    assert_int_equal(number(PLIM_FACT_MEMORY_INSTALLED), UINT64_C(16) << 30);
}

static void an_image_cloned_from_a_module_with_fewer_cores_is_not_believed(void **state)
{
    (void)state;
    orin("vendor,box");
    made_root_put(root, "etc/nv_boot_control.conf", "TNSPEC 3767-302-0001-J.1-1-0-x-\n");
    made_root_put(root, "sys/devices/system/cpu/possible", "0-7\n");

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_MODULE), "");
}

static void two_modules_are_not_mixed(void **state)
{
    (void)state;
    orin("nvidia,p3737-0000+p3701-0005"); /* 64 GB; the developer kit's own size is not known */
    made_root_put(root, "etc/nv_boot_control.conf", "TNSPEC 3701-500-0000-J.0-1-0-x-\n");

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_MODULE), "p3701-0000");
    assert_null(plim_facts_get(&facts, PLIM_FACT_MEMORY_INSTALLED));
}

static void the_eeprom_names_the_module_where_it_may_be_read(void **state)
{
    unsigned char eeprom[256] = {1, 0, 0xf6};
    (void)state;
    orin("vendor,box");
    memcpy(eeprom + 20, "699-13767-0004-300 K.2", 22);
    memset(eeprom + 49, 0xff, sizeof(eeprom) - 49);
    made_root_put_bytes(root, "sys/bus/i2c/devices/0-0050/eeprom", eeprom, sizeof(eeprom));

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_MODULE), "p3767-0004");
    assert_string_equal(facts.list[PLIM_FACT_BOARD_MODULE].source,
                        "/sys/bus/i2c/devices/0-0050/eeprom");
    assert_int_equal(number(PLIM_FACT_GPU_MULTIPROCESSORS), 4);
}

static void an_eeprom_of_anything_else_names_nothing(void **state)
{
    (void)state;
    orin("vendor,box");
    made_root_put(root, "sys/bus/i2c/devices/0-0050/eeprom", "699-13767-0004-300 K.2 too early");
    made_root_put(root, "sys/bus/i2c/devices/7-0050/eeprom", "short");

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_MODULE), "");
}

static void the_source_file_names_module_and_carrier(void **state)
{
    (void)state;
    orin("vendor,box");
    made_root_put(root, "proc/device-tree/nvidia,dtsfilename",
                  "/a/b/tegra234-p3767-0003-p3768-0000-a0.dts");

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_MODULE), "p3767-0003");
    assert_string_equal(text(PLIM_FACT_BOARD_CARRIER), "p3768-0000");
}

static void board_ids_name_the_module_when_they_hold_its_sku(void **state)
{
    (void)state;
    made_root(root, sizeof(root));
    memset(&facts, 0, sizeof(facts));
    put_tree("vendor,box", "nvidia,tegra194");
    made_root_put(root, "proc/device-tree/nvidia,boardids", "2888-0400-0004-300-0-001-E");

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_MODULE), "p2888-0004");
}

static void a_compatible_spec_alone_is_a_guess_and_held_against_memory(void **state)
{
    (void)state;
    orin("vendor,box");
    made_root_put(root, "etc/nv_boot_control.conf", "COMPATIBLE_SPEC 3767--0003--1--box-\n");
    made_root_put(root, "proc/meminfo", "MemTotal:        7802880 kB\n");
    probe();
    assert_string_equal(text(PLIM_FACT_BOARD_MODULE), "p3767-0003");
    assert_int_equal(facts.list[PLIM_FACT_BOARD_MODULE].confidence, PLIM_CONFIDENCE_GUESS);

    orin("vendor,box");
    made_root_put(root, "etc/nv_boot_control.conf", "COMPATIBLE_SPEC 3767--0003--1--box-\n");
    made_root_put(root, "proc/meminfo", "MemTotal:        3524608 kB\n");
    probe();
    assert_string_equal(text(PLIM_FACT_BOARD_MODULE), "p3767-0004"); /* by the rule of memory */
}

static void a_module_that_the_tables_do_not_hold_still_has_its_chip(void **state)
{
    (void)state;
    orin("nvidia,p3768-0000+p3767-0099");

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_MODULE), "p3767-0099");
    assert_string_equal(text(PLIM_FACT_BOARD_SOC), "tegra234");
    assert_int_equal(number(PLIM_FACT_GPU_SM), 87);
    assert_null(plim_facts_get(&facts, PLIM_FACT_GPU_MULTIPROCESSORS));
}

static void modules_that_fit_alike_give_what_they_agree_on(void **state)
{
    (void)state;
    orin("vendor,box"); /* an Orin NX 8 GB or an Orin Nano 8 GB */
    made_root_put(root, "proc/meminfo", "MemTotal:        7802880 kB\n");
    made_root_put(root, "sys/devices/system/cpu/possible", "0-5\n");

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_MODULE), "");
    assert_string_equal(text(PLIM_FACT_BOARD_FAMILY), "");
    assert_int_equal(number(PLIM_FACT_GPU_MULTIPROCESSORS), 8);
    assert_int_equal(facts.list[PLIM_FACT_GPU_MULTIPROCESSORS].confidence, PLIM_CONFIDENCE_GUESS);
    assert_null(plim_facts_get(&facts, PLIM_FACT_MEMORY_BANDWIDTH));
}

static void the_words_of_a_model_narrow_the_guess(void **state)
{
    (void)state;
    orin("vendor,box");
    made_root_put(root, "proc/meminfo", "MemTotal:        7802880 kB\n");
    made_root_put(root, "sys/devices/system/cpu/possible", "0-5\n");
    made_root_put(root, "proc/device-tree/model", "Vendor Orin NX Box");

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_MODULE), "p3767-0001");
    assert_string_equal(text(PLIM_FACT_BOARD_NAME), "Vendor Orin NX Box");
}

static void thor_is_known_by_dmi_alone(void **state)
{
    (void)state;
    made_root(root, sizeof(root));
    memset(&facts, 0, sizeof(facts));
    made_root_put(root, "proc/meminfo", "MemTotal:      128825804 kB\n");
    made_root_put(root, "sys/class/dmi/id/product_name", "NVIDIA Jetson AGX Thor Developer Kit\n");

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_MODULE), "p3834-0008");
    assert_string_equal(text(PLIM_FACT_BOARD_SOC), "tegra264");
    assert_int_equal(number(PLIM_FACT_GPU_MULTIPROCESSORS), 20);
}

static void a_pc_with_the_memory_of_a_module_is_not_guessed_to_be_one(void **state)
{
    (void)state;
    made_root(root, sizeof(root));
    memset(&facts, 0, sizeof(facts));
    made_root_put(root, "proc/meminfo", "MemTotal:       16031744 kB\n");
    made_root_put(root, "sys/devices/system/cpu/possible", "0-7\n");
    made_root_put(root, "sys/class/dmi/id/product_name", "Some PC\n");

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_MODULE), "");
    assert_string_equal(text(PLIM_FACT_BOARD_NAME), "Some PC");
}

/* ---- power modes ---- */

static void a_conf_is_read_with_comments_and_without_blanks(void **state)
{
    char conf[] = CONF;
    char *rest = conf;
    plim_power_modes all = {.count = 0};
    (void)state;

    for (char *line; (line = strsep(&rest, "\n"));) {
        plim_nvpmodel_line(&all, line);
    }

    assert_int_equal(all.count, 3);
    assert_true(all.has_default);
    assert_int_equal(all.default_id, 2);
    assert_string_equal(all.modes[0].name, "MAXN");
    assert_true(all.modes[0].gpu_max_hz == PLIM_POWER_NO_CAP);
    assert_true(all.modes[0].emc_max_hz == PLIM_POWER_NO_CAP);
    assert_int_equal(plim_nvpmodel_find(&all, 2)->tpc_mask, 252);
    assert_int_equal(plim_nvpmodel_find(&all, 2)->cores_online, 1);
    assert_int_equal(plim_nvpmodel_find(&all, 2)->cores_listed, 2);
    assert_string_equal(plim_nvpmodel_find(&all, 3)->name, "25W");
    assert_null(plim_nvpmodel_find(&all, 1));
}

static void the_mode_that_was_set_gives_the_multiprocessors_left(void **state)
{
    (void)state;
    orin("nvidia,p3768-0000+p3767-0000");
    made_root_put(root, "etc/nvpmodel.conf", CONF);
    made_root_put(root, "var/lib/nvpmodel/status", "fmode:quiet\npmode:0002\n");

    probe();

    assert_string_equal(text(PLIM_FACT_POWER_MODE), "15W");
    assert_int_equal(facts.list[PLIM_FACT_POWER_MODE].confidence, PLIM_CONFIDENCE_READ);
    assert_int_equal(number(PLIM_FACT_GPU_MULTIPROCESSORS), 8);
    assert_int_equal(number(PLIM_FACT_GPU_MULTIPROCESSORS_NOW), 4);
    assert_string_equal(facts.list[PLIM_FACT_GPU_MULTIPROCESSORS_NOW].source,
                        "/etc/nvpmodel.conf, mode 2");
    assert_string_equal(text(PLIM_FACT_POWER_MODE_MAX), "MAXN");
}

static void a_mode_that_waits_for_a_reboot_is_a_guess_and_the_mask_is_the_kernels(void **state)
{
    (void)state;
    orin("nvidia,p3768-0000+p3767-0000");
    made_root_put(root, "etc/nvpmodel.conf", CONF);
    made_root_put(root, "var/lib/nvpmodel/status", "pmode:0002\n");
    made_root_put(root, "sys/class/devfreq/17000000.gpu/device/tpc_pg_mask", "240\n");

    probe();

    assert_string_equal(text(PLIM_FACT_POWER_MODE), "15W");
    assert_int_equal(facts.list[PLIM_FACT_POWER_MODE].confidence, PLIM_CONFIDENCE_GUESS);
    assert_int_equal(number(PLIM_FACT_GPU_MULTIPROCESSORS_NOW), 8);
    assert_int_equal(facts.list[PLIM_FACT_GPU_MULTIPROCESSORS_NOW].confidence,
                     PLIM_CONFIDENCE_READ);
}

static void the_only_mode_that_fits_is_a_guess(void **state)
{
    (void)state;
    orin("nvidia,p3768-0000+p3767-0000");
    made_root_put(root, "etc/nvpmodel.conf", CONF);
    made_root_put(root, "sys/devices/system/cpu/online", "0-1\n");
    made_root_put(root, "sys/class/devfreq/17000000.gpu/max_freq", "408000000\n");
    made_root_put(root, "sys/class/devfreq/17000000.gpu/available_frequencies",
                  "306000000 408000000 918000000\n");

    probe();

    assert_string_equal(text(PLIM_FACT_POWER_MODE), "25W");
    assert_int_equal(facts.list[PLIM_FACT_POWER_MODE].confidence, PLIM_CONFIDENCE_GUESS);
}

static void modes_that_fit_alike_give_no_name_but_their_mask(void **state)
{
    (void)state;
    orin("nvidia,p3768-0000+p3767-0000");
    made_root_put(root, "etc/nvpmodel.conf", CONF);
    made_root_put(root, "sys/devices/system/cpu/online", "0-1\n"); /* MAXN or 25W */

    probe();

    assert_string_equal(text(PLIM_FACT_POWER_MODE), "");
    assert_null(plim_facts_get(&facts, PLIM_FACT_POWER_MODE_ID));
    assert_int_equal(number(PLIM_FACT_GPU_MULTIPROCESSORS_NOW), 8);
    assert_int_equal(facts.list[PLIM_FACT_GPU_MULTIPROCESSORS_NOW].confidence,
                     PLIM_CONFIDENCE_GUESS);
}

static void a_mode_that_the_conf_lacks_keeps_its_number(void **state)
{
    (void)state;
    orin("nvidia,p3768-0000+p3767-0000");
    made_root_put(root, "var/lib/nvpmodel/status", "pmode:0007\n");

    probe();

    assert_int_equal(number(PLIM_FACT_POWER_MODE_ID), 7);
    assert_string_equal(text(PLIM_FACT_POWER_MODE), "");
}

/* ---- the GPU ---- */

static void a_devfreq_folder_is_the_gpus_by_the_name_of_its_node(void **state)
{
    (void)state;
    orin("nvidia,p3737-0000+p3701-0005");
    made_root_put(root, "sys/class/devfreq/bwmgr/max_freq", "3199000000\n");
    made_root_put(root, "sys/class/devfreq/odd name.1/max_freq", "930000000\n");
    made_root_put(root, "sys/class/devfreq/odd name.1/device/of_node/name", "ga10b\n");

    probe();

    assert_int_equal(number(PLIM_FACT_GPU_CAP_HZ), 930000000);
}

static void video_engines_and_huge_limits_are_no_clock_of_the_gpu(void **state)
{
    (void)state;
    orin("nvidia,p3767-0000");
    made_root_put(root, "sys/class/devfreq/gpu-nvd-0/max_freq", "1692000000\n");
    made_root_put(root, "sys/class/devfreq/17000000.gpu/max_freq", "9223372036854775807\n");

    probe();

    assert_null(plim_facts_get(&facts, PLIM_FACT_GPU_CAP_HZ));
}

static void a_mask_that_gates_nothing_leaves_what_the_module_has(void **state)
{
    (void)state;
    orin("nvidia,p3701-0004"); /* 14 of the chip's 16 */
    made_root_put(root, "sys/devices/gpu.0/tpc_pg_mask", "0\n");

    probe();

    assert_int_equal(number(PLIM_FACT_GPU_MULTIPROCESSORS_NOW), 14);
}

/* ---- the release ---- */

static void a_container_knows_its_release_by_its_environment(void **state)
{
    static const char ENVIRON[] = "PATH=/bin\0L4T_VERSION=36.4.4\0";
    (void)state;
    orin("vendor,box");
    made_root_put_bytes(root, "proc/self/environ", ENVIRON, sizeof(ENVIRON) - 1);

    probe();

    assert_string_equal(text(PLIM_FACT_L4T_RELEASE), "36.4.4");
    assert_string_equal(text(PLIM_FACT_JETPACK_RELEASE), "6.2.1");
}

static void a_release_that_no_table_knows_has_no_jetpack_and_is_no_error(void **state)
{
    (void)state;
    orin("vendor,box");
    made_root_put(root, "etc/nv_tegra_release", "# R41 (release), REVISION: 3, GCID: 1\n");

    probe();

    assert_string_equal(text(PLIM_FACT_L4T_RELEASE), "41.3.0");
    assert_null(plim_facts_get(&facts, PLIM_FACT_JETPACK_RELEASE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tnspec_names_the_sku_that_the_model_does_not),
        cmocka_unit_test(an_image_cloned_from_a_smaller_module_is_not_believed),
        cmocka_unit_test(an_image_cloned_from_a_module_with_fewer_cores_is_not_believed),
        cmocka_unit_test(two_modules_are_not_mixed),
        cmocka_unit_test(the_eeprom_names_the_module_where_it_may_be_read),
        cmocka_unit_test(an_eeprom_of_anything_else_names_nothing),
        cmocka_unit_test(the_source_file_names_module_and_carrier),
        cmocka_unit_test(board_ids_name_the_module_when_they_hold_its_sku),
        cmocka_unit_test(a_compatible_spec_alone_is_a_guess_and_held_against_memory),
        cmocka_unit_test(a_module_that_the_tables_do_not_hold_still_has_its_chip),
        cmocka_unit_test(modules_that_fit_alike_give_what_they_agree_on),
        cmocka_unit_test(the_words_of_a_model_narrow_the_guess),
        cmocka_unit_test(thor_is_known_by_dmi_alone),
        cmocka_unit_test(a_pc_with_the_memory_of_a_module_is_not_guessed_to_be_one),
        cmocka_unit_test(a_conf_is_read_with_comments_and_without_blanks),
        cmocka_unit_test(the_mode_that_was_set_gives_the_multiprocessors_left),
        cmocka_unit_test(a_mode_that_waits_for_a_reboot_is_a_guess_and_the_mask_is_the_kernels),
        cmocka_unit_test(the_only_mode_that_fits_is_a_guess),
        cmocka_unit_test(modes_that_fit_alike_give_no_name_but_their_mask),
        cmocka_unit_test(a_mode_that_the_conf_lacks_keeps_its_number),
        cmocka_unit_test(a_devfreq_folder_is_the_gpus_by_the_name_of_its_node),
        cmocka_unit_test(video_engines_and_huge_limits_are_no_clock_of_the_gpu),
        cmocka_unit_test(a_mask_that_gates_nothing_leaves_what_the_module_has),
        cmocka_unit_test(a_container_knows_its_release_by_its_environment),
        cmocka_unit_test(a_release_that_no_table_knows_has_no_jetpack_and_is_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
