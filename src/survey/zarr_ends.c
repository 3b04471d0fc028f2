/* SPDX-License-Identifier: Apache-2.0 */
/* zarr_ends.c - the one array of a replay buffer whose values a survey needs.
 *
 * Values are unpacked a chunk at a time into buffers of one chunk. A shape claims episodes and
 * costs nothing to write, so that no more are believed than the chunks on disk have room for.
 * Invariant: an end that was not read is UINT64_MAX, never a guess.
 */
#include "src/survey/zarr_ends.h"

#include <string.h>

#include "arena/bytes.h"

#define PACKED_EXTRA 65536u /* what a packed chunk may be longer than an unpacked one */

static plim_status refuse(const plim_zarr_ends *self, plim_error *err, plim_status status,
                          const char *field, const char *wanted, const char *found)
{
    plim_error_set(err, status, "zarr", field, wanted, found);
    plim_error_detail(err, "%s", self->array->name);
    return status;
}

static uint64_t read_value(const plim_zarr_array *array, const uint8_t *p)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < array->item_bytes; i++) {
        uint32_t at = array->is_big_endian ? i : array->item_bytes - 1 - i;
        value = value << 8 | p[at];
    }
    return value;
}

typedef struct ends_pass {
    plim_zarr_ends *self;
    plim_zarr_store *store;
    uint64_t first, count, *ends;
    uint64_t chunk_count; /* seen, whichever they are */
    plim_status status;   /* of the first chunk that failed */
    plim_error error;
} ends_pass;

static plim_status unpack(ends_pass *pass, plim_error *err)
{
    plim_zarr_ends *self = pass->self;
    size_t bytes;
    PLIM_TRY(plim_zarr_store_read(pass->store, self->packed, self->packed_room, &bytes, err));
    if (self->array->codec == PLIM_ZARR_RAW) { /* packed is plain */
        return bytes == self->chunk_bytes ? PLIM_OK
                                          : refuse(self, err, PLIM_E_FORMAT, "chunk",
                                                   "as long as its array says", "another length");
    }
    plim_status status = plim_zarr_unpack(self->array->codec, self->packed, bytes, self->plain,
                                          self->chunk_bytes, self->scratch, err);
    if (status != PLIM_OK) {
        plim_error_detail(err, "%s", self->array->name);
    }
    return status;
}

static plim_status see_chunk(void *context, const plim_zarr_key *key, plim_error *err)
{
    ends_pass *pass = context;
    const plim_zarr_array *array = pass->self->array;
    uint64_t first, end, last = pass->first + pass->count;
    plim_error mine;
    (void)err; /* one chunk that fails leaves the others */
    if (!plim_zarr_array_rows(array, key->key + strlen(array->name) + 1, &first, &end)) {
        return PLIM_OK;
    }
    pass->chunk_count++;
    if (first >= last || end <= pass->first) {
        return PLIM_OK;
    }
    plim_status status = unpack(pass, &mine);
    if (status != PLIM_OK && pass->status == PLIM_OK) {
        pass->status = status;
        pass->error = mine;
    }
    for (uint64_t i = first; i < end && status == PLIM_OK; i++) {
        if (i >= pass->first && i < last) {
            const uint8_t *at = pass->self->plain + (i - first) * array->item_bytes;
            pass->ends[i - pass->first] = read_value(array, at);
        }
    }
    return PLIM_OK;
}

static plim_status run(ends_pass *pass, plim_error *err)
{
    const plim_zarr_ends *self = pass->self;
    for (uint64_t i = 0; i < pass->count; i++) {
        pass->ends[i] = UINT64_MAX;
    }
    PLIM_TRY(plim_zarr_store_visit(pass->store, self->array->name, see_chunk, pass, err));
    if (pass->status != PLIM_OK) {
        if (err) {
            *err = pass->error;
        }
        return pass->status;
    }
    for (uint64_t i = 0; i < pass->count; i++) {
        if (pass->ends[i] == UINT64_MAX) {
            return refuse(self, err, PLIM_E_NOT_FOUND, "chunk", "an end for each episode", "none");
        }
    }
    return PLIM_OK;
}

plim_status plim_zarr_ends_read(plim_zarr_ends *self, plim_zarr_store *store, uint64_t first,
                                uint64_t count, uint64_t *ends, plim_error *err)
{
    ends_pass pass = {.self = self, .store = store, .first = first, .count = count, .ends = ends};
    return run(&pass, err);
}

static plim_status check(plim_zarr_ends *self, plim_error *err)
{
    const plim_zarr_array *array = self->array;
    uint64_t bytes;
    bool is_whole = (array->kind == 'i' || array->kind == 'u') && array->item_bytes <= 8;
    if (array->rank != 1 || !is_whole) {
        return refuse(self, err, PLIM_E_UNSUPPORTED, "dtype", "a list of whole numbers",
                      array->dtype);
    }
    if (array->has_filters) {
        return refuse(self, err, PLIM_E_UNSUPPORTED, "filters", "none", "some");
    }
    if (!bytes_mul(array->chunks[0], array->item_bytes, &bytes) ||
        bytes > PLIM_ZARR_ENDS_CHUNK_MAX) {
        return refuse(self, err, PLIM_E_UNSUPPORTED, "chunk", "at most 1 MiB", "larger");
    }
    self->chunk_bytes = (size_t)bytes;
    self->count = array->shape[0];
    return PLIM_OK;
}

/* No more than the compressor needs: a whole one of 100,000 episodes is 800 KB. */
static plim_status take_buffers(plim_zarr_ends *self, plim_survey *survey, plim_error *err)
{
    bool is_raw = self->array->codec == PLIM_ZARR_RAW;
    bool is_blosc = self->array->codec == PLIM_ZARR_BLOSC;
    size_t chunk = self->chunk_bytes;
    void *room;
    self->packed_room = chunk + (is_raw ? 0 : PACKED_EXTRA);
    size_t bytes = self->packed_room + (is_raw ? 0 : chunk) + (is_blosc ? chunk : 0);
    /* not zeroed: pages that no chunk needs are never touched */
    PLIM_TRY(plim_region_alloc(survey->home, bytes, 0, &room, err));
    self->packed = room;
    self->plain = is_raw ? self->packed : self->packed + self->packed_room;
    self->scratch = is_blosc ? self->plain + chunk : NULL;
    return PLIM_OK;
}

plim_status plim_zarr_ends_open(plim_zarr_ends *self, const plim_zarr_array *array,
                                plim_zarr_store *store, plim_survey *survey, plim_error *err)
{
    uint64_t last = 0, held;
    *self = (plim_zarr_ends){.array = array};
    PLIM_TRY(check(self, err));
    if (self->count == 0) {
        return PLIM_OK;
    }
    PLIM_TRY(take_buffers(self, survey, err));
    ends_pass pass = {
        .self = self, .store = store, .first = self->count - 1, .count = 1, .ends = &last};
    PLIM_TRY(run(&pass, err));
    if (bytes_mul(pass.chunk_count, array->chunks[0], &held) && held < self->count) {
        return refuse(self, err, PLIM_E_FORMAT, "shape", "what its chunks hold", "more");
    }
    self->total_rows = last;
    return last <= INT64_MAX ? PLIM_OK
                             : refuse(self, err, PLIM_E_FORMAT, "value", "rows", "below 0");
}
