/* SPDX-License-Identifier: Apache-2.0 */
/* tar_write.h - a folder as a ustar archive that is the same bytes for the same files. */
#ifndef TOOLS_PLIMSOLL_TAR_WRITE_H
#define TOOLS_PLIMSOLL_TAR_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes @folder's files as @top/... into @path, a new file (.tgz and .gz are compressed), in the
 * order of their names, without owners or times. Links and devices are left out.
 * False: @path was not written, and @why says why; nothing of it is left. */
bool tar_write_folder(const char *folder, const char *top, const char *path, uint64_t *out_files,
                      char *why, size_t why_bytes);

#endif
