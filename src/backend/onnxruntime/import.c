/* SPDX-License-Identifier: Apache-2.0 */
/* import.c - makes an artifact out of a .onnx file.
 *
 * 1. The library optimises the graph (level 2; level 99 with for_this_cpu bakes in layouts
 *    of this CPU type) and saves it with its constants in a file of their own. With
 *    no_optimize the model stays as it is, and this step does not happen.
 * 2. The graph is written again with every constant of 128 bytes or more outside, aligned
 *    to 64. Constants that lie in one aligned file already are packed from there.
 * 3. The parts are opened and run, and the card gets what that showed.
 * 4. Graph, weights and card become one container.
 *
 * Format "ort" saves one .ort file instead and packs it whole: for models whose constants
 * cannot leave. Which format it is stands on the card. Never chosen silently.
 *
 * This is offline work: the library may take what it wants, but step 2 and 4 stream, and
 * with no_optimize memory does not grow with the weights.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "src/backend/onnxruntime/import.h"
#include "src/engine/sweep.h"

#define GRAPH_BYTES_MAX (64u << 20)
#define FOLDER_PREFIX   ".plimsoll-import-"
#define FOLDER_TRIES    100 /* of which other imports may sweep some */

static plim_status os_failed(const char *what, const char *path, plim_error *err)
{
    (void)PLIM_FAIL(err, PLIM_E_IO, .what = what, .os_errno = errno);
    plim_error_detail(err, "%s", path);
    return PLIM_E_IO;
}

/* ---- 1: optimise ---- */

static plim_status save_options(const plim_ort *ort, ort_session_options *options, const char *path,
                                bool is_ort_format, unsigned level, plim_error *err)
{
    static const char *const onnx[][2] = {
        {"session.optimized_model_external_initializers_file_name", "constants"},
        {"session.optimized_model_external_initializers_min_size_in_bytes", "128"},
        {"session.disable_prepacking", "1"}};
    static const char *const whole[][2] = {{"session.save_model_format", "ORT"},
                                           {"session.disable_prepacking", "1"}};
    const char *const(*keys)[2] = is_ort_format ? whole : onnx;
    size_t count = is_ort_format ? 2 : 3;
    ORT_TRY(ort, ort->api.SetOptimizedModelFilePath(options, path), "name of the graph");
    ORT_TRY(ort, ort->api.SetSessionGraphOptimizationLevel(options, level), "level");
    ORT_TRY(ort, ort->api.DisableMemPattern(options), "memory pattern");
    ORT_TRY(ort, ort->api.DisableCpuMemArena(options), "memory arena");
    ORT_TRY(ort, ort->api.SetIntraOpNumThreads(options, 1), "threads");
    for (size_t i = 0; i < count; i++) {
        ORT_TRY(ort, ort->api.AddSessionConfigEntry(options, keys[i][0], keys[i][1]),
                "session option");
    }
    return PLIM_OK;
}

static plim_status optimise(const plim_ort *ort, const char *model_path, const char *path,
                            bool is_ort_format, unsigned level, plim_error *err)
{
    ort_session_options *options = NULL;
    ort_session *session = NULL;
    ORT_TRY(ort, ort->api.CreateSessionOptions(&options), "session options");
    plim_status s = save_options(ort, options, path, is_ort_format, level, err);
    if (s == PLIM_OK) {
        s = plim_ort_fail(ort, ort->api.CreateSession(ort->env, model_path, options, &session),
                          "optimise the model", err);
    }
    ort->api.ReleaseSession(session);
    ort->api.ReleaseSessionOptions(options);
    return s;
}

/* ---- 2: split ---- */

