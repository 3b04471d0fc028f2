/* SPDX-License-Identifier: Apache-2.0 */
/* mp4.c - a box walker for ISO base media files (ISO/IEC 14496-12).
 *
 * Decides how many bytes of a file are encoded frames and when each frame is shown.
 * Refuses fragmented files (moof), files without a video track, and every table that claims
 * more entries than its box has bytes.
 * Invariants: a box lies inside its parent; at most BOX_LIMIT boxes are looked at, DEPTH_LIMIT
 * deep; the sum of the sample sizes never exceeds the file. A track inside a track is read as the
 * inner one, harmlessly.
 */
#include "src/episode/mp4.h"

#include <stdbool.h>
#include <string.h>

#include "arena/bytes.h"

#define BOX_LIMIT   65536u
#define DEPTH_LIMIT 8u
#define PIECE_BYTES 4096u

#define FOURCC(a, b, c, d)                                                                         \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

typedef struct mp4_box {
    uint32_t type;
    uint64_t body, end; /* of the content, in the file */
} mp4_box;

typedef struct mp4_walk {
    const plim_file_bytes *file;
    plim_mp4 *out;
    plim_error *err;
    uint32_t box_count, depth;
    bool is_video, has_video; /* this track; a finished one */
    bool has_sizes, has_durations;
    plim_mp4 track;
} mp4_walk;

static plim_status refuse(plim_error *err, const plim_file_bytes *file, const char *field,
                          const char *wanted, const char *found)
{
    plim_error_set(err, PLIM_E_FORMAT, "mp4", field, wanted, found);
    plim_error_detail(err, "%s", file->path);
    return PLIM_E_FORMAT;
}

static plim_status unsupported(plim_error *err, const plim_file_bytes *file, const char *field,
                               const char *wanted, const char *found)
{
    plim_error_set(err, PLIM_E_UNSUPPORTED, "mp4", field, wanted, found);
    plim_error_detail(err, "%s", file->path);
    return PLIM_E_UNSUPPORTED;
}

/* The box at @at, which must lie inside [at, end). */
static plim_status box_at(mp4_walk *w, uint64_t at, uint64_t end, mp4_box *box)
{
    uint8_t head[16];
    if (++w->box_count > BOX_LIMIT) {
        return refuse(w->err, w->file, "boxes", "at most 65536", "more");
    }
    if (end - at < 8) {
        return refuse(w->err, w->file, "box", "8 bytes of header", "cut short");
    }
    PLIM_TRY(plim_file_bytes_read(w->file, at, head, 8, w->err));
    uint64_t size = plim_be32(head), header = 8;
    box->type = plim_be32(head + 4);
    if (size == 1) {
        if (end - at < 16) {
            return refuse(w->err, w->file, "box", "16 bytes of header", "cut short");
        }
        PLIM_TRY(plim_file_bytes_read(w->file, at + 8, head + 8, 8, w->err));
        size = plim_be64(head + 8);
        header = 16;
    } else if (size == 0) {
        size = end - at;
    }
    if (size < header || size > end - at) {
        char name[5] = {(char)head[4], (char)head[5], (char)head[6], (char)head[7], 0};
        return refuse(w->err, w->file, name, "a size inside its parent", "larger or smaller");
    }
    box->body = at + header;
    box->end = at + size;
    return PLIM_OK;
}

/* Read @bytes from the start of a box. */
static plim_status box_head(mp4_walk *w, const mp4_box *box, const char *name, uint8_t *to,
                            size_t bytes)
{
    if (box->end - box->body < bytes) {
        return refuse(w->err, w->file, name, "a whole box", "cut short");
    }
    return plim_file_bytes_read(w->file, box->body, to, bytes, w->err);
}

/* A table of @entry_bytes per entry after @head_bytes; the count is the head's last word. */
static plim_status table_at(mp4_walk *w, const mp4_box *box, const char *name, size_t entry_bytes,
                            plim_mp4_table *out)
{
    uint8_t head[8];
    PLIM_TRY(box_head(w, box, name, head, sizeof(head)));
    uint32_t count = plim_be32(head + 4);
    if (count > (box->end - box->body - sizeof(head)) / entry_bytes) {
        return refuse(w->err, w->file, name, "entries inside the box", "more");
    }
    *out = (plim_mp4_table){.offset = box->body + sizeof(head), .count = count};
    return PLIM_OK;
}

