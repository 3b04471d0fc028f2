/* SPDX-License-Identifier: Apache-2.0 */
/* plan_header.c - "ftrt", a zero word, and at byte 24 major, minor, patch and build.
 *
 * Known for plans from TensorRT 8.6 on; some tools put a u32 length and that many bytes of
 * JSON in front. Anything else carries no version that can be read, and is let pass: the
 * runtime itself will refuse it.
 */
#include "src/engine/plan_header.h"

#include <stdio.h>
#include <string.h>

#include "src/engine/file.h"

#define HEADER_BYTES 28u

static bool is_tagged(const uint8_t *header)
{
    return memcmp(header, "ftrt\0\0\0\0", 8) == 0;
}

plim_status plim_plan_header_check(int fd, const char *path, uint64_t file_bytes,
                                   const plim_card *card, plim_error *err)
{
    uint8_t header[HEADER_BYTES];
    if (file_bytes < HEADER_BYTES) {
        return PLIM_OK;
    }
    PLIM_TRY(plim_engine_read_at(fd, path, header, sizeof(header), 0, err));
    uint64_t front = 4 + (header[0] | (uint64_t)header[1] << 8 | (uint64_t)header[2] << 16 |
                          (uint64_t)header[3] << 24);
    if (!is_tagged(header) && header[4] == '{' && front <= file_bytes - HEADER_BYTES) {
        PLIM_TRY(plim_engine_read_at(fd, path, header, sizeof(header), front, err));
    }
    if (!is_tagged(header) || !card->tensorrt[0]) {
        return PLIM_OK;
    }
    char found[24];
    int n = snprintf(found, sizeof(found), "%u.%u.%u", header[24], header[25], header[26]);
    /* The card may name the build as a fourth number. */
    if (strncmp(card->tensorrt, found, (size_t)n) == 0 &&
        (!card->tensorrt[n] || card->tensorrt[n] == '.')) {
        return PLIM_OK;
    }
    plim_error_set(err, PLIM_E_MISMATCH, "the plan was built by another TensorRT", "tensorrt",
                   card->tensorrt, found);
    plim_error_detail(err, "%s", path);
    return PLIM_E_MISMATCH;
}
