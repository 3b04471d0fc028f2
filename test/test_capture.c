/* SPDX-License-Identifier: Apache-2.0 */
/* test_capture.c - a copy of a machine stands for it, and holds nobody's name. */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/support/made_root.h"
#include "test/support/tool_run.h"

#define BOARDS "test/fixtures/boards"

static char manifest[256u << 10];

static void read_manifest(const char *folder)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/MANIFEST", folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    manifest[fread(manifest, 1, sizeof(manifest) - 1, f)] = 0;
    fclose(f);
}

static void capture(const char *root, const char *folder)
{
    if (tool_sh_in(".", "$memreport --capture %s --root %s", folder, root) != 0) {
        fail_msg("capture of %s: %s", root, tool_errors);
    }
    read_manifest(folder);
}

/* ---- a copy stands for its machine ---- */

static void a_copy_of_every_board_gives_the_facts_of_the_board(void **state)
{
    static char facts[TOOL_OUTPUT_BYTES];
    struct dirent **boards = NULL;
    int count = scandir(BOARDS, &boards, NULL, alphasort), seen = 0;
    (void)state;
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        char root[300], folder[400];
        snprintf(root, sizeof(root), BOARDS "/%s", boards[i]->d_name);
        free(boards[i]);
        if (!made_root_has(root, "proc/meminfo")) {
            continue;
        }
        assert_int_equal(tool_sh_in(".", "$memreport host --json --root %s", root), 0);
        memcpy(facts, tool_out, sizeof(facts));

        capture(root, made_root(folder, sizeof(folder)));

        assert_int_equal(tool_sh_in(".", "$memreport host --json --root %s", folder), 0);
        if (strcmp(facts, tool_out) != 0) {
            fail_msg("%s: a probe reads what capture_list.c does not name:\n%s\n%s", root, facts,
                     tool_out);
        }
        seen++;
    }
    free(boards);
    assert_true(seen >= 4);
}

static void a_copy_of_a_copy_is_that_copy(void **state)
{
    char one[400], two[400], command[1000];
    (void)state;
    capture(BOARDS "/orin-nx-live", made_root(one, sizeof(one)));
    capture(one, made_root(two, sizeof(two)));

    snprintf(command, sizeof(command), "diff -r -x MANIFEST %s %s", one, two);
    assert_int_equal(system(command), 0);
}

static void the_same_machine_gives_the_same_bytes(void **state)
{
    char one[400], two[400], command[1000];
    (void)state;
    capture(BOARDS "/orin-nx-live", made_root(one, sizeof(one)));
    capture(BOARDS "/orin-nx-live", made_root(two, sizeof(two)));

    snprintf(command, sizeof(command), "diff -r %s %s", one, two);
    assert_int_equal(system(command), 0);
}

static void this_machine_can_be_copied(void **state)
{
    char folder[400];
    (void)state;

    assert_int_equal(tool_sh_in(".", "$memreport --capture %s", made_root(folder, sizeof(folder))),
                     0);

    assert_true(made_root_has(folder, "proc/meminfo"));
    assert_says(tool_out, "MANIFEST says what became of every path");
}

/* ---- no secrets ---- */