static plim_status read_sizes(mp4_walk *w, const mp4_box *box)
{
    uint8_t head[12];
    PLIM_TRY(box_head(w, box, "stsz", head, sizeof(head)));
    uint32_t fixed = plim_be32(head + 4), count = plim_be32(head + 8);
    if (count > PLIM_MP4_SAMPLES_MAX ||
        (!fixed && count > (box->end - box->body - sizeof(head)) / 4)) {
        return refuse(w->err, w->file, "stsz", "entries inside the box", "more");
    }
    w->track.sizes = (plim_mp4_table){.offset = box->body + sizeof(head), .count = count};
    w->track.sample_count = count;
    w->track.fixed_sample_bytes = fixed;
    w->has_sizes = true;
    return PLIM_OK;
}

static plim_status read_media_header(mp4_walk *w, const mp4_box *box)
{
    uint8_t head[24];
    PLIM_TRY(box_head(w, box, "mdhd", head, 16));
    size_t at = 12;
    if (head[0] == 1) {
        at = 20;
        PLIM_TRY(box_head(w, box, "mdhd", head, sizeof(head)));
    }
    w->track.timescale = plim_be32(head + at);
    return w->track.timescale ? PLIM_OK
                              : refuse(w->err, w->file, "mdhd", "ticks a second above 0", "0");
}

static plim_status read_edit_list(mp4_walk *w, const mp4_box *box)
{
    uint8_t head[8], entry[20];
    PLIM_TRY(box_head(w, box, "elst", head, sizeof(head)));
    bool wide = head[0] == 1;
    size_t entry_bytes = wide ? 20 : 12;
    uint32_t count = plim_be32(head + 4);
    if (count > (box->end - box->body - sizeof(head)) / entry_bytes) {
        return refuse(w->err, w->file, "elst", "entries inside the box", "more");
    }
    for (uint32_t i = 0; i < count && i < 16; i++) {
        PLIM_TRY(plim_file_bytes_read(w->file, box->body + 8 + i * entry_bytes, entry, entry_bytes,
                                      w->err));
        int64_t time = wide ? (int64_t)plim_be64(entry + 8) : (int32_t)plim_be32(entry + 4);
        if (time >= 0) { /* -1 is an empty edit: a pause before the first frame */
            w->track.first_tick = time;
            break;
        }
    }
    return PLIM_OK;
}

static uint32_t bits_of(uint32_t chroma, uint32_t depth)
{
    static const uint32_t SAMPLES[] = {2, 3, 4, 6}; /* halves of a sample a pixel: grey to 4:4:4 */
    uint32_t sample_bits = depth > 8 ? 16 : 8;      /* decoders keep 10 and 12 bits in two bytes */
    return SAMPLES[chroma & 3] * sample_bits / 2;
}

/* The decoder's configuration inside a sample entry: chroma format and bits of a sample. AVC says
 * them for the high profiles only; the others are 8-bit 4:2:0 by definition. */
static plim_status read_configuration(mp4_walk *w, const mp4_box *box)
{
    uint8_t head[19] = {0};
    uint64_t bytes = box->end - box->body;
    size_t n = bytes < sizeof(head) ? (size_t)bytes : sizeof(head);
    PLIM_TRY(plim_file_bytes_read(w->file, box->body, head, n, w->err));
    if (box->type == FOURCC('h', 'v', 'c', 'C') && n == sizeof(head)) {
        w->track.pixel_bits = bits_of(head[16], 8 + (head[17] & 7u));
    } else if (box->type == FOURCC('a', 'v', '1', 'C') && n >= 4) {
        bool is_grey = head[2] & 0x10, is_x = head[2] & 8, is_y = head[2] & 4;
        w->track.pixel_bits = bits_of(is_grey        ? 0
                                      : is_x && is_y ? 1
                                      : is_x         ? 2
                                                     : 3,
                                      head[2] & 0x40 ? 10 : 8);
    } else if (box->type == FOURCC('v', 'p', 'c', 'C') && n >= 7) {
        uint32_t chroma = (head[6] >> 1) & 7u; /* 0 and 1: 4:2:0; 2: 4:2:2; 3: 4:4:4 */
        w->track.pixel_bits = bits_of(chroma < 2 ? 1 : chroma, head[6] >> 4);
    } else if (box->type == FOURCC('a', 'v', 'c', 'C')) {
        w->track.pixel_bits = 12;
        uint8_t profile = head[1], tail[4];
        bool is_high = profile == 100 || profile == 110 || profile == 122 || profile == 244;
        if (is_high && bytes > 11) { /* the last fields of the box; absent in older files */
            PLIM_TRY(plim_file_bytes_read(w->file, box->end - 4, tail, 4, w->err));
            if ((tail[0] & 0xfc) == 0xfc && (tail[1] & 0xf8) == 0xf8 && (tail[2] & 0xf8) == 0xf8) {
                w->track.pixel_bits = bits_of(tail[0], 8 + (tail[1] & 7u));
            }
        }
    }
    return PLIM_OK;
}

