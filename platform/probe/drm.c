/* SPDX-License-Identifier: Apache-2.0 */
/* drm.c - GPUs behind DRM's render nodes, and other accelerators.
 *
 * Decides by the driver's name in the node's uevent file, which also a captured folder can hold
 * (the driver link could not). Drivers that draw for a virtual machine are no GPU. amdgpu says how
 * much memory is a carve-out of the firmware (VRAM) and how much of the machine's it may map (GTT).
 * Source: nvtop's readers (names of drivers and files).
 */
#include <stdio.h>
#include <string.h>

#include "platform/probe/probe.h"

#define DRM "sys/class/drm"

/* @key's value in a uevent file, "DRIVER=amdgpu". */
static bool uevent(plim_probe *p, const char *path, const char *key, char *out, size_t room)
{
    plim_lines lines;
    const size_t n = strlen(key);
    bool found = false;
    if (!plim_probe_lines(p, path, &lines)) {
        return false;
    }
    for (char *line; !found && (line = plim_lines_next(&lines));) {
        if (strncmp(line, key, n) == 0 && line[n] == '=') {
            snprintf(out, room, "%s", plim_text_trim(line + n + 1));
            found = out[0] != 0;
        }
    }
    plim_lines_close(&lines);
    return found;
}

/* Drivers that draw for a virtual machine, and of chips that show pictures only. */
static bool is_no_gpu(const char *driver)
{
    static const char *const NAMES[] = {
        "virtio_gpu", "virtio-pci", "vgem",   "vkms", "vmwgfx",       "qxl",
        "bochs-drm",  "hyperv_drm", "cirrus", "ast",  "mgag200",      "simple-framebuffer",
        "udl",        "efifb",      "tegra",  "drm",  "rockchip-drm", "display-subsystem"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(driver, NAMES[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* What the drivers of integrated GPUs call themselves on their bus, and as a stack. */
static const char *stack_of(const char *driver, bool *is_shared)
{
    static const char *const SHARED[][2] = {
        {"panthor", "panthor"}, {"panfrost", "panfrost"}, {"lima", "lima"},          {"msm", "msm"},
        {"adreno", "msm"},      {"msm_dpu", "msm"},       {"msm-mdss", "msm"},       {"v3d", "v3d"},
        {"etnaviv", "etnaviv"}, {"powervr", "powervr"},   {"etnaviv-gpu", "etnaviv"}};
    *is_shared = false;
    for (size_t i = 0; i < sizeof(SHARED) / sizeof(SHARED[0]); i++) {
        if (strcmp(driver, SHARED[i][0]) == 0) {
            *is_shared = true;
            return SHARED[i][1];
        }
    }
    return driver;
}

static void read_amdgpu(plim_probe *p, const char *node)
{
    char path[128], text[PLIM_FACT_TEXT_BYTES];
    uint64_t bytes;
    snprintf(path, sizeof(path), DRM "/%.32s/device/mem_info_vram_total", node);
    if (plim_probe_number(p, path, &bytes) && bytes <= INT64_MAX) {
        plim_probe_count(p, PLIM_FACT_GPU_MEMORY_BYTES, bytes);
    }
    snprintf(path, sizeof(path), DRM "/%.32s/device/mem_info_gtt_total", node);
    if (plim_probe_number(p, path, &bytes) && bytes <= INT64_MAX) {
        plim_probe_count(p, PLIM_FACT_GPU_SHARED_LIMIT, bytes);
    }
    snprintf(path, sizeof(path), DRM "/%.32s/device/product_name", node);
    if (plim_probe_line(p, path, text, sizeof(text))) {
        plim_probe_text(p, PLIM_FACT_GPU_NAME, text);
    }
}

static void read_node(plim_probe *p, const char *node, const char *driver)
{
    char path[128], id[32], text[PLIM_FACT_TEXT_BYTES];
    bool is_shared;
    const char *stack = stack_of(driver, &is_shared);
    snprintf(path, sizeof(path), DRM "/%.32s/device/uevent", node);
    (void)plim_probe_has(p, path); /* the source of what follows, not the node looked at last */
    plim_probe_text(p, PLIM_FACT_GPU_STACK, stack);
    if (is_shared) {
        (void)plim_facts_set_number(p->facts, PLIM_FACT_GPU_SHARES_MEMORY, 1, PLIM_CONFIDENCE_TABLE,
                                    "its driver serves integrated GPUs");
    }
    if (strcmp(stack, "amdgpu") == 0) {
        read_amdgpu(p, node);
    }
    snprintf(path, sizeof(path), DRM "/%.32s/device/uevent", node);
    if (uevent(p, path, "PCI_ID", id, sizeof(id))) { /* no marketing name in sys */
        snprintf(text, sizeof(text), "%.40s %.31s", driver, id);
        plim_probe_text(p, PLIM_FACT_GPU_NAME, text);
    } else if (uevent(p, path, "OF_COMPATIBLE_0", text, sizeof(text))) {
        plim_probe_text(p, PLIM_FACT_GPU_NAME, text);
    }
}

/* The node with the lowest number whose driver is a GPU's. Cards stand in where there are no
 * render nodes (a captured folder); of them connectors ("card0-HDMI-A-1") are none. */
static void read_nodes(plim_probe *p, const char *kind)
{
    plim_folder folder;
    char first[33] = "", driver[64] = "";
    if (!plim_probe_folder(p, DRM, &folder)) {
        return;
    }
    for (const char *name; (name = plim_folder_next(&folder));) {
        char path[128], found[64];
        if (strncmp(name, kind, strlen(kind)) != 0 || strlen(name) > 32 || strchr(name, '-')) {
            continue;
        }
        snprintf(path, sizeof(path), DRM "/%.32s/device/uevent", name);
        if (uevent(p, path, "DRIVER", found, sizeof(found)) && !is_no_gpu(found) &&
            (!first[0] || strcmp(name, first) < 0)) {
            memcpy(first, name, strlen(name) + 1);
            memcpy(driver, found, sizeof(driver));
        }
    }
    plim_folder_close(&folder);
    if (first[0]) {
        read_node(p, first, driver);
    }
}

/* NPUs with a driver of the kernel's own class, and Rockchip's, which has a devfreq node only. */
static void read_accelerators(plim_probe *p)
{
    plim_folder folder;
    char driver[64];
    if (plim_probe_folder(p, "sys/class/accel", &folder)) {
        for (const char *name; (name = plim_folder_next(&folder));) {
            char path[128];
            snprintf(path, sizeof(path), "sys/class/accel/%.32s/device/uevent", name);
            if (uevent(p, path, "DRIVER", driver, sizeof(driver))) {
                plim_probe_text(p, PLIM_FACT_NPU_NAME, driver);
            }
        }
        plim_folder_close(&folder);
    }
    if (plim_probe_folder(p, "sys/class/devfreq", &folder)) {
        for (const char *name; (name = plim_folder_next(&folder));) {
            const char *dot = strrchr(name, '.');
            if (dot && strcmp(dot, ".npu") == 0) {
                plim_probe_text(p, PLIM_FACT_NPU_NAME, "rknpu");
            }
        }
        plim_folder_close(&folder);
    }
}

void plim_probe_drm(plim_probe *p)
{
    static const char *const KINDS[] = {"renderD", "card"};
    for (size_t i = 0; i < 2; i++) {
        if (!plim_facts_text(p->facts, PLIM_FACT_GPU_STACK)[0]) {
            read_nodes(p, KINDS[i]);
        }
    }
    read_accelerators(p);
}
