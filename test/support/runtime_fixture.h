/* SPDX-License-Identifier: Apache-2.0 */
/* runtime_fixture.h - artifacts of the null backend, runtimes over them, and a log that is kept;
 * for the tests of the runtime. */
#ifndef TEST_SUPPORT_RUNTIME_FIXTURE_H
#define TEST_SUPPORT_RUNTIME_FIXTURE_H

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plimsoll/plimsoll.h"
#include "src/runtime/state.h"
#include "test/support/cm.h"

#define CAP_BYTES     (64u << 20)
#define WEIGHTS_BYTES (300u << 10)
#define ROW           256

static plim_error err;

/* ---- a log that is kept ---- */

static struct {
    pthread_mutex_t lock;
    char text[256 * 1024];
    size_t used;
    size_t bad_count;
} logged = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline void keep(void *context, plim_log_level level, const char *text, size_t bytes)
{
    (void)context, (void)level;
    json_t *line = json_loadb(text, bytes, 0, NULL);
    pthread_mutex_lock(&logged.lock);
    logged.bad_count += !json_is_object(line);
    if (logged.used + bytes + 2 < sizeof(logged.text)) {
        memcpy(logged.text + logged.used, text, bytes);
        logged.used += bytes;
        logged.text[logged.used++] = '\n';
        logged.text[logged.used] = 0;
    }
    pthread_mutex_unlock(&logged.lock);
    json_decref(line);
}

/* ---- artifacts and runtimes ---- */

static inline void artifact_path(const char *name, char *out, size_t room)
{
    snprintf(out, room, "%s/%s__smany_jpany_trtnone_fp32.engine", cm_tmp(), name);
}

static inline plim_card new_card(const char *name)
{
    plim_card card = {.sm = 0};
    snprintf(card.name.model, sizeof(card.name.model), "%s", name);
    snprintf(card.name.sm, sizeof(card.name.sm), "any");
    snprintf(card.name.jetpack, sizeof(card.name.jetpack), "any");
    snprintf(card.name.tensorrt, sizeof(card.name.tensorrt), "none");
    snprintf(card.name.precision, sizeof(card.name.precision), "fp32");
    snprintf(card.backend, sizeof(card.backend), "null");
    snprintf(card.format, sizeof(card.format), "raw");
    card.build = PLIM_BUILD_PORTABLE;
    card.profile_count = 1;
    card.tensor_count = 2;
    for (int i = 0; i < 2; i++) {
        plim_card_tensor *t = &card.tensors[i];
        snprintf(t->name, sizeof(t->name), "%s", i ? "y" : "x");
        t->is_input = i == 0;
        t->dtype = PLIM_F32;
        t->rank = 2;
        t->profiles[0] = (plim_card_range){.min = {1, 1}, .opt = {1, ROW}, .max = {4096, ROW}};
    }
    return card;
}

static inline void pack(const char *path, plim_card *card, uint64_t seed, size_t bytes)
{
    unsigned char *data = malloc(bytes);
    for (size_t i = 0; i < bytes; i++) {
        data[i] = (unsigned char)cm_next(&seed);
    }
    plim_pack_input input = {
        .name = "weights", .kind = PLIM_SECTION_WEIGHTS, .data = data, .size_bytes = bytes};
    plim_pack_opts opts = plim_pack_opts_default();
    opts.chunk_bytes = 64u << 10;
    plim_pack_result result;
    assert_ok(plim_engine_pack(path, card, &input, 1, &opts, &result, &err));
    free(data);
}

static inline const char *make_artifact(const char *name)
{
    static char path[4][4200];
    static unsigned turn;
    char *p = path[turn++ % 4];
    static plim_card card;
    card = new_card(name);
    artifact_path(name, p, sizeof(path[0]));
    pack(p, &card, (uint64_t)name[0] * 7919u, WEIGHTS_BYTES);
    return p;
}

static inline plim_runtime_opts base_opts(uint64_t cap)
{
    static plim_host host;
    host = (plim_host){.board = "test board", .arch = "x86_64", .memory_bytes = 8ull << 30};
    plim_runtime_opts o = plim_runtime_opts_default();
    o.budget.cap_bytes = cap;
    o.host = &host;
    o.log_sink = keep;
    o.log_level = PLIM_LOG_DEBUG;
    return o;
}

static inline plim_runtime *open_runtime(uint64_t cap)
{
    plim_runtime *runtime = NULL;
    plim_runtime_opts o = base_opts(cap);
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    return runtime;
}

static inline plim_engine_spec spec_of(const char *name, const char *path)
{
    plim_engine_spec s = plim_engine_spec_default();
    s.name = name;
    s.path = path;
    s.load.path = PLIM_READ_BUFFERED; /* small files: the same everywhere */
    return s;
}

static inline plim_engine *load(plim_runtime *runtime, const char *name, const char *path)
{
    plim_engine *engine = NULL;
    plim_engine_spec s = spec_of(name, path);
    assert_ok(plim_runtime_deserialize(runtime, &s, &engine, &err));
    return engine;
}

static inline plim_status run_rows(plim_engine *engine, int64_t rows, float *y)
{
    static const char *const x_name[] = {"x"}, *const y_name[] = {"y"};
    static float x[4096 * ROW];
    int64_t shape[2] = {rows, ROW};
    plim_tensor in, out;
    for (int64_t i = 0; i < 4096 * ROW && x[1] == 0.0f; i++) {
        x[i] = (float)(i % 97) / 97.0f;
    }
    assert_ok(plim_tensor_init(&in, x, PLIM_F32, shape, 2, PLIM_MEMORY_HOST, &err));
    assert_ok(plim_tensor_init(&out, y, PLIM_F32, shape, 2, PLIM_MEMORY_HOST, &err));
    return plim_engine_infer(engine, x_name, &in, 1, y_name, &out, 1, &err);
}

static inline plim_engine_stats stats_of(const plim_engine *engine)
{
    plim_engine_stats stats;
    plim_engine_read(engine, &stats);
    return stats;
}

static inline uint64_t used(plim_runtime *runtime)
{
    return plim_budget_used_bytes(plim_runtime_budget(runtime));
}

static inline plim_account account_of(plim_runtime *runtime)
{
    plim_account account;
    plim_budget_read(plim_runtime_budget(runtime), &account, NULL, 0);
    return account;
}

static inline void flip(const char *path, long from_end, int truncate_by)
{
    FILE *file = fopen(path, "r+");
    fseek(file, -from_end, SEEK_END);
    int c = fgetc(file);
    fseek(file, -from_end, SEEK_END);
    fputc(c ^ 0x10, file);
    fclose(file);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - truncate_by), 0);
}

typedef struct racer {
    plim_runtime *runtime;
    const char *path;
    pthread_barrier_t *start;
    plim_engine *engine;
    plim_status status;
    float *y;
} racer;

#endif
