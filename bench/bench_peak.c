/* SPDX-License-Identifier: Apache-2.0 */
/* bench_peak.c - the most memory a load ever held, as the kernel counted it.
 *
 * Decides whether our loader stays at its payload plus a constant, and shows the two usual ways
 * beside it. Each configuration is this program run again as a child in a memory control group
 * of its own, from its first instruction; the peak is the group's, the child's own figures are
 * not asked. Then the same under a hard limit at our line, several times. Afterwards the
 * parent counts what is left of the files in the page cache.
 *
 * A method is one function in the table below and a name: another library's loader goes there.
 *
 * usage: bench_peak [--quick] [--survive N] [--folder DIR] [--only-onnx | --only-opaque]
 * --quick uses small engines and exits 1 when ours peaks above its line: payload + 8 MiB, and
 * for models through ONNX Runtime payload x 1.02 + 48 MB.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/support/engines.h"
#include "bench/support/group.h"
#include "bench/support/peak.h"
#include "plimsoll/plimsoll.h"

#define SLACK_BYTES     (8u << 20)
#define ORT_SLACK_BYTES 48000000u
#define HUGE_BYTES      (2u << 20)
#define ENGINES_MAX     PEAK_ENGINES_MAX

typedef peak_job job;
typedef peak_outcome outcome;

static uint64_t total_of(const job *j)
{
    uint64_t total = 0;
    for (size_t i = 0; i < j->count; i++) {
        total += j->payload_bytes[i];
    }
    return total;
}

static bool is_onnx(const job *j)
{
    return strcmp(j->kind, "onnx") == 0;
}

/* Where the line lies for what we promise: the library itself is in the group too. */
static uint64_t limit_of(const job *j)
{
    const uint64_t total = total_of(j);
    const uint64_t limit = is_onnx(j) ? total + total / 50 + ORT_SLACK_BYTES : total + SLACK_BYTES;
    return (limit + 4095) / 4096 * 4096;
}

/* ---- the methods, each run in a child ---- */

static void *map_private(uint64_t size)
{
    char *at = mmap(NULL, size + HUGE_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        bench_stop("arena", NULL);
    }
    return (void *)(((uintptr_t)at + HUGE_BYTES - 1) & ~(uintptr_t)(HUGE_BYTES - 1));
}

static void load_all(const job *j, void *const *bases, outcome *out)
{
    static bench_engine engines[ENGINES_MAX];
    plim_engine_file *files[ENGINES_MAX];
    plim_load_stats stats;
    plim_error err = {0};
    for (size_t i = 0; i < j->count; i++) {
        bench_engine_open(&engines[i], j->folder, j->kind, j->payload_bytes[i], i + 1);
        files[i] = &engines[i].file;
    }
    if (plim_engine_load_many(files, bases, j->count, NULL, &stats, &err) != PLIM_OK) {
        bench_stop("load", &err);
    }
    out->huge_bytes = stats.huge_bytes;
    out->window_bytes = stats.window_bytes;
    snprintf(out->path, sizeof(out->path), "%s%s%s",
             stats.path == PLIM_READ_URING_DIRECT   ? "uring"
             : stats.path == PLIM_READ_PREAD_DIRECT ? "pread"
                                                    : "buffered",
             stats.path_reason[0] != '\0' ? ": " : "", stats.path_reason);
}

static void ours_anonymous(const job *j, outcome *out)
{
    void *bases[ENGINES_MAX];
    for (size_t i = 0; i < j->count; i++) {
        bases[i] = map_private(j->payload_bytes[i]);
    }
    load_all(j, bases, out);
}

static void ours_huge_file(const job *j, outcome *out)
{
    static plim_large_provider large;
    void *bases[ENGINES_MAX];
    plim_error err = {0};
    if (plim_provider_large_open(&large, &err) != PLIM_OK) {
        bench_stop("arena of large pages", &err);
    }
    for (size_t i = 0; i < j->count; i++) {
        const uint64_t room = (j->payload_bytes[i] + 4095) / 4096 * 4096;
        if (plim_provider_reserve(&large.base, room, HUGE_BYTES, &bases[i], &err) != PLIM_OK ||
            plim_provider_commit_large(&large.base, bases[i], room, &err) != PLIM_OK) {
            bench_stop("arena of large pages", &err);
        }
    }
    load_all(j, bases, out);
}

