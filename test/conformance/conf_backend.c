/* SPDX-License-Identifier: Apache-2.0 */
/* conf_backend.c - one suite that every backend passes.
 *
 * It runs on `null` always, and on `onnxruntime` with real models when the library and the
 * models are there (PLIMSOLL_REQUIRE=onnxruntime makes their absence a failure).
 */
#include "test/conformance/backend_fixture.h"

#include "plimsoll/plimsoll.h"
#include "test/support/heap_now.h"

/* ---- what there is to run: made once, shared by the tests ---- */

typedef struct candidate {
    const char *model;
    const char *shapes[2];
    size_t shape_count;
    const char *format;
} candidate;

static const candidate candidates[] = {
    {"silero_vad_16k_op15.onnx", {"input:1x576", "state:2x1x128"}, 2, NULL},
    {"ultraface_slim320_simplified.onnx", {NULL}, 0, NULL},
    {"magika_v3_3.onnx", {NULL}, 0, NULL},
    {"ppocr_v4_det.onnx", {"x:1x3x320x320"}, 1, NULL},
    {"ppocr_v4_rec.onnx", {"x:1x3x48x32..320..320"}, 1, NULL},
    {"silero_vad_16k_op15.onnx", {"input:1x576", "state:2x1x128"}, 2, "ort"},
};
#define CANDIDATES (sizeof(candidates) / sizeof(candidates[0]))
#define SILERO     1
#define ULTRAFACE  2

static fixture_artifact *artifacts[CANDIDATES + 1]; /* 0: null; NULL: cannot be had here */

static int make_artifacts(void **state)
{
    (void)state;
    artifacts[0] = fixture_null();
    for (size_t i = 0; i < CANDIDATES; i++) {
        const candidate *c = &candidates[i];
        artifacts[i + 1] = fixture_onnx(cm_model(c->model), c->shapes, c->shape_count, c->format);
    }
    return 0;
}

static int drop_artifacts(void **state)
{
    (void)state;
    for (size_t i = 0; i <= CANDIDATES; i++) {
        fixture_drop(artifacts[i]);
    }
    return 0;
}

