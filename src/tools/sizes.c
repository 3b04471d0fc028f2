/* SPDX-License-Identifier: Apache-2.0 */
/* sizes.c - a size as a person writes it: a number and a unit, so that 256 is never mistaken for
 * bytes or for MiB. 0 needs no unit. */
#include "src/tools/sizes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool size_parse(const char *text, uint64_t *out, const char **why)
{
    static const struct {
        const char *unit;
        double bytes;
    } UNITS[] = {{"B", 1},
                 {"kB", 1e3},
                 {"MB", 1e6},
                 {"GB", 1e9},
                 {"TB", 1e12},
                 {"KiB", 1024},
                 {"MiB", 1024 * 1024},
                 {"GiB", 1073741824.0},
                 {"TiB", 1099511627776.0}};
    char *end;
    *why = "a size is a number and a unit, such as 256 MiB or 1.5 GB";
    if (!isdigit((unsigned char)*text)) {
        return false;
    }
    double number = strtod(text, &end);
    while (*end == ' ') {
        end++;
    }
    if (*end == 0 && number == 0.0) {
        *out = 0;
        return true;
    }
    if (*end == 0) {
        *why = "the unit is missing: B, kB, MB, GB (10^3) or KiB, MiB, GiB (2^10)";
        return false;
    }
    for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
        if (strcmp(end, UNITS[i].unit) == 0) {
            double bytes = number * UNITS[i].bytes;
            *why = "the size does not fit in 63 bits";
            if (bytes >= 9.2e18) {
                return false;
            }
            *out = (uint64_t)bytes;
            return true;
        }
    }
    *why = "unknown unit: B, kB, MB, GB, TB (10^3) or KiB, MiB, GiB, TiB (2^10)";
    return false;
}
