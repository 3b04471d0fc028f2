/* SPDX-License-Identifier: Apache-2.0 */
/* test_runtime.c - the six verbs: loaded once, accounted to the byte, refused with a reason. */
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

static void keep(void *context, plim_log_level level, const char *text, size_t bytes)
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

static void artifact_path(const char *name, char *out, size_t room)
{
    snprintf(out, room, "%s/%s__smany_jpany_trtnone_fp32.engine", cm_tmp(), name);
}

static plim_card new_card(const char *name)
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

static void pack(const char *path, plim_card *card, uint64_t seed, size_t bytes)
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

static const char *make_artifact(const char *name)
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

static plim_runtime_opts base_opts(uint64_t cap)
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

static plim_runtime *open_runtime(uint64_t cap)
{
    plim_runtime *runtime = NULL;
    plim_runtime_opts o = base_opts(cap);
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    return runtime;
}

static plim_engine_spec spec_of(const char *name, const char *path)
{
    plim_engine_spec s = plim_engine_spec_default();
    s.name = name;
    s.path = path;
    s.load.path = PLIM_READ_BUFFERED; /* small files: the same everywhere */
    return s;
}

static plim_engine *load(plim_runtime *runtime, const char *name, const char *path)
{
    plim_engine *engine = NULL;
    plim_engine_spec s = spec_of(name, path);
    assert_ok(plim_runtime_deserialize(runtime, &s, &engine, &err));
    return engine;
}

static plim_status run_rows(plim_engine *engine, int64_t rows, float *y)
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

static plim_engine_stats stats_of(const plim_engine *engine)
{
    plim_engine_stats stats;
    plim_engine_read(engine, &stats);
    return stats;
}

static uint64_t used(plim_runtime *runtime)
{
    return plim_budget_used_bytes(plim_runtime_budget(runtime));
}

static plim_account account_of(plim_runtime *runtime)
{
    plim_account account;
    plim_budget_read(plim_runtime_budget(runtime), &account, NULL, 0);
    return account;
}

static void flip(const char *path, long from_end, int truncate_by)
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

/* ---- open ---- */

static void the_effective_configuration_is_logged_at_start(void **state)
{
    (void)state;
    logged.used = 0;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.reserve_bytes = 1u << 20;
    o.framework_bytes = 2u << 20;
    plim_runtime *runtime = NULL;

    assert_ok(plim_runtime_open(&o, &runtime, &err));

    json_t *line = json_loads(logged.text, JSON_DISABLE_EOF_CHECK, NULL);
    assert_string_equal(json_string_value(json_object_get(line, "event")), "runtime_open");
    assert_int_equal(json_integer_value(json_object_get(line, "cap_bytes")), CAP_BYTES);
    assert_int_equal(json_integer_value(json_object_get(line, "reserve_bytes")), 1u << 20);
    assert_int_equal(json_integer_value(json_object_get(line, "framework_bytes")), 2u << 20);
    assert_string_equal(json_string_value(json_object_get(line, "seal")), "refuse");
    assert_string_equal(json_string_value(json_object_get(line, "board")), "test board");
    json_decref(line);
    plim_account account = account_of(runtime);
    assert_int_equal(account.tag_now_bytes[PLIM_TAG_FRAMEWORK], 2u << 20);
    assert_true(account.tag_now_bytes[PLIM_TAG_OTHER] > 1u << 20);
    plim_runtime_close(runtime);
    assert_int_equal(logged.bad_count, 0);
}

static void a_reserve_that_does_not_fit_refuses_the_start(void **state)
{
    (void)state;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.reserve_bytes = CAP_BYTES;
    plim_runtime *runtime = (plim_runtime *)1;
    assert_status(plim_runtime_open(&o, &runtime, &err), PLIM_E_BUDGET);
    assert_null(runtime);
}

static void the_account_is_published_in_its_file(void **state)
{
    (void)state;
    char path[4200];
    snprintf(path, sizeof(path), "%s/account", cm_tmp());
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.account_path = path;
    plim_runtime *runtime = NULL;
    assert_ok(plim_runtime_open(&o, &runtime, &err));

    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    size_t bytes;
    (void)plim_budget_image(plim_runtime_budget(runtime), &bytes);
    void *image = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(image, MAP_FAILED);
    const plim_budget *seen = NULL;
    assert_ok(plim_budget_attach(image, bytes, &seen, &err));
    assert_int_equal(plim_budget_used_bytes(seen), used(runtime));
    munmap(image, bytes);
    close(fd);
    plim_runtime_close(runtime);
    assert_int_equal(access(path, F_OK), -1);
}

/* ---- share and release ---- */

static void an_engine_asked_for_twice_is_loaded_once(void **state)
{
    (void)state;
    const char *path = make_artifact("twice");
    char link[4200];
    snprintf(link, sizeof(link), "%s/link.engine", cm_tmp());
    unlink(link);
    assert_int_equal(symlink(strrchr(path, '/') + 1, link), 0);
    plim_runtime *runtime = open_runtime(CAP_BYTES);

    plim_engine *a = load(runtime, "twice", path), *b = load(runtime, "twice", path);
    plim_engine *c = load(runtime, "other-name", link);

    assert_ptr_equal(a, b);
    assert_ptr_equal(a, c);
    assert_int_equal(stats_of(a).load_count, 1);
    assert_int_equal(stats_of(a).reference_count, 3);
    assert_int_equal(plim_runtime_engines(runtime, NULL, 0), 1);
    plim_runtime_close(runtime);
}

