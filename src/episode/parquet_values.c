/* SPDX-License-Identifier: Apache-2.0 */
/* parquet_values.c - the numbers of one column chunk, into a dense array.
 *
 * Decides nothing about memory: scratch and output are the caller's, their sizes known from the
 * footer. Refuses by name what it does not read: encodings other than PLAIN and dictionary (and
 * RLE for booleans), codecs other than none and Snappy, nulls, lists whose width changes.
 * Invariants: a page lies inside its chunk; pages of a chunk hold together no more plain bytes
 * than the chunk claims; no value is written past value_count; indices are below the size of the
 * dictionary. Scratch is one block: stored page, dictionary, plain page.
 */
#include <string.h>

#include "arena/bytes.h"
#include "src/episode/parquet.h"
#include "src/episode/parquet_runs.h"
#include "src/episode/snappy.h"
#include "src/episode/thrift.h"

enum {
    PAGE_DATA = 0,
    PAGE_INDEX = 1,
    PAGE_DICTIONARY = 2,
    PAGE_DATA_V2 = 3,
    CODEC_NONE = 0,
    CODEC_SNAPPY = 1,
    ENCODING_PLAIN = 0,
    ENCODING_PLAIN_DICTIONARY = 2,
    ENCODING_RLE = 3,
    ENCODING_RLE_DICTIONARY = 8,
};

typedef struct page_head {
    int64_t type, plain_bytes, disk_bytes;
    int64_t value_count, encoding;
    int64_t null_count, definition_bytes, repetition_bytes; /* version 2 */
    bool is_compressed, has_detail;
} page_head;

typedef struct values_read {
    const plim_file_bytes *file;
    const plim_parquet_leaf *leaf;
    const plim_parquet_chunk *chunk;
    uint64_t width;
    uint32_t item_bytes; /* of a value in the file; 0 for booleans */
    plim_error *err;
    uint8_t *stored; /* chunk->disk_bytes */
    uint8_t *room;   /* chunk->plain_bytes: dictionary first, then the plain page */
    uint64_t room_bytes;
    uint64_t dictionary_bytes;
    uint32_t dictionary_count;
    uint8_t *out;
    uint64_t done; /* values written */
} values_read;

static plim_status refuse(values_read *r, plim_status status, const char *wanted, const char *found)
{
    plim_error_set(r->err, status, "parquet", r->leaf->root, wanted, found);
    plim_error_detail(r->err, "%s", r->file->path);
    return status;
}

static plim_status damaged(values_read *r, const char *wanted, const char *found)
{
    return refuse(r, PLIM_E_FORMAT, wanted, found);
}

static const char *codec_name(int64_t codec)
{
    static const char *const names[] = {"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO",
                                        "BROTLI",       "LZ4",    "ZSTD", "LZ4_RAW"};
    return codec >= 0 && codec < 8 ? names[codec] : "an unknown codec";
}

static const char *encoding_name(int64_t encoding)
{
    static const char *const names[] = {
        "PLAIN",          "encoding 1",          "PLAIN_DICTIONARY",        "RLE",
        "BIT_PACKED",     "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY",
        "RLE_DICTIONARY", "BYTE_STREAM_SPLIT"};
    return encoding >= 0 && encoding < 10 ? names[encoding] : "an unknown encoding";
}

static void read_detail(plim_thrift *t, page_head *head, int16_t kind)
{
    int16_t id = 0;
    plim_thrift_type type;
    head->has_detail = true;
    while (plim_thrift_field(t, &id, &type)) {
        int64_t *to = NULL;
        if (kind == 8) {
            to = id == 1   ? &head->value_count
                 : id == 2 ? &head->null_count
                 : id == 4 ? &head->encoding
                 : id == 5 ? &head->definition_bytes
                 : id == 6 ? &head->repetition_bytes
                           : NULL;
            if (id == 7) {
                head->is_compressed = plim_thrift_number(t, type) != 0;
                continue;
            }
        } else {
            to = id == 1 ? &head->value_count : id == 2 ? &head->encoding : NULL;
        }
        if (to) {
            *to = plim_thrift_number(t, type);
        } else {
            plim_thrift_skip(t, type);
        }
    }
}

