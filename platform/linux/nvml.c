/* SPDX-License-Identifier: Apache-2.0 */
/* nvml.c - memory of NVIDIA's desktop driver, through libnvidia-ml.
 *
 * Decides whether a GPU has memory of its own: one that shares the machine's answers "not
 * supported" when asked how much memory it has. A process that both computes and draws is in two
 * lists with the same figure, so lists are merged by the larger, not added.
 * Layouts: nvml.h of CUDA 12, functions _v2 and _v3 of the process lists.
 */
#include "platform/linux/nvml.h"

#include <string.h>

#include "arena/bytes.h"
#include "platform/shared_object.h"

#define PROCESSES_MAX 256u
#define DEVICES_MAX   16u

typedef struct nvml_process {
    unsigned pid;
    unsigned long long used_bytes; /* all ones: not available */
    unsigned gpu_instance, compute_instance;
} nvml_process;
/* The second version: in the first, what the driver reserves counts as used. */
typedef struct nvml_memory {
    unsigned version;
    unsigned long long total, reserved, free, used;
} nvml_memory;
#define MEMORY_VERSION ((unsigned)sizeof(nvml_memory) | 2u << 24)

typedef struct nvml_library {
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *out);
    int (*device)(unsigned index, void **out);
    int (*memory)(void *device, nvml_memory *out);
    int (*lists[2])(void *device, unsigned *count, nvml_process *out);
} nvml_library;

static bool load(nvml_library *out)
{
    void *object = NULL;
    if (plim_shared_object_open("libnvidia-ml.so.1", true, &object, NULL) != PLIM_OK) {
        return false;
    }
    plim_shared_function list[2];
    static const char *const NAMES[2][2] = {
        {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"},
        {"nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v2"}};
    for (size_t i = 0; i < 2; i++) {
        list[i] = plim_shared_object_function(object, NAMES[i][0]);
        list[i] = list[i] ? list[i] : plim_shared_object_function(object, NAMES[i][1]);
        out->lists[i] = (int (*)(void *, unsigned *, nvml_process *))list[i];
    }
    out->init = (int (*)(void))plim_shared_object_function(object, "nvmlInit_v2");
    out->shutdown = (int (*)(void))plim_shared_object_function(object, "nvmlShutdown");
    out->count = (int (*)(unsigned *))plim_shared_object_function(object, "nvmlDeviceGetCount_v2");
    out->device = (int (*)(unsigned, void **))plim_shared_object_function(
        object, "nvmlDeviceGetHandleByIndex_v2");
    out->memory = (int (*)(void *, nvml_memory *))plim_shared_object_function(
        object, "nvmlDeviceGetMemoryInfo_v2");
    return out->init && out->shutdown && out->count && out->device && out->memory &&
           out->lists[0] && out->lists[1];
}

static void merge(nvml_process *all, unsigned *count, const nvml_process *one)
{
    if (one->used_bytes > INT64_MAX) {
        return;
    }
    for (unsigned i = 0; i < *count; i++) {
        if (all[i].pid == one->pid) {
            all[i].used_bytes =
                one->used_bytes > all[i].used_bytes ? one->used_bytes : all[i].used_bytes;
            return;
        }
    }
    if (*count < PROCESSES_MAX) {
        all[(*count)++] = *one;
    }
}

static void add(uint64_t *sum, uint64_t bytes)
{
    uint64_t next;
    *sum = bytes_add(*sum, bytes, &next) && next <= INT64_MAX ? next : *sum;
}

static void read_device(const nvml_library *nvml, void *device, uint32_t pid, plim_nvml *out)
{
    nvml_process listed[PROCESSES_MAX], all[PROCESSES_MAX];
    nvml_memory memory = {.version = MEMORY_VERSION};
    unsigned all_count = 0;
    const bool has_own = nvml->memory(device, &memory) == 0 && memory.total;
    if (has_own) {
        add(&out->own_total_bytes, memory.total);
        add(&out->own_used_bytes, memory.used);
    }
    for (size_t i = 0; i < 2; i++) {
        unsigned count = PROCESSES_MAX;
        memset(listed, 0, sizeof(listed));
        if (nvml->lists[i](device, &count, listed) != 0 || count > PROCESSES_MAX) {
            continue; /* not supported, or more processes than we have room for */
        }
        for (unsigned k = 0; k < count; k++) {
            merge(all, &all_count, &listed[k]);
        }
    }
    for (unsigned k = 0; k < all_count; k++) {
        const bool is_ours = pid && all[k].pid == pid;
        if (has_own && is_ours) {
            add(&out->own_process_bytes, all[k].used_bytes);
        } else if (!has_own) {
            add(is_ours ? &out->process_bytes : &out->others_bytes, all[k].used_bytes);
        }
    }
    out->process_count += all_count;
}

plim_status plim_nvml_read(uint32_t pid, plim_nvml *out, plim_error *err)
{
    nvml_library nvml;
    unsigned count = 0;
    memset(out, 0, sizeof(*out));
    if (!load(&nvml) || nvml.init() != 0) {
        return PLIM_FAIL(err, PLIM_E_NOT_FOUND, .what = "NVML: no library or no driver");
    }
    if (nvml.count(&count) == 0) {
        for (unsigned i = 0; i < count && i < DEVICES_MAX; i++) {
            void *device = NULL;
            if (nvml.device(i, &device) == 0) {
                read_device(&nvml, device, pid, out);
                out->device_count++;
            }
        }
    }
    nvml.shutdown();
    return PLIM_OK;
}
