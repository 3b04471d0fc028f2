/* SPDX-License-Identifier: Apache-2.0 */
/* zip_directory.c - zip files by their central directory (PKWARE APPNOTE 6.3, zip64 included).
 *
 * Only what the directory lists is in the file; local headers are looked at for their length, when
 * a content is read. Checksums are not compared: sizes are what a survey is about. Refuses files
 * in several volumes, and directories that do not lie before their own end record.
 * Invariant: the contents of the entries given so far fit between the start of the file and the
 * directory, together and each by itself.
 */
#include "src/survey/zip_directory.h"

#include <string.h>
#include <zlib.h>

#include "arena/bytes.h"

#define END_BYTES     22u
#define END64_BYTES   56u
#define LOCATOR_BYTES 20u
#define HEADER_BYTES  46u
#define LOCAL_BYTES   30u
#define COMMENT_MAX   65535u
#define PIECE_BYTES   4096u

static uint16_t le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static plim_status refuse(const plim_file_bytes *file, plim_error *err, const char *field,
                          const char *wanted, const char *found)
{
    plim_error_set(err, PLIM_E_FORMAT, "zip", field, wanted, found);
    plim_error_detail(err, "%s", file->path);
    return PLIM_E_FORMAT;
}

/* The end record: the last signature whose comment reaches exactly to the end of the file. Looked
 * for in pieces that overlap by a record. */
static plim_status find_end(const plim_file_bytes *file, uint64_t *at, uint8_t record[END_BYTES],
                            plim_error *err)
{
    uint8_t piece[PIECE_BYTES];
    uint64_t end = file->size_bytes;
    uint64_t lowest = end > COMMENT_MAX + END_BYTES ? end - COMMENT_MAX - END_BYTES : 0;
    while (end >= lowest + END_BYTES) {
        uint64_t start = end > lowest + PIECE_BYTES ? end - PIECE_BYTES : lowest;
        PLIM_TRY(plim_file_bytes_read(file, start, piece, (size_t)(end - start), err));
        for (size_t i = (size_t)(end - start) - END_BYTES + 1; i-- > 0;) {
            if (memcmp(piece + i, "PK\5\6", 4) == 0 &&
                start + i + END_BYTES + le16(piece + i + 20) == file->size_bytes) {
                *at = start + i;
                memcpy(record, piece + i, END_BYTES);
                return PLIM_OK;
            }
        }
        end = start == lowest ? 0 : start + END_BYTES - 1;
    }
    return refuse(file, err, "directory", "at the end of the file", "cut short");
}

/* The larger record, when the locator before the end record leads to one. */
static plim_status find_end64(plim_zip *self, uint64_t *end_at, plim_error *err)
{
    uint8_t locator[LOCATOR_BYTES], record[END64_BYTES];
    if (*end_at < LOCATOR_BYTES) {
        return PLIM_OK;
    }
    PLIM_TRY(
        plim_file_bytes_read(self->file, *end_at - LOCATOR_BYTES, locator, LOCATOR_BYTES, err));
    if (memcmp(locator, "PK\6\7", 4) != 0) {
        return PLIM_OK;
    }
    uint64_t at = plim_le64(locator + 8);
    if (at > *end_at || *end_at - at < END64_BYTES) {
        return refuse(self->file, err, "zip64 directory", "before its locator", "outside");
    }
    PLIM_TRY(plim_file_bytes_read(self->file, at, record, END64_BYTES, err));
    if (memcmp(record, "PK\6\6", 4) != 0) {
        return refuse(self->file, err, "zip64 directory", "its signature", "another");
    }
    self->entry_count = plim_le64(record + 32);
    self->bytes = plim_le64(record + 40);
    self->at = plim_le64(record + 48);
    *end_at = at;
    return PLIM_OK;
}

plim_status plim_zip_open(plim_zip *self, const plim_file_bytes *file, plim_error *err)
{
    uint8_t end[END_BYTES];
    uint64_t end_at;
    *self = (plim_zip){.file = file};
    PLIM_TRY(find_end(file, &end_at, end, err));
    if (le16(end + 4) != 0 && le16(end + 4) != UINT16_MAX) {
        return refuse(file, err, "volumes", "one", "several");
    }
    self->entry_count = le16(end + 10);
    self->bytes = plim_le32(end + 12);
    self->at = plim_le32(end + 16);
    PLIM_TRY(find_end64(self, &end_at, err));
    if (self->at > end_at || self->bytes > end_at - self->at ||
        self->entry_count > self->bytes / HEADER_BYTES) {
        return refuse(file, err, "directory", "before its end record", "outside");
    }
    return PLIM_OK;
}

plim_status plim_zip_walk_begin(plim_zip_walk *self, const plim_zip *zip, plim_error *err)
{
    self->zip = zip;
    self->left = zip->entry_count;
    self->stored_bytes = 0;
    return plim_packed_stream_open(&self->in, zip->file, zip->at, zip->at + zip->bytes,
                                   PLIM_PACKING_NONE, zip->bytes, err);
}

/* Sizes and place that do not fit 32 bits, in this order, each only when its field is full. */
static plim_status read_zip64(plim_zip_walk *self, plim_zip_entry *entry, uint64_t bytes,
                              plim_error *err)
{
    uint64_t *const fields[] = {&entry->plain_bytes, &entry->stored_bytes, &entry->at};
    for (int i = 0; i < 3; i++) {
        uint8_t value[8];
        if (*fields[i] != UINT32_MAX) {
            continue;
        }
        if (bytes < sizeof(value)) {
            break;
        }
        PLIM_TRY(plim_packed_stream_take(&self->in, value, sizeof(value), err));
        *fields[i] = plim_le64(value);
        bytes -= sizeof(value);
    }
    return plim_packed_stream_take(&self->in, NULL, bytes, err);
}