typedef struct racer {
    plim_runtime *runtime;
    const char *path;
    pthread_barrier_t *start;
    plim_engine *engine;
    plim_status status;
    float *y;
} racer;

static void *race(void *argument)
{
    racer *r = argument;
    plim_error own;
    plim_engine_spec s = spec_of("raced", r->path);
    pthread_barrier_wait(r->start);
    r->status = plim_runtime_deserialize(r->runtime, &s, &r->engine, &own);
    return NULL;
}

static void sixteen_racing_threads_share_one_load(void **state)
{
    (void)state;
    const char *path = make_artifact("raced");
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    uint64_t before = used(runtime);
    for (int round = 0; round < 4; round++) {
        pthread_barrier_t start;
        pthread_t threads[16];
        racer racers[16];
        pthread_barrier_init(&start, NULL, 16);
        for (size_t i = 0; i < 16; i++) {
            racers[i] = (racer){.runtime = runtime, .path = path, .start = &start};
            assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
        }
        for (size_t i = 0; i < 16; i++) {
            pthread_join(threads[i], NULL);
        }
        for (size_t i = 0; i < 16; i++) {
            assert_int_equal(racers[i].status, PLIM_OK);
            assert_ptr_equal(racers[i].engine, racers[0].engine);
        }
        assert_int_equal(stats_of(racers[0].engine).load_count, 1);
        assert_int_equal(stats_of(racers[0].engine).reference_count, 16);
        for (size_t i = 0; i < 16; i++) {
            assert_ok(plim_engine_release(racers[i].engine, &err));
        }
        assert_int_equal(used(runtime), before);
        pthread_barrier_destroy(&start);
    }
    plim_runtime_close(runtime);
}

static void release_returns_every_byte_and_a_second_one_is_an_error(void **state)
{
    (void)state;
    static float y[ROW];
    const char *path = make_artifact("release");
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_account before = account_of(runtime);
    for (int round = 0; round < 3; round++) {
        plim_engine *engine = load(runtime, "release", path);
        assert_int_equal(account_of(runtime).tag_now_bytes[PLIM_TAG_LOAD_WINDOW], 0);
        assert_ok(run_rows(engine, 1, y));
        assert_true(used(runtime) > before.used_bytes + WEIGHTS_BYTES);

        assert_ok(plim_engine_release(engine, &err));

        plim_account after = account_of(runtime);
        assert_int_equal(after.used_bytes, before.used_bytes);
        assert_memory_equal(after.tag_now_bytes, before.tag_now_bytes, sizeof(after.tag_now_bytes));
        assert_status(plim_engine_release(engine, &err), PLIM_E_STATE);
        assert_status(run_rows(engine, 1, y), PLIM_E_STATE);
        assert_status(plim_engine_evict(engine, &err), PLIM_E_STATE);
        assert_int_equal(used(runtime), before.used_bytes);
    }
    assert_ok(plim_arena_check(plim_runtime_arena(runtime), &err));
    plim_runtime_close(runtime);
}

static void the_load_window_is_within_what_was_charged(void **state)
{
    (void)state;
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "window", make_artifact("window"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they want large stacks */
    assert_true(stats_of(engine).load.window_bytes <= PLIM_LOAD_WINDOW_BYTES);
#endif
    assert_true(stats_of(engine).load.window_bytes > 0);
    assert_int_equal(account_of(runtime).tag_peak_bytes[PLIM_TAG_LOAD_WINDOW],
                     PLIM_LOAD_WINDOW_BYTES);
    plim_runtime_close(runtime);
}

static void a_name_belongs_to_one_artifact(void **state)
{
    (void)state;
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "name", make_artifact("name-a")), *other = NULL;
    plim_engine_spec s = spec_of("name", make_artifact("name-b"));
    uint64_t before = used(runtime);

    assert_status(plim_runtime_deserialize(runtime, &s, &other, &err), PLIM_E_STATE);

    assert_null(other);
    assert_int_equal(used(runtime), before);
    assert_ok(plim_engine_release(engine, &err));
    assert_ok(plim_runtime_deserialize(runtime, &s, &other, &err));
    plim_runtime_close(runtime);
}

static void a_touched_file_is_shared_and_a_changed_one_refused(void **state)
{
    (void)state;
    const char *path = make_artifact("touched");
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "touched", path), *other = NULL;
    uint64_t before = used(runtime);
    struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);

    assert_ptr_equal(load(runtime, "touched", path), engine);
    assert_int_equal(stats_of(engine).load_count, 1);
    assert_int_equal(stats_of(engine).reference_count, 2);
    assert_int_equal(used(runtime), before);

    char hidden[4300];
    snprintf(hidden, sizeof(hidden), "%s.other", path);
    static plim_card card;
    card = new_card("touched");
    pack(hidden, &card, 4711, WEIGHTS_BYTES);
    int from = open(hidden, O_RDONLY), to = open(path, O_WRONLY | O_TRUNC);
    char block[4096];
    for (ssize_t n; (n = read(from, block, sizeof(block))) > 0;) {
        assert_int_equal(write(to, block, (size_t)n), n); /* in place: the inode stays */
    }
    close(from);
    close(to);
    plim_engine_spec s = spec_of("touched", path);
    assert_status(plim_runtime_deserialize(runtime, &s, &other, &err), PLIM_E_STATE);
    assert_int_equal(stats_of(engine).reference_count, 2);
    assert_int_equal(used(runtime), before);
    plim_runtime_close(runtime);
}

