/* SPDX-License-Identifier: Apache-2.0 */
/* policy_files.h - the tables that a tool goes by: built in, the machine's own, and those named. */
#ifndef TOOLS_POLICY_FILES_H
#define TOOLS_POLICY_FILES_H

#include "plimsoll/policy.h"

#define POLICY_FOLDER "etc/plimsoll/policy.d"

/* Built-in tables, then *.table of POLICY_FOLDER under @root in the order of their names, then
 * @files. A later entry with the same id takes an earlier one's place. What was read is kept until
 * the program ends. Errors: as plim_policy_add; E_NOT_FOUND, E_IO with the file. */
plim_status policy_files_load(const char *root, const char *const *files, size_t file_count,
                              plim_policy *out, plim_error *err);

#endif
