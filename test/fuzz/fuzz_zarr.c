/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_zarr.c - zip files through the whole survey; .zarray texts; packed chunks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plimsoll/plimsoll.h"
#include "src/survey/zarr_array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EPISODES_MAX 600u /* more than two batches; a frame can claim 131,072 in a few bytes */
#define PLAIN_BYTES  4096u

static plim_region *home(void)
{
    static plim_region *region;
    plim_budget *budget;
    plim_arena *arena;
    plim_budget_opts b = plim_budget_opts_default();
    plim_region_opts r = plim_region_opts_default();
    b.cap_bytes = 16u << 20;
    r.tag = PLIM_TAG_OTHER;
    r.size_bytes = 8u << 20;
    if (!region && (plim_budget_open(plim_provider_mmap(), &b, &budget, NULL) != PLIM_OK ||
                    plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, NULL) != PLIM_OK ||
                    plim_region_create(arena, PLIM_REGION_BUMP, &r, &region, NULL) != PLIM_OK)) {
        abort();
    }
    return region;
}

static void walk(const char *path, size_t size)
{
    plim_survey *survey;
    const plim_survey_episode *e = NULL;
    plim_error err;
    uint64_t parts = 0, count = 0;
    if (plim_survey_open(path, NULL, home(), &survey, &err) != PLIM_OK) {
        return;
    }
    plim_status status = PLIM_OK;
    while (count++ < EPISODES_MAX && (status = plim_survey_next(survey, &e, &err)) == PLIM_OK &&
           e) {
        parts += e->disk_bytes;
    }
    const plim_survey_info *info = plim_survey_get_info(survey);
    for (uint32_t i = 0; i < info->shared_count; i++) {
        parts += info->shared[i].bytes;
    }
    if (parts > size || (status == PLIM_OK && !e && parts != size)) {
        abort(); /* the parts are not the whole */
    }
    plim_survey_close(survey);
}

static void read_zip(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char path[64];
    fd = fd < 0 ? memfd_create("zarr", 0) : fd;
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) {
        abort();
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    walk(path, size);
}

/* Each codec in turn, on exactly the bytes that are there. */
static void read_chunk(const uint8_t *data, size_t size)
{
    plim_zarr_codec codec = (plim_zarr_codec)(data[0] % (PLIM_ZARR_OTHER + 1));
    size_t packed_bytes = size - 1, plain_bytes = PLAIN_BYTES;
    uint8_t *plain, *scratch;
    plim_error err;
    if (codec == PLIM_ZARR_BLOSC &&
        size > 9) { /* as long as the frame says, or little would pass */
        uint32_t said;
        memcpy(&said, data + 5, sizeof(said));
        plain_bytes = said && said <= PLAIN_BYTES ? said : PLAIN_BYTES;
    }
    plain = malloc(plain_bytes);
    scratch = malloc(plain_bytes);
    if (plain && scratch) {
        plim_status status =
            plim_zarr_unpack(codec, data + 1, packed_bytes, plain, plain_bytes, scratch, &err);
        (void)status;
    }
    free(plain);
    free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plim_zarr_array array;
    plim_error err;
    uint64_t first, end;
    if (size && data[0] == 'P') {
        read_zip(data, size);
    } else if (size && data[0] == '{') {
        if (plim_zarr_array_parse(&array, (const char *)data, size, &err) == PLIM_OK &&
            plim_zarr_array_rows(&array, "1.0.0", &first, &end) &&
            (first >= end || end > plim_zarr_array_row_count(&array))) {
            abort();
        }
    } else if (size) {
        read_chunk(data, size);
    }
    return 0;
}
