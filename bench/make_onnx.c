/* SPDX-License-Identifier: Apache-2.0 */
/* make_onnx.c - a model of any size for benches, and the artifact made of it.
 *
 * usage: make_onnx OUT.onnx --bytes N [--width W] [--seed S] [--engine DIR]
 *
 * --engine packs it into a container in DIR, without loading the weights into memory.
 */
#include <errno.h>

#include "bench/onnx_write.h"
#include "plimsoll/plimsoll.h"

static int pack(const char *path, const char *folder)
{
    plim_error err = {0};
    char made[1024], words[1024];
    plim_import_opts opts = plim_import_opts_default();
    const plim_backend_ops *backend = NULL;
    opts.no_optimize = true;
    plim_status s = plim_backend_find("onnxruntime", &backend, &err);
    if (s == PLIM_OK) {
        s = backend->import_model(path, folder, &opts, made, sizeof(made), &err);
    }
    if (s != PLIM_OK) {
        plim_error_format(&err, words, sizeof(words));
        fprintf(stderr, "make_onnx: %s\n", words);
        return 1;
    }
    printf("%s\n", made);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t bytes = 0, width = 2048, seed = 1;
    const char *out = NULL, *folder = NULL;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--bytes") == 0) {
            bytes = strtoull(value, NULL, 0), i++;
        } else if (strcmp(argv[i], "--width") == 0) {
            width = strtoull(value, NULL, 0), i++;
        } else if (strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(value, NULL, 0), i++;
        } else if (strcmp(argv[i], "--engine") == 0) {
            folder = value, i++;
        } else {
            out = argv[i];
        }
    }
    if (!out || bytes == 0 || width == 0 || width > 65536) {
        fprintf(stderr, "usage: make_onnx OUT.onnx --bytes N [--width W] [--seed S] "
                        "[--engine DIR]\n");
        return 2;
    }
    uint64_t layer = width * width * sizeof(float) + width * sizeof(float);
    uint64_t layers = (bytes + layer / 2) / layer;
    if (!onnx_write_mlp(out, layers ? layers : 1, width, seed)) {
        fprintf(stderr, "make_onnx: %s: %s\n", out, strerror(errno));
        return 1;
    }
    return folder ? pack(out, folder) : 0;
}
