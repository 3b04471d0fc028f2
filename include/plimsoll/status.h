/* SPDX-License-Identifier: Apache-2.0 */
/* status.h - how a call says no.
 *
 * Fallible functions return plim_status and nothing else. The caller may pass a
 * plim_error on its own stack to learn the numbers behind the refusal; NULL is always
 * allowed. Nothing is allocated and nothing is printed on the failure path: an error is
 * data until somebody formats it into a buffer of their own.
 *
 * Three kinds of "no" about memory are kept apart, because the remedies differ:
 *   E_BUDGET  the load line refused; the system may well have room (raise the cap or free)
 *   E_NOMEM   the provider refused; the load line had room (the board is full)
 *   E_FRAG    enough bytes are free, but not side by side (place the largest first)
 */
#ifndef PLIMSOLL_STATUS_H
#define PLIMSOLL_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include "plimsoll/version.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, number, when to pick this one) */
#define PLIM_STATUS_LIST(X)                                                                        \
    X(OK, 0, "done")                                                                               \
    X(E_ARG, 1, "an argument is wrong whatever the state: NULL, unknown enum, bad option")         \
    X(E_STATE, 2, "the call is right but not now: sealed, already released, still running")        \
    X(E_RANGE, 3, "a number is outside what the type, the file or the object can hold")            \
    X(E_BUDGET, 4, "the load line refused; the system may have room")                              \
    X(E_NOMEM, 5, "the system refused memory; the load line had room")                             \
    X(E_FRAG, 6, "enough is free, but not in one piece")                                           \
    X(E_IO, 7, "the operating system failed a read, write or open; os_errno says how")             \
    X(E_FORMAT, 8, "bytes or text do not follow their format")                                     \
    X(E_UNSUPPORTED, 9, "well formed, but this build, board or backend cannot do it")              \
    X(E_MISMATCH, 10, "an identity card does not fit this host or this engine")                    \
    X(E_CORRUPT, 11, "content does not match its digest")                                          \
    X(E_SHAPE, 12, "a tensor's rank, dimension or dtype is outside the engine's profile")          \
    X(E_CANCELLED, 13, "the caller asked to stop")                                                 \
    X(E_DEADLINE, 14, "the deadline passed first")                                                 \
    X(E_BACKEND, 15, "the backend's own library failed; detail carries its words")                 \
    X(E_NOT_FOUND, 16, "a named file, engine, backend or tensor is not there")                     \
    X(E_RESIDENT, 17, "the weights are not resident; load them before running")

typedef enum plim_status {
#define PLIM_STATUS_ENUM(name, number, when) PLIM_##name = (number),
    PLIM_STATUS_LIST(PLIM_STATUS_ENUM)
#undef PLIM_STATUS_ENUM
} plim_status;

#define PLIM_NAME_BYTES 32 /* an owner's name with its NUL; longer names are refused */

/* One of the largest holders at the moment of a refusal. */
typedef struct plim_holder {
    char owner[PLIM_NAME_BYTES];
    uint32_t tag; /* plim_tag */
    uint64_t bytes;
} plim_holder;

#define PLIM_ERROR_HOLDERS 3

typedef struct plim_error { /* the caller's, on the stack; NULL is always allowed */
    plim_status status;
    const char *what;           /* static text: the thing that did not fit */
    uint64_t want, have, limit; /* bytes; all 0 when not about bytes */
    int os_errno;               /* 0 when the system was not involved */
    const char *file;           /* source file and line where it was noticed */
    int line;
    char field[64];   /* the key, tensor, dimension or section that is wrong; "" if none */
    char wanted[96];  /* what that field should have held, as text */
    char found[96];   /* what it held */
    char detail[256]; /* a path, a name, a library's own words; cut short if need be */
    plim_holder holders[PLIM_ERROR_HOLDERS]; /* E_BUDGET: largest first; bytes 0 = unused */
    char remedy[224]; /* what to do about this one; "": what the status itself suggests */
} plim_error;

/* plim_status_name - "OK", "E_BUDGET", ...; "E_?" for a number that is not in the list. */
PLIM_API const char *plim_status_name(plim_status status);

/* plim_status_text - one sentence: when this status is picked. */
PLIM_API const char *plim_status_text(plim_status status);

/* plim_error_format - the refusal as text for a person, and what to do next.
 *
 * One line for most errors; a budget refusal adds a line per holder, and a remedy that is known
 * is a line of its own.
 * Owns:    borrows @error and @buffer.
 * Returns: bytes that the whole text needs without its NUL (as snprintf); @buffer is
 *          always terminated when @buffer_bytes > 0. Allocates nothing.
 */
PLIM_API size_t plim_error_format(const plim_error *error, char *buffer, size_t buffer_bytes);

/* plim_error_set - fill @err from its parts, for failures that carry text.
 *
 * @field, @wanted and @found may be NULL; they are copied and cut to fit. @what must be
 * static. Returns @status, so that a function can say: return plim_error_set(...).
 */
PLIM_API plim_status plim_error_set(plim_error *err, plim_status status, const char *what,
                                    const char *field, const char *wanted, const char *found);

/* plim_error_detail - printf into err->detail; does nothing when @err is NULL. */
PLIM_API void plim_error_detail(plim_error *err, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/* plim_error_remedy - printf into err->remedy; does nothing when @err is NULL. */
PLIM_API void plim_error_remedy(plim_error *err, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

#ifndef __cplusplus
/* return PLIM_FAIL(err, PLIM_E_BUDGET, .what = "weights", .want = n, .have = m, .limit = cap); */
#define PLIM_FAIL(err, code, ...)                                                                  \
    (((err) ? (void)(*(err) =                                                                      \
                         (plim_error){                                                             \
                             .status = (code), .file = __FILE__, .line = __LINE__, __VA_ARGS__})   \
            : (void)0),                                                                            \
     (code))

/* Pass a failure up unchanged. */
#define PLIM_TRY(call)                                                                             \
    do {                                                                                           \
        plim_status plim_try_status_ = (call);                                                     \
        if (plim_try_status_ != PLIM_OK) {                                                         \
            return plim_try_status_;                                                               \
        }                                                                                          \
    } while (0)
#endif

#ifdef __cplusplus
}
#endif
#endif
