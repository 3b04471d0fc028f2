/* SPDX-License-Identifier: Apache-2.0 */
/* import.h - the steps of making an artifact, shared by import.c and its helpers. */
#ifndef BACKEND_ONNXRUNTIME_IMPORT_H
#define BACKEND_ONNXRUNTIME_IMPORT_H

#include "src/backend/onnxruntime/onnx_split.h"
#include "src/backend/onnxruntime/session.h"

/* Pages for the length of an import, from the process's own provider. */
typedef struct plim_import_pages {
    void *base;
    uint64_t size_bytes;
} plim_import_pages;
PLIM_MUST_USE plim_status plim_import_take(uint64_t size_bytes, plim_import_pages *out,
                                           plim_error *err);
void plim_import_give(plim_import_pages *pages);

/* A whole file in pages. Errors: E_NOT_FOUND, E_IO, E_NOMEM. */
PLIM_MUST_USE plim_status plim_import_read(const char *path, plim_import_pages *out,
                                           uint64_t *size_bytes, plim_error *err);
/* The first @size_bytes of a file. Errors: E_NOT_FOUND, E_IO. */
PLIM_MUST_USE plim_status plim_import_read_into(const char *path, void *to, uint64_t size_bytes,
                                                plim_error *err);
/* The file at @path becomes exactly @size bytes of @data. */
PLIM_MUST_USE plim_status plim_import_write(const char *path, const void *data, size_t size,
                                            plim_error *err);
/* SHA-256 over the model file and over every constant that it keeps outside.
 * Errors: E_NOT_FOUND, E_IO, E_FORMAT, E_RANGE. */
PLIM_MUST_USE plim_status plim_import_digest(const char *model_path, uint8_t out[PLIM_DIGEST_BYTES],
                                             plim_error *err);

#define PLIM_IMPORT_PATH_BYTES 600
/* "folder/name". E_RANGE when it is too long. */
PLIM_MUST_USE plim_status plim_import_join(char *out, size_t out_bytes, const char *folder,
                                           const char *name, size_t name_bytes, plim_error *err);
/* A file of external data, beside the model. E_FORMAT when it would lie outside its folder. */
PLIM_MUST_USE plim_status plim_import_data_path(const char *model_path, plim_wire_span location,
                                                char *out, size_t out_bytes, plim_error *err);

/* What an artifact is made of, before it is packed. */
typedef struct plim_ort_parts {
    char folder[512]; /* temporary, beside the artifact; removed by plim_ort_parts_drop */
    int held;         /* its descriptor, whose lock says that it is in use; -1: none */
    char graph_path[PLIM_IMPORT_PATH_BYTES];
    char weights_path[PLIM_IMPORT_PATH_BYTES]; /* "": none (format ort, or no constant left the
                                                  graph) */
    bool weights_are_kept;                     /* weights_path is the model's own data file */
    uint64_t graph_bytes, weights_bytes;
    plim_card card;
} plim_ort_parts;

/* plim_ort_parts_make - everything but the packing. @out is zeroed first; drop it always. */
PLIM_MUST_USE plim_status plim_ort_parts_make(const char *model_path, const char *out_dir,
                                              const plim_import_opts *opts, plim_ort_parts *out,
                                              plim_error *err);
void plim_ort_parts_drop(plim_ort_parts *parts);

/* plim_ort_shapes - min, opt and max of every dynamic dimension of the card's inputs.
 *
 * From @opts->shapes; else dimension 0 is 1, and the height and width of a rank-4 input
 * are 32..320..640. Errors: E_ARG a text that is not "name:DIMxDIM..."; E_NOT_FOUND a name
 * that is no input; E_SHAPE a dynamic dimension that nobody gave, or one that the graph
 * fixes otherwise. */
PLIM_MUST_USE plim_status plim_ort_shapes(plim_card *card, const plim_import_opts *opts,
                                          plim_error *err);

/* plim_ort_measure - open the parts as an engine and run it at the smallest, the usual and
 * the largest shapes: output ranges, session, activation and peak bytes go to the card.
 * @is_hollow: the weights' pages stay untouched zeros, so that memory does not grow with
 * the model. */
PLIM_MUST_USE plim_status plim_ort_measure(plim_ort_parts *parts, const plim_import_opts *opts,
                                           bool is_hollow, plim_error *err);

#endif
