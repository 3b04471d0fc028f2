/* SPDX-License-Identifier: Apache-2.0 */
/* rlds_features.h - types and shapes out of a TFDS features.json. */
#ifndef SURVEY_RLDS_FEATURES_H
#define SURVEY_RLDS_FEATURES_H

#include "src/survey/survey_reader.h"

#define PLIM_RLDS_FEATURES_MAX 256u

typedef struct plim_rlds_feature {
    char name[128]; /* as the records' keys: "steps/observation/image_0" */
    char dtype[16];
    uint32_t rank;
    int64_t shape[PLIM_TENSOR_RANK_MAX]; /* -1: null */
} plim_rlds_feature;

typedef struct plim_rlds_features {
    uint32_t count;
    plim_rlds_feature features[PLIM_RLDS_FEATURES_MAX];
} plim_rlds_features;

/* plim_rlds_features_read - every leaf of the tree; past the room, or deeper than 16, is left out.
 * Errors:  E_FORMAT  no JSON, or above 4 MiB. */
PLIM_MUST_USE plim_status plim_rlds_features_read(const plim_file_bytes *file,
                                                  plim_rlds_features *out, plim_error *err);

/* NULL when there is none of that name. */
const plim_rlds_feature *plim_rlds_feature_find(const plim_rlds_features *self, const char *name);

/* Bytes of one value of a dtype as numpy and TensorFlow spell it; @otherwise when not known. */
uint64_t plim_dtype_named_bytes(const char *dtype, uint64_t otherwise);

#endif
