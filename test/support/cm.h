/* SPDX-License-Identifier: Apache-2.0 */
/* cm.h - cmocka wrapped once: the includes it wants, and what every test uses.
 *
 * A test name is a sentence. Skips say why on stdout and are counted by test/run.sh.
 */
#ifndef TEST_SUPPORT_CM_H
#define TEST_SUPPORT_CM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plimsoll/status.h"

/* Shows the whole refusal when a call that must work does not. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        plim_status cm_status_ = (call);                                                           \
        if (cm_status_ != PLIM_OK) {                                                               \
            char cm_text_[1024] = "";                                                              \
            plim_error_format(&err, cm_text_, sizeof(cm_text_));                                   \
            fail_msg("%s: %s", #call, cm_text_);                                                   \
        }                                                                                          \
    } while (0)
#define assert_status(call, expected)                                                              \
    do {                                                                                           \
        plim_status cm_status_ = (call);                                                           \
        if (cm_status_ != (expected)) {                                                            \
            fail_msg("%s: wanted %s, got %s", #call, plim_status_name(expected),                   \
                     plim_status_name(cm_status_));                                                \
        }                                                                                          \
    } while (0)

#define skip_because(...)                                                                          \
    do {                                                                                           \
        printf("# skipped: ");                                                                     \
        printf(__VA_ARGS__);                                                                       \
        printf("\n");                                                                              \
        skip();                                                                                    \
    } while (0)

/* The thread sanitizer keeps several bytes of its own for each of ours, so that what the kernel
 * says of this process is mostly the sanitizer. */
#ifdef __SANITIZE_THREAD__
#define skip_where_memory_is_not_ours() skip_because("the thread sanitizer's own memory")
#else
#define skip_where_memory_is_not_ours() ((void)0)
#endif

/* Rounds of code that starts no thread, and the step through a file that is cut at every byte:
 * where the thread sanitizer has nothing to see, and takes ten times as long, a tenth will do. */
#ifdef __SANITIZE_THREAD__
#define CM_ROUNDS(n) ((n) / 10)
#define CM_STEP      11u
#else
#define CM_ROUNDS(n) (n)
#define CM_STEP      1u
#endif

/* Folder ../shared/data beside the checkout (or PLIMSOLL_DATA); NULL when it is not there. */
const char *cm_data(const char *name);
/* The pinned wheel folder's file, such as "libonnxruntime.so"; NULL when it is not there. */
const char *cm_wheel(const char *name);
/* A real model by file name: out of ../shared/data/models, else out of the wheels; NULL. */
const char *cm_model(const char *name);
/* A fresh empty folder under TMPDIR or build/, removed when the test program ends. */
const char *cm_tmp(void);
/* Pseudo-random numbers from SEED (printed) or a fixed start: the same run every time. */
uint64_t cm_seed(void);
uint64_t cm_next(uint64_t *state); /* splitmix64 */

#endif
