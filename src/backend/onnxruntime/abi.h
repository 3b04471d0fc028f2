/* SPDX-License-Identifier: Apache-2.0 */
/* abi.h - the part of ONNX Runtime's C interface that we call, declared by ordinal.
 *
 * ONNX Runtime's OrtApi is a struct of function pointers that only ever grows at its end,
 * so a function is known by its place. The library is opened at run time and its header is
 * absent exactly where the product runs, so these are declarations of our own: one list,
 * one place per line. Everything here exists since API 11; we ask for API 14.
 * test/test_ort_abi.c holds the list against the official header when one is at hand.
 *
 * X(place, name, arguments): functions that return a status (NULL is success).
 * V(place, name, argument):  functions that return nothing.
 */
#ifndef BACKEND_ONNXRUNTIME_ABI_H
#define BACKEND_ONNXRUNTIME_ABI_H

#include <stddef.h>
#include <stdint.h>

#define ORT_ABI_API_VERSION       14u
#define ORT_ABI_ALLOCATOR_VERSION 18u  /* the first that has Reserve */
#define ORT_ABI_PLACES            199u /* highest place used, and one */

typedef struct OrtStatus ort_status;
typedef struct OrtEnv ort_env;
typedef struct OrtSession ort_session;
typedef struct OrtSessionOptions ort_session_options;
typedef struct OrtRunOptions ort_run_options;
typedef struct OrtValue ort_value;
typedef struct OrtMemoryInfo ort_memory_info;
typedef struct OrtTypeInfo ort_type_info;
typedef struct OrtTensorTypeAndShapeInfo ort_tensor_info;
typedef struct OrtAllocator ort_allocator; /* opaque: ours is an ort_allocator_table */

/* What we hand to RegisterAllocator; version 18 ends after reserve. */
typedef struct ort_allocator_table {
    uint32_t version;
    void *(*alloc)(ort_allocator *self, size_t size);
    void (*free)(ort_allocator *self, void *block);
    const ort_memory_info *(*info)(const ort_allocator *self);
    void *(*reserve)(ort_allocator *self, size_t size);
} ort_allocator_table;

typedef void (*ort_log_fn)(void *context, unsigned severity, const char *category,
                           const char *log_id, const char *where, const char *text);
typedef struct OrtCustomHandleType ort_thread; /* never looked into */
typedef void (*ort_thread_work)(void *work);
typedef const ort_thread *(*ort_thread_create)(void *context, ort_thread_work run, void *work);
typedef void (*ort_thread_join)(const ort_thread *thread);

/* GetErrorCode */
#define ORT_INVALID_ARGUMENT_CODE  2u
#define ORT_RUNTIME_EXCEPTION_CODE 6u