/* The whole file into malloc, then the engine built from it: two copies, three with cache. */
static void read_then_build(const job *j, outcome *out)
{
    (void)out;
    for (size_t i = 0; i < j->count; i++) {
        bench_engine engine;
        bench_engine_open(&engine, j->folder, j->kind, j->payload_bytes[i], i + 1);
        unsigned char *blob = malloc(engine.file_bytes);
        for (uint64_t at = 0; blob != NULL && at < engine.file_bytes;) {
            const ssize_t got = read(engine.stream_file.fd, blob + at, engine.file_bytes - at);
            if (got <= 0) {
                bench_stop("read", NULL);
            }
            at += (uint64_t)got;
        }
        if (blob == NULL) {
            bench_stop("malloc", NULL);
        }
        memcpy(map_private(engine.file.payload_bytes), blob, engine.file.payload_bytes);
        free(blob);
    }
}

static void map_then_copy(const job *j, outcome *out)
{
    (void)out;
    for (size_t i = 0; i < j->count; i++) {
        bench_engine engine;
        bench_engine_open(&engine, j->folder, j->kind, j->payload_bytes[i], i + 1);
        void *map = mmap(NULL, engine.file_bytes, PROT_READ, MAP_PRIVATE, engine.stream_file.fd, 0);
        if (map == MAP_FAILED) {
            bench_stop("mmap", NULL);
        }
        memcpy(map_private(engine.file.payload_bytes), map, engine.file.payload_bytes);
        munmap(map, engine.file_bytes);
    }
}

/* Open and map, load nothing: what the process itself costs. */
static void nothing(const job *j, outcome *out)
{
    bench_engine engine;
    (void)out;
    bench_engine_open(&engine, j->folder, j->kind, j->payload_bytes[0], 1);
    (void)map_private(j->payload_bytes[0]);
}

typedef struct method {
    const char *name;
    void (*run)(const job *j, outcome *out);
    bool is_ours, reads_lz4;
    bool reads_onnx, is_inline; /* onnx: only those; inline: only where one message holds it */
} method;

static const method METHODS[] = {
    {"plimsoll/large-page-file", ours_huge_file, true, true, false, false},
    {"plimsoll/anonymous", ours_anonymous, true, true, false, false},
    {"mmap+copy", map_then_copy, false, false, false, false},
    {"read+build", read_then_build, false, false, false, false},
    {"(process alone)", nothing, false, false, false, false},
    {"plimsoll/onnxruntime", peak_ort_ours, true, false, true, false},
    {"ort/external-data", peak_ort_own_path, false, false, true, false},
    {"ort/one-file", peak_ort_own_inline, false, false, true, true},
    {"ort/read+array", peak_ort_read_array, false, false, true, true},
};
#define METHOD_COUNT (sizeof(METHODS) / sizeof(METHODS[0]))

/* argv: bench_peak --child METHOD FOLDER KIND SIZE... */
static int child(int argc, char **argv)
{
    job j = {.folder = argv[3], .kind = argv[4]};
    outcome out = {0};
    for (int i = 5; i < argc && j.count < ENGINES_MAX; i++) {
        j.payload_bytes[j.count++] = strtoull(argv[i], NULL, 10);
    }
    const uint64_t start = bench_now_ns();
    METHODS[strtoul(argv[2], NULL, 10)].run(&j, &out);
    out.elapsed_ns = bench_now_ns() - start;
    return write(STDOUT_FILENO, &out, sizeof(out)) == (ssize_t)sizeof(out) ? 0 : 2;
}

/* ---- the parent ---- */

static void exec_child(const bench_group *group, const method *m, const job *j, int out)
{
    char number[16];
    char sizes[ENGINES_MAX][32];
    char *args[6 + ENGINES_MAX] = {(char[]){"bench_peak"}, (char[]){"--child"}, number,
                                   (char *)(uintptr_t)j->folder, (char *)(uintptr_t)j->kind};
    snprintf(number, sizeof(number), "%zu", (size_t)(m - METHODS));
    for (size_t i = 0; i < j->count; i++) {
        snprintf(sizes[i], sizeof(sizes[i]), "%" PRIu64, j->payload_bytes[i]);
        args[5 + i] = sizes[i];
    }
    if (!bench_group_enter(group, getpid()) || dup2(out, STDOUT_FILENO) < 0) {
        _exit(3);
    }
    execv("/proc/self/exe", args);
    _exit(3);
}

