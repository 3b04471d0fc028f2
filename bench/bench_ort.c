/* SPDX-License-Identifier: Apache-2.0 */
/* bench_ort.c - memory of one model: the library's own way, and weights in place.
 *
 * usage: bench_ort MODEL.onnx ARTIFACT.engine   (make both with make_onnx ... --engine DIR)
 *
 * Each configuration runs in a process of its own, one thread, inputs all zero. Lines are
 * TSV: configuration, RSS and high-water mark after open and after the third run (bytes, as
 * the kernel says), malloc calls and calls to our allocator in the third run.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plimsoll/plimsoll.h"
#include "src/backend/onnxruntime/library.h"

/* Every malloc of the process passes here. */
void *__libc_malloc(size_t size); /* glibc's own name for it */
static atomic_uint_fast64_t malloc_count;
__attribute__((visibility("default"))) void *malloc(size_t size)
{
    malloc_count++;
    return __libc_malloc(size);
}

typedef struct result {
    uint64_t open_rss, rss, peak, mallocs, host_calls;
} result;

static uint64_t status_bytes(const char *key)
{
    char line[256];
    uint64_t found = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof(line), f)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            found = strtoull(line + strlen(key), NULL, 10) * 1024;
        }
    }
    if (f) {
        fclose(f);
    }
    return found;
}

static void die(const char *what, const plim_error *err)
{
    char words[1024] = "";
    if (err) {
        plim_error_format(err, words, sizeof(words));
    }
    fprintf(stderr, "bench_ort: %s: %s\n", what, words);
    exit(1);
}

/* ---- the library's own way: default options, model from a path ---- */

static void check(const plim_ort *ort, ort_status *status, const char *what)
{
    plim_error err;
    if (plim_ort_fail(ort, status, what, &err) != PLIM_OK) {
        die(what, &err);
    }
}

static result run_default(const char *model, const plim_card *card)
{
    const plim_ort *ort = NULL;
    plim_error err;
    result r = {0};
    ort_session_options *options;
    ort_session *session;
    if (plim_ort_library(NULL, &ort, &err) != PLIM_OK) {
        die("library", &err);
    }
    check(ort, ort->api.CreateSessionOptions(&options), "options");
    check(ort, ort->api.SetIntraOpNumThreads(options, 1), "threads");
    check(ort, ort->api.CreateSession(ort->env, model, options, &session), "session");
    r.open_rss = status_bytes("VmRSS:");
    const char *in[8], *out[8];
    ort_value *inputs[8];
    size_t in_count = 0, out_count = 0;
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        const plim_card_tensor *t = &card->tensors[i];
        plim_tensor dense;
        if (!t->is_input) {
            out[out_count++] = t->name;
            continue;
        }
        if (plim_tensor_init(&dense, NULL, t->dtype, t->profiles[0].opt, t->rank, PLIM_MEMORY_HOST,
                             &err) != PLIM_OK) {
            die("input", &err);
        }
        check(ort,
              ort->api.CreateTensorWithDataAsOrtValue(
                  ort->cpu, calloc(1, plim_tensor_bytes(&dense)), plim_tensor_bytes(&dense),
                  t->profiles[0].opt, t->rank, 1, &inputs[in_count]),
              "input");
        in[in_count++] = t->name;
    }
    for (int k = 0; k < 3; k++) {
        ort_value *outputs[8] = {0};
        uint64_t before = malloc_count;
        check(ort,
              ort->api.Run(session, NULL, in, (const ort_value *const *)inputs, in_count, out,
                           out_count, outputs),
              "run");
        r.mallocs = malloc_count - before;
        for (size_t i = 0; i < out_count; i++) {
            ort->api.ReleaseValue(outputs[i]);
        }
    }
    r.rss = status_bytes("VmRSS:");
    r.peak = status_bytes("VmHWM:");
    return r;
}

/* ---- in place ---- */

static uint64_t host_calls;

static plim_status host_alloc(void *context, plim_host_class kind, size_t size, size_t align,
                              void **out, plim_error *err)
{
    (void)kind;
    host_calls++;
    return plim_region_alloc(context, size + 64, align, out, err);
}

static void host_free(void *context, void *block)
{
    plim_error err;
    if (plim_region_free(context, block, &err) != PLIM_OK) {
        die("free", &err);
    }
}