/* ---- refusals ---- */

static void a_sealed_runtime_refuses_compile_and_growth(void **state)
{
    (void)state;
    static float y[4096 * ROW];
    char out[256];
    const char *path = make_artifact("sealed");
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "sealed", path), *other = NULL;
    assert_ok(run_rows(engine, 1, y));

    assert_ok(plim_runtime_seal(runtime, &err));

    assert_status(plim_runtime_seal(runtime, &err), PLIM_E_STATE);
    assert_status(
        plim_runtime_compile(runtime, "null", "m.onnx", cm_tmp(), NULL, out, sizeof(out), &err),
        PLIM_E_STATE);
    assert_int_equal(plim_runtime_build_count(runtime), 0);
    plim_engine_spec s = spec_of("sealed-b", make_artifact("b-sealed"));
    uint64_t before = used(runtime);
    assert_status(plim_runtime_deserialize(runtime, &s, &other, &err), PLIM_E_STATE);
    assert_int_equal(used(runtime), before);
    assert_ptr_equal(load(runtime, "sealed", path), engine); /* sharing is no growth */
    assert_ok(run_rows(engine, 1, y));                       /* nor is a warm run */
    assert_status(run_rows(engine, 4096, y), PLIM_E_STATE);
    assert_ok(run_rows(engine, 1, y));
    assert_ok(plim_engine_evict(engine, &err));
    assert_ok(plim_engine_restore(engine, &err)); /* what it had may come back */
    assert_ok(run_rows(engine, 1, y));
    assert_int_equal(used(runtime), before);
    plim_runtime_close(runtime);
}

static void compile_says_when_a_backend_cannot(void **state)
{
    (void)state;
    char out[256] = "x";
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    assert_status(
        plim_runtime_compile(runtime, "null", "m.onnx", cm_tmp(), NULL, out, sizeof(out), &err),
        PLIM_E_UNSUPPORTED);
    assert_string_equal(out, "");
    assert_int_equal(plim_runtime_build_count(runtime), 1);
    plim_runtime_close(runtime);
}

static void a_foreign_card_is_refused_before_the_body_is_read(void **state)
{
    (void)state;
    static plim_card card;
    char path[4200];
    card = new_card("foreign");
    card.sm = 87;
    snprintf(card.name.sm, sizeof(card.name.sm), "87");
    snprintf(path, sizeof(path), "%s/foreign__sm87_jpany_trtnone_fp32.engine", cm_tmp());
    pack(path, &card, 1, WEIGHTS_BYTES);
    flip(path, 5000, 0); /* would be E_CORRUPT if the body were looked at */
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    uint64_t before = used(runtime);
    plim_engine *engine = NULL;
    plim_engine_spec s = spec_of("foreign", path);

    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_MISMATCH);

    assert_non_null(strstr(err.wanted, "8.7"));
    assert_int_equal(account_of(runtime).tag_peak_bytes[PLIM_TAG_LOAD_WINDOW], 0);
    assert_int_equal(account_of(runtime).tag_peak_bytes[PLIM_TAG_WEIGHTS], 0);
    assert_int_equal(used(runtime), before);
    plim_runtime_close(runtime);
}

static void a_wrong_backend_is_named_with_those_there_are(void **state)
{
    (void)state;
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = NULL;
    plim_engine_spec s = spec_of("backend", make_artifact("backend"));
    uint64_t before = used(runtime);

    s.backend = "nonesuch";
    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_NOT_FOUND);
    assert_string_equal(err.wanted, "nonesuch");
    assert_non_null(strstr(err.found, "null"));
    s.backend = "onnxruntime"; /* there, but not what the artifact was made for */
    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_MISMATCH);
    assert_string_equal(err.wanted, "null");
    assert_int_equal(used(runtime), before);
    plim_runtime_close(runtime);
}

static void inputs_outside_the_profile_never_reach_the_backend(void **state)
{
    (void)state;
    static float y[ROW];
    static const char *const wrong[] = {"z"}, *const right[] = {"x"}, *const out_name[] = {"y"};
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "profile", make_artifact("profile"));
    int64_t shape[2] = {1, ROW + 1};
    plim_tensor in, out;
    assert_ok(plim_tensor_init(&in, y, PLIM_F32, shape, 2, PLIM_MEMORY_HOST, &err));
    out = in;

    assert_status(plim_engine_infer(engine, right, &in, 1, out_name, &out, 1, &err), PLIM_E_SHAPE);
    assert_non_null(strstr(err.field, "x dim 1"));
    in.shape[1] = ROW;
    assert_status(plim_engine_infer(engine, wrong, &in, 1, out_name, &out, 1, &err),
                  PLIM_E_NOT_FOUND);
    in.dtype = PLIM_I32;
    assert_status(plim_engine_infer(engine, right, &in, 1, out_name, &out, 1, &err), PLIM_E_SHAPE);
    assert_int_equal(stats_of(engine).run_count, 0);
    plim_runtime_close(runtime);
}

