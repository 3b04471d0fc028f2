/* SPDX-License-Identifier: Apache-2.0 */
/* test_runtime_ort.c - real models through the six verbs: recorded, then planned, then evicted.
 *
 * Needs the ONNX Runtime library and the models of `make models`; skips without them.
 */
#include <math.h>
#include <unistd.h>

#include "plimsoll/plimsoll.h"
#include "test/support/cm.h"

#define CAP_BYTES (512u << 20)

static plim_error err;

typedef struct model {
    const char *file, *name;
    const char *shapes[4]; /* for import; NULL ends */
    const char *input_names[4];
    plim_dtype dtypes[4];
    int64_t dims[4][4];
    uint32_t ranks[4];
    size_t input_count;
    const char *output_name;
    int64_t output_dims[4];
    uint32_t output_rank;
    double sum; /* of |y|; 0: not checked */
} model;

static const model silero = {.file = "silero_vad_16k_op15.onnx",
                             .name = "silero",
                             .shapes = {"input:1x576", "state:2x1x128"},
                             .input_names = {"input", "state", "sr"},
                             .dtypes = {PLIM_F32, PLIM_F32, PLIM_I64},
                             .dims = {{1, 576}, {2, 1, 128}},
                             .ranks = {2, 3, 0},
                             .input_count = 3,
                             .output_name = "output",
                             .output_dims = {1, 1},
                             .output_rank = 2,
                             .sum = 0.510035};
static const model ppocr = {.file = "ppocr_v4_det.onnx",
                            .name = "ppocr",
                            .shapes = {"x:1x3x320x320"},
                            .input_names = {"x"},
                            .dtypes = {PLIM_F32},
                            .dims = {{1, 3, 320, 320}},
                            .ranks = {4},
                            .input_count = 1,
                            .output_name = "sigmoid_0.tmp_0",
                            .output_dims = {1, 1, 320, 320},
                            .output_rank = 4};

static float input_data[3][3 * 320 * 320];
static int64_t sample_rate = 16000;

static void fill_inputs(const model *m, plim_tensor *inputs)
{
    for (size_t i = 0; i < m->input_count; i++) {
        void *data = m->dtypes[i] == PLIM_I64 ? (void *)&sample_rate : (void *)input_data[i];
        assert_ok(plim_tensor_init(&inputs[i], data, m->dtypes[i], m->dims[i], m->ranks[i],
                                   PLIM_MEMORY_HOST, &err));
        for (uint32_t k = 0; m->dtypes[i] == PLIM_F32 && k < 3u * 320u * 320u; k++) {
            input_data[i][k] = (float)((k * 2654435761u >> 8) & 1023u) / 1024.0f - 0.4f;
        }
    }
}

static plim_status run(plim_engine *engine, const model *m, float *y)
{
    plim_tensor inputs[4], output;
    fill_inputs(m, inputs);
    assert_ok(plim_tensor_init(&output, y, PLIM_F32, m->output_dims, m->output_rank,
                               PLIM_MEMORY_HOST, &err));
    return plim_engine_infer(engine, m->input_names, inputs, m->input_count, &m->output_name,
                             &output, 1, &err);
}

static size_t output_count(const model *m)
{
    size_t n = 1;
    for (uint32_t d = 0; d < m->output_rank; d++) {
        n *= (size_t)m->output_dims[d];
    }
    return n;
}

static plim_runtime *open_runtime(void)
{
    plim_runtime *runtime = NULL;
    plim_runtime_opts o = plim_runtime_opts_default();
    o.budget.cap_bytes = CAP_BYTES;
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    return runtime;
}

