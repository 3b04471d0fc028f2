/* SPDX-License-Identifier: Apache-2.0 */
/* cuda_facts.c - what CUDA's driver says of the first GPU, when the caller wants it asked.
 *
 * Never linked, never asked for a captured root, never by default: cuInit wakes the GPU, keeps
 * memory of this process and of the device, and leaves state that a child of fork cannot use.
 * Nothing is allocated and no context is made. Only CUDA is asked and not NVML, which is a stub on
 * Tegra and says less of a GPU that shares the machine's memory.
 * Source: cuda.h's numbers of attributes; they do not change.
 */
#include <stdio.h>
#include <string.h>

#include "platform/probe/probe.h"
#include "platform/shared_object.h"

enum {
    ATTRIBUTE_MULTIPROCESSORS = 16,
    ATTRIBUTE_INTEGRATED = 18,
    ATTRIBUTE_L2_BYTES = 38,
    ATTRIBUTE_SM_MAJOR = 75,
    ATTRIBUTE_SM_MINOR = 76
};

typedef struct cuda_driver {
    int (*init)(unsigned flags);
    int (*version)(int *out);
    int (*count)(int *out);
    int (*device)(int *out, int ordinal);
    int (*name)(char *out, int room, int device);
    int (*memory)(size_t *out, int device);
    int (*attribute)(int *out, int which, int device);
} cuda_driver;

static bool load(cuda_driver *out)
{
    void *object = NULL;
    if (plim_shared_object_open("libcuda.so.1", true, &object, NULL) != PLIM_OK) {
        return false;
    }
    out->init = (int (*)(unsigned))plim_shared_object_function(object, "cuInit");
    out->version = (int (*)(int *))plim_shared_object_function(object, "cuDriverGetVersion");
    out->count = (int (*)(int *))plim_shared_object_function(object, "cuDeviceGetCount");
    out->device = (int (*)(int *, int))plim_shared_object_function(object, "cuDeviceGet");
    out->name = (int (*)(char *, int, int))plim_shared_object_function(object, "cuDeviceGetName");
    out->memory =
        (int (*)(size_t *, int))plim_shared_object_function(object, "cuDeviceTotalMem_v2");
    out->attribute =
        (int (*)(int *, int, int))plim_shared_object_function(object, "cuDeviceGetAttribute");
    return out->init && out->version && out->count && out->device && out->name && out->memory &&
           out->attribute;
}

/* 0: not known. */
static uint64_t ask(const cuda_driver *cuda, int device, int which)
{
    int value = 0;
    return cuda->attribute(&value, which, device) == 0 && value > 0 ? (uint64_t)value : 0;
}

static void note(plim_probe *p, plim_fact_id id, uint64_t number)
{
    if (number) {
        plim_probe_count(p, id, number);
    }
}

static void read_device(plim_probe *p, const cuda_driver *cuda, int device)
{
    char name[PLIM_FACT_TEXT_BYTES] = "";
    size_t bytes = 0;
    int is_integrated = 0;
    const uint64_t multiprocessors = ask(cuda, device, ATTRIBUTE_MULTIPROCESSORS);
    const uint64_t major = ask(cuda, device, ATTRIBUTE_SM_MAJOR);
    if (cuda->name(name, sizeof(name), device) == 0) {
        name[sizeof(name) - 1] = 0;
        plim_probe_text(p, PLIM_FACT_GPU_NAME, name);
    }
    note(p, PLIM_FACT_GPU_SM, major ? major * 10 + ask(cuda, device, ATTRIBUTE_SM_MINOR) : 0);
    note(p, PLIM_FACT_GPU_MULTIPROCESSORS_NOW, multiprocessors);
    note(p, PLIM_FACT_GPU_L2_BYTES, ask(cuda, device, ATTRIBUTE_L2_BYTES));
    if (cuda->attribute(&is_integrated, ATTRIBUTE_INTEGRATED, device) != 0) {
        return;
    }
    plim_probe_count(p, PLIM_FACT_GPU_SHARES_MEMORY, is_integrated != 0);
    if (!is_integrated) { /* power modes gate those of integrated ones: the module may have more */
        note(p, PLIM_FACT_GPU_MULTIPROCESSORS, multiprocessors);
        note(p, PLIM_FACT_GPU_MEMORY_BYTES,
             cuda->memory(&bytes, device) == 0 && bytes <= INT64_MAX ? bytes : 0);
    }
}

void plim_probe_gpu(plim_probe *p)
{
    cuda_driver cuda;
    int version = 0, count = 0, device = 0;
    if (!p->with_gpu || p->root[0] || !load(&cuda)) {
        return;
    }
    snprintf(p->source, sizeof(p->source), "libcuda.so.1");
    if (cuda.version(&version) == 0 && version >= 1000 && version < 1000000) {
        char text[24];
        snprintf(text, sizeof(text), "%d.%d", version / 1000, version % 1000 / 10);
        plim_probe_text(p, PLIM_FACT_CUDA_DRIVER, text);
    }
    if (cuda.init(0) == 0 && cuda.count(&count) == 0 && count > 0 && cuda.device(&device, 0) == 0) {
        note(p, PLIM_FACT_GPU_COUNT, (uint64_t)count);
        read_device(p, &cuda, device);
    }
}