static plim_status copy_range(int from, uint64_t at, uint64_t size, int to, uint64_t to_at,
                              const char *path, plim_error *err)
{
    char buffer[16384];
    while (size) {
        size_t want = size < sizeof(buffer) ? (size_t)size : sizeof(buffer);
        ssize_t n = pread(from, buffer, want, (off_t)at);
        if (n == 0) {
            (void)PLIM_FAIL(err, PLIM_E_FORMAT, .what = "external data ends early", .want = size);
            plim_error_detail(err, "%s", path);
            return PLIM_E_FORMAT;
        }
        if (n < 0 || pwrite(to, buffer, (size_t)n, (off_t)to_at) != n) {
            return os_failed("copy of a constant", path, err);
        }
        at += (uint64_t)n;
        to_at += (uint64_t)n;
        size -= (uint64_t)n;
    }
    return PLIM_OK;
}

static plim_status write_move(const plim_onnx_move *move, const char *model_path, int to,
                              const char *to_path, plim_error *err)
{
    char path[PLIM_IMPORT_PATH_BYTES];
    if (move->raw.size) {
        ssize_t n = pwrite(to, move->raw.data, move->raw.size, (off_t)move->to_bytes);
        return n >= 0 && (size_t)n == move->raw.size
                   ? PLIM_OK
                   : os_failed("copy of a constant", to_path, err);
    }
    PLIM_TRY(plim_import_data_path(model_path, move->location, path, sizeof(path), err));
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        return os_failed("external data", path, err);
    }
    plim_status s =
        copy_range(from, move->from_bytes, move->size_bytes, to, move->to_bytes, path, err);
    close(from);
    return s;
}

/* The bytes of a constant, a piece at a time; 0 at the end or on an error. */
static size_t piece(const plim_onnx_move *move, const char *model_path, uint64_t at, char *out,
                    size_t limit)
{
    char path[PLIM_IMPORT_PATH_BYTES];
    size_t want = move->size_bytes - at < limit ? (size_t)(move->size_bytes - at) : limit;
    if (move->raw.size) {
        memcpy(out, move->raw.data + at, want);
        return want;
    }
    if (plim_import_data_path(model_path, move->location, path, sizeof(path), NULL) != PLIM_OK) {
        return 0;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, out, want, (off_t)(move->from_bytes + at));
    if (fd >= 0) {
        close(fd);
    }
    return n == (ssize_t)want ? want : 0;
}

static bool is_same(void *context, const plim_onnx_move *a, const plim_onnx_move *b)
{
    const char *model_path = context;
    char x[8192], y[8192];
    for (uint64_t at = 0; at < a->size_bytes;) {
        size_t n = piece(a, model_path, at, x, sizeof(x));
        if (n == 0 || piece(b, model_path, at, y, sizeof(y)) != n || memcmp(x, y, n) != 0) {
            return false;
        }
        at += n;
    }
    return true;
}

static plim_status write_weights(const plim_onnx_split *split, const char *model_path,
                                 const char *path, plim_error *err)
{
    plim_status s = PLIM_OK;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        return os_failed("file of the weights", path, err);
    }
    for (size_t i = 0; s == PLIM_OK && i < split->move_count; i++) {
        if (!split->moves[i].is_copy) {
            s = write_move(&split->moves[i], model_path, fd, path, err);
        }
    }
    if (s == PLIM_OK && ftruncate(fd, (off_t)split->weights_bytes) != 0) {
        s = os_failed("file of the weights", path, err);
    }
    if (close(fd) != 0 && s == PLIM_OK) {
        s = os_failed("file of the weights", path, err);
    }
    return s;
}

/* The type that most bytes of the weights have. */
static const char *precision(const plim_onnx_split *split)
{
    uint64_t by_type[32] = {0};
    plim_dtype most = PLIM_DTYPE_NONE;
    for (size_t i = 0; i < split->move_count; i++) {
        plim_dtype t = split->moves[i].dtype;
        by_type[t] += split->moves[i].size_bytes;
        most = by_type[t] > by_type[most] ? t : most;
    }
    switch (most) {
    case PLIM_F16:
        return "fp16";
    case PLIM_BF16:
        return "bf16";
    case PLIM_I8:
    case PLIM_U8:
        return "int8";
    case PLIM_I4:
    case PLIM_U4:
        return "int4";
    case PLIM_F8E4M3:
    case PLIM_F8E5M2:
        return "fp8";
    case PLIM_F4E2M1:
        return "fp4";
    case PLIM_DTYPE_NONE:
        return ""; /* no constant has left the graph: packing looks at those inside */
    default:
        return "fp32";
    }
}