#define ORT_ABI_LIST(X, V)                                                                         \
    X(4, CreateEnvWithCustomLogger,                                                                \
      (ort_log_fn log, void *context, unsigned level, const char *id, ort_env **out))              \
    X(7, CreateSession,                                                                            \
      (const ort_env *env, const char *path, const ort_session_options *options,                   \
       ort_session **out))                                                                         \
    X(8, CreateSessionFromArray,                                                                   \
      (const ort_env *env, const void *bytes, size_t size, const ort_session_options *options,     \
       ort_session **out))                                                                         \
    X(9, Run,                                                                                      \
      (ort_session * session, const ort_run_options *options, const char *const *input_names,      \
       const ort_value *const *inputs, size_t input_count, const char *const *output_names,        \
       size_t output_count, ort_value **outputs))                                                  \
    X(10, CreateSessionOptions, (ort_session_options * *out))                                      \
    X(11, SetOptimizedModelFilePath, (ort_session_options * options, const char *path))            \
    X(17, DisableMemPattern, (ort_session_options * options))                                      \
    X(19, DisableCpuMemArena, (ort_session_options * options))                                     \
    X(22, SetSessionLogSeverityLevel, (ort_session_options * options, int level))                  \
    X(23, SetSessionGraphOptimizationLevel, (ort_session_options * options, unsigned level))       \
    X(24, SetIntraOpNumThreads, (ort_session_options * options, int count))                        \
    X(25, SetInterOpNumThreads, (ort_session_options * options, int count))                        \
    X(30, SessionGetInputCount, (const ort_session *session, size_t *out))                         \
    X(31, SessionGetOutputCount, (const ort_session *session, size_t *out))                        \
    X(33, SessionGetInputTypeInfo,                                                                 \
      (const ort_session *session, size_t index, ort_type_info **out))                             \
    X(34, SessionGetOutputTypeInfo,                                                                \
      (const ort_session *session, size_t index, ort_type_info **out))                             \
    X(36, SessionGetInputName,                                                                     \
      (const ort_session *session, size_t index, ort_allocator *allocator, char **out))            \
    X(37, SessionGetOutputName,                                                                    \
      (const ort_session *session, size_t index, ort_allocator *allocator, char **out))            \
    X(39, CreateRunOptions, (ort_run_options * *out))                                              \
    X(46, RunOptionsSetTerminate, (ort_run_options * options))                                     \
    X(47, RunOptionsUnsetTerminate, (ort_run_options * options))                                   \
    X(49, CreateTensorWithDataAsOrtValue,                                                          \
      (const ort_memory_info *info, void *data, size_t size, const int64_t *shape, size_t rank,    \
       unsigned dtype, ort_value **out))                                                           \
    X(50, IsTensor, (const ort_value *value, int *out))                                            \
    X(51, GetTensorMutableData, (ort_value * value, void **out))                                   \
    X(55, CastTypeInfoToTensorInfo, (const ort_type_info *info, const ort_tensor_info **out))      \
    X(60, GetTensorElementType, (const ort_tensor_info *info, unsigned *out))                      \
    X(61, GetDimensionsCount, (const ort_tensor_info *info, size_t *out))                          \
    X(62, GetDimensions, (const ort_tensor_info *info, int64_t *out, size_t limit))                \
    X(65, GetTensorTypeAndShape, (const ort_value *value, ort_tensor_info **out))                  \
    X(68, CreateMemoryInfo,                                                                        \
      (const char *name, int type, int id, int memory, ort_memory_info **out))                     \
    X(76, AllocatorFree, (ort_allocator * allocator, void *block))                                 \
    X(78, GetAllocatorWithDefaultOptions, (ort_allocator * *out))                                  \
    X(130, AddSessionConfigEntry,                                                                  \
      (ort_session_options * options, const char *key, const char *value))                         \
    X(150, AddInitializer,                                                                         \
      (ort_session_options * options, const char *name, const ort_value *value))                   \
    X(176, RegisterAllocator, (ort_env * env, ort_allocator * allocator))                          \
    X(196, SessionOptionsSetCustomCreateThreadFn,                                                  \
      (ort_session_options * options, ort_thread_create create))                                   \
    X(197, SessionOptionsSetCustomThreadCreationOptions,                                           \
      (ort_session_options * options, void *context))                                              \
    X(198, SessionOptionsSetCustomJoinThreadFn,                                                    \
      (ort_session_options * options, ort_thread_join join))                                       \
    V(92, ReleaseEnv, (ort_env * env))                                                             \
    V(93, ReleaseStatus, (ort_status * status))                                                    \
    V(94, ReleaseMemoryInfo, (ort_memory_info * info))                                             \
    V(95, ReleaseSession, (ort_session * session))                                                 \
    V(96, ReleaseValue, (ort_value * value))                                                       \
    V(97, ReleaseRunOptions, (ort_run_options * options))                                          \
    V(98, ReleaseTypeInfo, (ort_type_info * info))                                                 \
    V(99, ReleaseTensorTypeAndShapeInfo, (ort_tensor_info * info))                                 \
    V(100, ReleaseSessionOptions, (ort_session_options * options))

/* The two that return something else. */
#define ORT_ABI_PLACE_GetErrorCode    1
#define ORT_ABI_PLACE_GetErrorMessage 2

#define ORT_ABI_TYPE_X(place, name, arguments) typedef ort_status *(*ort_##name##_fn)arguments;
#define ORT_ABI_TYPE_V(place, name, arguments) typedef void(*ort_##name##_fn) arguments;
ORT_ABI_LIST(ORT_ABI_TYPE_X, ORT_ABI_TYPE_V)
#undef ORT_ABI_TYPE_X
#undef ORT_ABI_TYPE_V
typedef unsigned (*ort_GetErrorCode_fn)(const ort_status *status);
typedef const char *(*ort_GetErrorMessage_fn)(const ort_status *status);

/* The functions, picked out of the library's table by their places. */
typedef struct ort_api {
#define ORT_ABI_MEMBER(place, name, arguments) ort_##name##_fn name;
    ORT_ABI_LIST(ORT_ABI_MEMBER, ORT_ABI_MEMBER)
#undef ORT_ABI_MEMBER
    ort_GetErrorCode_fn GetErrorCode;
    ort_GetErrorMessage_fn GetErrorMessage;
} ort_api;

typedef void (*ort_place)(void);

typedef struct ort_api_base { /* what OrtGetApiBase returns */
    const ort_place *(*get_api)(uint32_t version);
    const char *(*get_version)(void);
} ort_api_base;

static inline void ort_api_fill(ort_api *out, const ort_place *table)
{
#define ORT_ABI_FILL(place, name, arguments) out->name = (ort_##name##_fn)table[place];
    ORT_ABI_LIST(ORT_ABI_FILL, ORT_ABI_FILL)
#undef ORT_ABI_FILL
    out->GetErrorCode = (ort_GetErrorCode_fn)table[ORT_ABI_PLACE_GetErrorCode];
    out->GetErrorMessage = (ort_GetErrorMessage_fn)table[ORT_ABI_PLACE_GetErrorMessage];
}

#endif