#define each_artifact(a)                                                                           \
    for (size_t i_##a = 0; i_##a <= CANDIDATES; i_##a++)                                           \
        for (fixture_artifact *a = artifacts[i_##a]; a; a = NULL)

static void need_onnxruntime(void)
{
    if (!artifacts[SILERO] || !artifacts[ULTRAFACE]) {
        skip_because("no ONNX Runtime library or no models here");
    }
}

static void assert_nothing_left(const fixture_host *host)
{
    assert_int_equal(host->live_count, 0);
    assert_int_equal(host->live_bytes[PLIM_HOST_SESSION], 0);
    assert_int_equal(host->live_bytes[PLIM_HOST_ACTIVATION], 0);
    assert_int_equal(host->bad_count, 0);
}

/* ---- registry and probe ---- */

static void registry_finds_by_name_and_lists_what_there_is(void **state)
{
    (void)state;
    plim_error err;
    const plim_backend_ops *ops = NULL;

    assert_ok(plim_backend_find("null", &ops, &err));
    assert_ptr_equal(ops, &plim_backend_null);
    assert_status(plim_backend_find("tensorflow", &ops, &err), PLIM_E_NOT_FOUND);

    assert_null(ops);
    assert_string_equal(err.wanted, "tensorflow");
    assert_string_equal(err.found, "null, onnxruntime");
    assert_int_equal(plim_backend_count(), 2);
    assert_null(plim_backend_at(2));
}

static void every_table_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < plim_backend_count(); i++) {
        const plim_backend_ops *ops = plim_backend_at(i);
        assert_int_equal(ops->abi, PLIM_BACKEND_ABI);
        assert_int_equal(ops->struct_size, sizeof(plim_backend_ops));
        assert_true(ops->name && ops->probe && ops->open && ops->close && ops->run &&
                    ops->describe);
    }
}

static void probe_of_a_present_backend_tells_its_version_and_abilities(void **state)
{
    (void)state;
    plim_backend_info info;
    plim_backend_probe(&plim_backend_null, NULL, &info);
    assert_true(info.is_present);
    assert_string_equal(info.name, "null");
    if (fixture_library()) {
        plim_backend_probe(&plim_backend_onnxruntime, fixture_library(), &info);
        assert_true(info.is_present);
        assert_true(info.version[0] >= '1' && info.library[0]);
        assert_true(info.flags & PLIM_BACKEND_WEIGHTS_IN_PLACE);
        assert_true(info.flags & PLIM_BACKEND_CAP_CLEAN_FAIL);
    }
}

/* ---- results ---- */

typedef struct golden {
    const char *model, *output;
    double sum, first;
} golden;

/* The reference's own figures; ppocr_v4_det sees noise and finds nothing. */
static const golden goldens[] = {
    {"silero_vad_16k_op15.onnx", "output", 0.510035, 0.51003},
    {"silero_vad_16k_op15.onnx", "stateN", 83.126, -0.10574},
    {"ultraface_slim320_simplified.onnx", "scores", 4420, 0.89457},
    {"ultraface_slim320_simplified.onnx", "boxes", 23231.6, 2.2044},
    {"magika_v3_3.onnx", "target_label", 1, 0.0029074},
    {"ppocr_v4_det.onnx", "sigmoid_0.tmp_0", 8.2e-06, 0},
};

static void check_golden(const char *model, const fixture_run *run)
{
    for (size_t g = 0; g < sizeof(goldens) / sizeof(goldens[0]); g++) {
        for (size_t o = 0; o < run->output_count; o++) {
            if (strcmp(goldens[g].model, model) != 0 ||
                strcmp(goldens[g].output, run->output_names[o]) != 0) {
                continue;
            }
            double first, sum = fixture_sum(run, o, &first);
            assert_true(fabs(sum - goldens[g].sum) <= 1e-4 * (1 + fabs(goldens[g].sum)));
            assert_true(fabs(first - goldens[g].first) <= 1e-4 * (1 + fabs(goldens[g].first)));
        }
    }
}

static void outputs_are_the_reference_outputs(void **state)
{
    (void)state;
    plim_error err;
    need_onnxruntime();
    for (size_t i = 0; i < CANDIDATES; i++) {
        fixture_host host;
        fixture_run run;
        if (!artifacts[i + 1]) {
            continue;
        }
        fixture_host_init(&host);
        assert_ok(fixture_open(artifacts[i + 1], &host, 1, &run, &err));
        assert_ok(artifacts[i + 1]->ops->load(run.engine, &err));

        assert_ok(fixture_go(artifacts[i + 1], &run, NULL, &err));

        check_golden(candidates[i].model, &run);
        fixture_close(artifacts[i + 1], &run);
        assert_nothing_left(&host);
    }
}

static void null_backend_computes_what_it_says(void **state)
{
    (void)state;
    plim_error err;
    fixture_host host;
    fixture_run run;
    fixture_artifact *a = artifacts[0];
    fixture_host_init(&host);
    assert_ok(fixture_open(a, &host, 1, &run, &err));
    assert_ok(a->ops->load(run.engine, &err));

    assert_ok(fixture_go(a, &run, NULL, &err));

    const float *x = run.inputs[0].data, *y = run.outputs[0].data;
    float c = y[0] - x[0] * (float)(int8_t)a->payload[4096] / 128.0f;
    assert_true(c >= 0 && c < 1);
    for (size_t i = 0; i < 1000; i++) {
        float want = x[i] * ((float)(int8_t)a->payload[4096 + i % 904] / 128.0f) + c;
        assert_true(fabsf(y[i] - want) < 1e-5f);
    }
    fixture_close(a, &run);
    assert_nothing_left(&host);
}

static void describe_agrees_with_the_card(void **state)
{
    (void)state;
    plim_error err;
    each_artifact(a)
    {
        fixture_host host;
        fixture_run run;
        size_t count;
        static plim_card_tensor told[PLIM_CARD_TENSORS_MAX];
        fixture_host_init(&host);
        assert_ok(fixture_open(a, &host, 1, &run, &err));

        assert_ok(a->ops->describe(run.engine, told, PLIM_CARD_TENSORS_MAX, &count, &err));

        assert_int_equal(count, a->card->tensor_count);
        for (size_t t = 0; t < count; t++) {
            assert_string_equal(told[t].name, a->card->tensors[t].name);
            assert_int_equal(told[t].dtype, a->card->tensors[t].dtype);
            assert_int_equal(told[t].rank, a->card->tensors[t].rank);
        }
        assert_status(a->ops->describe(run.engine, told, 1, &count, &err), PLIM_E_RANGE);
        assert_int_equal(count, 0);
        fixture_close(a, &run);
        assert_nothing_left(&host);
    }
}

/* ---- weights ---- */

static void flip_signs(fixture_artifact *a)
{
    const plim_section *w = &a->sections[1];
    for (uint64_t i = 3; a->section_count > 1 && i < w->size_bytes; i += 4) {
        a->payload[w->offset_bytes + i] ^= (char)0x80;
    }
}

static void changed_weight_bytes_change_the_output(void **state)
{
    (void)state;
    plim_error err;
    each_artifact(a)
    {
        fixture_host host;
        fixture_run run;
        if (a->section_count < 2) {
            continue; /* .ort: graph and weights are one section */
        }
        fixture_host_init(&host);
        assert_ok(fixture_open(a, &host, 1, &run, &err));
        assert_ok(a->ops->load(run.engine, &err));
        assert_ok(fixture_go(a, &run, NULL, &err));
        uint64_t before = fixture_hash(&run);

        flip_signs(a);
        assert_ok(fixture_go(a, &run, NULL, &err));
        uint64_t flipped = fixture_hash(&run);
        flip_signs(a);
        assert_ok(fixture_go(a, &run, NULL, &err));

        assert_true(flipped != before);
        assert_true(fixture_hash(&run) == before);
        fixture_close(a, &run);
        assert_nothing_left(&host);
    }
}

static void weights_may_come_late_leave_and_return(void **state)
{
    (void)state;
    plim_error err;
    each_artifact(a)
    {
        fixture_host host;
        fixture_run run;
        if (a->section_count < 2) {
            continue;
        }
        const plim_section *w = &a->sections[1];
        char *weights = a->payload + w->offset_bytes;
        uint64_t hash = 0;
        fixture_host_init(&host);
        memset(weights, 0, w->size_bytes);
        assert_ok(fixture_open(a, &host, 1, &run, &err));
        assert_status(fixture_go(a, &run, NULL, &err), PLIM_E_RESIDENT);
        for (int round = 0; round < 3; round++) {
            memcpy(weights, a->pristine + w->offset_bytes, w->size_bytes);
            assert_ok(a->ops->load(run.engine, &err));
            assert_ok(fixture_go(a, &run, NULL, &err));
            hash = round == 0 ? fixture_hash(&run) : hash;

            assert_true(fixture_hash(&run) == hash);
            assert_ok(a->ops->evict(run.engine, &err));
            memset(weights, 0, w->size_bytes);
            assert_status(fixture_go(a, &run, NULL, &err), PLIM_E_RESIDENT);
        }
        memcpy(weights, a->pristine + w->offset_bytes, w->size_bytes);
        fixture_close(a, &run);
        assert_nothing_left(&host);
    }
}

static void a_whole_file_artifact_neither_comes_late_nor_leaves(void **state)
{
    (void)state;
    plim_error err;
    fixture_host host;
    fixture_run run;
    fixture_artifact *a = artifacts[CANDIDATES];
    need_onnxruntime();
    const uint32_t all = PLIM_BACKEND_LATE_WEIGHTS | PLIM_BACKEND_EVICTABLE | PLIM_BACKEND_CANCEL;
    fixture_host_init(&host);
    assert_ok(fixture_open(a, &host, 1, &run, &err));
    assert_ok(a->ops->load(run.engine, &err));

    assert_status(a->ops->evict(run.engine, &err), PLIM_E_UNSUPPORTED);
    assert_string_equal(err.found, "ort");

    assert_ok(fixture_go(a, &run, NULL, &err)); /* still there */
    assert_int_equal(a->ops->artifact_flags(a->card, all), PLIM_BACKEND_CANCEL);
    assert_int_equal(a->ops->artifact_flags(artifacts[SILERO]->card, all), all);
    fixture_close(a, &run);
    assert_nothing_left(&host);
}

static void weights_are_not_copied_through_the_host(void **state)
{
    (void)state;
    plim_error err;
    each_artifact(a)
    {
        fixture_host host;
        fixture_run run;
        fixture_host_init(&host);
        assert_ok(fixture_open(a, &host, 1, &run, &err));
        assert_ok(a->ops->load(run.engine, &err));
        assert_ok(fixture_go(a, &run, NULL, &err));

        assert_true(host.peak_bytes[PLIM_HOST_SESSION] < 64 * 1024);
        assert_true(host.peak_bytes[PLIM_HOST_ACTIVATION] > 0);
        assert_int_equal(host.live_bytes[PLIM_HOST_ACTIVATION], 0);
        fixture_close(a, &run);
        assert_nothing_left(&host);
    }
}

static void plan_holds_for_a_run_at_the_profile(void **state)
{
    (void)state;
    plim_error err;
    each_artifact(a)
    {
        fixture_host host;
        fixture_run run;
        plim_backend_need need;
        fixture_host_init(&host);
        assert_ok(a->ops->plan(&a->source, NULL, &need, &err));
        assert_ok(fixture_open(a, &host, 1, &run, &err));
        assert_ok(a->ops->load(run.engine, &err));
        assert_ok(fixture_go(a, &run, NULL, &err));

        assert_true(need.activation_bytes >= host.peak_bytes[PLIM_HOST_ACTIVATION]);
        assert_true(need.session_bytes >= host.live_bytes[PLIM_HOST_SESSION]);
        fixture_close(a, &run);
    }
}

/* ---- refusals ---- */

static void wrong_names_types_and_shapes_are_typed_errors(void **state)
{
    (void)state;
    plim_error err;
    each_artifact(a)
    {
        fixture_host host;
        fixture_run run;
        fixture_host_init(&host);
        assert_ok(fixture_open(a, &host, 1, &run, &err));
        assert_ok(a->ops->load(run.engine, &err));
        const fixture_run good = run;

        run.input_names[0] = "no such tensor";
        assert_status(fixture_go(a, &run, NULL, &err), PLIM_E_NOT_FOUND);
        assert_string_equal(err.field, "no such tensor");
        run = good;
        run.output_names[0] = good.input_names[0];
        assert_status(fixture_go(a, &run, NULL, &err), PLIM_E_NOT_FOUND);
        run = good;
        run.inputs[0].dtype = PLIM_F16;
        assert_status(fixture_go(a, &run, NULL, &err), PLIM_E_SHAPE);
        run = good;
        run.inputs[0].rank--;
        assert_status(fixture_go(a, &run, NULL, &err), PLIM_E_SHAPE);
        run = good;
        run.outputs[0].dtype = PLIM_I64;
        assert_status(fixture_go(a, &run, NULL, &err), PLIM_E_SHAPE);
        run = good;
        run.inputs[0].strides[run.inputs[0].rank - 1] = 2;
        assert_status(fixture_go(a, &run, NULL, &err), PLIM_E_UNSUPPORTED);
        run = good;
        run.inputs[0].kind = PLIM_MEMORY_DEVICE;
        assert_status(fixture_go(a, &run, NULL, &err), PLIM_E_UNSUPPORTED);
        run = good;
        run.output_count = 0;
        assert_status(fixture_go(a, &run, NULL, &err), PLIM_E_ARG);

        run = good;
        assert_ok(fixture_go(a, &run, NULL, &err));
        fixture_close(a, &run);
        assert_nothing_left(&host);
    }
}

static void an_output_with_too_little_room_is_refused(void **state)
{
    (void)state;
    plim_error err;
    fixture_artifact *a = artifacts[4];
    fixture_host host;
    fixture_run run;
    if (!a) {
        skip_because("no model with a dynamic output here");
    }
    fixture_host_init(&host);
    assert_ok(fixture_open(a, &host, 1, &run, &err));
    assert_ok(a->ops->load(run.engine, &err));
    run.outputs[0].shape[3] = 1;
    run.outputs[0].strides[2] = 1;
    for (int d = 1; d >= 0; d--) {
        run.outputs[0].strides[d] = run.outputs[0].strides[d + 1] * run.outputs[0].shape[d + 1];
    }

    assert_status(fixture_go(a, &run, NULL, &err), PLIM_E_SHAPE);

    assert_int_equal(err.want, 320 * 320 * 4);
    assert_int_equal(err.have, 320 * 4);
    fixture_close(a, &run);
    assert_nothing_left(&host);
}

static void a_format_that_would_copy_is_refused(void **state)
{
    (void)state;
    plim_error err;
    fixture_host host;
    need_onnxruntime();
    fixture_artifact *a = artifacts[SILERO];
    plim_backend_source source = a->source;
    static plim_card card;
    plim_backend_engine *engine = NULL;
    fixture_host_init(&host);
    card = *a->card;
    strcpy(card.format, "onnx");
    source.card = &card;

    assert_status(a->ops->open(&source, &host.host, NULL, &engine, &err), PLIM_E_UNSUPPORTED);

    assert_string_equal(err.found, "onnx");
    assert_null(engine);
    assert_nothing_left(&host);
}

/* ---- the cap ---- */

/* Refuses host call number k, for every k of opening and running, then asks again. */
static void fail_every_call(fixture_artifact *a, uint32_t threads)
{
    plim_error err;
    fixture_host host;
    fixture_run run;
    fixture_host_init(&host);
    assert_ok(fixture_open(a, &host, threads, &run, &err));
    uint64_t open_calls = host.call_count;
    assert_ok(a->ops->load(run.engine, &err));
    assert_ok(fixture_go(a, &run, NULL, &err));
    uint64_t run_calls = host.call_count - open_calls, hash = fixture_hash(&run);
    fixture_close(a, &run);
    assert_nothing_left(&host);
    assert_true(open_calls > 0 && run_calls > 0);

    for (uint64_t k = 0; k < open_calls; k++) {
        fixture_host_init(&host);
        host.fail_at = k;
        assert_status(fixture_open(a, &host, threads, &run, &err), PLIM_E_BUDGET);
        assert_string_equal(err.what, "fixture cap");
        assert_nothing_left(&host);
    }
    fixture_host_init(&host);
    assert_ok(fixture_open(a, &host, threads, &run, &err));
    assert_ok(a->ops->load(run.engine, &err));
    for (uint64_t k = 0; k < run_calls; k++) {
        uint64_t live = host.live_count;
        host.fail_at = host.call_count + k;
        plim_status s = fixture_go(a, &run, NULL, &err);
        if (s == PLIM_OK) { /* first runs may take more than later ones */
            assert_true(host.call_count <= host.fail_at);
            break;
        }
        assert_int_equal(s, PLIM_E_BUDGET);
        assert_string_equal(err.what, "fixture cap");
        assert_true(host.live_count <= live + 2 * open_calls);
        host.fail_at = UINT64_MAX;
        assert_ok(fixture_go(a, &run, NULL, &err));
        assert_true(fixture_hash(&run) == hash);
    }
    fixture_close(a, &run);
    assert_nothing_left(&host);
}

static void every_refused_allocation_is_a_status_and_the_next_call_works(void **state)
{
    (void)state;
    fail_every_call(artifacts[0], 1);
    need_onnxruntime();
    fail_every_call(artifacts[SILERO], 1);
    fail_every_call(artifacts[ULTRAFACE], 2);
}

static void the_sizes_asked_for_are_the_same_in_every_run(void **state)
{
    (void)state;
    plim_error err;
    each_artifact(a)
    {
        fixture_host host;
        fixture_run run;
        uint64_t calls[3];
        fixture_host_init(&host);
        assert_ok(fixture_open(a, &host, 2, &run, &err));
        assert_ok(a->ops->load(run.engine, &err));
        for (int i = 0; i < 3; i++) {
            uint64_t before = host.call_count;
            host.trace_hash = 0;
            assert_ok(fixture_go(a, &run, NULL, &err));
            calls[i] = (host.call_count - before) ^ host.trace_hash;
        }
        assert_true(calls[1] == calls[2]);
        fixture_close(a, &run);
    }
}

/* ---- two at once, cancel, many ---- */

typedef struct worker {
    fixture_artifact *artifact;
    fixture_host host;
    uint64_t hash;
    plim_status status;
    char words[512];
} worker;

static void *work(void *argument)
{
    worker *w = argument;
    fixture_run run;
    plim_error err = {0};
    w->status = fixture_open(w->artifact, &w->host, 2, &run, &err);
    if (w->status == PLIM_OK) {
        w->status = w->artifact->ops->load(run.engine, &err);
        for (int i = 0; w->status == PLIM_OK && i < 10; i++) {
            w->status = fixture_go(w->artifact, &run, NULL, &err);
            w->hash = fixture_hash(&run);
        }
        fixture_close(w->artifact, &run);
    }
    plim_error_format(&err, w->words, sizeof(w->words));
    return NULL;
}

static void two_engines_in_two_threads_keep_their_accounts_apart(void **state)
{
    (void)state;
    static worker alone[2], both[2];
    pthread_t threads[2];
    need_onnxruntime();
    for (size_t i = 0; i < 2; i++) {
        alone[i].artifact = both[i].artifact = artifacts[i ? ULTRAFACE : SILERO];
        fixture_host_init(&alone[i].host);
        fixture_host_init(&both[i].host);
        work(&alone[i]);
        assert_int_equal(alone[i].status, PLIM_OK);
    }

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, &both[i]), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }

    for (size_t i = 0; i < 2; i++) {
        if (both[i].status != PLIM_OK) {
            fail_msg("%s", both[i].words);
        }
        assert_true(both[i].hash == alone[i].hash);
        assert_int_equal(both[i].host.call_count, alone[i].host.call_count);
        assert_int_equal(both[i].host.peak_bytes[PLIM_HOST_ACTIVATION],
                         alone[i].host.peak_bytes[PLIM_HOST_ACTIVATION]);
        assert_nothing_left(&both[i].host);
    }
}

