/* SPDX-License-Identifier: Apache-2.0 */
/* beside.h - where the parts that are loaded or run on demand lie: plug-ins, reader programs. */
#ifndef EPISODE_BESIDE_H
#define EPISODE_BESIDE_H

#include <stdbool.h>
#include <stddef.h>

/* plim_beside_find - the path of @file near the library or program that this code is in: in its
 * folder, in plimsoll/ there, one folder up, or in ../lib/plimsoll. False: nowhere. @out holds
 * that library's or program's own path then. */
bool plim_beside_find(const char *file, char *out, size_t out_bytes);

#endif