/* The header at *@at; afterwards *@at is the page's first stored byte. */
static plim_status read_head(values_read *r, uint64_t *at, uint64_t end, page_head *head)
{
    plim_thrift t;
    int16_t id = 0;
    plim_thrift_type type;
    *head = (page_head){.type = -1, .is_compressed = true};
    plim_thrift_init(&t, r->file, *at, end, r->err);
    while (plim_thrift_field(&t, &id, &type)) {
        if (id <= 3) {
            int64_t n = plim_thrift_number(&t, type);
            *(id == 1 ? &head->type : id == 2 ? &head->plain_bytes : &head->disk_bytes) = n;
        } else if ((id == 5 || id == 7 || id == 8) && type == PLIM_THRIFT_STRUCT) {
            read_detail(&t, head, id);
        } else {
            plim_thrift_skip(&t, type);
        }
    }
    PLIM_TRY(t.status);
    *at = t.at;
    if (head->disk_bytes < 0 || (uint64_t)head->disk_bytes > end - t.at || head->plain_bytes < 0 ||
        head->value_count < 0 || head->definition_bytes < 0 || head->repetition_bytes < 0) {
        return damaged(r, "a page inside its chunk", "a page outside");
    }
    return PLIM_OK;
}

/* Stored bytes become plain bytes at @to. */
static plim_status expand(values_read *r, const uint8_t *from, uint64_t from_bytes, uint8_t *to,
                          uint64_t to_bytes, bool is_compressed)
{
    if (!is_compressed || r->chunk->codec == CODEC_NONE) {
        if (from_bytes != to_bytes) {
            return damaged(r, "a plain page as long as it says", "another length");
        }
        if (to_bytes) {
            memcpy(to, from, (size_t)to_bytes);
        }
        return PLIM_OK;
    }
    if (!plim_snappy_decode(from, (size_t)from_bytes, to, (size_t)to_bytes)) {
        return damaged(r, "a Snappy block of the page's length", "a damaged one");
    }
    return PLIM_OK;
}

static plim_status read_dictionary(values_read *r, const page_head *head)
{
    if (r->dictionary_bytes || r->done || !r->item_bytes) {
        return damaged(r, "one dictionary, before the data", "another order");
    }
    if (head->encoding != ENCODING_PLAIN && head->encoding != ENCODING_PLAIN_DICTIONARY) {
        return refuse(r, PLIM_E_UNSUPPORTED, "a PLAIN dictionary", encoding_name(head->encoding));
    }
    uint64_t bytes = (uint64_t)head->plain_bytes;
    if ((uint64_t)head->value_count > bytes / r->item_bytes || head->value_count > UINT32_MAX) {
        return damaged(r, "dictionary entries inside their page", "more");
    }
    PLIM_TRY(expand(r, r->stored, (uint64_t)head->disk_bytes, r->room, bytes, true));
    /* The plain page behind it is aligned to nothing: all values are moved with memcpy. */
    r->dictionary_bytes = bytes;
    r->dictionary_count = (uint32_t)head->value_count;
    return PLIM_OK;
}

static uint32_t bit_width_of(uint32_t most)
{
    return most ? 32 - (uint32_t)__builtin_clz(most) : 0;
}

/* Repetition says where rows start: 0, then 1 for the rest of the row. A definition below the
 * most is a null or an empty list. */
static plim_status check_levels(values_read *r, const uint8_t *levels, uint64_t bytes,
                                uint64_t count, bool is_repetition)
{
    plim_parquet_runs runs;
    uint32_t most = is_repetition ? r->leaf->max_repetition : r->leaf->max_definition;
    plim_parquet_runs_init(&runs, levels, (size_t)bytes, bit_width_of(most));
    uint64_t place = r->done % r->width;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t level;
        if (!plim_parquet_runs_next(&runs, &level) || level > most) {
            return damaged(r, "a level for each value", "fewer, or one too high");
        }
        if (!is_repetition && level != most) {
            return refuse(r, PLIM_E_UNSUPPORTED, "a number in every place",
                          "a null or an empty list");
        }
        if (is_repetition && level != (place != 0)) {
            return refuse(r, PLIM_E_UNSUPPORTED, "lists of one width", "lists that differ");
        }
        place = place + 1 == r->width ? 0 : place + 1;
    }
    return PLIM_OK;
}

