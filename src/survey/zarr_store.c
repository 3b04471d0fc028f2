/* SPDX-License-Identifier: Apache-2.0 */
/* zarr_store.c - keys of a folder by walking it, keys of a zip file by its directory.
 *
 * Nothing is kept of what was visited, so that a store of a million chunks costs as much memory as
 * one of ten. Depth is bounded by DEPTH_LIMIT: arrays of eight sides below a few groups are not
 * deeper. What is deeper is not seen.
 */
#include "src/survey/zarr_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_LIMIT 24

plim_status plim_zarr_store_open(plim_zarr_store *self, const char *path, bool is_folder,
                                 plim_error *err)
{
    self->root = path;
    self->is_zip = !is_folder;
    self->file.fd = -1;
    if (is_folder) {
        return PLIM_OK;
    }
    PLIM_TRY(plim_file_bytes_open(&self->file, path, err));
    plim_status status = plim_zip_open(&self->zip, &self->file, err);
    if (status != PLIM_OK) {
        plim_zarr_store_close(self);
    }
    return status;
}

void plim_zarr_store_close(plim_zarr_store *self)
{
    if (self->is_zip && self->file.fd >= 0) {
        plim_file_bytes_close(&self->file);
        self->file.fd = -1;
    }
}

/* ---- a folder ---- */

typedef struct visit {
    plim_zarr_store *store;
    plim_zarr_see see;
    void *context;
} visit;

static plim_status visit_folder(const visit *v, int fd, size_t length, int depth, plim_error *err);

static plim_status visit_name(const visit *v, DIR *folder, size_t length, const char *name,
                              int depth, plim_error *err)
{
    struct stat at, st;
    char *key = v->store->key;
    size_t n = strlen(name), end = length + n;
    int fd = dirfd(folder);
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || end + 2 > PLIM_SURVEY_PATH_BYTES ||
        fstatat(fd, name, &at, AT_SYMLINK_NOFOLLOW) != 0) {
        return PLIM_OK;
    }
    memcpy(key + length, name, n + 1);
    if (S_ISDIR(at.st_mode)) {
        int below = depth < DEPTH_LIMIT
                        ? openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
                        : -1;
        memcpy(key + end, "/", 2);
        return below < 0 ? PLIM_OK : visit_folder(v, below, end + 1, depth + 1, err);
    }
    if (fstatat(fd, name, &st, 0) != 0 || !S_ISREG(st.st_mode)) {
        return PLIM_OK;
    }
    plim_zarr_key found = {.key = key, .stored_bytes = (uint64_t)st.st_size};
    return v->see(v->context, &found, err);
}

/* Takes @fd, whose keys begin with the first @length bytes of store->key. */
static plim_status visit_folder(const visit *v, int fd, size_t length, int depth, plim_error *err)
{
    DIR *folder = fdopendir(fd);
    if (!folder) {
        close(fd);
        return PLIM_OK;
    }
    plim_status status = PLIM_OK;
    for (const struct dirent *entry; status == PLIM_OK && (entry = readdir(folder));) {
        status = visit_name(v, folder, length, entry->d_name, depth, err);
    }
    closedir(folder);
    return status;
}

static plim_status visit_root(const visit *v, const char *prefix, plim_error *err)
{
    plim_zarr_store *self = v->store;
    char path[PLIM_SURVEY_PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%s%s%s", self->root, prefix[0] ? "/" : "", prefix);
    int length = snprintf(self->key, sizeof(self->key), "%s%s", prefix, prefix[0] ? "/" : "");
    int fd =
        n > 0 && (size_t)n < sizeof(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0 && prefix[0]) {
        return PLIM_OK;
    }
    if (fd < 0) {
        plim_error_set(err, PLIM_E_IO, "data set", "path", "a readable folder", NULL);
        plim_error_detail(err, "%s", self->root);
        return PLIM_E_IO;
    }
    return visit_folder(v, fd, (size_t)length, 0, err);
}

/* ---- a zip file ---- */

static plim_status visit_zip(const visit *v, const char *prefix, plim_error *err)
{
    plim_zarr_store *self = v->store;
    size_t length = strlen(prefix);
    bool is_end = false;
    PLIM_TRY(plim_zip_walk_begin(&self->walk, &self->zip, err));
    for (;;) {
        PLIM_TRY(plim_zip_walk_next(&self->walk, &self->entry, &is_end, err));
        if (is_end) {
            return PLIM_OK;
        }
        const char *name = self->entry.name;
        size_t n = strlen(name);
        bool is_folder = n && name[n - 1] == '/' && !self->entry.stored_bytes;
        if (is_folder || (length && (strncmp(name, prefix, length) != 0 || name[length] != '/'))) {
            continue;
        }
        plim_zarr_key found = {.key = name, .stored_bytes = self->entry.stored_bytes};
        PLIM_TRY(v->see(v->context, &found, err));
    }
}

plim_status plim_zarr_store_visit(plim_zarr_store *self, const char *prefix, plim_zarr_see see,
                                  void *context, plim_error *err)
{
    visit v = {.store = self, .see = see, .context = context};
    return self->is_zip ? visit_zip(&v, prefix, err) : visit_root(&v, prefix, err);
}

static plim_status open_key(const plim_zarr_store *self, char path[PLIM_SURVEY_PATH_BYTES],
                            plim_file_bytes *file, plim_error *err)
{
    int n = snprintf(path, PLIM_SURVEY_PATH_BYTES, "%s/%s", self->root, self->key);
    if (n < 0 || (size_t)n >= PLIM_SURVEY_PATH_BYTES) {
        *file = (plim_file_bytes){.fd = -1};
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "path", .want = (uint64_t)n,
                         .limit = PLIM_SURVEY_PATH_BYTES);
    }
    return plim_file_bytes_open(file, path, err);
}

plim_status plim_zarr_store_read(plim_zarr_store *self, void *to, size_t limit, size_t *bytes,
                                 plim_error *err)
{
    char path[PLIM_SURVEY_PATH_BYTES];
    plim_file_bytes file;
    *bytes = 0;
    if (self->is_zip) {
        return plim_zip_read(&self->zip, &self->entry, to, limit, bytes, err);
    }
    PLIM_TRY(open_key(self, path, &file, err));
    plim_status status;
    if (file.size_bytes <= limit) {
        *bytes = (size_t)file.size_bytes;
        status = plim_file_bytes_read(&file, 0, to, *bytes, err);
    } else {
        status = PLIM_FAIL(err, PLIM_E_RANGE, .what = "file of the store", .want = file.size_bytes,
                           .limit = limit);
        plim_error_detail(err, "%s", path);
    }
    plim_file_bytes_close(&file);
    return status;
}

plim_status plim_zarr_store_check(plim_zarr_store *self, plim_error *err)
{
    char path[PLIM_SURVEY_PATH_BYTES];
    plim_file_bytes file;
    if (self->is_zip) {
        return PLIM_OK;
    }
    PLIM_TRY(open_key(self, path, &file, err));
    plim_file_bytes_close(&file);
    return PLIM_OK;
}
