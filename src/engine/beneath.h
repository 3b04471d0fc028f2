/* SPDX-License-Identifier: Apache-2.0 */
/* beneath.h - open a file that a model names, strictly inside the model's folder. */
#ifndef ENGINE_BENEATH_H
#define ENGINE_BENEATH_H

#include "plimsoll/status.h"

#define PLIM_BENEATH_BYTES 256 /* longest relative path with its NUL */

/* The folder that @path lies in. Errors: E_IO, E_RANGE. */
plim_status plim_beneath_folder(const char *path, int *out_fd, plim_error *err);

/* Opens @name under @folder: relative, no "." or "..", no symbolic link on the way, a regular
 * file with one link. Errors: E_FORMAT for a path or file that is refused, E_NOT_FOUND, E_IO. */
plim_status plim_beneath_open(int folder, const char *name, int *out_fd, uint64_t *out_bytes,
                              plim_error *err);

#endif
