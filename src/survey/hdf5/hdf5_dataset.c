/* SPDX-License-Identifier: Apache-2.0 */
/* hdf5_dataset.c - one dataset: its bytes in the file, and decoded.
 *
 * Decides what an array is: pictures by shape, rows of padded JPEGs (ACT), JPEGs of variable
 * length (RoboMIND), text, numbers. Of encoded pictures the first and the last are looked at.
 * Data is read only for those, and to add up what variable-length values take.
 */
#include <stdio.h>
#include <string.h>

#include "src/survey/feature_name.h"
#include "src/survey/hdf5/hdf5_facts.h"
#include "src/survey/image_size.h"

#define HEAD_BYTES 16384u

static void describe_number(hid_t type, char dtype[16])
{
    unsigned bytes = H5Tget_size(type) < 10000 ? (unsigned)H5Tget_size(type) : 9999;
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        snprintf(dtype, 16, "%sint%u", H5Tget_sign(type) == H5T_SGN_NONE ? "u" : "", bytes * 8);
        break;
    case H5T_FLOAT:
        snprintf(dtype, 16, "float%u", bytes * 8);
        break;
    case H5T_ENUM:
        snprintf(dtype, 16, "bool"); /* h5py writes booleans so */
        break;
    case H5T_STRING:
        snprintf(dtype, 16, "string");
        break;
    default:
        snprintf(dtype, 16, "bytes%u", bytes);
    }
}

/* The first bytes of row @row of a (rows, longest) array of bytes. */
static size_t read_padded(hid_t dataset, const hsize_t *shape, uint64_t row, uint8_t *head)
{
    hsize_t start[2] = {row, 0}, count[2] = {1, shape[1] < HEAD_BYTES ? shape[1] : HEAD_BYTES};
    hid_t from = H5Dget_space(dataset), to = H5Screate_simple(2, count, NULL);
    herr_t code = H5Sselect_hyperslab(from, H5S_SELECT_SET, start, NULL, count, NULL);
    code = code < 0 ? code : H5Dread(dataset, H5T_NATIVE_UINT8, to, from, H5P_DEFAULT, head);
    H5Sclose(to);
    H5Sclose(from);
    return code < 0 ? 0 : (size_t)count[1];
}

static size_t read_variable(hid_t dataset, hid_t type, uint32_t rank, uint64_t row, uint8_t *head)
{
    hsize_t start[H5S_MAX_RANK] = {row}, count[H5S_MAX_RANK], one = 1;
    hvl_t value = {0};
    for (uint32_t i = 0; i < rank; i++) {
        count[i] = 1;
    }
    hid_t from = H5Dget_space(dataset), to = H5Screate_simple(1, &one, NULL);
    herr_t code = H5Sselect_hyperslab(from, H5S_SELECT_SET, start, NULL, count, NULL);
    code = code < 0 ? code : H5Dread(dataset, type, to, from, H5P_DEFAULT, &value);
    size_t n = code < 0 || !value.p ? 0 : value.len < HEAD_BYTES ? value.len : HEAD_BYTES;
    if (n) {
        memcpy(head, value.p, n);
    }
    if (code >= 0) {
        H5Dvlen_reclaim(type, to, H5P_DEFAULT, &value);
    }
    H5Sclose(to);
    H5Sclose(from);
    return n;
}

/* A feature of encoded pictures, when its first and last value are some. */
static bool look_at_pictures(hid_t dataset, hid_t type, const hsize_t *shape, uint32_t rank,
                             bool is_variable, plim_hdf5_record *r)
{
    uint8_t head[HEAD_BYTES];
    plim_image_size first, last;
    for (int k = 0; k < 2; k++) {
        uint64_t row = k ? shape[0] - 1 : 0;
        size_t n = is_variable ? read_variable(dataset, type, rank, row, head)
                               : read_padded(dataset, shape, row, head);
        if (!plim_image_size_read(head, n, k ? &last : &first)) {
            return false;
        }
    }
    if (first.width != last.width || first.height != last.height) {
        hdf5_warn(PLIM_HDF5_WARNING, r->name, "pictures of several sizes");
        first = plim_image_decoded_bytes(&last) > plim_image_decoded_bytes(&first) ? last : first;
    }
    r->is_picture = 1;
    r->known = PLIM_FIGURE_SAMPLED;
    r->width = first.width, r->height = first.height, r->channels = first.channels;
    r->pixel_bits = first.channels * first.channel_bytes * 8;
    snprintf(r->codec, sizeof(r->codec), "%s", first.codec);
    snprintf(r->dtype, sizeof(r->dtype), first.channel_bytes == 1 ? "uint8" : "uint16");
    return true;
}

