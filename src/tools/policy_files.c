/* SPDX-License-Identifier: Apache-2.0 */
/* policy_files.c - the tables that a tool goes by: built in, the machine's own, and those named. */
#include "src/tools/policy_files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One text and its name, in one piece that nobody frees: the policy borrows them to the end. */
static plim_status add_file(const char *path, plim_policy *out, plim_error *err)
{
    const size_t room = PLIM_POLICY_TEXT_MAX + 1;
    size_t name_bytes = strlen(path) + 1;
    FILE *f = fopen(path, "re");
    char *piece = f ? malloc(name_bytes + room) : NULL;
    if (!f || !piece) {
        int e = errno;
        if (f) {
            fclose(f);
        }
        plim_status code = e == ENOENT ? PLIM_E_NOT_FOUND : e == ENOMEM ? PLIM_E_NOMEM : PLIM_E_IO;
        (void)PLIM_FAIL(err, code, .what = "policy file", .os_errno = e);
        plim_error_detail(err, "%s", path);
        return code;
    }
    memcpy(piece, path, name_bytes);
    size_t n = fread(piece + name_bytes, 1, room, f);
    int e = ferror(f) ? (errno ? errno : EIO) : 0;
    fclose(f);
    if (e) {
        free(piece);
        (void)PLIM_FAIL(err, PLIM_E_IO, .what = "policy file", .os_errno = e);
        plim_error_detail(err, "%s", path);
        return PLIM_E_IO;
    }
    plim_status rc = plim_policy_add(out, piece, piece + name_bytes, n, err);
    if (rc != PLIM_OK) {
        free(piece);
    }
    return rc;
}

static int is_table(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return entry->d_name[0] != '.' && n > 6 && strcmp(entry->d_name + n - 6, ".table") == 0;
}

static plim_status add_folder(const char *root, plim_policy *out, plim_error *err)
{
    char folder[PATH_MAX], path[PATH_MAX + 300];
    struct dirent **names = NULL;
    plim_status rc = PLIM_OK;
    snprintf(folder, sizeof(folder), "%s/" POLICY_FOLDER, root ? root : "");
    int count = scandir(folder, &names, is_table, alphasort);
    if (count < 0 &&
        errno != ENOENT) { /* rules of this machine that nobody can read are no "none" */
        int e = errno;
        (void)PLIM_FAIL(err, PLIM_E_IO, .what = "policy folder", .os_errno = e);
        plim_error_detail(err, "%s", folder);
        return PLIM_E_IO;
    }
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        rc = rc == PLIM_OK ? add_file(path, out, err) : rc;
        free(names[i]);
    }
    free(names);
    return rc;
}

plim_status policy_files_load(const char *root, const char *const *files, size_t file_count,
                              plim_policy *out, plim_error *err)
{
    plim_policy_builtin(out);
    PLIM_TRY(add_folder(root, out, err));
    for (size_t i = 0; i < file_count; i++) {
        PLIM_TRY(add_file(files[i], out, err));
    }
    return PLIM_OK;
}