typedef struct verdict {
    uint64_t peak_bytes;
    bool survived;
    outcome said;
} verdict;

static bool run_child(const method *m, const job *j, uint64_t limit_bytes, verdict *out)
{
    bench_group group;
    int ends[2];
    int status = 0;
    memset(out, 0, sizeof(*out));
    if (!bench_group_open(&group, "peak", limit_bytes) || pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        exec_child(&group, m, j, ends[1]);
    }
    close(ends[1]);
    const ssize_t got = read(ends[0], &out->said, sizeof(out->said));
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0) {
    }
    out->peak_bytes = bench_group_peak(&group);
    out->survived =
        got == (ssize_t)sizeof(out->said) && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    bench_group_close(&group);
    if (!out->survived && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) {
        printf("# %s ended with status %d\n", m->name, status);
    }
    return true;
}

static uint64_t cached_of(const job *j, bool evict)
{
    uint64_t cached = 0;
    if (is_onnx(j)) {
        return peak_ort_cached(j, evict);
    }
    for (size_t i = 0; i < j->count; i++) {
        bench_engine engine;
        bench_engine_open(&engine, j->folder, j->kind, j->payload_bytes[i], i + 1);
        if (evict) {
            bench_evict(&engine);
        }
        cached += bench_cached_bytes(&engine);
        bench_engine_close(&engine);
    }
    return cached;
}

static void print_row(const method *m, const job *j, const verdict *v, uint64_t cached,
                      unsigned int held, unsigned int tries)
{
    const uint64_t payload = total_of(j);
    printf("%s\t%s\t%zu\t%" PRIu64 "\t%.3f\t", m->name, j->kind, j->count, payload,
           (double)v->said.elapsed_ns / 1e9);
    printf("%" PRIu64 "\t%+.2f\t%.4f\t%" PRIu64 "\t", v->peak_bytes,
           ((double)v->peak_bytes - (double)payload) / 1048576.0,
           (double)v->peak_bytes / (double)payload, cached);
    if (tries == 0) {
        printf("-");
    } else if (held == 0) {
        printf("killed");
    } else {
        printf("%u/%u", held, tries);
    }
    printf("\t%" PRIu64 "\t%s\n", v->said.huge_bytes, v->said.path);
    fflush(stdout);
}

/* True when the row keeps what we promise, or promises nothing. */
static bool measure(const method *m, const job *j, unsigned int survive)
{
    verdict free_run;
    verdict held_run;
    const uint64_t limit = limit_of(j);
    unsigned int held = 0;

    (void)cached_of(j, true);
    if (!run_child(m, j, 0, &free_run)) {
        return true;
    }
    const uint64_t cached = cached_of(j, false);
    /* Once is enough to show that it is killed where it peaked above the limit already. */
    const bool is_above = free_run.peak_bytes > limit;
    const unsigned int tries = m->run == nothing ? 0 : m->is_ours && !is_above ? survive : 1;
    for (unsigned int i = 0; i < tries; i++) {
        (void)cached_of(j, true);
        held += run_child(m, j, limit, &held_run) && held_run.survived;
    }
    print_row(m, j, &free_run, cached, held, tries);
    return !m->is_ours || (free_run.survived && free_run.peak_bytes <= limit && held == tries);
}

static bool has_huge_files(void)
{
    plim_large_provider probe;
    plim_error err = {0};
    char text[512];
    if (plim_provider_large_open(&probe, &err) != PLIM_OK) {
        plim_error_format(&err, text, sizeof(text));
        printf("# skipped: large-page file: %s\n", text);
        return false;
    }
    plim_provider_large_close(&probe);
    return true;
}

static const job FULL[] = {
    {.count = 1, .payload_bytes = {2000000000}},
    {.count = 1, .payload_bytes = {4000000000}},
    {.count = 1, .payload_bytes = {6000000000}},
    {.count = 3, .payload_bytes = {3080000000, 2200000000, 600000000}},
};
static const job QUICK[] = {
    {.count = 1, .payload_bytes = {64000000}},
    {.count = 1, .payload_bytes = {128000000}},
    {.count = 1, .payload_bytes = {256000000}},
    {.count = 3, .payload_bytes = {98000000, 70000000, 19000000}},
};
#define JOB_COUNT (sizeof(FULL) / sizeof(FULL[0]))