static void a_raised_flag_stops_the_run_and_the_next_one_works(void **state)
{
    (void)state;
    plim_error err;
    each_artifact(a)
    {
        fixture_host host;
        fixture_run run;
        volatile bool cancel = true;
        fixture_host_init(&host);
        assert_ok(fixture_open(a, &host, 1, &run, &err));
        assert_ok(a->ops->load(run.engine, &err));

        assert_status(fixture_go(a, &run, &cancel, &err), PLIM_E_CANCELLED);
        cancel = false;
        assert_ok(fixture_go(a, &run, &cancel, &err));
        uint64_t hash = fixture_hash(&run);
        if (a->ops == &plim_backend_onnxruntime) {
            host.raise = &cancel; /* under way: every activation from here on takes 2 ms */
            host.raise_at = 3;
            assert_status(fixture_go(a, &run, &cancel, &err), PLIM_E_CANCELLED);
            host.raise = NULL;
            cancel = false;
        }
        assert_ok(fixture_go(a, &run, &cancel, &err));

        assert_true(fixture_hash(&run) == hash);
        fixture_close(a, &run);
        assert_nothing_left(&host);
    }
}

static void sixteen_engines_one_after_the_other_leave_nothing_behind(void **state)
{
    (void)state;
    plim_error err;
    each_artifact(a)
    {
        size_t heap = 0;
        for (int i = 0; i < 16; i++) {
            fixture_host host;
            fixture_run run;
            fixture_host_init(&host);
            assert_ok(fixture_open(a, &host, 1, &run, &err));
            assert_ok(a->ops->load(run.engine, &err));
            assert_ok(fixture_go(a, &run, NULL, &err));
            fixture_close(a, &run);
            assert_nothing_left(&host);
            if (i == 7) {
                heap = mallinfo2().uordblks;
            }
        }
        /* ONNX Runtime 1.30 keeps 5 to 32 KB of its own for every session there ever was,
         * also of sessions made without any of this code. Weights would be larger. */
        assert_true(mallinfo2().uordblks <= heap + (size_t)8 * 48 * 1024);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registry_finds_by_name_and_lists_what_there_is),
        cmocka_unit_test(every_table_is_complete),
        cmocka_unit_test(probe_of_a_present_backend_tells_its_version_and_abilities),
        cmocka_unit_test(outputs_are_the_reference_outputs),
        cmocka_unit_test(null_backend_computes_what_it_says),
        cmocka_unit_test(describe_agrees_with_the_card),
        cmocka_unit_test(changed_weight_bytes_change_the_output),
        cmocka_unit_test(weights_may_come_late_leave_and_return),
        cmocka_unit_test(a_whole_file_artifact_neither_comes_late_nor_leaves),
        cmocka_unit_test(weights_are_not_copied_through_the_host),
        cmocka_unit_test(plan_holds_for_a_run_at_the_profile),
        cmocka_unit_test(wrong_names_types_and_shapes_are_typed_errors),
        cmocka_unit_test(an_output_with_too_little_room_is_refused),
        cmocka_unit_test(a_format_that_would_copy_is_refused),
        cmocka_unit_test(every_refused_allocation_is_a_status_and_the_next_call_works),
        cmocka_unit_test(the_sizes_asked_for_are_the_same_in_every_run),
        cmocka_unit_test(two_engines_in_two_threads_keep_their_accounts_apart),
        cmocka_unit_test(a_raised_flag_stops_the_run_and_the_next_one_works),
        cmocka_unit_test(sixteen_engines_one_after_the_other_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, make_artifacts, drop_artifacts);
}
