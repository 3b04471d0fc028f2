/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_mp4.c - the box walker, the presentation times, and shares of a file. */
#include <stdlib.h>

#include "src/episode/mp4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two shares that touch never hold more than the whole file. */
static void check_shares(const plim_file_bytes *file, const plim_mp4 *mp4)
{
    plim_mp4_place place = {0};
    plim_error err;
    uint32_t first, second;
    uint64_t first_bytes, second_bytes;
    if (plim_mp4_share(file, mp4, &place, -1e18, 1.0, &first, &first_bytes, &err) != PLIM_OK ||
        plim_mp4_share(file, mp4, &place, 1.0, 1e18, &second, &second_bytes, &err) != PLIM_OK) {
        return;
    }
    if ((uint64_t)first + second > mp4->sample_count ||
        first_bytes + second_bytes > mp4->sample_bytes) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plim_file_bytes file;
    plim_mp4 mp4;
    plim_error err;
    plim_file_bytes_from_memory(&file, data, size);
    if (plim_mp4_read(&file, &mp4, &err) != PLIM_OK) {
        return 0;
    }
    if (mp4.sample_bytes + mp4.container_bytes != size) {
        abort();
    }
    if (mp4.keyframe_apart > mp4.sample_count) {
        abort();
    }
    if (mp4.sample_count && mp4.sample_count <= 65536) {
        check_shares(&file, &mp4);
        int64_t *ticks = malloc(mp4.sample_count * sizeof(*ticks));
        if (ticks && plim_mp4_ticks(&file, &mp4, ticks, &err) == PLIM_OK) {
            for (uint32_t i = 1; i < mp4.sample_count; i++) {
                if (ticks[i] < ticks[i - 1]) {
                    abort();
                }
            }
        }
        free(ticks);
    }
    return 0;
}
