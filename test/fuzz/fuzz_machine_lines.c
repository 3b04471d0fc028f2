/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_machine_lines.c - lines of the system, from a kernel that nobody has seen: believed or
 * refused, never read past their end. The first byte picks the parser. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "platform/linux/counters.h"
#include "platform/linux/nvmap.h"
#include "platform/linux/process_share.h"
#include "platform/linux/stall_share.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void try_line(uint8_t which, char *line)
{
    uint64_t a = 0, b = 0;
    uint32_t n = 0;
    plim_process_share share;
    plim_stall stall;
    switch (which % 7) {
    case 0: {
        plim_nvmap_line kind = plim_nvmap_client_parse(line, &n, &a);
        must((kind != PLIM_NVMAP_CLIENT && kind != PLIM_NVMAP_TOTAL) || a <= INT64_MAX);
        break;
    }
    case 1:
        must(!plim_nvmap_handle_parse(line, &a, &b) || b <= a);
        break;
    case 2:
        must(!plim_zram_parse(line, &a) || a <= INT64_MAX);
        break;
    case 3:
        must(!plim_stall_parse(line, "some", &stall) ||
             (stall.share <= 10000 && stall.total_us <= INT64_MAX));
        break;
    case 4:
        must(!plim_buddy_parse(line, &n, &a) || n < 32);
        break;
    case 5:
        must(!plim_process_share_parse(line, &share) ||
             (share.anon_bytes <= INT64_MAX && share.file_bytes <= INT64_MAX));
        break;
    default:
        (void)plim_process_start_parse(line, &a);
        (void)plim_process_number(line, &n);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t sum = 0;
    if (size < 2) {
        return 0;
    }
    char *line = malloc(size); /* exactly as long as its text, for the sanitizer */
    if (!line) {
        return 0;
    }
    memcpy(line, data + 1, size - 1);
    line[size - 1] = 0;
    if (data[0] % 8 == 7) {
        must(!plim_carveout_parse((unsigned char *)line, size - 1, data[0] >> 6, data[1] % 4,
                                  &sum) ||
             sum <= INT64_MAX);
    } else {
        try_line(data[0], line);
    }
    free(line);
    return 0;
}