static bool measure_job(const job *shape, const char *folder, unsigned int survive, bool has_huge)
{
    static const char *const kinds[] = {"raw", "lz4"};
    bool is_kept = true;
    for (size_t k = 0; k < 2; k++) {
        job j = *shape;
        j.folder = folder;
        j.kind = kinds[k];
        for (size_t i = 0; i < j.count; i++) {
            bench_engine_make(folder, j.kind, j.payload_bytes[i], i + 1);
        }
        for (size_t i = 0; i < METHOD_COUNT; i++) {
            const method *m = &METHODS[i];
            if (m->reads_onnx || (k == 1 && !m->reads_lz4) ||
                (m->run == ours_huge_file && !has_huge)) {
                continue;
            }
            is_kept = measure(m, &j, survive) && is_kept;
        }
    }
    return is_kept;
}

static bool measure_models(bool is_quick, const char *folder, unsigned int survive)
{
    static const job FULL_MODELS[] = {
        {.count = 1, .payload_bytes = {600000000}},
        {.count = 3, .payload_bytes = {3080000000, 2200000000, 600000000}},
    };
    static const job QUICK_MODELS[] = {{.count = 1, .payload_bytes = {256000000}}};
    const size_t count = is_quick ? 1 : 2;
    bool is_kept = true;
    for (size_t k = 0; k < count; k++) {
        job j = is_quick ? QUICK_MODELS[k] : FULL_MODELS[k];
        j.folder = folder;
        j.kind = "onnx";
        for (size_t i = 0; i < j.count; i++) {
            j.payload_bytes[i] = peak_ort_payload(j.payload_bytes[i]);
            peak_ort_make(folder, j.payload_bytes[i], i + 1);
        }
        for (size_t i = 0; i < METHOD_COUNT; i++) {
            const method *m = &METHODS[i];
            if (m->reads_onnx && m->is_inline && !peak_ort_fits_inline(&j)) {
                printf("# %s: not possible, a protobuf message ends at 2 GiB\n", m->name);
            } else if (m->reads_onnx) {
                is_kept = measure(m, &j, survive) && is_kept;
            }
        }
    }
    return is_kept;
}

int main(int argc, char **argv)
{
    const char *folder = "build/bench";
    bool is_quick = false;
    bool is_kept = true;
    bool has_opaque = true;
    bool has_models = true;
    unsigned int survive = 20;
    bench_group probe;

    if (argc > 5 && strcmp(argv[1], "--child") == 0) {
        return child(argc, argv);
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            is_quick = true;
            survive = 3;
        } else if (strcmp(argv[i], "--survive") == 0 && i + 1 < argc) {
            survive = (unsigned int)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--only-onnx") == 0) {
            has_opaque = false;
        } else if (strcmp(argv[i], "--only-opaque") == 0) {
            has_models = false;
        } else if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc) {
            folder = argv[++i];
        } else {
            fprintf(stderr, "usage: bench_peak [--quick] [--survive N] [--folder DIR] "
                            "[--only-onnx | --only-opaque]\n");
            return 2;
        }
    }
    bench_headline("bench_peak", argc, argv);
    if (!bench_group_open(&probe, "probe", 0)) {
        return 0;
    }
    bench_group_close(&probe);
    const bool has_huge = has_huge_files();
    printf("name\tkind\tengines\tpayload_bytes\tseconds\tpeak_bytes\tover_MiB\tmultiple\t"
           "cached_after_bytes\theld_at_limit\tlarge_page_bytes\tpath\n");
    for (size_t i = 0; has_opaque && i < JOB_COUNT; i++) {
        is_kept =
            measure_job(is_quick ? &QUICK[i] : &FULL[i], folder, survive, has_huge) && is_kept;
    }
    if (has_models && peak_ort_is_there()) {
        is_kept = measure_models(is_quick, folder, survive) && is_kept;
    }
    return is_quick && !is_kept ? 1 : 0;
}