static plim_status read_indexed(values_read *r, const uint8_t *at, uint64_t bytes, uint64_t count)
{
    plim_parquet_runs runs;
    if (!bytes || at[0] > 32) {
        return damaged(r, "a bit width of 0 to 32", "another");
    }
    plim_parquet_runs_init(&runs, at + 1, (size_t)bytes - 1, at[0]);
    uint8_t *to = r->out + r->done * r->item_bytes;
    for (uint64_t i = 0; i < count; i++, to += r->item_bytes) {
        uint32_t index;
        if (!plim_parquet_runs_next(&runs, &index) || index >= r->dictionary_count) {
            return damaged(r, "an index into the dictionary for each value", "none, or too high");
        }
        memcpy(to, r->room + (uint64_t)index * r->item_bytes, r->item_bytes);
    }
    return PLIM_OK;
}

static plim_status read_booleans(values_read *r, const uint8_t *at, uint64_t bytes, uint64_t count,
                                 int64_t encoding)
{
    uint8_t *to = r->out + r->done;
    if (encoding == ENCODING_PLAIN) {
        if (bytes < (count + 7) / 8) {
            return damaged(r, "a bit for each value", "fewer");
        }
        for (uint64_t i = 0; i < count; i++) {
            to[i] = at[i / 8] >> (i % 8) & 1;
        }
        return PLIM_OK;
    }
    plim_parquet_runs runs;
    if (bytes < 4 || plim_le32(at) > bytes - 4) {
        return damaged(r, "runs inside the page", "longer ones");
    }
    plim_parquet_runs_init(&runs, at + 4, plim_le32(at), 1);
    for (uint64_t i = 0; i < count; i++) {
        uint32_t bit;
        if (!plim_parquet_runs_next(&runs, &bit)) {
            return damaged(r, "a bit for each value", "fewer");
        }
        to[i] = (uint8_t)bit;
    }
    return PLIM_OK;
}

static plim_status read_plain(values_read *r, const uint8_t *at, uint64_t bytes, uint64_t count)
{
    if (count > bytes / r->item_bytes) {
        return damaged(r, "values inside their page", "more");
    }
    if (count) {
        memcpy(r->out + r->done * r->item_bytes, at, (size_t)(count * r->item_bytes));
    }
    return PLIM_OK;
}

static plim_status read_payload(values_read *r, const page_head *head, const uint8_t *at,
                                uint64_t bytes)
{
    uint64_t count = (uint64_t)head->value_count;
    if (!r->item_bytes && (head->encoding == ENCODING_PLAIN || head->encoding == ENCODING_RLE)) {
        return read_booleans(r, at, bytes, count, head->encoding);
    }
    if (r->item_bytes && head->encoding == ENCODING_PLAIN) {
        return read_plain(r, at, bytes, count);
    }
    if (r->item_bytes && (head->encoding == ENCODING_RLE_DICTIONARY ||
                          head->encoding == ENCODING_PLAIN_DICTIONARY)) {
        return read_indexed(r, at, bytes, count);
    }
    return refuse(r, PLIM_E_UNSUPPORTED, "PLAIN or dictionary values",
                  encoding_name(head->encoding));
}

/* Version 1: levels are inside the compressed page, each with its length in front. */
static plim_status read_data(values_read *r, const page_head *head)
{
    uint8_t *page = r->room + r->dictionary_bytes;
    uint64_t bytes = (uint64_t)head->plain_bytes, at = 0;
    PLIM_TRY(expand(r, r->stored, (uint64_t)head->disk_bytes, page, bytes, true));
    for (int kind = 0; kind < 2; kind++) {
        bool is_repetition = kind == 0;
        if (!(is_repetition ? r->leaf->max_repetition : r->leaf->max_definition)) {
            continue;
        }
        if (bytes - at < 4 || plim_le32(page + at) > bytes - at - 4) {
            return damaged(r, "levels inside their page", "longer ones");
        }
        uint64_t length = plim_le32(page + at);
        PLIM_TRY(
            check_levels(r, page + at + 4, length, (uint64_t)head->value_count, is_repetition));
        at += 4 + length;
    }
    return read_payload(r, head, page + at, bytes - at);
}