/* As a board would have them, at the places where they are, and in files that are copied. */
static void plant(const char *root)
{
    made_root_put(root, "proc/meminfo", "MemTotal: 8000000 kB\nMemFree: 100 kB\n");
    made_root_put(root, "etc/hostname", "captains-orin\n");
    made_root_put(root, "etc/machine-id", "5d41402abc4b2a76b9719d911017c592\n");
    made_root_put(root, "etc/passwd",
                  "root:x:0:0::/root:/bin/sh\nannabel:x:1000:1000:Anna B:/home/a:\n");
    made_root_put(root, "etc/os-release",
                  "PRETTY_NAME=\"Ubuntu 22.04\"\nHOME_URL=annabel@captains-orin\n");
    made_root_put(root, "etc/dgx-release",
                  "DGX_NAME=\"DGX Spark\"\nDGX_SERIAL_NUMBER=\"1582047\"\n");
    made_root_put(root, "proc/cmdline", "root=/dev/x secretarg=1\n");
    made_root_put(root, "proc/self/cmdline", "./program --token=hunter2");
    made_root_put(root, "proc/self/environ", "AWS_KEY=AKIAPLANTED");
    made_root_put(root, "proc/4242/comm", "acme-robot\n");
    made_root_put(root, "proc/1873/comm", "Xorg\n");
    made_root_put(root, "proc/cpuinfo", "processor : 0\nSerial\t\t: 1423520004321\n");
    made_root_put(root, "proc/swaps", "Filename Type Size\n/home/annabel/swap file 100\n");
    made_root_put(root, "proc/device-tree/serial-number", "1424722006666");
    made_root_put(root, "proc/device-tree/model", "Board 1424722006666 of captains-orin");
    made_root_put(root, "proc/device-tree/chosen/bootargs", "mac=48:b0:2d:11:22:33");
    made_root_put(root, "sys/class/dmi/id/product_serial", "PF3QABCDE1\n");
    made_root_put(root, "sys/class/dmi/id/product_uuid", "4c4c4544-0042-3510-8054-b4c04f363532\n");
    made_root_put(root, "sys/class/dmi/id/product_name", "Constructed PC PF3QABCDE1\n");
    made_root_put(root, "sys/class/net/eth0/address", "48:b0:2d:11:22:33\n");
    made_root_put(root, "sys/class/hwmon/hwmon0/name", "eth 48:b0:2d:11:22:33\n");
    made_root_put(root, "proc/driver/nvidia/gpus/0/information",
                  "Model: GB10\nGPU UUID: GPU-1b2c3d4e-5f60-7182-93a4-b5c6d7e8f901\n");
    made_root_put(
        root, "var/lib/dpkg/status",
        "Package: acme-secret-app\nVersion: 1\n\nPackage: nvidia-l4t-core\nStatus: install ok "
        "installed\nMaintainer: Some One <some.one@example.org>\nVersion: 36.4.0-2024\n\n");
    made_root_put(root, "sys/kernel/debug/nvmap/iovmm/clients",
                  "CLIENT                        PROCESS      PID        SIZE\n"
                  "user                       acme-robot     4242       1024K\n"
                  "user                       acme-ro");
    made_root_put(root, "proc/self/mountinfo",
                  "30 1 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
                  "31 1 0:31 / /home/annabel rw - nfs acme-server:/export rw\n");
    made_root_put(root, "proc/self/cgroup", "0::/user.slice/user-1000.slice/app-annabel.scope\n");
    made_root_put(root, "sys/fs/cgroup/user.slice/user-1000.slice/app-annabel.scope/memory.max",
                  "1073741824\n");
    made_root_put(root, "sys/fs/cgroup/user.slice/memory.max", "max\n");
}

static void planted_secrets_are_nowhere_in_a_copy(void **state)
{
    static const char *const SECRETS[] = {
        "captains-orin", "5d41402abc4b2a76b9719d911017c592",
        "annabel",       "Anna B",
        "1582047",       "secretarg",
        "hunter2",       "AKIAPLANTED",
        "acme-ro",       "1423520004321",
        "1424722006666", "48:b0:2d:11:22:33",
        "PF3QABCDE1",    "4c4c4544-0042-3510",
        "1b2c3d4e-5f60", "acme-secret-app",
        "some.one",      "acme-server",
        "user-1000",
    };
    char root[400], folder[400];
    (void)state;
    plant(made_root(root, sizeof(root)));

    capture(root, made_root(folder, sizeof(folder)));

    for (size_t i = 0; i < sizeof(SECRETS) / sizeof(SECRETS[0]); i++) {
        assert_true(made_root_holds(root, SECRETS[i]));
        if (made_root_holds(folder, SECRETS[i])) {
            fail_msg("the copy holds \"%s\"", SECRETS[i]);
        }
    }
}