static void damage_is_a_typed_error_and_the_next_load_works(void **state)
{
    (void)state;
    static float y[ROW];
    char path[4200];
    snprintf(path, sizeof(path), "%s", make_artifact("damage"));
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    uint64_t before = used(runtime);
    plim_engine *engine = NULL;
    plim_engine_spec s = spec_of("damage", path);

    flip(path, 5000, 0);
    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_CORRUPT);
    assert_null(engine);
    assert_int_equal(used(runtime), before);
    flip(path, 5000, 4096);
    plim_status status = plim_runtime_deserialize(runtime, &s, &engine, &err);
    assert_true(status == PLIM_E_RANGE || status == PLIM_E_FORMAT || status == PLIM_E_CORRUPT);
    assert_int_equal(used(runtime), before);
    unlink(path);
    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_NOT_FOUND);

    (void)make_artifact("damage");
    engine = load(runtime, "damage", path);
    assert_ok(run_rows(engine, 1, y));
    assert_ok(plim_engine_release(engine, &err));
    assert_int_equal(used(runtime), before);
    plim_runtime_close(runtime);
}

static void a_payload_over_the_cap_is_refused_with_its_numbers(void **state)
{
    (void)state;
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_owner owner;
    plim_budget *budget = plim_runtime_budget(runtime);
    assert_ok(plim_budget_owner(budget, "hog", &owner, &err));
    uint64_t hog = CAP_BYTES - used(runtime) - (256u << 10);
    assert_ok(plim_budget_charge(budget, owner, PLIM_TAG_EPISODE, hog, &err));
    uint64_t before = used(runtime);
    plim_engine *engine = NULL;
    plim_engine_spec s = spec_of("large", make_artifact("large"));

    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_BUDGET);

    assert_int_equal(err.limit, CAP_BYTES);
    assert_string_equal(err.holders[0].owner, "hog");
    assert_int_equal(used(runtime), before);
    plim_budget_credit(budget, owner, PLIM_TAG_EPISODE, hog);
    assert_non_null(load(runtime, "large", spec_of("", make_artifact("large")).path));
    plim_runtime_close(runtime);
}

static void at_the_cap_a_run_fails_and_the_next_one_works(void **state)
{
    (void)state;
    static float y[4096 * ROW], again[4096 * ROW];
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_budget *budget = plim_runtime_budget(runtime);
    plim_engine *engine = load(runtime, "full", make_artifact("full"));
    plim_owner owner;
    assert_ok(run_rows(engine, 1, y));
    assert_ok(plim_budget_owner(budget, "hog", &owner, &err));
    uint64_t hog = CAP_BYTES - used(runtime) - (1u << 20);
    assert_ok(plim_budget_charge(budget, owner, PLIM_TAG_EPISODE, hog, &err));
    uint64_t before = used(runtime);

    assert_status(run_rows(engine, 4096, again), PLIM_E_BUDGET);
    assert_int_equal(err.limit, CAP_BYTES);
    assert_string_equal(err.holders[0].owner, "hog");
    assert_true(used(runtime) <= before);
    assert_ok(run_rows(engine, 1, again));
    assert_memory_equal(y, again, ROW * sizeof(float));
    assert_int_equal(stats_of(engine).run_count, 2);

    plim_budget_credit(budget, owner, PLIM_TAG_EPISODE, hog);
    assert_ok(run_rows(engine, 4096, again));
    plim_runtime_close(runtime);
}

static void an_activation_limit_is_a_load_line_of_its_own(void **state)
{
    (void)state;
    static float y[4096 * ROW];
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine_spec s = spec_of("limit", make_artifact("limit"));
    plim_engine *engine = NULL;
    s.activation_limit_bytes = 1u << 20;
    assert_ok(plim_runtime_deserialize(runtime, &s, &engine, &err));

    assert_status(run_rows(engine, 4096, y), PLIM_E_BUDGET);
    assert_int_equal(err.limit, 1u << 20);
    assert_ok(run_rows(engine, 512, y));
    plim_runtime_close(runtime);
}

/* ---- residency ---- */

static void weights_come_back_bit_identical(void **state)
{
    (void)state;
    static float y[4 * ROW], again[4 * ROW];
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "evict", make_artifact("evict"));
    assert_ok(run_rows(engine, 4, y));
    uint64_t before = used(runtime);

    assert_status(plim_engine_restore(engine, &err), PLIM_E_STATE);
    assert_ok(plim_engine_evict(engine, &err));
    assert_true(used(runtime) <= before - WEIGHTS_BYTES);
    assert_status(plim_engine_evict(engine, &err), PLIM_E_STATE);
    assert_status(run_rows(engine, 4, again), PLIM_E_RESIDENT);
    assert_ok(plim_engine_restore(engine, &err));

    assert_int_equal(used(runtime), before);
    assert_ok(run_rows(engine, 4, again));
    assert_memory_equal(y, again, sizeof(y));
    assert_int_equal(stats_of(engine).load_count, 2);
    assert_true(stats_of(engine).is_resident);
    plim_runtime_close(runtime);
}

static void a_restore_that_fails_leaves_the_engine_evicted(void **state)
{
    (void)state;
    static float y[ROW], again[ROW];
    char path[4200];
    snprintf(path, sizeof(path), "%s", make_artifact("worn"));
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "worn", path);
    assert_ok(run_rows(engine, 1, y));
    assert_ok(plim_engine_evict(engine, &err));
    uint64_t before = used(runtime);

    flip(path, 5000, 0);
    assert_status(plim_engine_restore(engine, &err), PLIM_E_CORRUPT);
    assert_int_equal(used(runtime), before);
    assert_status(run_rows(engine, 1, again), PLIM_E_RESIDENT);
    flip(path, 5000, 0);
    assert_ok(plim_engine_restore(engine, &err));
    assert_ok(run_rows(engine, 1, again));
    assert_memory_equal(y, again, sizeof(y));
    plim_runtime_close(runtime);
}

