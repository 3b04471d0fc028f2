/* SPDX-License-Identifier: Apache-2.0 */
/* bag_metadata.h - what rosbag2's metadata.yaml says, as far as reading the files needs it. */
#ifndef SURVEY_BAG_METADATA_H
#define SURVEY_BAG_METADATA_H

#include "src/survey/survey_reader.h"

#define PLIM_BAG_FILES_MAX      1024u
#define PLIM_BAG_FILENAME_BYTES 256u

typedef struct plim_bag_metadata {
    uint64_t message_count; /* UINT64_MAX: not said */
    char storage[24], compression[16], mode[16];
    uint32_t file_count;
    char files[PLIM_BAG_FILES_MAX][PLIM_BAG_FILENAME_BYTES]; /* without folders in front */
} plim_bag_metadata;

/* plim_bag_metadata_read - line by line; keys that are not needed are passed over.
 * Errors:  E_FORMAT  no rosbag2_bagfile_information in it; E_RANGE  too many files. */
PLIM_MUST_USE plim_status plim_bag_metadata_read(const plim_file_bytes *file,
                                                 plim_bag_metadata *out, plim_error *err);

#endif