static plim_status write_graph(const plim_onnx_split *split, plim_ort_parts *out, plim_error *err)
{
    plim_import_pages pages;
    size_t size = 0, again;
    PLIM_TRY(plim_onnx_write(split, NULL, 0, &size, err));
    if (size > GRAPH_BYTES_MAX) {
        return PLIM_FAIL(err, PLIM_E_UNSUPPORTED,
                         .what = "constants inside nodes or typed fields cannot leave the graph; "
                                 "let import optimise the model",
                         .want = size, .limit = GRAPH_BYTES_MAX);
    }
    PLIM_TRY(plim_import_take(size, &pages, err));
    plim_status s = plim_onnx_write(split, pages.base, size, &again, err);
    if (s == PLIM_OK) {
        s = plim_import_write(out->graph_path, pages.base, size, err);
    }
    plim_import_give(&pages);
    out->graph_bytes = size;
    return s;
}

static plim_status keep_or_copy(const plim_onnx_split *split, const char *model_path, bool may_keep,
                                plim_ort_parts *out, plim_error *err)
{
    struct stat st;
    if (split->move_count == 0) {
        return PLIM_OK;
    }
    if (may_keep && split->is_one_file) {
        PLIM_TRY(plim_import_data_path(model_path, split->moves[0].location, out->weights_path,
                                       sizeof(out->weights_path), err));
        out->weights_are_kept = true;
    } else {
        PLIM_TRY(plim_import_join(out->weights_path, sizeof(out->weights_path), out->folder,
                                  "weights", 7, err));
        PLIM_TRY(write_weights(split, model_path, out->weights_path, err));
    }
    if (stat(out->weights_path, &st) != 0) {
        return os_failed("file of the weights", out->weights_path, err);
    }
    if ((uint64_t)st.st_size < split->weights_bytes) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "external data ends early",
                         .want = split->weights_bytes, .have = (uint64_t)st.st_size);
    }
    out->weights_bytes = (uint64_t)st.st_size;
    return PLIM_OK;
}

static plim_status split_model(const char *model_path, bool may_keep, plim_ort_parts *out,
                               plim_error *err)
{
    plim_import_pages file, list = {0};
    uint64_t size = 0, bytes;
    size_t count = 0;
    PLIM_TRY(plim_import_read(model_path, &file, &size, err));
    plim_onnx_split split = {.model = {file.base, (size_t)size},
                             .location = PLIM_ORT_EXTERNAL_FILE,
                             .is_same = is_same,
                             .context = (void *)(uintptr_t)model_path};
    plim_status s = plim_onnx_count(split.model, &count, err);
    if (s == PLIM_OK && !bytes_mul(count, sizeof(plim_onnx_move), &bytes)) {
        s = PLIM_FAIL(err, PLIM_E_RANGE, .what = "number of constants");
    }
    if (s == PLIM_OK) {
        s = plim_import_take(bytes, &list, err);
    }
    if (s == PLIM_OK) {
        split.moves = list.base;
        s = plim_onnx_plan(&split, err);
    }
    if (s == PLIM_OK) {
        s = keep_or_copy(&split, model_path, may_keep, out, err);
    }
    if (s == PLIM_OK) {
        snprintf(out->card.precision_found, sizeof(out->card.precision_found), "%s",
                 precision(&split));
        s = write_graph(&split, out, err);
    }
    plim_import_give(&list);
    plim_import_give(&file);
    return s;
}

/* ---- the parts ---- */