static void late_weights_open_the_session_first(void **state)
{
    (void)state;
    static float y[ROW], again[ROW];
    const char *path = make_artifact("late");
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "late", path);
    assert_ok(run_rows(engine, 1, y));
    assert_ok(plim_engine_release(engine, &err));
    plim_engine_spec s = spec_of("late", path);
    s.late = true;

    assert_ok(plim_runtime_deserialize(runtime, &s, &engine, &err));
    assert_false(stats_of(engine).is_resident);
    assert_status(run_rows(engine, 1, again), PLIM_E_RESIDENT);
    assert_ok(plim_engine_restore(engine, &err));
    assert_ok(run_rows(engine, 1, again));
    assert_memory_equal(y, again, sizeof(y));
    plim_runtime_close(runtime);
}

/* ---- activations ---- */

static uint64_t activations(plim_runtime *runtime)
{
    return account_of(runtime).tag_now_bytes[PLIM_TAG_ACTIVATIONS];
}

static void a_scratch_group_costs_its_largest_member(void **state)
{
    (void)state;
    static float y[4096 * ROW];
    plim_engine *alone[2] = {NULL}, *grouped[2] = {NULL};
    char path[2][4200];
    snprintf(path[0], sizeof(path[0]), "%s", make_artifact("group-a"));
    snprintf(path[1], sizeof(path[1]), "%s", make_artifact("group-b"));
    int64_t rows[2] = {4096, 1024};
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    uint64_t each[2];
    for (int i = 0; i < 2; i++) {
        alone[i] = load(runtime, i ? "b" : "a", path[i]);
        uint64_t before = activations(runtime);
        assert_ok(run_rows(alone[i], rows[i], y));
        each[i] = activations(runtime) - before;
        assert_true(each[i] > (uint64_t)rows[i] * ROW * sizeof(float));
    }
    for (int i = 0; i < 2; i++) {
        assert_ok(plim_engine_release(alone[i], &err));
    }
    assert_int_equal(activations(runtime), 0);

    uint64_t before = used(runtime);
    for (int i = 0; i < 2; i++) {
        plim_engine_spec s = spec_of(i ? "b" : "a", path[i]);
        s.scratch_group = "turns";
        assert_ok(plim_runtime_deserialize(runtime, &s, &grouped[i], &err));
    }
    for (int i = 0; i < 2; i++) {
        assert_ok(run_rows(grouped[i], rows[i], y));
    }
    assert_int_equal(activations(runtime), each[0]);
    plim_account_row row[64];
    plim_account account;
    plim_budget_read(plim_runtime_budget(runtime), &account, row, 64);
    bool is_found = false;
    for (size_t i = 0; i < account.row_count && i < 64; i++) {
        is_found |= strcmp(row[i].owner, "group:turns") == 0 &&
                    row[i].tag == PLIM_TAG_ACTIVATIONS && row[i].now_bytes == each[0];
    }
    assert_true(is_found);

    assert_ok(plim_engine_release(grouped[0], &err));
    assert_ok(run_rows(grouped[1], rows[1], y));
    assert_ok(plim_engine_release(grouped[1], &err));
    assert_int_equal(used(runtime), before);
    plim_runtime_close(runtime);
}

static void planned_engines_of_a_group_share_the_highest_plan(void **state)
{
    (void)state;
    static float y[2][1024 * ROW], again[1024 * ROW];
    static const int64_t rows[2] = {1024, 300};
    char path[2][4200];
    plim_engine *engine[2] = {NULL};
    uint64_t each[2];
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    uint64_t before = used(runtime);
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof(path[i]), "%s", make_artifact(i ? "high-b" : "high-a"));
        plim_engine_spec s = spec_of(i ? "b" : "a", path[i]);
        s.record_trace = true;
        assert_ok(plim_runtime_deserialize(runtime, &s, &engine[i], &err));
        assert_ok(run_rows(engine[i], rows[i], y[i]));
        assert_ok(run_rows(engine[i], rows[i], y[i]));
        assert_ok(plim_engine_release(engine[i], &err));
        engine[i] = load(runtime, i ? "b" : "a", path[i]);
        each[i] = activations(runtime);
        assert_ok(plim_engine_release(engine[i], &err));
    }
    assert_true(each[0] > each[1] && each[1] > 0);

    for (int i = 1; i >= 0; i--) { /* the lower one first: the region grows */
        plim_engine_spec s = spec_of(i ? "b" : "a", path[i]);
        s.scratch_group = "turns";
        assert_ok(plim_runtime_deserialize(runtime, &s, &engine[i], &err));
        assert_int_equal(activations(runtime), each[i]);
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2; i++) {
            assert_ok(run_rows(engine[i], rows[i], again));
            assert_memory_equal(y[i], again, (size_t)rows[i] * ROW * sizeof(float));
            assert_int_equal(stats_of(engine[i]).trace_miss_count, 0);
        }
    }
    assert_int_equal(activations(runtime), each[0]);
    assert_ok(plim_engine_release(engine[0], &err));
    assert_int_equal(activations(runtime), each[1]); /* what only the higher one needed is back */
    assert_ok(run_rows(engine[1], rows[1], again));
    assert_int_equal(stats_of(engine[1]).trace_miss_count, 0);
    assert_ok(plim_engine_release(engine[1], &err));
    assert_int_equal(used(runtime), before);
    plim_runtime_close(runtime);
}

