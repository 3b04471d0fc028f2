/* SPDX-License-Identifier: Apache-2.0 */
/* survey_source.c - looking at a path before a reader is chosen, and files below it afterwards.
 *
 * Follows symbolic links, as the training code that reads the data set does. Refuses sockets,
 * pipes and devices: opening one could wait for ever.
 */
#include "src/survey/survey_source.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static plim_status refuse(plim_error *err, plim_status status, int os_errno, const char *wanted,
                          const char *found, const char *path)
{
    plim_error_set(err, status, "data set", "path", wanted, found);
    plim_error_detail(err, "%s", path);
    if (err) {
        err->os_errno = os_errno;
    }
    return status;
}

static plim_status read_head(plim_survey_source *self, plim_error *err)
{
    plim_file_bytes file;
    PLIM_TRY(plim_file_bytes_open(&file, self->path, err));
    self->size_bytes = file.size_bytes;
    self->head_bytes =
        file.size_bytes < sizeof(self->head) ? (size_t)file.size_bytes : sizeof(self->head);
    plim_status status = plim_file_bytes_read(&file, 0, self->head, self->head_bytes, err);
    plim_file_bytes_close(&file);
    return status;
}

plim_status plim_survey_source_open(plim_survey_source *self, const char *path,
                                    char root[PLIM_SURVEY_PATH_BYTES], plim_error *err)
{
    struct stat st;
    size_t length = strlen(path);
    *self = (plim_survey_source){.path = root};
    if (!length || length >= PLIM_SURVEY_PATH_BYTES) {
        return refuse(err, PLIM_E_RANGE, 0, "1 to 1023 bytes", length ? "longer" : "an empty path",
                      path);
    }
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    memcpy(root, path, length);
    root[length] = 0;
    if (stat(path, &st) != 0) { /* the path as given: "file/" is not a file */
        bool is_absent = errno == ENOENT || errno == ENOTDIR;
        return refuse(err, is_absent ? PLIM_E_NOT_FOUND : PLIM_E_IO, errno, "a folder or a file",
                      is_absent ? "nothing" : "unreadable", path);
    }
    self->is_folder = S_ISDIR(st.st_mode);
    if (!self->is_folder && !S_ISREG(st.st_mode)) {
        return refuse(err, PLIM_E_IO, 0, "a folder or a file", "a device, pipe or socket", path);
    }
    return self->is_folder ? PLIM_OK : read_head(self, err);
}

bool plim_survey_source_has(const plim_survey_source *self, const char *name)
{
    char path[PLIM_SURVEY_PATH_BYTES];
    struct stat st;
    int n = snprintf(path, sizeof(path), "%s/%s", self->path, name);
    return self->is_folder && n > 0 && (size_t)n < sizeof(path) && stat(path, &st) == 0;
}

plim_status plim_survey_list(const char *root, const char *relative, plim_survey_see see,
                             void *context, plim_error *err)
{
    char path[PLIM_SURVEY_PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%s%s%s", root, relative[0] ? "/" : "", relative);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return refuse(err, PLIM_E_RANGE, 0, "below 1024 bytes", "longer", root);
    }
    DIR *folder = opendir(path);
    if (!folder) {
        return refuse(err, errno == ENOENT || errno == ENOTDIR ? PLIM_E_NOT_FOUND : PLIM_E_IO,
                      errno, "a folder", NULL, path);
    }
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !see(context, entry->d_name)) {
            break;
        }
    }
    closedir(folder);
    return PLIM_OK;
}

static bool see_any(void *context, const char *name)
{
    char *first = context;
    snprintf(first, 96, "%s", name);
    return false;
}

plim_status plim_survey_source_refuse(const plim_survey_source *self, plim_error *err)
{
    char first[96] = "", found[96];
    if (!self->is_folder) {
        snprintf(found, sizeof(found), "%s",
                 self->size_bytes ? "content of another kind" : "an empty file");
        return refuse(err, self->size_bytes ? PLIM_E_UNSUPPORTED : PLIM_E_FORMAT, 0,
                      "a recording in a known format", found, self->path);
    }
    PLIM_TRY(plim_survey_list(self->path, "", see_any, first, err));
    if (!first[0]) {
        return refuse(err, PLIM_E_NOT_FOUND, 0, "a data set", "an empty folder", self->path);
    }
    if (plim_survey_source_has(self, "meta")) {
        return refuse(err, PLIM_E_NOT_FOUND, 0, "meta/info.json", "a folder meta without it",
                      self->path);
    }
    snprintf(found, sizeof(found), "a folder with %.60s", first);
    return refuse(err, PLIM_E_UNSUPPORTED, 0, "a recording in a known format", found, self->path);
}

plim_status plim_survey_open_file(plim_survey *self, const char *relative, plim_file_bytes *out,
                                  plim_error *err)
{
    int n = snprintf(self->path, sizeof(self->path), "%s%s%s", self->root, relative[0] ? "/" : "",
                     relative);
    if (n < 0 || (size_t)n >= sizeof(self->path)) {
        *out = (plim_file_bytes){.fd = -1};
        return refuse(err, PLIM_E_RANGE, 0, "below 1024 bytes", "longer", self->root);
    }
    return plim_file_bytes_open(out, self->path, err);
}
