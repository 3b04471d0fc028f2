/* SPDX-License-Identifier: Apache-2.0 */
/* mp4_share.c - the part of a video file that one of its episodes owns.
 *
 * A file of many episodes is cut by presentation time. Each episode's samples lie together in
 * decoding order, but for the few that decoding order moves past a border: the search goes on
 * for REORDER_LIMIT samples behind the share, and the next search starts where this share ended.
 * Invariant: a sample belongs to at most one of two shares that touch.
 */
#include <string.h>

#include "src/episode/mp4.h"

#define REORDER_LIMIT 64u
#define PIECE_ENTRIES 256u

/* Entries of one table, a piece at a time. */
typedef struct entry_reader {
    const plim_file_bytes *file;
    const plim_mp4_table *table;
    uint32_t words; /* in an entry */
    uint32_t first, count;
    uint8_t piece[PIECE_ENTRIES * 8];
} entry_reader;

static plim_status entry(entry_reader *r, uint32_t index, uint32_t *out, plim_error *err)
{
    if (index >= r->table->count) {
        plim_error_set(err, PLIM_E_FORMAT, "mp4", "table", "another entry", "none");
        plim_error_detail(err, "%s", r->file->path);
        return PLIM_E_FORMAT;
    }
    if (index < r->first || index - r->first >= r->count) {
        uint32_t left = r->table->count - index;
        r->count = left < PIECE_ENTRIES ? left : PIECE_ENTRIES;
        r->first = index;
        PLIM_TRY(plim_file_bytes_read(r->file, r->table->offset + (uint64_t)index * r->words * 4,
                                      r->piece, (size_t)r->count * r->words * 4, err));
    }
    for (uint32_t i = 0; i < r->words; i++) {
        out[i] = plim_be32(r->piece + 4 * ((index - r->first) * r->words + i));
    }
    return PLIM_OK;
}

typedef struct share_read {
    const plim_mp4 *mp4;
    entry_reader sizes, durations, offsets;
    plim_error *err;
} share_read;

/* The run that @place is in; a run of length 0 is passed over. */
static plim_status reach_run(entry_reader *r, uint32_t *at, uint32_t *left, uint32_t *value,
                             plim_error *err)
{
    while (!*left) {
        uint32_t run[2];
        PLIM_TRY(entry(r, *at, run, err));
        ++*at;
        *left = run[0];
        *value = run[1];
    }
    return PLIM_OK;
}

/* The presentation time of the sample at @place; @place moves on. */
static plim_status step(share_read *s, plim_mp4_place *place, int64_t *shown)
{
    PLIM_TRY(reach_run(&s->durations, &place->duration_entry, &place->duration_left,
                       &place->duration, s->err));
    int32_t offset = 0;
    if (s->mp4->offsets.count) {
        PLIM_TRY(reach_run(&s->offsets, &place->offset_entry, &place->offset_left, &place->offset,
                           s->err));
        place->offset_left--;
        offset = (int32_t)place->offset;
    }
    *shown = place->decoded + offset;
    place->decoded += place->duration; /* at most 2^24 times 2^32 */
    place->duration_left--;
    place->sample++;
    return PLIM_OK;
}

plim_status plim_mp4_share(const plim_file_bytes *file, const plim_mp4 *mp4, plim_mp4_place *place,
                           double from, double to, uint32_t *samples, uint64_t *bytes,
                           plim_error *err)
{
    share_read s = {.mp4 = mp4, .err = err};
    s.sizes = (entry_reader){.file = file, .table = &mp4->sizes, .words = 1};
    s.durations = (entry_reader){.file = file, .table = &mp4->durations, .words = 2};
    s.offsets = (entry_reader){.file = file, .table = &mp4->offsets, .words = 2};
    plim_mp4_place at = *place, after = *place;
    uint32_t late = 0, run[2];
    int64_t first = mp4->first_tick;
    *samples = 0;
    *bytes = 0;
    if (mp4->offsets.count) { /* without an edit list the first sample is shown at its offset */
        PLIM_TRY(entry(&s.offsets, 0, run, err));
        first = (int32_t)run[1] > first ? (int32_t)run[1] : first;
    }
    while (at.sample < mp4->sample_count && late < REORDER_LIMIT) {
        uint32_t index = at.sample, size = mp4->fixed_sample_bytes;
        int64_t shown;
        PLIM_TRY(step(&s, &at, &shown));
        double half = at.duration / 2.0;
        double seconds = ((double)(shown - first) + half) / mp4->timescale;
        late += seconds >= to;
        if (seconds >= from && seconds < to) {
            if (!size) {
                PLIM_TRY(entry(&s.sizes, index, &size, err));
            }
            ++*samples;
            *bytes += size;
        }
        after = late ? after : at; /* the next share starts at the first sample behind this one */
    }
    *place = after;
    return PLIM_OK;
}
