/* SPDX-License-Identifier: Apache-2.0 */
/* import_digest.c - one digest for a model, wherever its bytes lie.
 *
 * SHA-256 over the model file, then over the bytes of every external constant in the order in
 * which the graph names them: two models that differ in their data file alone differ here too. A
 * model without external data has the digest of its file. Constant memory for the data.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "src/backend/onnxruntime/import.h"
#include "src/backend/onnxruntime/onnx_read.h"

typedef struct digest {
    EVP_MD_CTX *context;
    const char *model_path;
} digest;

static plim_status add_bytes(const digest *d, const void *bytes, size_t size, plim_error *err)
{
    return EVP_DigestUpdate(d->context, bytes, size) == 1
               ? PLIM_OK
               : PLIM_FAIL(err, PLIM_E_BACKEND, .what = "SHA-256");
}

static plim_status failed(plim_status code, const char *what, const char *path, int os_errno,
                          plim_error *err)
{
    (void)PLIM_FAIL(err, code, .what = what, .os_errno = os_errno);
    plim_error_detail(err, "%s", path);
    return code;
}

static plim_status add_range(const digest *d, int fd, const char *path, uint64_t at, uint64_t size,
                             plim_error *err)
{
    char buffer[16384];
    while (size) {
        size_t want = size < sizeof(buffer) ? (size_t)size : sizeof(buffer);
        ssize_t n = pread(fd, buffer, want, (off_t)at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0 ? failed(PLIM_E_FORMAT, "external data ends early", path, 0, err)
                          : failed(PLIM_E_IO, "external data", path, errno, err);
        }
        PLIM_TRY(add_bytes(d, buffer, (size_t)n, err));
        at += (uint64_t)n;
        size -= (uint64_t)n;
    }
    return PLIM_OK;
}

static plim_status add_external(void *context, const plim_onnx_tensor *t, plim_error *err)
{
    const digest *d = context;
    char path[PLIM_IMPORT_PATH_BYTES];
    if (!t->is_external) {
        return PLIM_OK;
    }
    uint64_t size = t->length_bytes ? t->length_bytes : t->data_bytes;
    PLIM_TRY(plim_import_data_path(d->model_path, t->location, path, sizeof(path), err));
    if (t->offset_bytes > INT64_MAX || size > INT64_MAX - t->offset_bytes) {
        return failed(PLIM_E_RANGE, "place of external data", path, 0, err);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int e = errno;
        return failed(e == ENOENT ? PLIM_E_NOT_FOUND : PLIM_E_IO, "external data", path, e, err);
    }
    plim_status s = add_range(d, fd, path, t->offset_bytes, size, err);
    close(fd);
    return s;
}

/* An .ort file is no protobuf and has no external data. */
static bool is_ort_file(const plim_import_pages *file, uint64_t size)
{
    return size >= 8 && memcmp((const char *)file->base + 4, "ORTM", 4) == 0;
}

static plim_status digest_model(digest *d, uint8_t out[PLIM_DIGEST_BYTES], plim_error *err)
{
    plim_import_pages file;
    uint64_t size = 0;
    const plim_onnx_visitor visitor = {d, add_external, NULL};
    PLIM_TRY(plim_import_read(d->model_path, &file, &size, err));
    plim_status s = add_bytes(d, file.base, (size_t)size, err);
    if (s == PLIM_OK && !is_ort_file(&file, size)) {
        s = plim_onnx_read((plim_wire_span){file.base, (size_t)size}, &visitor, err);
    }
    plim_import_give(&file);
    if (s == PLIM_OK && EVP_DigestFinal_ex(d->context, out, NULL) != 1) {
        s = PLIM_FAIL(err, PLIM_E_BACKEND, .what = "SHA-256");
    }
    return s;
}

plim_status plim_import_digest(const char *model_path, uint8_t out[PLIM_DIGEST_BYTES],
                               plim_error *err)
{
    digest d = {.context = EVP_MD_CTX_new(), .model_path = model_path};
    plim_status s = d.context && EVP_DigestInit_ex(d.context, EVP_sha256(), NULL) == 1
                        ? digest_model(&d, out, err)
                        : PLIM_FAIL(err, PLIM_E_BACKEND, .what = "SHA-256");
    EVP_MD_CTX_free(d.context);
    return s;
}
