/* SPDX-License-Identifier: Apache-2.0 */
/* import_files.c - pages and whole files for an import; nothing here knows of models. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "src/backend/onnxruntime/import.h"

plim_status plim_import_take(uint64_t size_bytes, plim_import_pages *out, plim_error *err)
{
    plim_provider *pages = plim_provider_mmap();
    uint64_t size;
    *out = (plim_import_pages){0};
    if (!bytes_align_up(size_bytes ? size_bytes : 1, plim_provider_page_bytes(pages), &size) ||
        size > PTRDIFF_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "memory for an import", .want = size_bytes);
    }
    void *base = NULL;
    PLIM_TRY(plim_provider_reserve(pages, (size_t)size, 4096, &base, err));
    plim_status s = plim_provider_commit(pages, base, (size_t)size, err);
    if (s != PLIM_OK) {
        plim_provider_release(pages, base, (size_t)size);
        return s;
    }
    *out = (plim_import_pages){base, size};
    return PLIM_OK;
}

void plim_import_give(plim_import_pages *pages)
{
    if (pages->base) {
        plim_provider_release(plim_provider_mmap(), pages->base, (size_t)pages->size_bytes);
    }
    *pages = (plim_import_pages){0};
}

static plim_status no_file(const char *path, plim_error *err)
{
    plim_status code = errno == ENOENT ? PLIM_E_NOT_FOUND : PLIM_E_IO;
    (void)PLIM_FAIL(err, code, .what = "file of a model", .os_errno = errno);
    plim_error_detail(err, "%s", path);
    return code;
}

/* Exactly [0, size) of an open file. */
static plim_status read_all(int fd, const char *path, char *to, uint64_t size, plim_error *err)
{
    for (uint64_t at = 0; at < size;) {
        ssize_t n = pread(fd, to + at, (size_t)(size - at), (off_t)at);
        if (n == 0) {
            errno = 0; /* shorter than it was */
        }
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return no_file(path, err);
        }
        at += n > 0 ? (uint64_t)n : 0;
    }
    return PLIM_OK;
}

plim_status plim_import_read_into(const char *path, void *to, uint64_t size_bytes, plim_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return no_file(path, err);
    }
    plim_status s = read_all(fd, path, to, size_bytes, err);
    close(fd);
    return s;
}

plim_status plim_import_read(const char *path, plim_import_pages *out, uint64_t *size_bytes,
                             plim_error *err)
{
    struct stat st;
    plim_status s;
    *out = (plim_import_pages){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return no_file(path, err);
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        s = no_file(path, err);
        goto close;
    }
    *size_bytes = (uint64_t)st.st_size;
    s = plim_import_take(*size_bytes, out, err);
    if (s == PLIM_OK) {
        s = read_all(fd, path, out->base, *size_bytes, err);
    }
    if (s != PLIM_OK) {
        plim_import_give(out);
    }
close:
    close(fd);
    return s;
}

plim_status plim_import_write(const char *path, const void *data, size_t size, plim_error *err)
{
    plim_status s = PLIM_OK;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        return no_file(path, err);
    }
    for (size_t at = 0; s == PLIM_OK && at < size;) {
        ssize_t n = write(fd, (const char *)data + at, size - at);
        if (n < 0 && errno != EINTR) {
            s = no_file(path, err);
        }
        at += n > 0 ? (size_t)n : 0;
    }
    if (close(fd) != 0 && s == PLIM_OK) {
        s = no_file(path, err);
    }
    return s;
}

/* ---- paths ---- */

plim_status plim_import_join(char *out, size_t out_bytes, const char *folder, const char *name,
                             size_t name_bytes, plim_error *err)
{
    int n = snprintf(out, out_bytes, "%s/%.*s", folder, (int)name_bytes, name);
    if (n < 0 || (size_t)n >= out_bytes) {
        return plim_error_set(err, PLIM_E_RANGE, "path is too long", name, NULL, NULL);
    }
    return PLIM_OK;
}

plim_status plim_import_data_path(const char *model_path, plim_wire_span location, char *out,
                                  size_t out_bytes, plim_error *err)
{
    const char *name = (const char *)location.data, *slash = strrchr(model_path, '/');
    int folder = slash ? (int)(slash - model_path) : 1;
    if (location.size == 0 || name[0] == '/' || memchr(name, 0, location.size) ||
        (location.size >= 2 && memmem(name, location.size, "..", 2))) {
        return PLIM_FAIL(err, PLIM_E_FORMAT,
                         .what = "external data outside the folder of the model");
    }
    int n = snprintf(out, out_bytes, "%.*s/%.*s", folder, slash ? model_path : ".",
                     location.size < out_bytes ? (int)location.size : (int)out_bytes, name);
    if (n < 0 || (size_t)n >= out_bytes) {
        return plim_error_set(err, PLIM_E_RANGE, "path is too long", model_path, NULL, NULL);
    }
    return PLIM_OK;
}