static plim_status read_description(mp4_walk *w, const mp4_box *box)
{
    uint8_t head[8], entry[36];
    PLIM_TRY(box_head(w, box, "stsd", head, sizeof(head)));
    if (box->end - box->body < sizeof(head) + sizeof(entry)) {
        return w->is_video ? refuse(w->err, w->file, "stsd", "a sample entry", "cut short")
                           : PLIM_OK;
    }
    PLIM_TRY(plim_file_bytes_read(w->file, box->body + 8, entry, sizeof(entry), w->err));
    for (int i = 0; i < 4; i++) { /* printed later: keep to printable characters */
        w->track.codec[i] = entry[4 + i] > 32 && entry[4 + i] < 127 ? (char)entry[4 + i] : '?';
    }
    w->track.width = (uint32_t)entry[32] << 8 | entry[33];
    w->track.height = (uint32_t)entry[34] << 8 | entry[35];
    if (!w->is_video) {
        return PLIM_OK; /* sound has another layout */
    }
    /* boxes after the fixed part of a video sample entry, 86 bytes with its header */
    uint64_t size = plim_be32(entry), at = box->body + 8 + 86;
    uint64_t end = size <= box->end - box->body - 8 ? box->body + 8 + size : box->end;
    while (at < end && end - at >= 8) {
        mp4_box child;
        PLIM_TRY(box_at(w, at, end, &child));
        PLIM_TRY(read_configuration(w, &child));
        at = child.end;
    }
    return PLIM_OK;
}

static plim_status read_keyframes(mp4_walk *w, const mp4_box *box)
{
    PLIM_TRY(table_at(w, box, "stss", 4, &w->track.keyframes));
    w->track.keyframe_count = w->track.keyframes.count;
    return PLIM_OK;
}

static plim_status walk(mp4_walk *w, uint64_t at, uint64_t end);

static plim_status read_track(mp4_walk *w, const mp4_box *box)
{
    w->track = (plim_mp4){.keyframe_count = UINT32_MAX};
    w->is_video = w->has_sizes = w->has_durations = false;
    PLIM_TRY(walk(w, box->body, box->end));
    if (w->is_video && !w->has_video) {
        if (!w->has_sizes || !w->has_durations || !w->track.timescale || !w->track.codec[0]) {
            return refuse(w->err, w->file, "trak", "mdhd, stsd, stsz and stts", "one is missing");
        }
        if (!w->track.width || !w->track.height) {
            return refuse(w->err, w->file, "stsd", "width and height above 0", "0");
        }
        w->has_video = true;
        *w->out = w->track;
    }
    return PLIM_OK;
}

