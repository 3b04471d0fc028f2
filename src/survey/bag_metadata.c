/* SPDX-License-Identifier: Apache-2.0 */
/* bag_metadata.c - the block style of YAML that rosbag2 writes, and no more of YAML.
 *
 * Decides by a line's key and its indentation: the keys below rosbag2_bagfile_information, and the
 * list under relative_file_paths. Old versions put the folder's name in front of a file's; it is
 * left away, because folders are renamed. A name never leads out of the folder for the same reason.
 */
#include "src/survey/bag_metadata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 512u

typedef struct lines {
    const plim_file_bytes *file;
    uint64_t at;
    char text[LINE_BYTES];
} lines;

/* The next line, cut to LINE_BYTES - 1. */
static plim_status next_line(lines *l, bool *is_end, plim_error *err)
{
    char piece[256];
    size_t n = 0;
    *is_end = l->at >= l->file->size_bytes;
    for (bool whole = *is_end; !whole;) {
        uint64_t left = l->file->size_bytes - l->at;
        size_t count = left < sizeof(piece) ? (size_t)left : sizeof(piece);
        PLIM_TRY(plim_file_bytes_read(l->file, l->at, piece, count, err));
        const char *newline = memchr(piece, '\n', count);
        size_t used = newline ? (size_t)(newline - piece) : count;
        size_t kept = used < sizeof(l->text) - 1 - n ? used : sizeof(l->text) - 1 - n;
        memcpy(l->text + n, piece, kept);
        n += kept;
        l->at += used + (newline ? 1 : 0);
        whole = newline || l->at >= l->file->size_bytes;
    }
    l->text[n] = 0;
    return PLIM_OK;
}

/* The value after "key:", without quotes and spaces around it; NULL when the line has another. */
static char *value_of(char *line, const char *key)
{
    size_t n = strlen(key);
    if (strncmp(line, key, n) != 0 || line[n] != ':') {
        return NULL;
    }
    char *value = line + n + 1;
    value += strspn(value, " \t'\"");
    for (size_t k = strlen(value); k && strchr(" \t\r'\"", value[k - 1]); k--) {
        value[k - 1] = 0;
    }
    return value;
}

static plim_status add_file(plim_bag_metadata *out, char *name, plim_error *err)
{
    const char *slash = strrchr(name, '/');
    const char *last = slash ? slash + 1 : name;
    if (out->file_count == PLIM_BAG_FILES_MAX) {
        return plim_error_set(err, PLIM_E_RANGE, "metadata.yaml", "relative_file_paths",
                              "at most 1024", "more");
    }
    if (last[0] && strcmp(last, ".") != 0 && strcmp(last, "..") != 0) {
        snprintf(out->files[out->file_count++], PLIM_BAG_FILENAME_BYTES, "%.255s", last);
    }
    return PLIM_OK;
}

static plim_status read_key(plim_bag_metadata *out, char *text, bool *is_list)
{
    char *value;
    *is_list = value_of(text, "relative_file_paths") != NULL;
    if ((value = value_of(text, "message_count"))) {
        out->message_count = strtoull(value, NULL, 10);
    } else if ((value = value_of(text, "storage_identifier"))) {
        snprintf(out->storage, sizeof(out->storage), "%.23s", value);
    } else if ((value = value_of(text, "compression_format"))) {
        snprintf(out->compression, sizeof(out->compression), "%.15s", value);
    } else if ((value = value_of(text, "compression_mode"))) {
        snprintf(out->mode, sizeof(out->mode), "%.15s", value);
    }
    return PLIM_OK;
}

plim_status plim_bag_metadata_read(const plim_file_bytes *file, plim_bag_metadata *out,
                                   plim_error *err)
{
    lines l = {.file = file};
    bool is_end = false, is_ours = false, is_list = false;
    size_t indent = 0; /* of the keys; 0: not seen yet */
    out->message_count = UINT64_MAX;
    out->file_count = 0;
    out->storage[0] = out->compression[0] = out->mode[0] = 0;
    for (;;) {
        PLIM_TRY(next_line(&l, &is_end, err));
        if (is_end) {
            break;
        }
        size_t at = strspn(l.text, " ");
        char *text = l.text + at;
        if (!is_ours) {
            is_ours = value_of(text, "rosbag2_bagfile_information") != NULL;
            continue;
        }
        if (is_list && text[0] == '-' && text[1] == ' ') {
            char *name = text + 1;
            name[0] = ':'; /* as the value of an empty key */
            PLIM_TRY(add_file(out, value_of(name, ""), err));
            continue;
        }
        indent = indent ? indent : at;
        if (at == indent && text[0] != '-') {
            PLIM_TRY(read_key(out, text, &is_list));
        }
    }
    if (!is_ours) {
        plim_error_set(err, PLIM_E_FORMAT, "metadata.yaml", "rosbag2_bagfile_information",
                       "the key", "none");
        plim_error_detail(err, "%s", file->path);
        return PLIM_E_FORMAT;
    }
    return PLIM_OK;
}
