/* SPDX-License-Identifier: Apache-2.0 */
/* library.c - finds and opens ONNX Runtime, and says in one sentence when it cannot.
 *
 * Decides the order of the names, refuses a library that does not know API 14 or whose
 * C++ runtime cannot throw for us, and creates the environment: one a process, because
 * the library keeps only one. Neither library nor environment is ever closed again: both
 * hold threads and caches of their own, and a process that used them once will again.
 */
#include "src/backend/onnxruntime/library.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/shared_object.h"
#include "src/backend/onnxruntime/allocator.h"

#define REMEDY "set PLIMSOLL_ONNXRUNTIME to a libonnxruntime.so of 1.14 or later"

/* Measured with 1.30.0 on x86-64: resident after the first small run, without weights. About 24 MiB
 * of it are clean pages of the library's code. */
#define PROCESS_BYTES (33u << 20)

/* Debian and Ubuntu name the library after its minor version. */
static const char *const usual_names[] = {"libonnxruntime.so.1", "libonnxruntime.so.1.23",
                                          "libonnxruntime.so.1.21", "libonnxruntime.so"};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static plim_ort the_library;
static void *handle;
static char asked_for[192]; /* the name that opened it */

static void copy_cut(char *to, size_t to_bytes, const char *from)
{
    size_t n = strnlen(from, to_bytes - 1);
    memcpy(to, from, n);
    to[n] = 0;
}

plim_status plim_ort_fail(const plim_ort *ort, ort_status *status, const char *what,
                          plim_error *err)
{
    if (!status) {
        return PLIM_OK;
    }
    const char *words = ort->api.GetErrorMessage(status);
    bool is_memory = strstr(words, "bad_alloc") != NULL;
    plim_status code = is_memory ? PLIM_E_NOMEM : PLIM_E_BACKEND;
    (void)PLIM_FAIL(err, code, .what = what);
    plim_error_detail(err, "%s", words);
    ort->api.ReleaseStatus(status);
    return code;
}

/* Microsoft's builds since 1.30 for Linux gather usage figures, start threads for it, run `blkid`
 * to know the machine and send what they gathered over the network. A robot's runtime does none of
 * that unasked: the library is told so before it starts. Whoever set the variable keeps it. */
static void forbid_telemetry(void)
{
    setenv("ORT_DISABLE_TELEMETRY", "1", 0);
}

static plim_status open_first(const char *library, void **out, const char **out_name,
                              plim_error *err)
{
    forbid_telemetry();
    const char *given = library ? library : secure_getenv("PLIMSOLL_ONNXRUNTIME");
    const char *const *names = given && *given ? &given : usual_names;
    size_t count = given && *given ? 1 : sizeof(usual_names) / sizeof(usual_names[0]);
    plim_error why = {.status = PLIM_OK};
    for (size_t i = 0; i < count; i++) {
        if (plim_shared_object_open(names[i], false, out, &why) == PLIM_OK) {
            *out_name = names[i];
            return PLIM_OK;
        }
    }
    (void)PLIM_FAIL(err, PLIM_E_NOT_FOUND,
                    .what = "the ONNX Runtime library was not found; " REMEDY);
    plim_error_detail(err, "%s", why.detail);
    return PLIM_E_NOT_FOUND;
}

static plim_status take_functions(void *from, plim_ort *out, plim_error *err)
{
    plim_shared_function found = plim_shared_object_function(from, "OrtGetApiBase");
    if (!found) {
        return PLIM_FAIL(err, PLIM_E_UNSUPPORTED,
                         .what = "the library has no OrtGetApiBase; " REMEDY);
    }
    const ort_api_base *base = ((const ort_api_base *(*)(void))found)();
    const ort_place *table = base->get_api(ORT_ABI_API_VERSION);
    copy_cut(out->version, sizeof(out->version), base->get_version());
    if (!table) {
        return PLIM_FAIL(err, PLIM_E_UNSUPPORTED,
                         .what = "the ONNX Runtime library is too old; " REMEDY);
    }
    ort_api_fill(&out->api, table);
    out->throw_bad_alloc = plim_shared_object_function(from, "_ZSt17__throw_bad_allocv");
    if (!out->throw_bad_alloc) {
        return PLIM_FAIL(err, PLIM_E_UNSUPPORTED,
                         .what = "the ONNX Runtime library does not use the system's libstdc++, "
                                 "so it would crash at the cap; " REMEDY);
    }
    return PLIM_OK;
}