static plim_status visit(mp4_walk *w, const mp4_box *box)
{
    uint8_t head[12];
    switch (box->type) {
    case FOURCC('m', 'o', 'o', 'v'):
    case FOURCC('m', 'd', 'i', 'a'):
    case FOURCC('m', 'i', 'n', 'f'):
    case FOURCC('s', 't', 'b', 'l'):
    case FOURCC('e', 'd', 't', 's'):
        return walk(w, box->body, box->end);
    case FOURCC('t', 'r', 'a', 'k'):
        return read_track(w, box);
    case FOURCC('h', 'd', 'l', 'r'):
        PLIM_TRY(box_head(w, box, "hdlr", head, sizeof(head)));
        w->is_video = w->is_video || plim_be32(head + 8) == FOURCC('v', 'i', 'd', 'e');
        return PLIM_OK;
    case FOURCC('m', 'd', 'h', 'd'):
        return read_media_header(w, box);
    case FOURCC('e', 'l', 's', 't'):
        return read_edit_list(w, box);
    case FOURCC('s', 't', 's', 'd'):
        return read_description(w, box);
    case FOURCC('s', 't', 's', 'z'):
        return read_sizes(w, box);
    case FOURCC('s', 't', 't', 's'):
        w->has_durations = true;
        return table_at(w, box, "stts", 8, &w->track.durations);
    case FOURCC('c', 't', 't', 's'):
        return table_at(w, box, "ctts", 8, &w->track.offsets);
    case FOURCC('s', 't', 's', 's'):
        return read_keyframes(w, box);
    case FOURCC('m', 'o', 'o', 'f'):
    case FOURCC('m', 'v', 'e', 'x'):
        return unsupported(w->err, w->file, "layout", "one index (moov)", "fragmented (moof)");
    case FOURCC('c', 'm', 'o', 'v'):
        return unsupported(w->err, w->file, "layout", "a plain moov", "compressed (cmov)");
    case FOURCC('s', 't', 'z', '2'):
        return unsupported(w->err, w->file, "layout", "stsz", "stz2");
    default:
        return PLIM_OK;
    }
}

/* A real file is five deep (moov, trak, mdia, minf, stbl); a hostile one may nest containers into
 * each other until the stack ends. */
static plim_status walk(mp4_walk *w, uint64_t at, uint64_t end)
{
    if (w->depth >= DEPTH_LIMIT) {
        return refuse(w->err, w->file, "boxes", "at most 8 deep", "deeper");
    }
    w->depth++;
    while (at < end) {
        mp4_box box;
        PLIM_TRY(box_at(w, at, end, &box));
        PLIM_TRY(visit(w, &box));
        at = box.end;
    }
    w->depth--;
    return PLIM_OK;
}

/* Fetches big-endian words of a table in pieces. */
typedef struct mp4_words {
    const plim_file_bytes *file;
    plim_error *err;
    uint64_t at, left; /* next byte to fetch; words still to fetch */
    size_t next, count;
    uint8_t piece[PIECE_BYTES];
} mp4_words;

static plim_status word(mp4_words *s, uint32_t *out)
{
    if (s->next == s->count) {
        s->count = s->left < PIECE_BYTES / 4 ? (size_t)s->left : PIECE_BYTES / 4;
        s->next = 0;
        if (!s->count) {
            return refuse(s->err, s->file, "table", "another entry", "none");
        }
        PLIM_TRY(plim_file_bytes_read(s->file, s->at, s->piece, s->count * 4, s->err));
        s->at += s->count * 4;
        s->left -= s->count;
    }
    *out = plim_be32(s->piece + 4 * s->next++);
    return PLIM_OK;
}

static plim_status add_samples(const plim_file_bytes *file, plim_mp4 *mp4, plim_error *err)
{
    uint64_t sum = 0;
    if (mp4->fixed_sample_bytes) {
        sum = (uint64_t)mp4->fixed_sample_bytes * mp4->sample_count;
    } else {
        mp4_words s = {.file = file, .err = err, .at = mp4->sizes.offset};
        s.left = mp4->sample_count;
        for (uint32_t i = 0; i < mp4->sample_count; i++) {
            uint32_t bytes;
            PLIM_TRY(word(&s, &bytes));
            sum += bytes; /* at most 2^24 times 2^32: no overflow */
        }
    }
    if (sum > file->size_bytes) {
        return refuse(err, file, "stsz", "samples inside the file", "more bytes than the file");
    }
    mp4->sample_bytes = sum;
    mp4->container_bytes = file->size_bytes - sum;
    return PLIM_OK;
}

