/* SPDX-License-Identifier: Apache-2.0 */
/* lerobot_modality.c - GR00T's modality.json: which features its loader takes, and under what
 * names.
 *
 * Decides nothing about sizes. A key or a slice that the features do not have is one warning.
 */
#include <stdio.h>
#include <string.h>

#include "src/episode/json_feed.h"
#include "src/episode/lerobot.h"

static const plim_feature *feature_named(const plim_lerobot *self, const char *name)
{
    for (uint32_t i = 0; i < self->info->feature_count; i++) {
        if (strcmp(self->info->features[i].name, name) == 0) {
            return &self->info->features[i];
        }
    }
    return NULL;
}

/* A slice of a vector: { start, end [, original_key] }. */
static void check_slice(plim_lerobot *self, const char *kind, const char *key, const json_t *value)
{
    const char *original = json_string_value(json_object_get(value, "original_key"));
    const char *name = original                     ? original
                       : strcmp(kind, "state") == 0 ? "observation.state"
                                                    : "action";
    const plim_feature *feature = feature_named(self, name);
    if (feature) {
        self->is_named[feature - self->info->features] = true;
    }
    uint64_t start = plim_json_count(value, "start"), end = plim_json_count(value, "end");
    if (!feature) {
        plim_warnings_add(self->warnings, "modality.json %s.%s: there is no feature %s", kind, key,
                          name);
    } else if (start == UINT64_MAX || end == UINT64_MAX || start >= end || feature->rank != 1 ||
               end > (uint64_t)feature->shape[0]) {
        plim_warnings_add(self->warnings, "modality.json %s.%s: the slice is outside %s", kind, key,
                          name);
    } else {
        self->slice_values[feature - self->info->features] += (uint32_t)(end - start);
    }
}

static void check_name(plim_lerobot *self, const char *kind, const char *prefix, const char *key,
                       const json_t *value)
{
    char name[160];
    const char *original = json_string_value(json_object_get(value, "original_key"));
    snprintf(name, sizeof(name), "%s%s", original ? "" : prefix, original ? original : key);
    const plim_feature *feature = feature_named(self, name);
    if (feature) {
        self->is_named[feature - self->info->features] = true;
    } else {
        plim_warnings_add(self->warnings, "modality.json %s.%s: there is no feature %s", kind, key,
                          name);
    }
}

plim_status plim_lerobot_read_modality(plim_lerobot *self, const plim_file_bytes *file,
                                       plim_error *err)
{
    json_t *root, *value;
    const char *key;
    PLIM_TRY(plim_json_load(file, &root, err));
    static const char *const slices[] = {"state", "action"};
    for (unsigned i = 0; i < 2; i++) {
        json_object_foreach(json_object_get(root, slices[i]), key, value)
        {
            check_slice(self, slices[i], key, value);
        }
    }
    json_object_foreach(json_object_get(root, "video"), key, value)
    {
        check_name(self, "video", "observation.images.", key, value);
    }
    json_object_foreach(json_object_get(root, "annotation"), key, value)
    {
        check_name(self, "annotation", "annotation.", key, value);
    }
    self->info->has_modality = true;
    json_decref(root);
    return PLIM_OK;
}
