/* SPDX-License-Identifier: Apache-2.0 */
/* beside.c - the folders around the library or program, tried in order.
 *
 * Works in a build folder, in an installed tree that was moved, and for a library that somebody
 * else's program loaded: paths are never compiled in.
 */
#include "src/episode/beside.h"

#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "platform/shared_object.h"

/* The file that this code was loaded from. A program started through PATH is known to the
 * dynamic loader by its bare name only; the kernel passed the whole one beside the arguments. */
static const char *own_file(void)
{
    static const char anchor = 0;
    const char *file = plim_shared_object_path(&anchor);
    if (!file[0] || strchr(file, '/')) {
        return file;
    }
    const char *program = (const char *)getauxval(AT_EXECFN);
    return program ? program : "";
}

bool plim_beside_find(const char *file, char *out, size_t out_bytes)
{
    static const char *const beside[] = {"", "plimsoll/", "../", "../lib/plimsoll/"};
    const char *own = own_file(), *slash = strrchr(own, '/');
    int folder = slash ? (int)(slash - own) + 1 : 0;
    for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
        int n = snprintf(out, out_bytes, "%s%.*s%s%s", folder ? "" : "./", folder, own, beside[i],
                         file);
        if (n > 0 && (size_t)n < out_bytes && access(out, R_OK) == 0) {
            return true;
        }
    }
    snprintf(out, out_bytes, "%s", own);
    return false;
}
