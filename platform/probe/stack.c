/* SPDX-License-Identifier: Apache-2.0 */
/* stack.c - which driver serves the GPU: it decides how memory can be asked for at all.
 *
 * In this order: nvgpu, nvidia's own module, whatever driver owns a render node of DRM, kgsl. On a
 * Tegra nvidia's module is loaded for the display as well, and NVML can be there before nvgpu's
 * node is; so there the GPU's own devfreq node decides, and without one nothing is said here: the
 * table of chips knows what this one has. "none" is a finding too: it is noted only where drivers
 * would show themselves and none does, never where a container hides them. No library is opened
 * and no device node touched.
 * Source: jetson_stats (which nodes belong to which stack), NVIDIA's open kernel module (formats).
 */
#include <stdio.h>
#include <string.h>

#include "platform/probe/probe.h"
#include "platform/probe/version_text.h"

#define NVIDIA "proc/driver/nvidia"

/* ---- Tegra ---- */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* The devfreq node of the GPU says which of the two drives it. */
static const char *devfreq_stack(plim_probe *p)
{
    static const char *const NVGPU[] = {".ga10b",       ".gv11b",         ".gp10b",      ".gm20b",
                                        "17000000.gpu", "17000000.gv11b", "57000000.gpu"};
    plim_folder folder;
    const char *found = NULL;
    if (!plim_probe_folder(p, "sys/class/devfreq", &folder)) {
        return NULL;
    }
    for (const char *name; !found && (name = plim_folder_next(&folder));) {
        for (size_t i = 0; i < sizeof(NVGPU) / sizeof(NVGPU[0]); i++) {
            found = ends_with(name, NVGPU[i]) ? "nvgpu" : found;
        }
        found = strcmp(name, "gpu-gpc-0") == 0 ? "nvidia" : found;
    }
    plim_folder_close(&folder);
    return found;
}

