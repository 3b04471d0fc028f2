/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_headroom_lines.c - lines that bear on a headroom, from a kernel that nobody has seen:
 * believed or refused, never read past their end; what is refused changes nothing. The first byte
 * picks the parser. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "platform/linux/cgroup_levels.h"
#include "platform/linux/reclaim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void try_stat(uint32_t version, const char *line)
{
    plim_cgroup_level level, before;
    memset(&level, 0xff, sizeof(level));
    level.is_top = level.is_damaged = level.is_silent = false;
    memcpy(&before, &level, sizeof(before));
    if (!plim_cgroup_stat_parse(line, version, &level)) {
        must(memcmp(&before, &level, sizeof(before)) == 0);
    }
    must(level.dirty_bytes == UINT64_MAX || level.dirty_bytes <= INT64_MAX);
    must(level.inactive_file_bytes == UINT64_MAX || level.inactive_file_bytes <= INT64_MAX);
}

static void try_line(uint8_t which, const char *line)
{
    static const char *const NAMES[] = {"Max address space", "Max data size", "Max locked memory"};
    uint64_t bytes = 77;
    uint32_t release[3] = {7, 7, 7};
    bool is_zram = false;
    switch (which % 6) {
    case 0:
    case 1:
        try_stat(which % 6 + 1u, line);
        break;
    case 2:
        must(!plim_cgroup_limit_parse(line, &bytes) || bytes == UINT64_MAX || bytes <= INT64_MAX);
        break;
    case 3:
        must(plim_swap_free_parse(line, &is_zram, &bytes) ? bytes <= INT64_MAX : bytes == 77);
        break;
    case 4:
        must(plim_limit_parse(line, NAMES[which % 3], &bytes) || bytes == 77);
        break;
    default:
        must(plim_release_parse(line, release) || release[0] == 7);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    char *line = malloc(size); /* exactly as long as its text, for the sanitizer */
    if (!line) {
        return 0;
    }
    memcpy(line, data + 1, size - 1);
    line[size - 1] = 0;
    try_line(data[0], line);
    free(line);
    return 0;
}
