/* SPDX-License-Identifier: Apache-2.0 */
/* test_ort_import.c - from a model file to a container to a run, through public calls. */
#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/onnx_write.h"
#include "plimsoll/plimsoll.h"
#include "src/backend/onnxruntime/import.h"
#include "test/support/cm.h"

static const char *library(void)
{
    const char *given = getenv("PLIMSOLL_ONNXRUNTIME");
    return given && *given ? given : cm_wheel("libonnxruntime.so");
}

static plim_status import(const char *model, plim_import_opts *opts, char out[1024],
                          plim_error *err)
{
    opts->library = library();
    return plim_backend_onnxruntime.import_model(model, cm_tmp(), opts, out, 1024, err);
}

static unsigned litter_count(void)
{
    DIR *d = opendir(cm_tmp());
    unsigned n = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        n += strstr(e->d_name, "plimsoll-import") != NULL;
    }
    closedir(d);
    return n;
}

/* Nothing of an import but its artifact stays behind. */
static void assert_no_litter(void)
{
    assert_int_equal(litter_count(), 0);
}

/* ---- a home for an artifact, and a host without limits ---- */

typedef struct home {
    plim_budget *budget;
    plim_arena *arena;
    plim_region *region;
    plim_engine_file *file;
    char *payload;
    uint64_t live;
} home;

static plim_status host_alloc(void *context, plim_host_class kind, size_t size, size_t align,
                              void **out, plim_error *err)
{
    (void)kind, (void)err;
    ((home *)context)->live++;
    *out = aligned_alloc(align, (size + 2 * align) / align * align);
    return PLIM_OK;
}

static void host_free(void *context, void *block)
{
    ((home *)context)->live--;
    free(block);
}

static void open_home(home *h, const char *path)
{
    plim_error err = {0};
    plim_budget_opts budget = plim_budget_opts_default();
    plim_region_opts region = plim_region_opts_default();
    memset(h, 0, sizeof(*h));
    budget.cap_bytes = 64 << 20;
    region.size_bytes = 16 << 20;
    region.tag = PLIM_TAG_OTHER;
    assert_ok(plim_budget_open(plim_provider_mmap(), &budget, &h->budget, &err));
    assert_ok(plim_arena_open(h->budget, plim_provider_mmap(), NULL, &h->arena, &err));
    assert_ok(plim_region_create(h->arena, PLIM_REGION_BUMP, &region, &h->region, &err));
    assert_ok(plim_engine_open(path, h->region, &h->file, &err));
    h->payload = aligned_alloc(4096, (plim_engine_room_bytes(h->file) + 4095) / 4096 * 4096);
    assert_non_null(h->payload);
    plim_load_stats stats;
    assert_ok(plim_engine_load(h->file, h->payload, NULL, &stats, &err));
}

static void close_home(home *h)
{
    assert_int_equal(h->live, 0);
    plim_engine_close(h->file);
    free(h->payload);
    plim_arena_close(h->arena);
    plim_budget_close(h->budget);
}

/* One run with inputs of the golden formula; the sum of |y| of @output. */
static double run(home *h, const char *output, plim_status *status, plim_error *err)
{
    const plim_card *card = plim_engine_card(h->file);
    const plim_backend_ops *ops = &plim_backend_onnxruntime;
    const plim_backend_host host = {sizeof(host), h, host_alloc, host_free, NULL};
    const plim_backend_source source = {.card = card,
                                        .file = h->file,
                                        .payload = h->payload,
                                        .payload_bytes = plim_engine_payload_bytes(h->file)};
    const plim_backend_opts opts = {.struct_size = sizeof(opts), .library = library()};
    plim_backend_engine *engine = NULL;
    const char *names[8];
    plim_tensor inputs[8], y = {0};
    size_t in = 0;
    double sum = 0;
    *status = ops->open(&source, &host, &opts, &engine, err);
    if (*status != PLIM_OK) {
        return 0;
    }
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        const plim_card_tensor *t = &card->tensors[i];
        plim_tensor *to = t->is_input ? &inputs[in] : &y;
        if (!t->is_input && strcmp(t->name, output) != 0) {
            continue;
        }
        assert_status(plim_tensor_init(to, NULL, t->dtype, t->profiles[0].opt, t->rank,
                                       PLIM_MEMORY_HOST, err),
                      PLIM_OK);
        to->data = calloc(1, plim_tensor_bytes(to) + 64);
        for (int64_t k = 0; t->is_input && k < plim_tensor_elements(to); k++) {
            ((float *)to->data)[k] =
                (float)((((uint32_t)k * 2654435761u) >> 8) & 1023) / 1024.0f - 0.4f;
        }
        names[in] = t->is_input ? t->name : names[in];
        in += t->is_input;
    }
    *status = ops->load(engine, err);
    if (*status == PLIM_OK) {
        *status = ops->run(engine, names, inputs, in, &output, &y, 1, NULL, err);
    }
    for (int64_t k = 0; k < plim_tensor_elements(&y); k++) {
        sum += fabs((double)((float *)y.data)[k]);
    }
    ops->close(engine);
    free(y.data);
    for (size_t i = 0; i < in; i++) {
        free(inputs[i].data);
    }
    return sum;
}

