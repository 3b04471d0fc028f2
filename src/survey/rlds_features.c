/* SPDX-License-Identifier: Apache-2.0 */
/* rlds_features.c - the tree of a features.json, flattened to the keys of its records.
 *
 * FeaturesDict adds a name, Sequence and Dataset add none (their values lie flat under the same
 * key). The text is read in one piece by jansson on its own heap, at most 4 MiB of it.
 */
#include "src/survey/rlds_features.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT  (4u << 20)
#define DEPTH_LIMIT 16u

typedef struct feed {
    const plim_file_bytes *file;
    uint64_t at;
    bool failed;
} feed;

static size_t feed_json(void *buffer, size_t bytes, void *context)
{
    feed *f = context;
    uint64_t left = f->file->size_bytes - f->at;
    size_t n = left < bytes ? (size_t)left : bytes;
    if (plim_file_bytes_read(f->file, f->at, buffer, n, NULL) != PLIM_OK) {
        f->failed = true;
        return (size_t)-1;
    }
    f->at += n;
    return n;
}

static void add_leaf(plim_rlds_features *out, const char *name, const json_t *leaf)
{
    if (out->count == PLIM_RLDS_FEATURES_MAX) {
        return;
    }
    plim_rlds_feature *f = &out->features[out->count++];
    *f = (plim_rlds_feature){.rank = 0};
    const char *dtype = json_string_value(json_object_get(leaf, "dtype"));
    snprintf(f->name, sizeof(f->name), "%s", name);
    snprintf(f->dtype, sizeof(f->dtype), "%s", dtype ? dtype : "");
    const json_t *sides = json_object_get(json_object_get(leaf, "shape"), "dimensions");
    for (size_t i = 0; i < json_array_size(sides) && i < PLIM_TENSOR_RANK_MAX; i++) {
        const json_t *side = json_array_get(sides, i);
        const char *text = json_string_value(side);
        f->shape[f->rank++] = json_is_integer(side) ? (int64_t)json_integer_value(side)
                              : text                ? strtoll(text, NULL, 10)
                                                    : -1;
    }
}

static void walk(plim_rlds_features *out, const char *name, const json_t *node, unsigned depth)
{
    static const char *const LISTS[] = {"sequence", "dataset"};
    static const char *const LEAVES[] = {"tensor",     "image", "scalar",     "text",
                                         "classLabel", "video", "bboxFeature"};
    if (depth == DEPTH_LIMIT) {
        return;
    }
    const json_t *members = json_object_get(json_object_get(node, "featuresDict"), "features");
    for (void *at = json_object_iter((json_t *)members); at;
         at = json_object_iter_next((json_t *)members, at)) {
        char below[128];
        int n = snprintf(below, sizeof(below), "%s%s%s", name, name[0] ? "/" : "",
                         json_object_iter_key(at));
        if (n > 0 && (size_t)n < sizeof(below)) {
            walk(out, below, json_object_iter_value(at), depth + 1);
        }
    }
    for (size_t i = 0; i < sizeof(LISTS) / sizeof(LISTS[0]); i++) {
        const json_t *list = json_object_get(node, LISTS[i]);
        if (list) {
            walk(out, name, json_object_get(list, "feature"), depth + 1);
        }
    }
    for (size_t i = 0; i < sizeof(LEAVES) / sizeof(LEAVES[0]); i++) {
        const json_t *leaf = json_object_get(node, LEAVES[i]);
        if (leaf) {
            add_leaf(out, name, leaf);
        }
    }
}

plim_status plim_rlds_features_read(const plim_file_bytes *file, plim_rlds_features *out,
                                    plim_error *err)
{
    feed f = {.file = file};
    json_error_t where;
    out->count = 0;
    json_t *root =
        file->size_bytes <= FILE_LIMIT ? json_load_callback(feed_json, &f, 0, &where) : NULL;
    if (!root) {
        plim_error_set(err, PLIM_E_FORMAT, "features.json", "JSON", "at most 4 MiB of it",
                       "another text");
        plim_error_detail(err, "%s", file->path);
        return PLIM_E_FORMAT;
    }
    walk(out, "", root, 0);
    json_decref(root);
    return PLIM_OK;
}

const plim_rlds_feature *plim_rlds_feature_find(const plim_rlds_features *self, const char *name)
{
    for (uint32_t i = 0; i < self->count; i++) {
        if (strcmp(self->features[i].name, name) == 0) {
            return &self->features[i];
        }
    }
    return NULL;
}

uint64_t plim_dtype_named_bytes(const char *dtype, uint64_t otherwise)
{
    if (strcmp(dtype, "bool") == 0) {
        return 1;
    }
    const char *digits = dtype + strcspn(dtype, "0123456789");
    unsigned long bits = strtoul(digits, NULL, 10);
    return bits == 8 || bits == 16 || bits == 32 || bits == 64 ? bits / 8 : otherwise;
}
