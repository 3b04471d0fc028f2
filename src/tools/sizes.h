/* SPDX-License-Identifier: Apache-2.0 */
/* sizes.h - sizes on command lines and in manifests, one rule for all tools. */
#ifndef TOOLS_SIZES_H
#define TOOLS_SIZES_H

#include <stdbool.h>
#include <stdint.h>

/* "256 MiB", "1.5GB", "0"; units B kB MB GB TB (10^3) and KiB MiB GiB TiB (2^10). On failure
 * *why says what is wrong. */
bool size_parse(const char *text, uint64_t *out, const char **why);

#endif
