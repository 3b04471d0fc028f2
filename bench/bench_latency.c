/* SPDX-License-Identifier: Apache-2.0 */
/* bench_latency.c - a run through plimsoll beside the same model on ONNX Runtime's own terms.
 *
 * Decides nothing; measures the cost of keeping weights and activations under the line. In one
 * process, one library, the same threads: our engine (weights in place, activations from our
 * scratch) and a plain session that read the model's own file with default options. Runs
 * alternate in ABBA order, so that drift of the machine falls on both. Reported: the median of
 * each, and the median of the pairwise ratios. Time never gates.
 *
 * Ways of ours: a portable artifact, one for this CPU (layouts that only it can use, as the
 * plain session also makes), that with prepacked weights (a second copy, counted), each with
 * activations placed as they come and placed by a recorded plan. A sample is STEPS runs back to
 * back. Bytes: ours as the account has them; and what each side has from malloc beside.
 *
 * usage: bench_latency [RUNS] [THREADS] [STEPS] [MODEL]
 *        models from build/wheels whose name has MODEL in it, artifacts to build/bench
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plimsoll/plimsoll.h"
#include "src/backend/onnxruntime/library.h"
#include "test/support/heap_now.h"

#define TENSORS_MAX 16

typedef struct side { /* what both sides feed and fill: the same memory */
    size_t input_count, output_count;
    const char *input_names[TENSORS_MAX], *output_names[TENSORS_MAX];
    plim_tensor inputs[TENSORS_MAX], outputs[TENSORS_MAX];
} side;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void stop(const char *what, const plim_error *err)
{
    char text[1024] = "";
    if (err) {
        plim_error_format(err, text, sizeof(text));
    }
    fprintf(stderr, "bench_latency: %s %s\n", what, text);
    exit(1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* The formula of golden.tsv: the same numbers on every machine. */
static void fill(plim_tensor *t)
{
    int64_t n = plim_tensor_elements(t);
    for (int64_t k = 0; k < n; k++) {
        uint32_t h = (uint32_t)((uint64_t)k * 2654435761u) >> 8 & 1023;
        switch (t->dtype) {
        case PLIM_F32:
            ((float *)t->data)[k] = (float)h / 1024.0f - 0.4f;
            break;
        case PLIM_I32:
            ((int32_t *)t->data)[k] = (int32_t)(k % 255);
            break;
        default:
            ((int64_t *)t->data)[k] = 16000;
        }
    }
}

static void make_tensors(const plim_card *card, plim_region *io, side *to)
{
    plim_error err;
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        const plim_card_tensor *t = &card->tensors[i];
        int64_t shape[PLIM_TENSOR_RANK_MAX];
        uint64_t elements = 1;
        for (uint32_t d = 0; d < t->rank; d++) {
            shape[d] = t->profiles[0].opt[d] > 0 ? t->profiles[0].opt[d] : t->profiles[0].max[d];
            elements *= (uint64_t)shape[d];
        }
        void *data;
        plim_tensor *out =
            t->is_input ? &to->inputs[to->input_count] : &to->outputs[to->output_count];
        if (plim_region_alloc(io, elements * 8 + 64, 64, &data, &err) != PLIM_OK ||
            plim_tensor_init(out, data, t->dtype, shape, t->rank, PLIM_MEMORY_HOST, &err) !=
                PLIM_OK) {
            stop("io", &err);
        }
        if (t->is_input) {
            to->input_names[to->input_count++] = t->name;
            fill(out);
        } else {
            to->output_names[to->output_count++] = t->name;
        }
    }
}

static ort_session *plain_session(const plim_ort *ort, const char *model, int threads)
{
    ort_session_options *options = NULL;
    ort_session *session = NULL;
    plim_error err;
    if (plim_ort_fail(ort, ort->api.CreateSessionOptions(&options), "options", &err) ||
        plim_ort_fail(ort, ort->api.SetIntraOpNumThreads(options, threads), "threads", &err) ||
        plim_ort_fail(ort, ort->api.CreateSession(ort->env, model, options, &session), "session",
                      &err)) {
        stop(model, &err);
    }
    ort->api.ReleaseSessionOptions(options);
    return session;
}

static unsigned ort_dtype(plim_dtype dtype)
{
    return dtype == PLIM_F32 ? 1u : dtype == PLIM_I32 ? 6u : 7u;
}

/* One plain run, as a user of the C interface writes it: values over our inputs, outputs made
 * by the library. */
static void plain_run(const plim_ort *ort, ort_session *session, side *s, ort_value **inputs)
{
    ort_value *outputs[TENSORS_MAX] = {0};
    plim_error err;
    if (plim_ort_fail(ort,
                      ort->api.Run(session, NULL, s->input_names, (const ort_value *const *)inputs,
                                   s->input_count, s->output_names, s->output_count, outputs),
                      "run", &err)) {
        stop("plain", &err);
    }
    for (size_t i = 0; i < s->output_count; i++) {
        ort->api.ReleaseValue(outputs[i]);
    }
}

typedef struct way {
    const char *name;
    bool for_this_cpu, prepack, is_planned;
} way;

/* Blocks asked of malloc by this thread: both sides are in one process, so the counter is too. */
static _Thread_local uint64_t malloc_count;
extern void *__libc_malloc(size_t size);
extern void *__libc_memalign(size_t align, size_t size);
PLIM_API void *malloc(size_t size)
{
    malloc_count++;
    return __libc_malloc(size);
}
PLIM_API int posix_memalign(void **out, size_t align, size_t size)
{
    malloc_count++;
    *out = __libc_memalign(align, size);
    return *out ? 0 : ENOMEM;
}

static double heap_kib(void)
{
    struct mallinfo2 m = mallinfo2();
    return ((double)m.uordblks + (double)m.hblkhd) / 1024;
}

typedef struct pair { /* both sides, open */
    plim_runtime *runtime;
    plim_engine *engine;
    plim_region *io;
    const plim_ort *ort;
    ort_session *session;
    ort_value *inputs[TENSORS_MAX];
    side s;
} pair;

static void our_run(pair *p)
{
    plim_error err;
    if (plim_engine_infer(p->engine, p->s.input_names, p->s.inputs, p->s.input_count,
                          p->s.output_names, p->s.outputs, p->s.output_count, &err)) {
        stop("infer", &err);
    }
}

static void open_ours(pair *p, const char *artifact, const way *w, int threads, bool record)
{
    char plan[600];
    plim_error err;
    plim_runtime_opts ro = plim_runtime_opts_default();
    ro.budget.cap_bytes = (uint64_t)2 << 30;
    plim_engine_spec spec = plim_engine_spec_default();
    snprintf(plan, sizeof(plan), "%s.%s.csv", artifact, w->name);
    if (record || !w->is_planned) {
        remove(plan);
    }
    spec.name = "engine";
    spec.path = artifact;
    spec.thread_count = (uint32_t)threads;
    spec.prepack = w->prepack;
    spec.trace_path = plan;
    spec.record_trace = record;
    if (plim_runtime_open(&ro, &p->runtime, &err) != PLIM_OK ||
        plim_runtime_deserialize(p->runtime, &spec, &p->engine, &err) != PLIM_OK) {
        stop(artifact, &err);
    }
    plim_region_opts io = plim_region_opts_default();
    io.tag = PLIM_TAG_IO;
    io.size_bytes = 256u << 20;
    if (plim_region_create(plim_runtime_arena(p->runtime), PLIM_REGION_BUMP, &io, &p->io, &err)) {
        stop("io", &err);
    }
    p->s = (side){0};
    make_tensors(plim_engine_get_card(p->engine), p->io, &p->s);
}

static void close_ours(pair *p)
{
    plim_error err;
    plim_region_destroy(p->io);
    if (plim_engine_release(p->engine, &err) != PLIM_OK) {
        stop("release", &err);
    }
    plim_runtime_close(p->runtime);
}

static void open_plain(pair *p, const char *model, int threads)
{
    plim_error err;
    p->session = plain_session(p->ort, model, threads);
    for (size_t i = 0; i < p->s.input_count; i++) {
        plim_tensor *t = &p->s.inputs[i];
        if (plim_ort_fail(p->ort,
                          p->ort->api.CreateTensorWithDataAsOrtValue(
                              p->ort->cpu, t->data, plim_tensor_bytes(t), t->shape, t->rank,
                              ort_dtype(t->dtype), &p->inputs[i]),
                          "input", &err)) {
            stop("plain", &err);
        }
    }
}

static void close_plain(pair *p)
{
    for (size_t i = 0; i < p->s.input_count; i++) {
        p->ort->api.ReleaseValue(p->inputs[i]);
    }
    p->ort->api.ReleaseSession(p->session);
}

static void one_run(pair *p, bool is_plain)
{
    if (is_plain) {
        plain_run(p->ort, p->session, &p->s, p->inputs);
    } else {
        our_run(p);
    }
}

static double sample(pair *p, bool is_plain, size_t steps, uint64_t *mallocs)
{
    uint64_t count = malloc_count, start = now_ns();
    for (size_t i = 0; i < steps; i++) {
        one_run(p, is_plain);
    }
    double took = (double)(now_ns() - start);
    *mallocs = (malloc_count - count) / steps;
    return took;
}

typedef struct samples {
    double *ours, *plain, *ratio;
    uint64_t mallocs[2]; /* of a run; ours, plain */
} samples;

static void measure(pair *p, size_t runs, size_t steps, samples *to)
{
    for (size_t k = 0; k < runs + 3; k++) {
        double t[2];
        for (int turn = 0; turn < 2; turn++) {
            int which = (turn + (int)(k & 1)) & 1; /* ABBA */
            t[which] = sample(p, which == 1, steps, &to->mallocs[which]);
        }
        if (k >= 3) { /* three rounds to warm up */
            to->ours[k - 3] = t[0], to->plain[k - 3] = t[1], to->ratio[k - 3] = t[0] / t[1];
        }
    }
}

static void compare(const char *model, const char *artifact, const way *w, const char *label,
                    size_t runs, int threads, size_t steps)
{
    plim_error err;
    pair p = {0};
    plim_engine_stats stats;
    if (plim_ort_library(NULL, &p.ort, &err) != PLIM_OK) {
        stop("library", &err);
    }
    if (w->is_planned) {
        open_ours(&p, artifact, w, threads, true);
        our_run(&p), our_run(&p); /* the second is recorded */
        close_ours(&p);
    }
    double heap = heap_kib();
    open_ours(&p, artifact, w, threads, false);
    our_run(&p);
    double our_heap = heap_kib() - heap;
    heap = heap_kib();
    open_plain(&p, model, threads);
    one_run(&p, true);
    double plain_heap = heap_kib() - heap;
    samples of = {.ours = calloc(runs, sizeof(double)),
                  .plain = calloc(runs, sizeof(double)),
                  .ratio = calloc(runs, sizeof(double))};
    if (!of.ours || !of.plain || !of.ratio) {
        stop("memory", NULL);
    }
    measure(&p, runs, steps, &of);
    plim_engine_read(p.engine, &stats);
    double r = median(of.ratio, runs);
    uint64_t bytes = stats.payload_bytes + stats.session_bytes + stats.activation_peak_bytes;
    printf("%s\t%s\t%zu\t%.1f\t%.1f\t%.4f\t%.4f\t%.4f\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
           "\t%.0f\t%.0f\t%.0f\t%.0f\n",
           label, w->name, runs, median(of.ours, runs) / 1e3, median(of.plain, runs) / 1e3, r,
           of.ratio[runs / 10], of.ratio[runs - 1 - runs / 10], of.mallocs[0], of.mallocs[1],
           stats.trace_miss_count, (double)stats.session_bytes / 1024, (double)bytes / 1024,
           our_heap, plain_heap);
    fflush(stdout);
    free(of.ours), free(of.plain), free(of.ratio);
    close_plain(&p);
    close_ours(&p);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name, *shapes[2];
        size_t shape_count;
    } models[] = {{"silero_vad_16k_op15", {"input:1x576", "state:2x1x128"}, 2},
                  {"magika_v3_3", {"bytes:1x2048", NULL}, 1},
                  {"ppocr_v4_det", {"x:1x3x320x320", NULL}, 1},
                  {"ppocr_v4_rec", {"x:1x3x48x320", NULL}, 1}};
    static const way ways[] = {{"portable", false, false, false},
                               {"portable+plan", false, false, true},
                               {"portable+prepack+plan", false, true, true},
                               {"this-cpu", true, false, false},
                               {"this-cpu+plan", true, false, true},
                               {"this-cpu+prepack", true, true, false},
                               {"this-cpu+prepack+plan", true, true, true}};
    size_t runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 60;
    int threads = argc > 2 ? atoi(argv[2]) : 1;
    size_t steps = argc > 3 && atoi(argv[3]) > 0 ? strtoul(argv[3], NULL, 10) : 1;
    const char *only = argc > 4 ? argv[4] : "";
    plim_error err;
    const plim_backend_ops *backend;
    if (plim_backend_find("onnxruntime", &backend, &err) != PLIM_OK) {
        stop("backend", &err);
    }
    plim_backend_info info;
    plim_backend_probe(backend, NULL, &info);
    if (!info.is_present) {
        printf("# skipped: %s\n", info.absent_reason);
        return 0;
    }
    printf("# onnxruntime %s, %d thread(s), samples of %zu step(s); microseconds are medians of a "
           "sample, ratios are paired\n",
           info.version, threads, steps);
    printf("model\tartifact\truns\tours_us\tplain_us\tratio\tp10\tp90\tour_mallocs\tplain_mallocs\t"
           "misses\tsession_kib\tour_kib\tour_heap_kib\tplain_heap_kib\n");
    for (size_t m = 0; m < sizeof(models) / sizeof(models[0]); m++) {
        char model[128], artifact[512];
        if (!strstr(models[m].name, only)) {
            continue;
        }
        snprintf(model, sizeof(model), "build/wheels/%s.onnx", models[m].name);
        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
            plim_import_opts opts = plim_import_opts_default();
            opts.name = models[m].name;
            opts.for_this_cpu = ways[i].for_this_cpu;
            opts.shapes = models[m].shapes;
            opts.shape_count = models[m].shape_count;
            if (backend->import_model(model, "build/bench", &opts, artifact, sizeof(artifact),
                                      &err) != PLIM_OK) {
                stop(model, &err);
            }
            compare(model, artifact, &ways[i], models[m].name, runs, threads, steps);
        }
    }
    return 0;
}