static void what_is_no_secret_is_still_in_it(void **state)
{
    char root[400], folder[400];
    (void)state;
    plant(made_root(root, sizeof(root)));

    capture(root, made_root(folder, sizeof(folder)));

    assert_true(made_root_holds(folder, "Constructed PC "));
    assert_true(made_root_holds(folder, "Version: 36.4.0-2024"));
    assert_true(made_root_holds(folder, "DGX_NAME=\"DGX Spark\""));
    assert_true(
        made_root_has(folder, "sys/fs/cgroup/user.slice/user-g2.slice/g3.scope/memory.max"));
    assert_true(made_root_has(folder, "proc/1873/comm"));
    assert_false(made_root_has(folder, "proc/4242"));
    assert_false(made_root_has(folder, "proc/device-tree/serial-number"));
}

static void a_user_called_like_the_vendor_does_not_cost_the_board_its_name(void **state)
{
    char root[400], folder[400];
    static const char COMPATIBLE[] = "nvidia,p3767-0000\0nvidia,tegra234";
    (void)state;
    made_root(root, sizeof(root));
    made_root_put(root, "proc/meminfo", "MemTotal: 16031744 kB\n");
    made_root_put(root, "etc/passwd", "nvidia:x:1000:1000::/home/nvidia:/bin/sh\n");
    made_root_put_bytes(root, "proc/device-tree/compatible", COMPATIBLE, sizeof(COMPATIBLE));

    capture(root, made_root(folder, sizeof(folder)));

    assert_true(made_root_holds(folder, "nvidia,tegra234"));
}

static void more_names_than_can_be_kept_out_are_refused(void **state)
{
    char root[400], folder[400];
    static char users[16000];
    size_t used = 0;
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        used += (size_t)snprintf(users + used, sizeof(users) - used, "person%u:x:%u:1::/h:\n", i,
                                 1000 + i);
    }
    made_root(root, sizeof(root));
    made_root_put(root, "proc/meminfo", "MemTotal: 1000 kB\n");
    made_root_put(root, "etc/os-release", "PRETTY_NAME=\"of person99\"\n");
    made_root_put(root, "etc/passwd", users);

    assert_int_not_equal(tool_sh_in(".", "$memreport --capture %s --root %s",
                                    made_root(folder, sizeof(folder)), root),
                         0);

    assert_says(tool_errors, "more names to keep out of it than the 96");
    assert_false(made_root_holds(folder, "person99"));
}

/* ---- what must not happen ---- */

static void a_link_that_leads_off_the_list_is_not_followed(void **state)
{
    char root[400], folder[400], path[700];
    (void)state;
    made_root(root, sizeof(root));
    made_root_put(root, "proc/meminfo", "MemTotal: 1000 kB\n");
    made_root_put(root, "etc/shadow", "root:planted-hash:\n");
    made_root_put(root, "etc/nvpmodel/a.conf", "< PM_CONFIG DEFAULT=0 >\n");
    snprintf(path, sizeof(path), "%s/etc/nv_tegra_release", root);
    assert_int_equal(symlink("shadow", path), 0);
    snprintf(path, sizeof(path), "%s/etc/os-release", root);
    assert_int_equal(symlink("/etc/os-release", path), 0);
    snprintf(path, sizeof(path), "%s/etc/nvpmodel.conf", root);
    assert_int_equal(symlink("nvpmodel/a.conf", path), 0);

    capture(root, made_root(folder, sizeof(folder)));

    assert_false(made_root_holds(folder, "planted-hash"));
    assert_false(made_root_has(folder, "etc/os-release"));
    assert_true(made_root_has(folder, "etc/nvpmodel.conf"));
    assert_says(manifest, "link\t0\tetc/nv_tegra_release\tleads off the list");
}

static void only_regular_files_are_opened(void **state)
{
    char root[400], folder[400], path[700];
    (void)state;
    made_root(root, sizeof(root));
    made_root_put(root, "proc/meminfo", "MemTotal: 1000 kB\n");
    made_root_put(root, "etc/x", "");
    snprintf(path, sizeof(path), "%s/etc/nv_tegra_release", root);
    assert_int_equal(mkfifo(path, 0600), 0); /* to open it would wait for a writer */

    capture(root, made_root(folder, sizeof(folder)));

    assert_false(made_root_has(folder, "etc/nv_tegra_release"));
}

