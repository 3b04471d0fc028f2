/* SPDX-License-Identifier: Apache-2.0 */
/* plan_head.c - what a recorded plan of activations beside an artifact will cost.
 *
 * Decides from the head alone whether the plan is this engine's: payload root, backend, its
 * version, threads, prepacking, in the order that the runtime writes them (docs/container.md);
 * any other line order is no plan. The runtime reads the file again and verifies every buffer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/tools/plimsoll/predict.h"

static bool next_is(FILE *f, const char *key, const char *value)
{
    char line[256], want[256];
    snprintf(want, sizeof(want), "# %s %s\n", key, value);
    return fgets(line, sizeof(line), f) && strcmp(line, want) == 0;
}

static bool next_number(FILE *f, const char *key, int base, uint64_t *out)
{
    char line[256], *end = line;
    size_t n = strlen(key);
    if (!fgets(line, sizeof(line), f) || strncmp(line, "# ", 2) != 0 ||
        strncmp(line + 2, key, n) != 0 || line[2 + n] != ' ') {
        return false;
    }
    errno = 0;
    *out = strtoull(line + 3 + n, &end, base);
    return errno == 0 && end != line + 3 + n && *end == '\n';
}

bool plan_head_read(const char *path, const plan_head *want, plan_head *out)
{
    char root[2 * PLIM_DIGEST_BYTES + 1], threads[16];
    uint64_t shapes;
    *out = *want;
    FILE *f = fopen(path, "re");
    if (!f) {
        return false;
    }
    for (size_t i = 0; i < PLIM_DIGEST_BYTES; i++) {
        snprintf(root + 2 * i, 3, "%02x", want->root[i]);
    }
    snprintf(threads, sizeof(threads), "%u", (unsigned)want->threads);
    bool ok = next_is(f, "plimsoll", "activation plan 1") && next_is(f, "root", root) &&
              next_is(f, "backend", want->backend) && next_is(f, "version", want->version) &&
              next_is(f, "threads", threads) && next_is(f, "prepack", want->prepack ? "1" : "0") &&
              next_number(f, "shapes", 16, &shapes) &&
              next_number(f, "requests", 10, &out->request_count) &&
              next_number(f, "height", 10, &out->height_bytes) && out->height_bytes <= INT64_MAX &&
              out->request_count <= UINT32_MAX;
    fclose(f);
    return ok;
}
