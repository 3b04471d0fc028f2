/* SPDX-License-Identifier: Apache-2.0 */
/* backend.h - execution backends, for callers.
 *
 * A backend turns a loaded artifact into something that runs. It is chosen by name, once;
 * nothing ever changes backend by itself. plim_backend_find names the ones there are when
 * the one asked for is not. backend_plugin.h is the table for people who write one.
 */
#ifndef PLIMSOLL_BACKEND_H
#define PLIMSOLL_BACKEND_H

#include "plimsoll/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct plim_backend_ops plim_backend_ops;

/* Bits, one per ability. */
typedef enum plim_backend_flags {
    PLIM_BACKEND_WEIGHTS_IN_PLACE = 1u << 0,    /* computes from the bytes in the arena */
    PLIM_BACKEND_LATE_WEIGHTS = 1u << 1,        /* opens before the weights are there */
    PLIM_BACKEND_EVICTABLE = 1u << 2,           /* weights may be dropped and restored */
    PLIM_BACKEND_STREAM_OPEN = 1u << 3,         /* deserializes from a reader, no whole blob */
    PLIM_BACKEND_ALLOC_HOOK_HOST = 1u << 4,     /* host allocations come to us */
    PLIM_BACKEND_ALLOC_HOOK_DEVICE = 1u << 5,   /* device allocations come to us */
    PLIM_BACKEND_CAP_CLEAN_FAIL = 1u << 6,      /* at the cap: a status, never a crash */
    PLIM_BACKEND_EXACT_PLAN = 1u << 7,          /* knows its activation bytes beforehand */
    PLIM_BACKEND_DETERMINISTIC_TRACE = 1u << 8, /* same sizes in the same order every run */
    PLIM_BACKEND_USER_SCRATCH = 1u << 9,        /* runs inside a block we give */
    PLIM_BACKEND_CANCEL = 1u << 10,
    PLIM_BACKEND_DYNAMIC_SHAPES = 1u << 11,
    PLIM_BACKEND_HOST_CODE = 1u << 12, /* the artifact contains code: load trusted ones only */
    PLIM_BACKEND_IMPORT = 1u << 13,    /* can make artifacts (compile) */
} plim_backend_flags;

typedef struct plim_backend_info {
    char name[32];
    char version[64];       /* of the library behind it; "" when it is built in */
    char library[192];      /* path that was opened; "" when built in */
    uint32_t flags;         /* plim_backend_flags */
    uint64_t process_bytes; /* fixed overhead of the library in this process, estimated */
    bool is_present;
    char absent_reason[256]; /* why not, and what to do: one sentence */
} plim_backend_info;

/* plim_backend_count, plim_backend_at - the backends of this build, present or not. */
PLIM_API size_t plim_backend_count(void);
PLIM_API const plim_backend_ops *plim_backend_at(size_t index);

/* plim_backend_find - by name.
 * Errors:  E_NOT_FOUND  not in this build; wanted the name, found the list of those there are. */
PLIM_API PLIM_MUST_USE plim_status plim_backend_find(const char *name, const plim_backend_ops **out,
                                                     plim_error *err);

/* plim_backend_probe - look whether its library is there. Never fails hard: absence is
 * is_present = false with a reason. @library NULL: search the usual names; the environment
 * variable PLIMSOLL_ONNXRUNTIME names the ONNX Runtime library explicitly. */
PLIM_API void plim_backend_probe(const plim_backend_ops *backend, const char *library,
                                 plim_backend_info *out);

#ifdef __cplusplus
}
#endif
#endif