static void a_file_without_end_is_cut_and_said_to_be(void **state)
{
    char root[400], folder[400], path[700];
    static char much[300 << 10];
    struct stat st;
    (void)state;
    memset(much, 'x', sizeof(much) - 1);
    made_root(root, sizeof(root));
    made_root_put(root, "proc/meminfo", "MemTotal: 1000 kB\n");
    made_root_put(root, "proc/zoneinfo", much);

    capture(root, made_root(folder, sizeof(folder)));

    snprintf(path, sizeof(path), "%s/proc/zoneinfo", folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 256 << 10);
    assert_says(manifest, "cut\t262144\tproc/zoneinfo");
}

static void what_could_not_be_read_cannot_be_read_in_the_copy(void **state)
{
    char folder[400];
    (void)state;

    capture(BOARDS "/orin-nx-live", made_root(folder, sizeof(folder)));

    assert_true(made_root_has(folder, "proc/pressure/memory/again"));
    assert_says(manifest, "again\t0\tproc/pressure/memory");
}

static void a_folder_in_use_is_refused_and_left_alone(void **state)
{
    char folder[400], path[700];
    (void)state;
    made_root_put(made_root(folder, sizeof(folder)), "mine", "keep\n");

    assert_int_equal(tool_sh_in(".", "$memreport --capture %s", folder), 2);

    assert_says(tool_errors, "is not empty");
    snprintf(path, sizeof(path), "%s/proc", folder);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(tool_sh_in(".", "$memreport --capture %s/mine", folder), 2);
}

static void wrong_words_are_refused(void **state)
{
    char folder[400];
    (void)state;
    made_root(folder, sizeof(folder));

    assert_int_equal(tool_sh_in(".", "$memreport --capture"), 2);
    assert_int_equal(tool_sh_in(".", "$memreport --capture %s --root %s/none", folder, folder), 2);
    assert_says(tool_errors, "No such file");
    assert_int_equal(tool_sh_in(".", "$memreport --capture %s --json", folder), 2);
    assert_int_equal(tool_sh_in(".", "$memreport --capture %s extra", folder), 2);
    assert_int_equal(tool_sh_in(".", "$memreport --capture /dev/full/x"), 2);
    assert_int_equal(access(folder, F_OK), -1);
}

static void a_root_that_is_no_machine_is_nothing_to_look_at(void **state)
{
    char root[400], folder[400];
    (void)state;
    made_root_put(made_root(root, sizeof(root)), "etc/x", "");

    assert_int_equal(tool_sh_in(".", "$memreport --capture %s --root %s",
                                made_root(folder, sizeof(folder)), root),
                     4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_of_every_board_gives_the_facts_of_the_board),
        cmocka_unit_test(a_copy_of_a_copy_is_that_copy),
        cmocka_unit_test(the_same_machine_gives_the_same_bytes),
        cmocka_unit_test(this_machine_can_be_copied),
        cmocka_unit_test(planted_secrets_are_nowhere_in_a_copy),
        cmocka_unit_test(what_is_no_secret_is_still_in_it),
        cmocka_unit_test(more_names_than_can_be_kept_out_are_refused),
        cmocka_unit_test(a_user_called_like_the_vendor_does_not_cost_the_board_its_name),
        cmocka_unit_test(a_link_that_leads_off_the_list_is_not_followed),
        cmocka_unit_test(only_regular_files_are_opened),
        cmocka_unit_test(a_file_without_end_is_cut_and_said_to_be),
        cmocka_unit_test(what_could_not_be_read_cannot_be_read_in_the_copy),
        cmocka_unit_test(a_folder_in_use_is_refused_and_left_alone),
        cmocka_unit_test(wrong_words_are_refused),
        cmocka_unit_test(a_root_that_is_no_machine_is_nothing_to_look_at),
    };
    return cmocka_run_group_tests(tests, tool_set_up, NULL);
}
