/* SPDX-License-Identifier: Apache-2.0 */
/* hdf5_facts.h - what the files of plimsoll-hdf5 share. */
#ifndef HDF5_HDF5_FACTS_H
#define HDF5_HDF5_FACTS_H

#include <hdf5.h>

#include "src/survey/hdf5_wire.h"

#define HDF5_DEPTH_MAX 16u

typedef struct hdf5_walk {
    hid_t file;
    const char *path[HDF5_DEPTH_MAX]; /* unused above depth */
    haddr_t above[HDF5_DEPTH_MAX];    /* addresses of the groups walked through: no cycles */
    uint32_t depth;
    bool is_silent;          /* sizes only: datasets go to `data`, nothing is emitted */
    uint32_t feature_count;  /* of this episode */
    uint64_t data_bytes;     /* of datasets, all together */
    uint64_t beyond_bytes;   /* of datasets past PLIM_HDF5_FEATURES, this episode */
    uint64_t metadata_bytes; /* of objects: headers, indexes, heaps */
    uint64_t rows;           /* of this episode: first side of its actions, else the largest */
    bool has_actions, has_vlen;
    char name[512]; /* of the object at hand, below the episode's group */
} hdf5_walk;

/* Writes one record. False: nobody reads any more. */
bool hdf5_emit(plim_hdf5_record *record, plim_hdf5_kind kind, const char *name);
void hdf5_warn(plim_hdf5_kind kind, const char *feature, const char *text);

/* One dataset as a feature. @name is relative to the episode. */
void hdf5_dataset(hdf5_walk *w, hid_t dataset, const char *name);

/* All datasets below @group, and the sizes of their metadata. */
void hdf5_group(hdf5_walk *w, hid_t group);

/* The whole file. False: it is none. */
bool hdf5_file(const char *path);

#endif
