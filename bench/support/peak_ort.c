/* SPDX-License-Identifier: Apache-2.0 */
/* peak_ort.c - the same model through our runtime, and in ONNX Runtime's own ways.
 *
 * One thread each, otherwise the library's defaults (weights prepacked by it); every model of
 * a job is loaded, run once on zeros, and kept until all have run.
 */
#include "bench/support/peak.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/onnx_write.h"
#include "bench/support/engines.h"
#include "plimsoll/plimsoll.h"
#include "src/backend/onnxruntime/library.h"

#define WIDTH        2048u
#define LAYER_BYTES  ((uint64_t)WIDTH * WIDTH * sizeof(float) + WIDTH * sizeof(float))
#define INLINE_LIMIT UINT64_C(2000000000) /* protobuf's 2 GiB less one, with room for the graph */
#define OPEN_CAP     (UINT64_C(1) << 40)  /* the control group is the limit here */

static uint64_t layers_of(uint64_t bytes)
{
    uint64_t layers = (bytes + LAYER_BYTES / 2) / LAYER_BYTES;
    return layers ? layers : 1;
}

uint64_t peak_ort_payload(uint64_t bytes)
{
    return layers_of(bytes) * LAYER_BYTES;
}

bool peak_ort_fits_inline(const peak_job *j)
{
    bool fits = true;
    for (size_t i = 0; i < j->count; i++) {
        fits = fits && j->payload_bytes[i] <= INLINE_LIMIT;
    }
    return fits;
}

/* ---- files ---- */

typedef enum part { PART_MODEL, PART_DATA, PART_INLINE, PART_ENGINE, PART_COUNT } part;

static void path_of(const char *folder, uint64_t bytes, uint64_t seed, part which, char out[320])
{
    static const char *const TAILS[] = {".onnx", ".onnx.data", "-inline.onnx",
                                        "__smany_jpany_trtnone_fp32.engine"};
    snprintf(out, 320, "%s/mlp-%" PRIu64 "-%" PRIu64 "%s", folder, bytes, seed, TAILS[which]);
}

static void import(const char *model, const char *folder, const char *wanted)
{
    const plim_backend_ops *ops = NULL;
    plim_import_opts o = plim_import_opts_default();
    plim_error err = {0};
    char made[512];
    o.no_optimize = true;
    if (plim_backend_find("onnxruntime", &ops, &err) != PLIM_OK ||
        ops->import_model(model, folder, &o, made, sizeof(made), &err) != PLIM_OK) {
        bench_stop("import", &err);
    }
    if (strcmp(made, wanted) != 0 && rename(made, wanted) != 0) {
        bench_stop(wanted, NULL);
    }
}

static void make_files(const char *folder, uint64_t bytes, uint64_t seed)
{
    char model[320], inlined[320], engine[320];
    path_of(folder, bytes, seed, PART_MODEL, model);
    path_of(folder, bytes, seed, PART_INLINE, inlined);
    path_of(folder, bytes, seed, PART_ENGINE, engine);
    if (!onnx_write_model(model, layers_of(bytes), WIDTH, seed, false) ||
        (bytes <= INLINE_LIMIT &&
         !onnx_write_model(inlined, layers_of(bytes), WIDTH, seed, true))) {
        bench_stop(model, NULL);
    }
    import(model, folder, engine);
}

/* In a child, so that the library is not in this process. */
void peak_ort_make(const char *folder, uint64_t bytes, uint64_t seed)
{
    char engine[320];
    int status = 0;
    path_of(folder, bytes, seed, PART_ENGINE, engine);
    if (access(engine, R_OK) == 0) {
        return;
    }
    (void)mkdir(folder, 0755);
    printf("# making %s\n", engine);
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        make_files(folder, bytes, seed);
        _exit(0);
    }
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        bench_stop("making a model", NULL);
    }
}

bool peak_ort_is_there(void)
{
    int status = 0;
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        const plim_ort *ort = NULL;
        plim_error err = {0};
        if (plim_ort_library(NULL, &ort, &err) != PLIM_OK) {
            printf("# skipped: ONNX Runtime: %s; set PLIMSOLL_ONNXRUNTIME or make models\n",
                   err.detail);
            fflush(stdout);
            _exit(1);
        }
        _exit(0);
    }
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static void drop_cache(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fdatasync(fd);
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
}

uint64_t peak_ort_cached(const peak_job *j, bool evict)
{
    uint64_t cached = 0;
    const char *library = getenv("PLIMSOLL_ONNXRUNTIME");
    if (evict && library) { /* so that its pages are charged to the child's group too */
        drop_cache(library);
    }
    for (size_t i = 0; i < j->count; i++) {
        for (part p = PART_MODEL; p < PART_COUNT; p++) {
            char path[320];
            uint64_t bytes = 0;
            path_of(j->folder, j->payload_bytes[i], i + 1, p, path);
            if (evict) {
                drop_cache(path);
            }
            if (plim_file_cached_bytes(path, &bytes, NULL) == PLIM_OK) {
                cached += bytes;
            }
        }
    }
    return cached;
}

/* ---- ours ---- */