static void *home_of(const char *path, plim_engine_file **file, plim_region **scratch)
{
    plim_error err;
    plim_budget *budget;
    plim_arena *arena;
    plim_region *tables, *weights;
    plim_budget_opts b = plim_budget_opts_default();
    plim_region_opts r = plim_region_opts_default();
    void *at = NULL;
    b.cap_bytes = 8ull << 30;
    r.size_bytes = 64 << 20;
    if (plim_budget_open(plim_provider_mmap(), &b, &budget, &err) != PLIM_OK ||
        plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, &err) != PLIM_OK ||
        plim_region_create(arena, PLIM_REGION_BUMP, &r, &tables, &err) != PLIM_OK ||
        plim_engine_open(path, tables, file, &err) != PLIM_OK) {
        die(path, &err);
    }
    r.size_bytes = 1 << 30;
    if (plim_region_create(arena, PLIM_REGION_DYNAMIC, &r, scratch, &err) != PLIM_OK) {
        die("scratch", &err);
    }
    r.size_bytes = plim_engine_room_bytes(*file);
    r.tag = PLIM_TAG_WEIGHTS;
    if (plim_region_create(arena, PLIM_REGION_STATIC, &r, &weights, &err) != PLIM_OK ||
        plim_region_at(weights, 0, r.size_bytes, &at, &err) != PLIM_OK) {
        die("weights", &err);
    }
    return at;
}

static result run_in_place(const char *path)
{
    plim_error err;
    result r = {0};
    plim_engine_file *file;
    plim_region *scratch;
    plim_load_stats stats;
    plim_backend_engine *engine;
    void *payload = home_of(path, &file, &scratch);
    const plim_card *card = plim_engine_card(file);
    const plim_backend_ops *ops = &plim_backend_onnxruntime;
    const plim_backend_host host = {sizeof(host), scratch, host_alloc, host_free, NULL};
    const plim_backend_source source = {
        .card = card, .file = file, .payload = payload, .payload_bytes = card->payload_bytes};
    if (plim_engine_load(file, payload, NULL, &stats, &err) != PLIM_OK ||
        ops->open(&source, &host, NULL, &engine, &err) != PLIM_OK ||
        ops->load(engine, &err) != PLIM_OK) {
        die("open", &err);
    }
    r.open_rss = status_bytes("VmRSS:");
    const char *in[8], *out[8];
    plim_tensor inputs[8], outputs[8];
    size_t in_count = 0, out_count = 0;
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        const plim_card_tensor *t = &card->tensors[i];
        plim_tensor *to = t->is_input ? &inputs[in_count] : &outputs[out_count];
        if (plim_tensor_init(to, NULL, t->dtype, t->profiles[0].opt, t->rank, PLIM_MEMORY_HOST,
                             &err) != PLIM_OK) {
            die("tensor", &err);
        }
        to->data = calloc(1, plim_tensor_bytes(to));
        *(t->is_input ? &in[in_count++] : &out[out_count++]) = t->name;
    }
    for (int k = 0; k < 3; k++) {
        uint64_t before = malloc_count, calls = host_calls;
        if (ops->run(engine, in, inputs, in_count, out, outputs, out_count, NULL, &err) !=
            PLIM_OK) {
            die("run", &err);
        }
        r.mallocs = malloc_count - before;
        r.host_calls = host_calls - calls;
    }
    r.rss = status_bytes("VmRSS:");
    r.peak = status_bytes("VmHWM:");
    return r;
}

static void in_child(const char *name, bool is_in_place, const char *model, const char *artifact,
                     const plim_card *card)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        result r = is_in_place ? run_in_place(artifact) : run_default(model, card);
        printf("%s\t%llu\t%llu\t%llu\t%llu\t%llu\n", name, (unsigned long long)r.open_rss,
               (unsigned long long)r.rss, (unsigned long long)r.peak, (unsigned long long)r.mallocs,
               (unsigned long long)r.host_calls);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
    static plim_card card;
    plim_engine_file *file;
    plim_region *scratch;
    if (argc != 3) {
        fprintf(stderr, "usage: bench_ort MODEL.onnx ARTIFACT.engine\n");
        return argc == 1 ? 0 : 2;
    }
    printf("name\topen_rss\trss\tpeak_bytes\tmallocs\tallocator_calls\n");
    fflush(stdout);
    int pipe_fd[2];
    if (pipe(pipe_fd) != 0) {
        return 1;
    }
    if (fork() == 0) { /* the card, without leaving an arena in this process */
        home_of(argv[2], &file, &scratch);
        card = *plim_engine_card(file);
        for (size_t at = 0; at < sizeof(card);) {
            ssize_t n = write(pipe_fd[1], (char *)&card + at, sizeof(card) - at);
            at += n > 0 ? (size_t)n : sizeof(card);
        }
        _exit(0);
    }
    close(pipe_fd[1]);
    for (size_t at = 0; at < sizeof(card);) {
        ssize_t n = read(pipe_fd[0], (char *)&card + at, sizeof(card) - at);
        if (n <= 0) {
            die("card", NULL);
        }
        at += (size_t)n;
    }
    wait(NULL);
    in_child("default options", false, argv[1], argv[2], &card);
    in_child("in place", true, argv[1], argv[2], &card);
    return 0;
}