/* A table of keyframes may claim any order; distances are taken only forward. */
static plim_status measure_keyframes(const plim_file_bytes *file, plim_mp4 *mp4, plim_error *err)
{
    if (mp4->keyframe_count > mp4->sample_count) { /* none listed: every sample is one */
        mp4->keyframe_count = mp4->sample_count;
        mp4->keyframe_apart = mp4->sample_count ? 1 : 0;
        return PLIM_OK;
    }
    mp4_words s = {.file = file, .err = err, .at = mp4->keyframes.offset};
    s.left = mp4->keyframe_count;
    uint32_t before = 1, apart = 0, number;
    for (uint32_t i = 0; i < mp4->keyframe_count; i++) {
        PLIM_TRY(word(&s, &number));
        if (number > before && number <= mp4->sample_count) {
            apart = number - before > apart ? number - before : apart;
            before = number;
        }
    }
    uint32_t tail = mp4->sample_count ? mp4->sample_count + 1 - before : 0;
    mp4->keyframe_apart = tail > apart ? tail : apart;
    return PLIM_OK;
}

plim_status plim_mp4_read(const plim_file_bytes *file, plim_mp4 *out, plim_error *err)
{
    mp4_walk w = {.file = file, .out = out, .err = err};
    *out = (plim_mp4){0};
    plim_status status = walk(&w, 0, file->size_bytes);
    if (status == PLIM_OK && !w.has_video) {
        status = unsupported(err, file, "track", "one of video", "none");
    }
    if (status == PLIM_OK) {
        status = add_samples(file, out, err);
    }
    if (status == PLIM_OK) {
        status = measure_keyframes(file, out, err);
    }
    if (status != PLIM_OK) {
        *out = (plim_mp4){0};
        return status;
    }
    return PLIM_OK;
}

/* One run of a (count, value) table; a run of length 0 is skipped. */
static plim_status next_run(mp4_words *s, uint32_t *left, uint32_t *value)
{
    while (!*left) {
        PLIM_TRY(word(s, left));
        PLIM_TRY(word(s, value));
    }
    return PLIM_OK;
}

/* Presentation order differs from decoding order by a few frames: insertion sort moves each
 * entry a short way. A hostile table can make the way long, so that it is cut at SHIFT_LIMIT. */
#define SHIFT_LIMIT 64u

static plim_status sort_ticks(const plim_file_bytes *file, int64_t *ticks, uint32_t count,
                              plim_error *err)
{
    for (uint32_t i = 1; i < count; i++) {
        int64_t tick = ticks[i];
        uint32_t to = i;
        while (to > 0 && ticks[to - 1] > tick) {
            ticks[to] = ticks[to - 1];
            to--;
            if (i - to > SHIFT_LIMIT) {
                return refuse(err, file, "ctts", "frames shown within 64 of their place", "later");
            }
        }
        ticks[to] = tick;
    }
    return PLIM_OK;
}

plim_status plim_mp4_ticks(const plim_file_bytes *file, const plim_mp4 *mp4, int64_t *ticks,
                           plim_error *err)
{
    mp4_words durations = {.file = file, .err = err, .at = mp4->durations.offset};
    mp4_words offsets = {.file = file, .err = err, .at = mp4->offsets.offset};
    durations.left = 2 * (uint64_t)mp4->durations.count;
    offsets.left = 2 * (uint64_t)mp4->offsets.count;
    uint32_t duration_left = 0, duration = 0, offset_left = 0, offset = 0;
    int64_t decoded = 0;
    for (uint32_t i = 0; i < mp4->sample_count; i++) {
        PLIM_TRY(next_run(&durations, &duration_left, &duration));
        if (mp4->offsets.count) {
            PLIM_TRY(next_run(&offsets, &offset_left, &offset));
            offset_left--;
        }
        ticks[i] = decoded + (int32_t)offset;
        decoded += duration;
        duration_left--;
    }
    PLIM_TRY(sort_ticks(file, ticks, mp4->sample_count, err));
    int64_t first = mp4->sample_count ? ticks[0] : 0;
    if (mp4->first_tick > first && mp4->first_tick <= INT64_C(1) << 40) {
        first = mp4->first_tick;
    }
    for (uint32_t i = 0; i < mp4->sample_count; i++) {
        ticks[i] -= first;
    }
    return PLIM_OK;
}
