/* SPDX-License-Identifier: Apache-2.0 */
/* hdf5_wire.h - what plimsoll-hdf5 writes to its standard output: records of one size.
 *
 * The HDF5 library runs in a process of its own: merely linking it costs 10 MB before main, and
 * damaged files can crash it. The program beside the library reads one file, writes one record a
 * fact, and ends. It is of the same build; another version is refused.
 */
#ifndef SURVEY_HDF5_WIRE_H
#define SURVEY_HDF5_WIRE_H

#include "plimsoll/survey.h"

#define PLIM_HDF5_PROGRAM  "plimsoll-hdf5"
#define PLIM_HDF5_WIRE     0x31354648u /* "HF51" */
#define PLIM_HDF5_FEATURES 256u        /* of one episode; what is above goes to a container */

typedef enum plim_hdf5_kind {
    PLIM_HDF5_EPISODE = 1, /* name, index: features and containers follow */
    PLIM_HDF5_EPISODE_END, /* the same, and frames */
    PLIM_HDF5_FEATURE,     /* of the last episode */
    PLIM_HDF5_CONTAINER,   /* name, disk_bytes; of the last episode */
    PLIM_HDF5_SHARED,      /* name, disk_bytes; of the file */
    PLIM_HDF5_WARNING,     /* name: the feature; text */
    PLIM_HDF5_LOST,        /* the same; figures are missing because of it */
    PLIM_HDF5_INFO,        /* text: the variant; frames: how many episodes */
    PLIM_HDF5_FAILED,      /* text; nothing follows */
    PLIM_HDF5_END,         /* disk_bytes: of all datasets; frames: of all metadata;
                            * is_picture: some values are of variable length */
} plim_hdf5_kind;

typedef struct plim_hdf5_record {
    uint32_t wire, kind;
    uint32_t group, known, rank, width, height, channels, pixel_bits;
    uint32_t is_picture;
    uint64_t index, frames, disk_bytes, memory_bytes;
    int64_t shape[PLIM_TENSOR_RANK_MAX];
    char name[128], text[128], dtype[16], codec[16];
} plim_hdf5_record;

#endif