/* Version 2: levels stand before the page, never compressed, their lengths in the header. */
static plim_status read_data_v2(values_read *r, const page_head *head)
{
    uint64_t repetition = (uint64_t)head->repetition_bytes;
    uint64_t definition = (uint64_t)head->definition_bytes;
    uint64_t stored = (uint64_t)head->disk_bytes, plain = (uint64_t)head->plain_bytes;
    if (repetition > stored || definition > stored - repetition ||
        plain < repetition + definition) {
        return damaged(r, "levels inside their page", "longer ones");
    }
    if (r->leaf->max_repetition) {
        PLIM_TRY(check_levels(r, r->stored, repetition, (uint64_t)head->value_count, true));
    }
    if (r->leaf->max_definition) {
        PLIM_TRY(check_levels(r, r->stored + repetition, definition, (uint64_t)head->value_count,
                              false));
    }
    uint64_t levels = repetition + definition;
    uint8_t *page = r->room + r->dictionary_bytes;
    PLIM_TRY(
        expand(r, r->stored + levels, stored - levels, page, plain - levels, head->is_compressed));
    return read_payload(r, head, page, plain - levels);
}

static plim_status read_page(values_read *r, const page_head *head)
{
    uint64_t room = r->room_bytes - r->dictionary_bytes;
    if (head->type == PAGE_INDEX) {
        return PLIM_OK;
    }
    if (!head->has_detail) {
        return damaged(r, "a page header of its type", "none");
    }
    if ((uint64_t)head->plain_bytes > room) {
        return damaged(r, "pages no larger than their chunk", "larger ones");
    }
    if (head->type == PAGE_DICTIONARY) {
        return read_dictionary(r, head);
    }
    if (head->type != PAGE_DATA && head->type != PAGE_DATA_V2) {
        return refuse(r, PLIM_E_UNSUPPORTED, "data and dictionary pages", "another type");
    }
    if ((uint64_t)head->value_count > r->chunk->value_count - r->done) {
        return damaged(r, "as many values as the footer says", "more");
    }
    PLIM_TRY(head->type == PAGE_DATA ? read_data(r, head) : read_data_v2(r, head));
    r->done += (uint64_t)head->value_count;
    return PLIM_OK;
}

plim_status plim_parquet_scratch_bytes(const plim_parquet_chunk *chunk, uint64_t *out,
                                       plim_error *err)
{
    *out = 0;
    if (!bytes_add(chunk->disk_bytes, chunk->plain_bytes, out)) {
        return plim_error_set(err, PLIM_E_RANGE, "parquet", "chunk size", "a size", "too large");
    }
    return PLIM_OK;
}

static uint32_t item_bytes_of(const plim_parquet_leaf *leaf)
{
    plim_dtype dtype = plim_parquet_dtype(leaf);
    return dtype == PLIM_F64 || dtype == PLIM_I64   ? 8
           : dtype == PLIM_F32 || dtype == PLIM_I32 ? 4
                                                    : 0;
}

plim_status plim_parquet_values(const plim_file_bytes *file, const plim_parquet_leaf *leaf,
                                const plim_parquet_chunk *chunk, uint64_t width, void *scratch,
                                uint64_t scratch_bytes, void *out, plim_error *err)
{
    values_read r = {.file = file, .leaf = leaf, .chunk = chunk, .width = width, .err = err};
    uint64_t wanted, at = chunk->offset, end = chunk->offset + chunk->disk_bytes;
    PLIM_TRY(plim_parquet_scratch_bytes(chunk, &wanted, err));
    if (plim_parquet_dtype(leaf) == PLIM_DTYPE_NONE || !width || scratch_bytes < wanted) {
        return refuse(&r, PLIM_E_ARG, "a numeric column and its scratch", "another");
    }
    if (chunk->codec != CODEC_NONE && chunk->codec != CODEC_SNAPPY) {
        return refuse(&r, PLIM_E_UNSUPPORTED, "UNCOMPRESSED or SNAPPY", codec_name(chunk->codec));
    }
    uint64_t values;
    if (!bytes_mul(chunk->row_count, width, &values) || values != chunk->value_count) {
        return refuse(&r, PLIM_E_UNSUPPORTED, "lists of one width", "lists that differ");
    }
    r.item_bytes = item_bytes_of(leaf);
    r.stored = scratch;
    r.room = r.stored + chunk->disk_bytes;
    r.room_bytes = chunk->plain_bytes;
    r.out = out;
    while (r.done < chunk->value_count) {
        page_head head;
        if (at >= end) {
            return damaged(&r, "as many values as the footer says", "fewer");
        }
        PLIM_TRY(read_head(&r, &at, end, &head));
        PLIM_TRY(plim_file_bytes_read(file, at, r.stored, (size_t)head.disk_bytes, err));
        at += (uint64_t)head.disk_bytes;
        PLIM_TRY(read_page(&r, &head));
    }
    return PLIM_OK;
}
