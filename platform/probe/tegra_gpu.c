/* SPDX-License-Identifier: Apache-2.0 */
/* tegra_gpu.c - the integrated GPU's clocks, and how many multiprocessors are left of it.
 *
 * The device is found by the name of its node in the device tree, else by the name of the devfreq
 * folder, because every generation calls it differently. Of what lies in its folder, "load" is
 * never read: that powers the GPU on. The mask of gated TPCs is a stored number (nvgpu's sysfs.c
 * prints it in decimal) and wakes nothing.
 */
#include <stdio.h>
#include <string.h>

#include "platform/probe/probe.h"

#define DEVFREQ       "sys/class/devfreq"
#define HIGHEST_CLOCK UINT64_C(100000000000) /* above: "no limit" as some drivers print it */

static bool is_gpu_name(const char *name)
{
    static const char *const NAMES[] = {"gpu", "gm20b", "gp10b", "gv11b", "ga10b", "gpu-gpc-0"};
    const char *dot = strrchr(name, '.'); /* 17000000.ga10b */
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(dot ? dot + 1 : name, NAMES[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_gpu(plim_probe *p, const char *folder)
{
    char path[160], name[32];
    if (is_gpu_name(folder)) {
        return true;
    }
    snprintf(path, sizeof(path), DEVFREQ "/%.64s/device/of_node/name", folder);
    return plim_probe_line(p, path, name, sizeof(name)) && is_gpu_name(name);
}

/* The highest of "306000000 408000000 ... ". */
static uint64_t highest(const char *text)
{
    uint64_t most = 0, n;
    for (; *text; text += strcspn(text, " \t\r\n"), text += strspn(text, " \t\r\n")) {
        most = plim_parse_u64(text, &n) && n > most && n < HIGHEST_CLOCK ? n : most;
    }
    return most;
}

static void read_clocks(plim_probe *p, const char *folder)
{
    char path[160], text[1024];
    uint64_t n;
    snprintf(path, sizeof(path), DEVFREQ "/%.64s/available_frequencies", folder);
    if (plim_probe_line(p, path, text, sizeof(text)) && strlen(text) < sizeof(text) - 1 &&
        (n = highest(text)) != 0) {
        plim_probe_count(p, PLIM_FACT_GPU_MAX_HZ, n);
    }
    snprintf(path, sizeof(path), DEVFREQ "/%.64s/max_freq", folder);
    if (plim_probe_number(p, path, &n) && n && n < HIGHEST_CLOCK) {
        plim_probe_count(p, PLIM_FACT_GPU_CAP_HZ, n);
    }
    snprintf(path, sizeof(path), DEVFREQ "/%.64s/governor", folder);
    if (plim_probe_line(p, path, text, sizeof(text))) {
        plim_probe_text(p, PLIM_FACT_GPU_GOVERNOR, text);
    }
}

static bool read_mask(plim_probe *p, const char *path)
{
    uint64_t mask;
    bool is_mask = plim_probe_number(p, path, &mask) && mask <= UINT32_MAX;
    if (is_mask) {
        plim_probe_count(p, PLIM_FACT_GPU_TPC_MASK, mask);
    }
    return is_mask;
}

/* The limit that the power mode sets; 0 and huge numbers mean none. */
static void read_memory_cap(plim_probe *p)
{
    static const char *const PATHS[] = {
        "sys/kernel/nvpmodel_clk_cap/emc",        /* JetPack 6 on */
        "sys/kernel/nvpmodel_emc_cap/emc_iso_cap" /* before */
    };
    for (size_t i = 0; i < sizeof(PATHS) / sizeof(PATHS[0]); i++) {
        uint64_t n;
        if (plim_probe_number(p, PATHS[i], &n) && n && n < HIGHEST_CLOCK) {
            plim_probe_count(p, PLIM_FACT_MEMORY_EMC_CAP_HZ, n);
        }
    }
}

void plim_probe_tegra_gpu(plim_probe *p)
{
    plim_folder folder;
    bool has_mask = false;
    if (plim_probe_folder(p, DEVFREQ, &folder)) {
        for (const char *name; (name = plim_folder_next(&folder));) {
            char path[160];
            if (is_gpu(p, name)) {
                read_clocks(p, name);
                snprintf(path, sizeof(path), DEVFREQ "/%.64s/device/tpc_pg_mask", name);
                has_mask = has_mask || read_mask(p, path);
            }
        }
        plim_folder_close(&folder);
    }
    if (!has_mask && !read_mask(p, "sys/devices/platform/gpu.0/tpc_pg_mask")) {
        (void)read_mask(p, "sys/devices/gpu.0/tpc_pg_mask");
    }
    read_memory_cap(p);
}

/* TPCs of the chip, two multiprocessors each. Chips that are not here never gate them, or it is
 * not known how they number them (Thor). */
static unsigned chip_tpcs(const char *soc)
{
    return strcmp(soc, "tegra234") == 0 ? 8 : strcmp(soc, "tegra194") == 0 ? 4 : 0;
}

void plim_probe_multiprocessors(plim_probe *p)
{
    const plim_fact *mask = plim_facts_get(p->facts, PLIM_FACT_GPU_TPC_MASK);
    const plim_fact *all = plim_facts_get(p->facts, PLIM_FACT_GPU_MULTIPROCESSORS);
    const unsigned tpcs = chip_tpcs(plim_facts_text(p->facts, PLIM_FACT_BOARD_SOC));
    uint64_t left = 0;
    if (!mask || !tpcs) {
        return;
    }
    for (unsigned i = 0; i < tpcs; i++) {
        left += mask->number >> i & 1 ? 0 : 2;
    }
    if (all && left > all->number) {
        left = all->number; /* fused off, whether or not the mask says so */
    }
    if (left) {
        (void)plim_facts_set_number(p->facts, PLIM_FACT_GPU_MULTIPROCESSORS_NOW, left,
                                    mask->confidence, mask->source);
    }
}