static void infer_once(plim_engine *engine)
{
    static float x[WIDTH], y[WIDTH];
    static const char *const in[] = {"x"}, *const out[] = {"y"};
    const int64_t shape[2] = {1, WIDTH};
    plim_tensor input, output;
    plim_error err = {0};
    if (plim_tensor_init(&input, x, PLIM_F32, shape, 2, PLIM_MEMORY_HOST, &err) != PLIM_OK ||
        plim_tensor_init(&output, y, PLIM_F32, shape, 2, PLIM_MEMORY_HOST, &err) != PLIM_OK ||
        plim_engine_infer(engine, in, &input, 1, out, &output, 1, &err) != PLIM_OK) {
        bench_stop("infer", &err);
    }
}

void peak_ort_ours(const peak_job *j, peak_outcome *out)
{
    plim_runtime_opts o = plim_runtime_opts_default();
    plim_runtime *runtime = NULL;
    plim_engine *engines[PEAK_ENGINES_MAX];
    plim_error err = {0};
    const char *why = "";
    o.budget.cap_bytes = OPEN_CAP;
    o.log_level = PLIM_LOG_OFF;
    if (plim_runtime_open(&o, &runtime, &err) != PLIM_OK) {
        bench_stop("runtime", &err);
    }
    for (size_t i = 0; i < j->count; i++) {
        plim_engine_spec spec = plim_engine_spec_default();
        char name[16], path[320];
        snprintf(name, sizeof(name), "model %zu", i + 1);
        path_of(j->folder, j->payload_bytes[i], i + 1, PART_ENGINE, path);
        spec.name = name;
        spec.path = path;
        spec.activation_limit_bytes = 16u << 20;
        if (plim_runtime_deserialize(runtime, &spec, &engines[i], &err) != PLIM_OK) {
            bench_stop(path, &err);
        }
        infer_once(engines[i]);
    }
    for (size_t i = 0; i < j->count; i++) {
        plim_engine_stats stats;
        plim_engine_read(engines[i], &stats);
        out->huge_bytes += stats.load.huge_bytes;
        out->window_bytes += stats.load.window_bytes;
    }
    const bool has = plim_runtime_has_large_pages(runtime, &why);
    snprintf(out->path, sizeof(out->path), "%s%.100s", has ? "large pages" : "anonymous: ", why);
}

/* ---- the library's own ---- */

static void check(const plim_ort *ort, ort_status *status, const char *what)
{
    plim_error err = {0};
    if (plim_ort_fail(ort, status, what, &err) != PLIM_OK) {
        bench_stop(what, &err);
    }
}

static void run_once(const plim_ort *ort, ort_session *session)
{
    static float x[WIDTH];
    static const char *const in[] = {"x"}, *const out[] = {"y"};
    const int64_t shape[2] = {1, WIDTH};
    ort_value *input = NULL, *output = NULL;
    check(ort, ort->api.CreateTensorWithDataAsOrtValue(ort->cpu, x, sizeof(x), shape, 2, 1, &input),
          "input");
    check(ort,
          ort->api.Run(session, NULL, in, (const ort_value *const *)&input, 1, out, 1, &output),
          "run");
    ort->api.ReleaseValue(output);
    ort->api.ReleaseValue(input);
}

static void *read_whole(const char *path, size_t *out_bytes)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        bench_stop(path, NULL);
    }
    char *blob = malloc((size_t)st.st_size);
    for (off_t at = 0; blob != NULL && at < st.st_size;) {
        const ssize_t got = read(fd, blob + at, (size_t)(st.st_size - at));
        if (got <= 0) {
            bench_stop(path, NULL);
        }
        at += got;
    }
    close(fd);
    *out_bytes = (size_t)st.st_size;
    return blob;
}

static void run_own(const peak_job *j, part which, bool from_array)
{
    const plim_ort *ort = NULL;
    plim_error err = {0};
    if (plim_ort_library(NULL, &ort, &err) != PLIM_OK) {
        bench_stop("library", &err);
    }
    for (size_t i = 0; i < j->count; i++) {
        ort_session_options *options = NULL;
        ort_session *session = NULL; /* kept: the models live together */
        char path[320];
        path_of(j->folder, j->payload_bytes[i], i + 1, which, path);
        check(ort, ort->api.CreateSessionOptions(&options), "options");
        check(ort, ort->api.SetIntraOpNumThreads(options, 1), "threads");
        if (from_array) {
            size_t bytes = 0;
            void *blob = read_whole(path, &bytes);
            check(ort, ort->api.CreateSessionFromArray(ort->env, blob, bytes, options, &session),
                  "session");
            free(blob);
        } else {
            check(ort, ort->api.CreateSession(ort->env, path, options, &session), "session");
        }
        ort->api.ReleaseSessionOptions(options);
        run_once(ort, session);
    }
}

void peak_ort_own_path(const peak_job *j, peak_outcome *out)
{
    (void)out;
    run_own(j, PART_MODEL, false);
}

void peak_ort_own_inline(const peak_job *j, peak_outcome *out)
{
    (void)out;
    run_own(j, PART_INLINE, false);
}

void peak_ort_read_array(const peak_job *j, peak_outcome *out)
{
    (void)out;
    run_own(j, PART_INLINE, true);
}
