/* SPDX-License-Identifier: Apache-2.0 */
/* hdf5_group.c - the tree of groups, as deep as it goes within bounds.
 *
 * Follows hard links only; an external or soft link is a warning, a group inside itself is passed
 * over, and so is what lies more than HDF5_DEPTH_MAX groups deep. A dataset that two links lead to
 * counts at the first: the addresses of such are kept.
 */
#include <stdio.h>
#include <string.h>

#include "src/survey/hdf5/hdf5_facts.h"

#define SHARED_MAX 4096u

static haddr_t shared[SHARED_MAX];
static uint32_t shared_count;

static bool is_known(haddr_t address)
{
    for (uint32_t i = 0; i < shared_count; i++) {
        if (shared[i] == address) {
            return true;
        }
    }
    if (shared_count < SHARED_MAX) {
        shared[shared_count++] = address;
    }
    return false;
}

static bool is_above(const hdf5_walk *w, haddr_t address)
{
    for (uint32_t i = 0; i < w->depth; i++) {
        if (w->above[i] == address) {
            return true;
        }
    }
    return false;
}

static herr_t visit(hid_t group, const char *name, const H5L_info_t *link, void *context)
{
    hdf5_walk *w = context;
    H5O_info_t info;
    size_t before = strlen(w->name);
    if (link->type != H5L_TYPE_HARD) {
        hdf5_warn(PLIM_HDF5_WARNING, name, "a soft or external link is not followed");
        return 0;
    }
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    if (object < 0 ||
        H5Oget_info2(object, &info, H5O_INFO_BASIC | H5O_INFO_HDR | H5O_INFO_META_SIZE) < 0) {
        hdf5_warn(PLIM_HDF5_LOST, name, "an object that cannot be read");
    } else if (info.rc < 2 || !is_known(info.addr)) {
        w->metadata_bytes += info.hdr.space.total + info.meta_size.obj.index_size +
                             info.meta_size.obj.heap_size + info.meta_size.attr.index_size +
                             info.meta_size.attr.heap_size;
        snprintf(w->name + before, sizeof(w->name) - before, "%s%s", before ? "/" : "", name);
        if (info.type == H5O_TYPE_DATASET) {
            hdf5_dataset(w, object, w->name);
        } else if (info.type == H5O_TYPE_GROUP && !is_above(w, info.addr)) {
            if (w->depth == HDF5_DEPTH_MAX) {
                hdf5_warn(PLIM_HDF5_LOST, name, "groups more than 16 deep");
            } else {
                w->above[w->depth++] = info.addr;
                hdf5_group(w, object);
                w->depth--;
            }
        }
        w->name[before] = 0;
    }
    if (object >= 0) {
        H5Oclose(object);
    }
    return 0;
}

void hdf5_group(hdf5_walk *w, hid_t group)
{
    hsize_t at = 0;
    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &at, visit, w) < 0) {
        hdf5_warn(PLIM_HDF5_LOST, w->name, "a group that cannot be read to its end");
    }
}
