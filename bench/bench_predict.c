/* SPDX-License-Identifier: Apache-2.0 */
/* bench_predict.c - the plan's predicted peak against the measured one, over random mixes.
 *
 * usage: bench_predict [--quick] [--mixes N] [--seed N] [--verbose]
 *
 * Each mix is a manifest of 1 to 5 engines, run through the built command line. With the cap at
 * the predicted peak the run must end within it; one granule lower the plan must refuse, and so
 * must a run whose artifacts have nothing but a hole for a body: nothing was read. A mix that
 * records traces is planned and run a second time with them. Line one names machine, kernel and
 * revision; then TSV: a line a run, and the distribution of predicted / measured.
 * Exit 1 on an under-prediction or a refusal that did not come; times never gate.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "bench/support/engines.h"
#include "bench/support/mixes.h"

#define MIXES_MAX 2000u
#define GRANULE   65536u
#define ROOM      (UINT64_C(16) << 30) /* a cap that never refuses */

typedef struct outcome {
    uint64_t predicted, measured, rss;
    uint64_t predicted_tag[PLIM_TAG_COUNT], measured_tag[PLIM_TAG_COUNT];
} outcome;

/* Whose activations have recorded places: nobody's, all but one engine's, everybody's. */
typedef enum trace_state { TRACE_NONE, TRACE_SOME, TRACE_ALL } trace_state;
static const char *const trace_names[] = {"no", "partial", "full"};

typedef struct sample {
    double ratio;
    trace_state trace;
} sample;

typedef struct bench {
    mix_shelf shelf;
    sample samples[MIXES_MAX * 3];
    size_t sample_count;
    unsigned failures;
    bool verbose;
} bench;

/* ---- the command line ---- */

static int call(const bench *b, const char *arguments, const char *manifest)
{
    char command[4096];
    snprintf(command, sizeof(command),
             "%s/plimsoll %s %.400s/%s >%.400s/out.json 2>%.400s/errors.txt", b->shelf.tools,
             arguments, b->shelf.folder, manifest, b->shelf.folder, b->shelf.folder);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void show_errors(const bench *b)
{
    char path[MIX_PATH + 16], line[1024];
    snprintf(path, sizeof(path), "%.400s/errors.txt", b->shelf.folder);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f)) {
        printf("#   %s", line);
    }
    if (f) {
        fclose(f);
    }
}

static json_t *answer(const bench *b)
{
    char path[MIX_PATH + 16];
    snprintf(path, sizeof(path), "%.400s/out.json", b->shelf.folder);
    return json_load_file(path, 0, NULL);
}

static uint64_t number(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

static int plan(const bench *b, uint64_t cap, outcome *out)
{
    char arguments[64];
    snprintf(arguments, sizeof(arguments), "plan --json --cap %" PRIu64 "B", cap);
    int code = call(b, arguments, "mix.yaml");
    json_t *root = answer(b);
    if (out && root) {
        out->predicted = number(root, "peak");
        for (unsigned t = 0; t < PLIM_TAG_COUNT; t++) {
            out->predicted_tag[t] =
                number(json_object_get(root, "by_tag"), plim_tag_name((plim_tag)t));
        }
    }
    json_decref(root);
    return code;
}

static void read_rows(const json_t *rows, outcome *out)
{
    memset(out->measured_tag, 0, sizeof(out->measured_tag));
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *kind = json_string_value(json_object_get(row, "kind"));
        const char *known = json_string_value(json_object_get(row, "known"));
        for (unsigned t = 0; t < PLIM_TAG_COUNT; t++) {
            if (kind && known && strcmp(known, "tagged") == 0 &&
                strcmp(kind, plim_tag_name((plim_tag)t)) == 0) {
                out->measured_tag[t] += number(row, "peak");
            }
        }
    }
}

static int run(const bench *b, const mix *m, uint64_t cap, outcome *out)
{
    char path[MIX_PATH + 16];
    snprintf(path, sizeof(path), "%.400s/mix.yaml", b->shelf.folder);
    mix_write(m, &b->shelf, cap, false, path);
    int code = call(b, "run --json --episodes 0 --max-frames 3", "mix.yaml");
    json_t *root = answer(b);
    if (root) {
        const json_t *measured = json_object_get(json_object_get(root, "run"), "measured");
        out->measured = number(measured, "account_peak");
        out->rss = number(measured, "rss_peak");
        read_rows(json_object_get(root, "rows"), out);
    }
    json_decref(root);
    return code;
}

/* ---- the gate ---- */

static void fail(bench *b, unsigned index, const char *what)
{
    printf("# FAIL mix %u: %s\n", index, what);
    show_errors(b);
    b->failures++;
}

/* One granule too little: refused before anything is read. */
static void check_refusal(bench *b, const mix *m, unsigned index, uint64_t peak, trace_state trace)
{
    char path[MIX_PATH + 16];
    if (plan(b, peak, NULL) != 0) {
        fail(b, index, "the plan refuses its own peak");
    }
    if (plan(b, peak - GRANULE, NULL) != 1) {
        fail(b, index, "the plan takes less than its peak");
    }
    if (trace != TRACE_NONE) { /* the twins have no traces beside them */
        return;
    }
    snprintf(path, sizeof(path), "%.400s/hollow.yaml", b->shelf.folder);
    mix_write(m, &b->shelf, peak - GRANULE, true, path);
    if (call(b, "run --json --episodes 0 --max-frames 3", "hollow.yaml") != 1) {
        fail(b, index, "a run over the cap is not refused before it reads");
    }
}