/* ---- tests ---- */

static void a_real_model_becomes_a_container_that_runs(void **state)
{
    (void)state;
    plim_error err;
    char path[1024];
    home h;
    plim_status s;
    plim_import_opts opts = plim_import_opts_default();
    const char *model = cm_model("ultraface_slim320_simplified.onnx");
    if (!library() || !model) {
        skip_because("no ONNX Runtime library or no model here");
    }
    opts.name = "face";

    assert_ok(import(model, &opts, path, &err));
    open_home(&h, path);
    double sum = run(&h, "boxes", &s, &err);

    assert_non_null(strstr(path, "/face__smany_jpany_trtnone_fp32.engine"));
    assert_int_equal(s, PLIM_OK);
    assert_true(fabs(sum - 23231.6) < 2.4);
    const plim_card *card = plim_engine_card(h.file);
    assert_string_equal(card->backend, "onnxruntime");
    assert_string_equal(card->format, "onnx+weights");
    assert_int_equal(card->build, PLIM_BUILD_PORTABLE);
    assert_int_equal(card->tensor_count, 3);
    assert_true(card->has_source_sha256 && card->has_payload_root);
    assert_true(card->activation_bytes > 1 << 20 && card->session_bytes > 0);
    assert_int_equal(plim_engine_section_count(h.file), 2);
    const plim_section *weights = plim_engine_find_section(h.file, "weights");
    assert_non_null(weights);
    assert_int_equal(weights->offset_bytes % 4096, 0);
    assert_int_equal(weights->kind, PLIM_SECTION_WEIGHTS);
    close_home(&h);
    assert_no_litter();
}

static void an_ort_artifact_runs_and_says_what_it_is(void **state)
{
    (void)state;
    plim_error err;
    char path[1024];
    home h;
    plim_status s;
    plim_import_opts opts = plim_import_opts_default();
    const char *model = cm_model("ultraface_slim320_simplified.onnx");
    if (!library() || !model) {
        skip_because("no ONNX Runtime library or no model here");
    }
    opts.format = "ort";
    opts.name = "face-ort";

    assert_ok(import(model, &opts, path, &err));
    open_home(&h, path);
    double sum = run(&h, "boxes", &s, &err);

    assert_int_equal(s, PLIM_OK);
    assert_true(fabs(sum - 23231.6) < 2.4);
    assert_string_equal(plim_engine_card(h.file)->format, "ort");
    assert_int_equal(plim_engine_section_count(h.file), 1);
    memset(h.payload, 0, 4096);
    run(&h, "boxes", &s, &err);
    assert_int_equal(s, PLIM_E_RESIDENT);
    close_home(&h);
}

