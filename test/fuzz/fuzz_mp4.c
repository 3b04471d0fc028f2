/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_mp4.c - the box walker and the presentation times. */
#include <stdlib.h>

#include "src/episode/mp4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    if (mp4.sample_count && mp4.sample_count <= 65536) {
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
