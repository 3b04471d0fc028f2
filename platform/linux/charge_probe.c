/* SPDX-License-Identifier: Apache-2.0 */
/* charge_probe.c - does the control group count what the GPU's driver allocates?
 *
 * Asked, not looked up: the answer has changed between releases of one driver. A child opens the
 * driver's library, makes a context, and allocates two blocks; before and after each it reads the
 * count of its own group. Both must tell the same, because others may allocate in the group
 * meanwhile. The child ends by a signal, so that no exit handler of the driver runs in a forked
 * process, and is killed when it takes too long: a library that hangs is an answer like any other.
 *
 * The driver's calls are those of CUDA's driver API, by their published names and types; nothing
 * of it is linked.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arena/opts.h"
#include "platform/linux/cgroup_levels.h"
#include "platform/shared_object.h"
#include "plimsoll/headroom.h"

#define LIBRARY     "libcuda.so.1"
#define BLOCK_BYTES (UINT64_C(64) << 20)
#define BLOCK_LEAST (UINT64_C(1) << 20) /* less drowns in the kernel's batches */
#define LIMIT_MS    20000u
#define SETTLE_NS   20000000 /* the kernel's counts reach their group a moment later */

typedef struct cuda_calls {
    int (*init)(unsigned flags);
    int (*device_get)(int *device, int ordinal);
    int (*context_retain)(void **context, int device);
    int (*context_set)(void *context);
    int (*allocate)(uint64_t *device_pointer, size_t bytes);
    int (*allocate_host)(void **pointer, size_t bytes);
    int (*fill)(uint64_t device_pointer, unsigned char value, size_t bytes);
    int (*synchronize)(void);
} cuda_calls;

/* What the child writes once it knows. */
typedef struct child_report {
    int64_t grown_bytes[2];
    bool is_complete;
    char words[128]; /* why not; else the group's folder */
} child_report;

static bool find_call(void *library, const char *name, void *out)
{
    plim_shared_function function = plim_shared_object_function(library, name);
    memcpy(out, &function, sizeof(function));
    return function != NULL;
}

static bool find_calls(void *library, cuda_calls *out)
{
    return find_call(library, "cuInit", &out->init) &&
           find_call(library, "cuDeviceGet", &out->device_get) &&
           find_call(library, "cuDevicePrimaryCtxRetain", &out->context_retain) &&
           find_call(library, "cuCtxSetCurrent", &out->context_set) &&
           find_call(library, "cuMemAlloc_v2", &out->allocate) &&
           find_call(library, "cuMemAllocHost_v2", &out->allocate_host) &&
           find_call(library, "cuMemsetD8_v2", &out->fill) &&
           find_call(library, "cuCtxSynchronize", &out->synchronize);
}

/* ---- the child ---- */

static bool take_usage(void *context, const plim_cgroup_level *level)
{
    *(uint64_t *)context = level->usage_bytes;
    return false; /* the process's own group is enough */
}

static bool group_usage(const plim_cgroup_place *place, uint64_t *out)
{
    const struct timespec moment = {0, SETTLE_NS};
    nanosleep(&moment, NULL);
    *out = PLIM_UNKNOWN_BYTES;
    plim_cgroup_levels("", place, take_usage, out);
    return *out != PLIM_UNKNOWN_BYTES;
}

/* Pages exist once they were written: some drivers allocate at the first touch. */
static int allocate(const cuda_calls *cuda, const plim_gpu_charge_opts *o)
{
    const size_t bytes = (size_t)o->block_bytes;
    if (o->is_pinned_host) {
        void *pointer = NULL;
        int code = cuda->allocate_host(&pointer, bytes);
        if (code == 0) {
            memset(pointer, 1, bytes);
        }
        return code;
    }
    uint64_t pointer = 0;
    int code = cuda->allocate(&pointer, bytes);
    code = code ? code : cuda->fill(pointer, 1, bytes);
    return code ? code : cuda->synchronize();
}

static bool open_context(const cuda_calls *cuda, child_report *out)
{
    int device = 0;
    void *context = NULL;
    int code = cuda->init(0);
    code = code ? code : cuda->device_get(&device, 0);
    code = code ? code : cuda->context_retain(&context, device);
    code = code ? code : cuda->context_set(context);
    if (code != 0) {
        snprintf(out->words, sizeof(out->words), "the driver makes no context: code %d", code);
    }
    return code == 0;
}

static bool grow(const cuda_calls *cuda, const plim_gpu_charge_opts *o,
                 const plim_cgroup_place *place, child_report *out)
{
    for (int i = 0; i < 2; i++) {
        uint64_t before, after;
        if (!group_usage(place, &before)) {
            snprintf(out->words, sizeof(out->words), "the group's count cannot be read");
            return false;
        }
        int code = allocate(cuda, o);
        if (code != 0) {
            snprintf(out->words, sizeof(out->words), "the driver gives no memory: code %d", code);
            return false;
        }
        if (!group_usage(place, &after)) {
            snprintf(out->words, sizeof(out->words), "the group's count cannot be read");
            return false;
        }
        out->grown_bytes[i] = (int64_t)after - (int64_t)before;
    }
    return true;
}