static plim_status start(plim_ort *ort, plim_error *err)
{
    ORT_TRY(ort, ort->api.CreateEnvWithCustomLogger(plim_ort_log, NULL, 3, "plimsoll", &ort->env),
            "start ONNX Runtime");
    ORT_TRY(ort, ort->api.CreateMemoryInfo("Cpu", 0, 0, 0, &ort->cpu), "describe CPU memory");
    ORT_TRY(ort, ort->api.GetAllocatorWithDefaultOptions(&ort->heap), "default allocator");
    ORT_TRY(ort, ort->api.RegisterAllocator(ort->env, plim_ort_allocator(ort)),
            "register our allocator");
    return PLIM_OK;
}

static plim_status open_locked(const char *library, plim_error *err)
{
    const char *name = NULL;
    plim_ort found = {0};
    plim_status s = open_first(library, &handle, &name, err);
    if (s != PLIM_OK) {
        return s;
    }
    s = take_functions(handle, &found, err);
    if (s != PLIM_OK) {
        plim_error_detail(err, "%s", name);
        goto close;
    }
    void *code;
    memcpy(&code, &(ort_place){(ort_place)found.api.CreateSession}, sizeof(code));
    const char *file = plim_shared_object_path(code);
    copy_cut(found.path, sizeof(found.path), file[0] ? file : name);
    the_library = found;
    s = start(&the_library, err);
    if (s != PLIM_OK) {
        the_library = (plim_ort){0}; /* its threads may be running: the code stays mapped */
        handle = NULL;
        return s;
    }
    copy_cut(asked_for, sizeof(asked_for), name);
    return PLIM_OK;

close:
    plim_shared_object_close(handle);
    handle = NULL;
    return s;
}

plim_status plim_ort_library(const char *library, const plim_ort **out, plim_error *err)
{
    *out = NULL;
    pthread_mutex_lock(&lock);
    plim_status s = PLIM_OK;
    if (!handle) {
        s = open_locked(library, err);
    } else if (library && strcmp(library, asked_for) != 0 &&
               strcmp(library, the_library.path) != 0) {
        /* The same file under another name gives the same handle. */
        void *again = NULL;
        if (plim_shared_object_open(library, false, &again, NULL) != PLIM_OK || again != handle) {
            s = plim_error_set(err, PLIM_E_STATE,
                               "another ONNX Runtime library is open in this process", "library",
                               library, the_library.path);
        }
        plim_shared_object_close(again);
    }
    if (s == PLIM_OK) {
        *out = &the_library;
    }
    pthread_mutex_unlock(&lock);
    return s;
}

void plim_ort_probe(const char *library, plim_backend_info *out)
{
    plim_error err = {0};
    const plim_ort *ort = NULL;
    out->flags = PLIM_BACKEND_WEIGHTS_IN_PLACE | PLIM_BACKEND_LATE_WEIGHTS |
                 PLIM_BACKEND_EVICTABLE | PLIM_BACKEND_ALLOC_HOOK_HOST |
                 PLIM_BACKEND_CAP_CLEAN_FAIL | PLIM_BACKEND_DETERMINISTIC_TRACE |
                 PLIM_BACKEND_CANCEL | PLIM_BACKEND_DYNAMIC_SHAPES | PLIM_BACKEND_IMPORT;
    out->process_bytes = PROCESS_BYTES;
    if (plim_ort_library(library, &ort, &err) != PLIM_OK) {
        snprintf(out->absent_reason, sizeof(out->absent_reason), "%s", err.what);
        return;
    }
    out->is_present = true;
    copy_cut(out->version, sizeof(out->version), ort->version);
    copy_cut(out->library, sizeof(out->library), ort->path);
}
