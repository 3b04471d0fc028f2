/* SPDX-License-Identifier: Apache-2.0 */
/* library.h - the one ONNX Runtime library of this process. */
#ifndef BACKEND_ONNXRUNTIME_LIBRARY_H
#define BACKEND_ONNXRUNTIME_LIBRARY_H

#include "plimsoll/backend_plugin.h"
#include "src/backend/onnxruntime/abi.h"

typedef struct plim_ort {
    ort_api api;
    ort_env *env;
    ort_memory_info *cpu;          /* "Cpu", device allocator */
    ort_allocator *heap;           /* the library's own, for the strings it gives us */
    void (*throw_bad_alloc)(void); /* libstdc++'s; see allocator.c */
    char version[64];
    char path[192];
} plim_ort;

/* plim_ort_library - open it, once a process; it stays open.
 *
 * @library NULL: PLIMSOLL_ONNXRUNTIME, else the usual names. An explicit name that does not
 * work is an error; nothing else is tried in its place.
 * Threads: any.
 * Errors:  E_NOT_FOUND    there is no such library; detail holds the loader's words.
 *          E_UNSUPPORTED  it is there, but not one that we can use.
 *          E_STATE        another one is open in this process already.
 *          E_BACKEND      it refused to start.
 */
PLIM_MUST_USE plim_status plim_ort_library(const char *library, const plim_ort **out,
                                           plim_error *err);

/* plim_ort_fail - turn @status into ours and release it. PLIM_OK when it is NULL. */
plim_status plim_ort_fail(const plim_ort *ort, ort_status *status, const char *what,
                          plim_error *err);

#define ORT_TRY(ort, call, what)                                                                   \
    do {                                                                                           \
        ort_status *ort_try_ = (call);                                                             \
        if (ort_try_) {                                                                            \
            return plim_ort_fail((ort), ort_try_, (what), err);                                    \
        }                                                                                          \
    } while (0)

void plim_ort_probe(const char *library, plim_backend_info *out);

#endif
