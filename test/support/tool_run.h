/* SPDX-License-Identifier: Apache-2.0 */
/* tool_run.h - start the tools of this build as a stranger does: through a shell, in a folder. */
#ifndef TEST_SUPPORT_TOOL_RUN_H
#define TEST_SUPPORT_TOOL_RUN_H

#include "test/support/cm.h"

#define TOOL_OUTPUT_BYTES (8u << 20)

/* What the last command wrote, cut to fit and terminated. */
extern char tool_out[TOOL_OUTPUT_BYTES], tool_errors[TOOL_OUTPUT_BYTES];

/* The program @name of the build that this test belongs to; static, for each of two names. */
const char *tool_path(const char *name);
/* The test's own folder, absolute. */
const char *tool_folder(void);

/* A shell line in tool_folder(), or in @folder; $plimsoll and $memreport are the tools. Nothing
 * comes from standard input. Returns the exit status, -1 when a signal ended it. */
int tool_sh(const char *format, ...) __attribute__((format(printf, 1, 2)));
int tool_sh_in(const char *folder, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A file of tool_folder(): all of it into @to (TOOL_OUTPUT_BYTES); "" when it is not there. */
size_t tool_read(const char *name, char *to);
void tool_write(const char *name, const void *bytes, size_t count);
void tool_write_text(const char *name, const char *text);

/* A cmocka group set-up: nothing of the caller's terminal reaches the tools. */
int tool_set_up(void **state);

void assert_says(const char *where, const char *text);

#endif
