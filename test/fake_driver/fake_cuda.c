/* SPDX-License-Identifier: Apache-2.0 */
/* fake_cuda.c - a library with the driver's names, for the probe of what is charged.
 *
 * FAKE_CUDA says how it allocates: charged (pages of this process), free (addresses only), half
 * (one block of each kind), refuse, hang, die.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT        __attribute__((visibility("default")))
#define OUT_OF_MEMORY 2

EXPORT int cuInit(unsigned flags);
EXPORT int cuDeviceGet(int *device, int ordinal);
EXPORT int cuDevicePrimaryCtxRetain(void **context, int device);
EXPORT int cuCtxSetCurrent(void *context);
EXPORT int cuMemAlloc_v2(uint64_t *pointer, size_t bytes);
EXPORT int cuMemAllocHost_v2(void **pointer, size_t bytes);
EXPORT int cuMemsetD8_v2(uint64_t pointer, unsigned char value, size_t bytes);
EXPORT int cuCtxSynchronize(void);

static int block_count;

static int is_way(const char *way)
{
    const char *text = getenv("FAKE_CUDA");
    return text && strcmp(text, way) == 0;
}

static int is_charged(void)
{
    return is_way("charged") || (is_way("half") && block_count == 1);
}

int cuInit(unsigned flags)
{
    if (is_way("die")) {
        raise(SIGSEGV);
    }
    while (is_way("hang")) {
        pause();
    }
    return flags != 0;
}

int cuDeviceGet(int *device, int ordinal)
{
    *device = ordinal;
    return 0;
}

int cuDevicePrimaryCtxRetain(void **context, int device)
{
    *context = &block_count;
    return device;
}

int cuCtxSetCurrent(void *context)
{
    return context == NULL;
}

/* A memfd is charged page by page to whoever touches it first. */
int cuMemAlloc_v2(uint64_t *pointer, size_t bytes)
{
    void *at = NULL;
    if (cuMemAllocHost_v2(&at, bytes) != 0) {
        return OUT_OF_MEMORY;
    }
    *pointer = (uint64_t)(uintptr_t)at;
    return 0;
}

int cuMemAllocHost_v2(void **pointer, size_t bytes)
{
    int fd = memfd_create("fake-cuda", MFD_CLOEXEC);
    block_count++;
    if (is_way("refuse") || fd < 0 || ftruncate(fd, (off_t)bytes) != 0) {
        return OUT_OF_MEMORY;
    }
    *pointer = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return *pointer == MAP_FAILED ? OUT_OF_MEMORY : 0;
}

int cuMemsetD8_v2(uint64_t pointer, unsigned char value, size_t bytes)
{
    if (is_charged()) {
        memset((void *)(uintptr_t)pointer, value, bytes);
    }
    return 0;
}

int cuCtxSynchronize(void)
{
    return 0;
}