static void *run_often(void *argument)
{
    racer *r = argument;
    for (int i = 0; i < 20 && r->status == PLIM_OK; i++) {
        static const char *const x_name[] = {"x"}, *const y_name[] = {"y"};
        float x[ROW], y[ROW];
        plim_tensor in, out;
        plim_error own;
        int64_t shape[2] = {1, ROW};
        for (int k = 0; k < ROW; k++) {
            x[k] = (float)k;
        }
        r->status = plim_tensor_init(&in, x, PLIM_F32, shape, 2, PLIM_MEMORY_HOST, &own);
        out = in;
        out.data = y;
        if (r->status == PLIM_OK) {
            r->status = plim_engine_infer(r->engine, x_name, &in, 1, y_name, &out, 1, &own);
        }
        if (i == 0) {
            memcpy(r->y, y, sizeof(y));
        }
        if (memcmp(r->y, y, sizeof(y)) != 0) {
            r->status = PLIM_E_CORRUPT;
        }
        plim_engine_stats stats;
        plim_engine_read(r->engine, &stats);
    }
    return NULL;
}

static void engines_of_a_group_take_turns_under_racing_threads(void **state)
{
    (void)state;
    static float y[8][ROW];
    plim_engine *engine[2] = {NULL};
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    for (int i = 0; i < 2; i++) {
        plim_engine_spec s = spec_of(i ? "b" : "a", make_artifact(i ? "turn-b" : "turn-a"));
        s.scratch_group = "turns";
        assert_ok(plim_runtime_deserialize(runtime, &s, &engine[i], &err));
    }
    pthread_t threads[8];
    racer racers[8];
    for (size_t i = 0; i < 8; i++) {
        racers[i] = (racer){.engine = engine[i % 2], .y = y[i]};
        assert_int_equal(pthread_create(&threads[i], NULL, run_often, &racers[i]), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(racers[i].status, PLIM_OK);
        assert_memory_equal(y[i], y[i % 2], sizeof(y[0]));
    }
    assert_int_equal(stats_of(engine[0]).run_count, 80);
    plim_runtime_close(runtime);
}

static void a_recorded_run_is_planned_at_the_next_start(void **state)
{
    (void)state;
    static float y[1024 * ROW], again[1024 * ROW];
    const char *path = make_artifact("traced");
    char plan[4300];
    snprintf(plan, sizeof(plan), "%s.plan.csv", path);
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine_spec s = spec_of("traced", path);
    plim_engine *engine = NULL;
    s.record_trace = true;
    uint64_t before = used(runtime);
    assert_ok(plim_runtime_deserialize(runtime, &s, &engine, &err));
    assert_ok(run_rows(engine, 1024, y));
    uint64_t warm = used(runtime);
    assert_int_equal(access(plan, F_OK), -1);
    assert_ok(run_rows(engine, 1024, y));
    assert_int_equal(access(plan, F_OK), 0);
    assert_int_equal(used(runtime), warm); /* the recording itself is gone */
    plim_engine_stats dynamic = stats_of(engine);
    assert_false(dynamic.trace_is_planned);
    assert_ok(plim_engine_release(engine, &err));
    assert_int_equal(used(runtime), before);

    engine = load(runtime, "traced", path);
    warm = used(runtime);
    for (int i = 0; i < 3; i++) {
        assert_ok(run_rows(engine, 1024, again));
        assert_memory_equal(y, again, sizeof(y));
    }
    plim_engine_stats planned = stats_of(engine);
    assert_true(planned.trace_is_planned);
    assert_int_equal(planned.trace_miss_count, 0);
    assert_int_equal(planned.trace_hit_count, 3);
    assert_true(planned.trace_planned_bytes <= dynamic.activation_peak_bytes);
    assert_int_equal(used(runtime), warm); /* a planned run commits nothing */

    assert_ok(run_rows(engine, 2, again)); /* other shapes: served, and counted */
    assert_int_equal(stats_of(engine).trace_miss_count, 1);
    assert_memory_equal(y, again, 2 * ROW * sizeof(float));
    assert_ok(plim_engine_release(engine, &err));
    assert_int_equal(used(runtime), before);

    s.record_trace = false;
    s.thread_count = 2; /* the plan is for one thread */
    assert_ok(plim_runtime_deserialize(runtime, &s, &engine, &err));
    assert_int_equal(stats_of(engine).trace_refused_count, 1);
    assert_false(stats_of(engine).trace_is_planned);
    plim_runtime_close(runtime);
    assert_non_null(strstr(logged.text, "\"event\":\"plan_refused\""));
}

/* ---- a backend that misbehaves ---- */

static plim_status greedy_run(plim_backend_engine *engine, const char *const *input_names,
                              const plim_tensor *inputs, size_t input_count,
                              const char *const *output_names, plim_tensor *outputs,
                              size_t output_count, const volatile bool *cancel, plim_error *out)
{
    (void)input_names, (void)inputs, (void)input_count, (void)output_names, (void)outputs;
    (void)output_count, (void)cancel;
    plim_backend_host *host = (plim_backend_host *)(void *)engine;
    void *first = NULL, *second = NULL;
    assert_int_equal(host->alloc(host->context, PLIM_HOST_ACTIVATION, 100, 128, &first, NULL), 0);
    assert_int_equal((uintptr_t)first % 128, 0);
    memset(first, 1, 100 + PLIM_BLOCK_SLACK); /* the slack is writable */
    assert_int_not_equal(
        host->alloc(host->context, PLIM_HOST_ACTIVATION, SIZE_MAX - 70, 64, &second, NULL), 0);
    assert_int_not_equal(
        host->alloc(host->context, PLIM_HOST_ACTIVATION, CAP_BYTES, 64, &second, NULL), 0);
    assert_null(second);
    host->free(host->context, first);
    host->free(host->context, first); /* logged, not obeyed */
    host->log(host->context, 99, "text with \"quotes\"");
    return plim_error_set(out, PLIM_E_BACKEND, "library failed", NULL, NULL, "bad_alloc");
}

static void a_refusal_keeps_its_numbers_through_a_backends_words(void **state)
{
    (void)state;
    static float y[ROW];
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "greedy", make_artifact("greedy"));
    plim_backend_engine *real = engine->impl;
    const plim_backend_ops *ops = engine->ops;
    plim_backend_ops greedy = *ops;
    greedy.run = greedy_run;
    engine->ops = &greedy;
    engine->impl = (plim_backend_engine *)(void *)&engine->host;

    assert_status(run_rows(engine, 1, y), PLIM_E_BUDGET);
    assert_true(err.want >= CAP_BYTES);
    assert_non_null(strstr(logged.text, "foreign_free"));

    engine->ops = ops;
    engine->impl = real;
    assert_ok(run_rows(engine, 1, y));
    plim_runtime_close(runtime);
    assert_int_equal(logged.bad_count, 0);
}