/* What a file name allows: letters, digits, dots, dashes and single underscores. */
static void model_name(const char *model_path, const char *given, char out[64])
{
    const char *from = given, *slash = strrchr(model_path, '/'), *dot;
    size_t n = 0, size;
    if (!from) {
        from = slash ? slash + 1 : model_path;
    }
    dot = given ? NULL : strrchr(from, '.');
    size = dot && dot != from ? (size_t)(dot - from) : strlen(from);
    for (size_t i = 0; i < size && n < 63; i++) {
        char c = from[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '.' || c == '_';
        c = is_plain ? c : '-';
        if (c != '_' || (n > 0 && out[n - 1] != '_')) {
            out[n++] = c;
        }
    }
    while (n > 0 && out[n - 1] == '_') {
        n--;
    }
    out[n] = 0;
}

static void fill_card(plim_card *card, const char *model_path, const plim_import_opts *opts,
                      bool is_ort_format)
{
    model_name(model_path, opts->name, card->name.model);
    strcpy(card->name.sm, "any");
    strcpy(card->name.jetpack, "any");
    strcpy(card->name.tensorrt, "none");
    strcpy(card->backend, "onnxruntime");
    strcpy(card->format, is_ort_format ? PLIM_ORT_FORMAT_WHOLE : PLIM_ORT_FORMAT_SPLIT);
    card->build = opts->for_this_cpu ? PLIM_BUILD_NATIVE : PLIM_BUILD_PORTABLE;
    strcpy(card->name.precision, card->precision_found[0] ? card->precision_found : "unknown");
}

static const char *const PART_NAMES[] = {"graph", "weights", "saved", "constants", NULL};

/* What killed imports left there; a live one holds a lock on its folder. */
static void sweep_folders(const char *out_dir)
{
    const plim_sweep_folder kind = {FOLDER_PREFIX, PART_NAMES};
    const int parent = open(out_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent >= 0) {
        plim_sweep_folders(parent, &kind);
        close(parent);
    }
}

/* Between making a folder and locking it, another import may sweep it: then once more. */
static plim_status make_folder(const char *out_dir, plim_ort_parts *out, plim_error *err)
{
    char folder[sizeof(out->folder)];
    sweep_folders(out_dir);
    for (int tries = 0; tries < FOLDER_TRIES; tries++) {
        PLIM_TRY(
            plim_import_join(folder, sizeof(folder), out_dir, FOLDER_PREFIX "XXXXXX", 64, err));
        if (!mkdtemp(folder)) {
            return os_failed("temporary folder", folder, err);
        }
        int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && plim_sweep_hold(fd) && access(folder, F_OK) == 0) {
            strcpy(out->folder, folder);
            out->held = fd;
            return PLIM_OK;
        }
        if (fd >= 0) {
            close(fd);
        }
        (void)rmdir(folder);
    }
    return os_failed("temporary folder", folder, err);
}

static plim_status check_opts(const plim_import_opts *opts, bool *is_ort_format, plim_error *err)
{
    *is_ort_format = opts->format && strcmp(opts->format, PLIM_ORT_FORMAT_WHOLE) == 0;
    if (opts->format && !*is_ort_format && strcmp(opts->format, PLIM_ORT_FORMAT_SPLIT) != 0) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "artifact format", "format",
                              PLIM_ORT_FORMAT_SPLIT " or " PLIM_ORT_FORMAT_WHOLE, opts->format);
    }
    if (opts->no_optimize && (*is_ort_format || opts->for_this_cpu)) {
        return PLIM_FAIL(err, PLIM_E_ARG,
                         .what = "no_optimize goes with neither format ort nor for_this_cpu");
    }
    return PLIM_OK;
}