/* A container hides the device tree (/sys/firmware is masked), the devfreq nodes it does not. */
static bool is_tegra(plim_probe *p)
{
    char list[1024];
    size_t bytes = 0;
    if (strncmp(plim_facts_text(p->facts, PLIM_FACT_BOARD_SOC), "tegra", 5) == 0 ||
        strstr(plim_facts_text(p->facts, PLIM_FACT_OS_KERNEL), "tegra") || devfreq_stack(p)) {
        return true;
    }
    if (!plim_probe_read(p, "proc/device-tree/compatible", list, sizeof(list), &bytes)) {
        return false;
    }
    for (size_t at = 0; at < bytes; at += strlen(list + at) + 1) {
        if (strncmp(list + at, "nvidia,tegra", 12) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- nvidia's module ---- */

/* "Model: 		 NVIDIA H200": the GPU with the lowest bus number gives the name. */
static void read_gpu_name(plim_probe *p)
{
    char lowest[64] = "", path[128], name[PLIM_FACT_TEXT_BYTES] = "";
    plim_folder folder;
    plim_lines lines;
    uint64_t count = 0;
    if (!plim_probe_folder(p, NVIDIA "/gpus", &folder)) {
        return;
    }
    for (const char *bus; (bus = plim_folder_next(&folder)); count++) {
        if (strlen(bus) < sizeof(lowest) && (!lowest[0] || strcmp(bus, lowest) < 0)) {
            memcpy(lowest, bus, strlen(bus) + 1);
        }
    }
    plim_folder_close(&folder);
    if (!count) {
        return;
    }
    plim_probe_count(p, PLIM_FACT_GPU_COUNT, count);
    snprintf(path, sizeof(path), NVIDIA "/gpus/%s/information", lowest);
    if (!plim_probe_lines(p, path, &lines)) {
        return;
    }
    for (char *line; !name[0] && (line = plim_lines_next(&lines));) {
        if (strncmp(line, "Model:", 6) == 0) {
            snprintf(name, sizeof(name), "%.79s", plim_text_trim(line + 6));
        }
    }
    plim_lines_close(&lines);
    (void)plim_facts_set_text(p->facts, PLIM_FACT_GPU_NAME, name, PLIM_CONFIDENCE_READ,
                              "/" NVIDIA "/gpus");
}

static bool read_nvidia_version(plim_probe *p, const char *path)
{
    char line[256], version[32];
    if (!plim_probe_line(p, path, line, sizeof(line)) ||
        !plim_driver_version(line, version, sizeof(version))) {
        return false;
    }
    plim_probe_text(p, PLIM_FACT_GPU_DRIVER, version);
    return true;
}

static bool read_nvidia(plim_probe *p)
{
    if (!read_nvidia_version(p, NVIDIA "/version") &&
        !read_nvidia_version(p, "sys/module/nvidia/version")) {
        return false;
    }
    plim_probe_text(p, PLIM_FACT_GPU_STACK, "nvidia");
    read_gpu_name(p);
    if (strcmp(plim_facts_text(p->facts, PLIM_FACT_CPU_ARCH), "x86_64") == 0) {
        (void)plim_facts_set_number(p->facts, PLIM_FACT_GPU_SHARES_MEMORY, 0, PLIM_CONFIDENCE_TABLE,
                                    "nvidia on x86_64 is a card");
    }
    return true;
}

static void read_tegra(plim_probe *p)
{
    const bool has_nvmap =
        plim_probe_has(p, "dev/nvmap") || plim_probe_has(p, "sys/kernel/debug/nvmap");
    const bool has_nvidia = plim_probe_has(p, NVIDIA "/version");
    const char *stack = devfreq_stack(p);
    if (stack && (strcmp(stack, "nvgpu") == 0 ? has_nvmap : has_nvidia)) {
        plim_probe_text(p, PLIM_FACT_GPU_STACK, stack);
        if (strcmp(stack, "nvidia") == 0) {
            (void)read_nvidia(p);
        } else {
            (void)plim_facts_set_number(p->facts, PLIM_FACT_GPU_SHARES_MEMORY, 1,
                                        PLIM_CONFIDENCE_TABLE, "nvgpu serves integrated GPUs");
        }
    }
}

/* After devtree (which chip) and before drm, which takes what is left. */
void plim_probe_stack(plim_probe *p)
{
    if (is_tegra(p)) {
        read_tegra(p);
        return;
    }
    if (!read_nvidia(p) && plim_probe_has(p, "sys/class/kgsl/kgsl-3d0")) {
        char name[64];
        plim_probe_text(p, PLIM_FACT_GPU_STACK, "kgsl");
        if (plim_probe_line(p, "sys/class/kgsl/kgsl-3d0/gpu_model", name, sizeof(name))) {
            plim_probe_text(p, PLIM_FACT_GPU_NAME, name);
        }
    }
}

/* ---- none ---- */

/* Drivers that make no node of DRM; in a container their device may be all that is seen of them. */
static bool has_device(plim_probe *p)
{
    static const char *const PLACES[] = {"dev/nvidiactl",
                                         "dev/nvidia0",
                                         "dev/nvmap",
                                         "dev/dxg",
                                         "dev/kgsl-3d0",
                                         "dev/mali0",
                                         "sys/class/misc/mali0",
                                         "sys/class/kfd",
                                         "sys/module/nvidia",
                                         "sys/module/nvgpu"};
    for (size_t i = 0; i < sizeof(PLACES) / sizeof(PLACES[0]); i++) {
        if (plim_probe_has(p, PLACES[i])) {
            return true;
        }
    }
    return false;
}

/* A render node whose driver cannot be read: a GPU of nobody knows what kind. */
static bool has_silent_node(plim_probe *p)
{
    plim_folder folder;
    bool is_silent = false;
    if (!plim_probe_folder(p, "sys/class/drm", &folder)) {
        return false;
    }
    for (const char *name; !is_silent && (name = plim_folder_next(&folder));) {
        char path[128];
        plim_lines lines;
        snprintf(path, sizeof(path), "sys/class/drm/%.32s/device/uevent", name);
        if (strncmp(name, "renderD", 7) != 0) {
            continue;
        }
        is_silent = true;
        if (plim_probe_lines(p, path, &lines)) {
            for (char *line; is_silent && (line = plim_lines_next(&lines));) {
                is_silent = strncmp(line, "DRIVER=", 7) != 0 || !plim_text_trim(line + 7)[0];
            }
            plim_lines_close(&lines);
        }
    }
    plim_folder_close(&folder);
    return is_silent;
}

/* After stack and drm. On this machine all classes of sys are there; a captured folder holds only
 * what was taken along, so that it must have DRM's own. */
void plim_probe_no_gpu(plim_probe *p)
{
    plim_folder folder;
    if (plim_facts_get(p->facts, PLIM_FACT_GPU_STACK) || is_tegra(p) || has_device(p) ||
        has_silent_node(p) ||
        !plim_probe_folder(p, p->root[0] ? "sys/class/drm" : "sys/class", &folder)) {
        return;
    }
    plim_folder_close(&folder);
    plim_probe_text(p, PLIM_FACT_GPU_STACK, "none");
    (void)plim_facts_set_number(p->facts, PLIM_FACT_GPU_SHARES_MEMORY, 0, PLIM_CONFIDENCE_TABLE,
                                "no driver serves a GPU");
}