/* ---- every failure ---- */

static void whatever_the_system_refuses_the_account_returns(void **state)
{
    (void)state;
    static float y[64 * ROW];
    const char *path = make_artifact("failing");
    bool is_done = false;
    uint64_t refused = 0;
    for (int keep_failing = 0; keep_failing < 2; keep_failing++) {
        is_done = false;
        for (uint64_t n = 0; !is_done && n < 200; n++) {
            plim_failing_provider failing;
            plim_runtime *runtime = NULL;
            plim_engine *engine = NULL;
            plim_failing_provider_init(&failing, plim_provider_mmap(), UINT64_MAX, keep_failing);
            plim_runtime_opts o = base_opts(CAP_BYTES);
            o.provider = &failing.base;
            assert_ok(plim_runtime_open(&o, &runtime, &err));
            uint64_t before = used(runtime);
            failing.calls = 0;
            failing.fail_at = n;

            plim_engine_spec s = spec_of("failing", path);
            s.scratch_group = "g";
            plim_status status = plim_runtime_deserialize(runtime, &s, &engine, &err);
            if (status == PLIM_OK) {
                status = run_rows(engine, 64, y);
                is_done = failing.calls <= n;
                assert_true(status == PLIM_OK || status == PLIM_E_NOMEM);
                assert_ok(plim_engine_release(engine, &err));
            } else {
                assert_null(engine);
                assert_int_equal(status, PLIM_E_NOMEM);
            }
            refused += failing.calls > n;
            assert_int_equal(used(runtime), before);
            assert_ok(plim_arena_check(plim_runtime_arena(runtime), &err));

            failing.fail_at = UINT64_MAX; /* and the next load works */
            failing.keep_failing = false;
            engine = load(runtime, "failing", path);
            assert_ok(run_rows(engine, 64, y));
            assert_ok(plim_engine_release(engine, &err));
            assert_int_equal(used(runtime), before);
            plim_runtime_close(runtime);
        }
        assert_true(is_done);
    }
    assert_true(refused >= 8);
}

static void an_open_that_fails_anywhere_leaves_nothing(void **state)
{
    (void)state;
    bool is_open = false;
    for (uint64_t n = 0; !is_open && n < 50; n++) {
        plim_failing_provider failing;
        plim_recording_provider recording;
        plim_runtime *runtime = NULL;
        plim_recording_provider_init(&recording, plim_provider_mmap());
        plim_failing_provider_init(&failing, &recording.base, n, false);
        plim_runtime_opts o = base_opts(CAP_BYTES);
        o.provider = &failing.base;

        plim_status status = plim_runtime_open(&o, &runtime, &err);

        is_open = status == PLIM_OK && failing.calls <= n;
        plim_runtime_close(runtime);
        assert_int_equal(recording.committed_bytes, 0);
        assert_int_equal(recording.reserve_count, recording.release_count);
    }
    assert_true(is_open);
}

static void page_tables_are_charged_where_memory_is_anonymous(void **state)
{
    (void)state;
    const char *path = make_artifact("tables");
    uint64_t held[2];
    for (int never = 0; never < 2; never++) {
        plim_runtime *runtime = NULL;
        plim_runtime_opts o = base_opts(CAP_BYTES);
        o.large_pages = never ? PLIM_LARGE_PAGES_NEVER : PLIM_LARGE_PAGES_AUTO;
        assert_ok(plim_runtime_open(&o, &runtime, &err));
        const bool is_free = plim_runtime_has_large_pages(runtime, NULL);
        uint64_t before = used(runtime);
        plim_engine *engine = load(runtime, "tables", path);
        held[never] = used(runtime) - before;
        const uint64_t tables = is_free ? 0 : plim_page_table_bytes(WEIGHTS_BYTES);
        assert_int_equal(engine->page_table_bytes, tables);
        assert_ok(plim_engine_evict(engine, &err));
        assert_int_equal(engine->page_table_bytes, 0);
        assert_ok(plim_engine_restore(engine, &err));
        assert_int_equal(engine->page_table_bytes, tables);
        assert_int_equal(used(runtime) - before, held[never]);
        assert_ok(plim_engine_release(engine, &err));
        assert_int_equal(used(runtime), before);
        held[never] -= tables;
        plim_runtime_close(runtime);
    }
    assert_int_equal(held[0], held[1]);
}