static plim_engine *load(plim_runtime *runtime, const model *m, const char *path, bool record,
                         uint32_t thread_count)
{
    plim_engine *engine = NULL;
    plim_engine_spec s = plim_engine_spec_default();
    s.name = m->name;
    s.path = path;
    s.library = cm_wheel("libonnxruntime.so");
    s.record_trace = record;
    s.thread_count = thread_count;
    s.load.path = PLIM_READ_BUFFERED;
    assert_ok(plim_runtime_deserialize(runtime, &s, &engine, &err));
    return engine;
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

static void compile(plim_runtime *runtime, const model *m, char *path, size_t room)
{
    plim_import_opts o = plim_import_opts_default();
    size_t count = 0;
    while (count < 4 && m->shapes[count]) {
        count++;
    }
    o.library = cm_wheel("libonnxruntime.so");
    o.name = m->name;
    o.thread_count = 1;
    o.shapes = m->shapes;
    o.shape_count = count;
    assert_ok(plim_runtime_compile(runtime, "onnxruntime", cm_wheel(m->file), cm_tmp(), &o, path,
                                   room, &err));
}

static float first[320 * 320], again[320 * 320];

static void goes_through_its_life(const model *m, uint32_t thread_count)
{
    if (!cm_wheel("libonnxruntime.so") || !cm_wheel(m->file)) {
        skip_because("no ONNX Runtime or no %s (make models)", m->file);
    }
#ifdef __SANITIZE_THREAD__
    if (thread_count > 1) {
        skip_because("onnxruntime's pool is not instrumented for the thread sanitizer");
    }
#endif
    char path[4200];
    size_t bytes = output_count(m) * sizeof(float);
    plim_runtime *runtime = open_runtime();
    compile(runtime, m, path, sizeof(path));
    uint64_t before = used(runtime);

    plim_engine *engine = load(runtime, m, path, true, thread_count);
    assert_ok(run(engine, m, first));
    double sum = 0;
    for (size_t i = 0; i < output_count(m); i++) {
        sum += fabs((double)first[i]);
    }
    assert_true(m->sum == 0 || fabs(sum - m->sum) < 1e-4 * m->sum);
    assert_ok(run(engine, m, again));
    assert_memory_equal(first, again, bytes);
    plim_engine_stats dynamic = stats_of(engine);
    assert_true(dynamic.activation_live_peak_bytes > 0);
    assert_ok(plim_engine_release(engine, &err));
    assert_int_equal(used(runtime), before);

    engine = load(runtime, m, path, false, thread_count);
    uint64_t loaded = used(runtime);
    for (int i = 0; i < 2; i++) {
        assert_ok(run(engine, m, again));
        assert_memory_equal(first, again, bytes);
    }
    plim_engine_stats planned = stats_of(engine);
    assert_true(planned.trace_is_planned);
    assert_int_equal(planned.trace_miss_count, 0);
    assert_true(planned.trace_hit_count > 0);
    assert_true(planned.trace_planned_bytes <= dynamic.activation_peak_bytes);
    printf("# %s: planned %llu, dynamic %llu, live %llu bytes, %llu planned requests a run\n",
           m->name, (unsigned long long)planned.trace_planned_bytes,
           (unsigned long long)dynamic.activation_peak_bytes,
           (unsigned long long)dynamic.activation_live_peak_bytes,
           (unsigned long long)planned.trace_hit_count / 2);

    uint64_t steady = used(runtime);
    assert_ok(run(engine, m, again));
    assert_int_equal(used(runtime), steady); /* steady state commits nothing */
    assert_true(steady >= loaded);
    if (plim_engine_evict(engine, &err) == PLIM_OK) {
        assert_status(run(engine, m, again), PLIM_E_RESIDENT);
        assert_ok(plim_engine_restore(engine, &err));
        memset(again, 0, bytes);
        assert_ok(run(engine, m, again));
        assert_memory_equal(first, again, bytes);
    }
    assert_ok(plim_engine_release(engine, &err));
    assert_int_equal(used(runtime), before);
    plim_runtime_close(runtime);
}

static void silero_is_recorded_then_planned_without_a_miss(void **state)
{
    (void)state;
    goes_through_its_life(&silero, 1);
}

static void ppocr_is_recorded_then_planned_without_a_miss(void **state)
{
    (void)state;
    goes_through_its_life(&ppocr, 1);
}

static void two_threads_follow_their_own_plan(void **state)
{
    (void)state;
    goes_through_its_life(&ppocr, 2);
}

static void a_real_backend_at_the_cap_fails_cleanly_and_runs_again(void **state)
{
    (void)state;
    if (!cm_wheel("libonnxruntime.so") || !cm_wheel(ppocr.file)) {
        skip_because("no ONNX Runtime or no %s (make models)", ppocr.file);
    }
    char path[4200];
    plim_runtime *runtime = open_runtime();
    plim_budget *budget = plim_runtime_budget(runtime);
    plim_owner owner;
    compile(runtime, &ppocr, path, sizeof(path));
    char plan[4300];
    snprintf(plan, sizeof(plan), "%s.plan.csv", path);
    unlink(plan); /* an earlier test may have recorded one: with it nothing is asked for */
    plim_engine *engine = load(runtime, &ppocr, path, false, 1);
    assert_ok(plim_budget_owner(budget, "hog", &owner, &err));
    uint64_t hog = CAP_BYTES - used(runtime) - (1u << 20);
    assert_ok(plim_budget_charge(budget, owner, PLIM_TAG_EPISODE, hog, &err));
    uint64_t before = used(runtime);

    assert_status(run(engine, &ppocr, first), PLIM_E_BUDGET);
    assert_int_equal(err.limit, CAP_BYTES);
    assert_string_equal(err.holders[0].owner, "hog");
    assert_int_equal(used(runtime), before);

    plim_budget_credit(budget, owner, PLIM_TAG_EPISODE, hog);
    assert_ok(run(engine, &ppocr, first));
    assert_ok(run(engine, &ppocr, again));
    assert_memory_equal(first, again, sizeof(first));
    plim_runtime_close(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silero_is_recorded_then_planned_without_a_miss),
        cmocka_unit_test(ppocr_is_recorded_then_planned_without_a_miss),
        cmocka_unit_test(two_threads_follow_their_own_plan),
        cmocka_unit_test(a_real_backend_at_the_cap_fails_cleanly_and_runs_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