static void external_data_goes_straight_into_the_pack(void **state)
{
    (void)state;
    plim_error err;
    char model[1024], path[1024], other[1024];
    home h;
    plim_status s;
    plim_import_opts opts = plim_import_opts_default();
    if (!library()) {
        skip_because("no ONNX Runtime library here");
    }
    snprintf(model, sizeof(model), "%s/mlp.onnx", cm_tmp());
    assert_true(onnx_write_mlp(model, 3, 64, 1));
    opts.no_optimize = true;
    opts.name = "as-it-is";
    assert_ok(import(model, &opts, path, &err));
    opts.no_optimize = false;
    opts.name = "optimised";
    opts.lz4 = true;
    assert_ok(import(model, &opts, other, &err));

    open_home(&h, path);
    assert_int_equal(plim_engine_find_section(h.file, "weights")->size_bytes,
                     3 * (64 * 64 + 64) * 4);
    double as_it_is = run(&h, "y", &s, &err);
    assert_int_equal(s, PLIM_OK);
    close_home(&h);
    open_home(&h, other);
    double optimised = run(&h, "y", &s, &err);
    assert_int_equal(s, PLIM_OK);
    close_home(&h);

    assert_true(as_it_is > 0);
    assert_true(fabs(as_it_is - optimised) <= 1e-4 * as_it_is);
    assert_no_litter();
}

static void the_source_digest_covers_external_data(void **state)
{
    (void)state;
    plim_error err;
    char model[1024], data[1100];
    uint8_t first[PLIM_DIGEST_BYTES], same[PLIM_DIGEST_BYTES], other[PLIM_DIGEST_BYTES];
    snprintf(model, sizeof(model), "%s/digest.onnx", cm_tmp());
    assert_true(onnx_write_mlp(model, 2, 64, 1));
    assert_ok(plim_import_digest(model, first, &err));
    assert_ok(plim_import_digest(model, same, &err));
    assert_memory_equal(first, same, sizeof(first));

    snprintf(data, sizeof(data), "%s.data", model);
    FILE *f = fopen(data, "r+b"); /* one bit of one weight; the .onnx stays as it is */
    assert_non_null(f);
    assert_int_equal(fseek(f, 1000, SEEK_SET), 0);
    int c = fgetc(f);
    assert_int_equal(fseek(f, 1000, SEEK_SET), 0);
    fputc(c ^ 1, f);
    fclose(f);
    assert_ok(plim_import_digest(model, other, &err));
    assert_memory_not_equal(first, other, sizeof(first));

    assert_int_equal(truncate(data, 1000), 0);
    assert_status(plim_import_digest(model, other, &err), PLIM_E_FORMAT);
    assert_int_equal(unlink(data), 0);
    assert_status(plim_import_digest(model, other, &err), PLIM_E_NOT_FOUND);
    assert_non_null(strstr(err.detail, data));
}

static void models_that_name_files_elsewhere_are_refused(void **state)
{
    (void)state;
    plim_error err;
    char model[1024], path[1024];
    plim_import_opts opts = plim_import_opts_default();
    const char *const places[] = {"/etc/passwd", "../secret", "a/../../b"};
    if (!library()) {
        skip_because("no ONNX Runtime library here");
    }
    opts.no_optimize = true;
    for (size_t i = 0; i < 3; i++) {
        onnx_text graph = {0}, whole = {0};
        onnx_constant(&graph, "w", 0, 64, places[i], 0);
        onnx_number(&whole, 1, 8);
        onnx_close(&whole, 7, &graph);
        snprintf(model, sizeof(model), "%s/bad.onnx", cm_tmp());
        FILE *f = fopen(model, "wb");
        assert_int_equal(fwrite(whole.data, 1, whole.size, f), whole.size);
        fclose(f);
        free(whole.data);

        assert_status(import(model, &opts, path, &err), PLIM_E_FORMAT);
        assert_no_litter();
    }
}

static void open_dimensions_must_be_given(void **state)
{
    (void)state;
    plim_error err;
    char path[1024];
    plim_import_opts opts = plim_import_opts_default();
    const char *model = cm_model("silero_vad_16k_op15.onnx");
    const char *const wrong[][2] = {{"nothing:1x2", NULL},  {"input:1xbig", NULL},
                                    {"input:1x9..3", NULL}, {"input:1x576x1", NULL},
                                    {"input", NULL},        {"input:1x576", "state:3x1x128"}};
    const plim_status status[] = {PLIM_E_NOT_FOUND, PLIM_E_ARG, PLIM_E_ARG,
                                  PLIM_E_ARG,       PLIM_E_ARG, PLIM_E_SHAPE};
    if (!library() || !model) {
        skip_because("no ONNX Runtime library or no model here");
    }
    assert_status(import(model, &opts, path, &err), PLIM_E_SHAPE);
    assert_string_equal(err.field, "input dim 1");
    opts.shapes = wrong[0];
    for (size_t i = 0; i < 6; i++) {
        opts.shapes = wrong[i];
        opts.shape_count = wrong[i][1] ? 2 : 1;
        assert_status(import(model, &opts, path, &err), status[i]);
        assert_no_litter();
    }
}

