/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_board.c - files of a board, from a machine that nobody has seen: each source reads its file
 * out of a folder and may note less, but nothing that a fact cannot be. The first byte picks the
 * file, the rest is its content. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/probe/probe.h"
#include "plimsoll/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two modules and a chip: the whole tables would only be slower. */
static const char TABLE[] = "board: p3767-0000\nname: module\nfamily: orin-nx\nsoc: tegra234\n"
                            "multiprocessors: 8\ncpus: 8\nmemory: 16 GiB\nguess_from: 14 GiB\n"
                            "dmi: Orin NX\nsource: here\nconfidence: verified\n\n"
                            "board: p3767-0001\nname: other\nfamily: orin-nx\nsoc: tegra234\n"
                            "multiprocessors: 8\ncpus: 6\nmemory: 8 GiB\nguess_from: 7 GiB\n"
                            "source: here\nconfidence: verified\n\n"
                            "soc: tegra234\nname: Orin\ncompatible: nvidia,tegra234 | qcom,\n"
                            "sm: 8.7\nshares_memory: yes\nsource: here\nconfidence: verified\n";

static const struct {
    const char *path;
    void (*source)(plim_probe *);
} FILES[] = {
    {"etc/nv_boot_control.conf", plim_probe_module},
    {"sys/bus/i2c/devices/0-0050/eeprom", plim_probe_module},
    {"proc/device-tree/compatible", plim_probe_devtree},
    {"proc/device-tree/nvidia,dtsfilename", plim_probe_module},
    {"proc/device-tree/nvidia,boardids", plim_probe_module},
    {"proc/device-tree/model", plim_probe_devtree},
    {"sys/class/dmi/id/product_name", plim_probe_module},
    {"etc/nv_tegra_release", plim_probe_release},
    {"proc/self/environ", plim_probe_jetpack},
    {"var/lib/dpkg/status", plim_probe_packages},
    {"etc/nvpmodel.conf", plim_probe_nvpmodel},
    {"var/lib/nvpmodel/status", plim_probe_nvpmodel},
    {"sys/class/devfreq/17000000.gpu/available_frequencies", plim_probe_tegra_gpu},
    {"sys/class/devfreq/17000000.gpu/device/tpc_pg_mask", plim_probe_tegra_gpu},
    {"sys/devices/system/cpu/possible", plim_probe_kernel},
    {"proc/meminfo", plim_probe_memory},
    {"proc/swaps", plim_probe_memory},
    {"sys/kernel/mm/transparent_hugepage/enabled", plim_probe_memory},
    {"sys/kernel/debug/nvmap/iovmm/free_size", plim_probe_memory},
};
#define FILE_COUNT (sizeof(FILES) / sizeof(FILES[0]))

static char root[64];
static int files[FILE_COUNT];
static plim_policy policy;
static plim_facts facts;

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void leave(void)
{
    char command[96];
    snprintf(command, sizeof(command), "rm -r '%s'", root);
    must(system(command) == 0);
}

/* One folder for each file, so that a source sees that file alone. */
static void path_of(size_t i, char *out, size_t room)
{
    snprintf(out, room, "%s/%zu/%s", root, i, FILES[i].path);
}

static void start(void)
{
    const bool is_fast = access("/dev/shm", W_OK) == 0;
    snprintf(root, sizeof(root), "%s/fuzz_boardXXXXXX", is_fast ? "/dev/shm" : "/tmp");
    must(mkdtemp(root) != NULL);
    atexit(leave);
    for (size_t i = 0; i < FILE_COUNT; i++) {
        char path[256];
        path_of(i, path, sizeof(path));
        for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
            *slash = 0;
            must(mkdir(path, 0700) == 0 || access(path, X_OK) == 0);
            *slash = '/';
        }
        files[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        must(files[i] >= 0);
    }
    must(plim_policy_add(&policy, "fuzz", TABLE, sizeof(TABLE) - 1, NULL) == PLIM_OK);
}

static void check(void)
{
    for (unsigned i = 0; i < PLIM_FACT_COUNT; i++) {
        const plim_fact *f = &facts.list[i];
        char text[160];
        must(f->confidence <= PLIM_CONFIDENCE_GIVEN);
        must(memchr(f->text, 0, sizeof(f->text)) && memchr(f->source, 0, sizeof(f->source)));
        for (const char *c = f->text; *c; c++) {
            must(*c >= ' ' && *c <= '~');
        }
        must(!f->confidence || f->source[0]);
        must(plim_fact_format((plim_fact_id)i, f, text, sizeof(text)) < sizeof(text));
        must(plim_fact_unit((plim_fact_id)i) != PLIM_UNIT_BYTES || f->number <= INT64_MAX);
    }
    must(plim_facts_number(&facts, PLIM_FACT_GPU_MULTIPROCESSORS_NOW, 2) <= 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (!root[0]) {
        start();
    }
    const size_t i = data[0] % FILE_COUNT;
    char own[96];
    snprintf(own, sizeof(own), "%s/%zu", root, i);
    must(ftruncate(files[i], 0) == 0);
    must(pwrite(files[i], data + 1, size - 1, 0) == (ssize_t)(size - 1));

    memset(&facts, 0, sizeof(facts));
    /* what another file would have said, so that these bytes are held against something */
    (void)plim_facts_set_text(&facts, PLIM_FACT_BOARD_SOC, "tegra234", PLIM_CONFIDENCE_READ, "x");
    (void)plim_facts_set_number(&facts, PLIM_FACT_MEMORY_TOTAL, UINT64_C(15656) << 20,
                                PLIM_CONFIDENCE_READ, "x");
    plim_probe p = {.root = own, .policy = &policy, .facts = &facts};
    FILES[i].source(&p);
    plim_probe_multiprocessors(&p);
    plim_probe_name(&p);
    check();
    return 0;
}