static void describe_array(hid_t dataset, hid_t type, const hsize_t *shape, uint32_t rank,
                           plim_hdf5_record *r)
{
    int64_t sides[H5S_MAX_RANK];
    uint32_t h, w, c;
    bool is_bytes = H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) == 1;
    for (uint32_t i = 0; i < rank; i++) {
        sides[i] = shape[i] > INT64_MAX ? INT64_MAX : (int64_t)shape[i];
    }
    describe_number(type, r->dtype);
    if (rank == 2 && is_bytes && shape[0] && shape[1] && plim_feature_names_picture(r->name) &&
        look_at_pictures(dataset, type, shape, rank, false, r)) {
        return;
    }
    if (H5Tget_class(type) != H5T_STRING &&
        plim_feature_is_picture(r->name, rank, sides, is_bytes, &h, &w, &c)) {
        r->is_picture = 1;
        r->height = (uint32_t)sides[h], r->width = (uint32_t)sides[w];
        r->channels = c < rank ? (uint32_t)sides[c] : 1;
        r->pixel_bits = r->channels * (uint32_t)H5Tget_size(type) * 8;
        snprintf(r->codec, sizeof(r->codec), "raw");
        return;
    }
    for (uint32_t i = 1; i < rank && i <= PLIM_TENSOR_RANK_MAX; i++) {
        r->shape[i - 1] = sides[i];
    }
    r->rank = !rank ? 0 : rank - 1 < PLIM_TENSOR_RANK_MAX ? rank - 1 : PLIM_TENSOR_RANK_MAX;
}

/* What variable-length values take decoded; the same bytes lie in the file's heaps. */
static void describe_variable(hid_t dataset, hid_t space, hid_t type, const hsize_t *shape,
                              uint32_t rank, plim_hdf5_record *r)
{
    hsize_t bytes = 0;
    bool is_text = H5Tget_class(type) == H5T_STRING;
    if (H5Dvlen_get_buf_size(dataset, type, space, &bytes) < 0) {
        hdf5_warn(PLIM_HDF5_LOST, r->name, "values of variable length that cannot be read");
        return;
    }
    r->disk_bytes += bytes;
    r->memory_bytes = bytes;
    snprintf(r->dtype, sizeof(r->dtype), "%s", is_text ? "string" : "variable");
    if (!is_text && rank >= 1 && shape[0] &&
        look_at_pictures(dataset, type, shape, rank, true, r)) {
        return;
    }
    r->rank = 1;
    r->shape[0] = -1;
}

static void note_rows(hdf5_walk *w, const char *name, uint64_t rows)
{
    const char *slash = strrchr(name, '/'), *word = slash ? slash + 1 : name;
    bool is_actions = strcmp(word, "action") == 0 || strcmp(word, "actions") == 0;
    if (is_actions || (!w->has_actions && rows > w->rows)) {
        w->rows = rows;
        w->has_actions = w->has_actions || is_actions;
    }
}

void hdf5_dataset(hdf5_walk *w, hid_t dataset, const char *name)
{
    plim_hdf5_record r = {.known = PLIM_FIGURE_MEASURED};
    hsize_t shape[H5S_MAX_RANK] = {0};
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    int rank = H5Sget_simple_extent_dims(space, shape, NULL);
    hssize_t points = H5Sget_simple_extent_npoints(space);
    if (rank < 0 || points < 0 || type < 0) {
        hdf5_warn(PLIM_HDF5_LOST, name, "a dataset that cannot be read");
        rank = 0, points = 0;
    } else {
        snprintf(r.name, sizeof(r.name), "%s", name);
        r.disk_bytes = H5Dget_storage_size(dataset);
        bool is_variable = H5Tget_class(type) == H5T_VLEN ||
                           (H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) > 0);
        if (__builtin_mul_overflow((uint64_t)points, H5Tget_size(type), &r.memory_bytes)) {
            r.memory_bytes = UINT64_MAX >> 8;
        }
        r.frames = rank > 0 ? shape[0] : points ? 1 : 0;
        if (is_variable && points) {
            w->has_vlen = true;
            describe_variable(dataset, space, type, shape, (uint32_t)rank, &r);
        } else {
            describe_array(dataset, type, shape, (uint32_t)rank, &r);
        }
        r.group = r.is_picture ? PLIM_FEATURE_VIDEO : plim_feature_named_group(name);
        w->data_bytes += r.disk_bytes;
        if (w->is_silent || w->feature_count == PLIM_HDF5_FEATURES) {
            w->beyond_bytes += r.disk_bytes;
        } else {
            w->feature_count++;
            note_rows(w, name, r.frames);
            hdf5_emit(&r, PLIM_HDF5_FEATURE, r.name);
        }
    }
    if (type >= 0) {
        H5Tclose(type);
    }
    H5Sclose(space);
}