/* The top of a whole hierarchy counts nothing, or not everything. */
static bool is_whole_top(const plim_cgroup_place *place)
{
    char path[256];
    snprintf(path, sizeof(path), "/%s/%s", place->mount,
             place->version == 1 ? "release_agent" : "cgroup.type");
    bool is_there = access(path, F_OK) == 0;
    return place->group[0] == 0 && (place->version == 1 ? is_there : !is_there);
}

static void probe_in_child(const plim_gpu_charge_opts *o, child_report *out)
{
    plim_cgroup_place place;
    plim_error err = {.status = PLIM_OK};
    cuda_calls cuda;
    void *library = NULL;
    if (plim_cgroup_find("", 0, &place, &err) != PLIM_OK || is_whole_top(&place)) {
        snprintf(out->words, sizeof(out->words), "this process is in no group that counts");
    } else if (plim_shared_object_open(o->library, true, &library, &err) != PLIM_OK) {
        snprintf(out->words, sizeof(out->words), "%.120s", err.detail);
    } else if (!find_calls(library, &cuda)) {
        snprintf(out->words, sizeof(out->words), "%.100s is no CUDA driver", o->library);
    } else if (open_context(&cuda, out) && grow(&cuda, o, &place, out)) {
        out->is_complete = true;
        snprintf(out->words, sizeof(out->words), "/%.50s%.70s", place.mount, place.group);
    }
}

/* Handlers of this process know nothing of a driver's fault, and may carry on after it. */
static void reset_handlers(void)
{
    for (int number = 1; number < NSIG; number++) {
        (void)signal(number, SIG_DFL);
    }
}

static void be_child(int fd, const plim_gpu_charge_opts *o)
{
    child_report report = {.is_complete = false};
    reset_handlers();
    probe_in_child(o, &report);
    while (write(fd, &report, sizeof(report)) < 0 && errno == EINTR) {
    }
    for (;;) {
        raise(SIGKILL);
    }
}

/* ---- the parent ---- */

static uint64_t now_ms(void)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One report, or none in time. A signal must not begin the wait anew: a profiler sends many. */
static bool read_report(int fd, uint64_t limit_ms, child_report *out)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    const uint64_t begin = now_ms();
    int ready;
    do {
        const uint64_t gone = now_ms() - begin, left = limit_ms > gone ? limit_ms - gone : 0;
        ready = poll(&wait, 1, left > INT32_MAX ? INT32_MAX : (int)left);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) {
        snprintf(out->words, sizeof(out->words), "the driver did not answer in time");
        return false;
    }
    ssize_t n = read(fd, out, sizeof(*out)); /* less than PIPE_BUF: whole or not at all */
    if (n != (ssize_t)sizeof(*out)) {
        memset(out, 0, sizeof(*out));
        snprintf(out->words, sizeof(out->words), "the driver ended its process");
        return false;
    }
    out->words[sizeof(out->words) - 1] = 0;
    return out->is_complete;
}

static plim_charged judge(const int64_t grown[2], uint64_t block_bytes)
{
    const int64_t much = (int64_t)(block_bytes / 4 * 3), little = (int64_t)(block_bytes / 8);
    if (grown[0] >= much && grown[1] >= much) {
        return PLIM_CHARGED_YES;
    }
    return grown[0] <= little && grown[1] <= little && grown[0] >= -little && grown[1] >= -little
               ? PLIM_CHARGED_NO
               : PLIM_CHARGED_UNKNOWN;
}

plim_status plim_gpu_charge_probe(const plim_gpu_charge_opts *opts, plim_gpu_charge *out,
                                  plim_error *err)
{
    plim_gpu_charge_opts o;
    child_report report = {.is_complete = false};
    int ends[2];
    if (!out || !opts_take(&o, sizeof(o), opts) || o.block_bytes > INT64_MAX / 4 ||
        (o.block_bytes && o.block_bytes < BLOCK_LEAST)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "GPU charge: out or opts");
    }
    memset(out, 0, sizeof(*out));
    o.library = o.library ? o.library : LIBRARY;
    o.block_bytes = o.block_bytes ? o.block_bytes : BLOCK_BYTES;
    o.limit_ms = o.limit_ms ? o.limit_ms : LIMIT_MS;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return PLIM_FAIL(err, PLIM_E_IO, .what = "a pipe", .os_errno = errno);
    }
    pid_t pid = fork();
    if (pid == 0) {
        be_child(ends[1], &o);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return PLIM_FAIL(err, PLIM_E_IO, .what = "a process beside this one", .os_errno = errno);
    }
    if (read_report(ends[0], o.limit_ms, &report)) {
        memcpy(out->grown_bytes, report.grown_bytes, sizeof(out->grown_bytes));
        out->charged = judge(report.grown_bytes, o.block_bytes);
    }
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    close(ends[0]);
    out->block_bytes = o.block_bytes;
    memcpy(out->how, report.words, sizeof(out->how));
    return PLIM_OK;
}