static plim_status read_extra(plim_zip_walk *self, plim_zip_entry *entry, uint64_t bytes,
                              plim_error *err)
{
    while (bytes >= 4) {
        uint8_t head[4];
        PLIM_TRY(plim_packed_stream_take(&self->in, head, sizeof(head), err));
        uint64_t n = le16(head + 2);
        bytes -= sizeof(head);
        n = n < bytes ? n : bytes;
        bytes -= n;
        PLIM_TRY(le16(head) == 1 ? read_zip64(self, entry, n, err)
                                 : plim_packed_stream_take(&self->in, NULL, n, err));
    }
    return plim_packed_stream_take(&self->in, NULL, bytes, err);
}

static plim_status read_name(plim_zip_walk *self, plim_zip_entry *entry, size_t bytes,
                             plim_error *err)
{
    if (bytes >= sizeof(entry->name)) {
        entry->name[0] = 0;
        return plim_packed_stream_take(&self->in, NULL, bytes, err);
    }
    PLIM_TRY(plim_packed_stream_take(&self->in, entry->name, bytes, err));
    entry->name[bytes] = 0;
    return PLIM_OK;
}

plim_status plim_zip_walk_next(plim_zip_walk *self, plim_zip_entry *entry, bool *is_end,
                               plim_error *err)
{
    uint8_t header[HEADER_BYTES];
    *is_end = self->left == 0;
    if (*is_end) {
        return PLIM_OK;
    }
    self->left--;
    PLIM_TRY(plim_packed_stream_take(&self->in, header, sizeof(header), err));
    if (memcmp(header, "PK\1\2", 4) != 0) {
        return refuse(self->zip->file, err, "directory entry", "its signature", "another");
    }
    entry->is_encrypted = header[8] & 1;
    entry->method = le16(header + 10);
    entry->stored_bytes = plim_le32(header + 20);
    entry->plain_bytes = plim_le32(header + 24);
    entry->at = plim_le32(header + 42);
    PLIM_TRY(read_name(self, entry, le16(header + 28), err));
    PLIM_TRY(read_extra(self, entry, le16(header + 30), err));
    PLIM_TRY(plim_packed_stream_take(&self->in, NULL, le16(header + 32), err));
    uint64_t room = self->zip->at;
    if (entry->at > room || room - entry->at < LOCAL_BYTES ||
        entry->stored_bytes > room - entry->at - LOCAL_BYTES) {
        return refuse(self->zip->file, err, "directory entry", "before the directory", "outside");
    }
    if (entry->stored_bytes > room - self->stored_bytes) {
        return refuse(self->zip->file, err, "entries", "as much as the file holds", "overlap");
    }
    self->stored_bytes += entry->stored_bytes;
    return PLIM_OK;
}

static plim_status inflate_all(const plim_zip *self, uint64_t at, uint64_t stored, uint8_t *to,
                               size_t bytes, plim_error *err)
{
    uint8_t piece[PIECE_BYTES];
    z_stream z = {.next_out = to, .avail_out = (uInt)bytes};
    int code = inflateInit2(&z, -MAX_WBITS);
    if (code != Z_OK) {
        return plim_error_set(err, PLIM_E_NOMEM, "decompressor", NULL, NULL, NULL);
    }
    plim_status status = PLIM_OK;
    while (code == Z_OK && stored && status == PLIM_OK) {
        size_t n = stored < sizeof(piece) ? (size_t)stored : sizeof(piece);
        status = plim_file_bytes_read(self->file, at, piece, n, err);
        z.next_in = piece;
        z.avail_in = (uInt)n;
        at += n;
        stored -= n;
        code = status == PLIM_OK ? inflate(&z, Z_NO_FLUSH) : code;
    }
    inflateEnd(&z);
    if (status == PLIM_OK && (code != Z_STREAM_END || z.avail_out)) {
        return refuse(self->file, err, "deflated entry", "as long as the directory says", NULL);
    }
    return status;
}

plim_status plim_zip_read(const plim_zip *self, const plim_zip_entry *entry, void *to, size_t limit,
                          size_t *bytes, plim_error *err)
{
    uint8_t local[LOCAL_BYTES];
    *bytes = 0;
    if (entry->is_encrypted || (entry->method != 0 && entry->method != 8)) {
        plim_error_set(err, PLIM_E_UNSUPPORTED, "zip", entry->is_encrypted ? "entry" : "method",
                       "stored or deflated", entry->is_encrypted ? "encrypted" : "another");
        plim_error_detail(err, "%s", entry->name);
        return PLIM_E_UNSUPPORTED;
    }
    if (entry->plain_bytes > limit || entry->plain_bytes > UINT32_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "zip entry", .want = entry->plain_bytes,
                         .limit = limit);
    }
    PLIM_TRY(plim_file_bytes_read(self->file, entry->at, local, sizeof(local), err));
    uint64_t at = entry->at + LOCAL_BYTES + le16(local + 26) + le16(local + 28);
    if (memcmp(local, "PK\3\4", 4) != 0 || at > self->at || entry->stored_bytes > self->at - at ||
        (entry->method == 0 && entry->stored_bytes != entry->plain_bytes)) {
        return refuse(self->file, err, "local header", "as the directory says", "another");
    }
    *bytes = (size_t)entry->plain_bytes;
    return entry->method == 0 ? plim_file_bytes_read(self->file, at, to, *bytes, err)
                              : inflate_all(self, at, entry->stored_bytes, to, *bytes, err);
}