/* ---- thermal and label ---- */

static void thermal_reads_the_captured_board_and_knows_what_it_does_not_know(void **state)
{
    (void)state;
    char root[4200], path[4400];
    static const char *const parts[] = {"board", "board/sys", "board/sys/class",
                                        "board/sys/class/thermal",
                                        "board/sys/class/thermal/thermal_zone0"};
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof(path), "%s/%s", cm_tmp(), parts[i]);
        mkdir(path, 0755);
    }
    snprintf(root, sizeof(root), "%s/board", cm_tmp());
    snprintf(path, sizeof(path), "%s/sys/class/thermal/thermal_zone0/temp", root);
    FILE *file = fopen(path, "w");
    fputs("61500\n", file);
    fclose(file);
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.sysroot = root;
    plim_runtime *runtime = NULL;
    plim_thermal thermal;
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    logged.used = 0;
    plim_runtime_label(runtime, "episode 3");

    plim_runtime_thermal(runtime, &thermal);
    PLIM_LOG(runtime, PLIM_LOG_INFO, "test", "\"n\":%d", 1);

    assert_true(thermal.is_known);
    assert_true(thermal.hottest_celsius > 61.4 && thermal.hottest_celsius < 61.6);
    assert_false(thermal.throttled_is_known);
    assert_non_null(strstr(logged.text, "\"label\":\"episode 3\""));
    plim_runtime_label(runtime, NULL);
    plim_runtime_close(runtime);
}

static int counted(int *count)
{
    return ++*count;
}

static void a_level_that_is_off_does_not_even_look_at_its_arguments(void **state)
{
    (void)state;
    int count = 0;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.log_level = PLIM_LOG_WARN;
    plim_runtime *runtime = NULL;
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    uint64_t lines = runtime->log.line_count;

    PLIM_LOG(runtime, PLIM_LOG_DEBUG, "step", "\"n\":%d", counted(&count));
    PLIM_LOG(runtime, PLIM_LOG_INFO, "step", "\"n\":%d", counted(&count));
    assert_int_equal(count, 0);
    assert_int_equal(runtime->log.line_count, lines);
    PLIM_LOG(runtime, PLIM_LOG_WARN, "step", "\"n\":%d", counted(&count));
    assert_int_equal(count, 1);
    assert_int_equal(runtime->log.line_count, lines + 1);
    plim_runtime_close(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_effective_configuration_is_logged_at_start),
        cmocka_unit_test(a_reserve_that_does_not_fit_refuses_the_start),
        cmocka_unit_test(the_account_is_published_in_its_file),
        cmocka_unit_test(an_engine_asked_for_twice_is_loaded_once),
        cmocka_unit_test(sixteen_racing_threads_share_one_load),
        cmocka_unit_test(release_returns_every_byte_and_a_second_one_is_an_error),
        cmocka_unit_test(the_load_window_is_within_what_was_charged),
        cmocka_unit_test(a_name_belongs_to_one_artifact),
        cmocka_unit_test(a_touched_file_is_shared_and_a_changed_one_refused),
        cmocka_unit_test(a_sealed_runtime_refuses_compile_and_growth),
        cmocka_unit_test(compile_says_when_a_backend_cannot),
        cmocka_unit_test(a_foreign_card_is_refused_before_the_body_is_read),
        cmocka_unit_test(a_wrong_backend_is_named_with_those_there_are),
        cmocka_unit_test(inputs_outside_the_profile_never_reach_the_backend),
        cmocka_unit_test(damage_is_a_typed_error_and_the_next_load_works),
        cmocka_unit_test(a_payload_over_the_cap_is_refused_with_its_numbers),
        cmocka_unit_test(at_the_cap_a_run_fails_and_the_next_one_works),
        cmocka_unit_test(an_activation_limit_is_a_load_line_of_its_own),
        cmocka_unit_test(weights_come_back_bit_identical),
        cmocka_unit_test(a_restore_that_fails_leaves_the_engine_evicted),
        cmocka_unit_test(late_weights_open_the_session_first),
        cmocka_unit_test(a_scratch_group_costs_its_largest_member),
        cmocka_unit_test(planned_engines_of_a_group_share_the_highest_plan),
        cmocka_unit_test(engines_of_a_group_take_turns_under_racing_threads),
        cmocka_unit_test(a_recorded_run_is_planned_at_the_next_start),
        cmocka_unit_test(a_refusal_keeps_its_numbers_through_a_backends_words),
        cmocka_unit_test(whatever_the_system_refuses_the_account_returns),
        cmocka_unit_test(an_open_that_fails_anywhere_leaves_nothing),
        cmocka_unit_test(page_tables_are_charged_where_memory_is_anonymous),
        cmocka_unit_test(thermal_reads_the_captured_board_and_knows_what_it_does_not_know),
        cmocka_unit_test(a_level_that_is_off_does_not_even_look_at_its_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
