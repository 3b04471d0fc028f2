/* SPDX-License-Identifier: Apache-2.0 */
/* survey_rest.c - the files of a folder that no episode used: metadata, and all others.
 *
 * Adds up every regular file below the root, independently of the reader, and takes away what the
 * reader has counted: the data set's sum is checked against the folder, not against itself.
 * Folders that are links are not entered (they could lead back), files that are links are; depth
 * is bounded by DEPTH_LIMIT.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/survey/survey_lerobot.h"

#define DEPTH_LIMIT 16

typedef struct folder_sum {
    uint64_t bytes, metadata_bytes, file_count, metadata_count;
    size_t metadata_length;
    const char *metadata;
    char relative[PLIM_SURVEY_PATH_BYTES];
} folder_sum;

static void add_file(folder_sum *sum, const struct stat *st)
{
    sum->bytes += (uint64_t)st->st_size;
    sum->file_count++;
    if (strncmp(sum->relative, sum->metadata, sum->metadata_length) == 0) {
        sum->metadata_bytes += (uint64_t)st->st_size;
        sum->metadata_count++;
    }
}

static void add_folder(folder_sum *sum, int fd, size_t length, int depth)
{
    DIR *folder = fdopendir(fd);
    if (!folder) {
        close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder));) {
        struct stat st, at;
        size_t n = strlen(entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            length + n + 2 > sizeof(sum->relative) ||
            fstatat(fd, entry->d_name, &at, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        memcpy(sum->relative + length, entry->d_name, n + 1);
        if (S_ISDIR(at.st_mode) && depth < DEPTH_LIMIT) {
            int below = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
            memcpy(sum->relative + length + n, "/", 2);
            if (below >= 0) {
                add_folder(sum, below, length + n + 1, depth + 1);
            }
        } else if (fstatat(fd, entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode)) {
            add_file(sum, &st);
        }
    }
    closedir(folder);
}

plim_status plim_survey_rest(plim_survey *self, const char *metadata, plim_error *err)
{
    folder_sum sum = {.metadata = metadata, .metadata_length = strlen(metadata)};
    int fd = open(self->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        plim_error_set(err, PLIM_E_IO, "data set", "path", "a readable folder", NULL);
        plim_error_detail(err, "%s", self->root);
        return PLIM_E_IO;
    }
    add_folder(&sum, fd, 0, 0);
    uint64_t known = self->info.file_bytes + sum.metadata_bytes;
    plim_survey_share(self, "metadata", sum.metadata_bytes);
    self->info.file_bytes += sum.metadata_bytes;
    self->info.file_count += sum.metadata_count;
    if (sum.bytes > known) {
        plim_survey_share(self, "other files", sum.bytes - known);
        self->info.file_bytes = sum.bytes;
    }
    if (sum.file_count > self->info.file_count) {
        self->info.file_count = sum.file_count;
    }
    return PLIM_OK;
}