static void ranges_reach_the_card_with_the_outputs_they_give(void **state)
{
    (void)state;
    plim_error err;
    char path[1024];
    home h;
    plim_import_opts opts = plim_import_opts_default();
    const char *model = cm_model("ppocr_v4_det.onnx");
    const char *const shapes[] = {"x:1x3x32..64..96x32..64..96"};
    if (!library() || !model) {
        skip_because("no ONNX Runtime library or no model here");
    }
    opts.shapes = shapes;
    opts.shape_count = 1;

    assert_ok(import(model, &opts, path, &err));
    open_home(&h, path);

    const plim_card *card = plim_engine_card(h.file);
    const plim_card_range *in = &card->tensors[0].profiles[0], *out = &card->tensors[1].profiles[0];
    assert_int_equal(in->min[2], 32);
    assert_int_equal(in->opt[3], 64);
    assert_int_equal(in->max[3], 96);
    assert_int_equal(out->min[2], 32);
    assert_int_equal(out->opt[2], 64);
    assert_int_equal(out->max[3], 96);
    close_home(&h);
}

static void a_missing_model_is_not_found(void **state)
{
    (void)state;
    plim_error err;
    char path[1024];
    plim_import_opts opts = plim_import_opts_default();

    assert_status(import("/nowhere/model.onnx", &opts, path, &err), PLIM_E_NOT_FOUND);

    assert_non_null(strstr(err.detail, "/nowhere/model.onnx"));
}

/* A process in the middle of an import: its parts are made and not yet packed. */
static pid_t start_import(const char *model)
{
    int done[2];
    char byte;
    assert_int_equal(pipe(done), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static plim_ort_parts parts;
        plim_import_opts opts = plim_import_opts_default();
        opts.library = library();
        bool is_made = plim_ort_parts_make(model, cm_tmp(), &opts, &parts, NULL) == PLIM_OK;
        (void)!write(done[1], is_made ? "y" : "n", 1);
        for (;;) {
            pause();
        }
    }
    close(done[1]);
    assert_int_equal(read(done[0], &byte, 1), 1);
    close(done[0]);
    assert_int_equal(byte, 'y');
    return child;
}

static void an_import_removes_what_a_killed_one_left_and_nothing_of_a_live_one(void **state)
{
    plim_error err;
    char path[1024];
    int status;
    plim_import_opts opts = plim_import_opts_default();
    const char *model = cm_model("ultraface_slim320_simplified.onnx");
    (void)state;
    if (!library() || !model) {
        skip_because("no ONNX Runtime library or no model here");
    }
    assert_no_litter(); /* also makes cm_tmp() ours and not the child's */
    pid_t child = start_import(model);

    assert_ok(import(model, &opts, path, &err));
    assert_int_equal(litter_count(), 1); /* it lives */
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(litter_count(), 1);
    assert_ok(import(model, &opts, path, &err));

    assert_no_litter();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first: it forks, and the library must not have threads then */
        cmocka_unit_test(an_import_removes_what_a_killed_one_left_and_nothing_of_a_live_one),
        cmocka_unit_test(a_real_model_becomes_a_container_that_runs),
        cmocka_unit_test(an_ort_artifact_runs_and_says_what_it_is),
        cmocka_unit_test(external_data_goes_straight_into_the_pack),
        cmocka_unit_test(the_source_digest_covers_external_data),
        cmocka_unit_test(models_that_name_files_elsewhere_are_refused),
        cmocka_unit_test(open_dimensions_must_be_given),
        cmocka_unit_test(ranges_reach_the_card_with_the_outputs_they_give),
        cmocka_unit_test(a_missing_model_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
