/* SPDX-License-Identifier: Apache-2.0 */
/* hdf5_file.c - one file: is it one episode, or a group of them?
 *
 * A group /data with groups in it is robomimic's layout (LIBERO, MimicGen, Isaac Lab): each of
 * those is an episode, by its number. Everything else is one episode.
 * Invariant: data + metadata + rest = the file. The rest is lost space (deleted objects, gaps); in
 * files with values of variable length, the heaps' own overhead too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/survey/hdf5/hdf5_facts.h"

#define DEMOS_MAX 65536u

static uint64_t demos[DEMOS_MAX]; /* number << 20 | place among the names */
static uint32_t demo_count;

static hid_t open_file(const char *path)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_cache(access, 0, 1, 1, 0); /* chunks are read once, if at all */
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    return file;
}

static void contain(plim_hdf5_kind kind, const char *name, uint64_t bytes)
{
    plim_hdf5_record r = {.disk_bytes = bytes};
    if (bytes) {
        hdf5_emit(&r, kind, name);
    }
}

static uint64_t own_metadata(hid_t object)
{
    H5O_info_t info;
    return H5Oget_info2(object, &info, H5O_INFO_HDR | H5O_INFO_META_SIZE) < 0
               ? 0
               : info.hdr.space.total + info.meta_size.obj.index_size +
                     info.meta_size.obj.heap_size + info.meta_size.attr.index_size +
                     info.meta_size.attr.heap_size;
}

static uint64_t samples(hid_t group, uint64_t otherwise)
{
    uint64_t n = otherwise;
    hid_t attribute =
        H5Aexists(group, "num_samples") > 0 ? H5Aopen(group, "num_samples", H5P_DEFAULT) : -1;
    hid_t type = attribute >= 0 ? H5Aget_type(attribute) : -1;
    hid_t space = attribute >= 0 ? H5Aget_space(attribute) : -1;
    if (type >= 0 && space >= 0 && H5Tget_class(type) == H5T_INTEGER &&
        H5Sget_simple_extent_npoints(space) == 1 && H5Aread(attribute, H5T_NATIVE_UINT64, &n) < 0) {
        n = otherwise;
    }
    if (type >= 0) {
        H5Tclose(type);
    }
    if (space >= 0) {
        H5Sclose(space);
    }
    if (attribute >= 0) {
        H5Aclose(attribute);
    }
    return n;
}

/* One episode: all below @group. */
static void episode(hdf5_walk *w, hid_t group, const char *name, uint64_t index)
{
    plim_hdf5_record r = {.index = index};
    uint64_t metadata_before = w->metadata_bytes;
    w->feature_count = 0;
    w->beyond_bytes = w->rows = 0;
    w->has_actions = false;
    hdf5_emit(&r, PLIM_HDF5_EPISODE, name);
    w->metadata_bytes += own_metadata(group);
    hdf5_group(w, group);
    uint64_t stated = samples(group, w->rows);
    if (stated != w->rows && w->rows) {
        hdf5_warn(PLIM_HDF5_WARNING, "", "num_samples differs from the rows of its actions");
    }
    if (w->beyond_bytes) {
        hdf5_warn(PLIM_HDF5_WARNING, "", "more than 256 arrays: the rest is in 'other arrays'");
    }
    contain(PLIM_HDF5_CONTAINER, "other arrays", w->beyond_bytes);
    contain(PLIM_HDF5_CONTAINER, "hdf5", w->metadata_bytes - metadata_before);
    r.frames = w->rows;
    r.index = index;
    hdf5_emit(&r, PLIM_HDF5_EPISODE_END, name);
}