static void print_tags(const outcome *o)
{
    for (unsigned t = 0; t < PLIM_TAG_COUNT; t++) {
        if (o->predicted_tag[t] || o->measured_tag[t]) {
            printf("#   %-14s %12" PRIu64 " %12" PRIu64 "\n", plim_tag_name((plim_tag)t),
                   o->predicted_tag[t], o->measured_tag[t]);
        }
    }
}

static void one(bench *b, const mix *m, unsigned index, trace_state trace)
{
    outcome o = {.predicted = 0};
    char path[MIX_PATH + 16];
    snprintf(path, sizeof(path), "%.400s/mix.yaml", b->shelf.folder);
    mix_write(m, &b->shelf, ROOM, false, path);
    if (plan(b, ROOM, &o) != 0 || o.predicted == 0) {
        fail(b, index, "no plan");
        return;
    }
    check_refusal(b, m, index, o.predicted, trace);
    int code = run(b, m, o.predicted, &o);
    bool ok = code == 0 && o.measured <= o.predicted;
    if (!ok) {
        fail(b, index, "the run does not hold the predicted peak");
        if (run(b, m, ROOM, &o) != 0) {
            fail(b, index, "the run fails with room");
        }
    }
    double ratio = o.measured ? (double)o.predicted / (double)o.measured : 0.0;
    b->samples[b->sample_count++] = (sample){.ratio = ratio, .trace = trace};
    printf("%u\t%s\t%u\t%s\t%" PRIu64 "\t%" PRIu64 "\t%.4f\t%" PRIu64 "\t%d\n", index,
           trace_names[trace], m->count, m->has_episode ? "yes" : "no", o.predicted, o.measured,
           ratio, o.rss, code);
    if (!ok || b->verbose) {
        print_tags(&o);
    }
    fflush(stdout);
}

/* ---- the distribution ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print_distribution(const bench *b, trace_state trace)
{
    static double r[MIXES_MAX * 3];
    size_t n = 0;
    for (size_t i = 0; i < b->sample_count; i++) {
        if (b->samples[i].trace == trace) {
            r[n++] = b->samples[i].ratio;
        }
    }
    if (n) {
        qsort(r, n, sizeof(r[0]), compare);
        printf("predicted/measured\t%s trace\tn %zu\tmin %.4f\tmedian %.4f\tp95 %.4f\tmax %.4f\n",
               trace_names[trace], n, r[0], r[n / 2], r[(n * 95) / 100], r[n - 1]);
    }
}

static void set_paths(char *folder, char *tools)
{
    char self[MIX_PATH], here[MIX_PATH], text[MIX_PATH * 2];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = 0;
    char *at = strstr(self, "/bench/bench_predict");
    if (!at || !getcwd(here, sizeof(here))) {
        fprintf(stderr, "bench_predict: run it from the checkout\n");
        exit(2);
    }
    *at = 0;
    snprintf(tools, MIX_PATH, "%s", self);
    snprintf(folder, MIX_PATH, "%.400s/build/bench/predict", here);
    snprintf(text, sizeof(text), "%s/plimsoll-video.so", self);
    setenv("PLIMSOLL_VIDEO", text, 0);
    snprintf(text, sizeof(text), "%s/build/wheels/libonnxruntime.so", here);
    setenv("PLIMSOLL_ONNXRUNTIME", text, 0);
}

/* Two at once would write each other's manifests and traces. */
static void hold_alone(const char *folder)
{
    char path[MIX_PATH + 16];
    snprintf(path, sizeof(path), "%.400s.lock", folder);
    (void)mkdir("build/bench", 0777);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        fprintf(stderr, "bench_predict: %s: another one is at work there\n", path);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static bench b;
    char folder[MIX_PATH], tools[MIX_PATH];
    unsigned mixes = 200;
    uint64_t seed = 20260101;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            mixes = 12;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            b.verbose = true;
        } else if (strcmp(argv[i], "--mixes") == 0 && i + 1 < argc) {
            mixes = (unsigned)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: bench_predict [--quick] [--mixes N] [--seed N] [--verbose]\n");
            return 2;
        }
    }
    mixes = mixes < MIXES_MAX ? mixes : MIXES_MAX;
    bench_headline("bench_predict", argc, argv);
    set_paths(folder, tools);
    hold_alone(folder);
    mix_shelf_fill(&b.shelf, folder, tools);
    printf(
        "# seed %" PRIu64 ", %u mixes, %u real models\n"
        "mix\ttrace\tengines\tepisode\tpredicted_bytes\tmeasured_bytes\tratio\trss_bytes\texit\n",
        seed, mixes, b.shelf.real_count);
    for (unsigned i = 0; i < mixes; i++) {
        mix m;
        mix_draw(&m, &b.shelf, &seed);
        mix_forget_traces(&m, &b.shelf);
        one(&b, &m, i, TRACE_NONE);
        if (m.traced) {
            one(&b, &m, i, TRACE_ALL);
        }
        if (m.traced && m.count > 1) {
            mix_forget_trace(&m, &b.shelf, (unsigned)(mix_next(&seed) % m.count));
            one(&b, &m, i, TRACE_SOME);
        }
    }
    print_distribution(&b, TRACE_NONE);
    print_distribution(&b, TRACE_SOME);
    print_distribution(&b, TRACE_ALL);
    printf("%s: %u failures\n", b.failures ? "FAIL" : "ok", b.failures);
    return b.failures ? 1 : 0;
}