plim_status plim_ort_parts_make(const char *model_path, const char *out_dir,
                                const plim_import_opts *opts, plim_ort_parts *out, plim_error *err)
{
    const plim_ort *ort = NULL;
    bool is_ort_format;
    char saved[PLIM_IMPORT_PATH_BYTES];
    struct stat st;
    memset(out, 0, sizeof(*out));
    out->held = -1;
    PLIM_TRY(check_opts(opts, &is_ort_format, err));
    PLIM_TRY(plim_import_digest(model_path, out->card.source_sha256, err));
    out->card.has_source_sha256 = true;
    PLIM_TRY(plim_ort_library(opts->library, &ort, err));
    PLIM_TRY(make_folder(out_dir, out, err));
    PLIM_TRY(
        plim_import_join(out->graph_path, sizeof(out->graph_path), out->folder, "graph", 5, err));
    PLIM_TRY(plim_import_join(saved, sizeof(saved), out->folder, "saved", 5, err));
    unsigned level = opts->for_this_cpu ? 99 : 2;
    if (is_ort_format) {
        PLIM_TRY(optimise(ort, model_path, out->graph_path, true, level, err));
        if (stat(out->graph_path, &st) != 0) {
            return os_failed("optimised graph", out->graph_path, err);
        }
        out->graph_bytes = (uint64_t)st.st_size;
    } else if (opts->no_optimize) {
        PLIM_TRY(split_model(model_path, true, out, err));
    } else {
        PLIM_TRY(optimise(ort, model_path, saved, false, level, err));
        PLIM_TRY(split_model(saved, true, out, err));
    }
    fill_card(&out->card, model_path, opts, is_ort_format);
    return plim_ort_measure(out, opts, opts->no_optimize, err);
}

void plim_ort_parts_drop(plim_ort_parts *parts)
{
    char path[PLIM_IMPORT_PATH_BYTES];
    for (size_t i = 0; parts->folder[0] && PART_NAMES[i]; i++) {
        snprintf(path, sizeof(path), "%s/%s", parts->folder, PART_NAMES[i]);
        (void)unlink(path);
    }
    if (parts->folder[0]) {
        (void)rmdir(parts->folder);
        close(parts->held);
    }
    parts->folder[0] = 0;
    parts->held = -1;
}

/* ---- 4: pack ---- */

static plim_status pack(plim_ort_parts *parts, const char *out_dir, const plim_import_opts *opts,
                        char *out_path, size_t out_path_bytes, plim_error *err)
{
    char name[160];
    plim_pack_input inputs[2] = {
        {.name = "graph", .kind = PLIM_SECTION_GRAPH, .path = parts->graph_path},
        {.name = "weights", .kind = PLIM_SECTION_WEIGHTS, .path = parts->weights_path}};
    plim_pack_opts how = plim_pack_opts_default();
    plim_pack_result result;
    uint64_t payload;
    how.lz4 = opts->lz4;
    if (!bytes_add(parts->graph_bytes, parts->weights_bytes, &payload) ||
        !bytes_add(payload, parts->card.session_bytes, &parts->card.resident_bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "bytes of the artifact");
    }
    PLIM_TRY(plim_engine_name_format(&parts->card.name, name, sizeof(name), err));
    PLIM_TRY(plim_import_join(out_path, out_path_bytes, out_dir, name, strlen(name), err));
    return plim_engine_pack(out_path, &parts->card, inputs, parts->weights_path[0] ? 2 : 1, &how,
                            &result, err);
}

plim_status plim_ort_import(const char *model_path, const char *out_dir,
                            const plim_import_opts *opts, char *out_path, size_t out_path_bytes,
                            plim_error *err)
{
    plim_import_opts o = plim_import_opts_default();
    plim_import_pages pages;
    size_t given = opts ? opts->struct_size : 0;
    if (given) {
        memcpy(&o, opts, given < sizeof(o) ? given : sizeof(o));
    }
    PLIM_TRY(plim_import_take(sizeof(plim_ort_parts), &pages, err));
    plim_ort_parts *parts = pages.base;
    plim_status s = plim_ort_parts_make(model_path, out_dir, &o, parts, err);
    if (s == PLIM_OK) {
        s = pack(parts, out_dir, &o, out_path, out_path_bytes, err);
    }
    plim_ort_parts_drop(parts);
    plim_import_give(&pages);
    return s;
}