static herr_t see_demo(hid_t group, const char *name, const H5L_info_t *link, void *context)
{
    uint32_t *place = context;
    H5O_info_t info;
    const char *digits = name + strcspn(name, "0123456789");
    uint64_t number = *digits ? strtoull(digits, NULL, 10) : *place;
    if (link->type == H5L_TYPE_HARD && demo_count < DEMOS_MAX &&
        H5Oget_info_by_name2(group, name, &info, H5O_INFO_BASIC, H5P_DEFAULT) >= 0 &&
        info.type == H5O_TYPE_GROUP) {
        demos[demo_count++] = (number < UINT64_C(1) << 43 ? number : *place) << 20 | *place;
    }
    return ++*place < 1u << 20 ? 0 : 1;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The demos of /data, by number; 0 when the file has another layout. */
static uint32_t find_demos(hid_t file)
{
    hsize_t at = 0;
    uint32_t place = 0;
    if (H5Lexists(file, "data", H5P_DEFAULT) <= 0) {
        return 0;
    }
    hid_t data = H5Oopen(file, "data", H5P_DEFAULT);
    if (data >= 0 && H5Iget_type(data) == H5I_GROUP) {
        H5Literate(data, H5_INDEX_NAME, H5_ITER_INC, &at, see_demo, &place);
    }
    if (data >= 0) {
        H5Oclose(data);
    }
    qsort(demos, demo_count, sizeof(demos[0]), by_number);
    return demo_count;
}

static void all_demos(hdf5_walk *w)
{
    char name[64];
    hid_t data = H5Gopen2(w->file, "data", H5P_DEFAULT);
    w->metadata_bytes += own_metadata(data);
    for (uint32_t i = 0; i < demo_count; i++) {
        hsize_t place = demos[i] & ((1u << 20) - 1);
        hid_t demo = -1;
        if (H5Lget_name_by_idx(data, ".", H5_INDEX_NAME, H5_ITER_INC, place, name, sizeof(name),
                               H5P_DEFAULT) >= 0) {
            demo = H5Gopen2(data, name, H5P_DEFAULT);
        }
        if (demo < 0) {
            hdf5_warn(PLIM_HDF5_LOST, "data", "an episode that cannot be read");
            continue;
        }
        episode(w, demo, name, demos[i] >> 20);
        H5Gclose(demo);
    }
    H5Gclose(data);
}

/* What lies beside /data: masks and the like. */
static herr_t beside(hid_t root, const char *name, const H5L_info_t *link, void *context)
{
    hdf5_walk *w = context;
    H5O_info_t info;
    if (strcmp(name, "data") == 0 || link->type != H5L_TYPE_HARD) {
        return 0;
    }
    hid_t object = H5Oopen(root, name, H5P_DEFAULT);
    if (object < 0 || H5Oget_info2(object, &info, H5O_INFO_BASIC) < 0) {
        return 0;
    }
    w->metadata_bytes += own_metadata(object);
    if (info.type == H5O_TYPE_GROUP) {
        hdf5_group(w, object);
    } else if (info.type == H5O_TYPE_DATASET) {
        hdf5_dataset(w, object, name);
    }
    H5Oclose(object);
    return 0;
}

bool hdf5_file(const char *path)
{
    hdf5_walk w = {.file = open_file(path)};
    plim_hdf5_record info = {0};
    hsize_t size = 0, at = 0;
    H5F_info2_t super = {0};
    if (w.file < 0 || H5Fget_filesize(w.file, &size) < 0) {
        return false;
    }
    hid_t root = H5Gopen2(w.file, "/", H5P_DEFAULT);
    if (root < 0) {
        return false;
    }
    H5Fget_info2(w.file, &super);
    bool has_demos = find_demos(w.file) > 0;
    snprintf(info.text, sizeof(info.text), "%s", has_demos ? "robomimic" : "one episode");
    info.frames = has_demos ? demo_count : 1;
    hdf5_emit(&info, PLIM_HDF5_INFO, "");
    uint64_t metadata = own_metadata(root) + super.super.super_size + super.super.super_ext_size +
                        super.sohm.hdr_size + super.sohm.msgs_info.index_size +
                        super.sohm.msgs_info.heap_size + super.free.meta_size;
    if (has_demos) {
        all_demos(&w);
        w.is_silent = true;
        w.beyond_bytes = 0;
        w.name[0] = 0;
        uint64_t before = w.data_bytes;
        H5Literate(root, H5_INDEX_NAME, H5_ITER_INC, &at, beside, &w);
        contain(PLIM_HDF5_SHARED, "other arrays", w.data_bytes - before);
    } else {
        episode(&w, root, "", 0);
        metadata -= own_metadata(root); /* counted with the episode */
    }
    info = (plim_hdf5_record){.disk_bytes = w.data_bytes, .memory_bytes = size};
    info.frames = metadata + w.metadata_bytes;
    info.is_picture = w.has_vlen;
    hdf5_emit(&info, PLIM_HDF5_END, "");
    H5Gclose(root);
    H5Fclose(w.file);
    return true;
}
